//! `name=value` words of the command line.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::Outcome;

/// The words behind the command.
pub(crate) struct Arguments(HashMap<String, String>);

impl Arguments {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Outcome<Self> {
        words
            .map(|word| {
                word.split_once('=')
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .ok_or_else(|| format!("{word:?} is no name=value"))
            })
            .collect::<Outcome<_>>()
            .map(Self)
    }

    /// A value that has to be given.
    pub(crate) fn needed<T: FromStr>(&self, name: &str) -> Outcome<T> {
        let text = self
            .0
            .get(name)
            .ok_or_else(|| format!("{name}=... is missing"))?;
        text.parse()
            .map_err(|_| format!("{name}={text} cannot be understood"))
    }

    /// A value that has a default.
    pub(crate) fn or<T: FromStr>(&self, name: &str, default: T) -> Outcome<T> {
        if self.0.contains_key(name) {
            self.needed(name)
        } else {
            Ok(default)
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A time in seconds, with fractions.
    pub(crate) fn seconds(&self, name: &str, default: f64) -> Outcome<Duration> {
        Duration::try_from_secs_f64(self.or(name, default)?)
            .map_err(|error| format!("{name}: {error}"))
    }

    /// The addresses to send to: `to`, and from there on `destinations` in all.  Every 256th octet
    /// of an IPv4 address is another network of 24 bits: 10.20.0.2, 10.20.1.2, 10.20.2.2, ...
    pub(crate) fn destinations(&self) -> Outcome<Vec<SocketAddr>> {
        let first: SocketAddr = self.needed("to")?;
        let count: u32 = self.or("destinations", 1)?;
        match first {
            SocketAddr::V4(first) => Ok((0..count.max(1))
                .map(|index| {
                    let address = u32::from(*first.ip()).wrapping_add(index << 8);
                    SocketAddr::new(std::net::Ipv4Addr::from(address).into(), first.port())
                })
                .collect()),
            SocketAddr::V6(_) if count > 1 => Err("destinations are counted up in IPv4".into()),
            SocketAddr::V6(_) => Ok(vec![first]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Outcome<Arguments> {
        Arguments::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn destinations_count_up_by_networks() {
        let given = arguments(&["to=10.20.255.2:7", "destinations=3"]).unwrap();
        let texts: Vec<String> = given
            .destinations()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, ["10.20.255.2:7", "10.21.0.2:7", "10.21.1.2:7"]);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        assert!(arguments(&["seconds"]).is_err());
        let given = arguments(&["rate=fast"]).unwrap();
        assert_eq!(
            given.needed::<u32>("rate").unwrap_err(),
            "rate=fast cannot be understood"
        );
        assert_eq!(given.needed::<u32>("to").unwrap_err(), "to=... is missing");
        assert_eq!(given.or("streams", 4), Ok(4));
    }
}

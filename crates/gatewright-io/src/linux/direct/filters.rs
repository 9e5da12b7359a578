//! Whether anybody else filters, marks or translates what this machine sends.
//!
//! Frames that are handed to an interface pass by the netfilter hooks `output` and `postrouting`.
//! That is unseen by a machine whose administrator has nothing there.

use std::fs;
use std::io;

use super::message::{attribute, messages, number, Request, DONE, DUMP, ERROR};
use crate::sys::Netlink;

const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFT_MSG_NEWCHAIN: u16 = NFNL_SUBSYS_NFTABLES << 8 | 3;
const NFT_MSG_GETCHAIN: u16 = NFNL_SUBSYS_NFTABLES << 8 | 4;
/// Octets of `nfgenmsg`: family, version, resource.
const GENERIC_LEN: usize = 4;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFPROTO_INET: u8 = 1;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const NF_INET_LOCAL_OUT: u32 = 3;
const NF_INET_POST_ROUTING: u32 = 4;

/// Lists of the tables of the older iptables, which has its own hooks.
const LEGACY: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

/// What of others stands in the way of a packet from this machine, by name; None when nothing.
/// `own` is the nftables table that does not count.
///
/// Fails when the kernel does not say.
pub(super) fn in_the_way(netlink: &Netlink, own: &str, ipv4: bool) -> io::Result<Option<String>> {
    if let Some(legacy) = legacy(LEGACY[usize::from(!ipv4)])? {
        return Ok(Some(legacy));
    }
    let request = Request::new(NFT_MSG_GETCHAIN, DUMP, &[0; GENERIC_LEN]).finish();
    netlink.drain();
    netlink.send(&request)?;
    let mut buffer = vec![0; 1 << 16];
    let mut found = None;
    // The dump is read to its end in any case, so that the next one begins with its own answer.
    loop {
        let answer = match netlink.receive(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            answer => answer?,
        };
        for (kind, body) in messages(answer) {
            match kind {
                DONE => return Ok(found),
                ERROR => return without_nftables(body),
                NFT_MSG_NEWCHAIN => found = found.or_else(|| foreign(body, own, ipv4)),
                _ => {}
            }
        }
    }
}

/// A kernel without nftables says that it knows no such request.
fn without_nftables(body: &[u8]) -> io::Result<Option<String>> {
    let error = number(body).map_or(0, |error| i32::from_ne_bytes(error.to_ne_bytes()));
    match error.wrapping_neg() {
        libc::EINVAL | libc::EOPNOTSUPP => Ok(None),
        other => Err(io::Error::from_raw_os_error(other)),
    }
}

/// The name of a chain that is not ours and sees what this machine sends.
fn foreign(body: &[u8], own: &str, ipv4: bool) -> Option<String> {
    let family = *body.first()?;
    let of_family = if ipv4 { NFPROTO_IPV4 } else { NFPROTO_IPV6 };
    if family != NFPROTO_INET && family != of_family {
        return None;
    }
    let hook = attribute(body, GENERIC_LEN, NFTA_CHAIN_HOOK)?;
    let hook = attribute(hook, 0, NFTA_HOOK_HOOKNUM)?;
    let hook = u32::from_be_bytes(*hook.first_chunk()?);
    if hook != NF_INET_LOCAL_OUT && hook != NF_INET_POST_ROUTING {
        return None;
    }
    let table = text(attribute(body, GENERIC_LEN, NFTA_CHAIN_TABLE));
    if table == own {
        return None;
    }
    let chain = text(attribute(body, GENERIC_LEN, NFTA_CHAIN_NAME));
    Some(format!("nftables chain {table} {chain}"))
}

fn text(value: Option<&[u8]>) -> String {
    let value = value.unwrap_or(&[]);
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

/// The first table of the older iptables.  Its file is there only where the kernel has it.
fn legacy(path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(names) => Ok(names
            .lines()
            .next()
            .map(|table| format!("iptables table {table}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(family: u8, table: &str, hook: Option<u32>) -> Vec<u8> {
        let mut request = Request::new(NFT_MSG_NEWCHAIN, 0, &[family, 0, 0, 0])
            .with(NFTA_CHAIN_TABLE, format!("{table}\0").as_bytes())
            .with(NFTA_CHAIN_NAME, b"mine\0");
        if let Some(hook) = hook {
            let nested = Request::new(0, 0, &[]).with(NFTA_HOOK_HOOKNUM, &hook.to_be_bytes());
            request = request.with(NFTA_CHAIN_HOOK | 0x8000, &nested.finish()[16..]);
        }
        request.finish()[16..].to_vec()
    }

    #[test]
    fn chains_of_others_that_see_what_is_sent_are_named() {
        let named = Some("nftables chain filter mine".to_owned());
        for (family, hook, ipv4, expected) in [
            (NFPROTO_INET, Some(3), true, named.clone()),
            (NFPROTO_INET, Some(4), false, named.clone()),
            (NFPROTO_IPV4, Some(4), true, named.clone()),
            (NFPROTO_IPV6, Some(4), false, named),
            (NFPROTO_IPV4, Some(4), false, None),
            (NFPROTO_IPV6, Some(3), true, None),
            (NFPROTO_INET, Some(1), true, None),
            (NFPROTO_INET, None, true, None),
            (5, Some(3), true, None),
        ] {
            let body = chain(family, "filter", hook);
            assert_eq!(foreign(&body, "gatewright", ipv4), expected);
        }
    }

    #[test]
    fn our_own_table_does_not_count() {
        let body = chain(NFPROTO_INET, "gatewright", Some(4));
        assert_eq!(foreign(&body, "gatewright", true), None);
        let body = chain(NFPROTO_INET, "gatewright2", Some(4));
        assert!(foreign(&body, "gatewright", true).is_some());
    }

    #[test]
    fn a_kernel_without_nftables_has_no_chains() {
        let error = |number: i32| without_nftables(&number.to_ne_bytes());
        assert!(matches!(error(-libc::EINVAL), Ok(None)));
        assert!(error(-libc::EPERM).is_err());
    }
}

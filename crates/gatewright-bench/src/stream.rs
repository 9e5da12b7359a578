//! TCP streams: as many octets as go, counted where they arrive.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::arguments::Arguments;
use crate::serve::STREAM;
use crate::Outcome;

/// Octets of one write and one read, as iperf3 has them.
const BLOCK: usize = 128 << 10;

/// Longer than any stall that is no failure: of a thousand streams on a busy machine one may have
/// to wait until the others have drained.
const TIMEOUT: Duration = Duration::from_secs(60);

/// From when to when octets that arrive are measured; by the clock of the system, which both ends
/// have in common.
///
/// One window for all streams: neither does it begin later for one that was starved, nor last
/// until the slowest has drained, when the others are long at their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: SystemTime,
    to: SystemTime,
}

impl Window {
    const LEN: usize = 16;

    fn behind(warm: Duration, seconds: Duration) -> Self {
        let from = SystemTime::now() + warm;
        Self {
            from,
            to: from + seconds,
        }
    }

    fn contains(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.to
    }

    /// Nanoseconds since 1970 of both.
    fn to_octets(self) -> [u8; Self::LEN] {
        let [from, to] = [self.from, self.to].map(|time| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        (u128::from(from) << 64 | u128::from(to)).to_be_bytes()
    }

    fn from_octets(octets: [u8; Self::LEN]) -> Self {
        let both = u128::from_be_bytes(octets);
        let [from, to] = [(both >> 64) as u64, both as u64]
            .map(|nanoseconds| UNIX_EPOCH + Duration::from_nanos(nanoseconds));
        Self { from, to }
    }
}

/// What arrived: all of it, and the part within the window.
struct Counted {
    octets: u64,
    measured: u64,
}

/// Sends, and prints what arrived.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let destinations = arguments.destinations()?;
    let streams: usize = arguments.or("streams", 1)?;
    let seconds = arguments.seconds("seconds", 2.0)?;
    let warm = arguments.seconds("warm", 0.2)?;
    // One after the other: a thousand at once would overflow the far end's queue of connections.
    let connections = (0..streams)
        .map(|index| connect(destinations[index % destinations.len()]))
        .collect::<Outcome<Vec<_>>>()?;
    let (barrier, window) = (Barrier::new(streams), OnceLock::new());
    let shared = Arc::new((barrier, window));
    let threads: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (barrier, window) = &*shared;
                barrier.wait();
                let window = *window.get_or_init(|| Window::behind(warm, seconds));
                send(connection, window)
            })
        })
        .collect();
    let counted = threads
        .into_iter()
        .map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread died".into()))
        })
        .collect::<Outcome<Vec<Counted>>>()?;
    let octets: u64 = counted.iter().map(|each| each.octets).sum();
    let measured: u64 = counted.iter().map(|each| each.measured).sum();
    if measured == 0 {
        return Err("nothing arrived after the warm-up".into());
    }
    let rate = measured as f64 / seconds.as_secs_f64();
    println!("{{\"octets\": {octets}, \"octets_per_second\": {rate:.0}}}");
    Ok(())
}

/// A connection that the far end has taken up.
fn connect(to: SocketAddr) -> Outcome<TcpStream> {
    let told = |error: std::io::Error| format!("{to}: {error}");
    let mut connection = TcpStream::connect_timeout(&to, TIMEOUT).map_err(told)?;
    connection.set_write_timeout(Some(TIMEOUT)).map_err(told)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(told)?;
    connection.write_all(&[STREAM]).map_err(told)?;
    connection.read_exact(&mut [0]).map_err(told)?;
    Ok(connection)
}

fn send(mut connection: TcpStream, window: Window) -> Outcome<Counted> {
    let told = |error: std::io::Error| format!("a stream: {error}");
    let block = vec![0x5a; BLOCK];
    connection.write_all(&window.to_octets()).map_err(told)?;
    while SystemTime::now() < window.to {
        connection.write_all(&block).map_err(told)?;
    }
    connection.shutdown(Shutdown::Write).map_err(told)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).map_err(told)?;
    parse(&answer).ok_or_else(|| format!("the far end answered {answer:?}"))
}

fn parse(answer: &str) -> Option<Counted> {
    let mut words = answer.split_whitespace();
    Some(Counted {
        octets: words.next()?.parse().ok()?,
        measured: words.next()?.parse().ok()?,
    })
}

/// The far end of one stream: counts to its end and answers.
pub(crate) fn count(mut connection: TcpStream) -> Outcome<()> {
    let told = |error: std::io::Error| format!("a stream: {error}");
    connection.write_all(&[STREAM]).map_err(told)?;
    let mut window = [0; Window::LEN];
    connection.read_exact(&mut window).map_err(told)?;
    let window = Window::from_octets(window);
    let mut block = vec![0; BLOCK];
    let (mut octets, mut measured) = (0u64, 0u64);
    loop {
        let read = connection.read(&mut block).map_err(told)? as u64;
        if read == 0 {
            break;
        }
        octets += read;
        if window.contains(SystemTime::now()) {
            measured += read;
        }
    }
    connection
        .write_all(format!("{octets} {measured}\n").as_bytes())
        .map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_two_numbers() {
        let counted = parse("10 5\n").unwrap();
        assert_eq!((counted.octets, counted.measured), (10, 5));
        assert!(parse("10").is_none());
        assert!(parse("10 soon").is_none());
    }

    #[test]
    fn a_window_reaches_the_far_end_as_it_is() {
        let window = Window::behind(Duration::from_millis(200), Duration::from_secs(2));
        let second = Duration::from_secs(1);
        assert_eq!(Window::from_octets(window.to_octets()), window);
        assert!(window.contains(window.from) && window.contains(window.from + second));
        assert!(!window.contains(window.to) && !window.contains(window.from - second));
    }

    #[test]
    fn any_window_that_is_sent_is_read() {
        let most = Window::from_octets([0xff; Window::LEN]);
        assert_eq!(most.to_octets(), [0xff; Window::LEN]);
    }
}

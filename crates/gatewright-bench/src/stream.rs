//! TCP streams: as many octets as go, counted where they arrive.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::serve::STREAM;
use crate::Outcome;

/// Octets of one write and one read, as iperf3 has them.
const BLOCK: usize = 128 << 10;

/// Longer than any stall that is no failure: of a thousand streams on a busy machine one may have
/// to wait until the others have drained.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What arrived: all of it, and the part behind the warm-up with its time.
struct Counted {
    octets: u64,
    measured: u64,
    seconds: f64,
}

/// Sends, and prints what arrived.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let destinations = arguments.destinations()?;
    let streams: usize = arguments.or("streams", 1)?;
    let seconds = arguments.seconds("seconds", 2.0)?;
    let warm = arguments.seconds("warm", 0.2)?;
    // One after the other: a thousand at once would overflow the far end's queue of connections.
    let connections = (0..streams)
        .map(|index| connect(destinations[index % destinations.len()], warm))
        .collect::<Outcome<Vec<_>>>()?;
    let barrier = Arc::new(Barrier::new(streams));
    let threads: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                barrier.wait();
                send(connection, warm + seconds)
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
    // Not the sum of each stream's rate: one that was starved has counted for an instant only.
    let measured: u64 = counted.iter().map(|each| each.measured).sum();
    let longest = counted.iter().map(|each| each.seconds).fold(0.0, f64::max);
    if longest == 0.0 {
        return Err("nothing arrived after the warm-up".into());
    }
    let rate = measured as f64 / longest;
    println!("{{\"octets\": {octets}, \"octets_per_second\": {rate:.0}}}");
    Ok(())
}

/// A connection that the far end has taken up.
fn connect(to: SocketAddr, warm: Duration) -> Outcome<TcpStream> {
    let told = |error: std::io::Error| format!("{to}: {error}");
    let mut connection = TcpStream::connect_timeout(&to, TIMEOUT).map_err(told)?;
    connection.set_write_timeout(Some(TIMEOUT)).map_err(told)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(told)?;
    connection.write_all(&[STREAM]).map_err(told)?;
    let nanoseconds = u64::try_from(warm.as_nanos()).unwrap_or(u64::MAX);
    connection
        .write_all(&nanoseconds.to_be_bytes())
        .map_err(told)?;
    connection.read_exact(&mut [0]).map_err(told)?;
    Ok(connection)
}

fn send(mut connection: TcpStream, seconds: Duration) -> Outcome<Counted> {
    let told = |error: std::io::Error| format!("a stream: {error}");
    let block = vec![0x5a; BLOCK];
    let end = Instant::now() + seconds;
    while Instant::now() < end {
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
        seconds: words.next()?.parse().ok()?,
    })
}

/// The far end of one stream: counts to its end and answers.
pub(crate) fn count(mut connection: TcpStream) -> Outcome<()> {
    let told = |error: std::io::Error| format!("a stream: {error}");
    let mut warm = [0; 8];
    connection.read_exact(&mut warm).map_err(told)?;
    let warm = Duration::from_nanos(u64::from_be_bytes(warm));
    connection.write_all(&[STREAM]).map_err(told)?;
    let mut block = vec![0; BLOCK];
    let (mut octets, mut before) = (0u64, 0u64);
    let (mut begin, mut counting_since, mut last) = (None, None, Instant::now());
    loop {
        let read = connection.read(&mut block).map_err(told)?;
        if read == 0 {
            break;
        }
        octets += read as u64;
        last = Instant::now();
        let begin = *begin.get_or_insert(last);
        if counting_since.is_none() && last - begin >= warm {
            (counting_since, before) = (Some(last), octets);
        }
    }
    let since = counting_since.unwrap_or(last);
    let answer = format!(
        "{octets} {} {:.6}\n",
        octets - before,
        (last - since).as_secs_f64()
    );
    connection.write_all(answer.as_bytes()).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_three_numbers() {
        let counted = parse("10 5 0.5\n").unwrap();
        assert_eq!((counted.octets, counted.measured), (10, 5));
        assert!(parse("10 5").is_none());
        assert!(parse("10 5 soon").is_none());
    }
}

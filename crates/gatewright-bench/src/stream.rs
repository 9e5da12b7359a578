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
    let barrier = Arc::new(Barrier::new(streams));
    let threads: Vec<_> = (0..streams)
        .map(|index| {
            let (to, barrier) = (destinations[index % destinations.len()], barrier.clone());
            thread::spawn(move || send(to, warm, seconds, &barrier))
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
    let rate: f64 = counted
        .iter()
        .map(|each| each.measured as f64 / each.seconds)
        .sum();
    println!("{{\"octets\": {octets}, \"octets_per_second\": {rate:.0}}}");
    Ok(())
}

fn send(to: SocketAddr, warm: Duration, seconds: Duration, barrier: &Barrier) -> Outcome<Counted> {
    let connected = TcpStream::connect_timeout(&to, Duration::from_secs(5))
        .map_err(|error| format!("{to}: {error}"));
    // Whoever has no connection must not keep the others waiting.
    barrier.wait();
    let mut connection = connected?;
    let told = |error: std::io::Error| format!("{to}: {error}");
    connection
        .set_write_timeout(Some(Duration::from_secs(10)))
        .map_err(told)?;
    connection.write_all(&[STREAM]).map_err(told)?;
    let nanoseconds = u64::try_from(warm.as_nanos()).unwrap_or(u64::MAX);
    connection
        .write_all(&nanoseconds.to_be_bytes())
        .map_err(told)?;
    let block = vec![0x5a; BLOCK];
    let end = Instant::now() + warm + seconds;
    while Instant::now() < end {
        connection.write_all(&block).map_err(told)?;
    }
    connection.shutdown(Shutdown::Write).map_err(told)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).map_err(told)?;
    parse(&answer).ok_or_else(|| format!("{to}: answered {answer:?}"))
}

fn parse(answer: &str) -> Option<Counted> {
    let mut words = answer.split_whitespace();
    let counted = Counted {
        octets: words.next()?.parse().ok()?,
        measured: words.next()?.parse().ok()?,
        seconds: words.next()?.parse().ok()?,
    };
    (counted.seconds > 0.0).then_some(counted)
}

/// The far end of one stream: counts to its end and answers.
pub(crate) fn count(mut connection: TcpStream) -> Outcome<()> {
    let told = |error: std::io::Error| format!("a stream: {error}");
    let mut warm = [0; 8];
    connection.read_exact(&mut warm).map_err(told)?;
    let warm = Duration::from_nanos(u64::from_be_bytes(warm));
    let mut block = vec![0; BLOCK];
    let (mut octets, mut before) = (0u64, 0u64);
    let begin = Instant::now();
    let (mut counting_since, mut last) = (None, begin);
    loop {
        let read = connection.read(&mut block).map_err(told)?;
        if read == 0 {
            break;
        }
        octets += read as u64;
        last = Instant::now();
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
    fn an_answer_without_time_is_none() {
        assert!(parse("10 5 0.5").is_some());
        assert!(parse("10 0 0.000000").is_none());
        assert!(parse("10 5").is_none());
    }
}

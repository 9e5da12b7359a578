//! Small UDP packets: sent in batches at a given rate, each numbered within its flow; counted
//! where they arrive, with those that a later one overtook.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use gatewright_io::{open_udp, Offloads, Outgoing, Poller, ReceiveBatch, Socket, SocketOptions};

use crate::arguments::Arguments;
use crate::serve::PACKETS;
use crate::Outcome;

/// Datagrams of one system call.
const BATCH: usize = 32;
/// Flow (4 octets), number within it (8).
const HEADER: usize = 12;
/// After a pause the sender makes up for at most so much, lest one burst fills every queue.
const MOST_DEBT: Duration = Duration::from_millis(4);
/// The receiver takes no more when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(150);
const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);

/// No segmentation or merging by the socket: every packet goes the whole way by itself.
const PLAIN: SocketOptions = SocketOptions {
    mark: 0,
    buffer: 32 << 20,
    offloads: Offloads::NONE,
};

/// Sends, and prints what was sent and what arrived.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let destinations = arguments.destinations()?;
    let size = arguments.or("size", 64usize)?.max(HEADER);
    let rate: f64 = arguments.or("rate", f64::INFINITY)?;
    let seconds = arguments.seconds("seconds", 1.0)?;
    let mut control = Control::connect(destinations[0])?;
    let any = if destinations[0].is_ipv4() {
        IpAddr::from(Ipv4Addr::UNSPECIFIED)
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = open_udp(SocketAddr::new(any, 0), &PLAIN).map_err(|error| error.to_string())?;
    let mut flood = Flood::new(&destinations, size);
    let begin = Instant::now();
    let sent = pace(rate, seconds, || flood.send(&socket));
    let took = begin.elapsed().as_secs_f64();
    let counted = control.ask("done")?;
    println!("{{\"sent\": {sent}, \"seconds\": {took:.4}, {counted}}}");
    Ok(())
}

/// Calls `send` so often that the packets it says it sent come to `rate` a second.
fn pace(rate: f64, seconds: Duration, mut send: impl FnMut() -> u64) -> u64 {
    let begin = Instant::now();
    let (mut due, mut sent) = (begin, 0);
    loop {
        let now = Instant::now();
        if now - begin >= seconds {
            return sent;
        }
        due = due.max(now.checked_sub(MOST_DEBT).unwrap_or(now));
        if due > now {
            std::thread::sleep(due - now);
            continue;
        }
        let count = send();
        sent += count;
        due += Duration::from_secs_f64(count as f64 / rate);
    }
}

/// The packets of all flows, in turn.
struct Flood {
    arena: Vec<u8>,
    messages: Vec<Outgoing>,
    destinations: Vec<SocketAddr>,
    next: u64,
    size: usize,
}

impl Flood {
    fn new(destinations: &[SocketAddr], size: usize) -> Self {
        Self {
            arena: vec![0; BATCH * size],
            messages: Vec::with_capacity(BATCH),
            destinations: destinations.to_vec(),
            next: 0,
            size,
        }
    }

    /// One batch; how many the system took.
    fn send(&mut self, socket: &impl Socket) -> u64 {
        let flows = self.destinations.len() as u64;
        self.messages.clear();
        for index in 0..BATCH {
            let (flow, number) = (self.next % flows, self.next / flows);
            self.next += 1;
            let start = index * self.size;
            let packet = &mut self.arena[start..start + HEADER];
            packet[..4].copy_from_slice(&(flow as u32).to_be_bytes());
            packet[4..].copy_from_slice(&number.to_be_bytes());
            self.messages.push(Outgoing {
                start,
                len: self.size,
                segment: 0,
                to: self.destinations[flow as usize],
                tos: 0,
                fragment: false,
            });
        }
        socket.send(&self.arena, &self.messages).datagrams
    }
}

/// The connection beside the packets, on which both ends agree.
struct Control {
    reader: BufReader<TcpStream>,
}

impl Control {
    /// Have the far end open its UDP socket.
    fn connect(to: SocketAddr) -> Outcome<Self> {
        let told = |error: std::io::Error| format!("{to}: {error}");
        let connection = TcpStream::connect_timeout(&to, Duration::from_secs(5)).map_err(told)?;
        connection
            .set_read_timeout(Some(CONTROL_TIMEOUT))
            .map_err(told)?;
        let mut control = Self {
            reader: BufReader::new(connection),
        };
        control.write(&[PACKETS])?;
        match control.read()?.as_str() {
            "ready" => Ok(control),
            other => Err(format!("{to}: {other}")),
        }
    }

    fn ask(&mut self, what: &str) -> Outcome<String> {
        self.write(format!("{what}\n").as_bytes())?;
        self.read()
    }

    fn write(&mut self, octets: &[u8]) -> Outcome<()> {
        self.reader
            .get_mut()
            .write_all(octets)
            .map_err(|error| format!("the control connection: {error}"))
    }

    fn read(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.reader
            .read_line(&mut line)
            .map_err(|error| format!("the control connection: {error}"))?;
        Ok(line.trim_end().to_owned())
    }
}

/// What arrived.  `overtaken`: packets that came behind a later one of their flow.
#[derive(Default)]
struct Tally {
    received: u64,
    overtaken: u64,
    /// When the first batch came, and the last one.
    span: Option<(Instant, Instant)>,
    /// The number to come next, by flow.
    next: Vec<u64>,
}

impl Tally {
    /// Members of a JSON object.
    fn as_json(&self) -> String {
        let took = self
            .span
            .map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        format!(
            "\"received\": {}, \"overtaken\": {}, \"receiving_seconds\": {took:.6}",
            self.received, self.overtaken
        )
    }

    fn add_batch(&mut self, batch: &ReceiveBatch) {
        let now = Instant::now();
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
        (0..batch.len()).for_each(|index| self.add(batch.octets(index)));
    }

    fn add(&mut self, packet: &[u8]) {
        let Some((flow, rest)) = packet.split_first_chunk::<4>() else {
            return;
        };
        let Some(number) = rest.first_chunk::<8>() else {
            return;
        };
        let (flow, number) = (u32::from_be_bytes(*flow), u64::from_be_bytes(*number));
        let flow = (flow & 0xffff) as usize;
        if self.next.len() <= flow {
            self.next.resize(flow + 1, 0);
        }
        self.received += 1;
        if number < self.next[flow] {
            self.overtaken += 1;
        } else {
            self.next[flow] = number + 1;
        }
    }
}

/// The far end: counts UDP packets until the connection says that all were sent.
pub(crate) fn count(connection: TcpStream, port: u16) -> Outcome<()> {
    let mut control = Control {
        reader: BufReader::new(connection),
    };
    let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    let socket = match open_udp(any, &PLAIN) {
        Ok(socket) => socket,
        Err(error) => return control.write(format!("UDP port {port}: {error}\n").as_bytes()),
    };
    control.write(b"ready\n")?;
    let tally = receive(&socket, &mut control)?;
    control.write(format!("{}\n", tally.as_json()).as_bytes())
}

/// Receives until the other end says that all were sent, and nothing comes any more.
fn receive(socket: &impl Socket, control: &mut Control) -> Outcome<Tally> {
    const ON_CONTROL: u64 = 1;
    let told = |error: std::io::Error| error.to_string();
    let mut poller = Poller::new();
    if let Some(descriptor) = socket.descriptor() {
        poller.add(descriptor, 0);
    }
    poller.add(control.reader.get_ref().as_raw_fd(), ON_CONTROL);
    let mut tally = Tally::default();
    let mut batch = ReceiveBatch::new(BATCH);
    let mut ready = Vec::new();
    let mut all_sent = false;
    loop {
        poller.wait(&mut ready, Some(QUIET)).map_err(told)?;
        if all_sent && ready.is_empty() {
            return Ok(tally);
        }
        while socket.receive(&mut batch).is_ok() {
            tally.add_batch(&batch);
        }
        if ready.iter().any(|each| each.token == ON_CONTROL) {
            if control.read()?.is_empty() {
                return Err("the sender went away".into());
            }
            all_sent = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(flow: u32, number: u64) -> Vec<u8> {
        [&flow.to_be_bytes()[..], &number.to_be_bytes()[..]].concat()
    }

    #[test]
    fn only_packets_of_one_flow_overtake_each_other() {
        let mut tally = Tally::default();
        for (flow, number) in [(0, 0), (1, 5), (0, 1), (0, 3), (0, 2), (1, 6)] {
            tally.add(&packet(flow, number));
        }
        tally.add(b"short");
        assert_eq!((tally.received, tally.overtaken), (6, 1));
    }

    #[test]
    fn the_pace_is_kept_and_no_burst_makes_up_for_a_long_pause() {
        let mut calls = 0u64;
        let begin = Instant::now();
        let sent = pace(32_000.0, Duration::from_millis(100), || {
            if calls == 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            calls += 1;
            32
        });
        assert!(begin.elapsed() >= Duration::from_millis(100));
        assert_eq!(sent, calls * 32);
        // 50 ms are left for 50 calls, and the debt is four.
        assert!(calls <= 56, "{calls} calls");
    }
}

//! The cores as Linux tells of them in `/proc`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::cores::{Cores, ThreadTimes};
use crate::sys::{allow_cores, allowed_cores, current_core};

/// Times in `/proc/stat` are in these for every program (`USER_HZ`, proc(5)).
const TICK_MS: u64 = 10;

/// Where `/proc/net/softnet_stat` has what was received, and the core's number: the first and the
/// thirteenth of its hexadecimal columns (`softnet_seq_show`, net/core/net-procfs.c of Linux).
const RECEIVED: usize = 0;
const CORE: usize = 12;

/// The cores, for the thread that made it.
#[derive(Debug)]
pub struct LinuxCores {
    /// The thread's own `schedstat`.
    times: File,
}

impl LinuxCores {
    /// For the calling thread.  Fails where the kernel does not count how long threads wait.
    pub fn new() -> io::Result<Self> {
        let times = File::open("/proc/thread-self/schedstat")?;
        Ok(Self { times })
    }
}

impl Cores for LinuxCores {
    fn allowed(&self) -> io::Result<Vec<usize>> {
        allowed_cores()
    }

    fn allow(&mut self, cores: &[usize]) -> io::Result<()> {
        allow_cores(cores)
    }

    fn here(&self) -> io::Result<usize> {
        current_core()
    }

    fn times(&mut self) -> io::Result<ThreadTimes> {
        let mut line = [0; 96];
        let len = self.times.read_at(&mut line, 0)?;
        let text = std::str::from_utf8(&line[..len]).unwrap_or_default();
        parse_schedstat(text).ok_or_else(unreadable)
    }

    fn idle(&mut self) -> io::Result<BTreeMap<usize, Duration>> {
        Ok(parse_stat(&fs::read_to_string("/proc/stat")?))
    }

    fn arrivals(&mut self) -> io::Result<BTreeMap<usize, u32>> {
        let text = fs::read_to_string("/proc/net/softnet_stat")?;
        Ok(parse_softnet(&text))
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no times of a thread")
}

/// Nanoseconds on a core, nanoseconds of waiting, and how often (Documentation/scheduler/sched-stats
/// of Linux).
fn parse_schedstat(text: &str) -> Option<ThreadTimes> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(ThreadTimes {
        ran: Duration::from_nanos(next()?),
        waited: Duration::from_nanos(next()?),
    })
}

/// The lines `cpuN user nice system idle iowait ...` (proc(5)).
fn parse_stat(text: &str) -> BTreeMap<usize, Duration> {
    text.lines().filter_map(parse_core).collect()
}

fn parse_core(line: &str) -> Option<(usize, Duration)> {
    let mut fields = line.strip_prefix("cpu")?.split(' ');
    let core = fields.next()?.parse().ok()?;
    let mut behind = fields.skip(3).map(str::parse::<u64>);
    let mut next = || behind.next()?.ok();
    // Waiting for a disk is idling as well.
    let ticks = next()?.saturating_add(next()?);
    Some((core, Duration::from_millis(ticks.saturating_mul(TICK_MS))))
}

/// A line for each core that is in use.  Kernels before 5.10 do not say which one a line is of:
/// theirs are passed over.
fn parse_softnet(text: &str) -> BTreeMap<usize, u32> {
    text.lines().filter_map(parse_softnet_line).collect()
}

fn parse_softnet_line(line: &str) -> Option<(usize, u32)> {
    let column = |number| line.split_ascii_whitespace().nth(number);
    let core = usize::from_str_radix(column(CORE)?, 16).ok()?;
    Some((core, u32::from_str_radix(column(RECEIVED)?, 16).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_read() {
        let times = parse_schedstat("670451 1200 2\n").unwrap();
        assert_eq!(times.ran, Duration::from_nanos(670_451));
        assert_eq!(times.waited, Duration::from_nanos(1200));
        let stat = "cpu  10 0 20 300 4 0 5 6 0 0\ncpu0 1 2 3 150 2 0 2 3 0 0\n\
                    cpu11 1 2 3 7 0 0 2 3 0 0\nintr 99 0\n";
        let idle = [(0, 1520), (11, 70)].map(|(core, ms)| (core, Duration::from_millis(ms)));
        assert_eq!(parse_stat(stat), BTreeMap::from(idle));
    }

    #[test]
    fn what_was_received_is_read_by_core() {
        let line = |received: &str, core: &str| {
            format!(
                "{received} 00000000 00000012{} {core} 00000000\n",
                " 00000000".repeat(9)
            )
        };
        let text = line("0232967b", "00000000") + &line("ffffffff", "0000000b");
        let arrivals = BTreeMap::from([(0, 0x0232_967b), (11, u32::MAX)]);
        assert_eq!(parse_softnet(&text), arrivals);
        // An older kernel's, and what is no number.
        let old = format!("0232967b{}\n", " 00000000".repeat(10));
        for text in [
            old,
            line("x", "0"),
            line("1", "-1"),
            line("123456789", "0"),
            String::new(),
        ] {
            assert_eq!(parse_softnet(&text), BTreeMap::new(), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_panic() {
        for text in ["", "x", "1", "1 x", "-1 2 3"] {
            assert_eq!(parse_schedstat(text), None, "{text}");
        }
        assert_eq!(
            parse_stat("cpu\ncpux 1 2\ncpu3 1 2 3\ncpu4 1 2 3 x 5\n"),
            BTreeMap::new()
        );
        let huge = format!("cpu0 0 0 0 {} {}", u64::MAX, u64::MAX);
        let most = BTreeMap::from([(0, Duration::from_millis(u64::MAX))]);
        assert_eq!(parse_stat(&huge), most);
        // More than 32 bits of them.
        let years = BTreeMap::from([(0, Duration::from_secs(50_000_000))]);
        assert_eq!(parse_stat("cpu0 0 0 0 5000000000 0"), years);
    }

    #[test]
    fn this_thread_is_told_of_itself_and_can_be_held() {
        let mut cores = LinuxCores::new().unwrap();
        let allowed = cores.allowed().unwrap();
        assert!(allowed.contains(&cores.here().unwrap()));
        let idle = cores.idle().unwrap();
        assert!(allowed.iter().all(|core| idle.contains_key(core)));
        let arrivals = cores.arrivals().unwrap();
        assert!(allowed.iter().all(|core| arrivals.contains_key(core)));

        let last = *allowed.last().unwrap();
        cores.allow(&[last]).unwrap();
        assert_eq!(cores.here().unwrap(), last);
        assert_eq!(cores.allowed().unwrap(), [last]);
        cores.allow(&allowed).unwrap();
        assert_eq!(cores.allowed().unwrap(), allowed);
        assert!(cores.allow(&[1 << 20]).is_err());
        assert!(cores.times().unwrap().ran > Duration::ZERO);
    }
}

//! On which core a packet thread sits.
//!
//! The kernel's scheduler places a thread anew at each wake-up, thousands of times a second under
//! load: near the one who woke it, often behind that one, while another core has nothing to do.
//! So a thread that has much to do holds the core that it is on, and gives it up when it has not.
//! One that has to wait for its core, while another would be less busy with it, moves there.  Others
//! may have the same idea at the same time, so it looks again for a moment before it goes.
//!
//! A thread with little to do is put on a core that sleeps, and waking that one takes longer than
//! all that is done with the packet.  The core that the packet arrived on is awake: so a thread
//! with little to do, but that often, sits where packets arrive (`arrivals`).

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use gatewright_io::{Cores, LinuxCores, Standing, ThreadTimes};

mod arrivals;

use arrivals::{Arrivals, Place};

/// Turns of the worker before a thread that holds no core looks at its times.
const TURNS: u32 = 16;
/// The shortest times to judge by: on no core of its own, on one, and before moving.
const FREE_LOOK: Duration = Duration::from_millis(40);
const HELD_LOOK: Duration = Duration::from_millis(200);
const SECOND_LOOK: Duration = Duration::from_millis(80);

/// Shares of the time: from which a thread holds a core, below which it gives it up or has little
/// to do, how long it waits before it looks for another, and what has to be gained there.
const BUSY: f64 = 0.3;
const LITTLE: f64 = 0.2;
const AT_REST: f64 = 0.1;
const CROWDED: f64 = 0.1;
const GAIN: f64 = 0.03;
/// Turns a second from which a thread with little to do sits where packets arrive, and below which
/// it no longer does: with fewer all cores have gone to sleep in between.
const OFTEN: f64 = 300.0;
const SELDOM: f64 = 150.0;
/// The core that packets arrive on belongs to others when the thread waits for it so many times as
/// long as it runs: then it stays away from there for a while, as when there is no such core.
const SHUT_OUT: f64 = 4.0;
const AWAY: Duration = Duration::from_secs(10);

/// A packet thread's way with the cores.
pub(crate) struct Seat<C: Cores> {
    cores: C,
    /// Those that the thread may use when it holds none.
    allowed: Vec<usize>,
    hold: Hold,
    /// The core that it held last.
    home: Option<usize>,
    /// Until when it does not sit where packets arrive.
    away_until: Option<Instant>,
    turns: u32,
    before: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Free,
    /// With little to do, where packets arrive.
    Near(usize),
    On(usize),
    /// On the first, and about to go to the second.
    Leaving(usize, usize),
}

/// What the cores said at one time.
struct Look {
    at: Instant,
    times: ThreadTimes,
    /// Idle time by core; empty when it was not asked for.
    idle: BTreeMap<usize, Duration>,
    /// None when they were not asked for.
    arrivals: Option<Arrivals>,
}

/// What the thread did between two looks: shares of the time, and how often.
struct Shares {
    ran: f64,
    waited: f64,
    /// Turns a second.
    turns: f64,
}

/// Whether threads that are started now will hold cores.
pub(crate) fn standing(wanted: bool) -> Standing {
    if !wanted {
        return Standing::Off;
    }
    match Seat::here(Instant::now()) {
        Ok(Some(_)) => Standing::InUse,
        Ok(None) => Standing::Missing("there is one core only"),
        Err(error) => error.raw_os_error().map_or(
            Standing::Missing("the system does not tell of all cores"),
            Standing::Refused,
        ),
    }
}

impl Seat<LinuxCores> {
    /// For the calling thread; as [`Seat::new`].
    pub(crate) fn here(now: Instant) -> io::Result<Option<Self>> {
        Self::new(LinuxCores::new()?, now)
    }
}

impl<C: Cores> Seat<C> {
    /// None where there is one core only.  Fails where the system does not say enough to choose by.
    pub(crate) fn new(mut cores: C, now: Instant) -> io::Result<Option<Self>> {
        let allowed = cores.allowed()?;
        if allowed.len() < 2 {
            return Ok(None);
        }
        let idle = cores.idle()?;
        if !allowed.iter().all(|core| idle.contains_key(core)) {
            // Some containers number the cores anew in what they show of the system.
            return Err(io::ErrorKind::Unsupported.into());
        }
        let before = Look {
            at: now,
            times: cores.times()?,
            idle: BTreeMap::new(),
            arrivals: None,
        };
        Ok(Some(Self {
            cores,
            allowed,
            hold: Hold::Free,
            home: None,
            away_until: None,
            turns: 0,
            before,
        }))
    }

    /// After each turn of the worker.  Fails when the system refuses: there is no use in going on.
    pub(crate) fn turn(&mut self, now: impl FnOnce() -> Instant) -> io::Result<()> {
        self.turns = self.turns.saturating_add(1);
        let wait = match self.hold {
            Hold::Free if self.turns < TURNS => return Ok(()),
            Hold::Free => FREE_LOOK,
            Hold::Near(_) | Hold::On(_) => HELD_LOOK,
            Hold::Leaving(..) => SECOND_LOOK,
        };
        let now = now();
        if now.saturating_duration_since(self.before.at) < wait {
            return Ok(());
        }
        self.look(now)?;
        self.turns = 0;
        Ok(())
    }

    fn look(&mut self, now: Instant) -> io::Result<()> {
        let times = self.cores.times()?;
        let shares = self.before.shares(now, times, self.turns);
        let (mut idle, mut arrivals) = (BTreeMap::new(), None);
        match self.hold {
            Hold::Free if shares.sum() < LITTLE => arrivals = self.rest(now, &shares)?,
            Hold::Near(_) if shares.sum() < BUSY => arrivals = self.rest(now, &shares)?,
            // Where it has more to do there may be more room elsewhere.
            Hold::Near(_) => self.release()?,
            Hold::Free if shares.sum() >= BUSY => self.settle()?,
            Hold::Free => {}
            Hold::On(_) | Hold::Leaving(..) if shares.sum() < AT_REST => self.release()?,
            Hold::On(core) if shares.waited >= CROWDED => {
                idle = self.cores.idle()?;
                if let Some(to) = self.roomier(core, now, &shares, &idle) {
                    self.hold = Hold::Leaving(core, to);
                }
            }
            Hold::Leaving(core, to) if shares.waited >= CROWDED => {
                let idle = self.cores.idle()?;
                if self.roomier(core, now, &shares, &idle) == Some(to) {
                    self.take(to)?;
                } else {
                    self.hold = Hold::On(core);
                }
            }
            Hold::On(core) | Hold::Leaving(core, _) => self.hold = Hold::On(core),
        }
        self.before = Look {
            at: now,
            times,
            idle,
            arrivals,
        };
        Ok(())
    }

    /// Sits where packets arrive; what arrived so far, where that is of use.
    fn rest(&mut self, now: Instant, shares: &Shares) -> io::Result<Option<Arrivals>> {
        let near = matches!(self.hold, Hold::Near(_));
        if near && shares.waited > SHUT_OUT * shares.ran {
            self.away_until = Some(now + AWAY);
        }
        if self.away_until.is_some_and(|until| now < until) {
            self.release()?;
            return Ok(None);
        }
        // Also where it is not judged by them: the next look compares with these.
        let arrivals = Arrivals::new(self.cores.arrivals().unwrap_or_default());
        if shares.turns < if near { SELDOM } else { OFTEN } {
            self.release()?;
            return Ok(Some(arrivals));
        }
        let since = now.saturating_duration_since(self.before.at);
        if let Some(before) = &self.before.arrivals {
            match arrivals.place(before, since) {
                Some(Place::On(core)) => self.sit(core)?,
                Some(Place::Anywhere) => {
                    // Reading where they arrive is not for nothing where there are many cores.
                    self.away_until = Some(now + AWAY);
                    self.release()?;
                }
                None => {}
            }
        }
        Ok(Some(arrivals))
    }

    fn sit(&mut self, core: usize) -> io::Result<()> {
        if self.hold == Hold::Near(core) || self.overruled()? {
            return Ok(());
        }
        self.learn_allowed()?;
        if self.allowed.contains(&core) {
            self.cores.allow(&[core])?;
            self.hold = Hold::Near(core);
        }
        Ok(())
    }

    /// Somebody may have said, since it was last on a core of its own, where the thread may run.
    fn learn_allowed(&mut self) -> io::Result<()> {
        if self.hold == Hold::Free {
            self.allowed = self.cores.allowed()?;
        }
        Ok(())
    }

    /// Holds the core that it held last, or else the one that it is on.
    fn settle(&mut self) -> io::Result<()> {
        self.learn_allowed()?;
        let home = self.home.filter(|home| self.allowed.contains(home));
        let core = home.map_or_else(|| self.cores.here(), Ok)?;
        self.take(core)
    }

    fn take(&mut self, core: usize) -> io::Result<()> {
        if self.overruled()? {
            return Ok(());
        }
        self.cores.allow(&[core])?;
        self.hold = Hold::On(core);
        self.home = Some(core);
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        if self.hold != Hold::Free && !self.overruled()? {
            self.cores.allow(&self.allowed)?;
        }
        self.hold = Hold::Free;
        Ok(())
    }

    /// Whether somebody else said meanwhile where the thread is to run: that counts.
    fn overruled(&mut self) -> io::Result<bool> {
        let (Hold::Near(held) | Hold::On(held) | Hold::Leaving(held, _)) = self.hold else {
            return Ok(false);
        };
        let allowed = self.cores.allowed()?;
        if allowed == [held] {
            return Ok(false);
        }
        self.allowed = allowed;
        self.hold = Hold::Free;
        Ok(true)
    }

    /// The core with most room, when it has more than this one, with the thread on it.  A little
    /// more is enough: who else is on a core that is full may want all of it.
    /// Two looks in a row have to ask before it is known.
    fn roomier(
        &self,
        core: usize,
        now: Instant,
        shares: &Shares,
        idle: &BTreeMap<usize, Duration>,
    ) -> Option<usize> {
        let load = |core: usize| self.before.load(core, now, idle);
        let here = load(core)?;
        let others = self.allowed.iter().filter(|other| **other != core);
        let (best, least) = others
            .filter_map(|other| Some((*other, load(*other)?)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (least + shares.ran + GAIN < here).then_some(best)
    }
}

/// Without its seat a thread runs where it may, whatever the reason.
impl<C: Cores> Drop for Seat<C> {
    fn drop(&mut self) {
        if self.hold != Hold::Free {
            let _ = self.cores.allow(&self.allowed);
        }
    }
}

impl Shares {
    fn sum(&self) -> f64 {
        self.ran + self.waited
    }
}

impl Look {
    fn shares(&self, now: Instant, times: ThreadTimes, turns: u32) -> Shares {
        let since = now.saturating_duration_since(self.at);
        let share = |part: Duration| share_of(part, since);
        Shares {
            turns: f64::from(turns) / since.as_secs_f64().max(f64::MIN_POSITIVE),
            ran: share(times.ran.saturating_sub(self.times.ran)),
            waited: share(times.waited.saturating_sub(self.times.waited)),
        }
    }

    /// How busy a core was since, where its idle time is known then and now.
    fn load(&self, core: usize, now: Instant, idle: &BTreeMap<usize, Duration>) -> Option<f64> {
        let idled = idle.get(&core)?.saturating_sub(*self.idle.get(&core)?);
        Some(1.0 - share_of(idled, now.saturating_duration_since(self.at)))
    }
}

fn share_of(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    (part.as_secs_f64() / whole.as_secs_f64()).min(1.0)
}

#[cfg(test)]
mod tests;

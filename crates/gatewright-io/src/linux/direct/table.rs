//! What is known of the ways to the peers, and for how long it is believed.
//!
//! No clock and no system call here: `now` is an argument, and so is the way that was found.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hop::{Hop, Obstacle};

/// A way is asked for anew after this time, also when no change was told of.
const BELIEVED: Duration = Duration::from_secs(10);
/// An obstacle is: it mostly is a neighbour that the raw socket is just about to find.
const AVOIDED: Duration = Duration::from_millis(200);
/// After a change, the same way is asked for no sooner than this.
const PAUSE: Duration = Duration::from_millis(10);
/// How often a packet takes the raw socket.  By that the kernel sees that its neighbour entry is
/// in use and confirms it (RFC 4861 section 7.3), and its connection tracking sees the flow.
const SHOWN: Duration = Duration::from_secs(1);
/// Questions in a second, over all peers; each costs about 50 microseconds.
const QUESTIONS: u32 = 200;
/// Peers that are remembered; others are sent to by the raw socket.
const PEERS: usize = 1024;

/// What to do with the next packets to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// Hand them to the interface.
    Direct(Arc<Hop>),
    /// One goes by the raw socket.
    Show,
    /// They go by the raw socket.
    Raw,
    /// Ask for the way, tell [`Ways::found`], and come back.
    Ask,
}

#[derive(Debug)]
struct Way {
    hop: Result<Arc<Hop>, Obstacle>,
    asked: Instant,
    shown: Option<Instant>,
    changed: bool,
}

impl Way {
    fn holds(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.asked);
        let long = if self.hop.is_ok() { BELIEVED } else { AVOIDED };
        !self.changed && age < long
    }
}

/// The ways to all peers of a socket.
#[derive(Debug)]
pub(super) struct Ways {
    known: HashMap<IpAddr, Way>,
    /// The second in which questions are counted, and how many there were.
    second: Instant,
    questions: u32,
}

impl Ways {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: HashMap::new(),
            second: now,
            questions: 0,
        }
    }

    /// How the next packets to a peer go.
    pub(super) fn turn(&mut self, to: IpAddr, now: Instant) -> Turn {
        match self.known.get_mut(&to) {
            Some(way) if way.holds(now) => match &way.hop {
                Ok(hop) => {
                    let due = |shown| now.saturating_duration_since(shown) >= SHOWN;
                    if way.shown.is_none_or(due) {
                        way.shown = Some(now);
                        Turn::Show
                    } else {
                        Turn::Direct(Arc::clone(hop))
                    }
                }
                Err(_) => Turn::Raw,
            },
            Some(way) if now.saturating_duration_since(way.asked) < PAUSE => Turn::Raw,
            Some(_) => self.question(now),
            None => {
                self.make_room(now);
                if self.known.len() < PEERS {
                    self.question(now)
                } else {
                    Turn::Raw
                }
            }
        }
    }

    /// Within the budget: somebody who makes the tables change all the time takes the speed away,
    /// and not the processor.
    fn question(&mut self, now: Instant) -> Turn {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.questions = 0;
        }
        if self.questions == QUESTIONS {
            return Turn::Raw;
        }
        self.questions += 1;
        Turn::Ask
    }

    fn make_room(&mut self, now: Instant) {
        if self.known.len() == PEERS {
            self.known.retain(|_, way| way.holds(now));
        }
    }

    /// The answer to a question.
    pub(super) fn found(&mut self, to: IpAddr, hop: Result<Hop, Obstacle>, now: Instant) {
        let shown = self.known.get(&to).and_then(|way| match (&way.hop, &hop) {
            // A new neighbour is to be shown a packet first.
            (Ok(old), Ok(new)) if **old == *new => way.shown,
            _ => None,
        });
        let way = Way {
            hop: hop.map(Arc::new),
            asked: now,
            shown,
            changed: false,
        };
        self.known.insert(to, way);
    }

    /// Routes, rules, addresses or interfaces changed.
    pub(super) fn all_changed(&mut self) {
        for way in self.known.values_mut() {
            way.changed = true;
        }
    }

    /// What is known of a neighbour changed.
    pub(super) fn neighbour_changed(&mut self, interface: u32, neighbour: IpAddr) {
        for way in self.known.values_mut() {
            way.changed |= match &way.hop {
                Ok(hop) => hop.interface == interface && hop.neighbour == neighbour,
                Err(_) => true,
            };
        }
    }

    /// The interface refused a packet to this peer.
    pub(super) fn refused(&mut self, to: IpAddr) {
        if let Some(way) = self.known.get_mut(&to) {
            way.changed = true;
        }
    }

    /// For a status display.
    pub(super) fn describe(&self) -> String {
        let mut interfaces: Vec<&str> = Vec::new();
        let mut obstacles: Vec<String> = Vec::new();
        for way in self.known.values() {
            match &way.hop {
                Ok(hop) => interfaces.push(&hop.name),
                Err(obstacle) => obstacles.push(obstacle.to_string()),
            }
        }
        let (direct, all) = (interfaces.len(), self.known.len());
        interfaces.sort_unstable();
        interfaces.dedup();
        obstacles.sort_unstable();
        obstacles.dedup();
        match (direct, all - direct) {
            (0, 0) => "direct where possible".to_owned(),
            (_, 0) => format!("direct through {}", interfaces.join(", ")),
            (0, _) => format!("raw socket: {}", obstacles.join(", ")),
            (_, raw) => format!(
                "direct through {}; raw socket to {raw} of {all} peers: {}",
                interfaces.join(", "),
                obstacles.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests;

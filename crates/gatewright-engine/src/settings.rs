//! What can be set when an engine is made.

use std::time::Duration;

use gatewright_esp::GcmCode;
use gatewright_io::{DirectOptions, Offloads};

/// The engine's settings; the defaults are those of a gateway.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The TUN device's name, 1 to 15 characters.
    pub interface: String,
    /// The TUN device's MTU.  Larger packets never reach the engine; what does not fit through a
    /// tunnel is answered per SA.
    pub mtu: u32,
    /// The TUN device's transmit queue in packets.
    pub tun_queue: u32,
    /// `SO_MARK` of everything the engine sends, by which routing rules exempt it.
    pub mark: u32,
    /// The UDP port of IKE and ESP with NAT traversal (RFC 3948).
    pub port: u16,
    /// Octets of each socket's buffers.
    pub socket_buffer: u32,
    /// Packet threads, 1 to [`Settings::MOST_WORKERS`].
    pub workers: usize,
    /// How long a packet thread looks again and again for more before it sleeps.  It takes a whole
    /// core while there is traffic, and where cores are short the round trip gets longer by it.
    pub busy_poll: Duration,
    /// Which fast paths to use where the system has them.
    pub offloads: Offloads,
    /// Whether to lower the MSS that TCP connections through a tunnel begin with to what fits it.
    pub mss_clamp: bool,
    /// Whether protocol 50 may go past the kernel's IP layer.
    pub direct: DirectOptions,
    /// Packets that may wait for one policy's negotiation.
    pub waiting_packets: usize,
    /// Octets that may wait for negotiations in all.
    pub waiting_octets: usize,
    /// IKE messages that may wait to be read by the control plane.
    pub ike_queue: usize,
    /// Other events that may wait to be read by the control plane.
    pub event_queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interface: "gatewright".to_owned(),
            mtu: 1500,
            tun_queue: 4000,
            mark: 0x4757,
            port: 4500,
            socket_buffer: 16 << 20,
            workers: 1,
            busy_poll: Duration::ZERO,
            offloads: Offloads::ALL,
            mss_clamp: true,
            direct: DirectOptions::default(),
            waiting_packets: 64,
            waiting_octets: 4 << 20,
            ike_queue: 512,
            event_queue: 1 << 14,
        }
    }
}

impl Settings {
    /// More packet threads than this are refused.
    pub const MOST_WORKERS: usize = 64;

    /// How many packet threads serve a machine of so many cores best.  Each packet also costs about
    /// as much time in the kernel's own threads as in ours, which is why two cores have work for
    /// one, and others for half as many.
    pub fn workers_for(cores: usize) -> usize {
        const ENOUGH: usize = 8;
        (cores / 2).clamp(1, ENOUGH)
    }

    /// Whose AES-GCM an SA gets.
    pub(crate) const fn gcm(&self) -> GcmCode {
        if self.offloads.ipsec_mb {
            GcmCode::Fastest
        } else {
            GcmCode::Linked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_cores_get_a_worker() {
        let workers = [0, 1, 2, 3, 4, 8, 16, 128].map(Settings::workers_for);
        assert_eq!(workers, [1, 1, 1, 1, 2, 4, 8, 8]);
    }
}

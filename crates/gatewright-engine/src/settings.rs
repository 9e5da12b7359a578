//! What can be set when an engine is made.

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
    /// Packet threads, at least one.
    pub workers: usize,
    /// Whether to use segmentation and receive offload where the system has it.
    pub offload: bool,
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
            offload: true,
            waiting_packets: 64,
            waiting_octets: 4 << 20,
            ike_queue: 512,
            event_queue: 1 << 14,
        }
    }
}

//! A packet as its fields.

use crate::checksum::checksum;

/// Bits of the TCP flags octet (RFC 9293 section 3.1, RFC 3168 section 6.1).
pub mod flags {
    /// No more data.
    pub const FIN: u8 = 0x01;
    /// Synchronize.
    pub const SYN: u8 = 0x02;
    /// Reset.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// Congestion experienced, echoed.
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u8 = 0x80;
}

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The network layer.
    pub ip: Ip,
    /// What it carries.
    pub upper: Upper,
}

/// Either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ip {
    /// IPv4.
    V4(V4),
    /// IPv6.
    V6(V6),
}

/// An IPv4 header (RFC 791); lengths and checksum follow from the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V4 {
    /// DSCP and ECN.
    pub class: u8,
    /// Identification.
    pub identification: u16,
    /// Reserved, DF and MF: the upper three bits of the word.
    pub flags: u8,
    /// Fragment offset in units of 8 octets.
    pub offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Source address.
    pub source: [u8; 4],
    /// Destination address.
    pub destination: [u8; 4],
    /// Options, whole words, 40 octets at most.
    pub options: Vec<u8>,
}

/// An IPv6 header with its extension headers (RFC 8200).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V6 {
    /// DSCP and ECN.
    pub class: u8,
    /// Flow label, 20 bits.
    pub label: u32,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address of the fixed header.
    pub destination: [u8; 16],
    /// Extension headers in order.
    pub extensions: Vec<Extension>,
}

/// One extension header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options, destination options: the options' octets, 6 more than a multiple of 8.
    Options {
        /// 0 or 60.
        number: u8,
        /// What stands behind next header and length.
        content: Vec<u8>,
    },
    /// A routing header of type 2 with one segment left (RFC 6275 section 6.4).
    Routing {
        /// Where the packet ends up; what the checksum covers (RFC 8200 section 8.1).
        last: [u8; 16],
    },
    /// A fragment header; an atomic fragment with offset 0 and nothing more (RFC 6946).
    Fragment {
        /// In units of 8 octets.
        offset: u16,
        /// Whether others follow.
        more: bool,
        /// Identification.
        identification: u32,
    },
}

/// The transport layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upper {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// Anything else, or a piece of something: the octets as they are.
    Other {
        /// Protocol number.
        protocol: u8,
        /// Content.
        octets: Vec<u8>,
    },
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// The reserved bits below the data offset, 0 to 15.
    pub reserved: u8,
    /// Flags.
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options, whole words, 40 octets at most.
    pub options: Vec<u8>,
    /// Data.
    pub payload: Vec<u8>,
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Data.
    pub payload: Vec<u8>,
    /// False: the sender left the checksum out (zero).
    pub summed: bool,
}

impl Extension {
    const fn number(&self) -> u8 {
        match self {
            Self::Options { number, .. } => *number,
            Self::Routing { .. } => 43,
            Self::Fragment { .. } => 44,
        }
    }

    fn octets(&self, next: u8) -> Vec<u8> {
        match self {
            Self::Options { content, .. } => {
                let units = u8::try_from((content.len() + 2) / 8 - 1).unwrap();
                [&[next, units][..], content].concat()
            }
            Self::Routing { last } => [&[next, 2, 2, 1, 0, 0, 0, 0][..], last].concat(),
            Self::Fragment {
                offset,
                more,
                identification,
            } => {
                let word = offset << 3 | u16::from(*more);
                [
                    &[next, 0][..],
                    &word.to_be_bytes(),
                    &identification.to_be_bytes(),
                ]
                .concat()
            }
        }
    }
}

impl Packet {
    /// The packet on the wire, with every length and checksum.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let upper = self.upper_octets();
        let headers = self.ip_octets(upper.len());
        [headers, upper].concat()
    }

    /// The same, but with the folded pseudo-header sum, not inverted, where the checksum belongs:
    /// what a host gives to a device that completes checksums (virtio 1.2 section 5.1.6.2).
    #[must_use]
    pub fn octets_unsummed(&self) -> Vec<u8> {
        let mut upper = self.upper_octets();
        let at = self.upper.checksum_offset().unwrap();
        let pseudo = 0xffff - checksum(&[&self.pseudo_header(upper.len())]);
        upper[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
        [self.ip_octets(upper.len()), upper].concat()
    }

    /// Octets of all headers.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.ip_octets(0).len() + self.upper.header_len()
    }

    /// Octets before the transport header.
    #[must_use]
    pub fn transport_offset(&self) -> usize {
        self.ip_octets(0).len()
    }

    /// Addresses, protocol and ports: what makes a flow.
    #[must_use]
    pub fn flow(&self) -> Vec<u8> {
        let ports = match &self.upper {
            Upper::Tcp(tcp) => [tcp.source, tcp.destination],
            Upper::Udp(udp) => [udp.source, udp.destination],
            Upper::Other { .. } => [0, 0],
        };
        let mut flow = match &self.ip {
            Ip::V4(v4) => [v4.source, v4.destination].concat(),
            Ip::V6(v6) => [v6.source, v6.destination].concat(),
        };
        flow.push(self.upper.protocol());
        flow.extend(ports.map(u16::to_be_bytes).concat());
        flow
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn class(&self) -> u8 {
        match &self.ip {
            Ip::V4(v4) => v4.class,
            Ip::V6(v6) => v6.class,
        }
    }

    fn ip_octets(&self, upper_len: usize) -> Vec<u8> {
        match &self.ip {
            Ip::V4(v4) => v4.octets(self.upper.protocol(), upper_len),
            Ip::V6(v6) => v6.octets(self.upper.protocol(), upper_len),
        }
    }

    /// RFC 9293 section 3.1 and RFC 8200 section 8.1.
    fn pseudo_header(&self, upper_len: usize) -> Vec<u8> {
        let protocol = self.upper.protocol();
        match &self.ip {
            Ip::V4(v4) => {
                let len = u16::try_from(upper_len).unwrap().to_be_bytes();
                [
                    &v4.source[..],
                    &v4.destination,
                    &[0, protocol, len[0], len[1]],
                ]
                .concat()
            }
            Ip::V6(v6) => {
                let len = u32::try_from(upper_len).unwrap().to_be_bytes();
                [&v6.source[..], &v6.last(), &len, &[0, 0, 0, protocol]].concat()
            }
        }
    }

    fn upper_octets(&self) -> Vec<u8> {
        let mut octets = self.upper.octets();
        if let Some(at) = self.upper.checksum_offset() {
            let sum = checksum(&[&self.pseudo_header(octets.len()), &octets]);
            let sum = match &self.upper {
                Upper::Udp(udp) if !udp.summed => 0,
                // RFC 768: zero would say that there is none.
                Upper::Udp(_) if sum == 0 => 0xffff,
                _ => sum,
            };
            octets[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        octets
    }
}

impl V4 {
    fn octets(&self, protocol: u8, upper_len: usize) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let total = u16::try_from(header_len + upper_len).unwrap();
        let word = u16::from(self.flags) << 13 | self.offset;
        let mut octets = vec![0x40 | u8::try_from(header_len / 4).unwrap(), self.class];
        octets.extend(total.to_be_bytes());
        octets.extend(self.identification.to_be_bytes());
        octets.extend(word.to_be_bytes());
        octets.extend([self.ttl, protocol, 0, 0]);
        octets.extend(self.source);
        octets.extend(self.destination);
        octets.extend(&self.options);
        let sum = checksum(&[&octets]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
        octets
    }
}

impl V6 {
    /// The destination that the checksum covers.
    fn last(&self) -> [u8; 16] {
        let routed = self
            .extensions
            .iter()
            .find_map(|extension| match extension {
                Extension::Routing { last } => Some(*last),
                _ => None,
            });
        routed.unwrap_or(self.destination)
    }

    fn octets(&self, protocol: u8, upper_len: usize) -> Vec<u8> {
        let numbers: Vec<u8> = self.extensions.iter().map(Extension::number).collect();
        let mut next = numbers.iter().copied().chain([protocol]);
        let first = next.next().unwrap();
        let extensions: Vec<u8> = self
            .extensions
            .iter()
            .zip(next)
            .flat_map(|(extension, next)| extension.octets(next))
            .collect();
        let len = u16::try_from(extensions.len() + upper_len).unwrap();
        let word = 6 << 28 | u32::from(self.class) << 20 | self.label;
        let mut octets = word.to_be_bytes().to_vec();
        octets.extend(len.to_be_bytes());
        octets.extend([first, self.hop_limit]);
        octets.extend(self.source);
        octets.extend(self.destination);
        octets.extend(extensions);
        octets
    }
}

impl Upper {
    /// The protocol number.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        match self {
            Self::Tcp(_) => 6,
            Self::Udp(_) => 17,
            Self::Other { protocol, .. } => *protocol,
        }
    }

    /// Where the checksum stands.
    #[must_use]
    pub const fn checksum_offset(&self) -> Option<usize> {
        match self {
            Self::Tcp(_) => Some(16),
            Self::Udp(_) => Some(6),
            Self::Other { .. } => None,
        }
    }

    /// The data.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Tcp(tcp) => &tcp.payload,
            Self::Udp(udp) => &udp.payload,
            Self::Other { octets, .. } => octets,
        }
    }

    fn header_len(&self) -> usize {
        match self {
            Self::Tcp(tcp) => 20 + tcp.options.len(),
            Self::Udp(_) => 8,
            Self::Other { .. } => 0,
        }
    }

    /// With a checksum of zero.
    fn octets(&self) -> Vec<u8> {
        match self {
            Self::Tcp(tcp) => {
                let words = u8::try_from(5 + tcp.options.len() / 4).unwrap();
                let mut octets = [tcp.source, tcp.destination].map(u16::to_be_bytes).concat();
                octets.extend(tcp.sequence.to_be_bytes());
                octets.extend(tcp.acknowledgement.to_be_bytes());
                octets.extend([words << 4 | tcp.reserved, tcp.flags]);
                octets.extend(tcp.window.to_be_bytes());
                octets.extend([0, 0]);
                octets.extend(tcp.urgent.to_be_bytes());
                octets.extend(&tcp.options);
                octets.extend(&tcp.payload);
                octets
            }
            Self::Udp(udp) => {
                let len = u16::try_from(8 + udp.payload.len()).unwrap();
                let mut octets = [udp.source, udp.destination, len, 0]
                    .map(u16::to_be_bytes)
                    .concat();
                octets.extend(&udp.payload);
                octets
            }
            Self::Other { octets, .. } => octets.clone(),
        }
    }
}

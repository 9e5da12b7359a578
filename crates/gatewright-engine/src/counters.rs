//! What happened to packets, by name.
//!
//! Every packet that does not go on has one [`DropReason`].  A worker counts in counters of its
//! own, with relaxed atomics; readers add the workers up.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes an enum of counters with their names and, from the comments, what they mean.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident { $( #[doc = $meaning:literal] $variant:ident = $label:literal, )* }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $( #[doc = $meaning] $variant, )* }

        impl $name {
            /// All of them, in the order of a packet's way.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The name under which it is shown everywhere.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $label, )* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$variant => $meaning, )* }
            }
        }
    };
}

counters! {
    /// Why a packet did not go on.
    pub enum DropReason {
        /// Outbound: what the TUN device gave is no well-formed IP packet.
        MalformedInner = "drop_malformed_inner",
        /// Outbound: no policy selects the packet.
        NoPolicy = "drop_no_policy",
        /// Outbound: the policy says discard.
        Discard = "drop_discard",
        /// Outbound: the policy says bypass, but the packet was routed to the tunnel device.
        Bypass = "drop_bypass",
        /// Outbound: a later fragment has no ports, and the policy asks for them.
        FragmentPorts = "drop_fragment_ports",
        /// The worker that owns the SA is too far behind to be handed more.
        Handover = "drop_handover",
        /// Outbound: too many packets already wait for the negotiation.
        QueueFull = "drop_queue_full",
        /// Outbound: the packet waited for a negotiation that failed.
        AcquireFailed = "drop_acquire_failed",
        /// Outbound: larger than the path takes and not to be fragmented; the sender was told.
        TooBig = "drop_too_big",
        /// Outbound: the fragments of this packet cannot be made.
        Unfragmentable = "drop_unfragmentable",
        /// Outbound: a kind of segmentation offload that the engine does not know.
        Offload = "drop_offload",
        /// Outbound: the SA's numbers or octets were used up on the way.
        SaExhausted = "drop_sa_exhausted",
        /// Outbound: sealing failed.
        Seal = "drop_seal",
        /// Outbound: no socket is open on the SA's local address.
        NoSocket = "drop_no_socket",
        /// Outbound: the system knows a smaller path MTU; the next packets are made to fit.
        SendTooBig = "drop_send_too_big",
        /// Outbound: the system had no room to send, also after waiting.
        NoBuffer = "drop_no_buffer",
        /// Outbound: the system refused to send.
        SendError = "drop_send_error",
        /// Inbound: no ESP packet, or one that is too short or misaligned.
        MalformedEsp = "drop_malformed_esp",
        /// Inbound: the kernel had no room before the engine came to read, above all.
        ReceiveBuffer = "drop_receive_buffer",
        /// Inbound: an IKE message while too many wait to be read.
        IkeQueueFull = "drop_ike_queue_full",
        /// Inbound: no SA has this SPI.
        UnknownSpi = "drop_unknown_spi",
        /// Inbound: twice the octets that the SA may carry have come on it.
        SaExpired = "drop_sa_expired",
        /// Inbound: ESP in UDP for an SA that is not, or the reverse.
        Encapsulation = "drop_encapsulation",
        /// Inbound: seen before, or left of the replay window.
        Replay = "drop_replay",
        /// Inbound: the integrity check failed.
        BadIcv = "drop_bad_icv",
        /// Inbound: authentic, but the padding is wrong.
        Padding = "drop_padding",
        /// Inbound: authentic, but not a tunnelled IP packet.
        NextHeader = "drop_next_header",
        /// Inbound: authentic, but the inner packet is malformed.
        MalformedPayload = "drop_malformed_payload",
        /// Inbound: congestion was marked on a packet that does not support it (RFC 6040).
        EcnIllegal = "drop_ecn_illegal",
        /// Inbound: the inner packet is not one that the SA was negotiated for (RFC 4301 5.2).
        SelectorMismatch = "drop_selector_mismatch",
        /// Inbound: a later fragment has no ports, and the SA's selectors ask for them.
        InboundFragment = "drop_inbound_fragment",
        /// Inbound: the TUN device did not take the packet.
        TunWrite = "drop_tun_write",
    }
}

counters! {
    /// What else is counted.
    pub enum Count {
        /// Inner packets that were sealed and handed to the system.
        PacketsOut = "packets_out",
        /// Octets of those.
        BytesOut = "bytes_out",
        /// Inner packets that were opened and handed to the TUN device.
        PacketsIn = "packets_in",
        /// Octets of those.
        BytesIn = "bytes_in",
        /// Datagrams that the system took from the engine.
        DatagramsOut = "datagrams_out",
        /// Send calls that these needed, segmented ones counted once.
        MessagesOut = "messages_out",
        /// Frames read from the TUN device; with offload one is many packets.
        TunFramesRead = "tun_frames_read",
        /// Frames written to the TUN device; with offload one is many packets.
        TunFramesWritten = "tun_frames_written",
        /// Packets and frames that another worker than the SA's owner received, and handed over.
        HandedOver = "handed_over",
        /// IKE messages handed up.
        IkeMessagesIn = "ike_messages_in",
        /// NAT keepalives received.
        KeepalivesIn = "keepalives_in",
        /// Dummy packets received (RFC 4303 section 2.6).
        DummiesIn = "dummies_in",
        /// "Too big" answers to senders inside.
        TooBigSent = "icmp_too_big_sent",
        /// TCP connections whose MSS was lowered to what fits the tunnel, each way once.
        MssClamped = "mss_clamped",
        /// Inner fragments made.
        FragmentsMade = "fragments_made",
        /// Packets that were queued while IKE negotiated.
        PacketsQueued = "packets_queued",
        /// Errors of the TUN device other than "nothing there".
        TunReadErrors = "tun_read_errors",
        /// Errors of receiving, such as an ICMP error for an earlier packet.
        ReceiveErrors = "receive_errors",
        /// Workers that stopped by a defect or because the TUN device was removed; traffic is blocked.
        WorkersStopped = "workers_stopped",
    }
}

/// The counters of one worker.
#[derive(Debug)]
pub(crate) struct Counters {
    drops: [AtomicU64; DropReason::ALL.len()],
    counts: [AtomicU64; Count::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            drops: [const { AtomicU64::new(0) }; DropReason::ALL.len()],
            counts: [const { AtomicU64::new(0) }; Count::ALL.len()],
        }
    }
}

impl Counters {
    /// One packet less.
    pub(crate) fn drop_one(&self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    /// `packets` packets less.
    pub(crate) fn drop_many(&self, reason: DropReason, packets: u64) {
        self.drops[reason as usize].fetch_add(packets, Ordering::Relaxed);
    }

    /// Adds to a counter.
    pub(crate) fn add(&self, count: Count, amount: u64) {
        self.counts[count as usize].fetch_add(amount, Ordering::Relaxed);
    }

    /// What a counter stands at.
    pub(crate) fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    /// How many packets were dropped for this reason.
    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize].load(Ordering::Relaxed)
    }
}

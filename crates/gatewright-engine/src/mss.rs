//! Connections that begin in a tunnel are told what fits it.

use gatewright_packet::mss::clamp_mss;

use crate::association::Association;
use crate::counters::Count;
use crate::outbound::Context;

impl Context<'_> {
    /// Lowers the MSS of a SYN that goes out through this pair or came in by it: of what our host
    /// announces, the peer's path to us is taken for as narrow as ours to the peer.
    pub(crate) fn clamp_mss(&self, pair: &Association, packet: &mut [u8]) {
        if self.shared.settings.mss_clamp && clamp_mss(packet, pair.inner_mtu(self.now)) {
            self.counters.add(Count::MssClamped, 1);
        }
    }
}

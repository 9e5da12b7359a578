"""The kernel's counters of packets that IPsec did not let through (/proc/net/xfrm_stat)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

STATISTICS = Path("/proc/thread-self/net/xfrm_stat")

# Name in the kernel, our name, what it says.  The kernel counts for the whole network namespace.
_ROWS = (
    ("XfrmInError", "drop_in_error", "An inbound packet failed for a reason not told apart."),
    ("XfrmInBufferError", "drop_in_no_memory", "No memory for an inbound packet."),
    ("XfrmInHdrError", "drop_in_header", "An inbound ESP packet has a header that cannot be."),
    ("XfrmInNoStates", "drop_in_no_sa", "ESP with an SPI that no SA has."),
    (
        "XfrmInStateProtoError",
        "drop_in_decryption",
        "ESP that fails authentication, or decrypts to nothing sensible.",
    ),
    ("XfrmInStateModeError", "drop_in_mode", "What was decrypted is no tunnelled packet."),
    (
        "XfrmInStateSeqError",
        "drop_in_replay",
        "A sequence number that was seen before, or lies behind the replay window.",
    ),
    ("XfrmInStateExpired", "drop_in_expired", "ESP on an SA whose hard limit is reached."),
    (
        "XfrmInStateMismatch",
        "drop_in_selector",
        "What was decrypted is not what its SA was negotiated for (RFC 4301 section 5.2), or came "
        "in UDP on an SA without, or the other way round.",
    ),
    ("XfrmInStateInvalid", "drop_in_invalid_sa", "ESP on an SA that is being deleted."),
    (
        "XfrmInTmplMismatch",
        "drop_in_clear_or_wrong_tunnel",
        "A packet that has to be protected came in clear, or through another tunnel.",
    ),
    ("XfrmInNoPols", "drop_in_no_policy", "What was decrypted is no traffic of the policy."),
    ("XfrmInPolBlock", "drop_in_blocked", "The policy blocks it on its way in."),
    ("XfrmInPolError", "drop_in_policy_error", "The inbound policy could not be looked up."),
    ("XfrmOutError", "drop_out_error", "An outbound packet failed for a reason not told apart."),
    ("XfrmOutBundleGenError", "drop_out_route", "The way to the peer could not be put together."),
    ("XfrmOutBundleCheckError", "drop_out_stale_route", "The way to the peer changed meanwhile."),
    (
        "XfrmOutNoStates",
        "drop_out_no_sa",
        "Outbound, and no SA: it is being negotiated, or that failed.",
    ),
    ("XfrmOutStateProtoError", "drop_out_encryption", "An outbound packet was not encrypted."),
    ("XfrmOutStateModeError", "drop_out_too_big", "An outbound packet does not fit the tunnel."),
    ("XfrmOutStateSeqError", "drop_out_sequence", "The SA's sequence numbers are used up."),
    ("XfrmOutStateExpired", "drop_out_expired", "The outbound SA's hard limit is reached."),
    ("XfrmOutPolBlock", "drop_out_blocked", "The policy blocks it on its way out."),
    ("XfrmOutPolDead", "drop_out_policy_gone", "The policy was removed while the packet waited."),
    ("XfrmOutPolError", "drop_out_policy_error", "The outbound policy could not be looked up."),
    ("XfrmFwdHdrError", "drop_forward_header", "A forwarded packet has a header that cannot be."),
    ("XfrmOutStateInvalid", "drop_out_invalid_sa", "The outbound SA is being deleted."),
    ("XfrmAcquireError", "drop_acquire", "A packet wants an SA and nobody could be asked for it."),
    ("XfrmOutStateDirError", "drop_out_direction", "The SA found is for the other direction."),
    ("XfrmInStateDirError", "drop_in_direction", "ESP on an SA that is for the other direction."),
)
_NAMES = {kernel: name for kernel, name, _ in _ROWS}


def counter_meanings() -> Mapping[str, str]:
    """A sentence on each counter, by name."""
    return {name: meaning for _, name, meaning in _ROWS}


def read_statistics(path: Path = STATISTICS) -> dict[str, int]:
    """By our names; empty where the kernel keeps none (CONFIG_XFRM_STATISTICS)."""
    try:
        text = path.read_text()
    except OSError:
        return {}
    return parse(text)


def parse(text: str) -> dict[str, int]:
    """One name and number a line; what newer kernels count besides is left out."""
    found = {}
    for line in text.splitlines():
        name, _, number = line.partition("\t")
        if name.strip() in _NAMES and number.strip().isdecimal():
            found[_NAMES[name.strip()]] = int(number)
    return found

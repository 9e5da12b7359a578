"""Main mode failures in words: what silence and a refusal mean depends on how far it came."""

from __future__ import annotations

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.outputs import Difference
from gatewright.ike.v1 import phase_one
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import ExchangeError, NoAnswer, PeerRefused, WrongKey
from gatewright.ike.v1.states import State

_DOUBTS_KEY = frozenset(
    {
        NotifyType.AUTHENTICATION_FAILED,
        NotifyType.INVALID_HASH_INFORMATION,
        NotifyType.PAYLOAD_MALFORMED,
        NotifyType.INVALID_PAYLOAD_TYPE,
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
    }
)


def silence(core: Core) -> ExchangeError:
    """The peer stopped answering."""
    remote = core.path.remote
    match core.state:
        case State.SENT_1:
            return NoAnswer(
                f"{remote} did not answer. Check that the peer is up, that its policy names "
                f"{core.path.local.ip} with IKEv1 main mode, and that no filter on the way drops "
                "UDP port 500."
            )
        case State.SENT_5:
            port = (
                " It may also be that a filter drops UDP port 4500, where NAT traversal goes on."
                if core.path.floated
                else ""
            )
            return NoAnswer(
                f"{remote} answered until the identities were to be exchanged, and then fell "
                "silent: in most cases the preshared keys of the two gateways differ, or the peer "
                f"does not expect the identity {core.connection.local_identity}.{port}",
                (key_difference(core),),
            )
        case _:
            return NoAnswer(
                f"{remote} began main mode and then fell silent ({core.state.value}). Its log "
                "may tell why; large UDP packets that are lost on the way look the same."
            )


def wrong_key(core: Core, message: int) -> WrongKey:
    """A message decrypted to nonsense (RFC 2409 section 5.4: the key is part of all keys)."""
    return WrongKey(
        f"message {message} of {core.path.remote} cannot be decrypted: the preshared keys of the "
        f"two gateways differ. Give {_secret(core)} the same key as the peer has.",
        (key_difference(core),),
    )


def refusal(core: Core, notify: int, detail: str = "") -> ExchangeError:
    """The peer sent an error notify during main mode."""
    name = NotifyType.describe(notify)
    detail = f" ({detail})" if detail else ""
    if core.state is State.SENT_5 and notify in _DOUBTS_KEY:
        return WrongKey(
            f"{core.path.remote} refuses the authentication with {name}{detail}: the preshared "
            f"keys of the two gateways differ. Give {_secret(core)} the same key as the peer has.",
            (key_difference(core),),
        )
    if notify == NotifyType.NO_PROPOSAL_CHOSEN:
        ours = ", ".join(
            f"{each.cipher.name}/{each.prf.hash}/{each.group.name}"
            for each in phase_one.usable(core.connection.proposals)
        )
        return PeerRefused(
            f"{core.path.remote} accepts none of the algorithm sets for main mode that this side "
            f"offers ({ours}, preshared key){detail}. Let both gateways have one in common.",
            (Difference("main mode algorithms", ours, "none of these"),),
            received=notify,
        )
    if notify == NotifyType.INVALID_ID_INFORMATION:
        ours = str(core.connection.local_identity)
        return PeerRefused(
            f"{core.path.remote} does not accept the identity {ours}{detail}. Let the peer's "
            "policy name it, or change the local identity.",
            (Difference("local identity", ours, "another"),),
            received=notify,
        )
    return PeerRefused(f"{core.path.remote} refuses with {name}{detail}.", received=notify)


def key_difference(core: Core) -> Difference:
    return Difference("preshared key", _secret(core), "another key")


def _secret(core: Core) -> str:
    return f"the secret {core.connection.authentication.secret!r}"

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.tasks import notify
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.unit.ike.v1.builders import core

SPI = bytes.fromhex("00001000")


def test_about_the_main_mode_sa() -> None:
    sa = core()
    made = notify.about_main_mode(sa, NotifyType.INVALID_ID_INFORMATION)
    assert (made.protocol, made.spi) == (1, sa.cookies)


def test_about_a_quick_mode_as_the_peer_wants_it() -> None:
    made = notify.about_quick_mode(core(), NotifyType.NO_PROPOSAL_CHOSEN, 7, SPI)
    assert (made.protocol, made.spi, made.data) == (3, SPI, b"")
    windows = core(peer=Peer(product="Windows Server 2003 or Windows XP SP2"))
    made = notify.about_quick_mode(windows, NotifyType.NO_PROPOSAL_CHOSEN, 7, SPI)
    assert made.data == bytes.fromhex("00000007")


def test_the_responder_s_lifetime() -> None:
    made = notify.responder_lifetime(Lifetime(900, 100_000), 1, 2, SPI)
    assert made.type == 24576
    assert made.data == bytes.fromhex("80010001 80020384 80010002 00020004000186a0")


def test_a_windows_status_in_words() -> None:
    status = NotifyPayload(40003, 1, b"", bytes.fromhex("0000000735e9")[-4:])
    assert notify.detail(status) == "Windows error 472553"
    with_message_id = NotifyPayload(40003, 1, b"", bytes.fromhex("00000007000035e9"))
    assert notify.detail(with_message_id) == "Windows error 13801"
    assert notify.detail(NotifyPayload(14, 1, b"", b"12345678")) == ""

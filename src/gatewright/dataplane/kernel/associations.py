"""The pairs of SAs that are in the kernel, and what is done with them."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.identity import policy_id_of
from gatewright.dataplane.kernel.layout import (
    ESP,
    SA_SIZE,
    Attribute,
    Kind,
    Replay,
    SaHead,
    SaSeen,
    Template,
    pack_sa_id,
    unpack_replay,
    unpack_sa,
)
from gatewright.dataplane.kernel.netlink import NetlinkError, NetlinkSocket
from gatewright.ipsec.association import ChildSa
from gatewright.ipsec.selectors import IPAddress
from gatewright.netlink.messages import Message, attributes

_GONE = (errno.ESRCH, errno.ENOENT)
_SKIPPED = 4096  # sequence numbers that may be used between reading one and taking the SA out
_SPI_RANGE = struct.pack("=II", 0x100, 0xFFFFFFFF)


@dataclass(slots=True)
class Pair:
    """``outbound``: the outbound half is in the kernel, and so in use."""

    sa: ChildSa
    outbound: bool


class Associations:
    """Calls raise DataPlaneError."""

    def __init__(self, kernel: NetlinkSocket, mark: int) -> None:
        self._kernel = kernel
        self._mark = mark
        self._pairs: dict[int, Pair] = {}
        self._by_outbound: dict[sad.Half, int] = {}

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs.values())

    def get(self, spi_in: int) -> Pair | None:
        return self._pairs.get(spi_in)

    def spi_in_of(self, destination: IPAddress, spi: int) -> int | None:
        """By which of its halves ever the kernel speaks of a pair."""
        if spi in self._pairs and self._pairs[spi].sa.transport.local == destination:
            return spi
        return self._by_outbound.get(sad.Half(destination, spi))

    def add(self, sa: ChildSa) -> None:
        """The inbound half first: the peer may send at once."""
        if sa.spi_in in self._pairs:
            raise DataPlaneError(f"An SA with the SPI {sa.spi_in:#010x} exists already.")
        self._ask(sad.add_inbound(sa, tell_first=sa.outbound_standby), sa)
        self._pairs[sa.spi_in] = Pair(sa, outbound=False)
        if not sa.outbound_standby:
            try:
                self.activate(sa.spi_in)
            except DataPlaneError:
                self.remove(sa.spi_in)
                raise

    def activate(self, spi_in: int) -> bool:
        """Send on it from now on; whether that is new."""
        pair = self._pairs.get(spi_in)
        if pair is None or pair.outbound:
            return False
        self._ask(sad.add_outbound(pair.sa, self._mark), pair.sa)
        pair.outbound = True
        self._by_outbound[sad.outbound_half(pair.sa)] = spi_in
        if pair.sa.outbound_standby:
            self._ask(sad.told_first(pair.sa), pair.sa)
        return True

    def move(self, spi_in: int, remote: IPAddress, remote_port: int) -> ChildSa | None:
        """The peer is elsewhere.  Both halves are made anew and go on counting where they were."""
        pair = self._pairs.get(spi_in)
        if pair is None:
            return None
        old, new = pair.sa, sad.moved(pair.sa, remote, remote_port)
        replay = self._take_out(sad.inbound_half(old))
        self._ask(sad.add_inbound(new, tell_first=False, replay=replay), new)
        if pair.outbound:
            self._by_outbound.pop(sad.outbound_half(old), None)
            replay = self._take_out(sad.outbound_half(old))
            replay = Replay(sent=replay.sent + _SKIPPED) if replay is not None else None
            self._ask(sad.add_outbound(new, self._mark, replay=replay), new)
            self._by_outbound[sad.outbound_half(new)] = spi_in
        pair.sa = new
        return new

    def remove(self, spi_in: int) -> None:
        pair = self._pairs.pop(spi_in, None)
        if pair is None:
            return
        halves = [sad.inbound_half(pair.sa)]
        if pair.outbound:
            self._by_outbound.pop(sad.outbound_half(pair.sa), None)
            halves.append(sad.outbound_half(pair.sa))
        self._delete([each.delete() for each in halves])

    def clear(self) -> None:
        """Remove every SA of ours from the kernel, also those of an earlier process."""
        self._pairs.clear()
        self._by_outbound.clear()
        ours = [sa for sa, _ in self.seen() if policy_id_of(sa.reqid) is not None]
        for sa in ours:
            if sa.spi == 0:
                self.give_up(Template(sa.source, sa.destination, sa.reqid), sa.sequence)
        self._delete(
            [Message(Kind.DELETE_SA, pack_sa_id(sa.destination, sa.spi)) for sa in ours if sa.spi]
        )

    def stands(self, half: sad.Half) -> bool:
        """Whether the kernel still has it."""
        return self._asked([half.get()], "does not show an SA") is not None

    def broken(self) -> list[int]:
        """By their inbound SPI the pairs of which somebody took a half away."""
        there = {sad.Half(sa.destination, sa.spi) for sa, _ in self.seen()}
        return [
            spi_in
            for spi_in, pair in self._pairs.items()
            if sad.inbound_half(pair.sa) not in there
            or (pair.outbound and sad.outbound_half(pair.sa) not in there)
        ]

    def give_up(self, template: Template, sequence: int) -> None:
        """Delete what the kernel holds in the place of an SA, so that the next packet asks anew.

        It has no SPI, and so cannot be named; it can be given one.
        """
        head = SaHead(
            template.source, template.destination, 0, template.reqid, sequence=sequence
        ).pack()
        try:
            answers = self._kernel.request(Message(Kind.ALLOCATE_SPI, head + _SPI_RANGE))
        except (NetlinkError, OSError):
            return  # it expired meanwhile: what there was to do is done
        for answer in answers:
            sa = unpack_sa(answer.payload)
            if sa is not None and sa.spi:
                self._delete([Message(Kind.DELETE_SA, pack_sa_id(sa.destination, sa.spi))])

    def seen(self) -> Iterator[tuple[SaSeen, Mapping[int, bytes]]]:
        """Every ESP SA in the kernel, also those of others, with its attributes."""
        try:
            for message in self._kernel.dump(Kind.GET_SA):
                sa = unpack_sa(message.payload)
                if sa is not None and sa.protocol == ESP:
                    yield sa, attributes(message.payload[SA_SIZE:])
        except (NetlinkError, OSError) as error:
            raise DataPlaneError(f"The kernel does not show its SAs: {error}.") from None

    def _take_out(self, half: sad.Half) -> Replay | None:
        """Delete one half, and give how far it had counted; None when it was gone."""
        answers = self._asked([half.get(), half.delete()], "does not give an SA back")
        for answer in answers or ():
            have = attributes(answer.payload[SA_SIZE:])
            return unpack_replay(have.get(Attribute.REPLAY_EXTENDED), have.get(Attribute.REPLAY))
        return None

    def _asked(self, messages: Sequence[Message], failed: str) -> list[Message] | None:
        """What was answered to one after the other; None when the SA that they name is gone."""
        answers: list[Message] = []
        try:
            for message in messages:
                answers += self._kernel.request(message)
        except (NetlinkError, OSError) as error:
            if isinstance(error, NetlinkError) and error.errno in _GONE:
                return None
            raise DataPlaneError(f"The kernel {failed}: {error}.") from None
        return answers

    def _ask(self, message: Message, sa: ChildSa) -> None:
        try:
            self._kernel.request(message)
        except NetlinkError as error:
            raise DataPlaneError(_explain(sa, error)) from None
        except OSError as error:
            raise DataPlaneError(f"The kernel cannot be asked for an SA: {error}.") from None

    def _delete(self, messages: Sequence[Message]) -> None:
        try:
            refusals = self._kernel.request_all(messages)
        except OSError as error:
            raise DataPlaneError(f"The kernel cannot be asked to delete SAs: {error}.") from None
        for refusal in refusals:
            if refusal is not None and refusal.errno not in _GONE:
                raise DataPlaneError(f"The kernel does not delete an SA: {refusal}.")


def _explain(sa: ChildSa, error: NetlinkError) -> str:
    algorithms = " with ".join(each.name for each in (sa.cipher, sa.integrity) if each is not None)
    if error.errno == errno.EEXIST:
        return f"The kernel has an SA with one of these SPIs already ({algorithms})."
    if error.errno in (errno.EPROTONOSUPPORT, errno.ENOSYS, errno.ENOENT):
        return (
            f"The kernel has no ESP with {algorithms} ({error}). Load its module, leave the "
            "algorithm out of the policy, or write `engine: user-space`."
        )
    return f"The kernel refuses an SA with {algorithms}: {error}."

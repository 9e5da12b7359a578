"""The article's test in one command: build the world, join the networks, show the evidence.

``Demo.run`` does one step after the other and tells how each went; what shows them is the caller's
business.  A step that fails ends the demonstration, and says why.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from ruamel.yaml import YAML

from gatewright.lab import demo_peer
from gatewright.lab.capture import Capture
from gatewright.lab.demo_options import DemoOptions, DemoProfile
from gatewright.lab.demo_peer import DemoPeer
from gatewright.lab.errors import LabError, PrivilegeMissingError
from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind, Tally
from gatewright.lab.policies import SECRET, TUNNEL, TunnelText, article_policy
from gatewright.lab.traffic import ping, transfer
from gatewright.lab.world import World

PINGS = 5
FIRST_PING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A step has begun."""

    title: str


@dataclass(frozen=True, slots=True)
class Done:
    """A step is over.  ``summary`` and ``lines`` are for people, ``facts`` for programs.

    ``ok`` False: ``summary`` says what went wrong, and nothing follows but the taking down.
    """

    step: str
    title: str
    ok: bool
    summary: str
    lines: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a step has to show."""

    summary: str
    lines: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


class Demo:
    """One demonstration.  Iterate over ``run`` once; closing it early takes the world down."""

    def __init__(self, options: DemoOptions) -> None:
        self.options = options
        self.world = World(lasting=options.keep)
        self.kept = False
        self._key = secrets.token_urlsafe(24)
        self._gateway: Gateway
        self._peer: DemoPeer
        self._capture: Capture | None = None

    def run(self) -> Generator[Begun | Done]:
        """Every step: one ``Begun``, one ``Done``."""
        with ExitStack() as stack:
            for name, title, step in self._steps(stack):
                yield Begun(title)
                done = _attempt(name, title, step)
                yield done
                if not done.ok:
                    break
            if self.options.keep and self.world.entered:
                if self._capture is not None:
                    self._capture.stop()
                self.world.keep()
                self.kept = True
                return
            yield Begun("Taking it down")
            yield _attempt("removed", "Taking it down", lambda: self._remove(stack))

    def _steps(self, stack: ExitStack) -> Iterator[tuple[str, str, Callable[[], Shown]]]:
        yield "world", "Building the world", lambda: self._build(stack)
        yield "clear", "Without a policy", self._show_clear
        yield "peer", "Starting the other gateway", self._start_peer
        yield "policy", "Writing and checking the policy", self._write_policy
        yield "expanded", "Expanding the policy", self._expand
        yield "assigned", "Assigning the policy", self._assign
        yield "first-ping", "First ping", self._first_ping
        yield "associations", "Security associations", self._associations
        yield "capture", "Capture of the Internet segment", self._judge
        yield "transfer", "TCP transfer", self._transfer

    def _build(self, stack: ExitStack) -> Shown:
        stack.enter_context(self.world)
        a, b = self.world.ipv4.a, self.world.ipv4.b
        return Shown(
            f"five namespaces, as {self.world.privilege.value}",
            (
                f"hostA {a.host} - gateway A {a.external} - Internet -"
                f" gateway B {b.external} - hostB {b.host}",
            ),
            {"privilege": self.world.privilege.name.lower(), "prefix": self.world.prefix},
        )

    def _show_clear(self) -> Shown:
        with self.world.capture("without-policy") as capture:
            pings = ping(self.world.host_a, self.world.ipv4.b.host, 1)
        clear = capture.tally.counts[Kind.CLEAR]
        if not pings.all_answered or not clear:
            raise LabError("the networks do not reach each other: the world itself is at fault")
        return Shown(
            f"a ping is answered, and the Internet segment sees it: {clear} packets in clear",
            facts={"clear": clear},
        )

    def _start_peer(self) -> Shown:
        kind, reason = demo_peer.choose(self.options.peer)
        self._peer = demo_peer.make(kind, self.world, self._key, self.options.profile.value)
        self._peer.start()
        lines = (f"a second Gatewright takes its place: {reason}",) if reason else ()
        return Shown(f"{self._peer.title} is ready", lines, {"peer": kind.value})

    def _write_policy(self) -> Shown:
        self._gateway = Gateway(
            self.world.gateway_a, self.world.directory / "gatewayA", lasting=self.options.keep
        )
        self._gateway.write(self._policy_text(), {SECRET: self._key})
        findings = self._gateway.command("check", str(self._gateway.policy)).splitlines()
        verdict = findings[-1].removeprefix(f"{self._gateway.policy}: ")
        return Shown(verdict, tuple(self._gateway.policy.read_text().splitlines()))

    def _policy_text(self) -> str:
        a, b = self.world.ipv4.a, self.world.ipv4.b
        if self.options.profile is DemoProfile.WINDOWS_2003:
            return article_policy(a, b)
        return str(TunnelText(a, b, settings={"profile": self.options.profile.value}))

    def _expand(self) -> Shown:
        text = self._gateway.command("show", "--expanded", str(self._gateway.policy))
        tree = YAML(typ="safe").load(text)
        counts = {
            key: len(tree.get(key, ())) for key in ("filter_lists", "filter_actions", "rules")
        }
        words = [
            f"{count} {key.replace('_', ' ').removesuffix('s')}{'' if count == 1 else 's'}"
            for key, count in counts.items()
        ]
        return Shown(", ".join(words), facts=counts)

    def _assign(self) -> Shown:
        self._capture = self.world.capture()
        self._capture.start()
        self.world.at_end(self._capture.stop)
        self.world.at_end(self._gateway.stop)
        self._gateway.start()
        self._gateway.wait_ready()
        status = self._gateway.status()
        if status.policy is None:
            raise LabError(f"the gateway runs, but no policy is assigned:\n{self._gateway.tail()}")
        names = ", ".join(f"{tunnel.name} ({tunnel.state})" for tunnel in status.tunnels)
        return Shown(f"tunnel {names}; nothing passes in clear from now on")

    def _first_ping(self) -> Shown:
        host = self.world.ipv4.b.host
        first = ping(self.world.host_a, host, 1, timeout=FIRST_PING_SECONDS).times[0]
        if first is None:
            raise LabError(f"the first ping was not answered\n{self._explain_failure()}")
        rest = ping(self.world.host_a, host, PINGS - 1)
        back = ping(self.world.host_b, self.world.ipv4.a.host, PINGS)
        if not (rest.all_answered and back.all_answered):
            answered = 1 + rest.answered + back.answered
            raise LabError(f"{answered} of {2 * PINGS} pings were answered")
        median = sorted(time for time in rest.times if time is not None)[(PINGS - 1) // 2]
        return Shown(
            f"answered after {first * 1000:.0f} ms, negotiation included;"
            f" later ones after {median * 1000:.2f} ms; none of {2 * PINGS} lost",
            facts={"first_ms": round(first * 1000, 3), "later_ms": round(median * 1000, 3)},
        )

    def _explain_failure(self) -> str:
        for tunnel in self._gateway.status().tunnels:
            if tunnel.last_failure is not None:
                return tunnel.last_failure.explanation
        return self._gateway.tail()

    def _associations(self) -> Shown:
        status = self._gateway.status()
        tunnel = next(each for each in status.tunnels if each.name == TUNNEL)
        children = [sa for child in tunnel.children for sa in child.sas]
        if not tunnel.ike_sas or not children:
            raise LabError("pings are answered, but there is no security association")
        lines = [
            f"IKEv{sa.version} {sa.spi_i} / {sa.spi_r}: {sa.algorithms}" for sa in tunnel.ike_sas
        ]
        lines += [
            f"ESP in {sa.spi_in} out {sa.spi_out}: {sa.algorithms}, {sa.encapsulation};"
            f" {sa.packets_in} packets in, {sa.packets_out} out"
            for sa in children
        ]
        lines += [f"{self._peer.title} says: {line}" for line in self._peer.describe()]
        return Shown(
            f"{len(tunnel.ike_sas)} IKE SA, {len(children)} pair of ESP SAs",
            tuple(lines),
            {
                "ike": [sa.model_dump(mode="json") for sa in tunnel.ike_sas],
                "esp": [sa.model_dump(mode="json") for sa in children],
            },
        )

    def _judge(self) -> Shown:
        assert self._capture is not None
        # Two ESP packets a ping; the last may still be on its way to the capture's thread.
        self._capture.wait_for(lambda tally: tally.protected >= 4 * PINGS, timeout=2.0)
        tally = self._capture.tally
        _demand_sealed(tally)
        seen = ", ".join(
            f"{count} {kind.value}"
            for kind, count in tally.counts.items()
            if count and kind is not Kind.NEIGHBOUR
        )
        return Shown(
            f"protected: {seen}; no ICMP, nothing in clear",
            facts={kind.name.lower(): tally.counts[kind] for kind in Kind},
        )

    def _transfer(self) -> Shown:
        with self.world.capture("transfer", unprotected_only=True) as capture:
            result = transfer(
                self.world.host_a,
                self.world.host_b,
                self.world.ipv4.b.host,
                self.options.transfer_seconds,
            )
        _demand_sealed(capture.tally)
        return Shown(
            f"{result.octets / 1e6:,.0f} MB in {result.seconds:.1f} s:"
            f" {result.megabits_per_second:,.0f} Mbit/s, nothing in clear",
            facts={
                "octets": result.octets,
                "seconds": round(result.seconds, 3),
                "mbit_per_second": round(result.megabits_per_second, 1),
            },
        )

    def _remove(self, stack: ExitStack) -> Shown:
        stack.close()
        left = self.world.remains()
        if left:
            raise LabError(f"still there: {', '.join(left)}")
        return Shown("nothing is left behind")


def _attempt(name: str, title: str, step: Callable[[], Shown]) -> Done:
    begin = time.monotonic()
    try:
        shown = step()
    except PrivilegeMissingError:
        raise
    except LabError as error:
        return Done(name, title, False, str(error), seconds=time.monotonic() - begin)
    seconds = time.monotonic() - begin
    return Done(name, title, True, shown.summary, shown.lines, shown.facts, seconds)


def _demand_sealed(tally: Tally) -> None:
    if tally.counts[Kind.ICMP]:
        raise LabError("ICMP was seen on the Internet segment")
    if not tally.sealed:
        raise LabError(f"the Internet segment saw {tally.complaint}")

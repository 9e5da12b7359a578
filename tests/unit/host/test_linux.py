"""In which order the machine is changed, and what is remembered; the kernel is a double."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.host import guards, linux
from gatewright.host.linux import LinuxHost
from gatewright.host.names import HostError, HostNames
from gatewright.host.netfilter import Contents
from gatewright.host.steering import LocalAddress, Plan
from gatewright.policy.compiled import Action, CompiledPolicy
from tests.support.policies import entry, policy, selector

A, B = "192.168.10.0/24", "10.20.0.0/24"
ONE = policy(entry(1, A, B), external="wan", internal="lan")
BOTH = policy(entry(1, A, B), entry(2, "fd00:a::/64", "fd00:b::/64"))
IPV4, IPV6 = "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"


class Kernel:
    """Stands for the modules ``netfilter``, ``netlink`` and ``sysctl``.

    ``calls`` are the changes in order; ``refuse`` is the change that is refused.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuse = ""
        self.ruleset = ""
        self.plans: list[Plan] = []
        self.settings: dict[str, str] = {IPV4: "0", IPV6: "0"}
        self.counters: dict[str, int] = {}

    def apply(self, what: str | Plan, names: HostNames | None = None) -> None:
        del names
        if isinstance(what, Plan):
            self._change("steer")
            self.plans.append(what)
        else:
            removal = "add counter" not in what and "add rule" not in what
            self._change("no guards" if removal else "guards")
            self.ruleset = "" if removal else what

    def table_exists(self, names: HostNames) -> bool:
        del names
        return bool(self.ruleset)

    def rules(self, names: HostNames) -> str:
        del names
        return self.ruleset

    def contents(self, names: HostNames, *, elements: bool = False) -> Contents:
        del names, elements
        return Contents(rules=self.ruleset.count("\nadd rule "))

    def read_counters(self, names: HostNames) -> dict[str, int]:
        del names
        return dict(self.counters)

    def local_addresses(self, names: HostNames) -> list[LocalAddress]:
        del names
        return [LocalAddress(ip_address("203.0.113.1"), "wan")]

    def interfaces(self, names: HostNames) -> frozenset[str]:
        del names
        return frozenset({"wan", "lan"})

    def remove(self, names: HostNames) -> None:
        del names
        self._change("no steering")

    def read(self, name: str) -> str | None:
        return self.settings.get(name)

    def write(self, name: str, value: str) -> None:
        self._change(f"{name} {value}")
        self.settings[name] = value

    def _change(self, call: str) -> None:
        if call == self.refuse:
            raise HostError(f"{call} refused.")
        self.calls.append(call)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    double = Kernel()
    for module in ("netfilter", "netlink", "sysctl"):
        monkeypatch.setattr(linux, module, double)
    return double


def test_guards_are_kept_for_the_next_boot_for_the_owner_alone(
    kernel: Kernel, tmp_path: Path
) -> None:
    LinuxHost(tmp_path).install_guards(ONE)
    kept = tmp_path / "guards.nft"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    stood, kernel.ruleset = kernel.ruleset, ""
    restarted = LinuxHost(tmp_path)
    assert not restarted.guarded()
    assert restarted.restore_guards()
    assert kernel.ruleset == kept.read_text()
    assert kernel.ruleset in stood
    assert not restarted.restore_guards()
    assert kernel.calls == ["guards", "guards"]


def test_where_no_guards_were_none_come_back(kernel: Kernel, tmp_path: Path) -> None:
    assert not LinuxHost(tmp_path).restore_guards()
    assert kernel.calls == []


def test_guards_that_were_refused_are_not_kept(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refuse = "guards"
    with pytest.raises(HostError):
        LinuxHost(tmp_path).install_guards(ONE)
    assert not (tmp_path / "guards.nft").exists()


def test_whether_guards_stand_as_they_were_put_up(kernel: Kernel, tmp_path: Path) -> None:
    host = LinuxHost(tmp_path)
    assert not host.guards_stand(ONE)
    host.install_guards(ONE)
    assert host.guards_stand(ONE)
    assert not host.guards_stand(BOTH)
    kernel.ruleset += "add rule of somebody else"
    assert not host.guards_stand(ONE)


def test_the_guards_are_made_once_for_a_policy_and_anew_for_another(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[CompiledPolicy] = []
    ruleset = guards.ruleset

    def counting(
        policy: CompiledPolicy, names: HostNames, external: Sequence[str] = ()
    ) -> guards.Ruleset:
        made.append(policy)
        return ruleset(policy, names, external)

    monkeypatch.setattr(guards, "ruleset", counting)
    host = LinuxHost(tmp_path)
    host.install_guards(ONE)
    assert host.guards_stand(ONE)
    kernel.ruleset = ""
    assert not host.guards_stand(ONE)
    assert made == [ONE]
    assert not host.guards_stand(BOTH)
    host.install_guards(BOTH)
    assert host.guards_stand(BOTH)
    assert made == [ONE, BOTH]


def test_the_device_is_recorded_before_anything_leads_to_it(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refuse = "steer"
    with pytest.raises(HostError):
        LinuxHost(tmp_path, HostNames(tun="tun7")).steer(ONE)
    assert '"tun7"' in (tmp_path / "host.json").read_text()
    kernel.refuse = ""
    LinuxHost(tmp_path).steer(ONE)
    assert len(kernel.plans[0].rules) == 2


def test_forwarding_is_told_or_switched_on_for_what_the_policy_needs(
    kernel: Kernel, tmp_path: Path
) -> None:
    host = LinuxHost(tmp_path)
    (said,) = host.forwarding(ONE, enable=False)
    assert "Set net.ipv4.ip_forward = 1, or run with --forwarding." in said
    assert kernel.calls == []
    said4, said6 = host.forwarding(BOTH, enable=True)
    assert "IPv4 forwarding was off and is now on" in said4
    assert "net.ipv6.conf.all.forwarding = 1" in said6
    assert kernel.settings == {IPV4: "1", IPV6: "1"}
    assert host.forwarding(BOTH, enable=True) == []


def test_what_is_only_permitted_or_blocked_needs_no_forwarding(
    kernel: Kernel, tmp_path: Path
) -> None:
    del kernel
    permitted = entry(1, selector(A), selector(B), Action.BYPASS)
    assert LinuxHost(tmp_path).forwarding(policy(permitted), enable=False) == []


def test_removal_takes_the_guards_away_last_and_settings_back(
    kernel: Kernel, tmp_path: Path
) -> None:
    host = LinuxHost(tmp_path)
    host.install_guards(ONE)
    host.steer(ONE)
    host.forwarding(ONE, enable=True)
    kernel.calls.clear()
    LinuxHost(tmp_path).remove()  # another process, which has the files alone
    assert kernel.calls == ["no steering", f"{IPV4} 0", "no guards"]
    assert kernel.settings[IPV4] == "0"
    assert list(tmp_path.iterdir()) == []


def test_the_first_value_of_a_setting_is_the_one_to_go_back_to(
    kernel: Kernel, tmp_path: Path
) -> None:
    host = LinuxHost(tmp_path)
    kernel.settings[IPV4] = "7"
    host.forwarding(ONE, enable=True)
    kernel.settings[IPV4] = "0"  # somebody else switched it off meanwhile
    host.forwarding(ONE, enable=True)
    host.remove()
    assert kernel.settings[IPV4] == "7"


def test_a_setting_is_recorded_before_it_is_changed(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refuse = f"{IPV4} 1"
    with pytest.raises(HostError):
        LinuxHost(tmp_path).forwarding(ONE, enable=True)
    assert IPV4 in (tmp_path / "host.json").read_text()


def test_guards_stay_while_something_leads_into_the_tunnel(kernel: Kernel, tmp_path: Path) -> None:
    host = LinuxHost(tmp_path)
    host.install_guards(ONE)
    kernel.refuse = "no steering"
    with pytest.raises(HostError):
        host.remove()
    assert host.guarded()
    assert (tmp_path / "guards.nft").exists()


def test_a_directory_that_cannot_be_written_is_explained(kernel: Kernel, tmp_path: Path) -> None:
    del kernel
    gone = tmp_path / "gone"
    for change in (LinuxHost(gone).steer, LinuxHost(gone).install_guards):
        with pytest.raises(HostError, match="No such file or directory"):
            change(ONE)

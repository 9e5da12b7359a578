"""What a soak says: a line a minute, and the account at the end."""

from __future__ import annotations

from collections.abc import Mapping

from bench.soak.gauges import Reading
from gatewright.lab.numbered import Account

_MIB = 1 << 20


def minute(seconds: float, now: Reading, before: Reading, span: float, lost: int) -> str:
    """One line while it runs: rate since the last one, and what should stay flat."""
    rate = (now.octets - before.octets) * 8 / span / 1e6 if span else 0.0
    processes = "; ".join(
        f"{name} {gauge.memory / _MIB:.1f} MiB, {gauge.descriptors} fds, {gauge.threads} threads"
        for name, gauge in now.processes.items()
    )
    return (
        f"{seconds:7.0f} s  {rate:6.0f} Mbit/s  {now.rekeyed['children']} children and "
        f"{now.rekeyed['IKE SAs']} IKE SAs rekeyed  lost so far {lost}  {processes}"
    )


def final(
    title: str, first: Reading, last: Reading, seconds: float, accounts: Mapping[str, Account]
) -> list[str]:
    """The account in lines."""
    gigabytes = (last.octets - first.octets) / 1e9
    lines = [
        title,
        f"  {seconds:.0f} s, {gigabytes:.1f} GB delivered, {gigabytes * 8 / seconds:.2f} Gbit/s",
    ]
    for kind in last.rekeyed:
        lines.append(f"  {kind} rekeyed: {last.rekeyed[kind] - first.rekeyed[kind]}")
    for way, account in accounts.items():
        lines.append(
            f"  numbered packets {way}: {account.sent} sent, {len(account.lost)} lost, "
            f"{account.overtaken} out of order, {account.doubled} doubled, "
            f"{account.receiver_overflow} too many for the receiving host"
        )
        if account.lost:
            some = ", ".join(f"#{number} at {at:.2f} s" for number, at in account.lost[:20])
            lines.append(f"    lost: {some}")
    for name, gauge in last.processes.items():
        before = first.processes[name]
        spent = gauge.cpu - before.cpu
        lines.append(
            f"  {name}: {before.memory / _MIB:.1f} MiB at the start, {gauge.memory / _MIB:.1f} at "
            f"the end; {before.descriptors} and {gauge.descriptors} descriptors; "
            f"{spent:.1f} CPU seconds, {spent / gigabytes if gigabytes else 0:.2f} a gigabyte"
        )
    drops = [
        f"  {name}: {count - first.drops.get(name, 0)}"
        for name, count in sorted(last.drops.items())
        if count != first.drops.get(name, 0)
    ]
    return [*lines, "  drops meanwhile, by place and name:" + ("" if drops else " none"), *drops]

"""What the figures were measured on, and what the kernel accounts to whom."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PACKET_THREAD = "gatewright-pkt"


def describe() -> str:
    """One line: processor, cores, kernel, Python."""
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """Seconds of all cores since the machine started.

    ``busy``: working, interrupts included; ``steal``: wanted by us, given to others by the host.
    """

    busy: float
    steal: float


def machine_times(stat: str | None = None) -> MachineTimes:
    """``stat``: the content of /proc/stat, read by default (proc_stat(5))."""
    text = Path("/proc/stat").read_text() if stat is None else stat
    user, nice, system, _idle, _wait, irq, softirq, steal = (
        int(field) / TICKS for field in text.split("\n", 1)[0].split()[1:9]
    )
    return MachineTimes(user + nice + system + irq + softirq, steal)


def process_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes in user mode and in the kernel, their threads included."""
    return sum(times.seconds for pid in pids if (times := ProcessTimes.of(pid)) is not None)


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """What /proc/PID/stat says (proc_pid_stat(5)).  ``seconds``: user and system time."""

    parent: int
    seconds: float
    name: str

    @classmethod
    def of(cls, pid: int) -> ProcessTimes | None:
        """None when there is no such process any more."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name stands in parentheses and may contain any character.
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        seconds = (int(fields[11]) + int(fields[12])) / TICKS
        return cls(int(fields[1]), seconds, head.partition("(")[2])


def all_processes() -> dict[int, ProcessTimes]:
    """Every process that can be seen, by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (times := ProcessTimes.of(int(entry.name))) is not None:
            found[int(entry.name)] = times
    return found


def resident_bytes(pid: int) -> int:
    """Memory of a process (VmRSS); 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in lines:
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def spread_packet_threads(pids: Iterable[int]) -> None:
    """Put each packet thread of these gateways on a core, in turn; there it stays."""
    cores = sorted(os.sched_getaffinity(0))
    threads = [thread for pid in pids for thread in _packet_threads(pid)]
    for place, thread in enumerate(threads):
        os.sched_setaffinity(thread, {cores[place % len(cores)]})


def _packet_threads(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    named = [(int(task.name), (task / "comm").read_text()) for task in tasks]
    return sorted(thread for thread, name in named if name.startswith(PACKET_THREAD))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()

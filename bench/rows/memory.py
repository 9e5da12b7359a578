"""Memory of a gateway, and whether it stays what it is under full load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from statistics import median

from bench.claims import Claim, Form
from bench.paths.catalogue import GCM
from bench.result import Result, Table
from bench.series import stream
from bench.setting import Setting

INTERVAL = 0.5
MEBI = 2.0**20
# What allocators and tables that fill may still take up; more is a leak.
FLAT = 2.0


def run(setting: Setting) -> Result:
    """Full load for as long as the setting says, memory looked at twice a second."""
    path = setting.needed(GCM)
    seconds = setting.amount.soak
    setting.say(f"full load for {seconds:g} s")
    taken: list[float] = [path.memory() / MEBI / 2]
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(stream, path, seconds)
        while not wait([load], timeout=INTERVAL).done:
            taken.append(path.memory() / MEBI / 2)
        load.result()
    warm = taken[len(taken) // 4 :]
    quarter = max(1, len(warm) // 4)
    growth = median(warm[-quarter:]) - median(warm[:quarter])
    work = "memory"
    return Result(
        [
            Claim(work, "of a gateway in all", median(taken), Form.MEBIBYTES),
            Claim(
                work,
                f"growth in {seconds:g} s of full load",
                growth,
                Form.MEBIBYTES,
                floor=FLAT,
                lower_is_better=True,
            ),
        ],
        [
            Table(
                "Memory of a gateway, MiB",
                ("when", "resident"),
                [
                    ("before", f"{taken[0]:.1f}"),
                    ("after", f"{taken[-1]:.1f}"),
                    ("highest", f"{max(taken):.1f}"),
                ],
            )
        ],
        {"memory_mebibytes": taken},
    )

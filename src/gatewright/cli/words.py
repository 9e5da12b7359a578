"""Times and amounts as people say them."""

from __future__ import annotations

from datetime import datetime

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: float) -> str:
    """The two largest units: ``2 hours 5 minutes``, ``45 seconds``; ``no time`` below one."""
    left = round(seconds)
    parts = []
    for size, name in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
        if parts and (len(parts) == 2 or size == 1):
            break
    return " ".join(parts[:2]) or "no time"


def ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


def remaining(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return "now" if seconds <= 0 else f"in {duration(seconds)}"


def octets(count: int) -> str:
    """``1.5 MB``: powers of 1000, as network people count."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the loop ends")


def many(count: int, noun: str) -> str:
    """``1 packet``, ``3 packets``, ``no packets``."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def clock(moment: datetime, now: datetime) -> str:
    """Local time; with the date when it is not today's."""
    local, today = moment.astimezone(), now.astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")

"""The audit trail on disk: an SQLite file with a bounded number of rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gatewright.audit.event import Event, Kind, Record, Severity

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
  sequence INTEGER PRIMARY KEY,
  first REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL,
  kind TEXT NOT NULL, severity TEXT NOT NULL, tunnel TEXT NOT NULL, child TEXT NOT NULL,
  text TEXT NOT NULL, details TEXT NOT NULL
)
"""
_KINDS = {kind.text: kind for kind in Kind}
_TRIM_EVERY = 256
_CACHE = 64  # KiB of the file to hold in memory: new records go to its end, and nothing reads on
_LIMIT_IN_MEMORY = 1000  # records, where there is no file


class Store:
    """Keeps the newest ``limit`` records (a few more between trims).

    A file that is damaged or not ours is set aside (``.damaged``), never a reason not to start.
    Nor is a disk that is full: ``problem`` says then why records are not kept, and they are not.
    """

    def __init__(self, path: Path, limit: int = 20_000) -> None:
        self._limit = limit
        self._since_trim = 0
        self.problem = ""
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError as error:
            self._database = self._open_afresh(path, error)

    def put(self, record: Record) -> None:
        """Insert, or replace the record of the same sequence number; ``problem`` when it fails."""
        try:
            self._put(record)
            self.problem = ""
        except sqlite3.Error as error:
            self.problem = str(error)

    def _open_afresh(self, path: Path, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        try:
            # The system refuses (no room, no right): the file is not damaged for that.
            if not isinstance(error, sqlite3.OperationalError):
                path.replace(path.with_suffix(".damaged"))
                return _open(path)
        except (OSError, sqlite3.Error) as second:
            self.problem = str(second)
        else:
            self.problem = str(error)
        self._limit = min(self._limit, _LIMIT_IN_MEMORY)
        return _open(None)

    def _put(self, record: Record) -> None:
        event = record.event
        self._database.execute(
            "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.sequence,
                record.first,
                record.last,
                record.count,
                event.kind.text,
                event.severity.value,
                event.tunnel,
                event.child,
                event.text,
                json.dumps(dict(event.details)),
            ),
        )
        self._since_trim += 1
        if self._since_trim >= _TRIM_EVERY:
            self._since_trim = 0
            self._database.execute(
                "DELETE FROM event WHERE sequence <= (SELECT max(sequence) FROM event) - ?",
                (self._limit,),
            )

    def newest(
        self, count: int, *, tunnel: str | None = None, before: int | None = None
    ) -> Sequence[Record]:
        """The newest records, oldest of them first; unknown kinds (of a later version) left out.

        ``tunnel``: of this one alone.  ``before``: older than this sequence number.  Empty when
        the disk gives none; ``problem`` says why.
        """
        query = (
            "SELECT * FROM event WHERE (?1 IS NULL OR tunnel = ?1)"
            " AND (?2 IS NULL OR sequence < ?2) ORDER BY sequence DESC LIMIT ?3"
        )
        try:
            rows = self._database.execute(query, (tunnel, before, count)).fetchall()
        except sqlite3.Error as error:
            self.problem = str(error)
            return []
        return [_record(row) for row in reversed(rows) if row[4] in _KINDS]

    def close(self) -> None:
        self._database.close()


def _open(path: Path | None) -> sqlite3.Connection:
    """The file's database, or without one a database in memory."""
    if path is not None:
        path.touch(mode=0o600)
    database = sqlite3.connect(path or ":memory:", isolation_level=None)
    # The trail need not survive a power cut to the last row, and must not make the gateway wait
    # for the disk at every event.
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=OFF")
    database.execute(f"PRAGMA cache_size=-{_CACHE}")
    database.execute(_SCHEMA)
    return database


def _record(row: tuple[int, float, float, int, str, str, str, str, str, str]) -> Record:
    sequence, first, last, count, kind, severity, tunnel, child, text, details = row
    event = Event(_KINDS[kind], Severity(severity), text, tunnel, child, json.loads(details))
    return Record(sequence, first, last, count, event)

"""What we keep of a cluster between runs: waivers, and snapshots of its maturity in a hash chain. One SQLite file per cluster.

Blocking: the core calls it in a thread of its own. Nothing of a cluster's secrets gets here: only ids, names, words of people.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ztui.engines.progress import Progress, Sweep, progress
from ztui.errors import JournalError
from ztui.kinds.base import CLUSTER
from ztui.kinds.incident import Heard, Incident
from ztui.kinds.record import SELF, Attestation, GuideMark, History, Waiver, record_meta
from ztui.private import plain_name
from ztui.store import Event, Put, Whole

VERSION: Final = 2
KEPT_DAYS: Final = 400
HEARD_DAYS: Final = 2
"""How long a signal is known to have been counted: sources tell the last hours again, never the last week."""
BUSY_S: Final = 5.0
"""How long another instance that writes is waited for."""

_TABLES: Final = """
create table waiver (id text primary key, body blob not null) strict;
create table skipped (check_id text primary key) strict;
create table sweep (seq integer primary key, body blob not null, previous text not null, hash text not null) strict;
"""
_SINCE_2: Final = """
create table incident (id text primary key, body blob not null) strict;
create table heard (source text not null, id text not null, total integer not null, day integer not null,
  primary key (source, id)) strict, without rowid;
"""
_FIRST: Final = "0" * 64


class Records:
    """The records of one cluster. ``folder`` ``None`` keeps them in memory: a demo leaves nothing behind.

    Raises ``JournalError`` where the file cannot be used; what it holds is then not known.
    """

    def __init__(self, folder: Path | None, cluster: str) -> None:
        self.where = str(_file(folder, cluster)) if folder else ":memory:"
        with _told(self.where):
            if folder:
                _prepare(folder, Path(self.where))
            self._db = sqlite3.connect(self.where, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            found = self._db.execute("pragma user_version").fetchone()[0]
            if found < VERSION:
                made = _TABLES + _SINCE_2 if found == 0 else _SINCE_2
                self._db.executescript(f"begin; {made} pragma user_version = {VERSION}; commit;")
            elif found != VERSION:
                raise JournalError("the records are of another version", where=self.where, why=f"version {found}")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def waivers(self) -> list[Waiver]:
        """All waivers, those that have run out included, by name."""
        with _told(self.where):
            rows = self._db.execute("select id, body from waiver order by id").fetchall()
            return [_waiver(name, body) for name, body in rows]

    def waive(self, waiver: Waiver) -> None:
        """Keep a waiver."""
        fields = {name: getattr(waiver, name) for name in _FIELDS}
        with _told(self.where):
            self._db.execute("insert or replace into waiver values (?, ?)", (waiver.name, msgspec.json.encode(fields)))

    def drop(self, name: str) -> bool:
        """Forget a waiver; says whether there was one."""
        with _told(self.where):
            return self._db.execute("delete from waiver where id = ?", (name,)).rowcount > 0

    def skip(self, check_id: str) -> list[Event]:
        """Leave a step of the guide for later, or take it back; returns what is skipped then."""
        with _told(self.where):
            if not self._db.execute("delete from skipped where check_id = ?", (check_id,)).rowcount:
                self._db.execute("insert into skipped values (?)", (check_id,))
        return self.skipped()

    def skipped(self) -> list[Event]:
        """What is left for later, as store events."""
        with _told(self.where):
            names = [row[0] for row in self._db.execute("select check_id from skipped order by check_id").fetchall()]
        marks = [GuideMark(metadata=record_meta(name)) for name in names]
        return [*map(Put, marks), Whole(GuideMark, frozenset((CLUSTER, name) for name in names))]

    def incidents(self) -> list[Event]:
        """All incidents that are kept, as store events."""
        with _told(self.where):
            rows = self._db.execute("select body from incident order by id").fetchall()
            found = [msgspec.json.decode(row[0], type=Incident) for row in rows]
        return [*map(Put, found), Whole(Incident, frozenset((item.namespace, item.name) for item in found))]

    def heard(self) -> list[Heard]:
        """The ids of the signals that were counted lately."""
        with _told(self.where):
            rows = self._db.execute("select source, id, total from heard order by day").fetchall()
            return [Heard(*row) for row in rows]

    def keep(self, incidents: Iterable[Incident], dropped: Iterable[str], heard: Iterable[Heard], day: int) -> None:
        """Keep what a while of signals made, in one piece. ``day`` counts from 1970; ids of older days are forgotten."""
        with _told(self.where):
            self._db.execute("begin immediate")
            try:
                bodies = ((item.name, msgspec.json.encode(item)) for item in incidents)
                self._db.executemany("insert or replace into incident values (?, ?)", bodies)
                self._db.executemany("delete from incident where id = ?", ((name,) for name in dropped))
                told = ((item.source, item.id, item.total, day) for item in heard)
                self._db.executemany("insert or replace into heard values (?, ?, ?, ?)", told)
                self._db.execute("delete from heard where day < ?", (day - HEARD_DAYS,))
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise

    def add(self, sweep: Sweep) -> None:
        """Append a snapshot to the chain."""
        body = msgspec.json.encode(sweep, order="sorted")
        with _told(self.where):
            self._db.execute("begin immediate")
            try:
                last = self._db.execute("select seq, hash from sweep order by seq desc limit 1").fetchone() or (0, _FIRST)
                row = (last[0] + 1, body, last[1], _digest(last[1], body))
                self._db.execute("insert into sweep values (?, ?, ?, ?)", row)
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise

    def sweeps(self, days: int = KEPT_DAYS) -> list[Sweep]:
        """The snapshots of the last days, oldest first, if the chain holds.

        Raises ``JournalError`` where a snapshot was changed or taken out.
        """
        with _told(self.where):
            rows = self._db.execute("select seq, body, previous, hash from sweep order by seq").fetchall()
        before, number = _FIRST, 0
        for seq, body, previous, digest in rows:
            if seq != number + 1 or previous != before or digest != _digest(previous, body):
                raise JournalError(
                    "the history was changed",
                    where=self.where,
                    why=f"snapshot {seq} does not follow {number}",
                    next="Keep the file aside",
                )
            before, number = digest, seq
        with _told(self.where):
            found = [msgspec.json.decode(body, type=Sweep) for _, body, _, _ in rows]
        return [item for item in found if (found[-1].at - item.at).days < days]

    def events(self, attestations: list[Attestation] | None = None) -> list[Event]:
        """All of it as store events: waivers, attestations, and what the history says."""
        waivers, sworn = self.waivers(), attestations or []
        events: list[Event] = [*map(Put, waivers), *map(Put, sworn)]
        events.append(Whole(Waiver, frozenset((item.namespace, item.name) for item in waivers)))
        events.append(Whole(Attestation, frozenset((item.namespace, item.name) for item in sworn)))
        return [*events, *self.skipped(), *self.incidents(), *self.history()]

    def history(self) -> list[Event]:
        """What the snapshots say, as store events."""
        sweeps = self.sweeps()
        found = progress(sweeps)
        if found is None:
            return [Whole(History, frozenset())]
        return [Put(_history(found, sweeps[-1])), Whole(History, frozenset({(CLUSTER, SELF)}))]


_FIELDS: Final = ("check", "owner", "reason", "expires", "namespace_glob", "target", "ticket")


def new_name(at: datetime, check: str, target: str) -> str:
    """A name for a new waiver: short, unique enough to type."""
    return "w" + hashlib.sha256(f"{at.isoformat()} {check} {target}".encode()).hexdigest()[:7]


def _history(found: Progress, last: Sweep) -> History:
    return History(
        metadata=record_meta(SELF),
        started=found.started.isoformat(),
        sweeps=found.sweeps,
        reached_s=found.reached_s,
        regressed=found.regressed,
        progressed=found.progressed.isoformat(),
        closed_per_day=found.closed_per_day,
        open=last.open,
        curve=found.curve,
    )


def _waiver(name: str, body: bytes) -> Waiver:
    fields = msgspec.json.decode(body, type=dict[str, str])
    return Waiver(metadata=record_meta(name), **{key: value for key, value in fields.items() if key in _FIELDS})


def _digest(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + b"\n" + body).hexdigest()


def _file(folder: Path, cluster: str) -> Path:
    """One file per cluster."""
    return folder / f"{plain_name(cluster)}.sqlite"


def _prepare(folder: Path, path: Path) -> None:
    """Make folder and file private; refuse a file that is a link or somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise OSError("not a file of this user")
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """What the file system and SQLite say, as our own error."""
    try:
        yield
    except (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError) as error:
        step = "Make the state folder writable for its owner; until then nothing is kept"
        raise JournalError("the records cannot be used", where=where, why=str(error), next=step) from error

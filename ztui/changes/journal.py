"""The journal of changes: an append-only chain of records, on the disk before anything is sent.

Sync: callers run it in a thread. One journal per cluster, one writer per journal.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ztui.changes.chain import Chain, Head, Problem
from ztui.changes.change import Change, changes_of
from ztui.changes.disk import Disk, UnfitError
from ztui.changes.entry import GENESIS, Entry, Record, line_of, sealed
from ztui.changes.files import Files
from ztui.changes.lock import Holder
from ztui.clock import Clock
from ztui.errors import JournalError
from ztui.private import plain_name

FOLDER: Final = "journal"
_ACCEPT: Final = "`ztui journal verify` tells more, `ztui journal accept` goes on and keeps the damaged file"
_OWNER: Final = "Make the state folder yours and writable; until then nothing can be changed"
_RESTART: Final = "Mend what is wrong, then start ztui again"
_LOOKS: Final = 3
"""How often a reader looks before it calls a file damaged to which another instance may be writing just now."""


def journal_folder(state: Path, cluster: str) -> Path:
    """Where the journal of a cluster is kept, below the state folder. ``cluster`` is its id, or its server where it has none."""
    return state / FOLDER / plain_name(cluster)


class Journal:
    """One open journal. ``problem`` says why nothing can be written; reading goes on as far as the chain holds.

    ``holder`` is another instance that may write. ``problems`` is what was found wrong, ``notes`` what was tidied, for people.
    """

    def __init__(self, clock: Clock, where: str) -> None:
        self.problem: JournalError | None = None
        self.holder: Holder | None = None
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._clock = clock
        self._where = where
        self._files: Files | None = None
        self._records: list[Record] = []
        self._is_writer = False
        self._guard = threading.RLock()

    @classmethod
    def open(cls, folder: Path | None, *, clock: Clock, reading: bool = False, disk: Disk | None = None) -> Journal:
        """Open, verify and tidy the journal of a folder. Never raises for what is found there: ``problem`` tells.

        ``None`` keeps it in memory: a demo leaves nothing behind. ``reading`` takes no lock and touches nothing.
        """
        journal = cls(clock, str(folder) if folder else "memory")
        if folder is not None and (folder.exists() or not reading):
            journal._open(folder, disk or Disk(), reading=reading)
        if reading and journal.problem is None:
            journal._stop("the journal is open for reading")
        return journal

    def append(self, entry: Entry) -> Record:
        """Record a step; it is on the disk when this returns.

        Raises JournalError where it is not: then nothing may be sent. After an error of the disk every later call raises too.
        """
        with self._guard:
            self._must_write()
            record, line = self._sealed(entry)
            if self._files is not None:
                try:
                    self._files.append(line)
                    self._files.put_head(Head(record.seq, record.hash))
                except OSError as error:
                    self._is_writer = False
                    sent = "Nothing was sent" if entry.step == "intent" else "Nothing more is sent"
                    raise self._stop("the change cannot be recorded", error, f"{sent}. {_RESTART}") from error
            self._records.append(record)
            return record

    def records(self) -> list[Record]:
        """All records as far as the chain holds, oldest first, as of the last ``open``, ``verify`` or ``append`` of ours."""
        with self._guard:
            return list(self._records)

    def changes(self) -> list[Change]:
        """The changes with their state, in the order in which they began."""
        return changes_of(self.records())

    def open_intents(self) -> list[Change]:
        """The changes of which it is not known how they ended: to be found out before anything else is done to their objects."""
        return [item for item in self.changes() if item.is_open]

    def verify(self) -> list[Problem]:
        """Read and check everything again. What blocks also stops the writing, until ``accept``.

        Raises JournalError where the files cannot be read.
        """
        with self._guard:
            if self._files is not None:
                known = self._records[-1:]
                try:
                    self._read(self._files)
                except OSError as error:
                    raise self._stop("the journal cannot be read", error, _RESTART) from error
                if self._is_writer and self._records[-1:] != known and not _blocking(self.problems):
                    self.problems.append(Problem(len(self._records), "it is not the record that was written last"))
                    self._refuse_damage()
            return list(self.problems)

    def accept(self, reason: str, *, user: str = "", session: str = "") -> Record:
        """Go on after damage: keep the damaged files aside, begin anew with the records that hold, and note why.

        Raises JournalError where nothing is damaged, another instance writes, or the disk fails.
        """
        with self._guard:
            files = self._files
            if files is None or not self._is_writer or not _blocking(self.problems):
                self._must_write()
                raise JournalError("nothing is damaged", where=self._where, next="There is nothing to accept")
            try:
                name, fingerprint = files.keep_aside(self._clock.now())
                kept = f"kept as {name}, SHA-256 {fingerprint or 'unknown'}" if name else "there is none"
                told = f"{len(self._records)} records hold; {'; '.join(map(str, self.problems))}; the damaged file: {kept}"
                record, line = self._sealed(self._note(told, reason, user, session))
                files.replace(b"".join(map(line_of, self._records)) + line, Head(record.seq, record.hash))
            except OSError as error:
                raise self._stop("the damaged journal cannot be put aside", error, _RESTART) from error
            self._records.append(record)
            self.notes.append(told)
            self.problem, self.problems = None, []
            return record

    def close(self) -> None:
        """Let go of files and lock. Nothing can be written after that."""
        with self._guard:
            files, self._files, self._is_writer = self._files, None, False
            self._stop("the journal is closed")
            if files is not None:
                files.close()

    def _open(self, folder: Path, disk: Disk, *, reading: bool) -> None:
        if not reading:
            with self._told("nothing can be written to the journal", _OWNER):
                self._files = Files(folder, disk, create=True)
                self._take(self._files)
        with self._told("the journal cannot be read", _OWNER):
            self.problems = [Problem(0, "it cannot be read")]
            self._files = self._files or Files(folder, disk, create=False)
            chain = self._read(self._files)
            if self._is_writer and self.problem is None:
                self._begin(self._files, chain)

    def _take(self, files: Files) -> None:
        """Take the lock, or say who has it. Without it the journal can still be read."""
        lock = files.take(self._clock.now())
        self.holder = lock.holder
        if lock.holder is not None:
            self._stop(f"{lock.holder} writes to the journal", None, "Change things there, or end it and start ztui again")
            return
        self._is_writer = True
        if lock.left is not None:
            self.notes.append(f"{lock.left} ended without letting go of the journal")

    def _read(self, files: Files) -> Chain:
        for _ in range(1 if self._is_writer else _LOOKS):
            chain, self.problems = files.scan(alone=self._is_writer)
            if not _blocking(self.problems):
                break
        self._records = chain.records
        if _blocking(self.problems):
            self._refuse_damage()
        return chain

    def _begin(self, files: Files, chain: Chain) -> None:
        """Tidy what a kill has left, note it, and be ready to write."""
        files.ready(chain)
        for item in self.problems:
            self.notes.append(str(item))
            if item.line > len(chain.records):
                self.append(self._note(f"{item}; it was taken off"))
        self.problems = []

    def _sealed(self, entry: Entry) -> tuple[Record, bytes]:
        prev = self._records[-1].hash if self._records else GENESIS
        mono_ms = round(self._clock.monotonic() * 1000)
        return sealed(entry, len(self._records) + 1, self._clock.now(), mono_ms, prev)

    def _note(self, outcome: str, reason: str = "", user: str = "", session: str = "") -> Entry:
        """A note about the journal itself."""
        context, cluster = (self._records[-1].context, self._records[-1].cluster) if self._records else ("", "")
        return Entry(
            change="", step="note", user=user, context=context, cluster=cluster, session=session, outcome=outcome, reason=reason
        )

    def _must_write(self) -> None:
        if self.problem is not None:
            raise self.problem.with_traceback(None)

    def _refuse_damage(self) -> None:
        if self.problem is None:
            first = next(item for item in self.problems if item.blocks)
            self._stop("the journal is damaged", first, _ACCEPT)

    def _stop(self, what: str, why: object = None, step: str = "") -> JournalError:
        told = why.strerror or str(why) if isinstance(why, OSError) else str(why or "")
        self.problem = JournalError(what, where=self._where, why=told, next=step)
        return self.problem

    @contextmanager
    def _told(self, what: str, step: str) -> Iterator[None]:
        """What the disk refuses while a journal is opened, as its problem; an earlier one stays."""
        try:
            yield
        except JournalError:
            self._is_writer = False
        except (OSError, UnfitError) as error:
            self._is_writer = False
            if self.problem is None:
                self._stop(what, error, step)


def _blocking(problems: list[Problem]) -> bool:
    return any(item.blocks for item in problems)

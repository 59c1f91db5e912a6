"""The files of one journal: the lines, the head beside them, the lock; and damaged ones kept aside."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ztui.changes.chain import Chain, Head, Problem, compare, head_line, read_chain, read_head
from ztui.changes.disk import Disk, UnfitError
from ztui.changes.entry import LINE_LIMIT
from ztui.changes.lock import Lock

JOURNAL: Final = "journal.jsonl"
HEAD: Final = "head"
NEW: Final = ".new"
DAMAGED: Final = ".damaged"
BLOCK: Final = 256 * 1024


class Files:
    """One open folder. Reading needs no more; writing needs ``take`` and then ``ready``. All may raise OSError."""

    def __init__(self, path: Path, disk: Disk, *, create: bool) -> None:
        self.path = path
        self._disk = disk
        self._folder = disk.folder(path, create=create)
        self._lock: Lock | None = None
        self._lines: int | None = None
        self._head: int | None = None
        self._size = 0

    def take(self, at: datetime) -> Lock:
        """Try to take the lock."""
        self._lock = Lock(self._disk, self._folder, at)
        return self._lock

    def scan(self, *, alone: bool) -> tuple[Chain, list[Problem]]:
        """Read everything: what the lines hold, and all problems. The head comes first: it may only be behind."""
        head = self._read_head()
        try:
            chain = read_chain(self._read_lines())
        except FileNotFoundError:
            lost = isinstance(head, Problem) or (head is not None and head.seq > 0) or self._has_damaged()
            return Chain([], []), [Problem(0, "the journal file is not there")] if lost else []
        except UnfitError as error:
            return Chain([], []), [Problem(0, f"the journal file is not one that ztui wrote: {error}")]
        return chain, compare(chain, head, alone=alone)

    def ready(self, chain: Chain) -> None:
        """Tidy what a kill may have left, and open for writing: no half line, a head that names the last record."""
        for name in (JOURNAL, HEAD):
            self._disk.remove(self._folder, name + NEW)
        if not chain.records:
            self.replace(b"", Head())
        self._open()
        if os.fstat(self._journal).st_size > chain.size:
            self._disk.cut(self._journal, chain.size)
            self._disk.sync(self._journal)
        self._size = chain.size
        self.put_head(chain.head)

    def append(self, line: bytes) -> None:
        """Write a line to the end; it is on the disk when this returns."""
        self._must_be_as_left()
        _write_all(self._disk, self._journal, line)
        self._disk.sync(self._journal)
        self._size += len(line)

    def put_head(self, head: Head) -> None:
        """Name the last record; it is on the disk when this returns."""
        assert self._head is not None  # noqa: S101  opened together with the lines
        line = head_line(head)
        if self._disk.overwrite(self._head, line) != len(line):
            raise OSError("the head was written in part")
        self._disk.sync_data(self._head)

    def replace(self, lines: bytes, head: Head) -> None:
        """Put new files in the place of those that are there, if any."""
        self._let_go()
        for name, data in ((HEAD, head_line(head)), (JOURNAL, lines)):
            self._disk.remove(self._folder, name + NEW)
            handle = self._disk.open(self._folder, name + NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                _write_all(self._disk, handle, data)
                self._disk.sync(handle)
            finally:
                os.close(handle)
        for name in (HEAD, JOURNAL):
            self._disk.rename(self._folder, name + NEW, name)
        self._disk.sync(self._folder)
        self._open()
        self._size = len(lines)

    def keep_aside(self, at: datetime) -> tuple[str, str]:
        """Give both files a second name that stays. Returns that of the lines, and their SHA-256; empty where there are none."""
        stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        names = {name: self._aside(name, stamp) for name in (HEAD, JOURNAL)}
        self._disk.sync(self._folder)
        return names[JOURNAL], self._fingerprint(names[JOURNAL]) if names[JOURNAL] else ""

    def close(self) -> None:
        """Let go of everything."""
        self._let_go()
        if self._lock is not None:
            self._lock.close()
        os.close(self._folder)
        self._lock = None

    @property
    def _journal(self) -> int:
        assert self._lines is not None  # noqa: S101  the caller has opened it
        return self._lines

    def _open(self) -> None:
        self._let_go()
        self._lines = self._disk.open(self._folder, JOURNAL, os.O_RDWR | os.O_APPEND)
        self._head = self._disk.open(self._folder, HEAD, os.O_RDWR)

    def _let_go(self) -> None:
        for handle in (self._lines, self._head):
            if handle is not None:
                os.close(handle)
        self._lines = self._head = None

    def _must_be_as_left(self) -> None:
        """Raises OSError where another hand was at the files since our last write: the chain must stay one line."""
        there = self._disk.look(self._folder, JOURNAL)
        mine = os.fstat(self._journal)
        if there is None or not os.path.samestat(there, mine) or mine.st_size != self._size:
            raise OSError("the journal file was changed by another hand")
        if self._lock is None or not self._lock.is_ours:
            raise OSError("the lock was taken away")

    def _read_head(self) -> Head | Problem | None:
        try:
            handle = self._disk.open(self._folder, HEAD, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except UnfitError as error:
            return Problem(0, f"the head file is not one that ztui wrote: {error}")
        try:
            return read_head(self._disk.read(handle, 4096))
        finally:
            os.close(handle)

    def _read_lines(self) -> Iterator[bytes]:
        handle = self._disk.open(self._folder, JOURNAL, os.O_RDONLY)
        try:
            yield from _split(iter(lambda: self._disk.read(handle, BLOCK), b""))
        finally:
            os.close(handle)

    def _has_damaged(self) -> bool:
        """Whether there was a journal before: then its absence is no beginning."""
        return any(name.endswith(DAMAGED) for name in self._disk.names(self._folder))

    def _aside(self, name: str, stamp: str) -> str:
        if self._disk.look(self._folder, name) is None:
            return ""
        for number in range(1000):
            to = f"{name}-{stamp}{f'-{number}' if number else ''}{DAMAGED}"
            if self._disk.look(self._folder, to) is not None:
                continue
            try:
                self._disk.link(self._folder, name, to)
            except OSError:
                # No second names here, or none for what belongs to others: then the file itself moves.
                self._disk.rename(self._folder, name, to)
            return to
        raise FileExistsError(17, "too many damaged files are kept already", name)

    def _fingerprint(self, name: str) -> str:
        found = hashlib.sha256()
        with suppress(UnfitError):
            handle = self._disk.open(self._folder, name, os.O_RDONLY)
            try:
                while block := self._disk.read(handle, BLOCK):
                    found.update(block)
            finally:
                os.close(handle)
            return found.hexdigest()
        return ""


def _split(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their line feeds; one that is too long comes as soon as that shows, so memory stays bounded."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > LINE_LIMIT:
            yield rest
            return
    if rest:
        yield rest


def _write_all(disk: Disk, handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[disk.write(handle, bytes(left)) :]

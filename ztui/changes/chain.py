"""Whether lines are the journal that was written: every line by its own hash, the chain by its links, its end by the head.

Pure: bytes in, records and problems out. Lines end with a line feed and with nothing else, for the writer and for this reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.changes.entry import GENESIS, LINE_LIMIT, VERSION, Record, digest, line_of

PROBLEMS_KEPT: Final = 20
"""After so many damaged lines the rest is not looked at: one look at the file tells more."""

_HEAD: Final = re.compile(rb"ztui-journal-head (\d{1,6}) (\d{12}) ([0-9a-f]{64})\n")


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, and in which line; line 0 is the file as a whole. Writes are refused while one ``blocks``."""

    line: int
    what: str
    blocks: bool = True

    def __str__(self) -> str:
        """In one line, for people."""
        return f"line {self.line}: {self.what}" if self.line else self.what


class Head(msgspec.Struct, frozen=True):
    """The number and the hash of the record that was written last."""

    seq: int = 0
    hash: str = GENESIS


class Chain(msgspec.Struct):
    """What lines hold: ``records`` up to the first problem and their ``size`` in bytes, how many ``lines`` were looked at.

    ``torn``: the last line has no line feed.
    """

    records: list[Record]
    problems: list[Problem]
    size: int = 0
    lines: int = 0
    torn: bool = False

    @property
    def head(self) -> Head:
        """The end of the part that holds."""
        return Head(self.records[-1].seq, self.records[-1].hash) if self.records else Head()


def head_line(head: Head) -> bytes:
    """The head as its file holds it: always of one length, so that it is overwritten in place.

    It fits a sector of a disk, so that a write of it happens whole or not at all.
    """
    return b"ztui-journal-head %d %012d %s\n" % (VERSION, head.seq, head.hash.encode())


def read_head(raw: bytes) -> Head | Problem:
    """The head from its file, or what is wrong with it."""
    found = _HEAD.fullmatch(raw)
    if found is None:
        return Problem(0, "the head file is not what was written")
    if int(found[1]) != VERSION:
        return Problem(0, f"the head file is of version {int(found[1])}, this is {VERSION}")
    return Head(int(found[2]), found[3].decode())


def read_chain(lines: Iterable[bytes]) -> Chain:
    """Follow the chain through ``lines``, each with its line feed; goes on after a problem to find others."""
    chain = Chain([], [])
    expected: Head | None = Head()
    for number, line in enumerate(lines, 1):
        chain.lines, chain.torn = number, not line.endswith(b"\n")
        record, what = _record(line)
        if record is not None and not what and expected is not None:
            what = _follows(record, expected)
        expected = Head(record.seq, record.hash) if record is not None else None
        if what:
            chain.problems.append(Problem(number, what))
        elif not chain.problems and record is not None:
            chain.records.append(record)
            chain.size += len(line)
        if len(chain.problems) >= PROBLEMS_KEPT or len(line) > LINE_LIMIT:
            chain.problems.append(Problem(number, "what follows was not looked at"))
            break
    return chain


def compare(chain: Chain, head: Head | Problem | None, *, alone: bool) -> list[Problem]:
    """All problems of a chain beside what the head says; ``None`` is a head file that is not there.

    ``alone``: nobody else may be writing right now. Otherwise the file may be ahead of the head that was read before it, and its
    last line unfinished.
    """
    if isinstance(head, Problem):
        return [*chain.problems, head]
    if head is None:
        return [*chain.problems, Problem(0, "the head file is not there")] if chain.lines else []
    there = len(chain.records)
    if chain.problems:
        return [_unfinished(chain)] if _is_unfinished(chain, head, alone=alone) else chain.problems
    if head.seq > there:
        return [Problem(there + 1, f"the end is missing: {head.seq} records were written, {there} are there")]
    if head.hash != (chain.records[head.seq - 1].hash if head.seq else GENESIS):
        return [Problem(head.seq, "it is not the record that was written here: the head file names another")]
    if alone and head.seq < there - 1:
        return [Problem(head.seq + 2, f"the head file ends at record {head.seq}, {there} are there")]
    return [Problem(there, "it was written and not counted yet", blocks=False)] if alone and head.seq < there else []


def _is_unfinished(chain: Chain, head: Head, *, alone: bool) -> bool:
    """Whether all that is wrong is a last line that no append has finished: its writer was killed, or is at it."""
    there = len(chain.records)
    if not chain.torn or len(chain.problems) != 1 or chain.lines != there + 1:
        return False
    if alone:
        return head == chain.head
    return head.seq <= there and head.hash == (chain.records[head.seq - 1].hash if head.seq else GENESIS)


def _unfinished(chain: Chain) -> Problem:
    return Problem(chain.lines, "it is unfinished: nothing rests on it", blocks=False)


def _record(line: bytes) -> tuple[Record | None, str]:
    """The record of one line as far as it can be read, and what is wrong with it on its own."""
    if len(line) > LINE_LIMIT:
        return None, f"it is longer than {LINE_LIMIT} bytes"
    if not line.endswith(b"\n"):
        return None, "it does not end"
    try:
        record = msgspec.json.decode(line, type=Record)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None, _why_not(line)
    if line.endswith(b"\r\n"):
        return record, "it ends with a carriage return"
    if record.v != VERSION:
        return None, f"it is of version {record.v}, this is {VERSION}"
    if digest(line, record.hash) != record.hash:
        return record, "it was changed: its hash does not fit"
    if line_of(record) != line:
        return record, "it is not written as ztui writes it"
    return record, ""


class _Versioned(msgspec.Struct):
    v: int


def _why_not(line: bytes) -> str:
    try:
        found = msgspec.json.decode(line, type=_Versioned).v
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return "it is no record"
    return "it is no record" if found == VERSION else f"it is of version {found}, this is {VERSION}"


def _follows(record: Record, before: Head) -> str:
    if record.seq != before.seq + 1:
        return f"record {record.seq} stands where {before.seq + 1} belongs"
    return "" if record.prev == before.hash else f"record {record.seq} does not follow the one before it"

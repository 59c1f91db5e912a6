"""One line of the journal: what a caller says of a change, the record that is made of it, and its canonical bytes.

The file is printable ASCII, one record a line. Nothing that looks like a credential is written, whatever a caller hands in: the
first net is the door, which secret fields do not pass, and this is the second.
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ztui.errors import JournalError
from ztui.kinds.base import BEGINNING, HANDLES, Ref
from ztui.redact import HIDDEN, is_secret_of, redact
from ztui.text import clean

if TYPE_CHECKING:
    Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
    """Any JSON value."""
else:
    Json = Any  # msgspec has no recursive types

VERSION: Final = 1
GENESIS: Final = "0" * 64
"""What the first record names as the hash before it."""

LINE_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one line. What a change owns of one object is far smaller than the largest object a cluster stores (1.5 MiB)."""

NO_UNDO: Final = "no undo is kept: it would need a value that looks like a credential"

_DEEPEST: Final = 64
_ID: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")
_BEYOND_ASCII: Final = re.compile(r"[^\x20-\x7e]")
_WORDS: Final = ("recipe", "action", "user", "context", "cluster", "session", "outcome", "reason")

Step = Literal["intent", "sent", "acked", "verified", "failed", "rolled-back", "undone", "unknown", "note"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of one step of a change.

    ``change`` is the id of the change; a note about the journal itself has none. ``ref``, or ``path`` of a Vault, say what is
    changed. ``before`` and ``after`` hold only the fields that the change owns, ``undo`` is what an undo needs; none of the three
    holds a value of a Secret-like kind. ``undoes`` is the id of the change that this one takes back. An undo needs identities and
    values as they are, so they are kept as they are: readers pass them through the text gate. All else is clean. An ``undo`` that
    would need something that looks like a credential is not kept, and the outcome says so.
    """

    change: str
    step: Step
    recipe: str = ""
    ref: Ref | None = None
    path: str = ""
    action: str = ""
    user: str = ""
    context: str = ""
    cluster: str = ""
    session: str = ""
    before: Json = None
    after: Json = None
    undo: Json = None
    outcome: str = ""
    reason: str = ""
    undoes: str = ""


class Record(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry in its place: numbered, timed, and tied to the record before it.

    ``at`` is UTC; ``mono_ms`` is the monotonic clock of the machine, which tells durations within one session whatever happens to
    the wall clock. ``hash`` is the SHA-256 of the line without these 64 digits.
    """

    v: int
    seq: int
    at: datetime
    mono_ms: int
    prev: str
    hash: str = ""


def sealed(entry: Entry, seq: int, at: datetime, mono_ms: int, prev: str) -> tuple[Record, bytes]:
    """The record of an entry, redacted and hashed, and its line.

    Raises JournalError where it cannot be written so that it can be read back exactly.
    """
    try:
        fields = _safe_fields(entry)
        record = Record(**fields, v=VERSION, seq=seq, at=at, mono_ms=mono_ms, prev=prev)
        record = msgspec.structs.replace(record, hash=hashlib.sha256(_canonical(record)).hexdigest())
        line = line_of(record)
        if len(line) > LINE_LIMIT:
            raise ValueError(f"it has {len(line)} bytes, {LINE_LIMIT} are the most")  # noqa: TRY301  told as the others
        again = msgspec.json.decode(line, type=Record)
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise _unwritable(entry, str(error)) from error
    if again != record:
        raise _unwritable(entry, "a value would not be read back as it is")
    return record, line


def line_of(record: Record) -> bytes:
    """The canonical bytes of a record: sorted keys, no blanks, everything beyond printable ASCII escaped, one line feed."""
    return _canonical(record) + b"\n"


def digest(line: bytes, own: str) -> str:
    """The hash of a line, in which its ``own`` hash, wherever it stands, does not count."""
    return hashlib.sha256(line.removesuffix(b"\n").replace(own.encode(), b"", 1)).hexdigest()


def hides(value: Json) -> bool:
    """Whether something was taken out of a value when it was written, so that it cannot be compared with anything."""
    if isinstance(value, str):
        return HIDDEN in value
    if isinstance(value, dict):
        return any(hides(key) or hides(item) for key, item in value.items())
    return isinstance(value, list) and any(map(hides, value))


def _canonical(record: Record) -> bytes:
    raw = msgspec.json.encode(record, order="sorted")
    if raw.isascii() and b"\x7f" not in raw:
        return raw
    return _BEYOND_ASCII.sub(_escape, raw.decode()).encode()


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _safe_fields(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(entry, name) for name in Entry.__struct_fields__}
    for name in ("change", "undoes"):
        if not _ID.fullmatch(fields[name]):
            raise ValueError(f"{name} is no plain word of 64 letters at most")
    fields["path"] = redact(entry.path)
    if entry.ref is not None:
        ref = Ref(*(redact(getattr(entry.ref, name)) for name in Ref.__struct_fields__))
        fields["ref"] = msgspec.structs.replace(ref, name=f"{ref.name[:BEGINNING]}{HIDDEN}") if ref.kind in HANDLES else ref
    for name in ("before", "after", "undo"):
        fields[name] = _safe(fields[name], _DEEPEST)
    if hides(fields["undo"]):
        fields["undo"] = None
        fields["outcome"] = f"{entry.outcome}; {NO_UNDO}" if entry.outcome else NO_UNDO
    for name in _WORDS:
        fields[name] = clean(redact(fields[name]))
    return fields


def _safe(value: object, deep: int) -> Json:
    """A value without anything that looks like a credential. Raises ValueError for what is no JSON."""
    if not deep:
        raise ValueError(f"a value is nested more than {_DEEPEST} deep")
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [_safe(item, deep - 1) for item in value]
    if isinstance(value, dict):
        return _safe_mapping(value, deep)
    raise ValueError(f"a value is no JSON: {type(value).__name__}")


def _safe_mapping(value: dict[Any, Any], deep: int) -> Json:
    """The same for a mapping: a text also counts as a credential by the name it has, as its key or in a field beside it."""
    beside = value.get("name")
    found: dict[str, Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValueError("a key is no text")  # noqa: TRY004  one error for all that is no JSON
        told = beside if key == "value" and isinstance(beside, str) else key
        if isinstance(item, str) and is_secret_of(told, item):
            found[redact(key)] = HIDDEN
        else:
            found[redact(key)] = _safe(item, deep - 1)
    return found


def _unwritable(entry: Entry, why: str) -> JournalError:
    where = f"{entry.step} of {entry.change or 'the journal'}"
    return JournalError("the change cannot be recorded", where=where, why=why, next="Nothing was written")

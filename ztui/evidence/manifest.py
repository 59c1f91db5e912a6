"""The manifest of a bundle: what is in it, by which hash, what could not be captured, and where it hangs on the journal.

Pure. The manifest is the last member, so that a bundle that was cut off has none and counts for nothing.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

import msgspec

SCHEMA: Final = "ztui.bundle"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"

MIB: Final = 1024 * 1024
LOG_LIMIT: Final = 10 * MIB
"""Bytes of one container's log."""
TOTAL_LIMIT: Final = 200 * MIB
"""Bytes of everything in a bundle before it is packed; what no longer fits is named."""
MEMBER_LIMIT: Final = 64 * MIB
READ_LIMIT: Final = 256 * MIB
"""Bytes that a reader unpacks of any file that says it is a bundle; what we write is smaller."""
MEMBERS_LIMIT: Final = 20_000
MANIFEST_LIMIT: Final = 8 * MIB

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]{0,99}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DEEPEST: Final = 6


class Kept(msgspec.Struct, frozen=True):
    """One file: its path in the bundle, SHA-256 and size in bytes, what was asked for it, and what was left out of it."""

    path: str
    sha256: str
    size: int
    source: str = ""
    note: str = ""


class Missing(msgspec.Struct, frozen=True):
    """What could not be captured, and why; both are clean."""

    what: str
    why: str


class Link(msgspec.Struct, frozen=True):
    """The end of the journal when the bundle was made: its last record by number and hash (0: it had none).

    ``records`` are how many of it are in the bundle; ``note`` says why there is no journal, where there is none.
    """

    seq: int = 0
    hash: str = ""
    records: int = 0
    note: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """Everything about a bundle but its files' contents."""

    schema: str
    version: int
    name: str
    made_by: str
    at: datetime
    target: str
    sort: str
    cluster: str
    context: str
    server: str
    user: str
    journal: Link
    files: tuple[Kept, ...]
    missing: tuple[Missing, ...] = ()
    incident: str = ""
    limits: dict[str, int] = msgspec.field(default_factory=lambda: {"log": LOG_LIMIT, "total": TOTAL_LIMIT})


def problem_of(found: Manifest) -> str:
    """What makes a manifest none of ours, in raw words; empty where nothing does."""
    if found.schema != SCHEMA or found.version != VERSION:
        return f"it is {found.schema} of version {found.version}, this reads {SCHEMA} of version {VERSION}"
    names = [item.path for item in found.files]
    if len(set(names)) != len(names):
        return "it names a file twice"
    strange = next((name for name in names if not is_path(name) or name == MANIFEST), None)
    if strange is not None:
        return f"it names {strange!r}, which is no path of a bundle"
    broken = next(
        (item.path for item in found.files if not _HEX.fullmatch(item.sha256) or not 0 <= item.size <= MEMBER_LIMIT), None
    )
    return f"hash or size of {broken} are none" if broken is not None else ""


def is_path(text: str) -> bool:
    """Whether a path is one that we write: relative, of plain words, not deep, and without a way up."""
    parts = text.split("/")
    return 0 < len(parts) <= _DEEPEST and all(_PART.fullmatch(part) is not None for part in parts)


def path_part(name: str) -> str:
    """A name from a cluster as one part of a path: short, plain, and different for different names."""
    if _PLAIN.fullmatch(name):
        return name
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:24] or "x"
    return f"{plain}~{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:12]}"


def stem_of(target: str, at: datetime) -> str:
    """The name of a bundle without its ending: ``bundle-shop-api-20260105T090000Z``."""
    plain = path_part("-".join(target.split("/")[-2:]) or "x")
    return f"bundle-{plain}-{at:%Y%m%dT%H%M%SZ}"


def digest(data: bytes) -> str:
    """SHA-256 as the manifest holds it."""
    return hashlib.sha256(data).hexdigest()

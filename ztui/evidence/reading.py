"""Reading a bundle: hashes verified, hostile archives refused, nothing ever unpacked to the disk.

Whatever says that it is a bundle may come from anybody. Only plain members are taken, in the one format that we write; a link, a
device, a long header or a path with a way up ends the reading. Sync: callers run it in a thread.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from ztui.errors import DataError
from ztui.evidence.manifest import (
    MANIFEST,
    MANIFEST_LIMIT,
    MEMBER_LIMIT,
    MEMBERS_LIMIT,
    READ_LIMIT,
    Manifest,
    is_path,
    problem_of,
)
from ztui.kinds.base import DECODE_ERRORS
from ztui.text import Clean, clean, clean_lines

_BLOCK: Final = 512
_CHUNK: Final = 64 * 1024
_UNREADABLE: Final = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError)


class Bundle(msgspec.Struct, frozen=True):
    """A bundle that was read: its manifest, the SHA-256 of the whole file, and what is not as the manifest says, clean."""

    path: Path
    sha256: str
    manifest: Manifest
    problems: tuple[Clean, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether every file is there with the hash that the manifest gives it."""
        return not self.problems


def read_bundle(path: Path) -> Bundle:
    """Verify a bundle. Raises DataError for what is none, or may not be read."""
    found: dict[str, tuple[str, int]] = {}
    manifest: Manifest | None = None
    with _opened(path) as file:
        for name, size, chunks in _members(file, path):
            if manifest is not None:
                raise _refused(path, f"{clean(name)} comes after the manifest")
            if name == MANIFEST:
                manifest = _manifest(path, size, chunks)
                continue
            sha = hashlib.sha256()
            for chunk in chunks:
                sha.update(chunk)
            found[name] = (sha.hexdigest(), size)
    if manifest is None:
        raise _refused(path, "it has no manifest: it was cut off, or is no bundle")
    named = {item.path for item in manifest.files}
    strange = sorted(set(found) - named)
    if strange:
        raise _refused(path, f"{clean(strange[0])} is in it and not in its manifest")
    return Bundle(path, _hash_of(path), manifest, tuple(map(clean, _problems(manifest, found))))


def page_of(bundle: Bundle, name: str) -> list[Clean]:
    """A file of a bundle as lines through the text gate. Raises DataError where it is not there, or not what was captured."""
    kept = next((item for item in bundle.manifest.files if item.path == name), None)
    if kept is None:
        raise DataError(
            f"there is no {clean(name, limit=200)} in the bundle", where=str(bundle.path), next="without --page all are listed"
        )
    with _opened(bundle.path) as file:
        for found, size, chunks in _members(file, bundle.path):
            if found == name:
                raw = b"".join(chunks)
                if size != kept.size or hashlib.sha256(raw).hexdigest() != kept.sha256:
                    raise DataError(
                        f"{clean(name)} is not what was captured", where=str(bundle.path), why="its hash is another one"
                    )
                text = raw.decode("utf-8", "replace").removesuffix("\n")
                return clean_lines(text, limit=MEMBER_LIMIT)
    raise DataError(f"{clean(name)} is missing from the bundle", where=str(bundle.path))


def _problems(manifest: Manifest, found: dict[str, tuple[str, int]]) -> Iterator[str]:
    for item in manifest.files:
        if item.path not in found:
            yield f"{item.path} is named and missing"
        elif found[item.path] != (item.sha256, item.size):
            yield f"{item.path} is not what was captured: its hash or size is another one"


def _manifest(path: Path, size: int, chunks: Iterator[bytes]) -> Manifest:
    if size > MANIFEST_LIMIT:
        raise _refused(path, f"its manifest has {size} bytes")
    try:
        found = msgspec.json.decode(b"".join(chunks), type=Manifest)
    except DECODE_ERRORS as error:
        raise _refused(path, f"its manifest cannot be read: {error}") from error
    problem = problem_of(found)
    if problem:
        raise _refused(path, problem)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The packed file; never a pipe that would keep us waiting, never one that is too large."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError("the bundle cannot be read", where=str(path), why=error.strerror or str(error)) from error
    there = os.fstat(handle)
    if not stat.S_ISREG(there.st_mode) or there.st_size > READ_LIMIT:
        os.close(handle)
        plain = stat.S_ISREG(there.st_mode)
        raise _refused(path, f"it has {there.st_size} bytes, {READ_LIMIT} are the most" if plain else "it is no plain file")
    with os.fdopen(handle, "rb") as file:
        yield file


class _Unpacked:
    """The unpacked bytes, at most so many."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._zip = gzip.GzipFile(fileobj=file, mode="rb")
        self._left = READ_LIMIT
        self._path = path

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, or fewer at the end."""
        parts = []
        while size:
            try:
                part = self._zip.read(min(size, _CHUNK))
            except _UNREADABLE as error:
                raise _refused(self._path, f"it is cut off or damaged: {error}") from error
            if not part:
                break
            size -= len(part)
            self._left -= len(part)
            if self._left < 0:
                raise _refused(self._path, f"it unpacks to more than {READ_LIMIT} bytes")
            parts.append(part)
        return b"".join(parts)


def _members(file: IO[bytes], path: Path) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Path in the bundle, size and content of each member. Content that nobody takes is skipped."""
    raw = _Unpacked(file, path)
    seen: set[str] = set()
    tops: set[str] = set()
    while (head := raw.read(_BLOCK)).strip(b"\0"):
        info = _info(head, path)
        top, _, name = info.name.partition("/")
        tops.add(top)
        if not is_path(info.name) or not name or len(tops) > 1:
            raise _refused(path, f"{clean(info.name, limit=200)} is no path of a bundle")
        if name in seen:
            raise _refused(path, f"{clean(name)} is in it twice")
        seen.add(name)
        if len(seen) > MEMBERS_LIMIT:
            raise _refused(path, f"it has more than {MEMBERS_LIMIT} members")
        taken = _Content(raw, info.size, lambda: _refused(path, "it ends in the middle of a file"))
        yield name, info.size, iter(taken)
        taken.skip()
    while rest := raw.read(_CHUNK):  # to the very end, where the sum over all of it is
        if rest.strip(b"\0"):
            raise _refused(path, "something comes after its end")


class _Content:
    """The bytes of one member, in pieces, and the padding after them."""

    def __init__(self, raw: _Unpacked, size: int, torn: Callable[[], DataError]) -> None:
        self._raw = raw
        self._left = size
        self._padding = -size % _BLOCK
        self._torn = torn

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            part = self._raw.read(min(self._left, _CHUNK))
            if not part:
                raise self._torn()
            self._left -= len(part)
            yield part

    def skip(self) -> None:
        """Go to the next member."""
        for _ in self:
            pass
        if len(self._raw.read(self._padding)) < self._padding:
            raise self._torn()


def _info(head: bytes, path: Path) -> tarfile.TarInfo:
    """The header of a plain member of a size that we write."""
    try:
        info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise _refused(path, f"it is no archive of ours: {error}") from error
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
        raise _refused(path, f"{clean(info.name, limit=200)} is no plain file (type {clean(info.type.decode('latin-1'))})")
    if not 0 <= info.size <= MEMBER_LIMIT:
        raise _refused(path, f"{clean(info.name, limit=200)} has {info.size} bytes, {MEMBER_LIMIT} are the most")
    return info


def _hash_of(path: Path) -> str:
    sha = hashlib.sha256()
    with _opened(path) as file:
        while part := file.read(_CHUNK):
            sha.update(part)
    return sha.hexdigest()


def _refused(path: Path, why: str) -> DataError:
    return DataError(
        "this is no bundle that may be read", where=str(path), why=why, next="a whole bundle of `ztui bundle` is read"
    )

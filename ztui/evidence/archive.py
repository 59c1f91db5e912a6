"""Writing a bundle: a tar.gz of plain files for their owner only, which gets its name when it is whole and on the disk.

Sync: callers run it in a thread. Nothing is written over, nothing through a link.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import secrets
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ztui.errors import SettingsError
from ztui.evidence.manifest import MANIFEST, MEMBER_LIMIT, TOTAL_LIMIT, Kept, Manifest, digest, is_path
from ztui.evidence.scrub import json_bytes
from ztui.private import private_folder
from ztui.text import clean

LEFT_S: Final = 3600.0
"""Seconds after which a file without its name is nobody's any more: a capture takes minutes."""

_NEXT: Final = "--output FILE names another place"


class _Hashed:
    """A file that hashes what is written to it. Once it is left, a late close of what wrote to it writes nowhere."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle
        self.sha = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of it. Raises OSError."""
        sent = 0
        while self._handle is not None and sent < len(data):
            sent += os.write(self._handle, memoryview(data)[sent:])
        self.sha.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def leave(self) -> None:
        """The file is closed: its number may soon be that of another."""
        self._handle = None


class Archive:
    """One bundle that is being written. ``files`` are those that are in it."""

    def __init__(self, path: Path, stem: str, at: datetime, *, limit: int = TOTAL_LIMIT) -> None:
        """Open a nameless file beside the place of the bundle. Raises SettingsError where it cannot be there.

        ``stem`` is the folder that all members are in.
        """
        self.path = path
        self.files: list[Kept] = []
        self._limit = limit
        self._size = 0
        self._stem = stem
        self._seconds = int(at.timestamp())
        self._part = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
        try:
            if path.is_symlink() or path.exists():
                raise _refused(path, "something of that name is there")
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(path, error.strerror or str(error)) from error
        self._handle = handle
        self._out = _Hashed(handle)
        self._zip = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=self._out, mtime=self._seconds)
        self._tar = tarfile.TarFile(mode="w", fileobj=self._zip, format=tarfile.USTAR_FORMAT)

    def takes(self, path: str) -> bool:
        """Whether a file may have this path: one of ours, not there yet, and short enough for the format."""
        full = f"{self._stem}/{path}"
        if path == MANIFEST or not is_path(full) or any(item.path == path for item in self.files):
            return False
        try:
            tarfile.TarInfo(full).tobuf(tarfile.USTAR_FORMAT)
        except ValueError:
            return False
        return True

    def fits(self, size: int) -> bool:
        """Whether so many bytes more have a place in it."""
        return size <= MEMBER_LIMIT and self._size + size <= self._limit

    def add(self, path: str, data: bytes, source: str = "", note: str = "") -> Kept:
        """Put a file into it. Raises SettingsError where the disk refuses, ValueError for what has no place in it."""
        if not self.takes(path) or not self.fits(len(data)):
            raise ValueError(f"{path} has no place in the bundle")
        kept = Kept(path, digest(data), len(data), clean(source), clean(note))
        self._put(path, data)
        self._size += len(data)
        self.files.append(kept)
        return kept

    def finish(self, manifest: Manifest) -> str:
        """Close it with its manifest and give it its name; returns the SHA-256 of the file. Raises SettingsError."""
        self._put(MANIFEST, json_bytes(msgspec.to_builtins(manifest)))
        try:
            self._tar.close()
            self._zip.close()
            os.fsync(self._handle)
            os.link(self._part, self.path)  # unlike a rename it puts itself in nobody's place
            self._sync_folder()
        except OSError as error:
            raise _refused(self.path, error.strerror or str(error)) from error
        return self._out.sha.hexdigest()

    def close(self) -> None:
        """Let go of the nameless file, whether it got a name or not."""
        with contextlib.suppress(OSError):
            self._part.unlink()
        self._out.leave()
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def _put(self, path: str, data: bytes) -> None:
        info = tarfile.TarInfo(f"{self._stem}/{path}")
        info.size, info.mtime, info.mode = len(data), self._seconds, 0o600
        try:
            self._tar.addfile(info, io.BytesIO(data))
        except OSError as error:
            raise _refused(self.path, error.strerror or str(error)) from error

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def place_of(output: Path | None, state: Path | None, name: str, at: datetime) -> Path:
    """Where a bundle goes: where it is asked for, else the state folder, which is made and swept. Raises SettingsError."""
    if output is not None:
        return output
    if state is None:
        raise SettingsError("the demo keeps nothing", where="ztui bundle", next="--output FILE says where the bundle goes")
    folder = state / "bundles"
    try:
        private_folder(folder)
    except OSError as error:
        raise _refused(folder, error.strerror or str(error)) from error
    _sweep(folder, at)
    return folder / name


def _sweep(folder: Path, at: datetime) -> None:
    """Remove what captures left that were killed; one that is under way is younger."""
    for path in folder.glob(".bundle-*.part"):
        with contextlib.suppress(OSError):
            if at.timestamp() - path.lstat().st_mtime > LEFT_S:
                path.unlink()


def _refused(path: Path, why: str) -> SettingsError:
    return SettingsError("the bundle cannot be written", where=str(path), why=why, next=_NEXT)

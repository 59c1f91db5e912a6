"""The file system as the journal uses it: every call in one place, so that each can be made to fail.

Everything is opened below one folder, never through a link, and only if it is a plain file of this user.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from ztui.private import private_folder


class UnfitError(Exception):
    """What stands under a name is no file that we wrote: a link, a pipe, or somebody else's."""


class Disk:
    """The calls to the operating system. All raise OSError; ``folder`` and ``open`` also ``UnfitError``."""

    def user(self) -> int:
        """Whose files we take."""
        return os.geteuid()

    def folder(self, path: Path, *, create: bool) -> int:
        """Open a folder; ``create`` also makes it, and takes from others what they may do in it."""
        if create:
            private_folder(path)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        found = os.fstat(handle)
        if found.st_uid != self.user():
            os.close(handle)
            raise UnfitError(f"the folder belongs to user {found.st_uid}")
        if create and stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(handle, 0o700)
        return handle

    def open(self, folder: int, name: str, flags: int) -> int:
        """Open a file or, with ``O_CREAT``, make one. A pipe under its name holds nobody up."""
        try:
            handle = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except FileExistsError:
            raise
        except OSError:
            # A link, or a file of others that we may not read, is told as what it is.
            if (there := self.look(folder, name)) is not None:
                self._refuse(name, there)
            raise
        try:
            found = os.fstat(handle)
            self._refuse(name, found)
            if stat.S_IMODE(found.st_mode) & 0o077 and flags & (os.O_RDWR | os.O_WRONLY):
                os.fchmod(handle, 0o600)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def look(self, folder: int, name: str) -> os.stat_result | None:
        """What stands under a name, itself and not where it points; None where there is nothing."""
        with contextlib.suppress(FileNotFoundError):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        return None

    def names(self, folder: int) -> list[str]:
        """The names of everything in a folder."""
        return os.listdir(folder)

    def read(self, handle: int, size: int) -> bytes:
        """The next bytes; empty at the end."""
        return os.read(handle, size)

    def write(self, handle: int, data: bytes) -> int:
        """Write some of the bytes; says how many."""
        return os.write(handle, data)

    def overwrite(self, handle: int, data: bytes) -> int:
        """Write over the beginning."""
        return os.pwrite(handle, data, 0)

    def sync(self, handle: int) -> None:
        """Wait until a file or folder is on the disk, with its size."""
        os.fsync(handle)

    def sync_data(self, handle: int) -> None:
        """Wait until what was overwritten is on the disk."""
        getattr(os, "fdatasync", os.fsync)(handle)

    def cut(self, handle: int, size: int) -> None:
        """Take off what is beyond ``size`` bytes."""
        os.ftruncate(handle, size)

    def rename(self, folder: int, name: str, to: str) -> None:
        """Put a file in the place of another."""
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=folder)

    def link(self, folder: int, name: str, to: str) -> None:
        """Give a file a second name."""
        os.link(name, to, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def remove(self, folder: int, name: str) -> None:
        """Remove a file; fine where there is none."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def lock(self, handle: int) -> bool:
        """Take the lock on a file; False where another holds it. The system drops it when its holder ends, however it ends."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _refuse(self, name: str, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            raise UnfitError(f"{name} is a link")
        if not stat.S_ISREG(found.st_mode):
            raise UnfitError(f"{name} is no plain file")
        if found.st_uid != self.user():
            raise UnfitError(f"{name} belongs to user {found.st_uid}")

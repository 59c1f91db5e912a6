"""The one lock of a journal: whoever holds it may write, and says who it is.

The system drops the lock with its process, so a kill leaves only words in the file, which the next holder replaces.
"""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import datetime

import msgspec

from ztui.changes.disk import Disk
from ztui.text import clean

LOCK = "lock"


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as it says itself. ``pid`` 0 where the file does not tell."""

    pid: int = 0
    host: str = ""
    since: str = ""

    def __str__(self) -> str:
        """In words, for people."""
        if not self.pid:
            return "another ztui"
        return f"ztui {self.pid}{f' on {self.host}' if self.host else ''}{f' since {self.since}' if self.since else ''}"


class Lock:
    """An open lock file. ``holder`` is another that has it; ``left`` one that ended without letting go."""

    def __init__(self, disk: Disk, folder: int, at: datetime) -> None:
        self._disk, self._folder = disk, folder
        self._handle = disk.open(folder, LOCK, os.O_RDWR | os.O_CREAT)
        self.holder: Holder | None = None
        self.left: Holder | None = None
        try:
            found = _holder(disk.read(self._handle, 4096))
            if not disk.lock(self._handle):
                self.holder = found or Holder()
                return
            self.left = found
            mine = Holder(os.getpid(), socket.gethostname(), at.isoformat(timespec="seconds"))
            disk.cut(self._handle, 0)
            disk.overwrite(self._handle, msgspec.json.encode(mine))
        except BaseException:
            os.close(self._handle)
            raise

    @property
    def is_ours(self) -> bool:
        """Whether we hold the lock, and the file that we hold is still the one that others would ask."""
        there = self._disk.look(self._folder, LOCK)
        return self.holder is None and there is not None and os.path.samestat(there, os.fstat(self._handle))

    def close(self) -> None:
        """Let go; words that stay in the file where the disk fails say nothing of who holds it."""
        with contextlib.suppress(OSError):
            if self.holder is None:
                self._disk.cut(self._handle, 0)
        os.close(self._handle)


def _holder(raw: bytes) -> Holder | None:
    """Who a lock file names; hostile bytes name nobody."""
    try:
        found = msgspec.json.decode(raw, type=Holder)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return Holder(found.pid, clean(found.host, limit=100), clean(found.since, limit=40))

"""A disk that lets a test in at each of its calls: to fail there, or to end the process there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from ztui.changes.disk import Disk

CALLS: Final = (
    *("folder", "open", "look", "names", "read", "write", "overwrite"),
    *("sync", "sync_data", "cut", "rename", "link", "remove", "lock"),
)

Hook = Callable[[str, int, tuple[Any, ...]], None]


class PointDisk(Disk):
    """Calls ``hook`` with the name, the number and the arguments of each call before it is made."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self.count = 0

    def __getattribute__(self, name: str) -> Any:
        call = super().__getattribute__(name)
        if name not in CALLS:
            return call

        def pointed(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            self.hook(name, self.count, arguments)
            return call(*arguments, **named)

        return pointed


def failing(name: str, error: int, *, after: int = 0) -> Hook:
    """Fail at every call of this name but the first ``after``."""
    seen = 0

    def hook(called: str, _: int, __: tuple[Any, ...]) -> None:
        nonlocal seen
        if called == name:
            seen += 1
            if seen > after:
                raise OSError(error, os.strerror(error))

    return hook


def killing(point: int, *, half: bool) -> Hook:
    """End the process at a call; ``half`` of what it would append is appended first. The head fits a sector: it is never half."""

    def hook(called: str, number: int, arguments: tuple[Any, ...]) -> None:
        if number == point:
            if half and called == "write":
                handle, data = arguments
                Disk().write(handle, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return hook

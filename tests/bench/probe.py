"""Runs a program in a pseudo-terminal of its own and measures it from outside: what it wrote when, its CPU and its memory.

What was written is replayed through a terminal model, for only what differs is written: a word need not come in one piece.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

TICKS = os.sysconf("SC_CLK_TCK")
PAINTED = 1000
"""Bytes that only a painted screen takes: the switches of modes before it are far fewer."""


class Probe:
    """One program under measurement; ``lines`` by ``columns`` is what it may paint."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], *, columns: int = 140, lines: int = 40) -> None:
        self.columns, self.lines = columns, lines
        self.chunks: list[tuple[float, bytes]] = []
        self._screen = pyte.Screen(columns, lines)
        self._stream, self._replayed = pyte.ByteStream(self._screen), 0
        self._started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            colours = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execvpe(command[0], list(command), {**env, **colours})  # noqa: S606  the child of our own fork
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def read(self, seconds: float, until: Callable[[], bool] = lambda: False) -> int:
        """Read for so long, or until something holds after a chunk; returns the bytes that came."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], min(left, 0.05))[0]:
                continue
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                break
            self.chunks.append((time.monotonic() - self._started, data))
            count += len(data)
            if until():
                break
        return count

    def read_until(self, words: str, seconds: float) -> bool:
        """Read until these words, a regular expression, stand on the screen; whether they do."""
        self.read(seconds, lambda: self.shows(words))
        return self.shows(words)

    def shows(self, words: str) -> bool:
        """Whether these words, a regular expression, are on the screen now."""
        return re.search(words, self.screen()) is not None

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    @property
    def painted_s(self) -> float:
        """When the first screen was painted."""
        size = 0
        for at, data in self.chunks:
            size += len(data)
            if size >= PAINTED:
                return at
        return float("nan")

    def shown_s(self, holds: Callable[[str], bool]) -> float:
        """When the screen first showed something that holds."""
        screen = pyte.Screen(self.columns, self.lines)
        stream = pyte.ByteStream(screen)
        for at, data in self.chunks:
            stream.feed(data)
            if holds("\n".join(screen.display)):
                return at
        return float("nan")

    def screen(self) -> str:
        """What is on the screen now."""
        for _, data in self.chunks[self._replayed :]:
            self._stream.feed(data)
        self._replayed = len(self.chunks)
        return "\n".join(self._screen.display)

    @property
    def cpu_s(self) -> float:
        """CPU time so far."""
        return cpu_s(self.pid)

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident memory now, or at its peak (``VmHWM``)."""
        return memory_mb(self.pid, what)


def cpu_s(pid: int | str) -> float:
    """CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int | str, what: str = "VmRSS") -> float:
    """Resident memory of a process."""
    line = next(item for item in Path(f"/proc/{pid}/status").read_text().splitlines() if item.startswith(what))
    return int(line.split()[1]) / 1024

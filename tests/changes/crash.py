"""Processes that make one change each and are killed at a named point: ``python -m tests.changes.crash KUBECONFIG``.

Reads lines ``STATE POINT WRITE SEED``, forks a process for each (it saves the start of Python), and answers with its exit status.
Which change it is follows from the seed; ``WRITE`` is the write of it, from 1, at which the points that have one are reached.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.changes.chosen import choose, opened
from tests.changes.desks import agree
from ztui.changes import opening  # noqa: F401  loaded before the fork, and not after each
from ztui.changes.entry import Entry, Record
from ztui.changes.journal import Journal
from ztui.changes.writer import Live, Sent, Writer
from ztui.recipes.base import Write
from ztui.sources import http  # noqa: F401  as above

POINTS: Final = ("before-intent", "after-intent", "after-send", "after-answer", "after-verify")
ROOT: Final = Path(__file__).resolve().parents[2]


def die() -> None:
    """As power does."""
    os.kill(os.getpid(), signal.SIGKILL)


def plant(point: str, at: int) -> None:
    """Die at that point, of that write where several reach it."""
    append, send = Journal.append, Writer.send
    reached = {"after-intent": "intent", "after-verify": "verified", "after-answer": "acked"}.get(point, "")
    seen = dict.fromkeys(("before", "append", "send"), 0)

    def appending(self: Journal, entry: Entry) -> Record:
        if point == "before-intent" and entry.step == "intent":
            seen["before"] += 1
            if seen["before"] == at:
                die()
        record = append(self, entry)
        if entry.step == reached:
            seen["append"] += 1
            if seen["append"] == (1 if point == "after-verify" else at):
                die()
        return record

    async def sending(self: Writer, write: Write, live: Live | None, change: str, **how: Any) -> Sent:
        found = await send(self, write, live, change, **how)
        if point == "after-send" and not how.get("dry_run"):
            seen["send"] += 1
            if seen["send"] == at:
                die()
        return found

    Journal.append = appending  # type: ignore[method-assign]  # a crash has to happen somewhere
    Writer.send = sending  # type: ignore[method-assign]  # as above


async def change(kubeconfig: str, state: Path, seed: int) -> None:
    """Make the change."""
    async with opened(kubeconfig, state) as (_, desk):
        await agree(desk, await choose(random.Random(seed)).look(desk))  # noqa: S311  not a secret


def serve(kubeconfig: str) -> None:
    """Fork a process for each line, until there are no more."""
    for line in sys.stdin:
        state, point, write, seed = line.split()
        child = os.fork()
        if not child:
            plant(point, int(write))
            asyncio.run(change(kubeconfig, Path(state), int(seed)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Crashes:
    """The process that forks, seen from a test."""

    def __init__(self, kubeconfig: Path) -> None:
        command = [sys.executable, "-m", "tests.changes.crash", str(kubeconfig)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Crashes:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self._process.communicate()

    def run(self, state: Path, point: str, write: int, seed: int) -> int:
        """The exit status of one: -9 where it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{state} {point} {write} {seed}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


if __name__ == "__main__":
    serve(sys.argv[1])

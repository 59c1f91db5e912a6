"""A process that makes one change and is killed at a named point: ``python -m tests.changes.crash KUBECONFIG STATE POINT``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.changes.desks import agree, look
from ztui.changes.entry import Entry, Record
from ztui.changes.journal import Journal
from ztui.changes.writer import Live, Sent, Writer
from ztui.core import Core
from ztui.recipes.base import Write, kinds_used
from ztui.settings import Settings
from ztui.sources.target import find_target

POINTS = ("before-intent", "after-intent", "after-send", "after-answer", "after-verify")


def die() -> None:
    """As power does."""
    os.kill(os.getpid(), signal.SIGKILL)


def plant(point: str) -> None:
    """Die at that point."""
    append, send = Journal.append, Writer.send

    def appending(self: Journal, entry: Entry) -> Record:
        if point == "before-intent" and entry.step == "intent":
            die()
        record = append(self, entry)
        reached = {"after-intent": "intent", "after-verify": "verified", "after-answer": "acked"}
        if reached.get(point) == entry.step:
            die()
        return record

    async def sending(self: Writer, write: Write, live: Live | None, change: str, **how: Any) -> Sent:
        found = await send(self, write, live, change, **how)
        if point == "after-send" and not how.get("dry_run"):
            die()
        return found

    Journal.append = appending  # type: ignore[method-assign]  # a crash has to happen somewhere
    Writer.send = sending  # type: ignore[method-assign]  # as above


async def change(kubeconfig: str, state: Path) -> None:
    """Make the change."""
    settings = Settings(kubeconfig=kubeconfig)
    core = Core(Settings(), lambda: find_target(settings, {}), also=kinds_used(), state=state, cards=None)
    async with core.open():
        await core.settled(60)
        desk = await core.desk()
        preview = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        await agree(desk, preview)


if __name__ == "__main__":
    plant(sys.argv[3])
    asyncio.run(change(sys.argv[1], Path(sys.argv[2])))

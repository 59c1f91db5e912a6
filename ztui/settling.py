"""Reading a cluster once for the shell: until everything is there, with progress, and a question where a login program waits."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

from ztui.core import Core
from ztui.errors import ZtuiError
from ztui.fatal import say
from ztui.frame import Frame
from ztui.kinds.base import Kind
from ztui.settings import Settings
from ztui.targets import target_finder
from ztui.text import clean


def settled(make: Callable[[], Core], wait_s: float, *, quiet: bool) -> Frame:
    """The frame once everything has been read; asks first where a login program waits for a person's yes."""
    frame = asyncio.run(_settle(make(), wait_s, quiet=quiet))
    error = frame.health.problem if frame.health is not None else None
    if error is not None and _approved(error):
        frame = asyncio.run(_settle(make(), wait_s, quiet=quiet))
    return frame


def _approved(error: ZtuiError) -> bool:
    """Whether somebody at a terminal says yes to a login program; without one, the error says what to set."""
    from ztui.sources.approvals import ApprovalError, approve, card_words  # noqa: PLC0415  after a connection only

    if not isinstance(error, ApprovalError) or not error.may_ask or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    lines = ["The kubeconfig wants to run a program to log in:"]
    lines += [f"  {name:<9} {clean(text, limit=len(text))}" for name, text in card_words(error.card)]
    say("\n".join(lines))
    sys.stderr.write("Run it, now and from now on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        return False
    approve(error.card, error.policy)
    return True


async def _settle(core: Core, wait_s: float, *, quiet: bool) -> Frame:
    async with core.open():
        progress = None if quiet else asyncio.ensure_future(_progress(core))
        try:
            return await core.settled(wait_s)
        finally:
            if progress is not None:
                progress.cancel()
                await asyncio.gather(progress, return_exceptions=True)
                sys.stderr.write("\r\x1b[K")


async def _progress(core: Core) -> None:
    async for frame in core.frames():
        waited = frame.health.login_waiting_s if frame.health is not None else None
        words = f"reading {frame.loaded} of {frame.kinds} kinds"
        if waited is not None:
            words = f"login program waiting ({waited:.0f} s), Ctrl-C to cancel"
        sys.stderr.write(f"\r{words}\x1b[K")
        sys.stderr.flush()
        await asyncio.sleep(0.1)


def read(found: argparse.Namespace, settings: Settings, kinds: frozenset[type[Kind]]) -> Frame:
    """A cluster of which only these kinds are read. Raises what keeps us from it."""
    with target_finder(found, settings) as (finder, mine):
        frame = settled(lambda: Core(mine, finder, cards={}, also=kinds), mine.wait_s, quiet=True)
    problem = frame.problem or (frame.health.problem if frame.health else None)
    if problem is not None:
        raise problem
    return frame

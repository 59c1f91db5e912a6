"""Reading a cluster once for the shell: until everything is there, with progress, and a question where a login program waits."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from ztui.checks.base import Check, CheckId, Status
from ztui.core import Core
from ztui.errors import ConnectError, ZtuiError
from ztui.fatal import say
from ztui.frame import Frame
from ztui.kinds.base import Kind
from ztui.settings import Settings
from ztui.targets import Finder, records_folder, target_finder
from ztui.text import clean
from ztui.words import gap_text

EXIT_NOT_ASSESSED: Final = 3


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


def own_core(
    settings: Settings,
    find: Finder,
    cards: Mapping[CheckId, Check] | None = None,
    also: frozenset[type[Kind]] = frozenset(),
) -> Core:
    """A core with the records of this user; somebody at a terminal can log in to a Vault."""
    return Core(settings, find, cards=cards, also=also, state=records_folder(settings, os.environ), show=shows_login())


def shows_login() -> Callable[[str, str], None] | None:
    """Shows where to log in to a Vault; None where nobody would see it."""
    return _show_login if sys.stdin.isatty() and sys.stderr.isatty() else None


def _show_login(name: str, address: str) -> None:
    say(f"The Vault {clean(name)} wants a login in a browser (--wait says for how long):\n  {clean(address, limit=len(address))}")


def assess(
    found: argparse.Namespace, settings: Settings, cards: Mapping[CheckId, Check], also: frozenset[type[Kind]] = frozenset()
) -> Frame:
    """Read and judge once, reading these kinds besides."""
    with target_finder(found, settings) as (finder, mine):
        return settled(lambda: own_core(mine, finder, cards, also), mine.wait_s, quiet=not sys.stderr.isatty())


def is_judged(frame: Frame) -> bool:
    """Whether at least one check has a verdict."""
    none = {Status.UNKNOWN, Status.ERROR}
    return frame.board is not None and any(item.status not in none for item in frame.board.verdicts.values())


def not_assessed(frame: Frame) -> int:
    """Say on stderr why not one check could be judged; returns the exit status."""
    problem = frame.problem or (frame.health.problem if frame.health else None)
    if problem is None and frame.board is not None:
        gaps = dict.fromkeys(gap_text(gap) for item in frame.board.verdicts.values() for _, gap in item.gaps)
        why = "; ".join(list(gaps)[:5])
        problem = ConnectError("not one check could be judged", why=why, next="`ztui roles viewer` prints the rights needed")
    sys.stderr.write(f"ztui: {problem}\n")
    return EXIT_NOT_ASSESSED


def warn_unreadable(frame: Frame) -> None:
    """Say on stderr what of the connection and of our own records was wrong."""
    problem = frame.health.problem if frame.health else None
    notes = [str(problem)] if problem is not None else []
    notes += [*frame.notes, *(f"the record {name} covers nothing" for name in (frame.board.idle if frame.board else ()))]
    for note in notes:
        sys.stderr.write(f"ztui: {note}\n")

"""The guide is followed from a young cluster on by the very commands that it prints, with the real kubectl and the real vault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.demo.guided import FILES, Act, commands, fits, noted, table, tables
from tests.demo.shell import Shell
from tests.demo.test_walk import Impatient, settings_of
from ztui.board import Board
from ztui.checks.base import CheckId, Finding
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.guide.procedures import Names
from ztui.guide.route import open_findings, route
from ztui.targets import finder
from ztui.words import sentence

PATIENCE_S: Final = 40.0
TURNS: Final = 2
"""How often a stop may come: what mends another one may leave something new for it."""
LATER: Final = frozenset(noted("later"))
"""Checks that find nothing in a young cluster, and become stops on the way."""
ALONG: Final = frozenset(noted("along"))
"""Checks that one before them in their file may have mended along with itself."""
UNWRITTEN: Final = frozenset(noted("unwritten"))
"""Checks that no command mends: they are left out."""


class Follower:
    """Somebody at a shell who reads the guide and does what it says, finding by finding."""

    def __init__(self, core: Core, shell: Shell, names: Names) -> None:
        self._core, self._shell, self._names = core, shell, names
        self.done: set[tuple[CheckId, int]] = set()
        """Which acts of the tables were ever carried out."""

    async def board(self, when: Callable[[Board], bool], what: object) -> Board:
        """The first board that is as wanted."""
        self._core.retry()
        try:
            async with asyncio.timeout(PATIENCE_S), aclosing(self._core.frames()) as frames:
                async for frame in frames:
                    if frame.board is not None and when(frame.board):
                        return frame.board
        except TimeoutError:
            pass
        raise AssertionError(what)

    async def mend(self, board: Board, check: CheckId, acts: tuple[Act, ...]) -> Board:
        """Carries out the acts for each finding, one after the other, each until it is gone."""
        ran: set[str] = set()
        while found := next((item for item in open_findings(board, check) if any(fits(act, item) for act in acts)), None):
            await self._carry_out(check, acts, found, ran)
            board = await self.board(partial(is_gone, check, found), (check, told([found])))
        if check in stops(board, self._core):
            await self._carry_out(check, acts, None, ran)
        return await self.board(lambda now: check not in stops(now, self._core), (check, told(open_findings(board, check))))

    async def spoil(self, board: Board, check: CheckId, acts: tuple[Act, ...]) -> Board:
        """Does what somebody did wrong, where the table says so; a board on which something is found then."""
        wrong = [act.first for act in acts if act.first]
        for command in wrong:
            await asyncio.to_thread(self._shell.run, command)
        return await self.board(lambda now: bool(open_findings(now, check)), (check, "is not found")) if wrong else board

    async def _carry_out(self, check: CheckId, acts: tuple[Act, ...], finding: Finding | None, ran: set[str]) -> None:
        for number, act in enumerate(acts):
            if not fits(act, finding):
                continue
            self.done.add((check, number))
            for command in commands(check, act, finding, self._names):
                if repr(command) not in ran:  # of two findings that one command mends, nobody runs it twice
                    ran.add(repr(command))
                    await asyncio.to_thread(self._shell.run, *command)


def told(found: list[Finding]) -> list[str]:
    return [f"{item.status} {item.on}: {sentence(item)}" for item in found]


def is_gone(check: CheckId, was: Finding, board: Board) -> bool:
    """Whether the same is found no more."""
    key = (was.on, was.reason, was.values)
    return all((item.on, item.reason, item.values) != key for item in open_findings(board, check))


def stops(board: Board, core: Core, skipped: frozenset[str] = frozenset()) -> list[CheckId]:
    """The checks that keep a row from being done, in the order of the guide; those of the foundations last."""
    return [stop.check for to in (4, 0) for stop in route(board, core.cards, to=to, skipped=skipped)]


class Beginning(NamedTuple):
    """A young cluster, somebody who looks at it and follows, and the first board."""

    core: Core
    follower: Follower
    board: Board


@asynccontextmanager
async def young(folder: Path) -> AsyncIterator[Beginning]:
    with DemoThread(scenario="fresh", churn=False) as demo:
        settings = settings_of(demo.server, folder)
        shell = Shell(folder, demo.server, settings)
        core = Core(settings, finder(settings), clock=Impatient())
        async with core.open():
            board = (await core.settled(PATIENCE_S)).board
            assert board is not None
            yield Beginning(core, Follower(core, shell, Names("demo", demo.url)), board)


@pytest.mark.parametrize("file", FILES)
async def test_the_stops_of_a_file_are_mended_by_the_printed_commands(tmp_path: Path, file: str) -> None:
    known, later = table(file), set()
    async with young(tmp_path) as (core, follower, first):
        board = first
        for check, acts in known.items():
            board = await follower.spoil(board, check, acts)
            if check in stops(board, core) or open_findings(board, check):
                board = await follower.mend(board, check, acts)
            else:
                later.add(check)
    assert LATER & known.keys() <= later <= (LATER | ALONG) & known.keys()


async def test_who_follows_the_guide_arrives(tmp_path: Path) -> None:
    known, taken = tables(), list[CheckId]()
    async with young(tmp_path) as (core, follower, first):
        board = first
        assert board.phase == 0
        while left := [check for check in stops(board, core, UNWRITTEN) if check not in UNWRITTEN]:
            check = left[0]
            assert check in known, f"{check} has no commands"
            assert taken.count(check) < TURNS, (f"{check} is back after {taken}", told(open_findings(board, check)))
            taken.append(check)
            board = await follower.mend(board, check, known[check])
    assert set(stops(board, core)) <= UNWRITTEN
    assert not UNWRITTEN & known.keys()
    assert board.phase == 4
    assert len(taken) > 55

"""Somebody at a shell who looks at a young cluster and follows the guide, finding by finding."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.demo.guided import Act, Command, commands, fits
from tests.demo.shell import Shell
from ztui.board import Board
from ztui.checks.base import CheckId, Finding
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo.server import DemoServer, DemoThread
from ztui.guide.procedures import Names
from ztui.guide.route import open_findings, route
from ztui.settings import ContextSettings, Settings, VaultSettings
from ztui.sources import alerts, logs
from ztui.sources.side import POLL_S
from ztui.targets import finder
from ztui.words import sentence

SOON_S: Final = 0.2
PATIENCE_S: Final = 120.0


class Impatient(SystemClock):
    """A clock on which the next question to the metrics store is always near."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so long, or hardly at all where it is the pause between two polls."""
        await super().sleep(SOON_S if seconds in {POLL_S, alerts.SOON_S, logs.SOON_S} else seconds)


class Follower:
    """Somebody at a shell who reads the guide and does what it says, finding by finding."""

    def __init__(self, core: Core, shell: Shell, names: Names) -> None:
        self._core, self._shell, self._names = core, shell, names
        self.reads: Callable[[Command, Finding | None], None] = lambda _command, _finding: None
        """Called with each command before it is run."""
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

    async def mend(self, board: Board, check: CheckId, acts: tuple[Act, ...], *, whole: bool = True) -> Board:
        """Carries out the acts for each finding, one after the other, each until it is gone; a `whole` stop until it is none."""
        ran: set[str] = set()
        while found := next((item for item in open_findings(board, check) if any(fits(act, item) for act in acts)), None):
            await self.carry_out(check, acts, found, ran)
            board = await self.board(partial(is_gone, check, found), (check, told([found])))
        if not whole:
            return board
        if check in stops(board, self._core):
            await self.carry_out(check, acts, None, ran)
        return await self.board(lambda now: check not in stops(now, self._core), (check, told(open_findings(board, check))))

    async def spoil(self, board: Board, check: CheckId, acts: tuple[Act, ...]) -> Board:
        """Does what somebody did wrong, where the table says so; a board on which something is found then."""
        wrong = [act.first for act in acts if act.first]
        for command in wrong:
            await asyncio.to_thread(self._shell.run, command)
        return await self.board(lambda now: bool(open_findings(now, check)), (check, "is not found")) if wrong else board

    async def carry_out(self, check: CheckId, acts: tuple[Act, ...], finding: Finding | None, ran: set[str]) -> None:
        """Does what the acts say for a finding of a check; what ``ran`` is not run again."""
        for number, act in enumerate(acts):
            if not fits(act, finding):
                continue
            self.done.add((check, number))
            for command in commands(check, act, finding, self._names):
                if repr(command) not in ran:  # of two findings that one command mends, nobody runs it twice
                    ran.add(repr(command))
                    await asyncio.to_thread(self.reads, command, finding)
                    await asyncio.to_thread(self._shell.run, *command[:3])


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
async def young(folder: Path, scenario: str = "fresh") -> AsyncIterator[Beginning]:
    """A young cluster (or another) that only changes when somebody changes it, looked at and settled."""
    with DemoThread(scenario=scenario, churn=False) as demo:
        settings = settings_of(demo.server, folder)
        shell = Shell(folder, demo.server, settings)
        core = Core(settings, finder(settings), clock=Impatient())
        async with core.open():
            board = (await core.settled(PATIENCE_S)).board
            assert board is not None
            yield Beginning(core, Follower(core, shell, Names("demo", demo.url)), board)


def settings_of(server: DemoServer, folder: Path) -> Settings:
    """How to reach the demo's API, its Vault and its metrics."""
    config = server.write_kubeconfig(folder / "kubeconfig")
    authority, token = server.write_vault(folder)
    vault = VaultSettings(server.vault.url, ca_file=str(authority), token_file=str(token))
    url = server.telemetry_url
    beside = ContextSettings(metrics_url=url, alertmanager_url=url, logs_url=url)
    return Settings(
        kubeconfig=str(config), context="demo", vaults={"demo": vault}, contexts={"demo": beside}, request_timeout_s=25.0
    )

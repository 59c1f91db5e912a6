"""One demo and one desk for each scenario: remedies of the whole catalogue are tried on them, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.changes.desks import opened
from tests.demo.client import Client
from ztui.changes.desk import Desk
from ztui.core import Core
from ztui.demo.server import DemoThread


class Stage(NamedTuple):
    """A demo, who administrates it, and the console's own way to it."""

    demo: DemoThread
    admin: Client
    core: Core
    desk: Desk


@pytest.fixture(scope="module")
def demos() -> Iterator[Callable[[str], DemoThread]]:
    """Starts the demo of a scenario at its first use."""
    with ExitStack() as stack:
        found: dict[str, DemoThread] = {}

        def of(scenario: str) -> DemoThread:
            if scenario not in found:
                found[scenario] = stack.enter_context(DemoThread(scenario=scenario, churn=False))
            return found[scenario]

        yield of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(
    demos: Callable[[str], DemoThread], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[str], asyncio.Future[Stage]]]:
    """Opens a desk on a scenario at its first use; each lives in a task of its own until the module ends."""
    ended = asyncio.Event()
    ready: dict[str, asyncio.Future[Stage]] = {}
    tasks: list[asyncio.Task[None]] = []

    async def keep(scenario: str, folder: Path) -> None:
        demo = demos(scenario)
        async with opened(demo, folder) as (core, desk):
            ready[scenario].set_result(Stage(demo, Client(demo.url, demo.ca_pem, demo.token("admin")), core, desk))
            await ended.wait()

    def of(scenario: str) -> asyncio.Future[Stage]:
        if scenario not in ready:
            ready[scenario] = asyncio.get_running_loop().create_future()
            tasks.append(asyncio.create_task(keep(scenario, tmp_path_factory.mktemp(scenario)), name=scenario))
        return ready[scenario]

    yield of
    ended.set()
    await asyncio.gather(*tasks)

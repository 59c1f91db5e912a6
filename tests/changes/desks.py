"""A desk on a demo cluster, through the unmodified client: what the console does, without the console."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ztui.changes.consent import Consent
from ztui.changes.desk import Desk
from ztui.changes.preview import Preview
from ztui.changes.protocol import Outcome
from ztui.checks.base import CheckId
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.recipes.base import kinds_used, recipes
from ztui.settings import ContextSettings, Settings
from ztui.sources.target import find_target

REASON = "a test of it"


@asynccontextmanager
async def opened(
    demo: DemoThread,
    folder: Path,
    *,
    user: str = "admin",
    state: Path | None = None,
    settings: Settings | None = None,
    beside: ContextSettings | None = None,
) -> AsyncIterator[tuple[Core, Desk]]:
    """A core that has read everything, and its desk. ``beside`` is where else things are than in the demo's metrics store."""
    path = folder / f"kubeconfig-{user}"
    path.write_text(demo.kubeconfig(user))
    path.chmod(0o600)
    mine = settings or Settings()

    def find() -> object:
        name = msgspec.yaml.decode(path.read_bytes())["current-context"]
        there = beside or ContextSettings(metrics_url=demo.telemetry_url)
        return find_target(Settings(kubeconfig=str(path), contexts={name: there}), {})

    others = len(connections())
    core = Core(mine, find, also=kinds_used(), state=state)  # type: ignore[arg-type]  # the finder of a target
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    await drained(others)


def connections() -> list[object]:
    """The open connections of this loop."""
    loop = asyncio.get_running_loop()
    found = (item for item in gc.get_objects() if isinstance(item, asyncio.Transport) and getattr(item, "_loop", None) is loop)
    return [item for item in found if getattr(item, "_sock", None) is not None]


async def drained(but: int = 0) -> None:
    """All connections but so many are closed: one that was being opened when its owner ended takes a moment."""
    async with asyncio.timeout(30):
        while len(connections()) > but:  # noqa: ASYNC110  a transport tells nobody that it is gone
            await asyncio.sleep(0.01)


async def until(core: Core, holds: Callable[[Frame], bool]) -> Frame:
    """The first frame of which something holds."""
    async with asyncio.timeout(60):
        async for frame in core.frames():
            if holds(frame):
                return frame
    raise AssertionError


def found_on(frame: Frame, check: str, name: str) -> bool:
    """Whether a check fails or warns on an object of that name."""
    assert frame.board is not None
    return any(item.on.name == name and item.status in {"FAIL", "WARN"} for _, item in frame.board.findings(CheckId(check)))


async def look(desk: Desk, recipe: str, kind: str, name: str, namespace: str = "", group: str = "", **answers: str) -> Preview:
    """The preview of a recipe on an object."""
    return await desk.preview(recipes()[recipe], Ref(group, kind, namespace, name), answers)


async def agree(desk: Desk, preview: Preview) -> Outcome:
    """Apply it as somebody who types what is asked for."""
    word = preview.need(desk.mode).word
    return await desk.apply(preview, Consent(word, REASON, force=preview.forces), lambda _: None)

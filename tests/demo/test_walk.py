"""The guide is followed from a young cluster on: stop by stop, through the API, each proof turning green by itself."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Final

from tests.demo.assessed import Obj
from tests.demo.client import Answer, Client
from tests.demo.way import Way, carriers, plain
from ztui.board import Board
from ztui.checks.base import CheckId
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo.catalogue import Resource
from ztui.demo.server import DemoServer
from ztui.guide.route import route
from ztui.settings import ContextSettings, Settings, VaultSettings
from ztui.sources import alerts, logs
from ztui.sources.side import POLL_S
from ztui.targets import finder

SOON_S: Final = 0.2
PATIENCE_S: Final = 40.0
LOOKS: Final = 20


class Impatient(SystemClock):
    """A clock on which the next question to the metrics store is always near."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so long, or hardly at all where it is the pause between two polls."""
        await super().sleep(SOON_S if seconds in {POLL_S, alerts.SOON_S, logs.SOON_S} else seconds)


class Hands:
    """Somebody who carries out what a stop asks for: at the API, and at the Vault."""

    def __init__(self, server: DemoServer, way: Way) -> None:
        self.server, self.way = server, way
        self.admin = Client(server.url, server.ca_pem, server.token("admin"))

    async def carry_out(self, selectors: tuple[str, ...]) -> None:
        """Makes of these what they are at the end of the way."""
        for selector in selectors:
            kind, _, what = selector.partition(" ")
            if kind == "vault":
                for path in self.way.paths(what):
                    self.way.write_path(self.server.vault.story, path, 1)
            else:
                for key in self.way.named(selector):
                    await self._bring(key)

    async def _bring(self, key: str) -> None:
        if key not in self.way.ends[1]:
            resource, obj = self.way.ends[0][key]
            answer = await asyncio.to_thread(self.admin.ask, place(resource, obj), "DELETE")
            assert answer.code in (200, 202, 404), (key, answer.body)
            return
        resource, obj = self.way.ends[1][key]
        if key in self.way.ends[0] and plain(self.way.ends[0][key][1]) == plain(obj):
            return
        wanted = plain(obj)
        answer = await self._put(place(resource, obj), wanted)
        if answer.code == 404:
            answer = await asyncio.to_thread(self.admin.ask, place(resource, obj, named=False), "POST", wanted)
        assert answer.code in (200, 201), (key, answer.body)
        if "status" in obj and "status" in resource.subresources and resource.group not in ("", "apps", "batch"):
            # What the operator of that kind says once it has seen the object.
            answer = await self._put(f"{place(resource, obj)}/status", wanted)
            assert answer.code == 200, (key, answer.body)

    async def _put(self, path: str, wanted: Obj) -> Answer:
        """Replaces what is there now: custom kinds want to be told which version that is.

        A controller may write between the question and the answer; whoever is told so looks again.
        """
        for _ in range(LOOKS):
            found = await asyncio.to_thread(self.admin.ask, path)
            if found.code == 404:
                break
            version = found.body["metadata"]["resourceVersion"]
            body = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": version}}
            found = await asyncio.to_thread(self.admin.ask, path, "PUT", body)
            if found.code != 409:
                break
        return found


def place(resource: Resource, obj: Obj, *, named: bool = True) -> str:
    """The path of an object, or of the list it belongs to."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    inside = f"namespaces/{obj['metadata']['namespace']}/" if resource.namespaced else ""
    return f"{root}/{resource.stored}/{inside}{resource.plural}" + (f"/{obj['metadata']['name']}" if named else "")


async def test_who_follows_the_guide_arrives(tmp_path: Path) -> None:
    way, table = Way("fresh", "phase4"), carriers()
    server = DemoServer(scenario="fresh", churn=False)
    await server.start()
    core = Core(settings_of(server, tmp_path), finder(settings_of(server, tmp_path)), clock=Impatient())
    hands, taken = Hands(server, way), []
    try:
        async with core.open():
            board = (await core.settled(PATIENCE_S)).board
            assert board is not None
            assert board.phase == 0
            while stops := [stop.check for stop in route(board, core.cards)]:
                assert stops[0] not in taken, stops[0]
                taken.append(stops[0])
                await hands.carry_out(table[stops[0]].objects)
                core.retry()
                board = await arrived(core, stops[0])
            assert board.phase == 4
    finally:
        await server.stop()
    assert len(taken) > 25


async def arrived(core: Core, check: CheckId) -> Board:
    """Waits until a stop is one no longer."""
    async with asyncio.timeout(PATIENCE_S), aclosing(core.frames()) as frames:
        async for frame in frames:
            if frame.board is not None and check not in {stop.check for stop in route(frame.board, core.cards)}:
                return frame.board
    raise AssertionError(check)


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

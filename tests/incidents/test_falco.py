"""The door for Falco's alerts: what is taken, what is turned away, and how it is doing.

Origin of the sample: what falcosidekick's webhook output posts (its FalcoPayload: uuid, output, priority, rule, time,
output_fields, source, tags, hostname); its time loses zeros at its end, as Go writes it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from tests.incidents.telling import Desk, counted
from tests.incidents.test_wire import FALCO
from ztui.clock import ManualClock
from ztui.core import Core
from ztui.errors import SettingsError
from ztui.health import Freshness
from ztui.kinds.incident import Signal
from ztui.kinds.logline import FalcoLine
from ztui.settings import Settings
from ztui.sources import falco
from ztui.sources.falco import BURST, LIMIT_BYTES, RATE, FalcoDoor, listening
from ztui.sources.target import Target
from ztui.store import Event, Put

SIDEKICK: dict[str, Any] = {**FALCO, "uuid": "1b0b8f5c-8b1d-4e0f-9f43-1d0f2a3b4c5d", "time": "2026-01-05T09:00:03.74660904Z"}
JSON = {"Content-Type": "application/json"}


class Open:
    """An open door, what came through it, and a client before it."""

    def __init__(self, door: FalcoDoor, told: list[Signal], clock: ManualClock, client: aiohttp.ClientSession) -> None:
        self.door, self.told, self.clock, self._client = door, told, clock, client

    async def post(self, body: object = SIDEKICK, headers: dict[str, str] | None = None, method: str = "POST") -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self._client.request(method, self.door.link().address, data=data, headers=JSON | (headers or {})) as answer:
            return answer.status


@asynccontextmanager
async def opened() -> AsyncIterator[Open]:
    told: list[Signal] = []

    def hear(event: Event) -> None:
        assert isinstance(event, Put)
        assert isinstance(event.obj, FalcoLine)
        told.extend(event.obj.signals())

    clock = ManualClock()
    door = FalcoDoor("127.0.0.1:0", hear, clock)
    running = asyncio.ensure_future(door.run())
    await door.tried.wait()
    assert door.link().freshness is Freshness.LIVE
    try:
        async with aiohttp.ClientSession() as client:
            yield Open(door, told, clock, client)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_an_alert_of_the_sidekick_is_a_signal() -> None:
    async with opened() as door:
        assert await door.post() == 200
        [found] = door.told
        assert (found.source, found.level, found.rule) == ("falco", "high", "Write below binary dir")
        assert (found.subject.namespace, found.subject.pod) == ("shop", "web-6d5f-abcde")
        link = door.door.link()
        assert (link.name, link.requests, link.problem) == ("falco", 1, None)


async def test_what_comes_by_the_log_store_too_counts_once() -> None:
    """The sidekick writes the same time with other zeros, and an id of its own."""
    line = FalcoLine.read(json.dumps(FALCO | {"time": "2026-01-05T09:00:03.746609040Z"}))
    assert line is not None
    async with opened() as door:
        await door.post()
        desk = Desk()
        desk.fold(*door.told, *line.signals())
        assert counted([desk.one]) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_what_a_page_in_a_browser_could_send_is_turned_away(headers: dict[str, str], status: int) -> None:
    async with opened() as door:
        assert await door.post(headers=headers) == status
        assert door.told == []
        assert "turned away: 1" in str(door.door.link().problem)


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE"])
async def test_only_a_post_is_taken(method: str) -> None:
    async with opened() as door:
        assert await door.post(method=method) == 405
        assert door.told == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"\xff", pytest.param(b"{" * 5000, id="deep"), {}, {"rule": "x"}),
        *(FALCO | {"time": "never"}, FALCO | {"output_fields": 7, "time": 1}),
    ],
)
async def test_what_is_no_alert_is_turned_away_and_said(body: object) -> None:
    async with opened() as door:
        assert await door.post(body) == 400
        assert door.told == []
        assert "no alert of Falco" in str(door.door.link().problem)
        assert await door.post() == 200


async def test_an_alert_that_is_too_large_is_cut_off_however_long_it_says_to_be() -> None:
    large = json.dumps(FALCO | {"output": "x" * LIMIT_BYTES}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    async with opened() as door:
        assert await door.post(large) == 413
        async with door._client.post(door.door.link().address, data=pieces(), headers=JSON) as answer:
            assert answer.status == 413
        assert door.told == []


async def test_a_flood_is_taken_up_to_the_rate_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(falco, "BURST", 20)
    async with opened() as door:
        door.door._left = 20.0
        codes = [await door.post(SIDEKICK | {"output": str(at)}) for at in range(25)]
        assert codes == [200] * 20 + [429] * 5
        assert len({item.id for item in door.told}) == 20
        assert "turned away: 5" in str(door.door.link().problem)
        await door.clock.advance(10.5 / RATE)
        assert [await door.post(SIDEKICK | {"output": f"again {at}"}) for at in range(11)] == [200] * 10 + [429]
        await door.clock.advance(falco.NOTED_S)
        assert door.door.link().problem is None


def test_the_rate_holds_two_thousand_a_second() -> None:
    assert RATE >= 2000
    assert BURST >= RATE


async def test_a_sender_that_pauses_for_ever_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(falco, "READ_S", 0.01)
    async with opened() as door:
        host, _, port = door.door.link().address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
        assert await door.post() == 200
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("text", ["127.0.0.1:2801", "[::1]:2801", "127.0.0.2:1"])
def test_loopback_is_listened_on(text: str) -> None:
    host, port = listening(text)
    assert f"{port}" in text
    assert host in text


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0:2801", "[::]:2801", "192.0.2.1:80", "localhost:2801"),
        *("127.0.0.1", "", "127.0.0.1:99999", "x@127.0.0.1:1", "127.0.0.1:1/x"),
    ],
)
async def test_nothing_else_is_listened_on(text: str) -> None:
    with pytest.raises(SettingsError, match="falco_listen"):
        listening(text)
    door = FalcoDoor(text, lambda _event: None, ManualClock())
    await door.run()
    assert door.link().freshness is Freshness.LOST
    assert isinstance(door.link().problem, SettingsError)


async def test_a_port_that_is_taken_is_said() -> None:
    async with opened() as door:
        taken = door.door.link().address.removeprefix("http://")
        second = FalcoDoor(taken, lambda _event: None, door.clock)
        running = asyncio.ensure_future(second.run())
        await second.tried.wait()
        assert second.link().freshness is Freshness.LOST
        assert "Address already in use".lower() in str(second.link().problem).lower()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_core_that_looks_for_incidents_opens_the_door_and_shows_it() -> None:
    def nowhere() -> Target:
        raise SettingsError("no cluster")

    core = Core(Settings(falco_listen="127.0.0.1:0"), nowhere, cards={}, triage=True)
    async with core.open(), aiohttp.ClientSession() as client:
        async for frame in core.frames():
            if any(link.name == "falco" and link.freshness is Freshness.LIVE for link in frame.sides):
                break
            core.retry()
        [link] = core.frame.sides
        async with client.post(link.address, json=SIDEKICK) as answer:
            assert answer.status == 200
        assert core.triage is not None
        assert [item.rule for item in core.triage._coming] == ["Write below binary dir"]


async def test_nobody_listens_where_the_settings_do_not_say_so() -> None:
    def nowhere() -> Target:
        raise SettingsError("no cluster")

    core = Core(Settings(), nowhere, cards={}, triage=True)
    async with core.open():
        async for frame in core.frames():
            if frame.problem is not None:
                break
        assert core.frame.sides == ()

"""The note for whoever comes next, and the word to a webhook: whole, harmless as markup, and without what was planted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.evidence.planted import Planted
from tests.incidents.telling import Desk, told
from tests.worlds import NOW
from ztui.engines.incidents import acted
from ztui.errors import ConnectError, SettingsError
from ztui.evidence.signals import signals_of
from ztui.kinds.incident import Act, Incident, Subject, signal
from ztui.panes.handover import handover, sentence_of, summary
from ztui.records import Records
from ztui.settings import Settings
from ztui.sources.notify import notify


def one() -> Incident:
    desk = Desk()
    desk.fold(told(1, source="falco", rule="shell"), told(2, source="audit", rule="exec into a pod", after_s=30))
    found = acted(desk.one, Act(NOW + timedelta(minutes=2), "ana", "", "acknowledged"))
    return acted(found, Act(NOW + timedelta(minutes=9), "ana", "moved to quarantine", "contained"))


def test_a_note_tells_what_was_seen_and_done_in_order() -> None:
    text = handover(one(), NOW + timedelta(hours=1), "prod (7f3a)", ["09:05 R-QUARANTINE on deployment/shop/web: verified"])
    plain = text.replace("\\", "").partition("## What was seen")[2]
    order = ["shell", "exec into a pod", "→ acknowledged by ana", "→ contained by ana: moved to quarantine", "R-QUARANTINE"]
    assert [plain.index(word) for word in order] == sorted(plain.index(word) for word in order)
    assert "contained after 9 min" in text
    assert "It is contained; its cause is not removed." in text


def test_words_of_a_cluster_are_no_markup_and_call_nobody() -> None:
    desk = Desk()
    desk.fold(told(1, rule="<!channel> [x](http://evil.example) `rm`"))
    text = handover(desk.one, NOW, "c")
    assert "[x](http" not in text
    assert "<!channel>" not in text
    assert "<!channel>" not in sentence_of(desk.one, "c")


def test_planted_secrets_are_in_no_note_no_message_and_no_record(tmp_path: Path) -> None:
    """Two hundred of them, in what sources say: process lines, log lines, messages."""
    planted, desk = Planted(), Desk()
    about = Subject("shop", pod="web-6d5f-abcde")
    for number in range(240):
        words = f"a process ran: {planted.secret()} and so on"
        desk.fold(signal("falco", f"s{number}", NOW, "high", f"rule {number}", words, about))
    assert desk.one.count == 240
    records = Records(tmp_path, "c")
    records.keep(desk.incidents.values(), (), (), 1)
    records.close()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    written += [handover(desk.one, NOW, "c").encode(), msgspec.json.encode(summary(desk.one, NOW, "c"))]
    written += [part.data for part in signals_of(desk.one, NOW, "c")]
    assert [planted.found_in(data) for data in written] == [[]] * len(written)


@asynccontextmanager
async def webhook(status: int, seen: list[Any]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"} if status == 302 else {})

    application = web.Application()
    application.router.add_post("/services/T0/B0/hidden", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/services/T0/B0/hidden"
    finally:
        await runner.cleanup()


def naming(folder: Path, address: str) -> Settings:
    path = folder / "webhook"
    path.write_text(address + "\n")
    return Settings(notify_file=str(path))


async def test_a_webhook_is_told_in_the_words_of_a_chat(tmp_path: Path) -> None:
    seen: list[Any] = []
    async with webhook(200, seen) as address:
        assert await notify(naming(tmp_path, address), summary(one(), NOW, "prod")) == "127.0.0.1"
    assert seen[0]["text"].startswith("high incident i")
    assert (seen[0]["level"], seen[0]["state"], seen[0]["signals"]) == ("high", "contained", 2)


@pytest.mark.parametrize("status", [302, 403, 500])
async def test_a_refusal_is_told_without_the_address(tmp_path: Path, status: int) -> None:
    async with webhook(status, []) as address:
        with pytest.raises(ConnectError) as caught:
            await notify(naming(tmp_path, address), {"text": "x"})
    assert f"HTTP {status}" in str(caught.value)
    assert "hidden" not in str(caught.value)


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectError) as caught:
        await notify(naming(tmp_path, "http://127.0.0.1:1/hidden"), {"text": "x"})
    assert "hidden" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("address", ["", "ftp://x.example", "http://chat.example/hidden", "//x", "https://"])
async def test_an_address_that_cannot_be_used(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await notify(naming(tmp_path, address), {"text": "x"})
    assert "hidden" not in str(caught.value)


async def test_without_a_setting_nobody_is_told() -> None:
    with pytest.raises(SettingsError, match="nobody to tell"):
        await notify(Settings(), {"text": "x"})


def test_records_of_the_version_before_go_on(tmp_path: Path) -> None:
    """A file that knew no incidents gets a place for them, and loses nothing."""
    records = Records(tmp_path, "c")
    records.skip("ZT1-AUTH-001")
    where = records.where
    records.close()
    database = sqlite3.connect(where)
    database.executescript("drop table incident; drop table heard; pragma user_version = 1;")
    database.close()
    records = Records(tmp_path, "c")
    desk = Desk()
    folded = desk.fold(told(1))
    assert folded is not None
    records.keep(folded.changed, (), folded.heard, 10)
    assert len(records.heard()) == 1
    records.keep((), [desk.one.name], (), 20)
    assert (records.heard(), len(records.skipped())) == ([], 2)
    assert len(records.incidents()) == 1  # only that the list is whole
    records.close()

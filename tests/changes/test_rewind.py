"""A session is taken back as a whole: newest first, without what others edited, stopped by the first failure, gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.changes.desks import REASON, agree, look, opened
from tests.changes.test_protocol import NAMESPACE, PSA, labels, person
from tests.demo.client import Client
from ztui.changes import rewind
from ztui.changes.batch import Batch, in_turn, need_all
from ztui.changes.desk import Desk
from ztui.changes.protocol import Outcome
from ztui.changes.rewind import Rewind
from ztui.demo.server import DemoThread
from ztui.errors import ChangeError, DriftError

MERGE = "application/merge-patch+json"
LEGACY = "/api/v1/namespaces/legacy"


def held(admin: Client) -> list[dict[str, Any]]:
    return [person(admin.ask(path).body) for path in (NAMESPACE, LEGACY)]


async def three(desk: Desk) -> list[str]:
    """Three changes of one session: two of them set the same field of the same object."""
    previews = (("payments", "baseline"), ("legacy", "baseline"), ("payments", "restricted"))
    made = [await agree(desk, await look(desk, "R-PSA", "Namespace", name, level=level)) for name, level in previews]
    assert {item.state for item in made} == {"verified"}
    return [item.change for item in made]


async def taken(desk: Desk, found: Rewind, most: int = 20) -> list[Outcome]:
    batch = Batch("b", len(found.previews))
    turns = in_turn(desk, found.previews[:most], lambda at: rewind.turn(desk, found, at), REASON, batch, lambda _: None)
    return [item async for item in turns]


async def session(desk: Desk, wanted: str = rewind.LAST) -> Rewind:
    changes = await desk.changes()
    return await rewind.look(desk, rewind.session_of(changes, wanted), lambda _: None)


async def test_a_session_is_taken_back_newest_first_by_a_later_one(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    was = held(admin)
    async with opened(demo, tmp_path, state=tmp_path) as (_, desk):
        made = await three(desk)
    async with opened(demo, tmp_path, state=tmp_path) as (_, desk):
        found = await session(desk)
        assert [item.id for item in found.changes] == made[::-1]
        assert (found.late, found.held, found.older) == (frozenset({2}), (), 0)
        wanted = need_all(found.previews, desk.mode, rewind.LIMITS)
        assert (wanted.risk_class, wanted.word) == ("disruptive", "3 changes")
        outcomes = await taken(desk, found)
        assert [item.state for item in outcomes] == ["verified"] * 3
        assert held(admin) == was
        changes = await desk.changes()
        assert [item.state for item in changes[:3]] == ["undone"] * 3
        assert [item.first.undoes for item in changes[3:]] == made[::-1]
        assert [item.first.reason for item in changes[3:]] == [f"{REASON} (batch b, {at} of 3)" for at in (1, 2, 3)]
        with pytest.raises(ChangeError, match="is left to take back"):
            await session(desk)  # what a session took back is not what it made
        [own] = {item.first.session for item in changes[3:]}
        with pytest.raises(ChangeError, match="there is no session"):
            await session(desk, own)


async def test_what_others_edited_stays_with_its_reason_and_the_rest_goes(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        made = await three(desk)
        theirs = {"metadata": {"labels": {PSA: "privileged"}}}
        assert admin.ask(LEGACY, "PATCH", theirs, content=MERGE).code == 200
        found = await session(desk)
        assert [item.id for item in found.changes] == [made[2], made[0]]
        [kept] = found.held
        assert kept.change.id == made[1]
        assert "baseline was ours, privileged is there now" in kept.why
        assert [item.state for item in await taken(desk, found)] == ["verified"] * 2
        assert PSA not in labels(admin)
        assert admin.ask(LEGACY).body["metadata"]["labels"][PSA] == "privileged"
        assert [item.change.id for item in (await session(desk)).held] == [made[1]]


async def test_the_first_that_fails_is_the_last_and_looking_again_goes_on(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    was = held(admin)
    async with opened(demo, tmp_path) as (_, desk):
        made = await three(desk)
        found = await session(desk)
        moved = {"metadata": {"labels": {"team": "blue"}}}
        assert admin.ask(LEGACY, "PATCH", moved, content=MERGE).code == 200
        with pytest.raises(DriftError, match="changed since the preview"):
            await taken(desk, found)
        assert labels(admin)[PSA] == "baseline", "the first was taken back, the third was not begun"
        assert admin.ask(LEGACY, "PATCH", {"metadata": {"labels": {"team": None}}}, content=MERGE).code == 200
        again = await session(desk, made[0][:4])
        assert [item.id for item in again.changes] == [made[1], made[0]]
        assert again.late == frozenset()
        assert [item.state for item in await taken(desk, again)] == ["verified"] * 2
        assert held(admin) == was


async def test_a_late_one_is_judged_when_its_turn_comes(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    """Somebody's edit that only shows once the newer change is taken back stops it there, with the field that is theirs."""
    async with opened(demo, tmp_path) as (_, desk):
        await three(desk)
        found = await session(desk)
        assert [item.state for item in await taken(desk, found, most=2)] == ["verified"] * 2
        assert admin.ask(NAMESPACE, "PATCH", {"metadata": {"labels": {PSA: "privileged"}}}, content=MERGE).code == 200
        with pytest.raises(ChangeError) as refused:
            await rewind.turn(desk, found, 2)
        assert "baseline was ours, privileged is there now" in refused.value.why
        assert labels(admin)[PSA] == "privileged"


async def test_more_than_was_shown_is_not_sent(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        made = await three(desk)
        found = await session(desk)
        other = Rewind(found.session, found.changes[:1], found.previews[1:2], frozenset({0}))
        with pytest.raises(DriftError, match="something else than was shown"):
            await rewind.turn(desk, other, 0)
        assert [item.id for item in await desk.changes()] == made


@pytest.mark.parametrize("wanted", ["", "nothing", "e"])
async def test_a_session_that_is_not_there_is_said(demo: DemoThread, tmp_path: Path, wanted: str) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        with pytest.raises(ChangeError, match="there is no session"):
            rewind.session_of(await desk.changes(), wanted)
        with pytest.raises(ChangeError, match="nothing was changed"):
            rewind.session_of(await desk.changes(), rewind.LAST)


async def test_a_consent_covers_so_many_and_the_rest_is_left_for_another(
    demo: DemoThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewind, "MOST", 2)
    async with opened(demo, tmp_path) as (_, desk):
        made = await three(desk)
        found = await session(desk)
        assert ([item.id for item in found.changes], found.older) == ([made[2], made[1]], 1)
        assert len(await taken(desk, found)) == 2
        again = await session(desk)
        assert ([item.id for item in again.changes], again.older) == ([made[0]], 0)

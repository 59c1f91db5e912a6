"""What still tells of a contained incident: offered late, one by one, made on the demo, and refused well."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.changes.desks import agree, opened
from tests.incidents.telling import Desk
from tests.incidents.telling import told as signal
from tests.incidents.test_acs import TOKEN, listed, violation
from tests.sources.small_api import SmallApi, small_api
from tests.sources.test_http import http_to
from tests.worlds import NOW, view_of
from ztui.changes.besidewriter import BesideWriter
from ztui.changes.commands import as_commands
from ztui.changes.entry import Entry
from ztui.changes.journal import Journal
from ztui.changes.preview import Preview, Step
from ztui.changes.recovery import recovered
from ztui.clock import ManualClock, SystemClock
from ztui.demo.server import DemoThread
from ztui.engines.incidents import acted
from ztui.errors import ChangeError, ConnectError, DataError, DriftError, ForbiddenError, OutcomeUnknownError
from ztui.kinds.base import Ref
from ztui.kinds.incident import Act, Incident, Phase
from ztui.kinds.told import ActiveViolation, AlertSilence
from ztui.panes.contain import Done, contain_lines, measures_of
from ztui.recipes.base import Write, plan, recipes, ref_to
from ztui.recipes.closing import endings
from ztui.settings import ContextSettings
from ztui.sources.alerts import NAME as ALERT_MANAGER
from ztui.sources.http import Http
from ztui.store import Put
from ztui.view import View

BUSY = ref_to(AlertSilence, "Busy", "shop")
SHELL = ref_to(ActiveViolation, "Deployment/web/Shell Spawned by Java Application", "shop")


def incident(phase: Phase, *signals: Any) -> tuple[Desk, Incident]:
    desk = Desk()
    desk.fold(*(signals or (signal(0, source="alertmanager", rule="Busy"), signal(1, source="acs", rule="Shell in a pod"))))
    return desk, acted(desk.one, Act(NOW, "ana", "", phase))


@pytest.mark.parametrize(
    ("phase", "offered"),
    [
        ("new", []),
        ("acknowledged", []),
        ("contained", ["R-SILENCE", "R-ACS-RESOLVE"]),
        ("eradicated", ["R-SILENCE", "R-ACS-RESOLVE"]),
        ("closed", []),
    ],
)
def test_what_tells_of_an_incident_is_ended_once_it_is_contained(phase: Phase, offered: list[str]) -> None:
    _, found = incident(phase)
    assert sorted(item.recipe for item in endings(found)) == sorted(offered)
    assert all(item.works for item in endings(found))


def test_what_names_nothing_says_where_to_end_it() -> None:
    _, found = incident("contained")
    bare = msgspec.structs.replace(found, seen=tuple(msgspec.structs.replace(item, about=None) for item in found.seen))
    assert {item.why.reason.code for item in endings(bare)} == {"closing-nowhere", "closing-nobody"}
    assert not any(item.works for item in endings(bare))


def test_each_alert_is_a_line_of_its_own_and_done_on_its_own() -> None:
    signals = [signal(number, source="alertmanager", rule=rule) for number, rule in enumerate(("Busy", "Slow"))]
    desk, found = incident("contained", *signals)
    desk.store.apply(Put(found))
    measures = measures_of(View(desk.store.tick(NOW)), found.name)
    done = (Done("R-SILENCE", "shop", "Busy", NOW),)
    lines = {line.key: line.status for line in contain_lines(measures, found, done, frozenset(), NOW)}
    assert lines["R-SILENCE:alertsilence/shop/Busy"] == "done"
    assert lines["R-SILENCE:alertsilence/shop/Slow"] == "open"
    assert list(lines)[-2:] == ["R-SILENCE:alertsilence/shop/Busy", "R-SILENCE:alertsilence/shop/Slow"], "last of all"


@pytest.mark.parametrize("hours", ["", "0", "25", "-1", "2h", "²", "1.5"])
def test_a_silence_ends_within_a_day(hours: str) -> None:
    found = plan(view_of([]), recipes()["R-SILENCE"], BUSY, {"hours": hours})
    assert (found.writes, [stop.note.reason.code for stop in found.stops]) == ((), ["no-silence-hours"])


def test_what_names_no_place_or_workload_is_not_written() -> None:
    everywhere = plan(view_of([]), recipes()["R-SILENCE"], Ref("signals", "AlertSilence", "", "Busy"), {"hours": "1"})
    assert [stop.note.reason.code for stop in everywhere.stops] == ["closing-nowhere"]
    nobody = plan(view_of([]), recipes()["R-ACS-RESOLVE"], Ref("signals", "ActiveViolation", "shop", "Shell"))
    assert [stop.note.reason.code for stop in nobody.stops] == ["closing-nobody"]


ALERT = {
    "labels": {"alertname": "Busy", "namespace": "shop", "pod": "web-1", "severity": "warning"},
    "annotations": {},
    "startsAt": "2026-01-05T09:00:00Z",
    "fingerprint": "f1",
    "status": {"state": "active"},
}


@pytest.fixture
def demo() -> Iterator[DemoThread]:
    with DemoThread(churn=False) as running:
        running.server.chronicle.alerts.append(ALERT)
        yield running


def beside(demo: DemoThread) -> ContextSettings:
    return ContextSettings(metrics_url=demo.telemetry_url, alertmanager_url=demo.telemetry_url)


async def test_a_silence_is_shown_made_and_taken_back(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, beside=beside(demo)) as (_, desk):
        shown = await desk.preview(recipes()["R-SILENCE"], BUSY, {"hours": "2"})
        assert (shown.plan.stops, shown.refusals, shown.plan.word) == ((), (), "Busy")
        assert "amtool" in desk.commands(shown)
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        again = await desk.preview(recipes()["R-SILENCE"], BUSY, {"hours": "2"})
        assert again.refusals == ("there is one already",)
        back = await desk.preview_undo(outcome.change)
        assert (await agree(desk, back)).state == "verified"
        fresh = await desk.preview(recipes()["R-SILENCE"], BUSY, {"hours": "2"})
        assert fresh.refusals == ()


async def test_who_may_not_silence_is_told_what_to_ask_for(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, user="viewer", beside=beside(demo)) as (_, desk):
        shown = await desk.preview(recipes()["R-SILENCE"], BUSY, {"hours": "2"})
        with pytest.raises(ForbiddenError) as refusal:
            await agree(desk, shown)
        assert [item.state for item in await desk.changes()] == ["failed"]
    assert "monitoring-alertmanager-edit" in refusal.value.next


async def test_without_an_alert_manager_nothing_is_sent(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, beside=ContextSettings(metrics_url=demo.telemetry_url)) as (core, desk):
        assert core is not None
        with pytest.raises(ConnectError, match="the acs is not connected"):
            await desk.preview(recipes()["R-ACS-RESOLVE"], SHELL)


class Door:
    """Both sides by one client."""

    def __init__(self, http: Http, cluster: str = "prod") -> None:
        self._http, self.cluster = http, cluster

    def http(self, name: str) -> Http:
        assert name in {"acs", ALERT_MANAGER}
        return self._http


@asynccontextmanager
async def hand(folder: Path, handler: Callable[[web.Request], Any]) -> AsyncIterator[tuple[BesideWriter, SmallApi]]:
    async with small_api(handler) as api, http_to(api, folder) as http:
        yield BesideWriter(lambda: Door(http), "ana", ManualClock()), api


async def test_only_what_the_workload_did_against_the_policy_is_resolved(tmp_path: Path) -> None:
    other = {"name": "Another Policy", "severity": "LOW_SEVERITY"}
    place = {**violation()["commonEntityInfo"], "namespace": "bank"}
    elsewhere = {**violation()["commonEntityInfo"], "clusterName": "test"}
    active = {
        "mine-1": violation(id="mine-1"),
        "mine-2": violation(id="mine-2"),
        "policy": violation(id="policy", policy=other),
        "workload": violation(id="workload", deployment={**violation()["deployment"], "name": "api"}),
        "namespace": violation(id="namespace", commonEntityInfo=place),
        "cluster": violation(id="cluster", commonEntityInfo=elsewhere),
    }

    async def central(request: web.Request) -> web.Response:
        if request.method == "PATCH":
            del active[request.path.removeprefix("/v1/alerts/").removesuffix("/resolve")]
            return web.json_response({})
        return web.Response(body=listed(*active.values()), content_type="application/json")

    write = Write(ActiveViolation, SHELL, "delete")
    async with hand(tmp_path, central) as (writer, _):
        live = await writer.read(write)
        assert live is not None
        assert live.values == {"active": 2}
        sent = await writer.send(write, live, "c1")
        assert sent.live is None
        assert await writer.read(write) is None
    assert set(active) == {"policy", "workload", "namespace", "cluster"}


async def test_what_was_not_shown_is_not_resolved(tmp_path: Path) -> None:
    active = [violation(id="mine-1")]

    async def central(request: web.Request) -> web.Response:
        assert request.method == "GET"
        return web.Response(body=listed(*active), content_type="application/json")

    write = Write(ActiveViolation, SHELL, "delete")
    async with hand(tmp_path, central) as (writer, _):
        live = await writer.read(write)
        active.append(violation(id="mine-2"))
        with pytest.raises(DriftError):
            await writer.send(write, live, "c1")


async def test_a_token_that_only_reads_is_told_what_it_lacks(tmp_path: Path) -> None:
    async def central(request: web.Request) -> web.Response:
        if request.method == "PATCH":
            return web.json_response({"code": 7, "message": "not authorized"}, status=403)
        return web.Response(body=listed(violation()), content_type="application/json")

    write = Write(ActiveViolation, SHELL, "delete")
    async with hand(tmp_path, central) as (writer, _):
        live = await writer.read(write)
        with pytest.raises(ForbiddenError) as refusal:
            await writer.send(write, live, "c1")
    assert "may write Alert" in refusal.value.next


@pytest.mark.parametrize("name", ["../../v1/policies", "a/b", "", "x y", "?", "a" * 200])
async def test_an_id_that_is_more_than_one_is_never_a_path(tmp_path: Path, name: str) -> None:
    async def answers(request: web.Request) -> web.Response:
        assert request.method == "GET"
        found = listed(violation(id=name)) if request.path == "/v1/alerts" else silences()
        return web.Response(body=found, content_type="application/json")

    silence = Write(AlertSilence, msgspec.structs.replace(BUSY, uid=name), "delete")
    async with hand(tmp_path, answers) as (writer, _):
        if name:  # a violation without an id tells nothing at all
            resolve = Write(ActiveViolation, SHELL, "delete")
            live = await writer.read(resolve)
            with pytest.raises(DataError, match="an id cannot be used"):
                await writer.send(resolve, live, "c1")
        with pytest.raises(DataError, match="an id cannot be used"):
            await writer.send(silence, None, "c1")


def silences(*held: dict[str, Any]) -> bytes:
    return json.dumps(list(held)).encode()


def held(name: str = "s1", *, state: str = "active", comment: str = "ztui c1", **labels: str) -> dict[str, Any]:
    wanted = labels or {"alertname": "Busy", "namespace": "shop"}
    return {
        "id": name,
        "matchers": [{"name": key, "value": value, "isRegex": False, "isEqual": True} for key, value in wanted.items()],
        "startsAt": "2026-01-05T09:00:00Z",
        "endsAt": "2026-01-05T11:00:00Z",
        "updatedAt": "2026-01-05T09:00:00Z",
        "createdBy": "ana",
        "comment": comment,
        "status": {"state": state},
    }


@pytest.mark.parametrize(
    ("found", "by"),
    [
        ([], None),
        ([held(state="expired")], None),
        ([held(alertname="Busy")], None),
        ([held(alertname="Busy", namespace="shop", pod="web-1")], None),
        ([{**held(), "matchers": [{**item, "isRegex": True} for item in held()["matchers"]]}], None),
        ([{**held(), "matchers": [{**item, "isEqual": False} for item in held()["matchers"]]}], None),
        ([held()], "c1"),
        ([held(comment="back in an hour")], "?"),
        ([held(state="pending")], "c1"),
    ],
)
async def test_a_silence_is_ours_only_if_it_is_for_exactly_this(tmp_path: Path, found: list[Any], by: str | None) -> None:
    async def alerts(_request: web.Request) -> web.Response:
        return web.Response(body=silences(*found), content_type="application/json")

    async with hand(tmp_path, alerts) as (writer, _):
        live = await writer.read(Write(AlertSilence, BUSY, "apply", {"alert": "Busy", "hours": 2}, creates=True))
    assert (live.created_by if live is not None else None) == by
    assert live is None or live.values == {"alert": "Busy", "hours": 2}


async def test_a_refusal_sends_nothing_and_a_lost_answer_is_not_known(tmp_path: Path) -> None:
    told: tuple[tuple[object, int], ...] = (("bad matchers", 400), ("oops", 503), ({}, 200))
    answers = iter([web.json_response(body, status=status) for body, status in told])

    async def alerts(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(body=silences(), content_type="application/json")
        return next(answers)

    write = Write(AlertSilence, BUSY, "apply", {"alert": "Busy", "hours": 2}, creates=True)
    async with hand(tmp_path, alerts) as (writer, api):
        with pytest.raises(ChangeError) as refusal:
            await writer.send(write, None, "c1")
        assert "bad matchers" in refusal.value.why
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                await writer.send(write, None, "c1")
        assert [item.method for item in api.seen] == ["POST"] * 3, "nothing is sent twice"
        assert all(TOKEN not in token for token in api.tokens)


@pytest.mark.parametrize(
    ("there", "step"),
    [
        ([held()], "verified"),
        ([], "failed"),
        ([held(comment="ztui another")], "failed"),
        ([held(state="expired")], "failed"),
    ],
)
async def test_after_a_crash_the_alert_manager_tells_how_it_ended(tmp_path: Path, there: list[Any], step: str) -> None:
    async def alerts(_request: web.Request) -> web.Response:
        return web.Response(body=silences(*there), content_type="application/json")

    journal = Journal.open(tmp_path / "journal", clock=SystemClock())
    undo: dict[str, Any] = {"group": "signals", "kind": "AlertSilence", "namespace": "shop", "name": "Busy"}
    undo |= {"uid": "", "verb": "delete"}
    entry = Entry(change="c1", step="intent", ref=BUSY, action="apply", after={"alert": "Busy", "hours": 2}, undo=undo)
    for kept in (entry, msgspec.structs.replace(entry, step="sent")):
        journal.append(kept)
    async with hand(tmp_path, alerts) as (writer, _):
        [told] = await recovered(journal, writer)
    [change] = journal.changes()
    journal.close()
    assert change.state == step, told


def test_the_commands_are_quoted() -> None:
    ref = ref_to(ActiveViolation, "Deployment/web/Shell; rm -rf /", "shop")
    found = plan(view_of([]), recipes()["R-ACS-RESOLVE"], ref)
    text = as_commands(Preview(found, (Step(found.writes[0]),), None, ()), lambda kind: kind.GROUP)
    assert "'Shell; rm -rf /'" in text

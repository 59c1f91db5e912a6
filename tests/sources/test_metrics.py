"""The metrics store on good and bad days: small servers that misbehave in one way each."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.sources.small_api import CANARY, SmallApi, small_api
from tests.sources.test_http import http_to
from tests.worlds import NOW
from ztui.clock import ManualClock
from ztui.errors import DataError
from ztui.kinds.base import Kind
from ztui.kinds.measured import AlertRouting, DayTraffic, HourTraffic, ObservedCall, ScrapeTarget, TrafficSecurity, alert_routing
from ztui.settings import ContextSettings
from ztui.sources.beside import Beside
from ztui.sources.http import Http
from ztui.sources.metrics import BY_HOUR_S, SERIES_LIMIT, read_hours, read_vector
from ztui.sources.side import MISSES
from ztui.store import Event, Store, Whole
from ztui.view import LOADING, Gap, State, Why

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def vector(*samples: tuple[dict[str, str], str], warnings: tuple[str, ...] = (), kind: str = "vector") -> bytes:
    result = [{"metric": labels, "value": [1.0, value]} for labels, value in samples]
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, "warnings": list(warnings)}).encode()


def up(service: str = "api", value: str = "1") -> tuple[dict[str, str], str]:
    return {"namespace": "shop", "service": service}, value


class Rig:
    """The pollers over one server, and a store that they fill."""

    def __init__(self, beside: Beside, store: Store, api: SmallApi, http: Http) -> None:
        self.beside, self.store, self.api, self.http = beside, store, api, http

    async def round(self) -> State:
        await self.beside.round()
        return self.store.tick(NOW)


@asynccontextmanager
async def rig(
    folder: Path,
    handler: Handler,
    *kinds: type[Kind],
    connected: bool = True,
    clock: ManualClock | None = None,
    told: asyncio.Event | None = None,
) -> AsyncIterator[Rig]:
    """``told`` is set once the metrics store has told all of something."""
    async with small_api(handler) as api:
        url = api.server if connected else None
        mine = ContextSettings(metrics_url=url, alertmanager_url=url, logs_url=url)
        async with http_to(api, folder, settings={"contexts": {"test": mine}}) as http:
            store = Store()

            def take(event: Event) -> None:
                store.apply(event)
                if told is not None and isinstance(event, Whole) and event.kind is ScrapeTarget:
                    told.set()

            found = Beside(http, kinds or (ScrapeTarget,), take, clock or ManualClock())
            try:
                yield Rig(found, store, api, http)
            finally:
                await found.close()


def answering(body: bytes, status: int = 200, content_type: str = "application/json") -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status, content_type=content_type)

    return handle


async def test_samples_become_objects_and_the_token_goes_to_the_named_host(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector(up(), up("web", "0")))) as found:
        state = await found.round()
        assert state.gap(ScrapeTarget) is None
        assert sorted(state.objects[ScrapeTarget]["shop"]) == ["api", "web"]
        assert set(found.api.tokens) == {f"Bearer {CANARY}"}
        assert found.api.seen[0].path == "/api/v1/query"


async def test_traffic_is_counted_by_destination(tmp_path: Path) -> None:
    def series(security: str, value: str, name: str = "api") -> tuple[dict[str, str], str]:
        where = {"destination_workload": name, "destination_workload_namespace": "shop"}
        return {**where, "connection_security_policy": security}, value

    body = vector(series("mutual_tls", "98"), series("none", "2"), series("none", "5", "unknown"))
    async with rig(tmp_path, answering(body), TrafficSecurity) as found:
        state = await found.round()
        traffic = state.objects[TrafficSecurity]["shop"]
        assert list(traffic) == ["api"]
        item = traffic["api"]
        assert isinstance(item, TrafficSecurity)
        assert (item.http, item.http_mutual, item.tcp_mutual) == (100.0, 98.0, 98.0)


async def test_a_day_is_asked_for_with_the_day_before_and_who_has_no_name(tmp_path: Path) -> None:
    def series(security: str, value: str) -> tuple[dict[str, str], str]:
        where = {"destination_workload": "api", "destination_workload_namespace": "shop"}
        return {**where, "connection_security_policy": security}, value

    answers = {
        "[1d])": vector(series("mutual_tls", "90"), series("none", "8"), series("unknown", "2")),
        "source_workload": vector(series("none", "5")),
        "offset": vector(series("none", "40"), series("mutual_tls", "60")),
    }

    async def handle(request: web.Request) -> web.Response:
        query = request.query["query"]
        mark = next((name for name in ("offset", "source_workload") if name in query), "[1d])")
        body = answers[mark] if "istio_requests_total" in query else vector()
        return web.Response(body=body, content_type="application/json")

    async with rig(tmp_path, handle, DayTraffic) as found:
        state = await found.round()
        [item] = state.objects[DayTraffic]["shop"].values()
        assert isinstance(item, DayTraffic)
        assert (item.count, item.mutual, item.plain, item.nameless) == (100.0, 90.0, 8.0, 5.0)
        assert (item.before, item.plain_before) == (100.0, 40.0)
        assert len(found.api.seen) == 6


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> bytes:
    result = [{"metric": labels, "values": values} for labels, values in series]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


API = {"destination_workload": "api", "destination_workload_namespace": "shop"}
MUTUAL, PLAIN = ({**API, "connection_security_policy": name} for name in ("mutual_tls", "none"))


async def test_hours_are_told_oldest_first_up_to_the_last_one_and_those_without_a_call_are_nothing(tmp_path: Path) -> None:
    hour = 480_000 * 3600

    async def handle(request: web.Request) -> web.Response:
        assert request.query["query"].endswith("[24h:1h]")
        http = matrix((MUTUAL, [(hour - 23 * 3600, "7"), (hour, "3")]), (PLAIN, [(hour - 3600, "1"), (hour, "2")]))
        body = http if "requests" in request.query["query"] else matrix((PLAIN, [(hour, "0.5"), (hour - 24 * 3600, "99")]))
        return web.Response(body=body, content_type="application/json")

    async with rig(tmp_path, handle, HourTraffic) as found:
        [item] = (await found.round()).objects[HourTraffic]["shop"].values()
    assert isinstance(item, HourTraffic)
    assert item.calls == (7.0, *[0.0] * 21, 1.0, 5.5)
    assert item.mutual == (7.0, *[0.0] * 22, 3.0)
    assert item.plain == (0.0, *[0.0] * 21, 1.0, 2.5)


async def test_hours_are_asked_for_now_and_then_and_again_at_once_after_a_failure(tmp_path: Path) -> None:
    answers = iter((matrix(), b"{}", matrix((PLAIN, [(3600.0, "1")]))))
    later = matrix((PLAIN, [(3600.0, "1"), (7200.0, "1")]))

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=next(answers, later), content_type="application/json")

    clock = ManualClock()
    async with rig(tmp_path, handle, HourTraffic, clock=clock) as found:
        gap = (await found.round()).gap(HourTraffic)
        assert gap is not None
        assert gap.why is Why.MALFORMED
        assert "api" in (await found.round()).objects[HourTraffic]["shop"]
        asked = len(found.api.seen)
        await found.round()
        assert len(found.api.seen) == asked
        await clock.advance(BY_HOUR_S)
        await found.round()
        assert len(found.api.seen) == asked + 2


@pytest.mark.parametrize(
    "body",
    [
        vector((PLAIN, "1")),
        matrix((PLAIN, [])).replace(b"[]", b"null"),
        b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [["x", "1"]]}]}}',
    ],
)
def test_F45_hours_in_another_shape_are_refused(body: bytes) -> None:
    with pytest.raises(DataError):
        read_hours(body)


def test_F45_values_and_hours_that_are_none_are_left_out_and_told() -> None:
    body = matrix((PLAIN, [(3600.0, "NaN"), (-1.0, "1"), (1e300, "1"), (7200.0, "4")]))
    assert read_hours(body) == ([("2", PLAIN, 4.0)], ["3 of 4 values are no numbers"])


async def test_a_call_that_the_mesh_counts_is_not_counted_by_its_flows_again(tmp_path: Path) -> None:
    mesh = {"destination_workload": "api", "destination_workload_namespace": "shop"}
    mesh |= {"source_workload": "web", "source_workload_namespace": "edge"}
    flow = {"SrcK8S_Namespace": "edge", "DstK8S_Namespace": "shop", "DstK8S_OwnerName": "api"}

    async def handle(request: web.Request) -> web.Response:
        query = request.query["query"]
        if "SrcK8S" in query:
            body = vector(({**flow, "SrcK8S_OwnerName": "web"}, "9000"), ({**flow, "SrcK8S_OwnerName": "cron"}, "70"))
        else:
            policies = {"mutual_tls": "6", "none": "3", "unknown": "1"} if "requests" in query else {}
            body = vector(*(({**mesh, "connection_security_policy": name}, value) for name, value in policies.items()))
        return web.Response(body=body, content_type="application/json")

    async with rig(tmp_path, handle, ObservedCall) as found:
        state = await found.round()
        calls = [item for item in state.objects[ObservedCall]["shop"].values() if isinstance(item, ObservedCall)]
        assert {item.source: (item.count, item.mutual, item.plain, item.measured_tls) for item in calls} == {
            "web": (10.0, 6.0, 3.0, True),
            "cron": (70.0, 0.0, 0.0, False),
        }


async def test_no_route_and_no_setting_is_not_connected(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b"{}", 404), connected=False) as found:
        state = await found.round()
        assert state.gap(ScrapeTarget) == Gap(Why.NOT_CONNECTED, "thanos")


async def test_no_series_is_no_samples(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector())) as found:
        gap = (await found.round()).gap(ScrapeTarget)
        assert gap is not None
        assert gap.why is Why.NO_SAMPLES


@pytest.mark.parametrize(("status", "why"), [(401, Why.FORBIDDEN), (403, Why.FORBIDDEN), (503, Why.UNAVAILABLE)])
async def test_F45_refused_or_down_is_unknown(tmp_path: Path, status: int, why: Why) -> None:
    async with rig(tmp_path, answering(b'{"message": "no"}', status)) as found:
        gap = (await found.round()).gap(ScrapeTarget)
        assert gap is not None
        assert gap.why is why


async def test_F45_one_refusal_asks_once_and_never_logs_in_again(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b"{}", 401)) as found:
        await found.round()
        assert len(found.api.seen) == 1


async def test_F45_an_endless_answer_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ztui.sources.metrics.LIMIT_BYTES", 1024)
    async with rig(tmp_path, answering(vector(*[up(f"s{number}") for number in range(100)]))) as found:
        gap = (await found.round()).gap(ScrapeTarget)
        assert gap is not None
        assert gap.why is Why.MALFORMED


async def test_F45_warnings_make_it_partial_and_are_told(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector(up(), warnings=("store-1 did not answer",)))) as found:
        state = await found.round()
        assert state.gap(ScrapeTarget) == Gap(Why.PARTIAL, "store-1 did not answer")


async def test_F45_what_was_measured_stays_for_some_rounds_without_an_answer(tmp_path: Path) -> None:
    answers = [vector(up())]

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=answers.pop(), content_type="application/json") if answers else web.Response(status=503)

    async with rig(tmp_path, handle) as found:
        await found.round()
        gaps = [(await found.round()).gap(ScrapeTarget) for _ in range(MISSES)]
        assert gaps[:-1] == [None] * (MISSES - 1)
        assert gaps[-1] is not None
        answers.append(vector(up()))
        assert (await found.round()).gap(ScrapeTarget) is None


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "abc", ""])
def test_B40_a_value_that_is_no_number_is_left_out_and_told(value: str) -> None:
    samples, notes = read_vector(vector(up(), up("web", value)))
    assert [labels["service"] for labels, _ in samples] == ["api"]
    assert notes == ["1 of 2 values are no numbers"]


@pytest.mark.parametrize(
    "body",
    [
        vector(up(), kind="matrix"),
        vector(up(), kind="surprise"),
        b'{"status": "error", "error": "<script>alert(1)</script>"}',
        b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]}}',
        b"[" * 50_000,
        b"<html>",
        b"",
    ],
)
def test_B40_what_is_no_vector_is_refused(body: bytes) -> None:
    with pytest.raises(DataError):
        read_vector(body)


def test_B40_too_many_series_are_refused() -> None:
    with pytest.raises(DataError, match="series"):
        read_vector(vector(*[up(str(number)) for number in range(SERIES_LIMIT + 1)]))


async def test_B40_a_page_of_html_is_no_answer(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b"<html>log in</html>", content_type="text/html")) as found:
        gap = (await found.round()).gap(ScrapeTarget)
        assert gap is not None
        assert gap != LOADING


CONFIG = """
route:
  receiver: Default
  routes:
  - matchers: ['alertname = "Watchdog"']
    receiver: Watchdog
  - matchers: ['severity =~ "critical|page"']
    receiver: Critical
receivers:
- name: Default
- name: Watchdog
  webhook_configs: [{url: <secret>}]
- name: Critical
  pagerduty_configs: [{routing_key: <secret>}]
"""


@pytest.mark.parametrize(
    ("text", "reached", "idle"),
    [
        (CONFIG, ("Critical",), ("Watchdog",)),
        (CONFIG.replace("pagerduty_configs: [{routing_key: <secret>}]", "pagerduty_configs: []"), (), ("Watchdog",)),
        (CONFIG.replace("critical|page", "page"), (), ("Critical", "Watchdog")),
        (CONFIG.replace("critical|page", "(c+)+x"), (), ("Critical", "Watchdog")),
        (CONFIG.replace("severity =~", "severity !~"), (), ("Critical", "Watchdog")),
        ("route: {receiver: A}\nreceivers: [{name: A, email_configs: [{to: x}]}]", ("A",), ()),
        (
            "route: {receiver: A, routes: [{match: {severity: critical}, receiver: B, continue: true}]}\nreceivers: [{name: A}]",
            (),
            (),
        ),
    ],
)
def test_critical_alerts_are_followed_through_the_routes(text: str, reached: tuple[str, ...], idle: tuple[str, ...]) -> None:
    found = alert_routing(text)
    assert (found.reached, found.idle) == (reached, idle)


@pytest.mark.parametrize("text", ["", "route: 1", "[", "a: b", "x" * (1024 * 1024 + 1)])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"route|YAML|MiB"):
        alert_routing(text)


async def test_the_alert_manager_tells_its_routes(tmp_path: Path) -> None:
    body: dict[str, Any] = {"config": {"original": CONFIG}}
    async with rig(tmp_path, answering(json.dumps(body).encode()), AlertRouting) as found:
        state = await found.round()
        assert state.gap(AlertRouting) is None
        assert [item.name for item in state.objects[AlertRouting][""].values()] == ["alertmanager"]


async def test_an_alert_manager_without_a_configuration_is_unknown(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b'{"config": {}}'), AlertRouting) as found:
        gap = (await found.round()).gap(AlertRouting)
        assert gap is not None
        assert gap.why is Why.MALFORMED

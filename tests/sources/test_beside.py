"""The log store, and how the connections beside a cluster say how they are: found, live, stale with an age, lost."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.sources.small_api import CANARY
from tests.sources.test_http import http_to
from tests.sources.test_metrics import answering, rig, up, vector
from tests.worlds import NOW
from ztui.clock import ManualClock
from ztui.errors import SettingsError
from ztui.health import Freshness, SideLink
from ztui.kinds.measured import LeaseCount, LogDelivery, ScrapeTarget, StoredRecords
from ztui.panes.health import side_words
from ztui.settings import ContextSettings
from ztui.sources.beside import Beside
from ztui.sources.side import MISSES, POLL_S
from ztui.store import Store
from ztui.view import Gap, State, Why


def count(state: State) -> float:
    found = state.objects[StoredRecords][""]["audit"]
    assert isinstance(found, StoredRecords)
    return found.count


async def test_records_of_the_audit_tenant_are_counted_and_never_read(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector(({}, "5400"))), StoredRecords) as found:
        state = await found.round()
        [asked] = found.api.seen
        assert (state.gap(StoredRecords), count(state)) == (None, 5400.0)
        assert asked.path == "/api/logs/v1/audit/loki/api/v1/query"
        assert asked.query["query"] == 'sum(count_over_time({log_type="audit"}[15m]))'
        assert found.api.tokens == [f"Bearer {CANARY}"]


async def test_a_tenant_that_never_got_anything_has_none(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector()), StoredRecords) as found:
        assert count(await found.round()) == 0.0


@pytest.mark.parametrize(("status", "why"), [(401, Why.FORBIDDEN), (403, Why.FORBIDDEN), (503, Why.UNAVAILABLE)])
async def test_F45_a_log_store_that_refuses_is_unknown(tmp_path: Path, status: int, why: Why) -> None:
    async with rig(tmp_path, answering(b'{"error": "no"}', status), StoredRecords) as found:
        gap = (await found.round()).gap(StoredRecords)
        assert gap is not None
        assert gap.why is why


async def test_a_refusal_names_the_role_that_is_missing(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b"{}", 403), StoredRecords) as found:
        state = await found.round()
        assert state.gap(StoredRecords) == Gap(Why.FORBIDDEN, "get logs in loki")
        assert "cluster-logging-audit-view" in str(found.beside.links()[0].problem)


@pytest.mark.parametrize("body", [b"null", b"[]", vector(({}, "1"), kind="streams"), b'{"status": 7}', b"\xff\xfe"])
async def test_F45_what_is_no_count_is_malformed(tmp_path: Path, body: bytes) -> None:
    async with rig(tmp_path, answering(body), StoredRecords) as found:
        gap = (await found.round()).gap(StoredRecords)
        assert gap is not None
        assert gap.why is Why.MALFORMED


async def test_F45_a_count_that_is_no_number_is_partial(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector(({}, "NaN"))), StoredRecords) as found:
        assert (await found.round()).gap(StoredRecords) == Gap(Why.PARTIAL, "1 of 1 values are no numbers")


def route(name: str, host: str, component: str = "lokistack-gateway") -> dict[str, object]:
    labels = {"app.kubernetes.io/component": component}
    meta = {"name": name, "namespace": "openshift-logging", "uid": name, "resourceVersion": "1", "labels": labels}
    return {"metadata": meta, "spec": {"host": host, "to": {"name": name}}}


async def address(folder: Path, *routes: dict[str, object]) -> str:
    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("/namespaces/openshift-logging/routes"):
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": list(routes)})
        return web.Response(status=404)

    async with rig(folder, handle, StoredRecords, connected=False) as found:
        await found.round()
        return found.beside.links()[0].address


async def test_the_gateways_route_is_found_by_its_component(tmp_path: Path) -> None:
    routes = (route("zz", "zz.localhost"), route("logging-loki", "loki.localhost"), route("a", "a.localhost", "console"))
    assert await address(tmp_path, *routes) == "https://loki.localhost"


@pytest.mark.parametrize("host", ["", "evil.example/path", "user@evil.example", "evil.example:1", "\u202eevil"])
async def test_a_route_with_an_odd_host_leads_nowhere(tmp_path: Path, host: str) -> None:
    assert await address(tmp_path, route("logging-loki", host)) == ""


async def test_without_a_route_it_is_not_connected_and_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(b"{}", 404), StoredRecords, connected=False) as found:
        state = await found.round()
        [link] = found.beside.links()
        assert state.gap(StoredRecords) == Gap(Why.NOT_CONNECTED, "loki")
        assert side_words(link).startswith("not connected")


async def test_deliveries_and_leases_are_read_by_their_labels(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        query = request.query["query"]
        value = "3" if "errors" in query or "offset" in query else "40"
        labels = {"namespace": "logs"} | ({"component_id": "output_siem"} if "vector" in query else {})
        return web.Response(body=vector((labels, value), ({"x": "1"}, "7")), content_type="application/json")

    async with rig(tmp_path, handle, LogDelivery, LeaseCount) as found:
        state = await found.round()
        sent = state.objects[LogDelivery]["logs"]["output_siem"]
        leases = state.objects[LeaseCount][""]
        assert isinstance(sent, LogDelivery)
        assert (sent.sent, sent.errors) == (40.0, 3.0)
        assert [(name, item.now, item.before) for name, item in leases.items() if isinstance(item, LeaseCount)] == [
            ("logs", 40.0, 3.0),
            ("outside", 7.0, 7.0),
        ]


async def test_F45_the_link_is_stale_with_an_age_before_it_is_lost(tmp_path: Path) -> None:
    answers = [vector(up())]

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=answers.pop(), content_type="application/json") if answers else web.Response(status=503)

    clock = ManualClock()
    async with rig(tmp_path, handle, clock=clock) as found:
        links: list[SideLink] = []
        for _ in range(1 + MISSES):
            await found.round()
            links += found.beside.links()
            await clock.advance(POLL_S)
        assert [link.freshness for link in links] == [
            Freshness.LIVE,
            Freshness.LIVE,
            Freshness.STALE,
            Freshness.STALE,
            Freshness.LOST,
        ]
        assert side_words(links[2]) == f"{found.api.server}  stale, no news for 60 s"
        answers.append(vector(up()))
        await found.round()
        assert found.beside.links()[0].freshness is Freshness.LIVE


async def test_F45_a_log_store_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    hung = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        if "/api/logs/" in request.path:
            hung.set()
            await asyncio.Event().wait()
        return web.Response(body=vector(up()), content_type="application/json")

    measured = asyncio.Event()
    async with rig(tmp_path, handle, StoredRecords, ScrapeTarget, told=measured) as found:
        running = asyncio.ensure_future(found.beside.run())
        await hung.wait()
        await measured.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert found.store.tick(NOW).gap(ScrapeTarget) is None


async def test_an_unusable_address_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    mine = ContextSettings(logs_url="http://loki.example")
    async with rig(tmp_path, answering(b"")) as found:
        with pytest.raises(SettingsError, match="plain http"):
            async with http_to(found.api, tmp_path, settings={"contexts": {"test": mine}}):
                pass


async def test_nothing_is_asked_that_nobody_wants(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(vector(up()))) as found:
        await found.round()
        assert [link.name for link in found.beside.links()] == ["metrics"]
        assert Beside(found.http, frozenset(), Store().apply, ManualClock()).links() == ()

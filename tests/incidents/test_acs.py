"""ACS Central beside a cluster: its violations as signals, its own login, and a stand-in that answers well and badly.

Origin of the samples: ListAlertsResponse of `GET /v1/alerts` in the JSON form of Central's gateway (proto/storage/alert.proto of
stackrox/stackrox: ListAlert with its entity, ListAlertPolicy, CommonEntityInfo).
"""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.incidents.telling import SHOP, Desk
from tests.incidents.test_wire import Ear
from tests.sources.small_api import CANARY, Handler, SmallApi, kubeconfig, small_api
from tests.sources.test_http import http_to
from tests.sources.test_metrics import Rig, answering
from tests.worlds import NOW
from ztui.clock import ManualClock
from ztui.errors import LoginError, SettingsError
from ztui.health import Freshness
from ztui.kinds.alert import Violation
from ztui.kinds.base import decode
from ztui.kinds.incident import Signal
from ztui.settings import ContextSettings, Settings
from ztui.sources import acs
from ztui.sources.beside import Beside
from ztui.sources.side import MISSES
from ztui.sources.target import find_target
from ztui.store import Store
from ztui.view import Gap, State, Why

TOKEN = "acs-token-4711"
SHELL: dict[str, Any] = {
    "id": "8a6d3c1e-33f4-4c5f-9a5e-8d4d4d0f2a11",
    "lifecycleStage": "RUNTIME",
    "time": "2026-01-05T09:00:03.512345678Z",
    "policy": {
        "id": "p1",
        "name": "Shell Spawned by Java Application",
        "severity": "CRITICAL_SEVERITY",
        "description": "Detects bash spawned by a Java process",
        "categories": ["System Modification"],
        "developerInternalFields": {"SORTName": "x"},
    },
    "state": "ACTIVE",
    "enforcementCount": 0,
    "enforcementAction": "UNSET_ENFORCEMENT",
    "commonEntityInfo": {
        "clusterName": "prod",
        "namespace": "shop",
        "clusterId": "c1",
        "namespaceId": "n1",
        "resourceType": "DEPLOYMENT",
    },
    "deployment": {
        "id": "d1",
        "name": "web",
        "clusterName": "prod",
        "namespace": "shop",
        "clusterId": "c1",
        "inactive": False,
        "namespaceId": "n1",
        "deploymentType": "Deployment",
    },
}


def violation(**changes: Any) -> dict[str, Any]:
    return {**SHELL, **changes}


def listed(*alerts: object) -> bytes:
    return json.dumps({"alerts": list(alerts)}).encode()


def signals(**changes: Any) -> list[Signal]:
    return list(decode(Violation, json.dumps(violation(**changes)).encode()).signals())


def test_a_violation_is_told_once_for_each_time_it_was_seen() -> None:
    [found] = signals()
    assert (found.source, found.level, found.rule) == ("acs", "critical", "Shell Spawned by Java Application")
    assert (found.subject.namespace, found.subject.kind, found.subject.name) == ("shop", "Deployment", "web")
    assert found.words == "at runtime: Detects bash spawned by a Java process"
    assert found.id == f"{SHELL['id']}/{SHELL['time']}"
    [again] = signals(time="2026-01-05T09:05:00Z")
    assert again.id != found.id


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        ("LOW_SEVERITY", "low"),
        ("MEDIUM_SEVERITY", "medium"),
        ("HIGH_SEVERITY", "high"),
        ("CRITICAL_SEVERITY", "critical"),
        ("UNSET_SEVERITY", "low"),
    ],
)
def test_the_levels_of_acs_are_ours(severity: str, level: str) -> None:
    assert [item.level for item in signals(policy={"name": "p", "severity": severity})] == [level]


def test_a_resource_and_a_node_are_the_subject_where_they_are_the_entity() -> None:
    place = {"clusterName": "prod", "namespace": "shop", "resourceType": "SECRETS"}
    [secret] = signals(deployment=None, commonEntityInfo=place, resource={"name": "db"})
    assert (secret.subject.kind, secret.subject.name, secret.subject.namespace) == ("Secret", "db", "shop")
    [node] = signals(deployment=None, commonEntityInfo={"clusterName": "prod"}, node={"name": "n1"})
    assert node.subject.node == "n1"
    [odd] = signals(deployment=None, commonEntityInfo={**place, "resourceType": "NEW_THING"}, resource={"name": "x"})
    assert (odd.subject.namespace, odd.subject.kind) == ("shop", "")


@pytest.mark.parametrize("changes", [{"time": ""}, {"time": "yesterday"}, {"id": ""}, {"policy": {}}])
def test_what_has_no_time_no_id_or_no_policy_tells_nothing(changes: dict[str, Any]) -> None:
    assert signals(**changes) == []


def test_a_workload_that_acs_calls_a_deployment_is_found_by_its_uid() -> None:
    """Central before 4.6 tells no type: a StatefulSet is a deployment to it."""
    database = {"kind": "StatefulSet", "metadata": {"name": "db", "namespace": "bank", "uid": "s1"}}
    desk = Desk(*SHOP[:-1], database)
    entity = {"id": "s1", "name": "db", "namespace": "bank"}
    desk.fold(*signals(deployment=entity, commonEntityInfo={"clusterName": "prod", "namespace": "bank"}))
    assert [(ref.kind, ref.name) for ref in desk.one.things] == [("StatefulSet", "db")]


@asynccontextmanager
async def central(
    folder: Path,
    handler: Handler,
    *,
    token: str | None = TOKEN,
    ca: trustme.CA | None = None,
    insecure: bool = False,
    cluster: str | None = "prod",
    ca_file: Path | None = None,
) -> AsyncIterator[Rig]:
    """Central of its own authority, beside a cluster whose API is at the same address; its login is what the settings name."""
    async with small_api(handler, ca=ca) as api:
        file = folder / "token"
        if token is not None:
            file.write_text(token)
        mine = ContextSettings(
            acs_url=api.server,
            acs_token_file=str(file) if token is not None else None,
            acs_ca_file=str(ca_file) if ca_file else None,
            acs_cluster=cluster,
        )
        settings: dict[str, Any] = {"contexts": {"test": mine}}
        if insecure:
            settings["allow_insecure_read"] = True
        parts: dict[str, Any] = {"ca_pem": None, "cluster": {"insecure-skip-tls-verify": True}} if insecure else {}
        async with http_to(api, folder, settings=settings, **parts) as http:
            store = Store()
            # Not the method itself: an ear may take its place.
            found = Beside(http, (Violation,), lambda event: store.apply(event), ManualClock())  # noqa: PLW0108
            try:
                yield Rig(found, store, api, http)
            finally:
                await found.close()


def asked(api: SmallApi) -> list[web.Request]:
    return [item for item in api.seen if item.path == "/v1/alerts"]


async def test_violations_are_asked_with_central_s_own_token_and_never_the_cluster_s(tmp_path: Path) -> None:
    async with central(tmp_path, answering(listed(SHELL))) as found:
        ear = Ear(found.store)
        state = await found.round()
        assert [item.rule for item in ear.told] == ["Shell Spawned by Java Application"]
        assert state.gap(Violation) is None
        [request] = asked(found.api)
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.query["query"] == 'Violation State:ACTIVE+Cluster:"prod"'
        assert not any(CANARY in token for token in found.api.tokens)
        [link] = found.beside.links()
        assert (link.name, link.freshness, link.problem) == ("acs", Freshness.LIVE, None)


async def test_a_token_that_was_replaced_is_used_at_once(tmp_path: Path) -> None:
    async with central(tmp_path, answering(listed())) as found:
        await found.round()
        (tmp_path / "token").write_text("another\n")
        await found.round()
        assert [item.headers["Authorization"] for item in asked(found.api)] == [f"Bearer {TOKEN}", "Bearer another"]


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "no token"), ("", "one printable word"), ("two words", "one printable"), ("caf\u00e9", "not text")],
)
async def test_without_a_token_nothing_is_asked_and_health_says_what_to_do(tmp_path: Path, token: str | None, words: str) -> None:
    async with central(tmp_path, answering(listed(SHELL)), token=token) as found:
        gap = (await found.round()).gap(Violation)
        assert gap is not None
        assert gap.why is Why.FORBIDDEN
        assert found.api.seen == []
        [link] = found.beside.links()
        assert isinstance(link.problem, LoginError)
        assert words in str(link.problem)
        assert not token or token not in str(link.problem)


@pytest.mark.parametrize(("status", "why"), [(401, Why.FORBIDDEN), (403, Why.FORBIDDEN), (503, Why.UNAVAILABLE)])
async def test_F45_a_refusal_is_a_gap_and_asked_once(tmp_path: Path, status: int, why: Why) -> None:
    async with central(tmp_path, answering(b'{"error": "not authorized"}', status)) as found:
        gap = (await found.round()).gap(Violation)
        assert gap is not None
        assert gap.why is why
        assert len(asked(found.api)) == 1


async def test_F45_a_pause_is_stale_then_lost_and_then_live_again(tmp_path: Path) -> None:
    up = [True]

    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({"alerts": [SHELL]}) if up[0] else web.Response(status=503)

    async with central(tmp_path, handle) as found:
        seen: list[tuple[Freshness, bool]] = []

        async def look() -> State:
            state = await found.round()
            seen.append((found.beside.links()[0].freshness, state.gap(Violation) is None))
            return state

        await look()
        up[0] = False
        for _ in range(MISSES):
            await look()
        up[0] = True
        await look()
        assert seen == [
            (Freshness.LIVE, True),
            (Freshness.LIVE, True),
            (Freshness.STALE, True),
            (Freshness.STALE, True),
            (Freshness.LOST, False),
            (Freshness.LIVE, True),
        ]


DEEP = pytest.param(b'{"alerts": [' * 5000, id="deep")


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"alerts": 7}', b"\xff", b"<html>", DEEP])
async def test_F45_an_answer_of_another_shape_is_malformed(tmp_path: Path, body: bytes) -> None:
    async with central(tmp_path, answering(body)) as found:
        gap = (await found.round()).gap(Violation)
        assert gap is not None
        assert gap.why is Why.MALFORMED


async def test_a_violation_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    async with central(tmp_path, answering(listed({"policy": 7}, SHELL, None, 3))) as found:
        ear = Ear(found.store)
        state = await found.round()
        assert len(ear.told) == 1
        assert state.gap(Violation) == Gap(Why.PARTIAL, "3 violations cannot be read")


async def test_a_flood_is_read_page_by_page_and_its_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acs, "PAGE", 10)
    total = [25]

    async def handle(request: web.Request) -> web.Response:
        start, size = int(request.query["pagination.offset"]), int(request.query["pagination.limit"])
        return web.json_response({"alerts": [violation(id=str(at)) for at in range(start, min(start + size, total[0]))]})

    async with central(tmp_path, handle) as found:
        ear = Ear(found.store)
        assert (await found.round()).gap(Violation) is None
        assert len({item.id for item in ear.told}) == 25
        total[0] = 10_000
        gap = (await found.round()).gap(Violation)
        assert gap == Gap(Why.PARTIAL, "only the first 100 violations were read")


async def test_what_stands_is_told_once_and_what_happens_again_is_told_again(tmp_path: Path) -> None:
    alerts = [violation(id="a"), violation(id="b")]

    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({"alerts": alerts})

    async with central(tmp_path, handle) as found:
        ear = Ear(found.store)
        await found.round()
        await found.round()
        alerts[0] = violation(id="a", time="2026-01-05T09:30:00Z")
        await found.round()
        assert [item.id.partition("/")[0] for item in ear.told] == ["a", "b", "a"]


async def test_of_several_clusters_only_ours_is_heard(tmp_path: Path) -> None:
    other = violation(id="x", commonEntityInfo={**SHELL["commonEntityInfo"], "clusterName": "test"})
    async with central(tmp_path, answering(listed(SHELL, other))) as found:
        ear = Ear(found.store)
        await found.round()
        assert [item.id for item in ear.told] == [f"{SHELL['id']}/{SHELL['time']}"]


async def test_where_nothing_tells_which_cluster_is_ours_none_is_taken_for_it(tmp_path: Path) -> None:
    other = violation(id="x", commonEntityInfo={**SHELL["commonEntityInfo"], "clusterName": "test"})
    async with central(tmp_path, answering(listed(SHELL, other)), cluster=None) as found:
        ear = Ear(found.store)
        gap = (await found.round()).gap(Violation)
        assert ear.told == []
        assert gap is not None
        assert "acs_cluster" in gap.detail


async def test_the_operator_of_the_cluster_tells_its_name(tmp_path: Path) -> None:
    meta = {"name": "s", "namespace": "stackrox", "uid": "u", "resourceVersion": "1"}
    secured = {"metadata": meta, "spec": {"clusterName": "prod"}}

    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("/securedclusters"):
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [secured]})
        return web.json_response({"alerts": [SHELL]})

    async with central(tmp_path, handle, cluster=None) as found:
        await found.round()
        await found.round()
        assert ['Cluster:"prod"' in item.query["query"] for item in asked(found.api)] == [True, True]
        assert sum(item.path.endswith("/securedclusters") for item in found.api.seen) == 1


async def test_central_of_an_unknown_authority_gets_no_token_until_its_authority_is_named(tmp_path: Path) -> None:
    """Also where the cluster's own context does without verification."""
    ca = trustme.CA()
    async with central(tmp_path, answering(listed(SHELL)), ca=ca, insecure=True) as found:
        assert (await found.round()).gap(Violation) is not None
        assert asked(found.api) == []
    authority = tmp_path / "acs-ca.pem"
    authority.write_bytes(ca.cert_pem.bytes())
    async with central(tmp_path, answering(listed(SHELL)), ca=ca, insecure=True, ca_file=authority) as found:
        assert (await found.round()).gap(Violation) is None


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_authorities_that_cannot_be_used_are_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    async with central(tmp_path, answering(listed(SHELL)), ca_file=tmp_path / "ca.pem") as found:
        assert (await found.round()).gap(Violation) is not None
        [link] = found.beside.links()
        assert "authorities" in str(link.problem)
        assert found.api.seen == []


async def test_a_route_in_either_home_leads_there_and_no_route_is_no_acs(tmp_path: Path) -> None:
    homes: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        homes.append(request.path)
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound", "message": "no"}, status=404)

    async with small_api(handle) as api, http_to(api, tmp_path) as http:
        store = Store()
        beside = Beside(http, (Violation,), store.apply, ManualClock())
        await beside.round()
        assert store.tick(NOW).gap(Violation) == Gap(Why.ABSENT, "acs")
        assert beside.links() == ()
        assert [path.split("/")[-3] for path in homes] == list(acs.HOMES)
        await beside.close()


@pytest.mark.parametrize("url", ["http://localhost:1", "https://user@host", "central"])
def test_an_address_without_tls_is_refused(tmp_path: Path, url: str) -> None:

    path = kubeconfig(tmp_path / "config", "https://localhost:1")
    settings = Settings(kubeconfig=str(path), contexts={"test": ContextSettings(acs_url=url)})
    with pytest.raises(SettingsError, match="cannot be used"):
        find_target(settings, {})

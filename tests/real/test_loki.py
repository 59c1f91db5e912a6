"""Every question to a log store, asked of a real Loki behind a gateway's paths: the lines that tell, and no others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.incidents.test_wire import AUDIT, FALCO, TETRAGON, VAULT
from tests.servers.lokis import LokiServer
from tests.sources.small_api import small_api
from tests.sources.test_http import http_to
from ztui.kinds.base import Kind
from ztui.kinds.logline import AuditLine, FalcoLine, LogLine, TetragonLine, VaultLine
from ztui.kinds.measured import StoredRecords
from ztui.sources.logs import ask
from ztui.store import Put

QUIET: dict[str, Any] = {
    **AUDIT,
    "verb": "get",
    "user": {"username": "system:kube-scheduler", "groups": ["system:authenticated"]},
    "userAgent": "kube-scheduler/v1.33",
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
    "responseStatus": {"code": 200},
}


def audit(name: str, **changes: Any) -> str:
    return json.dumps({**QUIET, "auditID": name, **changes}, separators=(",", ":"))


LOUD = {
    "exec": audit("exec", objectRef={"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web"}),
    "secrets": audit("secrets", objectRef={"resource": "secrets"}),
    "refused": audit("refused", responseStatus={"code": 403}),
    "nobody": audit("nobody", user={"username": "system:anonymous"}),
    "as": audit("as", impersonatedUser={"username": "root"}),
    "hand": audit("hand", user={"username": "system:serviceaccount:shop:web"}, userAgent="curl/8.5"),
}
STILL = {
    "get": audit("get"),
    "own": audit("own", user={"username": "system:serviceaccount:shop:web"}, userAgent="web/1.0"),
    "text": "a line that is no event",
}
APPLICATION = {
    FalcoLine: json.dumps(FALCO),
    TetragonLine: json.dumps(TETRAGON),
    VaultLine: json.dumps(VAULT),
}


@pytest.fixture(scope="module")
def loki() -> Iterator[LokiServer]:
    if reason := LokiServer.why_not():
        pytest.skip(reason)
    with LokiServer() as server:
        server.push("audit", [*LOUD.values(), *STILL.values()])
        server.push("application", [*APPLICATION.values(), json.dumps({"level": "info", "message": "GET /healthz 200"})])
        yield server


async def told(loki: LokiServer, folder: Path, kind: type[Kind]) -> list[Kind]:
    """What is read of a kind, through paths such as those of the gateway of a LokiStack."""

    async def gateway(request: web.Request) -> web.Response:
        tenant, _, rest = request.path_qs.removeprefix("/api/logs/v1/").partition("/")
        return web.json_response(await asyncio.to_thread(loki.ask, tenant, f"/{rest}"))

    async with small_api(gateway) as api, http_to(api, folder) as http:
        events = await ask(http, kind)
    return [item.obj for item in events if isinstance(item, Put)]


async def test_the_audit_lines_that_tell_something_are_read_and_no_others(loki: LokiServer, tmp_path: Path) -> None:
    found = await told(loki, tmp_path, AuditLine)
    assert {item.fields["auditID"] for item in found if isinstance(item, LogLine)} == set(LOUD)


@pytest.mark.parametrize("kind", APPLICATION, ids=lambda kind: kind.__name__)
async def test_the_lines_of_each_sensor_are_its_own(loki: LokiServer, tmp_path: Path, kind: type[LogLine]) -> None:
    [found] = await told(loki, tmp_path, kind)
    assert isinstance(found, kind)
    assert list(found.signals())


async def test_what_arrived_is_counted(loki: LokiServer, tmp_path: Path) -> None:
    [found] = await told(loki, tmp_path, StoredRecords)
    assert isinstance(found, StoredRecords)
    assert found.count == len(LOUD) + len(STILL)

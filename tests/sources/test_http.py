"""The client against small servers that misbehave in one way each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.sources.small_api import CANARY, SmallApi, kubeconfig, small_api, versions
from ztui.clock import ManualClock
from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, GoneError, LoginError, TrustError
from ztui.settings import Settings
from ztui.sources.http import Http
from ztui.sources.target import find_target


@asynccontextmanager
async def http_to(api: SmallApi, folder: Path, **changes: object) -> AsyncIterator[Http]:
    path = kubeconfig(folder / "config", api.server, ca_pem=api.ca_pem, **changes)  # type: ignore[arg-type]
    http = Http(find_target(Settings(kubeconfig=str(path)), {}), ManualClock(), timeout_s=5)
    try:
        yield http
    finally:
        await http.close()


async def test_a_request_carries_the_token_and_reads_the_answer(tmp_path: Path) -> None:
    async with small_api(host="127.0.0.1") as api, http_to(api, tmp_path) as http:
        answer = await http.request("GET", "/api", query={"limit": 5, "labelSelector": "a=b,c"})
        assert answer.status == 200
        assert b"APIVersions" in answer.body
        assert api.tokens == [f"Bearer {CANARY}"]
        assert api.seen[0].query == {"limit": "5", "labelSelector": "a=b,c"}
        assert http.skew_s is not None

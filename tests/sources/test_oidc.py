"""OIDC logins: renewed in memory over verified TLS, or refused with a reason that shows no token."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.sources.small_api import CANARY, SmallApi, kubeconfig, small_api
from ztui.clock import ManualClock
from ztui.errors import LoginError, SettingsError
from ztui.settings import Settings
from ztui.sources.credentials import Credentials
from ztui.sources.oidc import expiry_of
from ztui.sources.target import find_target


def id_token(clock: ManualClock, *, lives_s: float, name: str = "ana") -> str:
    claims = {"exp": (clock.now() + timedelta(seconds=lives_s)).timestamp(), "sub": name}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims))
    return f"{'.'.join(parts)}.c2lnbmF0dXJl"


@asynccontextmanager
async def provider(answer: dict[str, Any], **discovery: str) -> AsyncIterator[tuple[SmallApi, list[dict[str, str]]]]:
    """An identity provider; the list holds the forms it was sent."""
    forms: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"issuer": api.server, "token_endpoint": f"{api.server}/token", **discovery})
        forms.append({key: str(value) for key, value in (await request.post()).items()})
        return web.json_response(answer)

    async with small_api(handler) as api:
        yield api, forms


def credentials_of(
    folder: Path, api: SmallApi, clock: ManualClock, *, ca: trustme.CA | None = None, changes: dict[str, str] | None = None
) -> Credentials:
    data = base64.b64encode((ca or api.ca).cert_pem.bytes()).decode()
    values = {"idp-issuer-url": api.server, "client-id": "ztui", "refresh-token": CANARY, "idp-certificate-authority-data": data}
    user: dict[str, object] = {"auth-provider": {"name": "oidc", "config": values | (changes or {})}}
    path = kubeconfig(folder / "config", "https://127.0.0.1:6443", user=user)
    return Credentials(find_target(Settings(kubeconfig=str(path)), {}), clock)


async def test_a_refresh_token_becomes_an_id_token_and_the_file_stays_as_it_is(tmp_path: Path, clock: ManualClock) -> None:
    token = id_token(clock, lives_s=600)
    async with provider({"id_token": token, "refresh_token": "rotated"}) as (api, forms):
        credentials = credentials_of(tmp_path, api, clock, changes={"client-secret": "hush"})
        before = (tmp_path / "config").read_bytes()
        assert await credentials.headers() == {"Authorization": f"Bearer {token}"}
        await credentials.headers()
        assert forms == [{"grant_type": "refresh_token", "refresh_token": CANARY, "client_id": "ztui", "client_secret": "hush"}]
        assert credentials.expires_at == expiry_of(token)
        assert (tmp_path / "config").read_bytes() == before


async def test_a_refresh_token_that_the_provider_changed_is_used_from_then_on(tmp_path: Path, clock: ManualClock) -> None:
    token = id_token(clock, lives_s=600)
    async with provider({"id_token": token, "refresh_token": "rotated"}) as (api, forms):
        credentials = credentials_of(tmp_path, api, clock)
        await credentials.headers()
        await clock.advance(580)
        await credentials.headers()
        assert [form["refresh_token"] for form in forms] == [CANARY, "rotated"]


async def test_an_id_token_that_still_lives_is_used_and_one_that_ended_is_not(tmp_path: Path, clock: ManualClock) -> None:
    fresh = id_token(clock, lives_s=600, name="new")
    async with provider({"id_token": fresh}) as (api, forms):
        good, old = id_token(clock, lives_s=300), id_token(clock, lives_s=-300)
        assert await credentials_of(tmp_path, api, clock, changes={"id-token": good}).headers() == {
            "Authorization": f"Bearer {good}"
        }
        assert not forms
        assert await credentials_of(tmp_path, api, clock, changes={"id-token": old}).headers() == {
            "Authorization": f"Bearer {fresh}"
        }


@pytest.mark.parametrize(
    ("answer", "discovery", "why"),
    [
        ({}, {}, "the provider gave no id token"),
        ({"id_token": 7}, {}, "the provider's answer is not what OpenID Connect says"),
        ({"id_token": "a b"}, {}, "the provider's token holds characters that no token has"),
        ({}, {"issuer": "https://evil.example"}, "the provider names another issuer"),
        (
            {},
            {"token_endpoint": "http://evil.example/token"},
            "the provider names another issuer, or a token address without TLS",
        ),
    ],
)
async def test_a_bad_answer_is_refused(
    tmp_path: Path, clock: ManualClock, answer: dict[str, Any], discovery: dict[str, str], why: str
) -> None:
    async with provider(answer, **discovery) as (api, _):
        with pytest.raises(LoginError, match="the OIDC login cannot be renewed") as caught:
            await credentials_of(tmp_path, api, clock).headers()
        assert caught.value.why.startswith(why)
        assert CANARY not in str(caught.value)


async def test_D08_the_provider_is_verified_before_the_refresh_token_is_sent(tmp_path: Path, clock: ManualClock) -> None:
    async with provider({"id_token": "x"}) as (api, forms):
        with pytest.raises(LoginError, match="the provider's certificate is not trusted: unable to get local issuer certificate"):
            await credentials_of(tmp_path, api, clock, ca=trustme.CA()).headers()
        assert not forms
        assert not api.seen


async def test_no_refresh_token_says_so(tmp_path: Path, clock: ManualClock) -> None:
    async with provider({}) as (api, _):
        with pytest.raises(LoginError, match="holds no refresh token"):
            await credentials_of(tmp_path, api, clock, changes={"refresh-token": ""}).headers()


async def test_B06_an_issuer_without_tls_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    async with provider({}) as (api, _):
        with pytest.raises(SettingsError, match="idp-issuer-url"):
            credentials_of(tmp_path, api, clock, changes={"idp-issuer-url": "http://127.0.0.1"})


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.!!.c", "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOjFlNDAwfQ.c", f"a.{'W' * 9000}.c"]
)
def test_a_token_that_names_no_end_has_none(token: str) -> None:
    assert expiry_of(token) is None


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()

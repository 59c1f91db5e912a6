"""Refreshes an OIDC id token with its refresh token, over verified TLS, and keeps the result in memory only.

Source: OpenID Connect Core 1.0, section 12; OpenID Connect Discovery 1.0, section 4; client-go plugin/pkg/client/auth/oidc.
"""

from __future__ import annotations

import base64
import os
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import msgspec

from ztui.errors import LoginError
from ztui.sources.login import Hidden, Oidc, checked_token
from ztui.sources.programs import Credential
from ztui.sources.proxy import proxy_for

if TYPE_CHECKING:
    import aiohttp

ANSWER_LIMIT_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 15.0


class _Discovery(msgspec.Struct):
    issuer: str
    token_endpoint: str


class _Tokens(msgspec.Struct):
    id_token: str | None = None
    refresh_token: str | None = None


class _Claims(msgspec.Struct):
    exp: float | None = None


async def refresh_id_token(oidc: Oidc) -> Credential:
    """Trade the refresh token for an id token.

    Raises LoginError; the answer's body never enters a message.
    """
    if oidc.refresh_token is None:
        raise _failure(oidc, "the kubeconfig holds no refresh token")
    import aiohttp  # noqa: PLC0415  first paint comes before any client

    context = ssl.create_default_context(cadata=oidc.ca_pem) if oidc.ca_pem else ssl.create_default_context()
    connector = aiohttp.TCPConnector(ssl=context)
    limits = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
        found = _decode(oidc, await _call(session, oidc, "GET", f"{oidc.issuer}/.well-known/openid-configuration"), _Discovery)
        if found.issuer.rstrip("/") != oidc.issuer or urlsplit(found.token_endpoint).scheme != "https":
            raise _failure(oidc, "the provider names another issuer, or a token address without TLS")
        form = {"grant_type": "refresh_token", "refresh_token": oidc.refresh_token.reveal(), "client_id": oidc.client_id}
        if oidc.client_secret is not None:
            form["client_secret"] = oidc.client_secret.reveal()
        answer = _decode(oidc, await _call(session, oidc, "POST", found.token_endpoint, form), _Tokens)
    if answer.id_token is None:
        raise _failure(oidc, "the provider gave no id token")
    rotated = Hidden(answer.refresh_token) if answer.refresh_token else None
    return Credential(Hidden(_checked(oidc, answer.id_token)), None, expiry_of(answer.id_token), rotated)


def expiry_of(token: str) -> datetime | None:
    """When a JSON web token ends, by its own ``exp``; None where it does not say. Its signature is the server's to check."""
    try:
        body = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=_Claims)
        return datetime.fromtimestamp(claims.exp, UTC) if claims.exp is not None else None
    except (IndexError, ValueError, OverflowError, OSError, RecursionError):
        return None


async def _call(session: aiohttp.ClientSession, oidc: Oidc, method: str, url: str, form: dict[str, str] | None = None) -> bytes:
    import aiohttp  # noqa: PLC0415  as above

    try:
        async with session.request(
            method, url, data=form, allow_redirects=False, proxy=proxy_for(url, None, os.environ)
        ) as response:
            body = await response.content.read(ANSWER_LIMIT_BYTES)
            if response.status != 200:
                raise _failure(oidc, f"the provider answered {response.status}")
            return body
    except aiohttp.ClientConnectorCertificateError as error:
        why = getattr(error.certificate_error, "verify_message", "certificate refused")
        raise _failure(oidc, f"the provider's certificate is not trusted: {why}") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _failure(oidc, f"the provider cannot be reached: {type(error).__name__}") from error


T = TypeVar("T")


def _decode(oidc: Oidc, body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _failure(oidc, "the provider's answer is not what OpenID Connect says") from None


def _checked(oidc: Oidc, token: str) -> str:
    def refuse(why: str) -> NoReturn:
        raise _failure(oidc, f"the provider's token {why}")

    return checked_token(token, refuse)


def _failure(oidc: Oidc, why: str) -> LoginError:
    return LoginError(
        "the OIDC login cannot be renewed",
        where=oidc.issuer,
        why=why,
        next="log in again with your platform's tool, then press r",
    )

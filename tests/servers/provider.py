"""A small identity provider over loopback for logins by a browser: discovery, keys, an authorize page that agrees, and tokens."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "vault"
SECRET = "client-secret-for-tests"


class Provider:
    """Who logs in is always ``ana``; ``refuses`` makes the authorize page say no."""

    def __init__(self) -> None:
        self.issuer = ""
        self.refuses = False
        self._key = rsa.generate_private_key(65537, 2048)
        self._codes: dict[str, dict[str, str]] = {}

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        return app

    async def _discovery(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": _integer(numbers.n), "e": _integer(numbers.e)}
        return web.json_response({"keys": [key]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        told = {"error": "access_denied", "error_description": "ana said no"} if self.refuses else {"code": code}
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}")

    async def _token(self, request: web.Request) -> web.Response:
        asked = self._codes.pop(str((await request.post())["code"]))
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ana", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked.get("nonce", "")}
        body = {"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": self._signed(claims)}
        return web.json_response(body)

    def _signed(self, claims: dict[str, Any]) -> str:
        head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        text = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{_base64(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Serve until the block ends."""
    found = Provider()
    runner = web.AppRunner(found.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _integer(number: int) -> str:
    return _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))

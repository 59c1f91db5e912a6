"""Telling a webhook of an incident: one POST, over verified TLS, no redirect followed.

The address of a chat's webhook is a credential, so the settings name a file that holds it, and no message ever shows it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ztui.errors import ConnectError, SettingsError
from ztui.settings import Settings

TIMEOUT_S: Final = 10.0
_LONGEST: Final = 4096


async def notify(settings: Settings, message: Mapping[str, Any]) -> str:
    """Send a message; returns the host that took it. Raises SettingsError, ConnectError."""
    address = await asyncio.to_thread(_address, settings.notify_file)
    host = urlsplit(address).hostname or "?"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=True) as session,
            session.post(
                address,
                data=msgspec.json.encode(message),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer,
        ):
            if not 200 <= answer.status < 300:
                raise ConnectError("the webhook did not take it", where=host, why=f"HTTP {answer.status}")
    except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as error:
        # An error of the client may spell out the address.
        raise ConnectError("the webhook cannot be reached", where=host, why=type(error).__name__) from None
    return host


def _address(file: str | None) -> str:
    """The address in the file that the settings name."""
    if not file:
        raise SettingsError("nobody to tell", why="notify_file is not set", next="Name a file that holds the webhook's address")
    path = Path(file).expanduser()
    try:
        text = path.read_text(encoding="utf-8")[:_LONGEST].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("the webhook's address cannot be read", where=str(path), why=type(error).__name__) from None
    parts = urlsplit(text)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"https", "http"} if is_local else {"https"}):
        raise SettingsError("the webhook's address cannot be used", where=str(path), why="it must begin with https://")
    return text

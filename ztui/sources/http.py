"""One HTTP client for one pinned Target: TLS, proxy, login, deadlines; whatever goes wrong leaves as an error of ours.

Hop 1 of the road from watch event to pixel. No redirect is followed (D6), nothing is taken from the environment (D5), and nothing
here knows what a body means.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from ztui import __version__
from ztui.clock import Clock
from ztui.errors import ConnectError, DataError, LoginError
from ztui.sources.answers import access_of, date_of, not_kubernetes, refusal
from ztui.sources.credentials import Credentials
from ztui.sources.target import Target
from ztui.sources.transport import Pool, Transport, explain_failure, failures, open_transport

if TYPE_CHECKING:
    import aiohttp

CONNECT_S: Final = 10.0
LIMIT_BYTES: Final = 256 * 1024 * 1024
ERROR_LIMIT_BYTES: Final = 64 * 1024
_PATH_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~%:@!$&'()*+,;=")

Query = Mapping[str, str | int] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request, before login and transport are known."""

    method: str
    path: str
    query: Query
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    timeout_s: float | None
    also: Collection[int] = ()

    @property
    def is_read(self) -> bool:
        return self.method in {"GET", "HEAD"}

    @property
    def watches(self) -> bool:
        pairs = self.query.items() if isinstance(self.query, Mapping) else self.query
        return any(key == "watch" and str(value) in {"true", "1"} for key, value in pairs)


class Http:
    """Asks one server; safe to use from many tasks at once.

    ``skew_s`` is how far the server's clock is ahead of ours, None until it answered. ``warnings`` grows when a check
    is relaxed.
    """

    def __init__(self, target: Target, clock: Clock, *, timeout_s: float = 30.0, credentials: Credentials | None = None) -> None:
        self.target = target
        self.credentials = credentials or Credentials(target, clock)
        self.skew_s: float | None = None
        self.warnings: list[str] = list(target.warnings)
        self._clock = clock
        self._timeout_s = timeout_s
        self._transport: Transport | None = None
        self._retired: list[Transport] = []
        self._opening = asyncio.Lock()
        self._is_closed = False
        self._where = f"{target.context}, {target.host}"

    async def request(  # noqa: PLR0913  each is one knob of HTTP
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        accept: str = "application/json",
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float | None = None,
        limit_bytes: int = LIMIT_BYTES,
        also: Collection[int] = (),
    ) -> Answer:
        """Ask and read the whole answer; ``path`` is percent-encoded already, ``also`` are statuses to return besides 2xx.

        Raises ConnectError, TrustError, LoginError, ForbiddenError, AbsentError, GoneError; DataError beyond ``limit_bytes``.
        """
        headers = [("Accept", accept)]
        if body is not None:
            headers.append(("Content-Type", content_type))
        ask = _Ask(method.upper(), path, query, tuple(headers), body, timeout_s or self._timeout_s, also)
        async with self._exchange(ask, "requests") as response:
            async with self._translated(ask.timeout_s):
                content = await _read(response, limit_bytes, self._where)
            return Answer(response.status, _lower(response), content)

    def stream(
        self, path: str, *, query: Query = (), accept: str = "application/json"
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a stream of chunks as they come; no time limit beyond connecting, the caller owns all others.

        Raises as ``request``, on opening and while reading; the end of the iterator is the server's orderly end.
        """
        return self._stream(_Ask("GET", path, query, (("Accept", accept),), None, None))

    async def ping(self, timeout_s: float = 5.0) -> float:
        """Seconds that GET /readyz took, on a connection of its own. A server that says 403 or 404 is there all the same."""
        started_s = self._clock.monotonic()
        ask = _Ask("GET", "/readyz", (), (("Accept", "*/*"),), None, timeout_s, also=(403, 404))
        async with self._exchange(ask, "heartbeat") as response, self._translated(timeout_s):
            await _read(response, ERROR_LIMIT_BYTES, self._where)
        return self._clock.monotonic() - started_s

    async def close(self) -> None:
        """Close all connections, those with an open stream included."""
        self._is_closed = True
        transports = [*self._retired, *([self._transport] if self._transport is not None else [])]
        self._retired, self._transport = [], None
        for transport in transports:
            await transport.close()

    @contextlib.asynccontextmanager
    async def _stream(self, ask: _Ask) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._exchange(ask, "streams") as response, contextlib.aclosing(self._chunks(response)) as chunks:
            yield chunks

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        async with self._translated(None):
            async for chunk in response.content.iter_any():
                yield chunk

    @contextlib.asynccontextmanager
    async def _translated(self, timeout_s: float | None) -> AsyncIterator[None]:
        """Turn a failure of the transport into an error of ours; everything else passes."""
        try:
            yield
        except failures() as error:
            raise await explain_failure(error, self.target, timeout_s) from error

    @contextlib.asynccontextmanager
    async def _exchange(self, ask: _Ask, pool: Pool) -> AsyncIterator[aiohttp.ClientResponse]:
        """Log in, ask, log in again once if the server says 401, and hand out an answer whose status is wanted."""
        url = self._url(ask)
        for is_last in (False, True):
            login = await self.credentials.headers()
            generation = self.credentials.generation
            transport = await self._open()
            transport.active += 1
            try:
                response = await self._send(transport, pool, ask, url, login)
                try:
                    if response.status == 401 and not is_last and await self.credentials.refresh("401", refused=generation):
                        continue
                    await self._judge(response, ask)
                    yield response
                    return
                finally:
                    if not response.content.at_eof():
                        response.close()
                    response.release()
            finally:
                transport.active -= 1
                await self._bury()

    async def _send(
        self, transport: Transport, pool: Pool, ask: _Ask, url: str, login: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """Send once; a read whose kept-alive connection had died, or whose CA fails only the strict profile, once more."""
        headers = [*ask.headers, *login.items(), *self.target.impersonate, ("User-Agent", f"ztui/{__version__}")]
        for is_last in (False, True):
            try:
                return await transport.send(pool, ask.method, url, headers, ask.body, ask.timeout_s, CONNECT_S)
            except failures() as error:
                if not is_last and (transport.relaxed_by(error) or (ask.is_read and transport.was_dead(error))):
                    self._note_relaxed(transport)
                    continue
                raise await explain_failure(error, self.target, ask.timeout_s) from error
        raise AssertionError  # the last turn returns or raises

    async def _judge(self, response: aiohttp.ClientResponse, ask: _Ask) -> None:
        """Let through what is wanted; raise for everything else."""
        self._compare_clocks(response)
        headers = _lower(response)
        if 200 <= response.status < 300:
            content_type = headers.get("content-type", "")
            accept = dict(ask.headers)["Accept"]
            if ("json" in accept and content_type and "json" not in content_type) or "html" in content_type:
                raise not_kubernetes(self._where, content_type)
            return
        if response.status in ask.also:
            return
        async with self._translated(ask.timeout_s):
            body = await response.content.read(ERROR_LIMIT_BYTES)
        access = access_of(ask.method, ask.path, watch=ask.watches)
        raise refusal(self._where, access, response.status, headers, body, self.credentials.advice())

    async def _open(self) -> Transport:
        """The present transport; a new client certificate makes a new one, and the old one ends with its last answer."""
        async with self._opening:
            wanted = self.credentials.certificate_generation
            if self._transport is not None and self._transport.generation != wanted:
                self._retired.append(self._transport)
                self._transport = None
            if self._transport is None:
                certificate = self.credentials.certificate
                try:
                    opened = await open_transport(self.target, certificate, wanted)
                except ValueError as error:
                    raise LoginError(
                        "the client certificate cannot be used", where=self._where, why=str(error), next=self.credentials.advice()
                    ) from error
                if self._is_closed:  # whoever closed it did not see what was being opened
                    await opened.close()
                    raise ConnectError("the connection was closed", where=self._where)
                self._transport = opened
            return self._transport

    async def _bury(self) -> None:
        for transport in [old for old in self._retired if not old.active]:
            self._retired.remove(transport)
            await transport.close()

    def _url(self, ask: _Ask) -> str:
        if not ask.path.startswith("/") or not _PATH_CHARACTERS.issuperset(ask.path) or ".." in ask.path.split("/"):
            raise ValueError(f"not a path: {ask.path[:100]!r}")
        pairs = list(ask.query.items()) if isinstance(ask.query, Mapping) else list(ask.query)
        return f"{self.target.server}{ask.path}{'?' if pairs else ''}{urlencode(pairs, quote_via=quote)}"

    def _compare_clocks(self, response: aiohttp.ClientResponse) -> None:
        if (date := date_of(response.headers.get("Date", ""))) is not None:
            self.skew_s = self.credentials.skew_s = (date - self._clock.now()).total_seconds()

    def _note_relaxed(self, transport: Transport) -> None:
        if transport.is_relaxed:
            host = urlsplit(self.target.server).hostname
            note = f"the certificates of {host} lack key identifiers: chain and name are checked, the strict profile is not"
            if note not in self.warnings:
                self.warnings.append(note)


async def _read(response: aiohttp.ClientResponse, limit_bytes: int, where: str) -> bytes:
    """The whole body. Raises DataError beyond the limit."""
    parts: list[bytes] = []
    size_bytes = 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise DataError(
                "the answer is too large", where=where, why=f"more than {limit_bytes // 1024} KiB", next="ask for smaller pages"
            )
    return b"".join(parts)


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers by lower-case name; what is said several times is joined, as RFC 9110 section 5.3 has it."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found

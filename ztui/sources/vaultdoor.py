"""One Vault behind an async door: hvac in a few threads, one client for each, one type of answer, whatever happens.

Only JSON objects are taken. No redirect is followed but to an address of the settings, nothing comes from the environment, paths
are quoted segment by segment, and no call outlives its deadline.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from ztui import __version__
from ztui.clock import Clock
from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, TrustError, ZtuiError
from ztui.sources.login import Hidden
from ztui.sources.vaulttarget import VaultTarget, origin
from ztui.sources.workers import Workers

if TYPE_CHECKING:
    import requests

CONNECT_S: Final = 10.0
LIMIT_BYTES: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """The one thing that comes back: a status and a JSON object, or why there is none. ``status`` is 0 without an answer."""

    status: int = 0
    body: Mapping[str, Any] = field(default_factory=lambda: NOTHING, repr=False)
    error: ZtuiError | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """Vault's ``data``. Raises what went wrong, or DataError where it is no object."""
        if self.error is not None:
            raise self.error
        found = self.body.get("data")
        if not isinstance(found, dict):
            raise DataError("the Vault's answer cannot be read", why=f"data is {type(found).__name__}, not an object")
        return found

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of a list; none where there is nothing to list. Raises as ``data``."""
        if isinstance(self.error, AbsentError):
            return ()
        found = self.data.get("keys")
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise DataError("the Vault's answer cannot be read", why="keys is not a list of names")
        return tuple(found)


class VaultDoor:
    """Asks one Vault. ``requests`` counts what was sent."""

    def __init__(self, target: VaultTarget, clock: Clock, *, timeout_s: float = 30.0) -> None:
        self.target = target
        self.requests = 0
        self.token: Hidden | None = target.token
        self._workers = Workers(clock, name=f"vault-{target.name}")
        self._timeout_s = timeout_s or 30.0
        self._mine = threading.local()
        self._open: list[Any] = []
        self._guard = threading.Lock()

    @property
    def waiting(self) -> bool:
        """Whether every thread waits for the Vault."""
        return self._workers.busy

    async def ask(
        self,
        path: Sequence[str],
        *,
        method: str = "GET",
        namespace: str = "",
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] = NOTHING,
        with_token: bool = True,
        also: Sequence[int] = (),
    ) -> Reply:
        """Ask for a path, given as segments or pieces without a slash at either end. Never raises for the outside's sake.

        ``also`` are statuses to take besides 2xx. The token goes along only where ``with_token`` says so.
        """
        where = "/".join(path)
        segments = where.split("/")
        if any(part in {"", ".", ".."} for part in segments):
            return Reply(error=DataError("a path of the Vault cannot be asked for", where=f"vault: {where}", why="a dot segment"))
        if not self.target.may_be_asked:
            return Reply(error=plain_refusal(self.target))
        url = "/v1/" + "/".join(quote(part, safe="") for part in segments)
        headers = {"X-Vault-Namespace": namespace} if namespace else {}
        if with_token and self.token is not None:
            headers["X-Vault-Token"] = self.token.reveal()
        self.requests += 1
        say = _Words(f"vault {self.target.name}, {self.target.host}", method, where)

        def job() -> Reply:
            return self._ask(url, method, headers, body, query, tuple(also), say)

        try:
            return await self._workers.run(job, self._timeout_s + CONNECT_S)
        except TimeoutError:
            return Reply(
                error=ConnectError("the Vault does not answer", where=say.place, why=f"no answer in {self._timeout_s:g} s")
            )

    async def close(self) -> None:
        """Drop the connections; a thread that still waits is left to itself."""
        self._workers.close()
        with self._guard:
            for client in self._open:
                with contextlib.suppress(Exception):
                    client.adapter.close()
            self._open.clear()

    def _ask(
        self,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
        query: Mapping[str, str],
        also: tuple[int, ...],
        say: _Words,
    ) -> Reply:
        """One request, in a thread."""
        import requests  # noqa: PLC0415  half a second of importing, and only with a Vault
        from hvac.exceptions import VaultError  # noqa: PLC0415  as above

        ends = time.monotonic() + self._timeout_s
        try:
            adapter = self._client().adapter
            for is_last in (False, True):
                response = adapter.request(
                    method.lower(),
                    url,
                    headers=dict(headers),
                    raise_exception=False,
                    json=body,
                    params=dict(query),
                    stream=True,
                    timeout=(CONNECT_S, self._timeout_s),
                )
                with contextlib.closing(response):
                    if response.status_code in _REDIRECTS:
                        goal = self._goal(response, say)
                        if is_last:
                            return Reply(response.status_code, error=say.error(TrustError, "the Vault redirects in a circle"))
                        adapter, url = self._client(goal[0]).adapter, goal[1]
                        continue
                    return _reply(response.status_code, _content(response, ends, say), also, say)
        except ZtuiError as error:
            return Reply(error=error)
        except (requests.RequestException, VaultError, OSError, ValueError, RecursionError) as error:
            return Reply(error=say.translated(error))
        raise AssertionError  # the last turn returns

    def _goal(self, response: requests.Response, say: _Words) -> tuple[str, str]:
        """Where a redirect leads: the origin and the path. Raises TrustError for an address that nobody configured."""
        location = response.headers.get("Location", "")
        allowed = {origin(item): item for item in (self.target.address, *self.target.also)}
        try:
            found = allowed.get(origin(location))
        except ValueError:
            found = None
        if found is None:
            place = urlsplit(location).netloc if "://" in location else location.partition("?")[0]
            host = place.rpartition("@")[2][:60]  # what stands before it is a login
            raise say.error(TrustError, "the Vault redirects to another host", f"refused: {host}", "name it under `also`")
        parts = urlsplit(location)
        return found, parts.path

    def _client(self, address: str = "") -> Any:
        """The client of this thread for an address."""
        address = address or self.target.address
        mine: dict[str, Any] = self._mine.__dict__.setdefault("clients", {})
        if address not in mine:
            mine[address] = _new_client(self.target, address)
            with self._guard:
                self._open.append(mine[address])
        return mine[address]


def plain_refusal(target: VaultTarget) -> TrustError:
    """Why a Vault behind plain HTTP is never asked."""
    return TrustError(
        "the Vault is reached without TLS", where=f"vault {target.name}, {target.host}", why="nothing was sent", next="use https"
    )


def _new_client(target: VaultTarget, address: str) -> Any:
    """An hvac client with its own session: no environment, no redirects, certificates always checked."""
    import ssl  # noqa: PLC0415  with the client

    import hvac  # noqa: PLC0415  half a second of importing, and only with a Vault
    import requests  # noqa: PLC0415  as above
    from hvac.adapters import RawAdapter  # noqa: PLC0415  as above

    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = f"ztui/{__version__}"
    # requests would take its own bundle where none is named; the vault command takes the system's.
    session.verify = target.ca_file or ssl.get_default_verify_paths().cafile or True
    session.cert = target.certificate
    if target.proxy:
        session.proxies = {"http": target.proxy, "https": target.proxy}
    # LIST is no method of HTTP, and some proxies refuse it: strict_http asks by GET with list=true.
    client = hvac.Client(url=address, session=session, adapter=RawAdapter, allow_redirects=False, strict_http=True)
    client.adapter.token = None  # hvac takes one from the environment or a file by itself
    client.adapter.namespace = None
    return client


@dataclass(frozen=True, slots=True)
class _Words:
    """What messages about one request say."""

    place: str
    method: str
    path: str

    @property
    def verb(self) -> str:
        return {"GET": "read", "LIST": "list"}.get(self.method, "update")

    def error(self, kind: type[ZtuiError], what: str, why: str = "", next: str = "") -> ZtuiError:  # noqa: A002  as in errors
        return kind(what, where=f"{self.place}, {self.path}", why=why, next=next)

    def translated(self, error: Exception) -> ZtuiError:
        """One of the three families of exceptions that hvac lets out, as ours."""
        import requests  # noqa: PLC0415  imported already

        text = str(error)
        if isinstance(error, requests.exceptions.SSLError):
            why = text.partition("certificate verify failed: ")[2].partition(" (")[0] or "no TLS with the server"
            return TrustError(
                "the Vault's certificate is not trusted", where=self.place, why=why, next="name its CA: VAULT_CACERT"
            )
        if isinstance(error, requests.exceptions.Timeout):
            return ConnectError("the Vault does not answer", where=self.place, why="time is up", next="it is retried")
        if isinstance(error, requests.exceptions.ConnectionError):
            why = "cannot resolve host" if "NameResolution" in text else _reason(error)
            return ConnectError("cannot connect to the Vault", where=self.place, why=why, next="it is retried")
        if isinstance(error, requests.exceptions.RequestException):
            return ConnectError("the connection to the Vault broke", where=self.place, why=type(error).__name__)
        if isinstance(error, OSError):
            return TrustError("the CA of the Vault cannot be used", where=self.place, why=text.partition(",")[0])
        return DataError("the Vault's answer cannot be read", where=f"{self.place}, {self.path}", why=type(error).__name__)


def _reason(error: BaseException | None) -> str:
    """The innermost words of the system: requests wraps them four times."""
    seen = 0
    while error is not None and seen < 8:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
        seen += 1
    return "the connection broke"


def _content(response: requests.Response, ends: float, say: _Words) -> bytes:
    """The whole body. Raises DataError beyond the limit, ConnectError beyond the deadline."""
    parts, size = [], 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        parts.append(chunk)
        size += len(chunk)
        if size > LIMIT_BYTES:
            raise say.error(DataError, "the Vault's answer is too large", f"more than {LIMIT_BYTES >> 20} MiB")
        if time.monotonic() > ends:
            raise say.error(ConnectError, "the Vault does not answer", "time is up")
    return b"".join(parts)


def _reply(status: int, content: bytes, also: tuple[int, ...], say: _Words) -> Reply:
    body: Any = None
    with contextlib.suppress(msgspec.MsgspecError, RecursionError, ValueError):
        body = msgspec.json.decode(content)
    if 200 <= status < 300 or status in also:
        if status in {202, 204}:  # done, or begun: there is nothing to say
            return Reply(status)
        if not isinstance(body, dict):
            return Reply(status, error=say.error(DataError, "bad answer from the Vault", "not a JSON object"))
        return Reply(status, body)
    return Reply(status, body if isinstance(body, dict) else NOTHING, _refusal(status, body, say))


def _refusal(status: int, body: object, say: _Words) -> ZtuiError:
    found = body.get("errors") if isinstance(body, dict) else None
    words = "; ".join(str(item) for item in found[:3])[:300] if isinstance(found, list) else ""
    where = f"{say.place}, {say.path}"
    if status == 403:
        return ForbiddenError(say.verb, f"{say.path} (vault)", why=words)
    if status == 404 and found == []:  # only an empty list of errors says so; with words it is the path that is not served
        return AbsentError("the Vault has nothing there", where=where)
    if status == 400 and "permission denied" not in words:
        return DataError("the Vault refuses the request", where=where, why=words or "400")
    return ConnectError(f"the Vault answers {status}", where=where, why=words or _STATES.get(status, ""), status=status)


_STATES: Final = {
    429: "standby, or too many requests",
    472: "secondary for disaster recovery",
    473: "performance standby",
    474: "standby without a link to the active node",
    501: "not initialised",
    503: "sealed",
    530: "removed from the cluster",
}
"""What the codes of ``sys/health`` mean, and what a node in that state says to everything else."""


def state_words(status: int) -> str:
    """The state of a node by the status of ``sys/health``."""
    return "active" if status == 200 else "standby" if status == 429 else _STATES.get(status, f"state {status}")

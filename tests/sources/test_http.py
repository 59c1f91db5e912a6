"""The client against small servers that misbehave in one way each."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.sources.small_api import CANARY, Handler, SmallApi, kubeconfig, small_api, versions
from ztui.clock import ManualClock
from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, GoneError, LoginError, TrustError, ZtuiError
from ztui.settings import Settings
from ztui.sources.http import Http
from ztui.sources.target import find_target

PODS = "/api/v1/namespaces/shop/pods"


@asynccontextmanager
async def http_to(
    api: SmallApi, folder: Path, *, settings: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **parts: Any
) -> AsyncIterator[Http]:
    """A client for one server, by way of a kubeconfig."""
    path = kubeconfig(folder / "config", parts.pop("server", api.server), ca_pem=parts.pop("ca_pem", api.ca_pem), **parts)
    target = find_target(Settings(kubeconfig=str(path), **(settings or {})), environ or {})
    http = Http(target, ManualClock(), timeout_s=5)
    try:
        yield http
    finally:
        await http.close()


def answers(
    status: int, body: object = None, *, headers: dict[str, str] | None = None, content_type: str = "application/json"
) -> Handler:
    """A handler that always says the same."""
    text = body if isinstance(body, str) else None

    async def handler(_request: web.Request) -> web.Response:
        if text is not None:
            return web.Response(status=status, text=text, headers=headers, content_type=content_type)
        return web.json_response(body, status=status, headers=headers)

    return handler


async def failure(handler: Handler, folder: Path, method: str = "GET", path: str = PODS) -> tuple[ZtuiError, SmallApi]:
    """What one request to that server raises."""
    async with small_api(handler) as api, http_to(api, folder) as http:
        with pytest.raises(ZtuiError) as caught:
            await http.request(method, path)
        assert CANARY not in f"{caught.value} {caught.value!r} {http.credentials!r} {http.target!r}"
        return caught.value, api


async def test_a_request_carries_the_token_and_reads_the_answer(tmp_path: Path) -> None:
    async with small_api() as api, http_to(api, tmp_path) as http:
        answer = await http.request("GET", "/api", query={"limit": 5, "labelSelector": "a=b,c"})
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
        assert b"APIVersions" in answer.body
        assert api.tokens == [f"Bearer {CANARY}"]
        assert dict(api.seen[0].query) == {"limit": "5", "labelSelector": "a=b,c"}
        assert http.skew_s is not None


async def test_impersonation_sends_each_group_as_a_header_of_its_own(tmp_path: Path) -> None:
    async with (
        small_api() as api,
        http_to(api, tmp_path, settings={"as_user": "ana", "as_groups": ("dev", "ops")}) as http,
    ):
        await http.request("GET", "/api")
        assert api.seen[0].headers.getall("Impersonate-Group") == ["dev", "ops"]
        assert api.seen[0].headers["Impersonate-User"] == "ana"


async def test_a_body_goes_out_as_it_is(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def echo(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response({}, status=201)

    async with small_api(echo) as api, http_to(api, tmp_path) as http:
        answer = await http.request("PATCH", PODS, body=b'{"a": 1}', content_type="application/apply-patch+yaml")
        assert (answer.status, bodies, api.seen[0].content_type) == (201, [b'{"a": 1}'], "application/apply-patch+yaml")


@pytest.mark.parametrize("path", ["api", "/api/../x", "/api/v1/a b", "/api?x=1", "/api#x", "/\x1b"])
async def test_a_path_that_is_none_never_leaves(tmp_path: Path, path: str) -> None:
    async with small_api() as api, http_to(api, tmp_path) as http:
        with pytest.raises(ValueError, match="not a path"):
            await http.request("GET", path)
        assert not api.seen


async def test_F14_forbidden_names_verb_resource_and_scope(tmp_path: Path) -> None:
    status = {"kind": "Status", "message": 'pods is forbidden: User "ana" cannot list\x1b[2J', "reason": "Forbidden"}
    error, _ = await failure(answers(403, status), tmp_path)
    assert isinstance(error, ForbiddenError)
    assert (error.verb, error.resource, error.scope) == ("list", "pods", "shop")
    assert error.why == 'pods is forbidden: User "ana" cannot list\\x1b[2J'


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("GET", "/api/v1/pods", "no permission: list pods (cluster)"),
        ("GET", "/api/v1/namespaces/shop", "no permission: get namespaces (cluster)"),
        ("GET", "/api/v1/namespaces/shop/pods/api/log", "no permission: get pods/log (shop)"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/api", "no permission: patch deployments.apps (shop)"),
        (
            "POST",
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            "no permission: create networkpolicies.networking.k8s.io (shop)",
        ),
        ("DELETE", "/api/v1/namespaces/shop/pods", "no permission: deletecollection pods (shop)"),
        ("GET", "/metrics", "no permission: get /metrics (cluster)"),
    ],
)
async def test_F14_the_refused_right_is_read_from_the_request(tmp_path: Path, method: str, path: str, what: str) -> None:
    error, _ = await failure(answers(403, {}), tmp_path, method, path)
    assert error.what == what


async def test_F14_a_refused_watch_says_watch(tmp_path: Path) -> None:
    async with small_api(answers(403, {})) as api, http_to(api, tmp_path) as http:
        with pytest.raises(ForbiddenError, match="watch pods"):
            async with http.stream(PODS, query={"watch": "true"}):
                pass
        assert len(api.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(404, AbsentError), (410, GoneError), (500, ConnectError), (503, ConnectError), (409, ConnectError)]
)
async def test_F07_each_status_becomes_its_error(tmp_path: Path, status: int, kind: type[ZtuiError]) -> None:
    error, _ = await failure(answers(status, {"message": "because"}), tmp_path)
    assert type(error) is kind
    assert error.why == "because"
    assert getattr(error, "status", status) == status


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        ({"Retry-After": "12"}, {}, 12.0),
        ({"Retry-After": "999999"}, {}, 600.0),
        ({"Retry-After": "rubbish"}, {}, None),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT", "Date": "Mon, 05 Jan 2026 09:00:00 GMT"}, {}, 30.0),
        ({}, {"details": {"retryAfterSeconds": 7}}, 7.0),
        ({}, "slow down", None),
    ],
)
async def test_F06_a_wait_that_the_server_asks_for_is_read(
    tmp_path: Path, headers: dict[str, str], body: object, wait_s: float | None
) -> None:
    error, _ = await failure(answers(429, body, headers=headers), tmp_path)
    assert isinstance(error, ConnectError)
    assert (error.status, error.retry_after_s) == (429, wait_s)
    assert error.what.startswith("server asks to wait")


async def test_also_returns_a_refusal_that_the_caller_reads_itself(tmp_path: Path) -> None:
    async with small_api(answers(409, {"reason": "Conflict"})) as api, http_to(api, tmp_path) as http:
        answer = await http.request("PATCH", PODS, body=b"{}", also=(409,))
        assert (answer.status, answer.body) == (409, b'{"reason": "Conflict"}')


async def test_F16_a_static_token_that_is_refused_is_not_tried_again(tmp_path: Path) -> None:
    error, api = await failure(answers(401, {"message": "Unauthorized"}), tmp_path)
    assert isinstance(error, LoginError)
    assert str(error).startswith("credentials expired (test, ")
    assert error.next == "put a new token into the kubeconfig user u"
    assert len(api.seen) == 1


async def test_F32_a_portal_is_named_and_asked_once(tmp_path: Path) -> None:
    error, api = await failure(answers(200, "<html>log in", content_type="text/html"), tmp_path)
    assert isinstance(error, TrustError)
    assert error.what == "not a Kubernetes API (text/html)"
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_F33_D06_a_redirect_is_refused_and_its_host_named(tmp_path: Path, status: int) -> None:
    headers = {"Location": "https://user:pw@evil.example/api"}
    error, api = await failure(answers(status, {}, headers=headers), tmp_path)
    assert isinstance(error, TrustError)
    assert error.why == "the server points to evil.example"
    assert len(api.seen) == 1


async def test_D05_netrc_and_proxy_variables_of_the_process_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine localhost login joe password other\nmachine 127.0.0.1 login joe password other\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with small_api() as api, http_to(api, tmp_path) as http:
        await http.request("GET", "/api")
        assert api.tokens == [f"Bearer {CANARY}"]


async def test_D05_the_proxy_we_resolved_is_used_and_F32_its_407_is_clear(tmp_path: Path) -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, small_api() as api:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        async with http_to(api, tmp_path, environ=environ, server="https://cluster.example:6443") as http:
            with pytest.raises(LoginError, match=r"the proxy asks for a login \(407\)"):
                await http.request("GET", "/api")
    assert len(lines) == 1
    assert lines[0].startswith(b"CONNECT cluster.example:6443 ")
    assert CANARY.encode() not in lines[0]


async def test_a_stream_gives_chunks_as_they_come_beside_other_requests(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return await versions(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"a":1}\n')
        await go_on.wait()
        await response.write(b'{"a":2}\n')
        return response

    async with (
        small_api(handler) as api,
        http_to(api, tmp_path) as http,
        http.stream(PODS, query={"watch": "true"}) as chunks,
    ):
        assert await anext(chunks) == b'{"a":1}\n'
        assert (await http.request("GET", "/api")).status == 200
        go_on.set()
        assert [chunk async for chunk in chunks] == [b'{"a":2}\n']


async def test_F05_a_stream_that_is_cut_raises_and_a_left_one_closes(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"a":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with small_api(handler) as api, http_to(api, tmp_path) as http:
        with pytest.raises(ConnectError, match="the connection broke"):
            async with http.stream(PODS) as chunks:
                async for _ in chunks:
                    pass


async def test_an_answer_beyond_the_limit_is_dropped(tmp_path: Path) -> None:
    async with small_api(answers(200, "x" * 5000)) as api, http_to(api, tmp_path) as http:
        with pytest.raises(DataError, match="too large"):
            await http.request("GET", "/api", limit_bytes=1000)


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_D04_the_heartbeat_has_its_own_connection_and_any_answer_of_the_server_counts(tmp_path: Path, status: int) -> None:
    async with small_api(answers(status, "ok", content_type="text/plain")) as api, http_to(api, tmp_path) as http:
        ports: set[object] = set()
        await http.request("GET", "/api", also=(403, 404), accept="*/*")
        ports.add(api.peers[-1])
        assert await http.ping() == 0.0
        await http.ping()
        assert api.peers[1] == api.peers[2]
        assert api.peers[1] not in ports
        assert api.seen[1].path == "/readyz"


async def test_D04_a_server_that_never_answers_meets_the_deadline(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        await never.wait()
        return await versions(request)

    async with small_api(handler) as api, http_to(api, tmp_path) as http:
        with pytest.raises(ConnectError, match="does not answer"):
            await http.request("GET", "/api", timeout_s=0.2)
        never.set()


async def test_F04_a_kept_alive_connection_that_died_is_replaced_for_reads_only(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if len(api.seen) == 2:
            assert request.transport is not None
            request.transport.abort()
        return await versions(request)

    async with small_api(handler) as api, http_to(api, tmp_path) as http:
        for _ in range(2):
            assert (await http.request("GET", "/api")).status == 200
        assert len(api.seen) == 3
    async with small_api(handler) as api, http_to(api, tmp_path) as http:
        await http.request("GET", "/api")
        with pytest.raises(ConnectError):
            await http.request("DELETE", PODS)
        assert len(api.seen) == 2


async def test_F29_a_closed_port_and_an_unknown_host_name_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with small_api() as api:
        pass
    async with http_to(api, tmp_path) as http:
        with pytest.raises(ConnectError, match=rf"cannot connect \(test, localhost:{api.port}\)"):
            await http.request("GET", "/api")

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with http_to(api, tmp_path, server="https://cluster.invalid:6443") as http:
        with pytest.raises(ConnectError, match=r"cannot resolve host \(test, cluster.invalid:6443\)"):
            await http.request("GET", "/api")


async def test_F30_a_dead_first_address_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with small_api() as api, http_to(api, tmp_path) as http:
        port = api.port

        def both(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        assert (await http.request("GET", "/api")).status == 200


async def test_plain_http_to_loopback_works(tmp_path: Path) -> None:
    async with small_api(tls=False) as api, http_to(api, tmp_path, server=f"http://127.0.0.1:{api.port}") as http:
        assert (await http.request("GET", "/api")).status == 200

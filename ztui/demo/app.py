"""One request from its first byte to its last: fault switches, authentication, authorization, dispatch, encoding."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import msgspec
import yaml
from aiohttp import web

from ztui.demo import discovery, openapi, reading, reviews, watch, writing
from ztui.demo.answers import ApiError, Obj, PageNotFound, bad_request
from ztui.demo.calls import Call, parse
from ztui.demo.cluster import Cluster
from ztui.demo.faults import Switch
from ztui.demo.identity import impersonate
from ztui.demo.logs import pod_log
from ztui.demo.present import encode, negotiate
from ztui.demo.proto import MEDIA_TYPE, decode
from ztui.demo.rbac import Ask, User, forbidden

GZIP_FROM = 128 * 1024  # apiserver/pkg/endpoints/handlers/responsewriters: defaultGzipThresholdBytes
REVIEWS = ("authentication.k8s.io", "authorization.k8s.io")
Recorder = Callable[[str, str, str, str, int], None]


class App:
    """The request handler over one cluster."""

    def __init__(self, cluster: Cluster, url: str, record: Recorder) -> None:
        self._cluster = cluster
        self._url = url
        self._record = record

    def application(self) -> web.Application:
        """The aiohttp application: one route for everything."""
        application = web.Application(client_max_size=32 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self.handle)
        return application

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request and records it."""
        who = ""
        status = 0
        try:
            user = self._user(request)
            who = user.name
            response = await self._answer(request, user)
            status = response.status
        except PageNotFound as refused:
            status = refused.code
            response = web.Response(text=refused.message, status=refused.code)
        except ApiError as refused:
            status = refused.code
            response = _json(refused.status(), refused.code, refused.headers)
        except (ConnectionError, asyncio.CancelledError):
            status = status or 499
            raise
        finally:
            self._record(request.method, request.path, request.query_string, who, status)
        cut = self._cluster.faults.hit("cut", _plural(request))
        if cut and isinstance(response, web.Response):
            return await _cut(request, response, int(cut.get("after", 0)))
        return response

    def _user(self, request: web.Request) -> User:
        cluster = self._cluster
        user = cluster.identities.authenticate(request.headers.get("Authorization", ""))
        if cluster.faults and cluster.faults.hit("unauthorized", user=user.name):
            raise ApiError(401, "Unauthorized")
        groups = request.headers.getall("Impersonate-Group", [])
        return impersonate(user, request.headers, groups, cluster.authorizer)

    async def _answer(self, request: web.Request, user: User) -> web.StreamResponse:
        faults = self._cluster.faults
        if faults:
            plural = _plural(request)
            slow = faults.hit("slow", plural)
            if slow:
                await asyncio.sleep(float(slow.get("seconds", 8)))
            odd = faults.hit("status", plural)
            if odd:
                return _odd(odd)
            if _group(request) in faults.down_groups():
                raise ApiError(503, "the server is currently unable to handle the request", details={})
        call = parse(request, self._cluster.catalogue, user)
        if call is None:
            return await self._path(request, user)
        ask = call.ask()
        denied = faults.hit("forbid", call.resource.plural, user=user.name, verb=ask.verb) if faults else None
        if denied or not self._cluster.authorizer.allows(user, ask):
            raise forbidden(user, ask)
        if request.method not in ("GET", "HEAD"):
            call.body = await request.read()
        return await self._call(call)

    async def _call(self, call: Call) -> web.StreamResponse:
        cluster = self._cluster
        form = negotiate(call.request.headers.get("Accept", ""), call.query.get("includeObject", ""))
        match call.verb:
            case "get" if call.sub == "log":
                return await pod_log(cluster, call)
            case "get" if call.sub in ("exec", "attach", "portforward", "proxy", "configz"):
                reading.find(cluster, call)
                raise bad_request("you must specify at least 1 container for the pod or use a WebSocket upgrade")
            case "get":
                return _json(reading.get(cluster, call, form))
            case "list":
                return await _page(call.request, await reading.list_(cluster, call, form))
            case "watch":
                return await watch.serve(cluster, call, form)
            case "create" if call.resource.group in REVIEWS and not call.sub:
                body = body_of(call)
                done = reviews.answer(call.resource.kind, body, call.user, cluster.authorizer, cluster.identities)
                return _json(done, 201)
            case _:
                if not call.dry_run and cluster.faults.hit("lose-request", call.resource.plural) and call.request.transport:
                    call.request.transport.close()
                    raise ConnectionResetError("the request was lost on purpose")
                code, obj = await writing.answer(cluster, call, body_of(call), form)
                lost = not call.dry_run and cluster.faults.hit("lose-answer", call.resource.plural)
                if lost and call.request.transport:
                    call.request.transport.close()
                    raise ConnectionResetError("the answer was lost on purpose")
                made = _json(obj, code)
                for text in call.warnings:
                    said = text.replace('"', '\\"')
                    made.headers.add("Warning", f'299 - "{said}"')
                return made

    async def _path(self, request: web.Request, user: User) -> web.Response:
        """Everything outside the resources: health, version, discovery, OpenAPI."""
        path = request.path
        ask = Ask("get" if request.method in ("GET", "HEAD") else request.method.lower(), path=path)
        if not self._cluster.authorizer.allows(user, ask):
            raise forbidden(user, ask)
        if request.method not in ("GET", "HEAD"):
            raise ApiError(405, "the server does not allow this method on the requested resource", details={})
        catalogue = self._cluster.catalogue
        down = self._cluster.faults.down_groups()
        accept = request.headers.get("Accept", "")
        if path.rstrip("/") in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if path.startswith("/openapi/"):
            return openapi.answer(catalogue, path, request.query)
        plain: dict[str, Callable[[], Obj]] = {
            "/version": lambda: discovery.VERSION,
            "/.well-known/oauth-authorization-server": lambda: discovery.oauth_metadata(self._url),
            "/.well-known/openid-configuration": lambda: discovery.issuer_metadata(self._url),
            "/openid/v1/jwks": lambda: {"keys": []},
            "/api/v1": lambda: discovery.resource_list(catalogue, "", "v1"),
            "/": lambda: {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]},
        }
        path = path.rstrip("/") or "/"
        if path in plain:
            return _json(plain[path]())
        if path in ("/api", "/apis"):
            version = discovery.asks_aggregated(accept)
            if version:
                listed = discovery.aggregated(catalogue, version, core=path == "/api", down=down)
                return _json(listed, media=f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
            return _json(discovery.api_versions() if path == "/api" else discovery.group_list(catalogue))
        return _json(self._group(path.split("/")))

    def _group(self, parts: list[str]) -> Obj:
        """GET /apis/<group> and /apis/<group>/<version>."""
        catalogue = self._cluster.catalogue
        groups = catalogue.groups()
        if len(parts) in (3, 4) and parts[1] == "apis" and parts[2] in groups:
            if len(parts) == 3:
                return {"kind": "APIGroup", "apiVersion": "v1", **discovery.group(parts[2], groups[parts[2]])}
            if parts[3] in groups[parts[2]]:
                return discovery.resource_list(catalogue, parts[2], parts[3])
        raise PageNotFound


def body_of(call: Call) -> Any:
    """The decoded request body; empty for none. Raises a 400 ApiError for what is no JSON or YAML."""
    if not call.body:
        return {}
    if call.media == MEDIA_TYPE:
        return decode(call.body)
    try:
        if "yaml" in call.media:
            return _yaml(call)
        read = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        if call.verb == "patch":
            said = "error decoding patch: " if "strategic" not in call.media else ""
            raise bad_request(f"{said}unexpected end of JSON input") from wrong
        kind = f"the object provided is unrecognized (must be of type {call.resource.kind})"
        raise bad_request(f"{kind}: couldn't get version/kind; json parse error: {wrong}") from wrong
    if not isinstance(read, dict | list) and call.verb != "patch":
        raise bad_request("couldn't get version/kind; json parse error: expected an object")
    return read


def _yaml(call: Call) -> Any:
    try:
        return msgspec.json.decode(call.body)  # kubectl sends JSON under the name of YAML
    except msgspec.DecodeError:
        try:
            read = yaml.safe_load(call.body)
        except yaml.YAMLError as wrong:
            said = "error decoding YAML: " if call.verb == "patch" else ""
            raise bad_request(f"{said}error converting YAML to JSON: {wrong}") from wrong
    if not isinstance(read, dict):
        raise bad_request("error converting YAML to JSON: yaml: expected a mapping")
    return read


def _json(obj: Obj, code: int = 200, headers: dict[str, str] | None = None, *, media: str = "application/json") -> web.Response:
    made = web.Response(body=encode(obj), status=code, headers={"Content-Type": media, **(headers or {})})
    made.headers["Cache-Control"] = "no-cache, private"
    return made


async def _page(request: web.Request, obj: Obj) -> web.Response:
    """A list; a large one is encoded off the loop, so that watches keep flowing, and compressed as the real server does."""
    if len(obj.get("items") or obj.get("rows") or ()) <= 500:
        made = _json(obj)
    else:
        made = _json({})
        made.body = await asyncio.to_thread(encode, obj)
    body = made.body
    if isinstance(body, bytes) and len(body) > GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        made.body = await asyncio.to_thread(gzip.compress, body, 1)
        made.headers["Content-Encoding"] = "gzip"
        made.headers["Vary"] = "Accept-Encoding"
    return made


def _plural(request: web.Request) -> str:
    parts = [part for part in request.path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
    if len(rest) >= 3 and rest[0] == "namespaces":
        rest = rest[2:]
    return rest[0] if rest else ""


def _group(request: web.Request) -> str:
    parts = request.path.split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "apis" else ""


def _odd(switch: Switch) -> web.Response:
    """The answer of the `status` switch."""
    code = int(switch.get("code", 500))
    headers: dict[str, str] = {}
    if switch.get("retry_after") is not None:
        headers["Retry-After"] = str(switch.get("retry_after"))
    if switch.get("location"):
        headers["Location"] = str(switch.get("location"))
    text = str(switch.get("text") or "the server is busy, on purpose")
    match switch.get("kind", "status"):
        case "html":
            return web.Response(text=f"<html><body>{text}</body></html>", status=code, content_type="text/html", headers=headers)
        case "plain":
            return web.Response(text=text, status=code, headers=headers)
        case _:
            return _json(ApiError(code, text).status(), code, headers)


async def _cut(request: web.Request, response: web.Response, after: int) -> web.StreamResponse:
    """Sends the head and so many bytes of a body, then closes the connection."""
    body = bytes(response.body) if isinstance(response.body, bytes | bytearray) else b""
    head = {"Content-Type": response.headers.get("Content-Type", "application/json"), "Content-Length": str(len(body))}
    part = web.StreamResponse(status=response.status, headers=head)
    await part.prepare(request)
    await part.write(body[:after])
    if request.transport:
        request.transport.close()
    return part

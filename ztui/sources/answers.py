"""What a server's refusal means: HTTP status, headers and body in, one error of ours out. Decided only here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from ztui.errors import AbsentError, ConnectError, ForbiddenError, GoneError, LoginError, TrustError, ZtuiError

RETRY_AFTER_LIMIT_S: Final = 600.0
_COLLECTION_VERBS: Final = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS: Final = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}


@dataclass(frozen=True, slots=True)
class Access:
    """What a request asks for, in RBAC's words: ``list``, ``networkpolicies.networking.k8s.io``, a namespace or ``cluster``."""

    verb: str
    resource: str
    scope: str


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def access_of(method: str, path: str, *, watch: bool = False) -> Access:
    """Derive verb, resource and scope from a request. Source: k8s.io/apiserver pkg/endpoints/request, NewRequestInfo."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group = ""
    if parts[:1] == ["api"] and len(parts) > 2:
        rest = parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return Access(method.lower(), path, "cluster")
    scope = "cluster"
    if rest[0] == "namespaces" and len(rest) > 2:
        scope, rest = rest[1], rest[2:]
    resource = rest[0] if not group else f"{rest[0]}.{group}"
    if len(rest) > 2:
        resource = f"{resource}/{rest[2]}"
    verbs = _OBJECT_VERBS if len(rest) > 1 else _COLLECTION_VERBS
    verb = "watch" if watch and len(rest) == 1 else verbs.get(method, method.lower())
    return Access(verb, resource, scope)


def refusal(where: str, access: Access, status: int, headers: Mapping[str, str], body: bytes, advice: str) -> ZtuiError:
    """The error for a status outside 2xx. ``advice`` is what to run for a new login, ``where`` names context and host."""
    found = _status(headers, body)
    why = found.message or found.reason or f"status {status}"
    if 300 <= status < 400:
        return _redirect(where, headers.get("location", ""))
    if status == 401:
        return LoginError("credentials expired", where=where, why=why, next=advice)
    if status == 403:
        return ForbiddenError(access.verb, access.resource, access.scope, why=why)
    if status == 404:
        return AbsentError(
            f"no {access.resource} there", where=f"{where}, {access.scope}", why=why, next="check its name and version"
        )
    if status == 410:
        return GoneError(f"that version of {access.resource} is gone", where=where, why=why, next="list again")
    wait_s = retry_after_s(headers, found)
    if status == 407:
        return LoginError(
            "the proxy asks for a login (407)", where=where, why=why, next="put user and password into the proxy's address"
        )
    if status == 429:
        asked = f" {wait_s:.0f} s" if wait_s is not None else ""
        return ConnectError(
            f"server asks to wait{asked}", where=where, why=why, next="nothing: it is retried", status=429, retry_after_s=wait_s
        )
    what = "the server has a problem" if status >= 500 else f"the server refused to {access.verb} {access.resource}"
    return ConnectError(f"{what} ({status})", where=where, why=why, next=_next(status), status=status, retry_after_s=wait_s)


def not_kubernetes(where: str, content_type: str) -> TrustError:
    """The error for an answer that no Kubernetes API gives, such as a portal's page."""
    kind = content_type.partition(";")[0].strip() or "no content type"
    return TrustError(
        f"not a Kubernetes API ({kind})",
        where=where,
        why="something else answered in its place",
        next="check server and proxy; a login portal may be in between",
    )


def retry_after_s(headers: Mapping[str, str], found: _Status | None = None) -> float | None:
    """How long the server asks us to wait: seconds or a date in Retry-After, or the Status's own field; at most 600."""
    text = headers.get("retry-after", "").strip()
    wait: float | None = None
    if text.isdigit() and len(text) < 10:
        wait = float(text)
    elif text:
        moment = date_of(text)
        now = date_of(headers.get("date", "")) or datetime.now(UTC)
        wait = (moment - now).total_seconds() if moment else None
    elif found is not None and found.details is not None:
        wait = found.details.retry_after_seconds
    return None if wait is None else min(max(wait, 0.0), RETRY_AFTER_LIMIT_S)


def date_of(text: str) -> datetime | None:
    """Read an HTTP date; None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _status(headers: Mapping[str, str], body: bytes) -> _Status:
    """The server's Status, or its first words where it sent something else."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        return msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if "html" in kind:
            return _Status(message=f"a page ({kind}), not an answer of a Kubernetes API")
        return _Status(message=body[:300].decode("utf-8", "replace").strip())


def _redirect(where: str, location: str) -> TrustError:
    try:
        host = urlsplit(location).netloc.rpartition("@")[2] or "another path"
    except ValueError:
        host = "an address that cannot be read"
    return TrustError(
        "redirect refused",
        where=where,
        why=f"the server points to {host}",
        next="put the right address into the kubeconfig's server",
    )


def _next(status: int) -> str:
    return "nothing: it is retried" if status >= 500 else ""

"""A request as the server understands it: path and method become verb, resource, namespace, name, subresource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ztui.demo.answers import ApiError, PageNotFound, invalid, no_such_path
from ztui.demo.catalogue import SUB_VERBS, Catalogue, Resource
from ztui.demo.rbac import Ask, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(slots=True)
class Call:
    """One request for a resource. `verb` is RBAC's word: list, watch and deletecollection included."""

    request: web.Request
    user: User
    verb: str
    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    body: bytes = b""
    warnings: list[str] = field(default_factory=list)  # go out as Warning headers
    query: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.query = self.request.query

    def flag(self, name: str) -> bool:
        """A boolean query option, absent meaning false."""
        return self.query.get(name, "").lower() in ("true", "1")

    @property
    def dry_run(self) -> bool:
        """True if nothing may be stored."""
        return self.query.get("dryRun", "") == "All"

    @property
    def media(self) -> str:
        """The content type without its parameters."""
        return self.request.headers.get("Content-Type", "").split(";")[0].strip()

    @property
    def manager(self) -> str:
        """Who writes: `fieldManager`, else the first part of the User-Agent."""
        agent = self.request.headers.get("User-Agent", "").split("/")[0]
        return self.query.get("fieldManager") or agent[:128] or "unknown"

    @property
    def validation(self) -> str:
        """What becomes of unknown fields: Ignore, Warn or Strict."""
        return self.query.get("fieldValidation") or "Warn"

    def check_options(self, *, applies: bool = False) -> None:
        """Raises a 422 ApiError for options of a write that the server does not take."""
        causes = [*_option_causes(self.query, self.verb == "patch", applies=applies)]
        if causes:
            kind = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
            raise invalid("meta.k8s.io", kind.get(self.verb, "DeleteOptions"), "", causes)

    def ask(self) -> Ask:
        """What the authorizer has to allow."""
        name = self.name
        if not name and self.verb in ("list", "watch", "deletecollection"):
            for part in self.query.get("fieldSelector", "").split(","):
                if part.startswith("metadata.name="):
                    name = part.partition("=")[2].lstrip("=")
        return Ask(self.verb, self.resource.group, self.resource.plural, self.sub, self.namespace, name)


def _option_causes(query: Mapping[str, str], patches: bool, *, applies: bool) -> Iterator[tuple[str, str, str]]:
    manager = query.get("fieldManager", "")
    if applies and not manager:
        yield "fieldManager", "FieldValueRequired", "Required value: is required for apply patch"
    elif patches and not applies and "force" in query:
        yield "force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch"
    if len(manager.encode()) > 128:
        yield "fieldManager", "FieldValueTooLong", "Too long: may not be more than 128 bytes"
    for at, letter in enumerate(manager):
        if not letter.isprintable():
            shown = json.dumps(manager).replace("\\u00", "\\x")
            why = f"invalid character U+{ord(letter):04X} (at position {at})"
            yield "fieldManager", "FieldValueInvalid", f"Invalid value: {shown}: {why}"
            break
    asked = query.get("dryRun", "")
    if asked not in ("", "All"):
        yield "dryRun", "FieldValueNotSupported", f'Unsupported value: ["{asked}"]: supported values: "All"'
    told = query.get("fieldValidation", "")
    if told not in ("", "Ignore", "Strict", "Warn"):
        text = f'Unsupported value: "{told}": supported values: "", "Ignore", "Strict", "Warn"'
        yield "fieldValidation", "FieldValueNotSupported", text


def parse(request: web.Request, catalogue: Catalogue, user: User) -> Call | None:
    """The call of a resource path; None for paths outside the resources. Raises ApiError where nothing is served."""
    parts = [part for part in request.path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and not group and (len(rest) < 3 or rest[2] in ("status", "finalize")):
        namespace = rest[1] if len(rest) > 1 else ""  # a request for a namespace runs in that namespace
        found = catalogue.served(group, version, "namespaces")
        plain = rest
    else:
        if rest[0] == "namespaces" and len(rest) >= 3:
            namespace, rest = rest[1], rest[2:]
        found = catalogue.served(group, version, rest[0])
        plain = rest
    if found is None and group and group not in catalogue.groups():
        raise PageNotFound
    if found is None or len(plain) > 4:
        raise no_such_path()
    name = plain[1] if len(plain) > 1 else ""
    sub = plain[2] if len(plain) > 2 else ""
    if sub and sub not in found.subresources:
        raise no_such_path()
    return Call(request, user, _verb(request, found, name, sub), found, version, namespace, name, sub)


def _verb(request: web.Request, resource: Resource, name: str, sub: str) -> str:
    method = request.method
    verb = _VERBS.get(method, "get")
    if method in ("GET", "HEAD") and not name:
        verb = "watch" if request.query.get("watch", "").lower() in ("true", "1") else "list"
    elif method in ("GET", "HEAD") and request.query.get("watch", "").lower() in ("true", "1") and not sub:
        verb = "watch"
    elif method == "DELETE" and not name:
        verb = "deletecollection"
    allowed = SUB_VERBS.get(sub, ("get", "patch", "update")) if sub else resource.verbs
    if verb not in allowed or (verb == "create" and name and not sub) or (verb in ("update", "patch") and not name):
        raise ApiError(405, "the server does not allow this method on the requested resource", details={})
    return verb

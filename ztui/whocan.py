"""The answer of ``who-can``: subjects, scopes and paths, as a table or as data."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ztui.engines.grants import ACCESS, Found, question_for, server_minor, who_can
from ztui.kinds.base import Kind
from ztui.kinds.session import Session
from ztui.text import clean
from ztui.view import EVERYWHERE, State, View

KINDS: Final[frozenset[type[Kind]]] = frozenset((*ACCESS, Session))
NOTE: Final = "certificates of system:masters bypass RBAC and are not visible in it"


def answer(state: State, verb: str, resource: str, name: str | None, namespace: str | None, output: str) -> tuple[str, bool]:
    """The answer as text, and whether all roles and bindings could be read.

    ``resource`` is ``secrets``, ``pods/exec``, ``deployments.apps`` or a path such as ``/metrics``; a bare name is of any group.
    """
    view = View(state)
    found = who_can(view, question_for(verb, resource, name or "", namespace or ""), minor=server_minor(view))
    complete = all(state.gap(kind, namespace if namespace and kind.NAMESPACED else EVERYWHERE) is None for kind in ACCESS)
    if output == "table":
        return _table(found), complete
    document = {
        "schema": "ztui.who-can",
        "version": 1,
        "verb": clean(verb),
        "resource": clean(resource),
        "namespace": clean(namespace or ""),
        "complete": complete,
        "note": NOTE,
        "subjects": [_entry(item) for item in found],
    }
    if output == "yaml":
        return msgspec.yaml.encode(document).decode(), complete
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n", complete


def _table(found: tuple[Found, ...]) -> str:
    rows = [("SUBJECT", "SCOPE", "PATH")]
    rows += [(clean(item.grant.key), clean(item.grant.namespace or "cluster"), path_of(item)) for item in found]
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    if not found:
        lines = ["nobody, as far as RBAC says"]
    return "\n".join([*lines, f"note: {NOTE}"]) + "\n"


def path_of(item: Found) -> str:
    """The path of a grant in words: binding, role, where its rules come from, and the names it is limited to."""
    grant = item.grant
    parts = [clean(str(grant.binding)), clean(f"{grant.role.kind.lower()}/{grant.role.name}")]
    text = " → ".join(parts)
    if grant.sources:
        text += f" (aggregated from {clean(', '.join(grant.sources[:4]))})"
    if item.named:
        text += f", named only: {clean(', '.join(item.named[:6]))}"
    return text


def _entry(item: Found) -> dict[str, Any]:
    grant = item.grant
    return {
        "subject": clean(grant.key),
        "namespace": clean(grant.namespace),
        "binding": clean(str(grant.binding)),
        "role": clean(grant.role.name),
        "aggregated_from": [clean(name) for name in grant.sources],
        "named_only": [clean(name) for name in item.named],
        "path": path_of(item),
    }

"""The answer of ``who-can``: subjects, scopes and paths, as a table or as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ztui.engines.grants import ACCESS, Found, question_for, server_minor, who_can
from ztui.engines.holders import account_of
from ztui.engines.pathproof import aggregated, grant_refs
from ztui.engines.paths import EVERYTHING, PATHS, Step, in_words, is_step, paths_to
from ztui.kinds.base import Kind
from ztui.kinds.session import Session
from ztui.panes.access import is_whole
from ztui.panes.base import Line, cell
from ztui.printing import as_data
from ztui.text import clean, mark_name
from ztui.view import EVERYWHERE, State, View, Why

KINDS: Final[frozenset[type[Kind]]] = frozenset((*ACCESS, Session))
STEPS: Final[frozenset[type[Kind]]] = frozenset(PATHS)
"""What is read besides, where paths of several steps are asked for."""

SOURCES: Final = 4
"""How many of the roles that a role is made of are named."""

NOTE: Final = "certificates of system:masters bypass RBAC and are not visible in it"


def answer(
    state: State, verb: str, resource: str, name: str | None, namespace: str | None, output: str, *, steps: bool = False
) -> tuple[str, bool]:
    """The answer as text, and whether everything that it rests on could be read.

    ``resource`` is ``secrets``, ``pods/exec``, ``deployments.apps`` or a path such as ``/metrics``; a bare name is of any group.
    ``steps`` adds who gets there by becoming somebody else first.
    """
    view = View(state)
    found = who_can(view, question_for(verb, resource, name or "", namespace or ""), minor=server_minor(view))
    needed = (*ACCESS, *STEPS) if steps else ACCESS
    complete = all(_is_whole(state, kind, namespace) for kind in needed)
    ways = paths_to(view, {EVERYTHING, *(_identity(item) for item in found)}) if steps else {}
    ways = {who: path for who, path in ways.items() if any(map(is_step, path))}
    if output == "table":
        return _table(found, ways, steps=steps), complete
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
    if steps:
        document["by_steps"] = [{"subject": clean(who), "path": clean(in_words(path))} for who, path in ways.items()]
    return as_data(document, output), complete


def who_can_lines(view: View, verb: str, resource: str, name: str, namespace: str) -> tuple[tuple[Line, ...], bool]:
    """The answer for a screen: subject, scope, path; and whether all roles and bindings could be read."""
    found = who_can(view, question_for(verb, resource, name, namespace), minor=server_minor(view))
    lines = tuple(
        Line(
            f"grant:{item.grant.key}:{item.grant.namespace}:{item.grant.binding}",
            (
                cell(mark_name(item.grant.key), "strong"),
                cell(item.grant.namespace or "cluster", "dim"),
                cell(path_of(item)),
            ),
            words=f"{item.grant.key} {item.grant.namespace} {path_of(item)}",
            namespace=item.grant.namespace,
            ref=item.grant.binding,
            by=tuple(dict.fromkeys((*grant_refs(view, item.grant), *aggregated(item.grant)[:SOURCES]))),
        )
        for item in found
    )
    return lines, is_whole(view, namespace)


def _is_whole(state: State, kind: type[Kind], namespace: str | None) -> bool:
    """Whether a kind was read; one that the server does not serve has nothing to say."""
    gap = state.gap(kind, namespace if namespace and kind in ACCESS and kind.NAMESPACED else EVERYWHERE)
    return gap is None or (gap.why is Why.ABSENT and kind not in ACCESS)


def _identity(item: Found) -> str:
    account = account_of(item.grant)
    return f"sa:{account[0]}/{account[1]}" if account else item.grant.key


def _table(found: tuple[Found, ...], ways: Mapping[str, tuple[Step, ...]], *, steps: bool) -> str:
    rows = [("SUBJECT", "SCOPE", "PATH")]
    rows += [(mark_name(item.grant.key), clean(item.grant.namespace or "cluster"), path_of(item)) for item in found]
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    if not found:
        lines = ["nobody, as far as RBAC says"]
    if steps:
        wide = max((len(clean(who)) for who in ways), default=0)
        lines += ["", "BY STEPS" if ways else "nobody else by steps"]
        lines += [f"{clean(who):<{wide}}  {clean(in_words(path))}" for who, path in ways.items()]
    return "\n".join([*lines, f"note: {NOTE}"]) + "\n"


def path_of(item: Found) -> str:
    """The path of a grant in words: binding, role, where its rules come from, and the names it is limited to."""
    grant = item.grant
    parts = [clean(str(grant.binding)), clean(f"{grant.role.kind.lower()}/{grant.role.name}")]
    text = " → ".join(parts)
    if grant.sources:
        text += f" (aggregated from {clean(', '.join(grant.sources[:SOURCES]))})"
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

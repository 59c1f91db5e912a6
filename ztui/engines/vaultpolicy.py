"""What a set of Vault policies allows on a path, by Vault's own order: the most specific pattern decides, and deny wins in it.

Source: the priority rules of Vault's policy documentation, ``vault/acl.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.kinds.vaultpolicy import PathRule

DENY: Final = "deny"
WRITES: Final = frozenset({"create", "update", "delete", "patch", "sudo"})
_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}")
_SEGMENT: Final = re.compile(r"(?:(?<=/)|^)\+(?=/|$)")
_FILLER: Final = "~"
"""Stands for whatever a template or a wildcard may become: a segment that no pattern spells out."""


class Allowed(msgspec.Struct, frozen=True):
    """What may be done on a path, and the pattern that decided; both empty where no rule speaks of it."""

    capabilities: frozenset[str] = frozenset()
    by: str = ""


def allowed(rules: Iterable[PathRule], path: str) -> Allowed:
    """What these rules, of one policy or of several, allow on a path."""
    best: str | None = None
    found: set[str] = set()
    for rule in rules:
        if not covers(rule.path, path):
            continue
        if best is None or _rank(rule.path) > _rank(best):
            best, found = rule.path, set(rule.capabilities)
        elif rule.path == best:
            found.update(rule.capabilities)
    if best is None:
        return Allowed()
    return Allowed(frozenset() if DENY in found else frozenset(found), best)


def covers(pattern: str, path: str) -> bool:
    """Whether a pattern speaks of a path: ``*`` only at the end is a glob, ``+`` is one segment, a template itself."""
    pattern = _TEMPLATE.sub(_FILLER, pattern)
    glob = pattern.endswith("*")
    wanted, parts = pattern.removesuffix("*").split("/"), path.split("/")
    if len(parts) < len(wanted) or (not glob and len(parts) != len(wanted)):
        return False
    if any(want not in {"+", part} for want, part in zip(wanted[:-1], parts, strict=False)):
        return False
    last, part = wanted[-1], parts[len(wanted) - 1]
    return part.startswith(last) if glob and last != "+" else last in {"+", part}


def example(pattern: str) -> str:
    """A path that the pattern speaks of and that is nobody's special case."""
    found = _TEMPLATE.sub(_FILLER, pattern)
    found = found.removesuffix("*") + _FILLER if found.endswith("*") else found
    return "/".join(_FILLER if part == "+" else part for part in found.split("/"))


def effective(rules: Iterable[PathRule], pattern: str) -> frozenset[str]:
    """What the rules allow on the paths of a pattern, apart from those that a narrower one decides."""
    return allowed(rules, example(pattern)).capabilities


def _rank(pattern: str) -> tuple[int, bool, int, int, str]:
    """Higher is more specific: later first wildcard, no glob at the end, fewer ``+``, longer, later in the alphabet."""
    text = _TEMPLATE.sub(_FILLER, pattern)
    glob = text.endswith("*")
    plus = [found.start() for found in _SEGMENT.finditer(text.removesuffix("*"))]
    first = min([*plus, *([len(text) - 1] if glob else [])], default=len(text) + 1_000_000)
    return first, not glob, -len(plus), len(text), text

"""Files of the story told one over the other: a later one adds, changes and removes what the earlier ones told.

Everything with a name is merged (RFC 7396: null removes). Objects are a list, so each is found by what it is: one that says
`gone: true` takes the earlier one away.
"""

from __future__ import annotations

from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.store import merge

_Key = tuple[str, str, str, str]


def fold(chapters: list[Obj]) -> Obj:
    """One chapter that tells what all of them tell together."""
    told: Obj = {}
    for chapter in chapters:
        told = _over(told, chapter)
    return told


def _over(earlier: Obj, later: Obj) -> Obj:
    found: Obj = merge(earlier, {name: part for name, part in later.items() if name not in ("nodes", "objects", "namespaces")})
    found["nodes"] = _named(earlier.get("nodes") or [], later.get("nodes") or [], lambda node: (node["name"], "", "", ""))
    found["objects"] = _named(earlier.get("objects") or [], later.get("objects") or [], _key)
    spaces: Obj = dict(earlier.get("namespaces") or {})
    for name, space in (later.get("namespaces") or {}).items():
        if space is None and name in spaces:
            del spaces[name]
            continue
        before: Obj = spaces.get(name) or {}
        spaces[name] = merge(before, {key: part for key, part in (space or {}).items() if key != "objects"})
        spaces[name]["objects"] = _named(before.get("objects") or [], (space or {}).get("objects") or [], _key)
    found["namespaces"] = spaces
    return found


def _key(raw: Obj) -> _Key:
    return (raw.get("api", ""), raw["kind"], raw.get("ns", ""), raw["name"])


def _named(earlier: list[Obj], later: list[Obj], key: Any) -> list[Obj]:
    found = {key(item): item for item in earlier}
    for item in later:
        if item.get("gone"):
            del found[key(item)]  # a KeyError says that nothing of that name was told
        else:
            found[key(item)] = merge(found[key(item)], item) if key(item) in found else item  # its own nulls are values
    return list(found.values())

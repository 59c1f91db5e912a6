"""The shape of each kind: which lists have keys, what changes as a whole, which fields there are.

Built-in kinds are told by `data/fields.txt`, custom ones by their definition where it has a schema, else by `data/custom.txt`;
of what nobody told, maps are granular and lists change as a whole, as the real server takes kinds without a schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from ztui.demo.catalogue import DATA


@dataclass(slots=True, eq=False)
class ListShape:
    """A list: `keys` is None where it changes as a whole, empty for a set. `patch_key` is that of strategic merge patches."""

    items: Shape
    keys: tuple[str, ...] | None = None
    patch_key: str | None = None


@dataclass(slots=True, eq=False)
class MapShape:
    """A map or struct: its declared fields, and the shape of all others (None: there are none).

    `untold` is the shape of declared fields of which only that is known: that they are declared.
    """

    fields: dict[str, Shape] = field(default_factory=dict)
    others: Shape | None = None
    is_whole: bool = False
    untold: Shape | None = None

    def of(self, name: str) -> Shape | None:
        """The shape of a field; None where there is no such field."""
        return self.fields.get(name) or self.untold or self.others

    def declares(self, name: str) -> bool:
        """True for a field of a struct, False for a key of a map."""
        return self.untold is not None or name in self.fields


@dataclass(slots=True, eq=False)
class Shape:
    """What a value may be. `scalar` is a kind of `data/fields.txt`, t where it may be any, empty where none is allowed.

    Of fields: `default` is what one that is left out means; `is_dropped`: the server leaves a zero out;
    `is_kept`: it writes it even if nobody gave it.
    """

    scalar: str = ""
    list: ListShape | None = None
    map: MapShape | None = None
    default: Any = None
    is_dropped: bool = False
    is_kept: bool = False


def _whole() -> Shape:
    made = Shape("t")
    made.list, made.map = ListShape(made), MapShape(others=made, is_whole=True)
    return made


def _any() -> Shape:
    made = Shape("t")
    made.list, made.map = ListShape(WHOLE), MapShape(others=made)
    return made


def _struct() -> Shape:
    made = Shape("t")
    made.list, made.map = ListShape(WHOLE), MapShape(untold=made)
    return made


WHOLE = _whole()  # anything, changes as a whole
ANY = _any()  # anything: maps granular, lists as a whole
STRUCT = _struct()  # anything, its maps being structs of which no more is known
SCALARS = {kind: Shape(kind) for kind in "sinbtoq"}


class _Reader:
    """The types of `fields.txt`, each made when it is first asked for."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, str], str] = {}
        self._told: dict[str, str] = {}
        self._made: dict[str, Shape] = {}
        for line in (DATA / "fields.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("@ "):
                _, api, kind, name = line.split()
                self.kinds[api, kind] = name
            elif not line.startswith("#"):
                name, _, rest = line.partition(" ")
                self._told[name.rstrip("!")] = ("!" if name.endswith("!") else " ") + rest

    def type(self, name: str) -> Shape:
        """The shape of a type by its name."""
        made = self._made.get(name)
        if made is None:
            told = self._told[name]
            struct = MapShape(is_whole=told[0] == "!")
            made = self._made[name] = Shape(map=struct)
            for text in told[1:].split():
                called, _, kind = text.partition(":")
                struct.fields[called] = self._field(kind)
        return made

    def _field(self, text: str) -> Shape:
        is_kept, is_dropped, text = text.endswith("+"), text.endswith("-"), text.rstrip("+-")
        text, is_given, default = text.partition("=")
        is_whole, text = text.endswith("!"), text.rstrip("!")
        found = replace(self._shape(text), default=default if is_given else None, is_kept=is_kept, is_dropped=is_dropped)
        if is_whole and found.map:
            found.map = replace(found.map, is_whole=True)
        return found

    def _shape(self, text: str) -> Shape:
        if text in SCALARS:
            return SCALARS[text]
        if text in ("any", "raw"):
            return ANY if text == "any" else WHOLE
        if text.startswith("{"):
            return Shape(map=MapShape(others=self._shape(text[1:-1])))
        if not text.startswith("["):
            return self.type(text)
        inside, _, patch = text[1:].rpartition("]")
        items, is_keyed, told = inside.partition("|") if not inside.startswith("[") else (inside, "", "")
        keys = tuple(told.split(",")) if told else () if is_keyed else None
        by_patch = patch[1:] or None if patch.startswith("~") else keys[0] if keys else "" if is_keyed else None
        return Shape(list=ListShape(self._shape(items), keys, by_patch))


@cache
def _reader() -> _Reader:
    return _Reader()


def builtin(api: str, kind: str) -> Shape | None:
    """The shape of a built-in kind; None for any other."""
    reader = _reader()
    name = reader.kinds.get((api, kind))
    return reader.type(name) if name else None


def typed(name: str) -> Shape:
    """The shape of a named type of the built-in kinds, such as `PodTemplateSpec`."""
    return _reader().type(name)


def metadata() -> Shape:
    """The shape of `metadata`, the same for every kind."""
    return typed("ObjectMeta")

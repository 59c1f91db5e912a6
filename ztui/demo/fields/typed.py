"""What a value of a shape consists of: its fields, how two values differ, where it does not fit.

The meaning is that of sigs.k8s.io/structured-merge-diff, package `typed`; `merging` has the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, NamedTuple

from ztui.demo.fields.paths import FieldSet, Path, compact
from ztui.demo.fields.shapes import ListShape, MapShape, Shape

Form = Literal["map", "scalar", "list", ""]


class _Missing(Enum):
    MISSING = 0


MISSING = _Missing.MISSING  # no value at all, which null is


class Difference(NamedTuple):
    """Fields that a change removes, modifies and adds; none is in two of them."""

    removed: FieldSet
    modified: FieldSet
    added: FieldSet

    @property
    def written(self) -> FieldSet:
        """Fields that hold another value afterwards."""
        return self.modified | self.added


class Misfit(ValueError):  # noqa: N818  # what it tells is an answer
    """A value does not fit its shape; the text names every place, as the real server does."""


def form_of(shape: Shape, value: Any) -> Form:
    """As which of the forms that its shape allows a value is taken; of a value that fits none, the first allowed one."""
    if isinstance(value, dict):
        if shape.map:
            return "map"
    elif isinstance(value, list):
        if shape.list:
            return "list"
    elif value is not None and value is not MISSING and shape.scalar:
        return "scalar"
    return "map" if shape.map else "scalar" if shape.scalar else "list" if shape.list else ""


def equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: true is not 1, 1 is 1.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def step_of(shape: ListShape, item: Any) -> str:
    """The step that leads to an item of a list with keys or of a set. Raises Misfit for an item without any key."""
    if not shape.keys:
        if isinstance(item, dict):
            raise Misfit("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise Misfit("not supported: associative list with lists as elements")
        if item is None:
            raise Misfit("associative list without keys has an element that's an explicit null")
        return f"v:{compact(item)}"
    if not isinstance(item, dict):
        kind = "a null element" if item is None else "non-map elements"
        raise Misfit(f"associative list with keys may not have {kind}")
    found = {}
    for key in shape.keys:
        field = shape.items.map.fields.get(key) if shape.items.map else None
        if key in item:
            found[key] = item[key]
        elif field and field.default is not None:
            found[key] = field.default
    if not found:
        keys = " ".join(f'"{key}"' for key in shape.keys)
        raise Misfit(
            f"associative list with keys has an element that omits all key fields [{keys}] "
            "(and doesn't have default values for any key fields)"
        )
    return f"k:{compact(found)}"


def indexed(shape: ListShape, items: list[Any]) -> dict[str, list[Any]]:
    """The items of a list by step, duplicates together, in the order of the list."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(step_of(shape, item), []).append(item)
    return found


def fields_of(shape: Shape, value: Any) -> FieldSet:
    """Every field that a value sets."""
    return frozenset(path for path in _fields(shape, value, ()) if path)


def _fields(shape: Shape, value: Any, path: Path) -> Iterator[Path]:
    form = form_of(shape, value)
    if form == "scalar":
        yield path
    elif form == "list" and shape.list:
        yield from _list_fields(shape.list, value, path)
    elif form == "map" and shape.map:
        if shape.map.is_whole:
            yield path
        elif isinstance(value, dict):
            yield from _map_fields(shape.map, value, path)


def _map_fields(shape: MapShape, value: dict[str, Any], path: Path) -> Iterator[Path]:
    for name, item in value.items():
        here = (*path, f"f:{name}")
        field = shape.of(name)
        if field:
            yield from _fields(field, item, here)
        if item is None or item == {} or not shape.declares(name):
            yield here


def _list_fields(shape: ListShape, value: Any, path: Path) -> Iterator[Path]:
    if shape.keys is None:
        yield path
        return
    for step, items in indexed(shape, value if isinstance(value, list) else []).items():
        if len(items) == 1:
            yield from _fields(shape.items, items[0], (*path, step))
        yield (*path, step)


def compare(shape: Shape, old: Any, new: Any) -> Difference:
    """What lies between two values of a shape."""
    walk = _Comparison()
    walk.compare(shape, old, new, ())
    sets = [frozenset(found - {()}) for found in (walk.removed, walk.modified, walk.added)]
    return Difference(*sets)


class _Comparison:
    def __init__(self) -> None:
        self.removed: set[Path] = set()
        self.modified: set[Path] = set()
        self.added: set[Path] = set()

    def compare(self, shape: Shape, old: Any, new: Any, path: Path) -> None:
        forms = [form_of(shape, new if new is not MISSING else old)]
        if old is not MISSING and new is not MISSING and form_of(shape, old) != forms[0]:
            forms.insert(0, form_of(shape, old))
        is_leaf = False
        for form in forms:
            is_leaf = self._descend(form, shape, old, new, path)
        if not is_leaf:
            self._mark(old, new, path)

    def _descend(self, form: Form, shape: Shape, old: Any, new: Any, path: Path) -> bool:
        """Compares what is below; true where nothing is, since the value changes as a whole."""
        if form == "map" and shape.map:
            before, after = (value if isinstance(value, dict) else {} for value in (old, new))
            if (before or after) and not shape.map.is_whole:
                for name in {**before, **after}:
                    field = shape.map.of(name)
                    if field:
                        self.compare(field, before.get(name, MISSING), after.get(name, MISSING), (*path, f"f:{name}"))
                return False
        elif form == "list" and shape.list:
            first, last = (value if isinstance(value, list) else [] for value in (old, new))
            if (first or last) and shape.list.keys is not None:
                self._items(shape.list, first, last, path)
                return False
        self._leaf(old, new, path)
        return True

    def _items(self, shape: ListShape, old: list[Any], new: list[Any], path: Path) -> None:
        before, after = indexed(shape, old), indexed(shape, new)
        for step in {**before, **after}:
            here = (*path, step)
            left, right = before.get(step, []), after.get(step, [])
            if len(left) <= 1 and len(right) <= 1:
                self.compare(shape.items, left[0] if left else MISSING, right[0] if right else MISSING, here)
            elif len(left) > 1 and len(right) > 1:
                if not equal(left, right):
                    self.modified.add(here)
            elif len(left) > 1:  # the real server keeps duplicates apart from single items
                if right:
                    self.compare(shape.items, MISSING, right[0], here)
                self.removed.add(here)
            else:
                if left:
                    self.compare(shape.items, left[0], MISSING, here)
                self.added.add(here)

    def _leaf(self, old: Any, new: Any, path: Path) -> None:
        if old is not MISSING and new is not MISSING:
            if not equal(old, new):
                self.modified.add(path)
        else:
            self._mark(old, new, path)

    def _mark(self, old: Any, new: Any, path: Path) -> None:
        if old is MISSING:
            self.added.add(path)
        elif new is MISSING:
            self.removed.add(path)

"""An object as the API server keeps it: what its kind does not know is gone, and so are empty values that JSON leaves out.

Only built-in kinds are so strict; custom ones are kept as they come.
"""

from __future__ import annotations

from typing import Any

from ztui.demo.fields.quantity import canonical
from ztui.demo.fields.shapes import MapShape, Shape
from ztui.demo.store import clone

_ZEROS: dict[str, Any] = {"s": "", "i": 0, "n": 0, "b": False, "q": "0", "t": None, "o": 0}
_GO = {"s": "string", "i": "int32", "n": "float64", "b": "bool"}


class WrongType(ValueError):  # noqa: N818  # what it tells is an answer
    """A value is of another type than its field."""


class Normal:
    """One object brought into its normal form; `unknown` names the fields that were dropped, by path."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def value(self, shape: Shape, value: Any, path: str = "") -> Any:
        """The normal form of a value. Raises WrongType."""
        if shape.map and shape.list:
            return clone(value)  # anything
        if shape.map:
            return self._map(shape.map, value, path)
        if shape.list:
            if value is None:
                return None
            if not isinstance(value, list):
                raise WrongType(_unmarshal(value, path, "[]"))
            return [self.value(shape.list.items, item, f"{path}[{number}]") for number, item in enumerate(value)]
        return _scalar(shape.scalar, value, path)

    def _map(self, shape: MapShape, value: Any, path: str) -> Any:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise WrongType(_unmarshal(value, path, "map"))
        if shape.others:
            return {key: self.value(shape.others, item, f"{path}.{key}") for key, item in value.items()}
        found = {}
        for name, item in value.items():
            field, here = shape.fields.get(name), f"{path}.{name}" if path else name
            if field is None:
                self.unknown.append(here)
            elif item is not None or field.is_kept:
                normal = self.value(field, item, here)
                if not _is_left_out(field, normal):
                    found[name] = normal
        for name, field in shape.fields.items():
            if field.is_kept and name not in found:
                found[name] = self._zero(field)
        return found

    def _zero(self, field: Shape) -> Any:
        if field.map and not field.map.others:
            return self._map(field.map, {}, "")
        return field.default if field.default is not None else _ZEROS.get(field.scalar)


def _is_left_out(field: Shape, value: Any) -> bool:
    if field.is_kept:
        return False
    if field.list and not field.map:
        return not value
    if field.map and field.map.others and not field.list:
        return not value
    return field.is_dropped and value in ("", 0, False, None)


def _scalar(kind: str, value: Any, path: str) -> Any:
    if value is None:
        return _ZEROS[kind]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "q":
        if not is_number and not isinstance(value, str):
            raise WrongType(_unmarshal(value, path, "string"))
        try:
            return canonical(str(value))
        except ValueError as wrong:
            raise WrongType(str(wrong)) from wrong
    fits = {"s": isinstance(value, str), "b": isinstance(value, bool), "i": is_number, "n": is_number}
    if not fits.get(kind, not isinstance(value, dict | list)):
        raise WrongType(_unmarshal(value, path, _GO.get(kind, "string")))
    return value


def _unmarshal(value: Any, path: str, wanted: str) -> str:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return f"json: cannot unmarshal {kinds[type(value)]} into Go struct field .{path} of type {wanted}"


def zero(shape: Shape) -> Any:
    """The empty object of a built-in kind: what the server writes of it before anybody gave a value."""
    return Normal().value(shape, {})

"""What every pane returns: lines of cells, each a clean text with a tone. No colour, no width, no widget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from ztui.checks.base import Status
from ztui.kinds.base import Ref
from ztui.score import RowStatus
from ztui.text import Clean, clean
from ztui.words import ROW_STATUS

T = TypeVar("T")

Tone = Literal["plain", "dim", "strong", "accent", "pass", "warn", "fail", "na", "unknown", "error"]


class Cell(NamedTuple):
    """A piece of text and how it is meant."""

    text: Clean
    tone: Tone = "plain"


class Line(msgspec.Struct, frozen=True):
    """One line of a table. ``key`` stays the same for the same thing, whatever its place.

    ``depth`` indents the first cell, and what is folded of running text; ``opens`` lines show whether they are open; ``words`` is
    what a filter looks at; ``ref`` is the object that the line is about, ``by`` those that decide what it says, ``nodes`` where
    its pods are.
    """

    key: str
    cells: tuple[Cell, ...]
    depth: int = 0
    opens: bool = False
    is_open: bool = False
    words: str = ""
    status: str = ""
    namespace: str = ""
    ref: Ref | None = None
    by: tuple[Ref, ...] = ()
    nodes: tuple[str, ...] = ()


TONES: Final[dict[Status, Tone]] = {
    Status.PASS: "pass",
    Status.WARN: "warn",
    Status.FAIL: "fail",
    Status.NA: "na",
    Status.UNKNOWN: "unknown",
    Status.ERROR: "error",
}


def row_tone(status: RowStatus) -> Tone:
    """The tone of a row's status."""
    return TONES[ROW_STATUS[status]]


def cell(text: str, tone: Tone = "plain") -> Cell:
    """A cell from any text; it passes the gate here."""
    return Cell(clean(text, limit=400), tone)


def prose(text: str, tone: Tone = "plain") -> Cell:
    """A cell of running text, which is wrapped and never cut: a person must see all of it, or may copy it."""
    return Cell(clean(text, limit=len(text)), tone)


class Filter(msgspec.Struct, frozen=True):
    """What `/` says: words that must all be there, fields (``ns: app: sa: status:``), ``!`` to exclude, ``-l`` labels.

    A label is ``(key, value, wanted)``; a value of ``None`` asks for the key alone.
    """

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    labels: tuple[tuple[str, str | None, bool], ...] = ()

    def __bool__(self) -> bool:
        """Whether it filters at all."""
        return bool(self.words or self.fields or self.without or self.labels)

    def shows(self, line: Line, labels_of: LabelsOf | None = None) -> bool:
        """Whether a line passes; where nobody knows labels, none can pass a filter by label."""
        if self.labels:
            labels = labels_of(line.ref) if labels_of is not None else {}
            if line.ref is None or not all(_has(labels, *label) for label in self.labels):
                return False
        text = (line.words or " ".join(cell.text for cell in line.cells)).lower()
        if any(word in text for word in self.without) or not all(word in text for word in self.words):
            return False
        return all(self._field(line, name, value, text) for name, value in self.fields)

    @staticmethod
    def _field(line: Line, name: str, value: str, text: str) -> bool:
        if name == "ns":
            return value in line.namespace.lower()
        if name == "status":
            return line.status.lower().startswith(value)
        return f"{name}:{value}" in text or value in text


LabelsOf = Callable[[Ref | None], Mapping[str, str]]


def _has(labels: Mapping[str, str], key: str, value: str | None, wanted: bool) -> bool:
    return ((key in labels) if value is None else (labels.get(key) == value)) == wanted


def _label(text: str) -> tuple[str, str | None, bool]:
    """One label of ``-l``, as kubectl writes it: ``key=value``, ``key!=value``, ``key``, ``!key``."""
    if "!=" in text:
        key, _, value = text.partition("!=")
        return key, value, False
    key, equals, value = text.replace("==", "=").partition("=")
    return (key, value, True) if equals else (key.lstrip("!"), None, not text.startswith("!"))


def parse_filter(text: str) -> Filter:
    """Read a filter; anything is one, so nothing that is typed is an error."""
    words: list[str] = []
    fields: list[tuple[str, str]] = []
    without: list[str] = []
    labels: list[tuple[str, str | None, bool]] = []
    parts = iter(text.split())
    for raw in parts:
        if raw == "-l":
            labels += [_label(item) for item in next(parts, "").split(",") if item.strip("!=")]
            continue
        part = raw.lower()
        name, colon, value = part.partition(":")
        if part.startswith("!"):
            if len(part) > 1:
                without.append(part[1:])
        elif colon and name in {"ns", "app", "sa", "status"}:
            if value:
                fields.append((name, value))
        else:
            words.append(part)
    return Filter(tuple(words), tuple(fields), tuple(without), tuple(labels))


class Kept(Generic[T]):
    """Lines of values, most of which are the same objects as the last time: theirs are not made again."""

    def __init__(self, make: Callable[[T], Line]) -> None:
        self._make = make
        self._made: dict[int, tuple[T, Line]] = {}

    def lines(self, values: Iterable[T]) -> list[Line]:
        """A line for each value; what is not among them is forgotten."""
        made = {id(value): self._made.get(id(value)) or (value, self._make(value)) for value in values}
        self._made = made  # each value is held with its line, so that its id stays its own
        return [line for _, line in made.values()]


def filtered(lines: Iterable[Line], by: Filter, labels_of: LabelsOf | None = None) -> list[Line]:
    """The lines that pass, each with the lines above it that lead to it."""
    if not by:
        return lines if isinstance(lines, list) else list(lines)
    kept: dict[str, Line] = {}
    above: list[Line] = []
    for line in lines:
        above = [item for item in above if item.depth < line.depth]
        if by.shows(line, labels_of):
            kept.update((item.key, item) for item in (*above, line))
        above.append(line)
    return list(kept.values())

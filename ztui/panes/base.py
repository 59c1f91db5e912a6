"""What every pane returns: lines of cells, each a clean text with a tone. No colour, no width, no widget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from ztui.checks.base import Status
from ztui.score import RowStatus
from ztui.text import Clean, clean
from ztui.words import ROW_STATUS

Tone = Literal["plain", "dim", "strong", "accent", "pass", "warn", "fail", "na", "unknown", "error"]


class Cell(NamedTuple):
    """A piece of text and how it is meant."""

    text: Clean
    tone: Tone = "plain"


class Line(msgspec.Struct, frozen=True):
    """One line of a table. ``key`` stays the same for the same thing, whatever its place.

    ``depth`` indents the first cell; ``opens`` lines show whether they are open; ``words`` is what a filter looks at.
    """

    key: str
    cells: tuple[Cell, ...]
    depth: int = 0
    opens: bool = False
    is_open: bool = False
    words: str = ""
    status: str = ""
    namespace: str = ""


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


class Filter(msgspec.Struct, frozen=True):
    """What `/` says: words that must all be there, fields (``ns: app: sa: status:``), ``!`` to exclude."""

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it filters at all."""
        return bool(self.words or self.fields or self.without)

    def shows(self, line: Line) -> bool:
        """Whether a line passes."""
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


def parse_filter(text: str) -> Filter:
    """Read a filter; anything is one, so nothing that is typed is an error."""
    words: list[str] = []
    fields: list[tuple[str, str]] = []
    without: list[str] = []
    for part in text.lower().split():
        name, colon, value = part.partition(":")
        if part.startswith("!"):
            if len(part) > 1:
                without.append(part[1:])
        elif colon and name in {"ns", "app", "sa", "status"}:
            if value:
                fields.append((name, value))
        else:
            words.append(part)
    return Filter(tuple(words), tuple(fields), tuple(without))


def filtered(lines: Iterable[Line], by: Filter) -> list[Line]:
    """The lines that pass, each with the lines above it that lead to it."""
    if not by:
        return list(lines)
    kept: dict[str, Line] = {}
    above: list[Line] = []
    for line in lines:
        above = [item for item in above if item.depth < line.depth]
        if by.shows(line):
            kept.update((item.key, item) for item in (*above, line))
        above.append(line)
    return list(kept.values())

"""How the lines of a table are arranged: which columns have room, in which order lines come, under which headings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ztui.panes.base import Line, cell

HEADING: Final = "heading:"
AGAIN: Final = "\0"
"""Before the heading, in the key of a line that stands under a second one too."""

Places = Callable[[Line], Sequence[str]]
"""Under which headings a line belongs; none of them puts it under one for the rest."""


@dataclass(frozen=True)
class Column:
    """One column: its title, its width in cells; ``flex`` columns share what is left, by weight. ``least`` is their minimum.

    ``name`` is what people choose it by, its title unless that says something else. ``wide`` is the width of the table from which
    it is shown where nobody chose; a ``fixed`` one always is, and first.
    """

    title: str
    width: int = 0
    flex: int = 0
    least: int = 0
    name: str = ""
    wide: int = 0
    fixed: bool = False

    @property
    def called(self) -> str:
        """Its name as it is typed."""
        return (self.name or self.title).lower().replace(" ", "-")

    @property
    def narrowest(self) -> int:
        """The fewest cells that it can do with, its gap included."""
        return (self.width or self.least) + 1


def usual(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """The places of the columns that a table of this width shows where nobody chose."""
    return tuple(at for at, column in enumerate(columns) if column.fixed or width >= column.wide)


def chosen(columns: Sequence[Column], names: Sequence[str]) -> tuple[int, ...]:
    """The places of the chosen columns, in the order chosen, behind the fixed ones; names that no column has are left out."""
    known = {column.called: at for at, column in enumerate(columns) if not column.fixed}
    fixed = (at for at, column in enumerate(columns) if column.fixed)
    return (*fixed, *dict.fromkeys(known[name] for name in names if name in known))


def fitting(columns: Sequence[Column], places: Sequence[int], width: int) -> tuple[int, ...]:
    """As many of them, from the left, as a table of this width has room for; the first in any case."""
    kept: list[int] = []
    for at in places:
        width -= columns[at].narrowest
        if width < 0 and kept:
            break
        kept.append(at)
    return tuple(kept)


def widths(columns: Sequence[Column], places: Sequence[int], width: int) -> tuple[int, ...]:
    """The cells that each of these columns gets; what one needs at least is taken from what the others share."""
    mine = [columns[at] for at in places]
    room = width - len(mine)
    given: dict[int, int] = {at: column.width for at, column in enumerate(mine) if column.width}
    while True:
        left = room - sum(given.values())
        shares = max(1, sum(column.flex for at, column in enumerate(mine) if at not in given))
        short = {
            at: column.least for at, column in enumerate(mine) if at not in given and left * column.flex // shares < column.least
        }
        if not short:
            return tuple(given.get(at, left * column.flex // shares) for at, column in enumerate(mine))
        given |= short


def in_order(lines: Sequence[Line], at: int | None) -> list[Line]:
    """The lines by the text of one cell, or as they come; a tree keeps its order."""
    if at is None or any(line.depth for line in lines):
        return list(lines)
    return sorted(lines, key=lambda line: line.cells[at].text if at < len(line.cells) else "")


def under_headings(lines: Sequence[Line], places: Places, folded: Collection[str], marked: Collection[str]) -> list[Line]:
    """The lines under a heading for each place, by name, each with how many are under it; those that are folded alone."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        for number, place in enumerate(places(line) or ("",)):
            key = f"{line.key}{AGAIN}{place}" if number else line.key
            found.setdefault(place, []).append(msgspec.structs.replace(line, key=key, depth=1))
    arranged: list[Line] = []
    for place in sorted(found):
        mine, is_open = found[place], place not in folded
        arranged.append(_heading(place, mine, marked, is_open=is_open))
        arranged += mine if is_open else ()
    return arranged


def _heading(place: str, lines: Sequence[Line], marked: Collection[str], *, is_open: bool) -> Line:
    faults = sum(line.status in {"fail", "error"} for line in lines)
    count = sum(thing(line.key) in marked for line in lines)
    words = f"{place or 'none'}  {len(lines)}"
    words += f", {faults} at fault" if faults else ""
    words += f", {count} marked" if count else ""
    return Line(f"{HEADING}{place}", (cell(words, "strong"),), opens=True, is_open=is_open)


def thing(key: str) -> str:
    """The key of what a line is about, under whichever heading it stands."""
    return key.partition(AGAIN)[0]


def counted(lines: Sequence[Line], marked: Collection[str]) -> Mapping[str, Line]:
    """The marked ones of these lines, each once."""
    return {thing(line.key): line for line in lines if thing(line.key) in marked}

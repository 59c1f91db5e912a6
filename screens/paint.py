"""What the terminal shows, cell by cell, so that only what differs goes over the line.

The framework writes every line of a widget that was touched, whether it differs or not: 20 kB for a screen, and all of it where a
prompt opens. On a slow line that is what a key waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate  # what the app hands to its driver; not public
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

GAP: Final = 8
"""Cells that stay between two that change: to write them again costs no more than to move the cursor over them."""

Piece = tuple[int, int, Strip]
"""Line, column, and what stands there."""
Cell = tuple[str, Style | None]
"""One column: its text (empty for the second half of a wide letter) and its style."""


class Shown:
    """The terminal as it was left by what was written so far."""

    def __init__(self) -> None:
        self._size = Size()
        self._cells: dict[int, list[Cell | None]] = {}
        self._strips: dict[int, dict[int, Strip]] = {}

    def forget(self) -> None:
        """Somebody else wrote there, or what was written did not arrive: nothing is known any more."""
        self._cells.clear()
        self._strips.clear()

    def changes(self, pieces: Iterator[Piece], size: Size, console: Console) -> str:
        """What has to be written so that these pieces stand there; they count as written."""
        if size != self._size:  # a terminal moves what it shows when its height changes too
            self._size = size
            self.forget()
        return "".join(part for y, x, strip in pieces for part in self._differing(y, x, strip, console))

    def _differing(self, y: int, x: int, strip: Strip, console: Console) -> Iterator[str]:
        known = self._strips.setdefault(y, {})
        if known.get(x) == strip:
            return
        end = x + strip.cell_length
        for at in [at for at, other in known.items() if at < end and at + other.cell_length > x]:
            del known[at]
        known[x] = strip
        line = self._cells.setdefault(y, [None] * self._size.width)
        line += [None] * (end - len(line))  # of a terminal that got narrower the app knows before its screens do
        old, new = line[x:end], cells_of(strip)
        line[x:end] = new if new is not None else [None] * strip.cell_length
        if new is None:
            yield Control.move_to(x, y).segment.text + strip.render(console)
            return
        for begin, stop in _runs(old, new):
            yield Control.move_to(x + begin, y).segment.text + _written(new[begin:stop]).render(console)


class OnlyChanges(CompositorUpdate):
    """An update of the screen that writes what is not there yet."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, shown: Shown, size: Size) -> None:
        self._update, self._shown, self._size = update, shown, size

    def render_segments(self, console: Console) -> str:
        """The text and escape sequences for the terminal."""
        pieces = _of_layout(self._update) if isinstance(self._update, LayoutUpdate) else _of_chops(self._update)
        return self._shown.changes(pieces, self._size, console)


class ThriftyApp(App[int]):
    """An app that writes only what differs from what the terminal shows, where its driver remembers that (``shown``)."""

    @property
    def shown(self) -> Shown | None:
        """What the terminal shows."""
        found = getattr(self._driver, "shown", None)
        return found if isinstance(found, Shown) else None

    def action_repaint(self) -> None:
        """Paint everything anew: somebody else has written over the terminal."""
        if self.shown is not None:
            self.shown.forget()
        self.refresh(repaint=True, layout=True)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self.shown is not None and isinstance(renderable, (LayoutUpdate, ChopsUpdate)):
            super()._display(screen, OnlyChanges(renderable, self.shown, self.size))  # type: ignore[arg-type]  # as its siblings
        else:
            super()._display(screen, renderable)


def cells_of(strip: Strip) -> list[Cell] | None:
    """The columns of a strip, as many as it is wide; ``None`` where letters side by side are not as wide as each alone."""
    found: list[Cell] = []
    for text, style, control in strip:
        if control:
            return None
        if text.isascii():
            found += [(letter, style) for letter in text]
            continue
        for letter in text:
            width = cell_len(letter)
            if not width:
                return None
            found += [(letter, style), *[("", style)] * (width - 1)]
    return found if len(found) == strip.cell_length else None


def _runs(old: Sequence[Cell | None], new: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """Where they differ, from and to; never half of a wide letter."""
    changed = [at for at, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    for begin, stop in _near(changed):
        while begin and not new[begin][0]:
            begin -= 1  # noqa: PLW2901  moved to the whole letter
        while stop < len(new) and not new[stop][0]:
            stop += 1  # noqa: PLW2901  the same
        yield begin, stop


def _near(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of places with no more than a gap between two."""
    begin = last = places[0] if places else 0
    for at in places[1:]:
        if at - last > GAP:
            yield begin, last + 1
            begin = at
        last = at
    if places:
        yield begin, last + 1


def _written(cells: Sequence[Cell]) -> Strip:
    return Strip([Segment("".join(text for text, _ in part), style) for style, part in groupby(cells, key=itemgetter(1))])


def _of_layout(update: LayoutUpdate) -> Iterator[Piece]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield y, x, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[Piece]:
    for y, begin, stop in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= stop or end <= begin:
                continue
            first = max(x, begin)
            yield y, first, strip.crop(first - x, min(end, stop) - x)

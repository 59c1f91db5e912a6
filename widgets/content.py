"""From tones to colours, in one place. Text comes clean; here it only gets its colour and its width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from ztui.panes.base import Cell
from ztui.text import Clean


class Toned(Widget):
    """A widget that draws tones in the colours of the theme in force."""

    def tone(self, name: str) -> Style:
        """The style of a tone; ``cursor`` is the line that the keys act on."""
        theme = self.app.theme
        if theme not in _STYLES:
            _STYLES[theme] = _styles(self.app.theme_variables, plain=theme == "no-colour")
        return _STYLES[theme][name]


class Exports(Toned):
    """A widget whose text can be written to a file: all of it, not only what is in sight."""

    def export(self) -> list[str]:
        """The lines, unfolded and uncut."""
        return []


_VARIABLES: Final = {
    "plain": "foreground",
    "dim": "foreground",
    "strong": "foreground",
    "accent": "accent",
    "pass": "success",
    "warn": "warning",
    "fail": "error",
    "na": "foreground",
    "unknown": "secondary",
    "error": "error",
}
_STYLES: dict[str, dict[str, Style]] = {}


def _styles(variables: Mapping[str, str], *, plain: bool) -> dict[str, Style]:
    """The styles of a theme. Without colour, weight alone tells the tones apart; the words do so in any case."""
    found = {}
    for tone, variable in _VARIABLES.items():
        bold = tone in {"strong", "fail", "error"}
        dim = tone in {"dim", "na"}
        if plain:
            found[tone] = Style(bold=bold or None, dim=dim or None, reverse=tone == "error" or None)
        else:
            found[tone] = Style(color=_muted(variables) if dim else _hex(variables[variable]), bold=bold or None)
    found["cursor"] = Style(reverse=True) if plain else Style(bgcolor=_hex(variables["panel"]), bold=True)
    return found


def _hex(value: str) -> str:
    return Color.parse(value).hex6.lower()


def _muted(variables: Mapping[str, str]) -> str:
    """Two thirds of the way from the background to the text: still readable."""
    back, text = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    return back.blend(text, 0.66).hex6.lower()


def content(text: Clean) -> Content:
    """Clean text as content: never parsed as markup."""
    return Content(text)


def fit(text: str, width: int) -> str:
    """Cut or pad to exactly ``width`` cells; what is cut ends in an ellipsis."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length == width:
        return text
    if length < width:
        return text + " " * (width - length)
    return set_cell_size(text, width - 1) + "…"


def strip_of(cells: list[tuple[str, Style]], width: int, base: Style) -> Strip:
    """A line of styled pieces, cut and padded to the width of the widget."""
    segments = [Segment(text, base + style) for text, style in cells if text]
    return Strip(segments).adjust_cell_length(width, base)


def piece(cell: Cell, width: int, toned: Toned) -> tuple[str, Style]:
    """One cell in its column."""
    return fit(cell.text, width), toned.tone(cell.tone)

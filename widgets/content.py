"""From tones to colours, in one place. Text comes clean; here it only gets its colour and its width."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from ztui.panes.base import Cell, Tone
from ztui.text import Clean

TONES: tuple[Tone, ...] = ("plain", "dim", "strong", "accent", "pass", "warn", "fail", "na", "unknown", "error")


class Toned(Widget):
    """A widget that draws tones: its component classes are ``tone-pass`` and so on, coloured by the theme."""

    COMPONENT_CLASSES = {f"tone-{tone}" for tone in TONES} | {"tone-cursor"}

    DEFAULT_CSS = """
    Toned {
        .tone-plain { color: $foreground; }
        .tone-dim { color: $text-muted; }
        .tone-strong { color: $foreground; text-style: bold; }
        .tone-accent { color: $accent; }
        .tone-pass { color: $success; }
        .tone-warn { color: $warning; }
        .tone-fail { color: $error; text-style: bold; }
        .tone-na { color: $text-muted; }
        .tone-unknown { color: $secondary; }
        .tone-error { color: $error; text-style: bold reverse; }
        .tone-cursor { background: $panel; text-style: bold; }
    }
    """

    def tone(self, name: str) -> Style:
        """The style of a tone under the theme in force."""
        return self.get_component_rich_style(f"tone-{name}", partial=True)


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

"""Help and explanations: text over the screen that asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.widget import Widget

from screens import command
from screens.base import FrameScreen
from widgets.text import TextPane
from ztui.panes.base import Line, cell


class TextScreen(FrameScreen):
    """A page of text that does not follow the cluster."""

    KEYS: ClassVar[Sequence[tuple[str, str]]] = (("Esc", "back"), ("↑↓", "scroll"), ("C", "copy"), ("x", "export"))

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self.TITLE_WORDS = title  # type: ignore[misc]  # a page's title is its own
        self._text = tuple(lines)

    def body(self) -> Sequence[Widget]:
        """The text."""
        return (TextPane(id="text", focusable=True),)

    def on_mount(self) -> None:
        """Fill it once."""
        pane = self.query_one("#text", TextPane)
        pane.set_lines(self._text)
        pane.focus()
        super().on_mount()


_MOVES: Final[tuple[tuple[str, str], ...]] = (
    ("↑↓ j k", "Move the cursor"),
    ("PgUp PgDn Home End", "Move far"),
    ("Enter l →", "Go in"),
    ("Esc h ←", "Go back; never leaves the program"),
    ("/", "Filter: words, ns: status: !not, and -l app=web by label"),
    ("s", "Sort a table by its next column"),
    ("x", "Export all lines of the screen to a file"),
    ("y", "The object under the cursor as YAML"),
    (":", "A command; Tab completes"),
    ("ctrl+p", "All commands"),
    ("ctrl+l", "Paint the screen anew, where another program has written over it"),
    ("q", "Back; on the overview: quit"),
)


def help_lines(here: Sequence[tuple[str, str]], shown: Callable[[str], str]) -> list[Line]:
    """The keys of a screen, those of all screens with the names that a keymap calls them by, and the commands."""
    lines = [_title("Keys of this screen"), *(_key(key, about) for key, about in here), _gap(0), _title("Everywhere")]
    lines += [_key(shown(command.sign(key)), about, name) for key, _, about, name in command.shortcuts()]
    lines += [_key(shown(key), about) for key, about in _MOVES]
    lines += [_gap(1), _title("Commands")]
    lines += [_key(f":{item.name} {item.takes}".strip(), item.about) for item in command.COMMANDS if " " not in item.name]
    return lines


def _title(text: str) -> Line:
    return Line(f"help:{text}", (cell(text, "strong"),))


def _gap(number: int) -> Line:
    return Line(f"help:gap{number}", (cell(""),))


def _key(key: str, about: str, name: str = "") -> Line:
    return Line(f"help:{key}:{about}", (cell(f"  {key:<20} {about}{f'  ({name})' if name else ''}"),))

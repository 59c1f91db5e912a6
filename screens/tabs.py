"""TabbedScreen: several lists behind one key, one in sight; Tab goes on. Only the one in sight is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.lines import ListScreen
from widgets.arrange import Column
from widgets.lines import LineTable
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes.base import Line


class Tab(msgspec.Struct, frozen=True):
    """One tab: its name, its columns, the pane that fills it, and what it says where it is empty."""

    name: str
    columns: tuple[Column, ...]
    pane: Callable[..., Any]
    empty: str
    grouped_by: tuple[str, ...] = ()


class TabbedScreen(ListScreen):
    """A list for each tab. A subclass gives ``TABS``, and what a list gives for the tab in force."""

    TABS: ClassVar[tuple[Tab, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "tab(1)", show=False, id="tab.next"),
        Binding("shift+tab", "tab(-1)", show=False, id="tab.previous"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def begin_at(self, tab: str) -> None:
        """Begin at the tab whose name begins so; at the first where none does. To be called before it is shown."""
        names = [item.name.lower() for item in self.TABS]
        self._at = next((at for at, name in enumerate(names) if tab and name.startswith(tab.lower())), 0)

    def body(self) -> Sequence[Widget]:
        """A table for each tab, one in sight."""
        tables = [LineTable(item.columns, id=f"tab{at}", empty="looking …") for at, item in enumerate(self.TABS)]
        return (TextPane(id="headline"), *tables)

    @property
    def table(self) -> LineTable:
        """The table of the tab in force."""
        return self.query_one(f"#tab{self._at}", LineTable)

    @property
    def tab(self) -> Tab:
        """The tab in force."""
        return self.TABS[self._at]

    @property
    def pane(self) -> str:
        """Each tab has columns of its own."""
        return f"{super().pane}-{self.tab.name.lower().replace(' ', '-')}"

    @property
    def grouped_by(self) -> tuple[str, ...]:
        """What the lines of the tab can be grouped by."""
        return self.tab.grouped_by

    def keys(self) -> Sequence[tuple[str, str]]:
        """Only some tabs can be grouped."""
        found = super().keys()
        return tuple(item for item in found if item[1] != "group" or self.tab.grouped_by)

    def empty_words(self) -> str:
        """What stands there when there is no line."""
        return self.tab.empty

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        for at in range(len(self.TABS)):
            self.query_one(f"#tab{at}").display = at == self._at
        super().draw(frame)

    def tabs_line(self, words: str = "") -> Line:
        """The names of the tabs, the one in force in brackets, and what is to be said of it."""
        names = "  ".join(f"[{item.name}]" if item is self.tab else f" {item.name} " for item in self.TABS)
        return self.ztui.title_line(f"{names}   {words}".rstrip())

    def action_tab(self, by: int) -> None:
        """The next tab, or the one before."""
        self._at = (self._at + by) % len(self.TABS)
        self.answer, self.grouping = None, ""
        self.set_focus(None)
        self.draw_all()

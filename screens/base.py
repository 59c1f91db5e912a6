"""FrameScreen: what all screens share: draws the app's last frame when current, between header and footer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual._styles_cache import StylesCache  # its cache is keyed by itself, and so keeps it; no public name
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Unmount
from textual.message import Message
from textual.messages import CloseMessages, Prune
from textual.widget import Widget
from textual.widgets import Input

from screens.files import keep_text
from screens.sized import SizedScreen
from widgets.content import Exports
from widgets.header import Bar, Keys
from widgets.lines import LineTable
from widgets.prompt import Prompt, Submitted
from ztui.frame import Frame
from ztui.health import Freshness
from ztui.kinds.base import Ref
from ztui.panes.base import Cell, Filter, cell, parse_filter
from ztui.panes.health import FRESH_TONES
from ztui.panes.start import waiting_words

if TYPE_CHECKING:
    from screens.app import ZtuiApp

WIDE = 104
"""Columns from which a screen uses its wide form."""

VERY_WIDE = 160
"""Columns from which a table shows what else it has."""

Place = tuple[Callable[..., "FrameScreen"], tuple[Hashable, ...]]
"""A main screen: what makes it, and of what. Two with the same place are one."""

LEAST = (40, 10)
"""Columns and lines below which only a note fits."""


BUSY = "it is being sent: this screen stays until the outcome is known"


class FrameScreen(SizedScreen):
    """A full page. A subclass gives ``body``, ``draw`` and the keys that work on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h,left", "back", show=False, id="back"),
        Binding("q", "leave", show=False, id="leave"),
        # First of all: what is typed behind them in one go must find the prompt, and not the keys of the list.
        Binding("slash", "filter", show=False, priority=True, id="filter"),
        Binding("colon", "command", show=False, priority=True, id="command"),
        Binding("s", "sort", show=False, id="sort"),
        Binding("x", "export", show=False, id="export"),
        Binding("y", "yaml", show=False, id="yaml"),
    ]

    AUTO_FOCUS: ClassVar[str | None] = "LineTable, #text"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    TITLE_WORDS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter()
        self.filter_text = ""
        self.place: Place | None = None

    @property
    def is_typing(self) -> bool:
        """Whether letters are an answer to this screen, and not keys."""
        return False

    @property
    def is_busy(self) -> bool:
        """Whether this screen may not be left now: something is being sent, and its outcome is not known."""
        return False

    @property
    def ztui(self) -> ZtuiApp:
        """The app that hosts this screen."""
        from screens.app import ZtuiApp  # noqa: PLC0415  the app imports its screens

        assert isinstance(self.app, ZtuiApp)  # noqa: S101  screens live in this app only
        return self.app

    def compose(self) -> ComposeResult:
        """Header, body, prompt, footer."""
        yield Bar(id="header")
        yield from self.body()
        yield Prompt(id="prompt")
        yield Keys(id="footer")

    def body(self) -> Sequence[Widget]:
        """The widgets between header and footer."""
        return ()

    def draw(self, frame: Frame) -> None:
        """Show a frame."""

    def draw_all(self) -> None:
        """Show the last frame, header and footer included."""
        if not self.is_mounted or not self.is_current:
            return
        frame = self.ztui.frame
        self.query_one("#header", Bar).show(*self._header(frame))
        self.query_one("#footer", Keys).show_keys(self.keys())
        self.draw(frame)

    def keys(self) -> Sequence[tuple[str, str]]:
        """The keys that work here, most wanted first."""
        extra = (("Esc", f"clear filter {self.filter_text}"),) if self.filter else ()
        return tuple((self.ztui.shown_key(key), about) for key, about in (*extra, *self.KEYS, ("?", "help"), (":", "command")))

    async def _on_message(self, message: Message) -> None:
        """A screen on its way out, alone or with the app, has lost its widgets: what was queued for it goes with it."""
        if not (self._pruning or self.ztui.is_leaving) or isinstance(message, (Unmount, Prune, CloseMessages)):
            await super()._on_message(message)

    def on_mount(self) -> None:
        """First paint."""
        self.draw_all()

    def on_unmount(self) -> None:
        """What the framework remembers of colours holds on to the lines of widgets that are gone: let go of it."""
        StylesCache.get_inner_outer.cache_clear()

    def on_screen_resume(self) -> None:
        """Back on top: what was missed is drawn at once."""
        self.draw_all()

    def on_resize(self) -> None:
        """Narrow and wide forms."""
        width, height = self.app.size  # the layout comes after this
        self.set_class(width >= WIDE, "wide")
        self.set_class(width < LEAST[0] or height < LEAST[1], "tiny")
        self.call_after_refresh(self.draw_all)

    def action_back(self) -> None:
        """Clear the filter, end a login program that keeps us waiting, or go back; never leaves the program."""
        if self.filter:
            self.filter, self.filter_text = Filter(), ""
            self.draw_all()
        elif self.ztui.stop_login():
            self.ztui.tell("the login program was stopped")
        elif len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def action_leave(self) -> None:
        """Quit from the top, go back from everywhere else."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            self.app.exit(0)

    def chosen_ref(self) -> Ref | None:
        """The object that the line under the cursor is about."""
        line = self.focused.current if isinstance(self.focused, LineTable) else None
        return line.ref if line is not None else None

    def chosen_key(self) -> str:
        """The key of the line under the cursor; empty where there is none."""
        line = self.focused.current if isinstance(self.focused, LineTable) else None
        return line.key if line is not None else ""

    def action_yaml(self) -> None:
        """Show the object under the cursor as it is held."""
        ref = self.chosen_ref()
        if ref is None:
            self.ztui.tell("put the cursor on an object first: a finding, or a grant")
        else:
            self.ztui.show_object(ref)

    def action_sort(self) -> None:
        """Sort the table by its next column."""
        if not isinstance(self.focused, LineTable) or not self.focused.sorts:
            self.ztui.tell("nothing to sort here")
            return
        title = self.focused.sort_next()
        self.ztui.tell(f"sorted by {title}" if title else "in its own order")

    def action_export(self) -> None:
        """Write all lines of this screen to a file, those out of sight included."""
        texts: list[str] = []
        for widget in self.query(Widget):
            if isinstance(widget, Exports) and all(
                node.display for node in widget.ancestors_with_self if isinstance(node, Widget)
            ):
                texts += widget.export()
        keep_text(self.ztui, self.TITLE_WORDS, texts)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is typed these are letters."""
        if self.is_typing or (action in {"filter", "command"} and isinstance(self.focused, Input)):
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Ask for a filter."""
        self.query_one(Prompt).ask("/", self.filter_text)

    def action_command(self) -> None:
        """Ask for a command."""
        self.ask_command()

    def ask_command(self, begun: str = "") -> None:
        """Ask for a command, its beginning typed already."""
        self.query_one(Prompt).ask(":", begun, self.ztui.suggestions())

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed."""
        prompt = self.query_one(Prompt)
        if event.input is prompt and prompt.mark == "/":
            self._set_filter(event.value)

    def on_submitted(self, event: Submitted) -> None:
        """The prompt was answered."""
        if event.mark == "/":
            self._set_filter(event.text)
        else:
            self.ztui.run_command(event.text)

    def _set_filter(self, text: str) -> None:
        self.filter, self.filter_text = parse_filter(text), text.strip()
        self.draw_all()

    def _header(self, frame: Frame) -> tuple[list[Cell], list[Cell]]:
        if self.has_class("tiny"):
            return [cell(f"ztui: too small, takes {LEAST[0]}x{LEAST[1]}", "warn")], []
        app, health = self.ztui, frame.health
        wide = self.size.width >= WIDE
        name = app.label or (health.context if health else "") or "no cluster"
        left = [cell("ztui", "accent"), cell(name, "strong")]
        if health is not None and health.cluster_id:
            left.append(cell(f"· {health.cluster_id[:4]}", "dim"))
        if health is not None and health.user:
            left.append(cell(f"· {health.user}", "dim"))
        left.append(cell(f"[PROD]{app.mode_words}" if app.is_prod else app.mode_words, "warn" if app.is_prod else "dim"))
        alarms = [item for item in frame.incidents.values() if item.is_alarm]
        if alarms:
            left.append(cell(f"{len(alarms)} incident{'s' if len(alarms) > 1 else ''} (i)", "fail"))
        if app.settings.namespace:
            left.append(cell(f"namespace {app.settings.namespace} only", "warn"))
        if health is not None and any("not verified" in item for item in health.warnings):
            left.append(cell("TLS NOT VERIFIED", "error"))
        if self.TITLE_WORDS and wide:
            left.append(cell(f"· {self.TITLE_WORDS}", "plain"))
        return left, self._freshness(frame, wide=wide)

    @staticmethod
    def _freshness(frame: Frame, *, wide: bool) -> list[Cell]:
        health = frame.health
        if health is not None and health.login_waiting_s is not None:
            return [cell(waiting_words(health), "warn")]
        if frame.problem is not None:
            return [cell("not connected", "fail")]
        if health is None or health.freshness is Freshness.CONNECTING:
            return [cell("not connected" if health and health.problem else "connecting", "unknown")]
        if health.freshness is not Freshness.LIVE:
            return [cell(f"{health.freshness} {health.silent_s:.0f} s", FRESH_TONES[health.freshness])]
        if not frame.settled:
            return [cell(f"reading {frame.loaded} of {frame.kinds}", "unknown")]
        objects = sum(len(part) for parts in frame.state.objects.values() for part in parts.values())
        return [cell("live", "pass"), *([cell(f"· {objects:,} objects", "dim")] if wide else [])]

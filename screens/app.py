"""The App: themes, modes, keys, and one worker that takes frames from the core. The outermost host of all screens."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import msgspec
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.driver import Driver
from textual.worker import Worker, WorkerState

from screens import asking, command, files, login, terminal
from screens.base import BUSY, FrameScreen, Place
from screens.help import TextScreen, help_lines
from screens.overview import OverviewScreen
from screens.paint import ThriftyApp
from screens.phase import PhaseScreen
from screens.switch import FaultsOnly
from screens.themes import NAMES, THEMES
from widgets.lines import LineTable
from widgets.text import TextPane
from ztui.board import Board, CellOf, cells_of
from ztui.checks.base import Check, CheckId, catalogue
from ztui.clock import Clock, SystemClock
from ztui.columns import ChosenColumns
from ztui.errors import ZtuiError
from ztui.explain import explanation
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.kinds.measured import HourTraffic
from ztui.kinds.workload import Namespace
from ztui.panes.base import Line, cell, prose
from ztui.settings import ContextSettings, Settings
from ztui.targets import DEMO_CONTEXT, Finder, finder, records_folder, target_finder
from ztui.text import clean
from ztui.view import View

if TYPE_CHECKING:
    from ztui.core import Core
    from ztui.sources.approvals import ApprovalError

T = TypeVar("T")
OF_TERMINAL: Final = frozenset({"quit_now", "suspend_process", "repaint"})
"""What works while a screen is typed into too."""
HISTORY: Final = 50
MAIN: Final = {
    "mtls": ("mtls", "MtlsScreen"),
    "vault": ("vault", "VaultScreen"),
    "ladder": ("ladder", "LadderScreen"),
    "guide": ("guide", "GuideScreen"),
    "incidents": ("incidents", "IncidentsScreen"),
    "journal": ("journal", "JournalScreen"),
    "health": ("health", "HealthScreen"),
    "contexts": ("contexts", "ContextsScreen"),
}
"""The main screens without arguments: module and class."""


class ZtuiCommands(Provider):
    """The command table in the palette."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for item in command.COMMANDS:
            yield DiscoveryHit(f"{item.name}  {item.about}", self._run(item))

    async def search(self, query: str) -> Hits:
        """The commands that match."""
        matcher = self.matcher(query)
        for item in command.COMMANDS:
            score = matcher.match(f"{item.name} {item.about}")
            if score > 0:
                yield Hit(score, Content(f"{item.name}  {item.about}"), self._run(item))

    def _run(self, item: command.Command) -> Callable[[], None]:
        def run() -> None:
            app = self.app
            assert isinstance(app, ZtuiApp)  # noqa: S101  the palette of this app
            app.run_command(item.name)

        return run


class ZtuiApp(ThriftyApp):
    """The console on one core. ``find`` finds the target; a switch of context makes a new core.

    ``base`` are the settings without the demo: they name the kubeconfig whose contexts are offered.
    """

    CSS_PATH = Path(__file__).with_name("ztui.tcss")
    TITLE = "ztui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ZtuiCommands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, action, about, show=False, id=name) for key, action, about, name in command.shortcuts()),
        Binding("ctrl+q,ctrl+c", "quit_now", "Leave ztui", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Back to the shell for a while", show=False, priority=True),
        Binding("ctrl+l", "repaint", "Paint the whole screen anew", show=False, priority=True),
    ]

    def __init__(
        self,
        settings: Settings,
        find: Finder,
        *,
        base: Settings | None = None,
        driver_class: type[Driver] | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.clock = clock or SystemClock()
        self.refused: set[str] = set()
        self.settings = settings
        self.base = base or settings
        self.frame = Frame()
        self.contexts: tuple[Any, ...] = ()
        self.looked_at: tuple[str, ...] = ()
        self.assessed: dict[str, str] = {}
        self._find = find
        self.core: Core | None = None
        self._worker: Worker[None] | None = None
        self._demo: Any = None
        self._cells: tuple[Board | None, CellOf] | None = None
        self._visited: list[Place] = []
        self._at = -1
        self._has_desk = False
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.theme if settings.theme in NAMES else "dark"
        if "NO_COLOR" in os.environ:
            self.theme = "no-colour"

    @cached_property
    def chosen_columns(self) -> ChosenColumns:
        """Which columns of which list somebody chose."""
        return ChosenColumns(records_folder(self.settings, os.environ))

    @cached_property
    def cards(self) -> Mapping[CheckId, Check]:
        """The checks of this release; found when first asked for, after the first paint."""
        return catalogue()

    @property
    def context_names(self) -> list[str]:
        """The names of the contexts found."""
        return [item.name for item in self.contexts]

    @property
    def current_context(self) -> str:
        """The context in force."""
        return self.settings.context or (self.frame.health.context if self.frame.health else "")

    @property
    def label(self) -> str:
        """What the user calls this context."""
        return self._mine().label or ""

    @property
    def is_prod(self) -> bool:
        """Whether the settings mark this context as production."""
        name = self.current_context
        return self._mine().prod or any(fnmatchcase(name, pattern) for pattern in self.settings.prod_patterns)

    @property
    def is_locked(self) -> bool:
        """Whether the user asked for reading only, here or everywhere."""
        return self.settings.read_only or self._mine().read_only

    @property
    def mode_words(self) -> str:
        """Whether anything can be changed from here now: read-only, a locked production context, or changes after a yes."""
        desk = self.core.opened_desk if self.core is not None else None
        if self.is_locked or (desk is not None and desk.mode.read_only):
            return "[RO]"
        locked = desk.mode.locked if desk is not None else self.is_prod
        return "[locked]" if locked else "[RW]"

    @cached_property
    def key_ids(self) -> dict[str, str]:
        """Every key that a keymap may change, by name."""
        from screens.contexts import ContextsScreen  # noqa: PLC0415  after the first paint
        from screens.lines import ListScreen  # noqa: PLC0415  the same

        hosts = (type(self), FrameScreen, FaultsOnly, OverviewScreen, PhaseScreen, ContextsScreen, ListScreen, LineTable)
        return command.key_ids(item for host in hosts for item in host.BINDINGS)

    def shown_key(self, key: str) -> str:
        """A key as it is after the user's keymap, in the words of a keyboard."""
        keymap = self.settings.keymap
        return command.shown_key(key, keymap, self.key_ids) if keymap else key

    def _use_keymap(self) -> None:
        problem = command.keymap_problem(self.settings.keymap, self.key_ids)
        if problem:
            self.settings = msgspec.structs.replace(self.settings, keymap={})
            self.tell(f"{problem}; the usual keys are used")
        else:
            self.set_keymap(self.settings.keymap)

    def on_mount(self) -> None:
        """First paint, then everything else."""
        if self.settings.keymap:
            self._use_keymap()
        if not self.is_headless:
            terminal.harden(self)
        self.call_after_refresh(self._start)

    def get_default_screen(self) -> OverviewScreen:
        """The overview is the bottom of the stack: no blank screen is styled and painted before it."""
        return OverviewScreen()

    async def on_unmount(self) -> None:
        """Nothing outlives the console."""
        if self._demo is not None:
            self._demo.__exit__(None, None, None)

    def _start(self) -> None:
        self._worker = self.run_worker(self._follow(), group="core", exclusive=True, exit_on_error=False, name="core")
        self.run_worker(self._read_contexts(), group="contexts", exclusive=True, exit_on_error=False, name="contexts")

    async def _follow(self) -> None:
        """The one worker: frames from the core to the screen on top."""
        from ztui.core import Core  # noqa: PLC0415  after the first paint
        from ztui.recipes.base import kinds_used  # noqa: PLC0415  the same

        folder = records_folder(self.settings, os.environ)
        also = kinds_used() | {HourTraffic}
        core = self.core = Core(self.settings, self._find, clock=self.clock, state=folder, also=also, triage=True)
        try:
            async with core.open():
                async for frame in core.frames():
                    self._take(core, frame)
        finally:
            if not self.is_headless:
                gc.unfreeze()  # what a core held can be collected once it is gone

    def _take(self, core: Core, frame: Frame) -> None:
        """Show a frame; with the first whole one the journal is opened."""
        self.frame = frame
        self.redraw()
        if frame.settled and core.opened_desk is None and not self._has_desk:
            self._has_desk = True
            if not self.is_headless:
                gc.freeze()  # all that was read: to walk through it again and again would hold up keys for a third of a second
            self.run_worker(self._open_desk(core), group="desk", exit_on_error=False, name="desk")
        if self.unapproved is not None and self.unapproved.card.key not in self.refused:
            self.action_approve()

    async def _open_desk(self, core: Core) -> None:
        """Open the journal, and tell what became of the changes that a crash broke off."""
        with suppress(ZtuiError):
            desk = await core.desk()
            for text in desk.news:
                self.tell(text)
            self.redraw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in the worker is a bug of ztui: the fatal handler tells it, and the terminal is restored first."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.fatal = event.worker.error
            self.exit(70)

    fatal: BaseException | None = None
    is_leaving = False

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Leave: from here on the screens take no more messages, for their widgets go one by one."""
        self.is_leaving = True
        super().exit(result, return_code, message)

    def bell(self) -> None:
        """No sound: the framework rings for every key that a full prompt does not take."""

    def _handle_exception(self, error: Exception) -> None:
        """Keep the cause for the fatal handler; the framework's own report would show every local variable."""
        self.fatal = self.fatal or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without the framework's report."""
        self._close_messages_no_wait()

    async def _read_contexts(self) -> None:
        from ztui.sources.target import load_kubeconfig  # noqa: PLC0415  after the first paint

        with suppress(ZtuiError):
            found = await asyncio.to_thread(load_kubeconfig, self.base, os.environ)
            self.contexts = found.contexts()
            self.looked_at = tuple(clean(str(path)) for path in found.paths)
        self.redraw()

    @property
    def unapproved(self) -> ApprovalError | None:
        """The login program that waits for a person's yes."""
        return login.unapproved(self.frame)

    def action_approve(self) -> None:
        """Ask whether the login program may run."""
        if self.unapproved is not None:
            login.ask(self, self.unapproved)
        else:
            self.tell("no login program waits for a yes")

    async def action_login_here(self) -> None:
        """Leave the terminal to the login program, and come back after it."""
        await login.log_in_here(self)

    def stop_login(self) -> bool:
        """End the login program that keeps us waiting; says whether there was one."""
        return self.core is not None and self.core.stop_login()

    def retry(self) -> None:
        """Try again now what waits."""
        if self.core is not None:
            self.core.retry()

    def redraw(self) -> None:
        """Show the last frame on the screen on top."""
        if isinstance(self.screen, FrameScreen):
            self.screen.draw_all()

    def _mine(self) -> ContextSettings:
        return self.settings.contexts.get(self.current_context, ContextSettings())

    def read_at(self, frame: Frame) -> str:
        """When the state of a frame was read, for people."""
        return f"{frame.state.now.astimezone(UTC):%H:%M:%S} UTC" if frame.state.tick else ""

    def title_line(self, text: str) -> Line:
        """A strong line at the top of a screen."""
        return Line("title", (cell(text, "strong"),))

    def tell(self, text: str) -> None:
        """A short note, gone by itself."""
        self.notify(clean(text, limit=300), markup=False, timeout=4)

    def suggestions(self) -> Sequence[str]:
        """What may be typed after ``:``."""
        names = sorted(item.name for part in self.frame.state.objects.get(Namespace, {}).values() for item in part.values())
        return command.suggestions(self.cards, map(clean, self.context_names), map(clean, names), NAMES)

    def run_command(self, text: str) -> None:
        """Run what was typed after ``:``, or say why not."""
        found = command.parse(text)
        if isinstance(found, str):
            self.tell(found)
            return
        item, argument = found
        action: Callable[..., None] = getattr(self, f"action_{item.action}")
        action(argument) if argument else action()

    def action_overview(self) -> None:
        """Back to the bottom of the stack."""
        self._back_to(1)

    def _back_to(self, depth: int) -> bool:
        """Leave the screens above; none of them where one may not be left."""
        if any(isinstance(item, FrameScreen) and item.is_busy for item in self.screen_stack[depth:]):
            self.tell(BUSY)
            return False
        while len(self.screen_stack) > depth:
            self.pop_screen()
        return True

    def open_main(self, make: Callable[..., FrameScreen], *arguments: Hashable) -> None:
        """Main screens take each other's place above the overview, and are remembered for ``[`` and ``]``.

        The key of the screen that is open already goes back to it: its cursor and its filter stay.
        """
        place = (make, arguments)
        here = self.screen_stack[1] if len(self.screen_stack) > 1 else None
        if isinstance(here, FrameScreen) and here.place == place:
            self._back_to(2)
            return
        self._visited = [*self._visited[: self._at + 1], place][-HISTORY:]
        self._at = len(self._visited) - 1
        self._open(place)

    def _open(self, place: Place) -> None:
        make, arguments = place
        if self._back_to(1):
            screen = make(*arguments)
            screen.place = place
            self.push_screen(screen)

    def action_history(self, by: str) -> None:
        """Go to the main screen before or after this one; from the overview, back to the last."""
        at = self._at + int(by) if by == "1" or len(self.screen_stack) > 1 else self._at
        if not 0 <= at < len(self._visited):
            self.tell("there is no screen before this one" if by == "-1" else "there is no screen after this one")
            return
        self._at = at
        self._open(self._visited[at])

    def action_who_can(self, question: str = "") -> None:
        """Answer who may do something."""
        asking.who_can(self, question)

    def action_trust(self, question: str = "") -> None:
        """Answer what is between two workloads."""
        asking.trust(self, question)

    def action_blast(self, question: str = "") -> None:
        """Answer what one thing can touch, and what can touch it."""
        asking.blast(self, question)

    def action_bundle(self, question: str = "") -> None:
        """Capture the evidence about one thing."""
        asking.bundle(self, question)

    def action_can_reach(self, question: str = "") -> None:
        """Answer whether one workload may reach another."""
        asking.can_reach(self, question)

    def action_identity(self, tab: str = "") -> None:
        """Open the identity of workloads, or of users."""
        asking.identity(self, tab)

    def action_policy(self, tab: str = "") -> None:
        """Open the policy screen, perhaps at one of its tabs."""
        asking.policy(self, tab)

    @property
    def cell_of(self) -> CellOf:
        """How a pane asks for the cell of a check; the same for as long as the cluster, or the frame on show, is the same."""
        if self.core is not None:
            return self.core.cell_of
        if self._cells is None or self._cells[0] is not self.frame.board:
            self._cells = (self.frame.board, cells_of(self.frame.board))
        return self._cells[1]

    async def derive(self, function: Callable[..., T], *arguments: Hashable) -> T:
        """What a pane shows, computed by the core and kept for as long as it is looked at."""
        if self.core is None:
            return function(View(self.frame.state), *arguments)
        return await self.core.derive(function, *arguments)

    def release(self, function: Callable[..., Any], *arguments: Hashable) -> None:
        """A pane is gone from the screen: from now on it costs nothing."""
        if self.core is not None:
            self.core.release(function, *arguments)

    def show_object(self, ref: Ref) -> None:
        """Show an object as it is held."""
        from ztui.panes.object import object_lines  # noqa: PLC0415  only where it is asked

        self.push_screen(TextScreen("YAML", object_lines(self.frame.state, ref)))

    def action_main(self, name: str) -> None:
        """Open one of the main screens; its module is loaded when first asked for, after the first paint."""
        module, made = MAIN[name]
        self.open_main(getattr(importlib.import_module(f"screens.{module}"), made))

    def action_phase(self, number: str = "1") -> None:
        """Open a phase's checklist."""
        if number in {"0", "1", "2", "3", "4"}:
            self.open_main(PhaseScreen, int(number))
        else:
            self.tell(f"there is no phase {number}")

    def action_waive(self, text: str = "") -> None:
        """Accept a finding for a time: begin the command for the line under the cursor, or run what was typed."""
        from screens import accept  # noqa: PLC0415  only where it is asked

        screen = self.screen
        if isinstance(screen, FrameScreen):
            accept.finish(screen, text) if text else accept.begin(screen, self._chosen_check())

    def action_state(self, text: str = "") -> None:
        """Bring an incident to another state."""
        asking.state(self, text)

    def action_note(self, text: str = "") -> None:
        """Write something down about an incident."""
        asking.note(self, text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a screen is typed into, keys are letters; leaving the program always works."""
        if isinstance(self.screen, FrameScreen) and self.screen.is_typing and action not in OF_TERMINAL:
            return False
        return super().check_action(action, parameters)

    def action_fix(self, check_id: str = "") -> None:
        """Show how the finding under the cursor is mended, and mend it if a person agrees."""
        from screens import fix  # noqa: PLC0415  only where it is asked

        if isinstance(self.screen, FrameScreen):
            fix.begin(self.screen, check_id or self._chosen_check())

    def action_columns(self, names: str = "") -> None:
        """Choose the columns of the list in sight."""
        from screens import columns  # noqa: PLC0415  only where it is asked

        columns.choose(self, names)

    def action_node(self, name: str = "") -> None:
        """Ask a node itself, by a debug pod."""
        from screens import node  # noqa: PLC0415  only where it is asked

        node.ask(self, name)

    def action_vault_login(self) -> None:
        """Let somebody log in to the Vaults that wait for a browser."""
        if self.core is None or not self.core.log_in_to_vault(self._show_login):
            self.tell("no Vault waits for a login")

    def _show_login(self, name: str, address: str) -> None:
        """Show where to log in: to be opened, or copied with C."""
        words = (f"The Vault {clean(name)} waits for five minutes. Open this in a browser:", clean(address, limit=len(address)))
        lines = [Line(f"vault:{at}", (prose(text),)) for at, text in enumerate(words)]
        self.call_later(self.push_screen, TextScreen("Vault login", lines))

    def action_explain(self, check_id: str = "") -> None:
        """Explain a check: the one named, or the one under the cursor."""
        check_id = check_id or self._chosen_check()
        card = self.cards.get(CheckId(check_id.upper()))
        if card is None:
            self.tell(f"there is no check {check_id}" if check_id else "put the cursor on a check first")
            return
        lines = [Line(f"explain:{at}", (prose(text),)) for at, text in enumerate(explanation(card).splitlines())]
        self.push_screen(TextScreen("Explain", lines))

    def _chosen_check(self) -> str:
        """The check under the cursor, or that of the next best step; empty where there is none."""
        chosen = getattr(self.screen, "chosen_check", None) or getattr(self.screen, "next_check", None)
        return str(chosen()) if chosen else ""

    def action_help(self) -> None:
        """The keys of this screen and of all."""
        here = self.screen.keys() if isinstance(self.screen, FrameScreen) else ()
        self.push_screen(TextScreen("Help", help_lines(here, self.shown_key)))

    def action_retry(self) -> None:
        """Try again what waits."""
        self.retry()
        self.tell("trying again")

    def action_ctx(self, name: str = "") -> None:
        """Switch to another context of the kubeconfig."""
        if name not in self.context_names:
            self.tell(f"there is no context {name}; c lists them")
            return
        mine = msgspec.structs.replace(self.base, context=name, namespace=None)
        self._switch(mine, finder(mine))

    def action_ns(self, name: str = "") -> None:
        """Judge one namespace only, or all again."""
        from ztui.settings import namespace_problem  # noqa: PLC0415

        problem = namespace_problem(name) if name else None
        if problem:
            self.tell(problem)
            return
        self._switch(msgspec.structs.replace(self.settings, namespace=name or None), self._find)

    def action_demo(self) -> None:
        """Open the demo cluster."""
        if self.settings.context == DEMO_CONTEXT:
            self.tell("this is the demo cluster")
            return
        self._demo = target_finder(argparse.Namespace(demo=True), self.base)
        find, mine = self._demo.__enter__()
        self._switch(mine, find)

    def _switch(self, settings: Settings, find: Finder) -> None:
        """Leave this cluster, all its streams included, and open another; not while something is being sent to it."""
        if not self._back_to(1):
            return
        self.settings, self._find = settings, find
        self.frame, self._has_desk = Frame(), False
        self.redraw()
        self._start()

    def action_theme(self, name: str = "") -> None:
        """Change the colours; without a name, the next theme."""
        if name and name not in NAMES:
            self.tell(f"there is no theme {name}; there are {', '.join(NAMES)}")
            return
        self.theme = name or NAMES[(NAMES.index(self.theme) + 1) % len(NAMES)]
        self.redraw()

    def action_mouse(self, state: str = "off") -> None:
        """Give the mouse to the terminal for selecting, or take it back."""
        driver = self._driver
        switch = getattr(driver, "_enable_mouse_support" if state == "on" else "_disable_mouse_support", None)
        if switch is not None:
            switch()
            self.tell(f"mouse {state}")

    def action_save_screen(self) -> None:
        """Save the screen as a picture."""
        files.keep_picture(self)

    def action_copy(self) -> None:
        """Copy what is shown in detail, or the line under the cursor, by the terminal (OSC 52)."""
        focused = self.screen.focused
        if isinstance(focused, LineTable) and focused.current is not None:
            text = "  ".join(item.text for item in focused.current.cells if item.text)
        elif isinstance(focused, TextPane):
            text = "\n".join(focused.export())
        else:
            return
        self.copy_to_clipboard(text)
        self.tell("copied")

    def action_quit_now(self) -> None:
        """Leave."""
        self.exit(0)


def run_console(found: argparse.Namespace, settings: Settings) -> int:
    """Run the console; returns its exit status. A bug inside leaves as the exception it was, with the terminal restored."""
    with target_finder(found, settings) as (find, mine):
        app = ZtuiApp(mine, find, base=settings, driver_class=terminal.driver_class())
        gc.freeze()  # modules and classes stay: the collector need not walk them again between two frames
        status = app.run(mouse=settings.mouse)
        if app.fatal is not None:
            raise app.fatal
    return status if status is not None else app.return_code or 0

"""The App: themes, modes, keys, and one worker that takes frames from the core. The outermost host of all screens."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.driver import Driver
from textual.worker import Worker, WorkerState

from screens import command, terminal
from screens.base import FrameScreen
from screens.contexts import ContextsScreen
from screens.health import HealthScreen
from screens.help import TextScreen
from screens.overview import OverviewScreen
from screens.phase import PhaseScreen
from screens.themes import NAMES, THEMES
from widgets.text import TextPane
from ztui.checks.base import CheckId, catalogue
from ztui.core import Core
from ztui.errors import ZtuiError
from ztui.explain import explanation
from ztui.frame import Frame
from ztui.kinds.workload import Namespace
from ztui.panes.base import Line, cell
from ztui.settings import ContextSettings, Settings, cache_dir
from ztui.targets import DEMO_CONTEXT, Finder, finder, target_finder
from ztui.text import clean


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


class ZtuiApp(App[int]):
    """The console on one core. ``find`` finds the target; a switch of context makes a new core.

    ``base`` are the settings without the demo: they name the kubeconfig whose contexts are offered.
    """

    CSS_PATH = Path(__file__).with_name("ztui.tcss")
    TITLE = "ztui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ZtuiCommands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, action, about, show=False) for key, action, about in command.shortcuts()),
        Binding("C", "copy", "Copy what the cursor is on", show=False),
        Binding("ctrl+q,ctrl+c", "quit_now", "Leave ztui", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Back to the shell for a while", show=False, priority=True),
    ]

    def __init__(
        self, settings: Settings, find: Finder, *, base: Settings | None = None, driver_class: type[Driver] | None = None
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.settings = settings
        self._base = base or settings
        self.frame = Frame()
        self.cards = catalogue()
        self.contexts: tuple[Any, ...] = ()
        self.looked_at: tuple[str, ...] = ()
        self.assessed: dict[str, str] = {}
        self._find = find
        self._core: Core | None = None
        self._worker: Worker[None] | None = None
        self._demo: Any = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.theme if settings.theme in NAMES else "dark"
        if "NO_COLOR" in os.environ:
            self.theme = "no-colour"

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

    def on_mount(self) -> None:
        """First paint, then everything else."""
        if not self.is_headless:
            terminal.harden(self)
        self.push_screen(OverviewScreen())
        self.call_after_refresh(self._start)

    async def on_unmount(self) -> None:
        """Nothing outlives the console."""
        if self._demo is not None:
            self._demo.__exit__(None, None, None)

    def _start(self) -> None:
        self._worker = self.run_worker(self._follow(), group="core", exclusive=True, exit_on_error=False, name="core")
        self.run_worker(self._read_contexts(), group="contexts", exclusive=True, exit_on_error=False, name="contexts")

    async def _follow(self) -> None:
        """The one worker: frames from the core to the screen on top."""
        core = self._core = Core(self.settings, self._find)
        self.cards = core.cards
        async with core.open():
            async for frame in core.frames():
                self.frame = frame
                if isinstance(self.screen, FrameScreen):
                    self.screen.draw_all()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in the worker is a bug of ztui: the fatal handler tells it, and the terminal is restored first."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.fatal = event.worker.error
            self.exit(70)

    fatal: BaseException | None = None

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
            found = await asyncio.to_thread(load_kubeconfig, self._base, os.environ)
            self.contexts = found.contexts()
            self.looked_at = tuple(clean(str(path)) for path in found.paths)
        self._redraw()

    def _redraw(self) -> None:
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
        while len(self.screen_stack) > 2:
            self.pop_screen()

    def _open(self, screen: FrameScreen) -> None:
        """Main screens take each other's place above the overview."""
        self.action_overview()
        self.push_screen(screen)

    def action_phase(self, number: str = "1") -> None:
        """Open a phase's checklist."""
        if number in {"0", "1", "2", "3", "4"}:
            self._open(PhaseScreen(int(number)))
        else:
            self.tell(f"there is no phase {number}")

    def action_health(self) -> None:
        """Open Health."""
        self._open(HealthScreen())

    def action_contexts(self) -> None:
        """Open the contexts."""
        self._open(ContextsScreen())

    def action_explain(self, check_id: str = "") -> None:
        """Explain a check: the one named, or the one under the cursor."""
        screen = self.screen
        if not check_id:
            chosen = getattr(screen, "chosen_check", None) or getattr(screen, "next_check", None)
            check_id = chosen() if chosen else ""
        card = self.cards.get(CheckId(check_id.upper()))
        if card is None:
            self.tell(f"there is no check {check_id}" if check_id else "put the cursor on a check first")
            return
        lines = [Line(f"explain:{at}", (cell(text),)) for at, text in enumerate(explanation(card).splitlines())]
        self.push_screen(TextScreen("Explain", lines))

    def action_help(self) -> None:
        """The keys of this screen and of all."""
        screen = self.screen
        here = screen.keys() if isinstance(screen, FrameScreen) else ()
        lines = [Line("help:title", (cell("Keys of this screen", "strong"),))]
        lines += [_key_line(f"here:{at}", key, about) for at, (key, about) in enumerate(here)]
        lines += [Line("help:gap", (cell(""),)), Line("help:all", (cell("Everywhere", "strong"),))]
        lines += [_key_line(f"all:{at}", _shown(key), about) for at, (key, _, about) in enumerate(command.shortcuts())]
        lines += [_key_line(f"move:{at}", key, about) for at, (key, about) in enumerate(_MOVES)]
        lines += [Line("help:gap2", (cell(""),)), Line("help:cmd", (cell("Commands", "strong"),))]
        lines += [
            _key_line(f"cmd:{item.name}", f":{item.name} {item.takes}".strip(), item.about)
            for item in command.COMMANDS
            if " " not in item.name
        ]
        self.push_screen(TextScreen("Help", lines))

    def action_retry(self) -> None:
        """Try again what waits."""
        if self._core is not None:
            self._core.retry()
            self.tell("trying again")

    def action_ctx(self, name: str = "") -> None:
        """Switch to another context of the kubeconfig."""
        if name not in self.context_names:
            self.tell(f"there is no context {name}; c lists them")
            return
        mine = msgspec.structs.replace(self._base, context=name, namespace=None)
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
        self._demo = target_finder(argparse.Namespace(demo=True), self._base)
        find, mine = self._demo.__enter__()
        self._switch(mine, find)

    def _switch(self, settings: Settings, find: Finder) -> None:
        """Leave this cluster, all its streams included, and open another."""
        self.settings, self._find = settings, find
        self.frame = Frame()
        self.action_overview()
        self._redraw()
        self._start()

    def assess(self, names: Iterable[str]) -> None:
        """Assess contexts once, one after another."""
        self.run_worker(self._assess(tuple(names)), group="assess", exclusive=True, exit_on_error=False, name="assess")

    async def _assess(self, names: Sequence[str]) -> None:
        for name in names:
            self.assessed[name] = "assessing …"
            self._redraw()
            mine = msgspec.structs.replace(self._base, context=name)
            core = Core(mine, finder(mine))
            async with core.open():
                frame = await core.settled(mine.wait_s)
            problem = frame.problem or (frame.health.problem if frame.health else None)
            if problem is not None or frame.board is None:
                self.assessed[name] = problem.what if problem else "not assessed"
            else:
                self.assessed[name] = f"phase {frame.board.phase}, {frame.board.maturity:.0%}"
            self._redraw()

    def action_theme(self, name: str = "") -> None:
        """Change the colours; without a name, the next theme."""
        if name and name not in NAMES:
            self.tell(f"there is no theme {name}; there are {', '.join(NAMES)}")
            return
        self.theme = name or NAMES[(NAMES.index(self.theme) + 1) % len(NAMES)]
        self._redraw()

    def action_mouse(self, state: str = "off") -> None:
        """Give the mouse to the terminal for selecting, or take it back."""
        driver = self._driver
        switch = getattr(driver, "_enable_mouse_support" if state == "on" else "_disable_mouse_support", None)
        if switch is not None:
            switch()
            self.tell(f"mouse {state}")

    def action_save_screen(self) -> None:
        """Save the screen as an SVG in the cache folder, without links."""
        folder = cache_dir(os.environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"screen-{self.frame.serial}.svg"
        path.write_text(terminal.local_svg(self.export_screenshot(simplify=True)), encoding="utf-8")
        Path(path).chmod(0o600)
        self.tell(f"saved {path}")

    def action_copy(self) -> None:
        """Copy what is shown in detail, or the line under the cursor, by the terminal (OSC 52)."""
        from widgets.lines import LineTable  # noqa: PLC0415

        focused = self.screen.focused
        if isinstance(focused, LineTable) and focused.current is not None:
            text = "  ".join(item.text for item in focused.current.cells if item.text)
        elif isinstance(focused, TextPane):
            text = "\n".join("  ".join(item.text for item in line.cells) for line in focused.lines)
        else:
            return
        self.copy_to_clipboard(text)
        self.tell("copied")

    def action_quit_now(self) -> None:
        """Leave."""
        self.exit(0)


_MOVES: tuple[tuple[str, str], ...] = (
    ("↑↓ j k", "Move the cursor"),
    ("PgUp PgDn Home End", "Move far"),
    ("Enter l →", "Go in"),
    ("Esc h ←", "Go back; never leaves the program"),
    ("/", "Filter: words, ns: status: and !not"),
    (":", "A command; Tab completes"),
    ("ctrl+p", "All commands"),
    ("C", "Copy by the terminal"),
    ("q", "Back; on the overview: quit"),
)


def run_console(found: argparse.Namespace, settings: Settings) -> int:
    """Run the console; returns its exit status. A bug inside leaves as the exception it was, with the terminal restored."""
    with target_finder(found, settings) as (find, mine):
        app = ZtuiApp(mine, find, base=settings, driver_class=terminal.driver_class())
        status = app.run(mouse=settings.mouse)
        if app.fatal is not None:
            raise app.fatal
    return status if status is not None else app.return_code or 0


def _key_line(key: str, name: str, about: str) -> Line:
    return Line(f"help:{key}", (cell(f"  {name:<20} {about}"),))


def _shown(key: str) -> str:
    return {"question_mark": "?"}.get(key, key)

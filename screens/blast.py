"""Blast radius: everything that one thing can touch, and what can touch it, followed live."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.live import Question
from screens.page import PageScreen
from widgets.text import TextPane
from ztui.errors import ZtuiError
from ztui.frame import Frame
from ztui.panes.base import Line, cell
from ztui.panes.blast import blast_lines
from ztui.settings import cache_dir
from ztui.targets import DEMO_CONTEXT

if TYPE_CHECKING:
    from screens.app import ZtuiApp
    from ztui.core import Core
    from ztui.kinds.base import Ref
    from ztui.kinds.incident import Incident


class BlastScreen(PageScreen):
    """Screen ``:blast TARGET``."""

    TITLE_WORDS = "Blast radius"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("↑↓", "scroll"),
        ("b", "bundle"),
        ("x", "export"),
        ("C", "copy"),
        ("p", "policy"),
        ("w", "identity"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("b", "capture", show=False, id="capture")]

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target
        self._changed: tuple[tuple[Ref, str], ...] | None = None

    def question(self) -> Question:
        """Everything about it, and what the journal tells of its objects."""
        return blast_lines, (self.ztui.cell_of, self._target, self.ztui.settings.namespace or "", self._changed)

    def body(self) -> Sequence[Widget]:
        """Title and text."""
        return (TextPane(id="headline"), *super().body())

    def on_mount(self) -> None:
        """Ask the journal, once."""
        super().on_mount()
        self.run_worker(self._read(), group="journal", exclusive=True, exit_on_error=False, name="journal")

    async def _read(self) -> None:
        from ztui.changes.ledger import touched  # noqa: PLC0415  only where it is asked

        core = self.ztui.core
        changes = await core.changes() if core is not None else None
        if changes is not None:  # without a journal the page says nothing of it
            self._changed = touched(changes)
            self.draw_all()

    def action_capture(self) -> None:
        """Capture the evidence about it."""
        capture(self.ztui, self._target)

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        super().draw(frame)
        lines = [self.ztui.title_line(self._target)] if self.answer is None else []  # the page has a title of its own
        if not frame.settled:
            lines.append(Line("wait", (cell(f"not yet ({frame.loaded} of {frame.kinds} kinds)", "unknown"),)))
        self.query_one("#headline", TextPane).set_lines(lines)


def capture(app: ZtuiApp, target: str, incident: Incident | None = None) -> None:
    """Begin a bundle of evidence; where it is, or why there is none, is told when it is done, and kept with the incident.

    The demo keeps nothing of its own, so its bundles go where pictures go.
    """
    core = app.core
    if core is None:
        app.tell("there is no cluster yet")
        return
    app.tell(f"evidence about {target} is being captured: this may take a minute")
    app.run_worker(_captured(app, core, target, incident), name=f"capture {target}", group="capture", exclusive=True)


async def _captured(app: ZtuiApp, core: Core, target: str, incident: Incident | None) -> None:
    from ztui.evidence.capture import Wanted  # noqa: PLC0415  only for whoever captures something
    from ztui.evidence.signals import keep_evidence  # noqa: PLC0415  as above

    output, place = None, app.settings.namespace or ""
    if app.settings.context == DEMO_CONTEXT:
        stamp = f"{app.frame.state.now:%Y%m%dT%H%M%S}"
        cache_dir(os.environ).mkdir(mode=0o700, parents=True, exist_ok=True)
        output = cache_dir(os.environ) / f"bundle-{incident.name if incident else 'demo'}-{stamp}.tar.gz"
    try:
        if incident is not None:
            found = await keep_evidence(core, incident, place, output)
        else:
            found = await core.capture(Wanted(target, place, output))
    except ZtuiError as error:
        app.tell(str(error))
        return
    missing = len(found.manifest.missing)
    app.tell(
        f"{len(found.manifest.files)} files in {found.path}" + (f"; {missing} things could not be captured" if missing else "")
    )

"""What a person takes along: the text of a screen, or its picture, in the cache folder and for its owner only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from screens.terminal import local_svg
from ztui.private import write_private
from ztui.redact import redact
from ztui.settings import cache_dir
from ztui.text import clean

if TYPE_CHECKING:
    from screens.app import ZtuiApp


def keep_text(app: ZtuiApp, title: str, texts: Sequence[str]) -> None:
    """Write what is shown, and say where."""
    health, now = app.frame.health, app.frame.state.now
    head = clean(f"ztui · {health.context if health else 'no cluster'} · {title} · {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    _keep(app, f"{title.lower().replace(' ', '-') or 'screen'}.txt", redact("\n".join((head, "", *texts))) + "\n")


def keep_picture(app: ZtuiApp) -> None:
    """Write the screen as an SVG without links, and say where."""
    _keep(app, "screen.svg", local_svg(redact(app.export_screenshot(simplify=True))))


def _keep(app: ZtuiApp, name: str, text: str) -> None:
    folder = cache_dir(os.environ)
    try:
        path = write_private(folder, f"{app.clock.now():%Y%m%dT%H%M%S}-{name}", text)
    except OSError as error:
        app.tell(f"cannot write to {folder}: {error.strerror}")
        return
    app.tell(f"saved {path}")

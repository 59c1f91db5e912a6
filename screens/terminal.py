"""The terminal at its worst: what the framework's driver does not survive is mended here."""

from __future__ import annotations

import re
from typing import Any

from textual.driver import Driver


def driver_class() -> type[Driver] | None:
    """The driver to use; ``None`` for the framework's own."""
    return None


def harden(app: Any) -> None:
    """Prepare an app for a real terminal."""
    del app


def local_svg(svg: str) -> str:
    """A saved screen without the addresses of fonts: a picture must not call anybody."""
    return re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)

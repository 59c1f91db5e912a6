"""The text gate: hostile text in, ``Clean`` out. The only maker of ``Clean``.

Kinds keep the raw string (selectors and writes need it); everything that leaves for a terminal, a log, a file or an export passes
here first. A byte that a terminal could obey becomes a visible escape, and nothing is dropped in silence.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import Final, NewType

Clean = NewType("Clean", str)
"""Text that is safe to show: one line, printable, no control, direction or zero-width character, no lone surrogate."""

LIMIT: Final = 10_000
"""Characters kept of one text; more is cut in the middle."""


def _visible(code: int) -> str:
    if code in _SHORT:
        return _SHORT[code]
    return f"\\x{code:02x}" if code < 0x100 else f"<U+{code:04X}>"


_SHORT: Final = {0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r"}
_DIRECTION_AND_JOINERS: Final = (
    *range(0x200B, 0x2010),  # zero-width, joiners, marks
    *range(0x2028, 0x202F),  # line and paragraph separators, embeddings, overrides
    *range(0x2060, 0x2070),  # word joiner, isolates, deprecated format characters
    0x00AD,
    0x034F,
    0x061C,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x180E,
    0x3164,
    0xFEFF,
    0xFFA0,
)
_BAD: Final = {
    code: _visible(code)
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *_DIRECTION_AND_JOINERS,
        *range(0xD800, 0xE000),
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xFFF9, 0xFFFC),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE0200),  # tags, variation selectors supplement
    )
}
_MARKS_IN_A_ROW: Final = 4


def clean(raw: str, *, limit: int = LIMIT) -> Clean:
    """Make one line of ``raw`` that is safe everywhere.

    Anything longer than ``limit`` characters keeps its beginning and its end around an ellipsis.
    """
    text = raw if len(raw) <= limit else shorten(raw, limit)
    if text.isascii() and text.isprintable():
        return Clean(text)
    text = text.translate(_BAD)
    return Clean(text if text.isascii() else "".join(_calm(text)))


def clean_lines(raw: str, *, limit: int = LIMIT) -> list[Clean]:
    """Split ``raw`` at line feeds and clean each line."""
    return [clean(line, limit=limit) for line in raw.split("\n")]


def shorten(text: str, limit: int) -> str:
    """Cut ``text`` to ``limit`` characters around a middle ellipsis; the whole value stays with whoever holds it."""
    if len(text) <= limit:
        return text
    if limit <= 1:
        return "…"[:limit]
    head = limit // 2
    return f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"


def looks_alike(text: str) -> bool:
    """Whether a name holds letters beyond ASCII, or blanks at an end: another name could look the same."""
    return not text.isascii() or text != text.strip()


def mark_name(text: str) -> Clean:
    """A name for people to read: one that another could look like says so."""
    return Clean(f"{clean(text)} ≠ ASCII") if looks_alike(text) else clean(text)


def plain(text: str, encoding: str | None = None) -> str:
    """Show ``text`` on an output that may not know all its characters: what it cannot encode becomes an escape."""
    target = encoding or sys.stdout.encoding or "ascii"
    return text.encode(target, "backslashreplace").decode(target, "replace")


def _calm(text: str) -> list[str]:
    """Escape private, unassigned and stacked combining characters; the common case returns what it got."""
    out: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if category in {"Cn", "Co", "Cf", "Cc", "Cs", "Zl", "Zp"} or marks > _MARKS_IN_A_ROW:
            out.append(_visible(ord(char)))
        else:
            out.append(char)
    return out

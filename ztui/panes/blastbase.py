"""What the sections of a blast radius are made of: sentences with the objects that decide, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ztui.engines.marks import GapNote
from ztui.kinds.base import Ref
from ztui.kinds.workload import Namespace, Pod
from ztui.panes.base import Tone
from ztui.view import Gap, View
from ztui.words import gap_text

MANY: Final = 8
"""Entries of one list; the rest are counted."""


class Says(msgspec.Struct, frozen=True):
    """One sentence, in raw text: what to think of it, and the objects that decide."""

    text: str
    tone: Tone = "plain"
    by: tuple[Ref, ...] = ()


class Part(msgspec.Struct, frozen=True):
    """One section. ``unknown`` are the reasons why it is not whole; where it says nothing else, nothing is known."""

    key: str
    title: str
    says: tuple[Says, ...] = ()
    unknown: tuple[str, ...] = ()


def part(key: str, title: str, says: Iterable[Says], unknown: Iterable[str] = ()) -> Part:
    """A section; what is said twice is said once."""
    return Part(key, title, tuple(dict.fromkeys(says)), tuple(dict.fromkeys(unknown)))


def why(gap: Gap | None, what: str = "") -> list[str]:
    """A gap as the reason of a section: nothing where there is none."""
    return [f"{what}{': ' if what else ''}{gap_text(gap)}"] if gap is not None else []


def noted(note: GapNote | None) -> list[str]:
    """The same for a gap that names its kind."""
    return why(note[1], note[0]) if note is not None else []


def hidden_pods(view: View) -> list[str]:
    """Why pods of other namespaces are not known; nothing where all are."""
    gaps = why(view.gap(Namespace), "namespaces")
    hidden = [(item.name, gap) for item in view.all(Namespace) if (gap := view.gap(Pod, item.name)) is not None]
    return [*gaps, *(why(hidden[0][1], f"pods of {some([name for name, _ in hidden], 3)}") if hidden else [])]


def some(names: Sequence[str], most: int = 6) -> str:
    """Names in one line, the rest of them counted."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(number: int, word: str, many: str = "") -> str:
    """A number with its word."""
    return f"{number:,} {word if number == 1 else many or f'{word}s'}"


def shortened(says: Sequence[Says], what: str, many: str = "", most: int = MANY) -> list[Says]:
    """The first of many, and how many more there are."""
    if len(says) <= most:
        return list(says)
    more = len(says) - most
    return [*says[:most], Says(f"and {more:,} more {what if more == 1 else many or f'{what}s'}", "dim")]

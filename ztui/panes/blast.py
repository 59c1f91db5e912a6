"""The blast radius: everything that one workload, account, node or user can touch, and everything that can touch it, on one page.

What a person needs first when something was taken over. Every section says what it could not see; the same sections are the page
of the console, the text for a ticket and the document of the shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ztui.board import CellOf
from ztui.engines.blast import Centre, NoSuchCentreError, centre_of
from ztui.panes.base import Line, cell, prose
from ztui.panes.blastbase import Part, Says
from ztui.panes.blastheld import pictures, rights, secrets, vault
from ztui.panes.blastnear import Changed, changes, itself, nodes, residents
from ztui.panes.blastnet import mesh, reached, reaches, ways_in
from ztui.text import clean, mark_name
from ztui.view import View


def blast_lines(view: View, cell_of: CellOf, target: str, namespace: str = "", journal: Changed | None = None) -> list[Line]:
    """The page; one line that says so where nothing answers to the name."""
    try:
        centre = centre_of(view, target, namespace)
    except NoSuchCentreError as error:
        return [Line("nobody", (prose(str(error), "unknown"),))]
    return lines_of(view, cell_of, centre, journal)


def lines_of(view: View, cell_of: CellOf, centre: Centre, journal: Changed | None = None) -> list[Line]:
    """The page of a centre."""
    lines = [Line("head", (cell(f"Blast radius of {mark_name(centre.name)}", "strong"),), ref=centre.ref)]
    for item in parts(view, cell_of, centre, journal):
        lines.append(Line(f"head:{item.key}", (cell(item.title, "strong"),)))
        lines += [
            Line(f"{item.key}:?{at}", (prose(f"  UNKNOWN {text}", "unknown"),), depth=4) for at, text in enumerate(item.unknown)
        ]
        lines += [_line(item.key, at, says) for at, says in enumerate(item.says)]
    return lines


def blast_document(
    view: View, cell_of: CellOf, target: str, namespace: str = "", journal: Changed | None = None
) -> dict[str, Any]:
    """The same as data. Raises NoSuchCentreError."""
    centre = centre_of(view, target, namespace)
    return document(view, cell_of, centre, journal)


def document(view: View, cell_of: CellOf, centre: Centre, journal: Changed | None = None) -> dict[str, Any]:
    """The blast radius of a centre as data; ``complete`` where every section saw everything."""
    found = parts(view, cell_of, centre, journal)
    return {
        "schema": "ztui.blast",
        "version": 1,
        "target": clean(centre.name),
        "sort": centre.sort,
        "at": view.now.isoformat().replace("+00:00", "Z"),
        "complete": not any(item.unknown for item in found),
        "sections": [
            {
                "key": item.key,
                "title": item.title,
                "unknown": [_safe(text) for text in item.unknown],
                "says": [
                    {"text": _safe(says.text.strip()), "tone": says.tone, "by": [clean(str(ref)) for ref in says.by]}
                    for says in item.says
                ],
            }
            for item in found
        ],
    }


def parts(view: View, cell_of: CellOf, centre: Centre, journal: Changed | None = None) -> tuple[Part, ...]:
    """The sections that its sort has, the ones that a person asks about first on top."""
    if centre.sort == "person":
        return (itself(view, centre), rights(view, centre), changes(view, centre, journal))
    held = (rights(view, centre), secrets(centre), vault(view, centre))
    if centre.sort == "node":
        return (itself(view, centre), residents(view, centre), *held, changes(view, centre, journal))
    who = (itself(view, centre), *((residents(view, centre),) if centre.sort == "account" else ()))
    network = (reached(view, centre), reaches(view, centre), ways_in(view, centre), mesh(view, cell_of, centre))
    near = (pictures(view, centre), nodes(view, centre), changes(view, centre, journal))
    return (*who, *network, *held, *near)


def as_text(lines: Sequence[Line]) -> str:
    """The page as text for a ticket: a blank line before each section."""
    told = ["  ".join(item.text for item in line.cells) for line in lines]
    blank = ["\n" if line.key.startswith("head:") else "" for line in lines]
    return "".join(f"{space}{text}\n" for space, text in zip(blank, told, strict=True))


def _line(key: str, at: int, says: Says) -> Line:
    text = f"  {says.text}"
    return Line(
        f"{key}:{at}",
        (prose(text, says.tone),),
        depth=len(text) - len(text.lstrip()) + 2,
        ref=says.by[0] if says.by else None,
        by=says.by,
    )


def _safe(text: str) -> str:
    return clean(text, limit=len(text) + 1)

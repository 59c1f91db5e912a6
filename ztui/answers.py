"""The panes on the shell: the same rows as on the screen, as a table or as data."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from ztui.board import cells_of
from ztui.errors import SettingsError
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.panes import mtls as ports
from ztui.panes import people, workloads
from ztui.panes.base import Line
from ztui.panes.identity import TITLES, document, identity_lines, workload_page
from ztui.panes.port import port_of, port_page
from ztui.printing import as_columns, as_data
from ztui.text import clean
from ztui.view import View


def identity(frame: Frame, workload: str | None, namespace: str | None, output: str) -> str:
    """The identity of every workload, or the chain of one. Raises SettingsError for one that is not there."""
    rows = workloads.all_rows(View(frame.state), cells_of(frame.board), namespace or "")
    if workload:
        rows = tuple(chosen(rows, lambda row: row.unit, workload, namespace))
    if output != "table":
        return as_data({"schema": "ztui.identity", "version": 1, "workloads": document(rows)}, output)
    if workload:
        return "\n\n".join(as_text(workload_page(row)) for row in rows) + "\n"
    return as_columns(("workload", *TITLES.values()), map(_texts, identity_lines(rows)))


def users(frame: Frame, name: str | None, namespace: str | None, output: str) -> str:
    """Every user and group, or everything about one. Raises SettingsError for one that no object names."""
    del namespace
    view = View(frame.state)
    pane = people.users_pane(view)
    rows = pane.rows
    if name:
        wanted = name.lower()
        rows = tuple(row for row in rows if wanted in {row.of.who.lower(), row.of.name.lower()})
        if not rows:
            msg = f"no object names a user or group {clean(name)}"
            close = difflib.get_close_matches(wanted, [clean(row.of.name) for row in pane.rows], 3)
            raise SettingsError(
                msg, where="the command line", next=f"Perhaps {', '.join(close)}" if close else "Leave the name out for all"
            )
    told = [clean(text, limit=len(text)) for text in pane.notes]
    if output != "table":
        found = {"schema": "ztui.users", "version": 1, "notes": told, "users": people.document(rows)}
        return as_data(found, output)
    if name:
        return "\n\n".join(as_text(people.person_page(row)) for row in rows) + "\n"
    table = as_columns(("name", "kind", *people.TITLES.values()), map(_texts, people.people_lines(rows)))
    return table + "".join(f"note: {text}\n" for text in told)


def mtls(frame: Frame, workload: str | None, namespace: str | None, output: str) -> str:
    """What every port accepts, or everything about those of one workload. Raises SettingsError for one that is not there."""
    view, cells = View(frame.state), cells_of(frame.board)
    rows = ports.all_ports(view, cells, namespace or "")
    if workload:
        rows = tuple(chosen(rows, lambda row: row.unit, workload, namespace))
    if output != "table":
        return as_data({"schema": "ztui.mtls", "version": 1, "ports": ports.document(rows)}, output)
    if workload:
        pages = (port_page(port_of(view, cells, row.unit, row.port)) for row in rows)
        return "\n\n".join(map(as_text, pages)) + "\n"
    return as_columns(ports.TITLES, map(_texts, ports.mtls_lines(rows)))


def chosen(rows: Iterable[Any], unit_of: Callable[[Any], Ref], name: str, namespace: str | None) -> list[Any]:
    """The rows of a workload that is named as ``NAMESPACE/NAME``, ``NAMESPACE/KIND/NAME``, or ``NAME`` in the given namespace."""
    rows = list(rows)
    wanted = [part.lower() for part in name.split("/")]
    if len(wanted) == 1 and namespace:
        wanted = [namespace.lower(), *wanted]
    found = [row for row in rows if wanted in _names(unit_of(row))]
    if not found:
        known = sorted({clean("/".join((unit_of(row).namespace, unit_of(row).name))) for row in rows})
        close = difflib.get_close_matches("/".join(wanted), known, 3)
        msg = f"there is no workload {clean(name)} with a live pod"
        raise SettingsError(
            msg, where="the command line", next=f"Perhaps {', '.join(close)}" if close else "Name it as NAMESPACE/NAME"
        )
    return found


def as_text(lines: Iterable[Line]) -> str:
    """Lines of running text."""
    return "\n".join("  ".join(_texts(line)) for line in lines)


def _texts(line: Line) -> list[str]:
    return [cell.text for cell in line.cells]


def _names(unit: Ref) -> tuple[list[str], ...]:
    place, kind, name = unit.namespace.lower(), unit.kind.lower(), unit.name.lower()
    return ([place, name], [place, kind, name], [name])

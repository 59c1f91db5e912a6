"""The cells of the live panes on a judged world: what each shows, and the objects that its explanation names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.panes.changes import At, at
from ztui.board import CellOf, Judge
from ztui.engines import units
from ztui.kinds.base import Ref
from ztui.panes.access import QUESTIONS
from ztui.panes.base import Line
from ztui.panes.mesh import mesh_lines
from ztui.panes.mtls import all_ports, facts
from ztui.panes.people import all_people
from ztui.panes.reach import passage_lines
from ztui.panes.vault import vaults
from ztui.panes.workloads import all_rows
from ztui.view import State, View
from ztui.whocan import who_can_lines
from ztui.words import sentence


class Shown(NamedTuple):
    """What stands there, what is named for it, and the workloads that it is about: these decide too, where they are not named."""

    says: tuple[Any, ...]
    by: frozenset[At]
    about: frozenset[At] = frozenset()


Cells = Mapping[tuple[Any, ...], Shown]


class Asked(NamedTuple):
    """A judged state, and how a pane asks for the cells of checks."""

    view: View
    cell_of: CellOf


def asked(judge: Judge, state: State) -> Asked:
    """The state that a judge holds, by its memo: what did not change is not computed again."""
    return Asked(View(state, derivation=judge.memo), judge.cell_of)


def identity(of: Asked) -> Cells:
    """Every cell of the identity pane."""
    found = {}
    for row in of.view.derive(all_rows, of.cell_of, ""):
        for fact in row.facts:
            found[row.unit, fact.column] = Shown((fact.text, fact.tone, fact.says), _named(*fact.by), _named(row.unit))
    return found


def ports(of: Asked) -> Cells:
    """Every cell of the mTLS pane."""
    found = {}
    for row in of.view.derive(all_ports, of.cell_of, ""):
        for fact in facts(row):
            found[row.unit, row.port, fact.column] = Shown((fact.text, fact.tone, fact.says), _named(*fact.by), _named(row.unit))
    return found


def who_can(of: Asked) -> Cells:
    """Every line of every question about rights."""
    found = {}
    for verb, resource, _ in QUESTIONS:
        lines, _ = of.view.derive(who_can_lines, verb, resource, "", "")
        found.update({(verb, resource, line.key): Shown(_texts(line), _named(*line.by)) for line in lines})
    return found


def mesh(of: Asked) -> Cells:
    """Every line of mesh authorization."""
    roots = {str(root): root for root in workloads(of.view)}
    found = {}
    for line in of.view.derive(mesh_lines, ""):
        unit = roots.get(line.key.removeprefix("calls:"))
        found[(line.key,)] = Shown(_texts(line), _named(*line.by), _named(*([unit] if unit else [])))
    return found


def vault(of: Asked) -> Cells:
    """Every thing of a Vault."""
    found = {}
    for item in of.view.derive(vaults, of.cell_of).items:
        for finding in item.findings:
            by = _named(item.on, *(one.ref for one in finding.evidence))
            found[item.section, item.on, finding.reason.code] = Shown((finding.status, sentence(finding)), by)
        users = item.users if isinstance(item.users, tuple) else ()
        if item.on.kind == "VaultRole":
            says = (item.opens, *((user.unit, user.wide, user.use) for user in users))
            by, about = _named(item.on, *(ref for user in users for ref in user.by)), _named(*(user.unit for user in users))
            found[item.section, item.on, "users"] = Shown(says, by, about)
    return found


def users(of: Asked) -> Cells:
    """Every cell of every user and group."""
    found = {}
    for row in of.view.derive(all_people):
        for fact in row.facts:
            found[row.of.who, fact.column] = Shown((fact.text, fact.tone, fact.says), _named(*fact.by))
    return found


def reach_of(pairs: Iterable[tuple[Ref, Ref]]) -> Callable[[Asked], Cells]:
    """Each side of each port between these workloads."""
    kept = tuple(pairs)

    def shown(of: Asked) -> Cells:
        found = {}
        for src, dst in kept:
            ends = (_place(src), _place(dst))
            for line in of.view.derive(passage_lines, *ends, "", ""):
                found[src, dst, line.key] = Shown(_texts(line), _named(*line.by), _named(src, dst))
        return found

    return shown


PANES: Final[dict[str, Callable[[Asked], Cells]]] = {
    "identity": identity,
    "mtls": ports,
    "who can": who_can,
    "mesh": mesh,
    "vault": vault,
    "users": users,
}


def workloads(view: View) -> Iterator[Ref]:
    """Every workload of the world."""
    for name in view.derive(units.namespace_classes, frozenset()):
        yield from (unit.root for unit in view.derive(units.workloads, name))


def _place(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.kind.lower()}/{ref.name}"


def _texts(line: Line) -> tuple[Any, ...]:
    return tuple((cell.text, cell.tone) for cell in line.cells)


def _named(*refs: Ref) -> frozenset[At]:
    return frozenset(map(at, refs))

"""The identity pane: one line a workload, the most at risk first; a page that tells its whole chain in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ztui.panes.base import Cell, Kept, Line, Tone, cell, prose
from ztui.panes.facts import Fact, unit_name
from ztui.panes.workloads import COLUMNS, Row
from ztui.text import clean, mark_name

TITLES: Final = {
    "account": "account",
    "token": "token",
    "identity": "SPIFFE ID",
    "certificate": "cert",
    "mtls": "mTLS",
    "vault": "Vault roles",
    "rbac": "RBAC reach",
    "image": "image",
    "node": "node",
    "risk": "risk",
}
"""The columns, in the order of a wide terminal."""

_SAYS: Final = {
    "account": "Account",
    "token": "Token",
    "identity": "Identity",
    "certificate": "Certificate",
    "mtls": "Mutual TLS",
    "vault": "Vault",
    "rbac": "Rights",
    "image": "Images",
    "node": "Nodes",
    "risk": "Risk",
}


def identity_lines(rows: Iterable[Row], *, faults_only: bool = False, kept: Kept[Row] | None = None) -> list[Line]:
    """One line a workload; ``kept`` has those that were made before."""
    found = sorted(rows, key=lambda row: (-row.risk.score, row.unit))
    lines = (kept or Kept(identity_line)).lines(found)
    return [line for line in lines if line.status in {"fail", "error"}] if faults_only else lines


def workload_page(row: Row) -> list[Line]:
    """The whole chain of one workload, a sentence a fact, each with the objects that decide."""
    lines = [Line("head", (cell(unit_name(row.unit), "strong"), cell(_about(row), "dim")))]
    for fact in row.facts:
        lines.append(Line(fact.column, (cell(f"{_SAYS[fact.column]}:", "strong"), prose(fact.says, fact.tone))))
        lines += [
            Line(f"{fact.column}:{at}", (prose(f"    by {mark_name(str(ref))}", "dim"),), ref=ref)
            for at, ref in enumerate(fact.by)
        ]
    return lines


def document(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows as data."""
    return [
        {
            "workload": clean(str(row.unit)),
            "namespace": clean(row.unit.namespace),
            "pods": row.live,
            "managed_by": row.manager,
            "risk": {
                "score": row.risk.score,
                "factors": {item.name: None if item.share is None else round(item.points, 1) for item in row.risk.factors},
            },
            **{fact.column: _data(fact) for fact in row.facts if fact.column != "risk"},
        }
        for row in sorted(rows, key=lambda item: item.unit)
    ]


def _data(fact: Fact) -> dict[str, Any]:
    says = clean(fact.says, limit=len(fact.says))
    return {"value": clean(fact.text), "status": fact.tone, "says": says, "by": [clean(str(ref)) for ref in fact.by]}


def identity_line(row: Row) -> Line:
    """The line of one workload."""
    worst = _weakest(row)
    cells = [cell(unit_name(row.unit), "strong")]
    for name in COLUMNS:
        fact = row.fact(name)
        cells.append(_marked(fact) if fact.column == worst else cell(fact.text, fact.tone))
    words = " ".join((str(row.unit), f"sa:{row.account}", f"app:{row.app}", *(fact.text for fact in row.facts)))
    return Line(
        f"unit:{row.unit.kind}:{row.unit.namespace}:{row.unit.name}",
        tuple(cells),
        words=words,
        status=_status(row),
        namespace=row.unit.namespace,
        nodes=row.nodes,
        ref=row.unit,
    )


def _marked(fact: Fact) -> Cell:
    """The weakest link, marked by a sign and not by colour alone."""
    return cell(f"▸{fact.text}", fact.tone)


def _weakest(row: Row) -> str:
    """The column that is worst, risk itself left out; empty where all is well."""
    links = [fact for fact in row.facts if fact.column != "risk"]
    for tone in ("fail", "warn"):
        for name in ("rbac", "vault", "mtls", "identity", "token", "account", "image", "certificate", "node"):
            if any(fact.column == name and fact.tone == tone for fact in links):
                return name
    return ""


def _status(row: Row) -> Tone:
    tones = {fact.tone for fact in row.facts}
    return next((tone for tone in ("fail", "error", "warn", "unknown") if tone in tones), "pass")


def _about(row: Row) -> str:
    return f"{row.unit.kind}, {row.live} {'pod' if row.live == 1 else 'pods'} live, written by {_WRITERS[row.manager]}"


_WRITERS: Final = {"gitops": "GitOps", "operator": "an operator", "helm": "Helm", "direct": "hand"}

"""The risk of a workload: its six factors, each with how much it counts, why, and the objects that decide."""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.board import CellOf
from ztui.checks.base import CheckId, Finding, Status
from ztui.engines.accounts import Power
from ztui.engines.clouds import METADATA_ADDRESS, cloud_by, may_serve
from ztui.engines.isolation import closed_by
from ztui.engines.netrules import FIREWALLS, RULES, RULES_WHERE_SERVED, Direction
from ztui.engines.reach import Spot, outside, reach, rulebook, spot_of
from ztui.engines.reachproof import closing_refs, decision_refs
from ztui.engines.risk import Risk, risk
from ztui.engines.scans import EXPOSURE, EXPOSURE_WHERE_SERVED, SCANS_WHERE_SERVED, exposed_pods, images, ways_in
from ztui.engines.units import Workload
from ztui.kinds.base import Ref
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.openshift import Infrastructure
from ztui.kinds.workload import Node
from ztui.panes.base import Tone
from ztui.panes.facts import Fact, unseen
from ztui.view import Gap, View
from ztui.words import sentence

RIGHTS: Final[dict[str, tuple[Tone, float]]] = {
    "none": ("pass", 0.0),
    "ns-read": ("pass", 0.0),
    "ns-write": ("plain", 0.4),
    "multi-ns": ("warn", 0.4),
    "cluster-read": ("plain", 0.2),
    "cluster-write": ("warn", 0.8),
    "secrets": ("fail", 0.8),
    "admin-path": ("fail", 1.0),
}
"""What to think of a level of rights, and its share of the risk."""

_PRIVILEGE: Final = {Status.FAIL: 1.0, Status.WARN: 0.4, Status.PASS: 0.0, Status.NA: 0.0}
_HIGH: Final = 60
_SOME: Final = 30


class Told(msgspec.Struct, frozen=True):
    """One factor: its share (``None``: nobody can see it), why in raw words, and the objects that decide."""

    share: float | None
    why: str = ""
    by: tuple[Ref, ...] = ()


Reports = tuple[dict[str, int], tuple[Ref, ...]]
"""Weaknesses that a newer version mends, by how bad they are, and the reports that tell them."""


def risk_of(
    view: View, cell_of: CellOf, unit: Workload, rights: Power | Gap, reports: Reports | None, facts: tuple[Fact, ...]
) -> tuple[Risk, Fact]:
    """The risk of a workload, and the fact that tells it; ``facts`` are its other ones, by which identity is weighed."""
    by_column = {item.column: item for item in facts}
    spots = _spots(view, unit)
    told = {
        "exposure": _exposure(view, unit, spots),
        "privilege": _privilege(cell_of(view, CheckId("ZT2-NODE-005"), unit.root.namespace), unit.root),
        "rbac": _rbac(rights, by_column["rbac"].text),
        "vuln": _vuln(reports),
        "identity": _identity(unit, by_column["identity"]),
        "network": _network(view, unit, spots),
    }
    found = risk(**{name: item.share for name, item in told.items()})
    tone: Tone = "fail" if found.score >= _HIGH else "warn" if found.score >= _SOME else "pass"
    parts = (
        f"{item.name} {item.points:.0f}{'?' if item.share is None else ''}"
        + (f" ({told[item.name].why})" if told[item.name].why else "")
        for item in found.factors
    )
    says = f"{found.score} of 100, most by {found.weakest or 'nothing'}: {'; '.join(parts)}"
    by = tuple(dict.fromkeys(ref for item in told.values() for ref in item.by))
    return found, Fact("risk", f"{found.score}{'?' if found.blind else ''} {found.weakest}".strip(), tone, says, by)


def weaknesses(view: View, unit: Workload) -> Reports | None:
    """Critical and high weaknesses that a newer version mends, and who reports them; ``None`` where an image has no report."""
    if unseen(view, (), SCANS_WHERE_SERVED, unit.root.namespace) is not None:
        return None
    mine = {pod.name for pod in unit.pods}
    reports = [item.report for item in view.derive(images, unit.root.namespace) if mine & {pod.name for pod in item.pods}]
    if not reports or any(item is None for item in reports):
        return None
    told = [report for report in reports if report is not None]
    found = {(item.id, item.severity.upper() == "HIGH") for report in told for item in report.severe}
    counts = {"critical": sum(not high for _, high in found), "high": sum(high for _, high in found)}
    return counts, tuple(dict.fromkeys(report.ref for report in told))


def _exposure(view: View, unit: Workload, spots: list[Spot]) -> Told:
    place = unit.root.namespace
    if unseen(view, EXPOSURE, EXPOSURE_WHERE_SERVED, place) is not None:
        return Told(None)
    first = next((pod for pod in unit.pods if pod.name in view.derive(exposed_pods, place)), None)
    if first is not None:
        by = next(refs for selector, refs in view.derive(ways_in, place) if selector.items() <= first.labels.items())
        return Told(1.0, f"{by[0]} leads to it", by)
    if unseen(view, (NetworkPolicy,), (), place) is not None:
        return Told(None)
    closing = _closing(view, spots, "ingress")
    return Told(0.2, f"{closing[0]} closes it", closing) if closing else Told(0.5, "no policy closes it")


def _privilege(cell: object, root: Ref) -> Told:
    findings: tuple[Finding, ...] = getattr(cell, "findings", ())
    found = next((item for item in findings if item.on == root), None)
    share = _PRIVILEGE.get(found.status) if found is not None else None
    if found is None or share is None:
        return Told(None)
    by = tuple(dict.fromkeys(item.ref for item in found.evidence if item.ref.kind != "Pod"))
    return Told(share, sentence(found) if share else "", by)


def _rbac(rights: Power | Gap, words: str) -> Told:
    if isinstance(rights, Gap):
        return Told(None)
    named = ", ".join(map(str, rights.by))
    return Told(RIGHTS[rights.level][1], f"{words} by {named}" if named else "", rights.by)


def _vuln(found: Reports | None) -> Told:
    if found is None:
        return Told(None)
    counts, by = found
    told = f"{counts['critical']} critical, {counts['high']} high" if counts["critical"] or counts["high"] else ""
    return Told(1.0 if counts["critical"] else 0.5 if counts["high"] else 0.0, told, by)


def _identity(unit: Workload, identity: Fact) -> Told:
    default, unproven = unit.account == "default", identity.tone != "pass"
    why = f"{'the default account and ' if default else ''}identity {identity.text}"
    return Told(0.6 * default + 0.4 * unproven, why, identity.by)


def _network(view: View, unit: Workload, spots: list[Spot]) -> Told:
    """Half where nothing closes its ways out, and half where it gets to the credentials that a cloud serves to its nodes."""
    if unseen(view, (*RULES, Node), (*RULES_WHERE_SERVED, *FIREWALLS, Infrastructure), unit.root.namespace) is not None:
        return Told(None)
    closing = _closing(view, spots, "egress")
    words = [f"{closing[0]} closes its ways out" if closing else "no policy closes its ways out"]
    platform, told_by = view.derive(cloud_by)
    named = [*closing, *([told_by] if told_by is not None else [])]
    served = False
    if may_serve(platform):
        book, target = rulebook(view, unit.root.namespace, outside=True), outside(METADATA_ADDRESS)
        ways = [(spot, reach(book, spot, target, "TCP", 80).egress) for spot in spots]
        served = any(way.allowed for _, way in ways)
        for spot, way in ways:
            named += decision_refs(view, way, "egress", spot, target) if way.allowed == served else ()
        words.append(f"it may ask {METADATA_ADDRESS}" if served else f"{METADATA_ADDRESS} is out of reach")
    return Told(0.5 * (not closing) + 0.5 * served, ", ".join(words), tuple(dict.fromkeys(named)))


def _closing(view: View, spots: list[Spot], direction: Direction) -> tuple[Ref, ...]:
    """The policies that close its pods in a direction, and what makes these their subject; empty where one is left open."""
    found = [(spot, closed_by(view, spot, direction)) for spot in spots]
    if any(by is None for _, by in found):
        return ()
    return tuple(dict.fromkeys(ref for spot, by in found if by is not None for ref in closing_refs(view, by, spot)))


def _spots(view: View, unit: Workload) -> list[Spot]:
    """Its pods as rules see them, those with the same labels once."""
    alike = {(id(pod.metadata.labels), pod.spec.host_network): pod for pod in reversed(unit.pods)}
    return [spot_of(view, pod) for pod in alike.values()]

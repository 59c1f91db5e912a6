"""The page of one port: what is said of it, who may reach it, how each of them connects, and whom STRICT would cut off."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ztui.board import CellOf
from ztui.engines import units
from ztui.engines.mtls import inbound
from ztui.engines.mtls_clients import CLIENTS, WORST, Client, Outcome, client, outcome, target_port
from ztui.engines.netrules import RULES, RULES_WHERE_SERVED
from ztui.engines.reach import PLACES_WHERE_SERVED, reach, rulebook, spot_of
from ztui.engines.units import Workload
from ztui.kinds.base import CLUSTER, Kind, Ref
from ztui.kinds.mesh import DestinationRule
from ztui.kinds.network import Service, ServicePort
from ztui.kinds.workload import Namespace, Pod
from ztui.panes.base import Line, Tone, cell, prose
from ztui.panes.facts import mesh_unseen, unit_name, unseen
from ztui.panes.mtls import PortRow, facts, ports_in
from ztui.text import mark_name
from ztui.view import Gap, View
from ztui.words import gap_text

OUTCOMES: Final[dict[Outcome, Tone]] = {"secure": "pass", "unenforced": "warn", "plaintext": "fail", "broken": "error"}
HOW: Final = {"mtls": "mutual TLS", "tls": "TLS of its own", "plain": "plaintext"}
TELLS: Final = {
    "enrolment": "Enrolment:",
    "accepts": "Accepts:",
    "seen": "Seen:",
    "plaintext": "Plaintext:",
    "by hour": "Plaintext by hour:",
    "callers": "Callers:",
    "waypoint": "Waypoint:",
}

_CALLERS: Final[tuple[type[Kind], ...]] = (*CLIENTS, *RULES, Namespace)
_CALLERS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (DestinationRule, *RULES_WHERE_SERVED, *PLACES_WHERE_SERVED)


class Caller(msgspec.Struct, frozen=True):
    """One workload that network policies let reach the port: how it connects, and what comes of it, now and under STRICT.

    ``since`` is from when on at least: the day of the rule that decides, else that of its oldest pod. ``by`` are the objects that
    decide: policies that let it through, the Service by which it calls, the rule of the mesh for it.
    """

    unit: Ref
    how: Client
    now: Outcome
    under_strict: Outcome
    since: datetime | None = None
    by: tuple[Ref, ...] = ()


class PortPage(msgspec.Struct, frozen=True):
    """One port with its callers; ``row`` is ``None`` where it is gone, ``gap`` says why there may be other callers and ways."""

    row: PortRow | None = None
    callers: tuple[Caller, ...] = ()
    gap: Gap | None = None


def callers_of(view: View, cell_of: CellOf, unit: Ref, port: int) -> tuple[Caller, ...]:
    """Every workload that may open a connection to the port, worst first. Reads the whole cluster: for one port, on request."""
    del cell_of
    target = next((item for item in view.derive(units.workloads, unit.namespace) if item.root == unit), None)
    if target is None:
        return ()
    service = _service(view, target, port)
    called = inbound(view, target.pods[0], port)
    found = []
    for name in view.derive(units.namespace_classes, frozenset()):
        for other in view.derive(units.workloads, name):
            if other.root == unit:
                continue
            pod, server = _nearest(other, target)
            way = reach(rulebook(view, name, unit.namespace), spot_of(view, pod), spot_of(view, server), "TCP", port)
            if not way.allowed:
                continue
            how = client(view, pod, *service, target.pods) if service else Client("plain")
            named = (way.egress.by, way.ingress.by, service[0].ref if service else None, how.rule.ref if how.rule else None)
            by = tuple(dict.fromkeys(ref for ref in (*named, called.by) if ref is not None))
            now, then = outcome(called.mode, how.how), outcome("STRICT", how.how)
            found.append(Caller(other.root, how, now, then, _since(other, how), by))
    return tuple(sorted(found, key=lambda item: (WORST.index(item.now), item.unit)))


def _nearest(caller: Workload, called: Workload) -> tuple[Pod, Pod]:
    """A pod of each; on a host network two of one node, if there are: a node gets to its own pods past any policy."""
    if caller.pods[0].spec.host_network:
        homes = {pod.spec.node_name: pod for pod in reversed(called.pods) if pod.spec.node_name}
        for pod in caller.pods:
            if pod.spec.node_name in homes:
                return pod, homes[pod.spec.node_name]
    return caller.pods[0], called.pods[0]


def port_of(view: View, cell_of: CellOf, unit: Ref, port: int) -> PortPage:
    """One port, and who can reach it."""
    found = next((row for row in view.derive(ports_in, cell_of, unit.namespace) if (row.unit, row.port) == (unit, port)), None)
    if found is None:
        return PortPage()
    gap = mesh_unseen(view, unit.namespace) or unseen(view, _CALLERS, _CALLERS_WHERE_SERVED, CLUSTER)
    return PortPage(found, view.derive(callers_of, cell_of, unit, port), gap)


def port_page(page: PortPage) -> list[Line]:
    """Everything about one port in sentences; empty where it is gone."""
    row, found = page.row, page.callers
    if row is None:
        return []
    lines = [Line("head", (cell(f"{unit_name(row.unit)} port {row.port}", "strong"), cell(row.unit.kind, "dim")))]
    for fact in facts(row):
        lines.append(_told(fact.column, TELLS[fact.column], fact.says, fact.tone))
        lines += [
            Line(f"{fact.column}:{at}", (prose(f"    by {mark_name(str(ref))}", "dim"),), ref=ref)
            for at, ref in enumerate(fact.by)
        ]
    lines.append(_told("strict", "STRICT:", *_strict(row, page)))
    counts = ", ".join(f"{count} {name}" for name in WORST if (count := sum(item.now == name for item in found)))
    lines.append(Line("callers", (cell(f"Who can reach it by network policy: {counts or 'nobody'}", "strong"),)))
    if page.gap is not None:
        lines.append(Line("blind", (prose(f"not all is known of who else can, and how: {gap_text(page.gap)}", "unknown"),)))
    lines += [
        Line(
            f"caller:{item.unit.kind}:{item.unit.namespace}:{item.unit.name}",
            (
                cell("   "),
                cell(f"{item.now:<10}", outcome_tone(item, page.gap)),
                cell(unit_name(item.unit)),
                cell(_how(item), "dim"),
            ),
            ref=item.unit,
            by=item.by,
        )
        for item in found
    ]
    return lines


def outcome_tone(item: Caller, gap: Gap | None) -> Tone:
    """What to think of how a caller comes in: a rule that is not seen could undo what is good, and nothing that is bad."""
    return "unknown" if gap is not None and item.now == "secure" else OUTCOMES[item.now]


def _since(unit: Workload, how: Client) -> datetime | None:
    oldest = min((at for pod in unit.pods if (at := pod.created)), default=None)
    return max((at for at in (oldest, how.rule.created if how.rule is not None else None) if at), default=None)


def _service(view: View, target: Workload, port: int) -> tuple[Service, ServicePort] | None:
    """The Service by which a port is called; the first by name."""
    pod = target.pods[0]
    for service in sorted(view.within(Service, pod.namespace), key=lambda item: item.name):
        if service.spec.selector and service.spec.selector.items() <= pod.labels.items():
            for item in service.spec.ports or ():
                if target_port(item, pod) == port:
                    return service, item
    return None


def _strict(row: PortRow, page: PortPage) -> tuple[str, Tone]:
    """What STRICT would break here, before anybody presses a key."""
    if row.state == "none":
        return "changes nothing here: take the workload into the mesh first", "dim"
    if row.is_apart:
        return "changes nothing here: no mesh stands before this port", "dim"
    broken = [item for item in page.callers if item.under_strict == "broken"]
    if row.in_force:
        words = f"is in force; {len(broken)} who can reach it would be refused"
    elif broken:
        more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
        names = ", ".join(unit_name(item.unit) for item in broken[:5])
        words = f"would cut off {len(broken)} who can reach it in plaintext: {names}{more}"
    elif row.plain.callers:
        words = "would cut off those who called it in plaintext"
    else:
        words = "would cut nobody off of those who can reach it"
    known = {(item.unit.namespace, item.unit.name) for item in page.callers}
    others = [item for item in row.plain.callers if (item.namespace, item.name) not in known]
    if others:  # what was counted is true, whatever policies say of it now
        names = ", ".join(f"{item.namespace}/{mark_name(item.name)}" for item in others)
        words += f"; and, though no policy lets them in now, who was counted: {names}"
    if page.gap is not None:
        return f"{words}; whom else it would, cannot be told: {gap_text(page.gap)}", "unknown"
    return words, "pass" if row.in_force or not (broken or row.plain.callers) else "warn"


def _how(item: Caller) -> str:
    says = HOW[item.how.how]
    since = f", since {item.since:%Y-%m-%d %H:%M} at least" if item.since is not None else ""
    return (f"{says}, by {item.how.rule.ref}" if item.how.rule is not None else says) + since


def _told(key: str, title: str, words: str, tone: Tone) -> Line:
    return Line(key, (cell(title, "strong"), prose(words, tone)))

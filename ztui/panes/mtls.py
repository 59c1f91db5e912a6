"""The mTLS pane: one line a workload and port: is it in the mesh, what does it accept and by which object, what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ztui.board import CellOf
from ztui.engines import units
from ztui.engines.meshcalls import Calls, calls_in
from ztui.engines.mtls import Enrolment, Inbound, container_ports, expected_by, inbound, is_enrolled, observed
from ztui.engines.plaintext import SEEN_CALLS, Hours, Plaintext, hours, plaintext
from ztui.engines.units import Workload
from ztui.engines.waypoints import Waypoint, waypoints
from ztui.kinds.base import Ref
from ztui.kinds.measured import HourTraffic, TrafficSecurity
from ztui.panes.base import Cell, Kept, Line, Tone, cell
from ztui.panes.facts import (
    Fact,
    calls_unseen,
    mesh_unseen,
    one_of_each,
    shown_namespaces,
    unit_name,
    unseen,
    waypoints_unseen,
)
from ztui.panes.plain import hours_document, hours_fact, plain_document, plain_fact, waypoint_fact
from ztui.text import clean
from ztui.view import Gap, View
from ztui.words import gap_text

TITLES: Final = (
    "workload",
    "port",
    "enrolment",
    "accepts",
    "decided by",
    "seen in an hour",
    "plaintext from",
    "plaintext in 24 hours",
    "callers allowed",
)

ANYBODY: Final = "anybody"
ENOUGH: Final = 20
"""Fewer requests and connections than this tell nothing."""

_TONES: Final[dict[str, Tone]] = {"STRICT": "pass", "PERMISSIVE": "warn", "DISABLE": "fail", "PLAINTEXT": "fail"}
_SAYS: Final = {
    "STRICT": "accepts only mutual TLS",
    "PERMISSIVE": "accepts mutual TLS and plaintext",
    "DISABLE": "accepts plaintext, and no mutual TLS",
    "PLAINTEXT": "accepts plaintext: no mesh stands before it",
}


class Traffic(msgspec.Struct, frozen=True):
    """What one workload was sent in the last hour: calls, and the lower of the shares of requests and connections."""

    calls: float
    share: float | None
    by: Ref


class PortRow(msgspec.Struct, frozen=True):
    """One port of one workload; a gap stands where something could not be read. Texts are raw until they become cells.

    ``asking`` are the objects besides its pods that ask for a mesh before it. ``plain`` is how it was called in the last day, as
    far as ``plain_gap`` lets that be known, and ``hours`` the same by the hour; ``passes`` are the waypoints before it, ``None``
    where these are no matter.
    """

    unit: Ref
    port: int
    app: str
    state: Enrolment
    wanted: Enrolment
    asking: tuple[Ref, ...]
    accepts: Inbound | Gap
    seen: Traffic | Gap | None
    may: Calls | Gap
    nodes: tuple[str, ...] = ()
    plain: Plaintext = Plaintext()
    plain_gap: Gap | None = None
    hours: Hours = Hours()
    hours_gap: Gap | None = None
    passes: tuple[Waypoint, ...] | Gap | None = None

    @property
    def key(self) -> str:
        """Stays the same for the same port."""
        return f"port:{self.unit.kind}:{self.unit.namespace}:{self.unit.name}:{self.port}"

    @property
    def in_force(self) -> bool:
        """Whether only mutual TLS gets in."""
        return isinstance(self.accepts, Inbound) and self.accepts.mode == "STRICT"

    @property
    def is_apart(self) -> bool:
        """Whether the workload is in the mesh, and this port of it is not: what the mesh counts is of its other ports."""
        return self.state != "none" and not self.counted

    @property
    def counted(self) -> bool:
        """Whether a mesh stands before the port, and so counts what comes to it."""
        return isinstance(self.accepts, Gap) or self.accepts.mode != "PLAINTEXT"


def all_ports(view: View, cell_of: CellOf, only: str = "") -> tuple[PortRow, ...]:
    """The rows of every namespace that is not the platform's own, or of one."""
    return tuple(row for name in shown_namespaces(view, only) for row in view.derive(ports_in, cell_of, name))


def ports_in(view: View, cell_of: CellOf, namespace: str) -> tuple[PortRow, ...]:
    """The rows of one namespace, by workload and port."""
    del cell_of
    found = view.derive(units.workloads, namespace)
    alike = ((one_of_each(unit), unit.nodes) for unit in found)
    return tuple(_row(view, unit, port, nodes) for unit, nodes in alike for port in container_ports(unit.pods))


def mtls_lines(rows: Iterable[PortRow], *, faults_only: bool = False, kept: Kept[PortRow] | None = None) -> list[Line]:
    """One line a port; ``kept`` has those that were made before."""
    lines = (kept or Kept(port_line)).lines(rows)
    return [line for line in lines if line.status in {"fail", "warn"}] if faults_only else lines


def facts(row: PortRow) -> tuple[Fact, ...]:
    """What is said of a port, each with the objects that decide: what it accepts, what was seen, who calls, who may call."""
    plain = plain_fact(unit_name(row.unit), row.plain, row.plain_gap, counted=row.counted, apart=row.is_apart)
    by_hour = hours_fact(row.hours, row.hours_gap, counted=row.counted)
    through = (waypoint_fact(row.passes),) if row.passes is not None else ()
    return _enrolment(row), _accepts(row), _seen(row), plain, by_hour, _may(row), *through


def document(rows: Iterable[PortRow]) -> list[dict[str, Any]]:
    """The rows as data."""
    return [
        {
            "workload": clean(str(row.unit)),
            "namespace": clean(row.unit.namespace),
            "port": row.port,
            "enrolment": row.state,
            "expected": row.wanted,
            "mode": None if isinstance(row.accepts, Gap) else row.accepts.mode,
            "by": clean(str(row.accepts.by)) if isinstance(row.accepts, Inbound) and row.accepts.by else None,
            "says": clean(_accepts(row).says),
            "seen": clean(_seen(row).says),
            "plaintext": plain_document(row.plain, row.plain_gap, counted=row.counted),
            "plaintext_by_hour": hours_document(row.hours, row.hours_gap, counted=row.counted),
            "waypoints": None if isinstance(row.passes, Gap) else [clean(f"{at.namespace}/{at.name}") for at in row.passes or ()],
            "callers": None if isinstance(row.may, Gap) else [clean(who) for who in _callers(row.may)],
        }
        for row in rows
    ]


def _row(view: View, unit: Workload, port: int, nodes: tuple[str, ...]) -> PortRow:
    place = unit.root.namespace
    pod = next((item for item in unit.pods if not is_enrolled(item)), unit.pods[0])
    worst = max((inbound(view, item, port) for item in unit.pods), key=lambda found: list(_TONES).index(found.mode))
    gap = mesh_unseen(view, place)
    blind = calls_unseen(view, place)
    wanted, asking = expected_by(view, pod)
    state = observed(pod)
    return PortRow(
        unit.root,
        port,
        unit.app,
        state,
        wanted,
        asking,
        gap if gap is not None and worst.mode != "PLAINTEXT" else worst,
        _traffic(view, unit),
        blind if blind is not None else _calls_of(view, unit),
        nodes,
        plaintext(view, unit.root),
        unseen(view, SEEN_CALLS, (), place),
        hours(view, unit.root),
        unseen(view, (HourTraffic,), (), place),
        (waypoints_unseen(view, place) or waypoints(view, unit)) if state == "ambient" else None,
    )


def _traffic(view: View, unit: Workload) -> Traffic | Gap | None:
    gap = unseen(view, (TrafficSecurity,), (), unit.root.namespace)
    if gap is not None:
        return gap
    found = view.get(TrafficSecurity, unit.root.name, unit.root.namespace)
    if found is None:
        return None
    pairs = [(mutual, total) for mutual, total in ((found.http_mutual, found.http), (found.tcp_mutual, found.tcp)) if total > 0]
    share = min((mutual / total for mutual, total in pairs), default=None)
    return Traffic(found.http + found.tcp, share, found.ref)


def port_line(row: PortRow) -> Line:
    """The line of one port."""
    enrolment, accepts, seen, plain, by_hour, may, *_ = told = facts(row)
    decides = row.accepts.by if isinstance(row.accepts, Inbound) else None
    return Line(
        row.key,
        (
            cell(unit_name(row.unit), "strong"),
            cell(str(row.port)),
            _cell(enrolment),
            _cell(accepts),
            cell(str(decides) if decides else "–", "dim"),
            _cell(seen),
            _cell(plain),
            _cell(by_hour),
            _cell(may),
        ),
        words=f"{row.unit} app:{row.app} {enrolment.text} {accepts.text} {seen.text} {plain.text}",
        status="fail" if accepts.tone == "fail" else "warn" if accepts.tone in {"warn", "unknown"} else "pass",
        namespace=row.unit.namespace,
        nodes=row.nodes,
        ref=row.unit,
        by=tuple(dict.fromkeys(ref for item in told for ref in item.by)),
    )


def _cell(fact: Fact) -> Cell:
    return cell(fact.text, fact.tone)


def _enrolment(row: PortRow) -> Fact:
    if row.wanted != "none" and row.state in {"none", "ambient-pending"}:
        says = f"is {row.state}, and its labels ask for {row.wanted}"
        return Fact("enrolment", f"{row.state}, not {row.wanted}", "warn", says, row.asking)
    if row.state != "none":
        return Fact("enrolment", row.state, "pass", f"is in the mesh: {row.state}")
    return Fact("enrolment", row.state, "dim", "is in no mesh, and nothing asks for it", row.asking)


def _accepts(row: PortRow) -> Fact:
    if isinstance(row.accepts, Gap):
        return Fact("accepts", "?", "unknown", f"cannot be seen: {gap_text(row.accepts)}")
    mode, by = row.accepts.mode, row.accepts.by
    notes = f" ({', '.join(row.accepts.notes)})" if row.accepts.notes else ""
    decided = f", decided by {by}" if by is not None else ""
    return Fact("accepts", mode.lower(), _TONES[mode], f"{_SAYS[mode]}{notes}{decided}", (by,) if by else ())


def _seen(row: PortRow) -> Fact:
    seen = row.seen
    if isinstance(seen, Gap):
        return Fact("seen", "?", "unknown", f"what it is sent is not measured: {gap_text(seen)}")
    if row.is_apart or (not row.counted and (seen is None or seen.share is None)):
        return Fact("seen", "not counted", "unknown", "no mesh stands before it, so nobody counts what it is sent")
    if seen is None or seen.share is None:
        by = (seen.by,) if seen is not None else ()
        return Fact("seen", "no calls", "dim", "nothing called it in the last hour, as far as the mesh counts", by)
    if seen.calls < ENOUGH:
        return Fact("seen", "few calls", "dim", f"{seen.calls:.0f} calls in the last hour are too few to tell", (seen.by,))
    tone: Tone = "pass" if seen.share >= 0.999 else "warn" if seen.share >= 0.95 else "fail"
    says = f"{seen.share:.1%} of {seen.calls:,.0f} calls in the last hour came over mutual TLS"
    return Fact("seen", f"{seen.share:.1%} mutual", tone, says, (seen.by,))


def _may(row: PortRow) -> Fact:
    if isinstance(row.may, Gap):
        return Fact("callers", "?", "unknown", f"cannot be seen: {gap_text(row.may)}")
    if row.state == "none":
        return Fact("callers", "–", "dim", "no policy of the mesh asks who calls")
    text = ", ".join(_callers(row.may))
    if row.may.closed_by is None:
        dry = f"; {row.may.dry[0]} only reports" if row.may.dry else ""
        says = f"no AuthorizationPolicy closes it: every identity may call{dry}"
        return Fact("callers", text, "fail", says, row.may.dry[:1])
    by, named = row.may.closing, ", ".join(map(str, row.may.closing))
    if any(item.who == ANYBODY for item in row.may.allows):
        return Fact("callers", text, "fail", f"{named} lets anybody call", by)
    if row.may.past:
        return Fact("callers", text, "warn", f"{text} ({named}), asked at a waypoint alone: who goes past it is not asked", by)
    return Fact("callers", text, "pass", f"{text} ({named})", by)


def _callers(may: Calls) -> Sequence[str]:
    named = tuple(dict.fromkeys(item.who for item in may.allows))
    return named or (("nobody",) if may.closed_by else (ANYBODY,))


def _calls_of(view: View, unit: Workload) -> Calls:
    """Who may call a workload, as the mesh says; without a mesh nothing does."""
    found = view.derive(calls_in, unit.root.namespace)
    return next((item for item in found if item.unit == unit.root), Calls(unit.root, "none"))

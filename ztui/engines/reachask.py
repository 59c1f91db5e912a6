"""Can A reach B on this port: the two ends by the names that people use, and each side's answer with what decides it.

A side that is known to deny is an answer, whatever else could not be read: what is unseen there could only allow less. A side
whose rules are not whole is unknown, unless it is the other side that denies.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, Literal

import msgspec

from ztui.engines.marks import (
    ANY_PORT,
    REACH,
    REACH_WHERE_SERVED,
    UNNAMED,
    Door,
    GapNote,
    doors_of,
    gap_in,
    members_in,
    rules_gap,
)
from ztui.engines.mtls_clients import target_port
from ztui.engines.netrules import FIREWALLS, Direction
from ztui.engines.reach import Decision, Reach, Rulebook, Spot, outside, reach, rulebook, spot_of
from ztui.engines.units import WORKLOADS, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.network import Service, ServicePort
from ztui.kinds.workload import Namespace, Pod
from ztui.view import Gap, View, Why

CAN_REACH: Final[tuple[type[Kind], ...]] = (*REACH, Service)
CAN_REACH_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*REACH_WHERE_SERVED, *FIREWALLS)

Answer = Literal["ALLOWED", "PARTLY", "DENIED", "UNKNOWN"]
_SHORT: Final = {
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "svc": "service",
    "po": "pod",
    "rs": "replicaset",
}


class End(msgspec.Struct, frozen=True):
    """One end as it was asked for: the pods that it means, or an address outside. ``gap`` says why its pods are not known."""

    name: str
    namespace: str = ""
    ref: Ref | None = None
    spots: tuple[Spot, ...] = ()
    pods: tuple[Pod, ...] = ()
    service: Service | None = None
    gap: GapNote | None = None


class Side(msgspec.Struct, frozen=True):
    """What one direction says. Without a decision it could not be told, and ``gap`` says why."""

    decision: Decision | None = None
    gap: GapNote | None = None

    @property
    def denies(self) -> bool:
        """Whether this side alone settles it."""
        return self.decision is not None and not self.decision.allowed


class Passage(msgspec.Struct, frozen=True):
    """The answer for one port. ``pairs`` of ``of`` pairs of different pods may connect."""

    door: Door
    answer: Answer
    egress: Side
    ingress: Side
    notes: tuple[str, ...] = ()
    pairs: int = 0
    of: int = 0


class NoSuchEndError(LookupError):
    """Nothing is known by that name, or several things are; the message says so in raw text."""


def end_of(view: View, text: str, namespace: str = "") -> End:
    """What ``NAMESPACE/WORKLOAD``, ``NAMESPACE/KIND/NAME`` or an address means. Raises NoSuchEndError."""
    if _is_address(text):
        return End(text, spots=(outside(text),))
    parts = [part for part in text.split("/") if part]
    if len(parts) == 1 and namespace:
        parts = [namespace, *parts]
    if not 2 <= len(parts) <= 3:
        raise NoSuchEndError(f"{text!r} is no NAMESPACE/WORKLOAD, no NAMESPACE/KIND/NAME and no address")
    place, kind, name = (parts[0], "", parts[1]) if len(parts) == 2 else parts
    kind = _SHORT.get(kind.lower(), kind.lower())
    if view.get(Namespace, place) is None and view.gap(Namespace) is None:
        raise NoSuchEndError(f"there is no namespace {place}")
    gap = gap_in(view, (Pod,), place)
    if gap is not None:
        return End(text, place, gap=gap)
    return _named(view, place, kind, name)


def passages(view: View, src: End, dst: End, doors: Iterable[Door]) -> tuple[Passage, ...]:
    """The answer for each port; those of a Service are its own and become those of its pods."""
    book = rulebook(view, src.namespace, dst.namespace, outside=True)
    return tuple(_passage(view, src, dst, door, book) for door in doors)


def doors_to_ask(dst: End, port: str) -> tuple[Door, ...]:
    """The ports of a question: the one that is given (``5432``, ``53/udp``), or all that the called end has."""
    if port:
        number, _, protocol = port.partition("/")
        if not number.isdigit() or not 0 < int(number) < 65_536 or protocol.upper() not in {"", "TCP", "UDP", "SCTP"}:
            raise NoSuchEndError(f"{port!r} is no port: a number, or one with its protocol as in 53/udp")
        return (Door(protocol.upper() or "TCP", int(number)),)
    if dst.service is not None:
        found = {Door(item.protocol or "TCP", item.port) for item in dst.service.spec.ports or ()}
    else:
        found = {door for pod in dst.pods for door in doors_of(pod)}
    return tuple(sorted(found)) or (Door("TCP", ANY_PORT),)


def _passage(view: View, src: End, dst: End, door: Door, book: Rulebook) -> Passage:
    gap = src.gap or dst.gap
    if gap is not None:
        return Passage(door, "UNKNOWN", Side(gap=gap), Side(gap=gap))
    found = [reach(book, caller, called, door.protocol, port) for caller, called, port in _pairs(view, src, dst, door)]
    gaps = (_egress_gap(view, src, dst, found), rules_gap(view, dst.namespace) if dst.namespace else None)
    denied = [item for item in found if not item.allowed]
    settled = [item for item in denied if _side(item, "egress", gaps[0]).denies or _side(item, "ingress", gaps[1]).denies]
    shown = (settled or denied or found)[0]
    egress, ingress = _side(shown, "egress", gaps[0]), _side(shown, "ingress", gaps[1])
    answer: Answer = "PARTLY" if 0 < len(denied) < len(found) else "DENIED" if denied else "ALLOWED"
    if len(settled) < len(found) and _is_blind(found, gaps):
        answer = "UNKNOWN"
    notes = tuple(dict.fromkeys(note for item in found for note in item.notes))
    return Passage(door, answer, egress, ingress, notes, len(found) - len(denied), len(found))


def _is_blind(found: list[Reach], gaps: tuple[GapNote | None, GapNote | None]) -> bool:
    """Whether a gap really hides a side of some pair: of a pod that no rule can be about, nothing is hidden."""
    return any(_side(item, "egress", gaps[0]).gap or _side(item, "ingress", gaps[1]).gap for item in found)


def _side(found: Reach, direction: Direction, gap: GapNote | None) -> Side:
    decision = found.egress if direction == "egress" else found.ingress
    return Side(decision) if gap is None or decision.tier in {"exempt", "network"} else Side(gap=gap)


def _egress_gap(view: View, src: End, dst: End, found: list[Reach]) -> GapNote | None:
    if not src.namespace:
        return None
    gap = rules_gap(view, src.namespace)
    if gap is None and not dst.namespace:
        gap = gap_in(view, FIREWALLS, src.namespace)
    if gap is None and any("unknown-dns" in item.notes for item in found):
        gap = ("rules by domain name", Gap(Why.PARTIAL, "which names an address has is not known here"))
    return gap


def _pairs(view: View, src: End, dst: End, door: Door) -> list[tuple[Spot, Spot, int]]:
    """Callers, called and the port of the called: one pod for all that no rule tells apart."""
    by_node = any(spot.host for spot in src.spots)
    found = []
    for caller in _different(view, src, by_node=by_node):
        for called in _different(view, dst, by_node=by_node):
            port = _port_of(dst, called, door)
            # Pods of one workload talk to each other, not each to itself.
            other = msgspec.structs.replace(called, key=f"{called.key}/") if len(dst.spots) > 1 else called
            if port:
                found.append((caller, other, port))
    if not found:
        raise NoSuchEndError(f"no pod behind {dst.name} has the port {door}")
    return found


def _different(view: View, end: End, *, by_node: bool) -> list[Spot]:
    if not end.pods:
        return list(end.spots)
    marks = {name: item.mark for item in view.derive(members_in, end.namespace) for name in item.pods}
    kept: dict[object, Spot] = {}
    for pod, spot in zip(end.pods, end.spots, strict=True):
        node = pod.spec.node_name if by_node or spot.host else ""
        kept.setdefault((marks.get(pod.name, pod.name), node), spot)
    return list(kept.values())


def _port_of(dst: End, called: Spot, door: Door) -> int:
    """The port of the pod; behind a Service the one that its port leads to, 0 where there is none."""
    if dst.service is None:
        return door.port or UNNAMED
    pod = dst.pods[dst.spots.index(called)]
    return next((target_port(item, pod) for item in _ports_of(dst.service) if Door(item.protocol or "TCP", item.port) == door), 0)


def _ports_of(service: Service) -> tuple[ServicePort, ...]:
    return service.spec.ports or ()


def _named(view: View, place: str, kind: str, name: str) -> End:
    units = [unit for unit in view.derive(workloads, place) if unit.root.name == name and kind in {"", unit.root.kind.lower()}]
    if len(units) > 1:
        told = ", ".join(f"{place}/{unit.root.kind.lower()}/{name}" for unit in units)
        raise NoSuchEndError(f"{place}/{name} could be {told}")
    if units:
        root = units[0].root
        return _end(view, f"{place}/{root.kind.lower()}/{name}", root, units[0].pods)
    if kind in {"", "service"} and (service := view.get(Service, name, place)) is not None:
        return _behind(view, service)
    pod = view.get(Pod, name, place) if kind in {"", "pod"} else None
    if pod is not None and pod.is_live:
        return _end(view, f"{place}/pod/{name}", pod.ref, (pod,))
    gap = gap_in(view, (*WORKLOADS, Service), place)
    if gap is not None:
        return End(f"{place}/{name}", place, gap=gap)
    raise NoSuchEndError(f"nothing that runs in {place} is called {kind}{' ' if kind else ''}{name}")


def _behind(view: View, service: Service) -> End:
    wanted = (service.spec.selector or {}).items()
    live = (pod for pod in view.within(Pod, service.namespace) if pod.is_live)
    pods = tuple(pod for pod in live if wanted and wanted <= pod.labels.items())
    if not pods:
        raise NoSuchEndError(f"service {service.namespace}/{service.name} has no live pods behind it")
    found = _end(view, f"{service.namespace}/service/{service.name}", service.ref, pods)
    return msgspec.structs.replace(found, service=service)


def _end(view: View, name: str, ref: Ref, pods: tuple[Pod, ...]) -> End:
    return End(name, ref.namespace, ref, tuple(spot_of(view, pod) for pod in pods), pods)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False

"""Which waypoints of ambient mode a workload's callers pass, and who asks for them.

Source: Istio's labels ``istio.io/use-waypoint`` and ``istio.io/use-waypoint-namespace`` (on the pod or the Service, else on the
namespace; ``none`` opts out) and ``istio.io/waypoint-for`` of a Gateway (``service`` where it is missing). A waypoint that is
named and not there is passed by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from ztui.engines.units import Workload
from ztui.kinds.base import Kind, Ref
from ztui.kinds.network import Gateway, Service
from ztui.kinds.workload import Namespace
from ztui.view import View

USE: Final = "istio.io/use-waypoint"
USE_NAMESPACE: Final = "istio.io/use-waypoint-namespace"
FOR: Final = "istio.io/waypoint-for"

Traffic = Literal["service", "workload"]


class Waypoint(msgspec.Struct, frozen=True, order=True):
    """One waypoint: where it is, ``None`` in ``ref`` where it is not there, and for calls to what it is asked.

    ``asked_by`` is the object whose label asks for it, where that is not one of the workload's pods.
    """

    namespace: str
    name: str
    traffic: Traffic
    ref: Ref | None = None
    asked_by: Ref | None = None

    @property
    def by(self) -> tuple[Ref, ...]:
        """The objects that decide, besides the workload's own pods."""
        return tuple(ref for ref in (self.ref, self.asked_by) if ref is not None)


def waypoints(view: View, unit: Workload) -> tuple[Waypoint, ...]:
    """The waypoints that are asked for before a workload: for calls to its Services, then for calls to its pods; each once."""
    found = dict.fromkeys((*_of_services(view, unit), *_of_pods(view, unit)))
    return tuple(found)


def services_of(view: View, unit: Workload) -> tuple[Service, ...]:
    """The Services that a workload stands behind, by name."""
    labels = unit.pods[0].labels
    all_here = sorted(view.within(Service, unit.root.namespace), key=lambda item: item.name)
    return tuple(item for item in all_here if item.spec.selector and item.spec.selector.items() <= labels.items())


def _of_services(view: View, unit: Workload) -> Iterator[Waypoint]:
    space = view.get(Namespace, unit.root.namespace)
    for service in services_of(view, unit):
        yield from _asked(view, unit.root.namespace, (service, space), "service")


def _of_pods(view: View, unit: Workload) -> Iterator[Waypoint]:
    place = unit.root.namespace
    own = unit.pods[0]
    if USE in own.labels:
        yield from _named(view, place, own.labels, "workload", None)
    else:
        yield from _asked(view, place, (view.get(Namespace, place),), "workload")


def _asked(view: View, place: str, asking: tuple[Kind | None, ...], traffic: Traffic) -> Iterator[Waypoint]:
    """By the first that says anything."""
    first = next((item for item in asking if item is not None and USE in item.labels), None)
    if first is not None:
        yield from _named(view, place, first.labels, traffic, first.ref)


def _named(view: View, place: str, labels: Mapping[str, str], traffic: Traffic, by: Ref | None) -> Iterator[Waypoint]:
    name, namespace = labels[USE], labels.get(USE_NAMESPACE) or place
    if name == "none":
        return
    gateway = view.get(Gateway, name, namespace)
    if gateway is None or gateway.labels.get(FOR, "service") in {traffic, "all"}:
        yield Waypoint(namespace, name, traffic, gateway.ref if gateway is not None else None, by)

"""What detects intrusions at run time on the nodes: ACS, Falco, Tetragon, told by the DaemonSets that run.

A label proves little: a sensor's pods must reach into their node, which no tenant may do. Source: the engines' own manifests and
charts; platform.stackrox.io/v1alpha1 SecuredCluster.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ztui.engines.acs import ACS_WHERE_SERVED
from ztui.engines.coverage import COVERAGE, sees_the_node
from ztui.kinds.acs import SecuredCluster
from ztui.kinds.base import Kind
from ztui.kinds.workload import DaemonSet
from ztui.view import View

SENSORS: Final[tuple[type[Kind], ...]] = COVERAGE
SENSORS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = ACS_WHERE_SERVED
"""What this engine reads."""

Engine = Literal["ACS", "Falco", "Tetragon"]


class Sensor(msgspec.Struct, frozen=True):
    """A DaemonSet of a detection engine. ``blind`` is one that is told to see nothing."""

    engine: Engine
    daemon: DaemonSet
    blind: bool = False


def sensors(view: View) -> tuple[Sensor, ...]:
    """The detection engines that run, by place and name."""
    found = []
    for item in sorted(view.all(DaemonSet), key=lambda one: (one.namespace, one.name)):
        engine = _engine(view, item)
        if engine is not None and view.derive(_reaches, item.namespace, item.name):
            found.append(Sensor(engine, item, engine == "ACS" and _is_blind(view, item.namespace)))
    return tuple(found)


def _engine(view: View, item: DaemonSet) -> Engine | None:
    name = item.labels.get("app.kubernetes.io/name", "")
    if name == "falco":
        return "Falco"
    if name == "tetragon" or item.name == "tetragon":
        return "Tetragon"
    if item.name == "collector" and (view.within(SecuredCluster, item.namespace) or _is_acs(item)):
        return "ACS"
    return None


def _is_acs(item: DaemonSet) -> bool:
    """The collector of ACS, not one of logs that happens to have the same name."""
    marks = (item.labels.get("app.kubernetes.io/name", ""), item.labels.get("app.kubernetes.io/part-of", ""))
    return any("stackrox" in mark for mark in marks) or item.namespace in {"stackrox", "rhacs-operator"}


def _is_blind(view: View, namespace: str) -> bool:
    return any(item.spec.per_node.collector.collection == "NoCollection" for item in view.within(SecuredCluster, namespace))


def _reaches(view: View, namespace: str, name: str) -> bool:
    item = view.get(DaemonSet, name, namespace)
    return item is not None and sees_the_node(view, item)

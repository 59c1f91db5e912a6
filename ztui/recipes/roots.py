"""Workloads as recipes see them: their controllers, and whether a rollout has ended."""

from __future__ import annotations

from typing import Final

from ztui.engines.units import Workload, workloads
from ztui.kinds.base import Ref
from ztui.kinds.workload import DaemonSet, Deployment, Pod, StatefulSet
from ztui.view import View

Rolled = Deployment | StatefulSet | DaemonSet
ROLLED: Final[tuple[type[Rolled], ...]] = (Deployment, StatefulSet, DaemonSet)
"""The controllers whose template a rollout follows."""


def unit_of(view: View, ref: Ref) -> Workload | None:
    """The workload of a root; ``None`` where no live pod belongs to it."""
    found = view.derive(workloads, ref.namespace)
    return next((unit for unit in found if (unit.root.kind, unit.root.name) == (ref.kind, ref.name)), None)


def pods_of(view: View, ref: Ref) -> tuple[Pod, ...]:
    """The live pods of a workload, or the pod itself; none where it is not there."""
    if ref.kind != Pod.KIND:
        unit = unit_of(view, ref)
        return unit.pods if unit is not None else ()
    pod = view.get(Pod, ref.name, ref.namespace)
    return (pod,) if pod is not None and pod.is_live else ()


def root_of(view: View, ref: Ref) -> Rolled | None:
    """The controller with a template that a rollout follows; ``None`` for anything else."""
    kind = next((item for item in ROLLED if ref.kind == item.KIND), None)
    return view.get(kind, ref.name, ref.namespace) if kind is not None else None


def are_new(view: View, ref: Ref, was: View) -> bool:
    """Whether every pod of a workload is one that was not there before, and ready."""
    unit, old = unit_of(view, ref), unit_of(was, ref)
    before = {pod.metadata.uid for pod in old.pods} if old is not None else set()
    return unit is not None and all(pod.metadata.uid not in before and pod.is_ready for pod in unit.pods)

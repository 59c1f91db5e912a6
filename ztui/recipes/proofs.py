"""What recipes ask before and after a change: whether another check passes, whether the platform has rolled out since.

Pure. A rollout is known by its end: an operator says that it is done, at another time than it said so before the change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ztui.checks.base import CheckId, Status, catalogue
from ztui.kinds.base import Condition, Kind, condition
from ztui.kinds.node import MachineConfigPool
from ztui.kinds.openshift import ClusterOperator
from ztui.view import View

_GOOD: Final = frozenset({Status.PASS, Status.NA})


def passes(view: View, check_id: str) -> bool:
    """Whether a check of the cluster passes, and could see all that it looks at."""
    card = catalogue()[CheckId(check_id)]
    if any(view.gap(kind) is not None for kind in card.needs):
        return False
    if any(view.gap(kind) is not None and not view.absent(kind) for kind in card.where_served):
        return False
    found = list(card.function(view))
    return bool(found) and all(item.status in _GOOD for item in found)


def read_by(check_id: str) -> tuple[type[Kind], ...]:
    """What ``passes`` reads for a check."""
    return tuple(sorted(catalogue()[CheckId(check_id)].kinds, key=lambda kind: (kind.GROUP, kind.KIND)))


def rolled_out(view: View, was: View, operator: str) -> bool:
    """Whether a cluster operator has rolled something out since, and is well."""
    found, before = view.get(ClusterOperator, operator), was.get(ClusterOperator, operator)
    if found is None:
        return False
    told = found.status.conditions
    return is_(told, "Available") and not is_(told, "Degraded") and _ended(told, before.status.conditions if before else None)


def _ended(now: tuple[Condition, ...] | None, before: tuple[Condition, ...] | None) -> bool:
    progress, earlier = condition(now, "Progressing"), condition(before, "Progressing")
    if progress is None or progress.status != "False":
        return False
    return earlier is None or progress.last_transition_time != earlier.last_transition_time


def updated(pool: MachineConfigPool) -> bool:
    """Whether all nodes of a pool run what they were told to."""
    status = pool.status
    caught_up = status.configuration.name == pool.spec.configuration.name and status.updated_machine_count == status.machine_count
    return caught_up and is_(status.conditions, "Updated") and not is_(status.conditions, "Degraded")


def pools_updated(view: View, was: View, names: Iterable[str]) -> bool:
    """Whether pools have rolled out another configuration since, and all their nodes run it."""
    pools = [(view.get(MachineConfigPool, name), was.get(MachineConfigPool, name)) for name in names]
    moved = (
        now is not None and updated(now) and (before is None or before.status.configuration.name != now.status.configuration.name)
        for now, before in pools
    )
    return bool(pools) and all(moved)


def is_(conditions: tuple[Condition, ...] | None, type_: str) -> bool:
    """Whether a condition is true."""
    found = condition(conditions, type_)
    return found is not None and found.status == "True"

"""Bounds for namespaces that have none: a quota a little above what they ask for now, and usual sizes for who says none.

Source: core/v1 ResourceQuota spec.hard, LimitRange spec.limits[].defaultRequest; quantities of apimachinery's resource package.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines import tenancy
from ztui.kinds.base import Ref
from ztui.kinds.tenancy import ClusterResourceQuota, LimitRange, ResourceQuota
from ztui.kinds.workload import Container, Namespace, Pod
from ztui.recipes.base import Draft, Question, Stop, Write, as_wanted, made, note, recipe, refused
from ztui.view import View

NO_TENANT: Final = Reason("no-such-tenant", "{name} is no namespace of a tenant")
QUOTA: Final = Reason(
    "bounded-by",
    "{namespace} may ask for {cpu} CPU, {memory} of memory and {pods} pods; now it asks for {used_cpu}, {used} and {count}",
)
SIZES: Final = Reason("usual-sizes", "a new container of {namespace} that asks for nothing asks for {cpu} CPU and {memory}")
UNSEEN: Final = Reason("usage-unseen", "the pods of {namespace} could not all be read: the quota may be too small for them")

EVERY: Final = "all"
NAME: Final = "ztui-bounds"
ROOM: Final = Decimal("1.2")
"""A fifth above what is asked for now; never less than room for one more of the largest pod, so that a rollout can begin."""

LEAST_CPU: Final = Decimal(1)
LEAST_MEMORY: Final = Decimal(1024**3)
LEAST_PODS: Final = 10
USUAL: Final = {"cpu": "100m", "memory": "128Mi"}
_UNITS: Final = {
    **{"n": Decimal(10) ** -9, "u": Decimal(10) ** -6, "m": Decimal(10) ** -3, "": Decimal(1)},
    **{unit: Decimal(1000) ** at for at, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{f"{unit}i": Decimal(1024) ** at for at, unit in enumerate(("K", "M", "G", "T", "P", "E"), 1)},
}
_MIB: Final = 1024**2


class Usage(msgspec.Struct, frozen=True):
    """What the pods of a namespace ask for: cores, bytes, and how many there are; and the largest of them."""

    cpu: Decimal
    memory: Decimal
    pods: int
    largest: tuple[Decimal, Decimal]


def _is_bounded(view: View, ref: Ref, was: View) -> bool:
    del ref
    return tenancy.bounded_share(view) > tenancy.bounded_share(was) or tenancy.bounded_share(view) == 1.0


@recipe(
    "R-QUOTA",
    "Bound namespaces that have no bounds",
    risk_class="safe",
    on=("Cluster",),
    writes=(ResourceQuota, LimitRange),
    makes=(ResourceQuota, LimitRange),
    reads=(Namespace, Pod, ResourceQuota, LimitRange, ClusterResourceQuota),
    asks=(Question("where", f"Which namespaces, with commas between them; {EVERY}: each that has none", EVERY),),
    verify_s=30.0,
    done=_is_bounded,
)
def bound(view: View, ref: Ref, where: str = EVERY) -> Draft:
    """A quota where there is none, and usual sizes where there are none: what runs is not touched by either."""
    tenants = view.derive(tenancy.user_namespaces)
    asked = [name for name in where.replace(",", " ").split() if name]
    names = list(tenants) if asked in ([], [EVERY]) else asked
    strange = [name for name in names if name not in tenants]
    if strange:
        return refused(ref, NO_TENANT, name=strange[0])
    writes: list[Write] = []
    told, stops = [], []
    for name in names:
        if not tenancy.has_quota(view, name):
            used = usage(view, name)
            hard = room_for(used)
            writes.append(made(ResourceQuota, NAME, name, {"spec": {"hard": hard}}))
            words = {"used_cpu": _cores(used.cpu), "used": _bytes(used.memory), "count": used.pods}
            sizes = {"cpu": hard["requests.cpu"], "memory": hard["requests.memory"], "pods": hard["pods"]}
            told.append(note(QUOTA, None, namespace=name, **sizes, **words))
            if view.gap(Pod, name) is not None:
                stops.append(Stop(note(UNSEEN, None, namespace=name), override=True))
        if not view.within(LimitRange, name):
            limits = [{"type": "Container", "defaultRequest": dict(USUAL)}]
            writes.append(made(LimitRange, NAME, name, {"spec": {"limits": limits}}))
            told.append(note(SIZES, None, namespace=name, **USUAL))
    if not writes:
        return as_wanted(ref, "each of these namespaces has a quota and usual sizes")
    return Draft(tuple(writes), tuple(told), tuple(stops))


def usage(view: View, namespace: str) -> Usage:
    """What the live pods of a namespace ask for, as a quota counts it: containers together, or the largest init container."""
    asked = [_asked(pod) for pod in view.within(Pod, namespace) if pod.is_live]
    cpu, memory = sum((item[0] for item in asked), Decimal(0)), sum((item[1] for item in asked), Decimal(0))
    largest = max((item[0] for item in asked), default=Decimal(0)), max((item[1] for item in asked), default=Decimal(0))
    return Usage(cpu, memory, len(asked), largest)


def room_for(used: Usage) -> dict[str, str]:
    """The quota for it: cores and bytes rounded up, in the units that people write."""
    cpu = max(used.cpu * ROOM, used.cpu + used.largest[0], LEAST_CPU)
    memory = max(used.memory * ROOM, used.memory + used.largest[1], LEAST_MEMORY)
    pods = max(math.ceil(used.pods * ROOM), used.pods + 1, LEAST_PODS)
    return {"requests.cpu": _cores(cpu), "requests.memory": _bytes(memory), "pods": str(pods)}


def amount(text: str) -> Decimal:
    """A quantity as a number; what is none counts for nothing."""
    number, unit = text, ""
    while number and not (number[-1].isdigit() or number[-1] == "."):
        number, unit = number[:-1], number[-1] + unit
    try:
        return Decimal(number) * _UNITS[unit] if number else Decimal(0)
    except (InvalidOperation, KeyError):
        return Decimal(0)


def _asked(pod: Pod) -> tuple[Decimal, Decimal]:
    spec = pod.spec
    running = [*(spec.containers or ()), *(item for item in spec.init_containers or () if item.restart_policy == "Always")]
    first = [item for item in spec.init_containers or () if item.restart_policy != "Always"]
    cpu, memory = (
        max(sum(_of(running, name), Decimal(0)), max(_of(first, name), default=Decimal(0))) for name in ("cpu", "memory")
    )
    return cpu, memory


def _of(containers: Iterable[Container], name: str) -> list[Decimal]:
    told = (item.resources.requests for item in containers if item.resources and item.resources.requests)
    return [amount(str(getattr(item, name))) for item in told]


def _cores(cpu: Decimal) -> str:
    thousandths = math.ceil(cpu * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def _bytes(memory: Decimal) -> str:
    mebibytes = math.ceil(memory / _MIB)
    return f"{mebibytes // 1024}Gi" if mebibytes and mebibytes % 1024 == 0 else f"{mebibytes}Mi"

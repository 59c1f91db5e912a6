"""Signals to incidents: which workload a signal is about, and which signals belong together.

Pure: the same signals in the same order make the same incidents. What is gone from the cluster is still found, in what is
remembered of its pods, or by the names that controllers give.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, root_of, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.incident import LEVELS, Act, Incident, Level, Seen, Signal, Subject
from ztui.kinds.measured import ObservedCall
from ztui.kinds.record import record_meta
from ztui.kinds.workload import Node, Pod, ReplicaSet, StatefulSet
from ztui.view import View

WINDOW: Final = timedelta(minutes=15)
"""How long after its last signal an incident takes more."""

OPENS: Final[Level] = "medium"
"""The least level that opens an incident; lower signals wait for one about the same thing."""

AGREE: Final = 3
"""From how many independent sources on an incident is a level worse."""

RISKY: Final = 70
"""From which risk of a workload on its incident is a level worse."""

SEEN_LIMIT: Final = 200
OTHERS: Final = "other rules"
"""The line that counts what has none of its own any more."""

THINGS_LIMIT: Final = 30
ACTS_LIMIT: Final = 500

OWNERS: Final[tuple[type[Kind], ...]] = (*WORKLOADS, *WORKLOADS_WHERE_SERVED, Node)
"""What tells which workload a pod is of."""

READS: Final[tuple[type[Kind], ...]] = (*OWNERS, ObservedCall)
"""What finding the workload of a signal reads."""

_ACCOUNT: Final = "system:serviceaccount:"
_NODE: Final = "system:node:"
_OF_SET: Final = re.compile(r"(.+)-[a-z0-9]{5}\Z")
_OF_STATEFUL: Final = re.compile(r"(.+)-\d{1,4}\Z")
_KINDS: Final = {kind.KIND: kind for kind in READS}


class Remembered(msgspec.Struct, frozen=True):
    """The workload of a pod that was seen, and when."""

    thing: Ref
    at: datetime


Memory = Mapping[tuple[str, str], Remembered]
"""By namespace and pod; ``("", uid)`` and ``("ip", address)`` lead to the same."""


def things_of(view: View, subject: Subject, memory: Memory) -> tuple[Ref, ...]:
    """The workloads, or other objects, that a subject means; none where nobody can tell."""
    if subject.pod:
        return (_of_pod(view, subject, memory),)
    if subject.kind:
        return (_of_object(view, subject),)
    if subject.address and (known := memory.get(("ip", subject.address))) is not None:
        return (known.thing,)
    if subject.node:
        return (_node(view, subject.node),)
    return things_of_principal(view, subject.principal) or _place(subject)


def things_of_principal(view: View, principal: str) -> tuple[Ref, ...]:
    """The workloads that run as an account, the node that a kubelet speaks for; none for a person."""
    if principal.startswith(_ACCOUNT):
        namespace, _, name = principal.removeprefix(_ACCOUNT).partition(":")
        found = tuple(item.root for item in view.derive(workloads, namespace) if item.account == name)
        return found or (Ref("", "ServiceAccount", namespace, name),)
    if principal.startswith(_NODE):
        return (_node(view, principal.removeprefix(_NODE)),)
    return ()


def _place(subject: Subject) -> tuple[Ref, ...]:
    return (Ref("", "Namespace", "", subject.namespace),) if subject.namespace else ()


def _node(view: View, name: str) -> Ref:
    node = view.get(Node, name)
    return node.ref if node is not None else Ref("", "Node", "", name)


def _of_pod(view: View, subject: Subject, memory: Memory) -> Ref:
    """Of the pod while it is there; else of what was seen, else of the controller whose name its own name holds."""
    pod = view.get(Pod, subject.pod, subject.namespace)
    if pod is not None and (not subject.uid or pod.metadata.uid == subject.uid):
        return root_of(view, pod)
    known = memory.get(("", subject.uid)) or memory.get((subject.namespace, subject.pod))
    if known is not None:
        return known.thing
    for pattern, kind in ((_OF_SET, ReplicaSet), (_OF_STATEFUL, StatefulSet)):
        match = pattern.match(subject.pod)
        owner = view.get(kind, match[1], subject.namespace) if match else None
        if owner is not None:
            return root_of(view, owner)
    return root_of(view, pod) if pod is not None else Ref("", "Pod", subject.namespace, subject.pod, subject.uid)


def _of_object(view: View, subject: Subject) -> Ref:
    kind = _KINDS.get(subject.kind)
    held = view.get(kind, subject.name, subject.namespace) if kind is not None else None
    if held is None and subject.uid:
        # ACS names every workload a deployment: its uid tells which one it is.
        named = (view.get(other, subject.name, subject.namespace) for other in WORKLOADS if other is not kind)
        held = next((item for item in named if item is not None and item.metadata.uid == subject.uid), None)
    if held is not None:
        return root_of(view, held)
    return Ref(subject.group, subject.kind, subject.namespace, subject.name)


def remembered(view: View, pod: Pod) -> dict[tuple[str, str], Remembered]:
    """What to keep of a pod for when it is gone."""
    found = Remembered(root_of(view, pod), view.now)
    ways = [(pod.namespace, pod.name), ("", pod.metadata.uid)]
    if not pod.spec.host_network:
        ways += [("ip", address) for address in pod.addresses]
    return dict.fromkeys(ways, found)


Place = tuple[str, str]
"""Namespace and name of a workload."""


def neighbours(view: View, things: Iterable[Ref]) -> frozenset[Place]:
    """The workloads that were seen calling these or being called by them."""
    calls = view.derive(observed)
    return frozenset[Place]().union(*(calls.get((ref.namespace, ref.name), ()) for ref in things if ref.namespace))


def observed(view: View) -> dict[Place, frozenset[Place]]:
    """Each workload with those at the other ends of the calls that were seen."""
    found: dict[Place, set[Place]] = {}
    for call in view.all(ObservedCall):
        source, target = (call.source_namespace, call.source), (call.namespace, call.target)
        if source != target:
            found.setdefault(source, set()).add(target)
            found.setdefault(target, set()).add(source)
    return {place: frozenset(others) for place, others in found.items()}


def home_of(
    incidents: Iterable[Incident], told: Signal, things: tuple[Ref, ...], near: frozenset[Place] = frozenset()
) -> Incident | None:
    """The open incident that a signal belongs to; ``None`` where it is a stranger to all.

    One about the same thing before one by the same principal before a neighbour's; the oldest where there are several.
    """
    best: tuple[int, datetime, str] | None = None
    found: Incident | None = None
    for item in incidents:
        if not item.is_open or (_is_far(item, told.at)):
            continue
        rank = _rank(item, told, things, near)
        order = (rank, item.opened, item.name)
        if rank and (best is None or order < best):
            best, found = order, item
    return found


def _is_far(incident: Incident, at: datetime) -> bool:
    """Whether a time is more than the window before the first signal or after the last one."""
    return at < incident.opened - WINDOW or at > incident.last + WINDOW


def _rank(item: Incident, told: Signal, things: tuple[Ref, ...], near: frozenset[Place]) -> int:
    """One for the same thing, two for the same principal, three for a neighbour, nought for a stranger."""
    known = {_key(ref) for ref in item.things}
    if any(_key(ref) in known for ref in things):
        return 1
    if told.subject.principal and told.subject.principal in item.principals:
        return 2
    return 3 if any((ref.namespace, ref.name) in near for ref in item.things if ref.namespace) else 0


def _key(ref: Ref) -> tuple[str, str, str, str]:
    """A thing without its uid: one that was made anew under its name is the same workload."""
    return ref.group, ref.kind, ref.namespace, ref.name


def opened_by(told: Signal, things: tuple[Ref, ...], count: int) -> Incident:
    """A new incident of one signal."""
    about = str(things[0]) if things else told.subject.principal
    digest = hashlib.sha256(f"{told.source}\n{told.id}\n{told.at.isoformat()}\n{about}".encode()).hexdigest()
    made = Incident(record_meta(f"i{digest[:7]}"), opened=told.at, last=told.at)
    return joined(made, told, things, count)


def joined(incident: Incident, told: Signal, things: tuple[Ref, ...], count: int) -> Incident:
    """An incident with one more signal, which came ``count`` times. A contained one that is heard of again is not contained."""
    about = things[0] if things else None
    seen = _counted(incident.seen, told, about, count)
    known = {_key(ref) for ref in incident.things}
    fresh = [ref for ref in things if _key(ref) not in known]
    principal = told.subject.principal
    principals = incident.principals
    if principal and principal not in principals:
        principals = (*principals, principal)[:THINGS_LIMIT]
    found = replace(
        incident,
        opened=min(incident.opened, told.at),
        last=max(incident.last, told.at),
        things=(*incident.things, *fresh)[:THINGS_LIMIT],
        principals=principals,
        seen=seen,
    )
    if found.phase in {"contained", "eradicated"} and told.at > _since(found) and told.level != "low":
        words = f"heard of again after it was {found.phase}: {told.rule}"
        found = acted(found, Act(told.at, "ztui", words, "acknowledged"))
    return found


def _since(incident: Incident) -> datetime:
    return max((item.at for item in incident.acts if item.phase == incident.phase), default=incident.opened)


def _counted(seen: tuple[Seen, ...], told: Signal, about: Ref | None, count: int) -> tuple[Seen, ...]:
    mine = (told.source, told.rule, _key(about) if about else None, told.subject.principal)
    for at, item in enumerate(seen):
        if (item.source, item.rule, _key(item.about) if item.about else None, item.principal) == mine:
            newest = told.at >= item.last
            more = replace(
                item,
                level=worse(item.level, told.level),
                first=min(item.first, told.at),
                last=max(item.last, told.at),
                count=item.count + count,
                words=told.words if newest else item.words,
            )
            return (*seen[:at], more, *seen[at + 1 :])
    one = Seen(
        told.source, told.rule, told.level, about, told.subject.principal, told.at, told.at, count, told.words, told.subject.node
    )
    if len(seen) < SEEN_LIMIT or told.rule == OTHERS:
        return (*seen, one)
    # However many rules there are: each signal is counted.
    return _counted(seen, replace(told, rule=OTHERS, subject=Subject()), None, count)


def weighed(incident: Incident, risk: float | None) -> Incident:
    """An incident with its level: that of its worst signal, one worse where many agree or its workload is a risky one."""
    level = max((item.level for item in incident.seen), key=LEVELS.index, default="low")
    sources = incident.sources
    reasons = [f"{len(sources)} sources agree"] if len(sources) >= AGREE else []
    reasons += [f"the workload's risk is {risk:.0f}"] if risk is not None and risk >= RISKY else []
    if reasons and level != LEVELS[-1]:
        level = LEVELS[LEVELS.index(level) + 1]
        return replace(incident, level=level, raised=", ".join(reasons))
    return replace(incident, level=level, raised="")


def worse(first: Level, second: Level) -> Level:
    """The worse of two."""
    return max(first, second, key=LEVELS.index)


def opens(told: Signal) -> bool:
    """Whether a signal alone is an incident."""
    return LEVELS.index(told.level) >= LEVELS.index(OPENS)


def acted(incident: Incident, act: Act) -> Incident:
    """An incident after somebody did or said something."""
    return replace(incident, phase=act.phase or incident.phase, acts=(*incident.acts, act)[-ACTS_LIMIT:])

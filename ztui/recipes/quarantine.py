"""Quarantine: the pods of a workload talk to nobody any more, and stay as they are for whoever looks into them.

A policy that allows beats one that isolates, so the labels by which other policies select the pods are moved aside; where none
is, the policy is told to leave these pods out. Each quarantine has a name of its own, so that lifting one lifts no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason, Status
from ztui.checks.p2_net import plugin_enforces
from ztui.engines.mtls import is_enrolled
from ztui.engines.netrules import RULES_WHERE_SERVED
from ztui.engines.openings import OPENINGS, openings
from ztui.engines.reach import spot_of
from ztui.engines.units import SCOPE, WORKLOADS, WORKLOADS_WHERE_SERVED, namespace_class
from ztui.engines.units import root_of as owner_root
from ztui.kinds.base import Kind, Ref, Selector, matches
from ztui.kinds.mesh import AuthorizationPolicy
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.network import Service
from ztui.kinds.workload import CronJob, Job, Pod, StatefulSet
from ztui.recipes import fuse as fuses
from ztui.recipes.base import (
    Draft,
    Note,
    Question,
    Stop,
    Write,
    add,
    applied,
    expect,
    gone,
    merging,
    note,
    patched,
    pointer,
    recipe,
)
from ztui.recipes.guards import QUARANTINE
from ztui.recipes.proofs import read_by
from ztui.recipes.roots import ROLLED, pods_of, root_of
from ztui.view import View

Body = dict[str, Any]

HELD_BY: Final = "ztui.io/held-by"
"""The label by which one quarantine selects its pods; ``ztui.io/quarantine`` is what the administrators' own policy knows."""
ASIDE: Final = "ztui.io/orig-labels"
PREFIX: Final = "ztui-quarantine-"

ON_HOST: Final = Reason(
    "host-network", "{what} is on its node's network: no policy holds it; cordon the node, or scale it to zero"
)
SOME_ON_HOST: Final = Reason("some-on-host", "{pod} is on the network of its node and stays open")
NO_CHOICE: Final = Reason("no-choice", "{answer} is no answer to: {asked}")
PLATFORMS: Final = Reason("platform-pods", "{namespace} belongs to the platform: others may need these pods to work")
HELD_ALREADY: Final = Reason("held-already", "{pod} is in the quarantine {name} already: take that back first")
CUT: Final = Reason("cut-off", "{pod} talks to nobody any more; connections that stand may go on until it is deleted")
SERVICE: Final = Reason("service-loses", "{service} loses {count} of the pods behind it")
STILL_THERE: Final = Reason("service-keeps", "{service} still sends to {count} of them: they answer nobody")
MOVED: Final = Reason("labels-aside", "{pod} puts aside {labels}; what they were is kept in its annotation {note}")
REPLACED: Final = Reason("clean-replacement", "{root} no longer counts these pods and starts others in their place")
NAME_HELD: Final = Reason("name-held", "{root} no longer counts these pods; it starts none of their names until they are deleted")
LEFT_OUT: Final = Reason("left-out", "{policy} selects them by no label of theirs: it is told to leave them out")
STILL_OPEN: Final = Reason("still-open", "{policy} still lets traffic through ({direction}): move the labels aside to close that")
NOT_ENFORCED: Final = Reason("not-enforced", "the network plugin enforces no policy: scale it to zero, or cordon its nodes")
ENFORCES_UNKNOWN: Final = Reason("enforcement-unknown", "whether the network plugin enforces policies is not known (ZT2-NET-001)")
UNSEEN: Final = Reason(
    "selectors-unseen", "{kind} objects cannot be read ({why}): what they let through, or select, is not known"
)
TEMPLATE: Final = Reason("template-too", "new pods of {root} start in the quarantine; labels that it selects by stay on them")
NO_TEMPLATE: Final = Reason("no-template", "{what} has no template that could be changed from here")
STAYS: Final = Reason("stays-aside", "when it ends, {what} stays as it is until the change is taken back")

LABELS: Final = Question("labels", "Labels by which Services and other policies find its pods: aside, or stay", "aside")
NEW_PODS: Final = Question("template", "Quarantine its new pods too: yes or no", "no")
SELECTING: Final[tuple[type[Kind], ...]] = (NetworkPolicy, Service, *RULES_WHERE_SERVED)
READS: Final[tuple[type[Kind], ...]] = (*OPENINGS, *WORKLOADS, *WORKLOADS_WHERE_SERVED, *SCOPE, Service, *read_by("ZT2-NET-001"))


class Move(msgspec.Struct, frozen=True):
    """What happens to the labels of one pod: those that go ``aside``, and all that it ends up with."""

    pod: Pod
    aside: dict[str, str]
    labels: dict[str, str]


def _is_cut_off(view: View, ref: Ref, was: View) -> bool:
    """Whether each of the pods that were there is held and denied everything both ways, or gone."""
    if view.gap(NetworkPolicy, ref.namespace) is not None:
        return False  # a policy that cannot be seen may let something through
    before = {pod.metadata.uid for pod in pods_of(was, ref) if not pod.spec.host_network}
    now = [pod for pod in view.within(Pod, ref.namespace) if pod.metadata.uid in before and pod.is_live]
    return bool(before) and all(HELD_BY in pod.labels and not openings(view, spot_of(view, pod)) for pod in now)


@recipe(
    "R-QUARANTINE",
    "Cut it off from the network",
    risk_class="disruptive",
    on=("Deployment", "StatefulSet", "DaemonSet", "DeploymentConfig", "ReplicaSet", "Job", "CronJob", "Pod"),
    writes=(Job, NetworkPolicy, AuthorizationPolicy, Pod, *ROLLED),
    makes=(Job, NetworkPolicy, AuthorizationPolicy),
    reads=READS,
    asks=(LABELS, NEW_PODS, fuses.ASKED),
    contains=("workload", "pod"),
    verify_s=30.0,
    done=_is_cut_off,
)
def quarantine(view: View, ref: Ref, labels: str = "aside", template: str = "no", fuse: str = "none") -> Draft:
    """A policy that denies everything both ways, for the pods of now by a label of its own; in a mesh its proxies refuse too."""
    every = pods_of(view, ref)
    if not every:
        return gone(ref)
    held = [pod for pod in every if not pod.spec.host_network]
    length = fuses.minutes(fuse)
    stops = list(_stops(view, ref, every, {LABELS: (labels, ("aside", "stay")), NEW_PODS: (template, ("yes", "no"))}))
    stops += [fuses.no_fuse(ref, fuse)] if length is None else []
    if any(not item.override for item in stops):
        return Draft(stops=tuple(stops))
    name, aside = fuses.plain_name(view, ref.name), labels.strip() == "aside"
    marks = {HELD_BY: name, **({} if length else {QUARANTINE: "true"})}
    moves = [_move(view, pod, marks, aside=aside) for pod in held]
    by = fuses.fuse(name, ref.namespace, length) if length else None
    opened = _still_selected(view, ref.namespace, moves)
    writes = [] if by is None else [by]
    writes += _denials(name, ref.namespace, by, meshed=any(map(is_enrolled, held)))
    writes += [_leave_out(policy, name) for policy in opened] if aside else []
    writes += [merging(move.pod, _metadata(move)) for move in moves]
    radius = [*_radius(view, ref, moves, opened, aside=aside)]
    root = root_of(view, ref)
    if template.strip() == "yes" and root is not None:
        writes.append(applied(root, {"spec": {"template": {"metadata": {"labels": marks}}}}))
        radius.append(note(TEMPLATE, ref, root=ref))
    if by is not None and length:
        radius.append(note(fuses.ENDS, by.ref, minutes=length, what=f"{PREFIX}{name}"))
        kept = [*(str(policy.ref) for policy in opened), *(str(move.pod.ref) for move in moves)]
        radius.append(
            note(STAYS, ref, what=f"what is put aside or left out ({', '.join(kept)})" if aside else f"the label {HELD_BY}")
        )
    return Draft(tuple(writes), tuple(radius), tuple(stops))


def _stops(
    view: View, ref: Ref, pods: tuple[Pod, ...], answers: Mapping[Question, tuple[str, tuple[str, ...]]]
) -> Iterator[Stop]:
    if all(pod.spec.host_network for pod in pods):
        yield Stop(note(ON_HOST, ref, what=ref))
    for pod in pods:
        if HELD_BY in pod.labels:
            yield Stop(note(HELD_ALREADY, pod.ref, pod=pod.name, name=pod.labels[HELD_BY]))
    for asked, (answer, known) in answers.items():
        if answer.strip() not in known:
            yield Stop(note(NO_CHOICE, ref, answer=answer or "nothing", asked=asked.text))
        elif asked is NEW_PODS and answer.strip() == "yes" and root_of(view, ref) is None:
            yield Stop(note(NO_TEMPLATE, ref, what=ref))
    if enforces_nothing(view):
        yield Stop(note(NOT_ENFORCED, ref), override=True)  # in a mesh its proxies refuse all the same
    for kind in SELECTING:
        gap = view.gap(kind, ref.namespace) if kind.NAMESPACED else view.gap(kind)
        if gap is not None and not view.absent(kind):
            yield Stop(note(UNSEEN, ref, kind=kind.KIND, why=gap), override=True)
    if view.derive(namespace_class, ref.namespace) != "user":
        yield Stop(note(PLATFORMS, ref, namespace=ref.namespace), override=True)


def enforces_nothing(view: View) -> bool:
    """Whether the network plugin is known to enforce no policy."""
    return any(item.status is Status.FAIL for item in plugin_enforces(view))


def _denials(name: str, namespace: str, by: Write | None, *, meshed: bool) -> Iterator[Write]:
    mine = {"matchLabels": {HELD_BY: name}}
    spec: Body = {"podSelector": mine, "policyTypes": ["Ingress", "Egress"]}
    yield fuses.fused(NetworkPolicy, f"{PREFIX}{name}", namespace, {"spec": spec}, by)
    if meshed:
        refusing: Body = {"selector": mine, "action": "DENY", "rules": [{}]}
        yield fuses.fused(AuthorizationPolicy, f"{PREFIX}{name}", namespace, {"spec": refusing}, by)


def _move(view: View, pod: Pod, marks: Mapping[str, str], *, aside: bool) -> Move:
    keys = set(_selecting(view, pod)) if aside else set()
    moved = {key: value for key, value in pod.labels.items() if key in keys}
    left = {key: value for key, value in pod.labels.items() if key not in keys}
    return Move(pod, moved, {**left, **marks})


def _selecting(view: View, pod: Pod) -> Iterator[str]:
    """The labels by which a Service, or a policy with exceptions, selects a pod."""
    for service in view.within(Service, pod.namespace):
        if _sends_to(service, pod.labels):
            yield from service.spec.selector or ()
    for policy in view.within(NetworkPolicy, pod.namespace):
        if _lets_through(policy) and matches(_selector(policy), pod.labels):
            yield from _selector(policy).match_labels or ()
            yield from (item.key for item in _selector(policy).match_expressions or () if item.operator in {"In", "Exists"})


def _still_selected(view: View, namespace: str, moves: list[Move]) -> list[NetworkPolicy]:
    """The policies with exceptions that select one of the pods still, whatever was moved aside."""
    found = (item for item in view.within(NetworkPolicy, namespace) if _lets_through(item) and not item.is_going)
    mine = [item for item in found if any(matches(_selector(item), move.labels) for move in moves)]
    return sorted(mine, key=lambda item: item.name)


def _leave_out(policy: NetworkPolicy, name: str) -> Write:
    """The policy, for everybody whom it selects but those that are held by a quarantine."""
    at = pointer("spec", "podSelector")
    rule = {"key": HELD_BY, "operator": "NotIn", "values": [name]}
    there = _selector(policy).match_expressions
    what = add(f"{at}/matchExpressions/-", rule) if there else add(f"{at}/matchExpressions", [rule])
    return patched(policy, expect(at, msgspec.to_builtins(policy.spec.pod_selector)), what)


def _metadata(move: Move) -> Body:
    labels: dict[str, str | None] = dict.fromkeys(move.aside)
    labels |= {key: value for key, value in move.labels.items() if move.pod.labels.get(key) != value}
    if not move.aside:
        return {"metadata": {"labels": labels}}
    kept = msgspec.json.encode(dict(sorted(move.aside.items()))).decode()
    return {"metadata": {"labels": labels, "annotations": {ASIDE: kept}}}


def _radius(view: View, ref: Ref, moves: list[Move], opened: list[NetworkPolicy], *, aside: bool) -> Iterator[Note]:
    if any(item.status not in {Status.PASS, Status.FAIL} for item in plugin_enforces(view)):
        yield note(ENFORCES_UNKNOWN, ref)
    for move in moves:
        yield note(CUT, move.pod.ref, pod=move.pod.name)
    yield from (note(SOME_ON_HOST, pod.ref, pod=pod.name) for pod in pods_of(view, ref) if pod.spec.host_network)
    for service in sorted(view.within(Service, ref.namespace), key=lambda item: item.name):
        before = [move for move in moves if _sends_to(service, move.pod.labels)]
        kept = [move for move in before if _sends_to(service, move.labels)]
        if len(before) > len(kept):
            yield note(SERVICE, service.ref, service=service.ref, count=len(before) - len(kept))
        if kept:
            yield note(STILL_THERE, service.ref, service=service.ref, count=len(kept))
    for move in moves:
        if move.aside:
            told = ", ".join(f"{key}={value}" for key, value in sorted(move.aside.items()))
            yield note(MOVED, move.pod.ref, pod=move.pod.name, labels=told, note=ASIDE)
    for root in sorted({root for move in moves if (root := _lets_go(view, move)) is not None}):
        yield note(NAME_HELD if root.kind == StatefulSet.KIND else REPLACED, root, root=root)
    for policy in opened:
        if aside:
            yield note(LEFT_OUT, policy.ref, policy=policy.ref)
        else:
            yield note(STILL_OPEN, policy.ref, policy=policy.ref, direction=", ".join(policy.directions).lower())


def _lets_go(view: View, move: Move) -> Ref | None:
    """The controller that no longer selects a pod by what is left of its labels; ``None`` where it goes on to."""
    root = owner_root(view, move.pod)
    held = root_of(view, root)
    if held is not None:
        return root if not matches(held.spec.selector, move.labels) else None
    return root if move.aside and root.kind not in {Pod.KIND, Job.KIND, CronJob.KIND} else None


def _sends_to(service: Service, labels: Mapping[str, str]) -> bool:
    wanted = service.spec.selector
    return bool(wanted) and all(labels.get(key) == value for key, value in (wanted or {}).items())


def _selector(policy: NetworkPolicy) -> Selector:
    return policy.spec.pod_selector or Selector()


def _lets_through(policy: NetworkPolicy) -> bool:
    """Whether a policy has an exception in a direction that it isolates."""
    rules = {"Ingress": policy.spec.ingress, "Egress": policy.spec.egress}
    return any(rules.get(item) for item in policy.directions)

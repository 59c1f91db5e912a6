"""Stopping what runs: a workload without replicas, a pod that is gone, a node that takes no new pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Reason
from ztui.engines.units import SCOPE, WORKLOADS, WORKLOADS_WHERE_SERVED, managed_by, namespace_class, root_of
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import (
    CronJob,
    DaemonSet,
    Deployment,
    DeploymentConfig,
    Job,
    Node,
    Pod,
    ReplicaSet,
    StatefulSet,
)
from ztui.recipes.base import (
    Draft,
    Note,
    Question,
    Stop,
    Write,
    add,
    as_wanted,
    expect,
    gone,
    merging,
    note,
    patched,
    pointer,
    recipe,
    refused,
    scaled,
)
from ztui.recipes.roots import unit_of
from ztui.view import View

NOWHERE: Final = "ztui.io/none"
"""A label that no node has: a DaemonSet that asks for it has no pods."""
INCIDENT: Final = "ztui.io/incident"
SCALED: Final[tuple[type[Deployment | StatefulSet | ReplicaSet | DeploymentConfig], ...]] = (
    Deployment,
    StatefulSet,
    ReplicaSet,
    DeploymentConfig,
)
STOPPED: Final[tuple[type[Kind], ...]] = (*SCALED, DaemonSet, CronJob, Job)

STOPS: Final = Reason("stops", "{count} pods of {what} are stopped; budgets for disruptions are not asked")
STATEFUL: Final = Reason("stateful", "{what} keeps state: what its pods had not written is lost, its volumes stay")
NOT_STARTED: Final = Reason("not-started", "{what} starts nothing more until it is taken back")
RUNS_STILL: Final = Reason("runs-still", "{job}, which it started, is suspended too")
KEPT: Final = Reason("kept-by-owner", "{owner} keeps {what} and would bring its pods back: stop that")
SCALES_BACK: Final = Reason("scales-back", "a repository keeps {what} and may bring its pods back: suspend that first")
PLATFORMS: Final = Reason("platform-workload", "{namespace} belongs to the platform: others may need this to work")

NO_EVIDENCE: Final = Reason("evidence-gone", "what is in its memory and file system is gone with it: take the evidence first")
COMES_AGAIN: Final = Reason("comes-again", "{root} starts another in its place, from the same image")
NEVER_AGAIN: Final = Reason("never-again", "nothing starts it again")
MIRROR: Final = Reason("mirror-pod", "{pod} is a file on its node: the kubelet brings it back whatever is deleted")

CORDONED: Final = Reason("cordoned", "no new pods come to {node}; {count} pods go on there until it is drained")
CONTROL_PLANE: Final = Reason("control-plane-node", "{node} is one of {count} nodes of the control plane")
LAST_NODE: Final = Reason("last-node", "no other node with the role {role} takes pods")
ONLY_NODE: Final = Reason("only-node", "no other node takes pods: nothing starts anywhere any more")
NO_ANSWER: Final = Reason("yes-or-no", "{answer} is neither yes nor no")
STILL_COME: Final = Reason("still-come", "pods that name {node} themselves, and those of DaemonSets, still come")


def _is_stopped(view: View, ref: Ref, was: View) -> bool:
    """Whether no live pod is left; what stops on its own is stopped by itself too."""
    del was
    cron = view.get(CronJob, ref.name, ref.namespace) if ref.kind == CronJob.KIND else None
    return unit_of(view, ref) is None and (cron is None or cron.spec.suspend)


@recipe(
    "R-SCALE-ZERO",
    "Stop it: no pods",
    risk_class="disruptive",
    on=STOPPED,
    writes=STOPPED,
    scales=SCALED,
    reads=(*WORKLOADS, *WORKLOADS_WHERE_SERVED, *SCOPE),
    contains=("workload",),
    verify_s=60.0,
    done=_is_stopped,
)
def scale_to_zero(view: View, ref: Ref) -> Draft:
    """No replicas, a node selector that no node meets, or suspended, as its kind has it."""
    kind = next((item for item in STOPPED if (ref.group, ref.kind) == (item.GROUP, item.KIND)), None)
    found = view.get(kind, ref.name, ref.namespace) if kind is not None else None
    if found is None:
        return gone(ref)
    owner = next((item for item in found.owners if item.controller), None)
    if owner is not None:
        return refused(ref, KEPT, owner=f"{owner.kind} {owner.name}", what=ref)
    unit = unit_of(view, ref)
    writes = list(_stopping(view, found))
    if not writes or (unit is None and not isinstance(found, CronJob)):
        return as_wanted(ref, f"{ref} has no pods")
    stops = _of_platform(view, ref)
    return Draft(tuple(writes), tuple(_of_stopping(view, found, writes, len(unit.pods) if unit is not None else 0)), stops)


def _stopping(view: View, found: Kind) -> Iterator[Write]:
    if isinstance(found, CronJob):
        if not found.spec.suspend:
            yield merging(found, {"spec": {"suspend": True}})
        yield from (merging(job, {"spec": {"suspend": True}}) for job in _jobs(view, found))
    elif isinstance(found, Job):
        yield merging(found, {"spec": {"suspend": True}})
    elif isinstance(found, DaemonSet):
        nodes = found.spec.template.spec.node_selector
        at = pointer("spec", "template", "spec", "nodeSelector")
        if not nodes:  # an apply would own all of it, since the map is one value
            yield patched(found, add(at, {NOWHERE: "true"}))
        elif NOWHERE not in nodes:
            yield patched(found, expect(at, nodes), add(f"{at}{pointer(NOWHERE)}", "true"))
    elif isinstance(found, ReplicaSet) or (
        isinstance(found, Deployment | StatefulSet | DeploymentConfig) and found.spec.replicas
    ):
        yield scaled(found, 0)


def _jobs(view: View, of: CronJob) -> list[Job]:
    """The Jobs of a CronJob whose pods run now."""
    running = {
        owner.name for pod in view.within(Pod, of.namespace) if pod.is_live for owner in pod.owners if owner.kind == Job.KIND
    }
    mine = (
        job for job in view.within(Job, of.namespace) if any((item.kind, item.name) == (of.KIND, of.name) for item in job.owners)
    )
    return sorted((job for job in mine if job.name in running), key=lambda job: job.name)


def _of_stopping(view: View, found: Kind, writes: list[Write], count: int) -> Iterator[Note]:
    if count:
        yield note(STOPS, found.ref, count=count, what=found.ref)
    if isinstance(found, StatefulSet):
        yield note(STATEFUL, found.ref, what=found.ref)
    if isinstance(found, CronJob | Job | DaemonSet):
        yield note(NOT_STARTED, found.ref, what=found.ref)
    if isinstance(found, CronJob):
        yield from (note(RUNS_STILL, item.ref, job=item.ref) for item in writes if item.ref.kind == Job.KIND)
    if managed_by(found, found.ref) == "gitops":
        yield note(SCALES_BACK, found.ref, what=found.ref)


def _of_platform(view: View, ref: Ref) -> tuple[Stop, ...]:
    if view.derive(namespace_class, ref.namespace) == "user":
        return ()
    return (Stop(note(PLATFORMS, ref, namespace=ref.namespace), override=True),)


def _is_gone(view: View, ref: Ref, was: View) -> bool:
    before, now = was.get(Pod, ref.name, ref.namespace), view.get(Pod, ref.name, ref.namespace)
    return now is None or (before is not None and now.metadata.uid != before.metadata.uid)


@recipe(
    "R-POD-DELETE",
    "Delete the pod",
    risk_class="destructive",
    on=(Pod,),
    writes=(Pod,),
    deletes=(Pod,),
    reads=(*WORKLOADS, *WORKLOADS_WHERE_SERVED),
    contains=("pod",),
    verify_s=60.0,
    done=_is_gone,
)
def delete_pod(view: View, ref: Ref) -> Draft:
    """The pod goes away, by its uid, and with it the tokens that are bound to it."""
    found = view.get(Pod, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    if found.is_mirror:
        return refused(ref, MIRROR, pod=found.name)
    root = root_of(view, found)
    again = note(NEVER_AGAIN, ref) if root.kind == Pod.KIND else note(COMES_AGAIN, ref, root=root)
    return Draft((Write(Pod, found.ref, "delete"),), (note(NO_EVIDENCE, ref), again))


@recipe(
    "R-CORDON",
    "Let no new pods come to the node",
    risk_class="disruptive",
    on=(Node,),
    writes=(Node,),
    reads=(Node, Pod),
    asks=(Question("taint", f"Mark it with the taint {INCIDENT} too, which stops pods of DaemonSets: yes or no", "no"),),
    contains=("node",),
    verify_s=10.0,
    done=lambda view, ref, _: any(item.spec.unschedulable for item in (view.get(Node, ref.name),) if item is not None),
)
def cordon(view: View, ref: Ref, taint: str = "no") -> Draft:
    """Unschedulable, as kubectl cordons it. Draining is a person's work: the guide of the platform has its steps."""
    found = view.get(Node, ref.name)
    if found is None:
        return gone(ref)
    if taint.strip() not in {"yes", "no"}:
        return refused(ref, NO_ANSWER, answer=taint or "nothing")
    operations = [] if found.spec.unschedulable else [add(pointer("spec", "unschedulable"), value=True)]
    if taint.strip() == "yes":
        operations += _tainting(found)
    if not operations:
        return as_wanted(ref, f"{ref} takes no new pods")
    pods = sum(pod.is_live and pod.spec.node_name == found.name for pod in view.all(Pod))
    radius = [note(CORDONED, ref, node=found.name, count=pods), note(STILL_COME, ref, node=found.name)]
    masters = [node for node in view.all(Node) if _roles(node) & _MASTERS]
    if found in masters:
        radius.append(note(CONTROL_PLANE, ref, node=found.name, count=len(masters)))
    return Draft((patched(found, *operations),), tuple(radius), tuple(_last_of_its_role(view, found)))


def _tainting(node: Node) -> Iterator[dict[str, object]]:
    """Our taint, with the one that the control plane adds for a cordon: the list stays as we leave it, and can be taken back."""
    held = node.spec.taints or ()
    if any(item.key == INCIDENT for item in held):
        return
    wanted: list[dict[str, str]] = [{"key": INCIDENT, "value": "true", "effect": "NoSchedule"}]
    if not any(item.key == _UNSCHEDULABLE for item in held):
        wanted.append({"key": _UNSCHEDULABLE, "effect": "NoSchedule"})
    at = pointer("spec", "taints")
    if not held:
        yield add(at, wanted)
    else:
        yield from (add(f"{at}/-", item) for item in wanted)


_UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_ROLE: Final = "node-role.kubernetes.io/"
_MASTERS: Final = frozenset({"master", "control-plane"})


def _roles(node: Node) -> set[str]:
    return {key.removeprefix(_ROLE) for key in node.labels if key.startswith(_ROLE)}


def _last_of_its_role(view: View, node: Node) -> Iterator[Stop]:
    others = [item for item in view.all(Node) if item.name != node.name and item.is_ready and not item.spec.unschedulable]
    if not others:
        yield Stop(note(ONLY_NODE, node.ref), override=True)
        return
    for role in sorted(_roles(node) - {"master"}):
        if not any(role in _roles(item) for item in others):
            yield Stop(note(LAST_NODE, node.ref, role=role), override=True)

"""Workloads: tokens that nobody needs, containers with more room than they need, one replica, no budget, moving tags."""

from __future__ import annotations

from typing import Any, Final

from ztui.checks.base import Reason
from ztui.engines.grants import ACCESS
from ztui.engines.holders import grants_by_holder
from ztui.engines.units import WORKLOADS, Workload, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.network import Service
from ztui.kinds.resilience import PodDisruptionBudget
from ztui.kinds.workload import DaemonSet, Deployment, Namespace, Pod, ServiceAccount, StatefulSet
from ztui.recipes.base import Draft, Question, Stop, applied, gone, made, note, recipe
from ztui.recipes.metadata import EMPTY
from ztui.recipes.netpol import pod_selector
from ztui.recipes.roots import ROLLED, are_new, root_of, unit_of
from ztui.view import View

Body = dict[str, Any]
NAMES: Final = tuple(kind.KIND for kind in ROLLED)

NEXT_START: Final = Reason("token-next-start", "pods of {account} have no token from their next start on: {units}")
HOLDS: Final = Reason("account-holds", "{account} holds rights: {units} may use the token")
NOT_OURS: Final = Reason("not-rolled-out", "{what} has no template that could be changed from here")
RESTARTS: Final = Reason("template-restarts", "{count} pods of {what} start again, one after another")
ROOT: Final = Reason("may-need-root", "a container that needs root, or a capability, no longer starts: look at the first new pod")
ENOUGH: Final = Reason("replicas-enough", "{what} has {count} replicas already")
SHARED: Final = Reason("shared-volume", "pods of {what} would share what one wrote alone: see that it can")
COVERED: Final = Reason("budget-covers", "at most one pod of {what} goes at once on purpose")
ONE: Final = Reason("one-replica", "{what} has one replica: a budget would only stop drains of its node")
UNPULLED: Final = Reason("no-digest", "no running pod tells the digest of {image}")
PINNED: Final = Reason("pinned", "{container}: {image}")


@recipe(
    "R-SA-NOAUTOMOUNT",
    "Mount no token of its account",
    risk_class="disruptive",
    on=(*NAMES, "DeploymentConfig", "Pod", "ReplicaSet", "Job"),
    writes=(ServiceAccount,),
    reads=(*WORKLOADS, *ACCESS, ServiceAccount),
    verify_s=10.0,
    done=lambda view, ref, _: _is_off(view, ref),
)
def no_automount(view: View, ref: Ref) -> Draft:
    """The account's own word; pods that run keep their token until they start again."""
    unit = unit_of(view, ref)
    if unit is None:
        return gone(ref)
    account = view.get(ServiceAccount, unit.account, ref.namespace)
    if account is None:
        return gone(Ref("", "ServiceAccount", ref.namespace, unit.account))
    users = [item for item in view.derive(workloads, ref.namespace) if item.account == account.name]
    names = ", ".join(str(item.root) for item in users)
    holds = f"sa:{ref.namespace}/{account.name}" in view.derive(grants_by_holder)
    stops = (Stop(note(HOLDS, account.ref, account=account.ref, units=names), override=True),) if holds else ()
    told = (note(NEXT_START, account.ref, account=account.ref, units=names),)
    return Draft((applied(account, {"automountServiceAccountToken": False}),), told, stops)


@recipe(
    "R-SECCTX",
    "Confine its containers",
    risk_class="disruptive",
    on=NAMES,
    writes=ROLLED,
    reads=WORKLOADS,
    verify_s=600.0,
    rolls_back=True,
    done=are_new,
)
def confine(view: View, ref: Ref) -> Draft:
    """The restricted profile for every container of the template."""
    unit, root = unit_of(view, ref), root_of(view, ref)
    if unit is None or root is None:
        return Draft(stops=(Stop(note(NOT_OURS, ref, what=ref)),))
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False}
    names = _names(unit)
    pod: Body = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
    spec = {**pod, "containers": [{"name": name, "securityContext": context} for name in names]}
    told = (note(RESTARTS, ref, count=len(unit.pods), what=ref), note(ROOT, ref))
    return Draft((applied(root, _template(spec)),), told)


@recipe(
    "R-REPLICAS",
    "Run it twice",
    risk_class="disruptive",
    on=("Deployment", "StatefulSet"),
    writes=(Deployment, StatefulSet),
    reads=WORKLOADS,
    asks=(Question("replicas", "How many replicas", "2"),),
    verify_s=600.0,
)
def replicas(view: View, ref: Ref, replicas: str = "2") -> Draft:
    """More replicas than one."""
    root, unit = root_of(view, ref), unit_of(view, ref)
    if root is None or isinstance(root, DaemonSet):
        return Draft(stops=(Stop(note(NOT_OURS, ref, what=ref)),))
    wanted, now = int(replicas) if replicas.isdecimal() else 0, len(unit.pods) if unit is not None else 0
    stops = (Stop(note(ENOUGH, ref, what=ref, count=now)),) if wanted <= now else ()
    return Draft((applied(root, {"spec": {"replicas": wanted}}),), (note(SHARED, ref, what=ref),), stops)


@recipe(
    "R-PDB",
    "Let one pod go at a time",
    risk_class="safe",
    on=("Deployment", "StatefulSet"),
    writes=(PodDisruptionBudget,),
    makes=(PodDisruptionBudget,),
    reads=(*WORKLOADS, PodDisruptionBudget, Service),
    verify_s=60.0,
    done=lambda view, ref, _: view.get(PodDisruptionBudget, _budget(ref), ref.namespace) is not None,
)
def budget(view: View, ref: Ref) -> Draft:
    """A budget for its pods, where it has two at least."""
    unit = unit_of(view, ref)
    if unit is None:
        return gone(ref)
    stops = (Stop(note(ONE, ref, what=ref)),) if len(unit.pods) < 2 else ()
    spec = {"maxUnavailable": 1, "selector": pod_selector(unit)}
    held = view.get(PodDisruptionBudget, _budget(ref), ref.namespace)
    write = made(PodDisruptionBudget, _budget(ref), ref.namespace, {"spec": spec}, held=held)
    return Draft((write,), (note(COVERED, ref, what=ref),), stops)


@recipe(
    "R-PIN-DIGEST",
    "Pin its images to what runs",
    risk_class="disruptive",
    on=NAMES,
    writes=ROLLED,
    reads=WORKLOADS,
    verify_s=600.0,
    rolls_back=True,
    done=are_new,
)
def pin(view: View, ref: Ref) -> Draft:
    """The digest that the running pods report, for each container whose image has only a tag."""
    unit, root = unit_of(view, ref), root_of(view, ref)
    if unit is None or root is None:
        return Draft(stops=(Stop(note(NOT_OURS, ref, what=ref)),))
    boxes, told, stops = [], [], []
    for container in unit.pods[0].spec.containers or ():
        if "@" in container.image or container.name not in _names(unit):
            continue
        digest = _digest(unit.pods, container.name)
        if not digest:
            stops.append(Stop(note(UNPULLED, ref, image=container.image)))
            continue
        repository = container.image.rpartition(":")[0] if ":" in container.image.rpartition("/")[2] else container.image
        image = f"{repository}@{digest}"
        boxes.append({"name": container.name, "image": image})
        told.append(note(PINNED, ref, container=container.name, image=image))
    told.append(note(RESTARTS, ref, count=len(unit.pods), what=ref))
    writes = (applied(root, _template({"containers": boxes})),) if boxes else ()
    return Draft(writes, tuple(told), tuple(stops))


@recipe(
    "R-ANNOTATE",
    "Say that it was looked at",
    risk_class="safe",
    on=("Service", "DaemonSet", "Deployment"),
    writes=(Service, DaemonSet, Deployment),
    reads=(Service, DaemonSet, Deployment),
    asks=(
        Question("exposure", "Who may reach it (public, partner, internal)", "internal"),
        Question("reason", "Why it is so"),
    ),
    verify_s=10.0,
)
def annotate(view: View, ref: Ref, exposure: str = "internal", reason: str = "") -> Draft:
    """An owner's word on the object, with its reason."""
    kinds: dict[str, type[Kind]] = {"Service": Service, "DaemonSet": DaemonSet, "Deployment": Deployment}
    found = view.get(kinds[ref.kind], ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    stops = () if reason.strip() and exposure.strip() else (Stop(note(EMPTY, ref, what="a value or its reason")),)
    notes = {"ztui.io/exposure": exposure.strip(), "ztui.io/exposure-reason": reason.strip()}
    write = applied(found, {"metadata": {"annotations": notes}}, manager="ztui:R-ANNOTATE:exposure")
    return Draft((write,), (), stops)


@recipe(
    "R-LABEL-OWNER",
    "Say who answers for it",
    risk_class="safe",
    on=(Namespace, *NAMES),
    writes=(Namespace, *ROLLED),
    reads=(*WORKLOADS, Namespace),
    asks=(Question("owner", "Who answers for the namespace: a team or a person"),),
    verify_s=10.0,
)
def label_owner(view: View, ref: Ref, owner: str = "") -> Draft:
    """The owner's name on the namespace, and on a workload without a name label its own name: no pod starts again."""
    space = view.get(Namespace, ref.name if ref.kind == "Namespace" else ref.namespace)
    if space is None:
        return gone(ref)
    key = view.limits.owner_keys[0]
    writes = [applied(space, {"metadata": {"labels": {key: owner.strip()}}}, manager=f"ztui:R-LABEL-OWNER:{key}")]
    stops = () if owner.strip() else (Stop(note(EMPTY, ref, what="the owner")),)
    root, unit = root_of(view, ref), unit_of(view, ref)
    if root is not None and unit is not None and not unit.has_identity:
        labels = {"app.kubernetes.io/name": root.name}
        writes.append(applied(root, {"metadata": {"labels": labels}}, manager="ztui:R-LABEL-OWNER:name"))
    return Draft(tuple(writes), (), stops)


def _template(spec: Body) -> Body:
    return {"spec": {"template": {"spec": spec}}}


def _names(unit: Workload) -> list[str]:
    """The containers that are in every pod but were not put there at admission, in their order: an apply sets that too."""
    own = [[item.name for item in pod.spec.containers or ()] for pod in unit.pods]
    return [name for name in own[0] if name != "istio-proxy" and all(name in others for others in own)] if own else []


def _digest(pods: tuple[Pod, ...], container: str) -> str:
    found = {
        status.image_id.rpartition("@")[2]
        for pod in pods
        for status in pod.status.container_statuses or ()
        if status.name == container and "@sha256:" in status.image_id
    }
    return found.pop() if len(found) == 1 else ""


def _budget(ref: Ref) -> str:
    return f"ztui-{ref.name}"[:63]


def _is_off(view: View, ref: Ref) -> bool:
    unit = unit_of(view, ref)
    account = view.get(ServiceAccount, unit.account, ref.namespace) if unit is not None else None
    return account is not None and account.automount_service_account_token is False

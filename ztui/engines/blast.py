"""The centre of a blast radius: what ``deployment/shop/api``, ``node/worker-1`` or ``user/alice`` means, and what it holds.

Pure. A name that nothing answers to is an error; one whose objects may not be read is known by its name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from ztui.engines.marks import GapNote, gap_in
from ztui.engines.people import PEOPLE, PEOPLE_WHERE_SERVED, people
from ztui.engines.units import WORKLOADS, Workload, namespace_classes, root_of, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.identity import Group, User
from ztui.kinds.workload import (
    CronJob,
    DaemonSet,
    Deployment,
    DeploymentConfig,
    Job,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    ReplicationController,
    ServiceAccount,
    StatefulSet,
)
from ztui.view import View

Sort = Literal["workload", "account", "node", "person"]

CONTROLLERS: Final[dict[str, type[Kind]]] = {
    kind.KIND.lower(): kind
    for kind in (Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet, DeploymentConfig, ReplicationController)
}
"""What may be the root of a workload, and is read here."""

SHORT: Final[dict[str, str]] = {
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "rs": "replicaset",
    "cj": "cronjob",
    "dc": "deploymentconfig",
    "rc": "replicationcontroller",
    "po": "pod",
    "sa": "serviceaccount",
    "no": "node",
}
_PLACED: Final = frozenset({*CONTROLLERS, "pod", "serviceaccount"})
_FORMS: Final = "deployment/NAMESPACE/NAME, NAMESPACE/NAME, serviceaccount/NAMESPACE/NAME, node/NAME, user/NAME or group/NAME"


class NoSuchCentreError(LookupError):
    """Nothing is known by that name, or several things are; the message says so in raw text."""


class Centre(msgspec.Struct, frozen=True):
    """What a blast radius is drawn around.

    ``ref`` has no uid where only the name is known. ``units`` are the live workloads that it is, or that run as
    it or on it; ``pods`` are theirs and the ended ones. ``gap`` says why they may not be all. ``who`` is the subject of RBAC that
    it acts as: ``sa:NS/NAME``, ``user:U``, ``group:G``; empty where there are many, or none.
    """

    sort: Sort
    ref: Ref
    units: tuple[Workload, ...] = ()
    pods: tuple[Pod, ...] = ()
    who: str = ""
    gap: GapNote | None = None

    @property
    def name(self) -> str:
        """As people type it; raw text."""
        return str(self.ref)

    @property
    def accounts(self) -> tuple[tuple[str, str], ...]:
        """The ServiceAccounts that it acts as, by namespace and name."""
        if self.sort == "account":
            return ((self.ref.namespace, self.ref.name),)
        return tuple(
            sorted({(pod.namespace, pod.account) for pod in (*self.pods, *(pod for unit in self.units for pod in unit.pods))})
        )

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that its live pods are on, else those that its ended ones were on; or itself."""
        if self.sort == "node":
            return (self.ref.name,)
        live = {pod.spec.node_name for pod in self.pods if pod.is_live} - {""}
        return tuple(sorted(live or {pod.spec.node_name for pod in self.pods} - {""}))


def centre_of(view: View, text: str, namespace: str = "") -> Centre:
    """What a name means. ``namespace`` completes one that has none. Raises NoSuchCentreError."""
    sort, _, rest = text.partition("/")
    sort = SHORT.get(sort.lower(), sort.lower())
    if sort in {"user", "group"} and rest:
        return _person(view, f"{sort}:{rest}")
    parts = [part for part in text.split("/") if part]
    if sort == "node" and len(parts) == 2:
        return _node(view, parts[1])
    kind, place, name = _placed(parts, namespace)
    if view.get(Namespace, place) is None and view.gap(Namespace) is None:
        raise NoSuchCentreError(f"there is no namespace {place}")
    if kind == "serviceaccount":
        return _account(view, place, name)
    if kind == "pod":
        return _of_pod(view, place, name)
    return _workload(view, kind, place, name)


def secrets_of(pods: Iterable[Pod]) -> dict[str, tuple[str, ...]]:
    """The Secrets that pods hold by name, each with how: ``mounted``, or the environment variables that come from it."""
    found: dict[str, dict[str, None]] = {}
    for pod in pods:
        for name, how in _secrets(pod):
            found.setdefault(name, {})[how] = None
    return {name: tuple(found[name]) for name in sorted(found)}


def literals_of(pods: Iterable[Pod]) -> tuple[str, ...]:
    """The environment variables that speak of a credential and stand in the pod as they are; no value is known here."""
    named = (item for pod in pods for box in pod.containers for item in box.secret_env)
    return tuple(sorted({item.name for item in named if item.value in {"literal", "login"} and not item.from_secret}))


def looseness(pod: Pod) -> tuple[str, ...]:
    """What makes a pod a way to its node, the worst first; empty for a confined one."""
    spec = pod.spec
    contexts = [box.security_context for box in pod.containers if box.security_context is not None]
    found = ["privileged"] if any(item.privileged for item in contexts) else []
    found += [
        word
        for word, holds in (("host PID", spec.host_pid), ("host network", spec.host_network), ("host IPC", spec.host_ipc))
        if holds
    ]
    paths = sorted({item.host_path.path for item in spec.volumes or () if item.host_path is not None})
    found += [f"host path {path}" for path in paths]
    added = sorted({name for item in contexts for name in (item.capabilities.add if item.capabilities else None) or ()})
    return (*found, *(f"capability {name}" for name in added if name != "NET_BIND_SERVICE"))


class Neighbour(msgspec.Struct, frozen=True):
    """Another workload on some of the same nodes, and what makes its pods there loose."""

    unit: Ref
    account: str
    nodes: tuple[str, ...]
    loose: tuple[str, ...] = ()
    platform: bool = False


def neighbours(view: View, nodes: Iterable[str], own: Iterable[Ref] = ()) -> tuple[Neighbour, ...]:
    """What else runs on these nodes: the loosest first, tenants before the platform."""
    wanted, left_out = frozenset(nodes), frozenset(own)
    found = []
    for name, kind in view.derive(namespace_classes, frozenset()).items():
        for unit in view.derive(workloads, name):
            here = [pod for pod in unit.pods if pod.spec.node_name in wanted]
            if here and unit.root not in left_out:
                loose = tuple(dict.fromkeys(word for pod in here for word in looseness(pod)))
                places = tuple(sorted({pod.spec.node_name for pod in here}))
                found.append(Neighbour(unit.root, unit.account, places, loose, kind == "platform"))
    return tuple(sorted(found, key=lambda item: (not item.loose, item.platform, "privileged" not in item.loose, item.unit)))


def _secrets(pod: Pod) -> Iterator[tuple[str, str]]:
    for volume in pod.spec.volumes or ():
        if volume.secret is not None and volume.secret.secret_name:
            yield volume.secret.secret_name, "mounted"
        for source in (volume.projected.sources if volume.projected else None) or ():
            if source.secret is not None and source.secret.name:
                yield source.secret.name, "mounted"
    for box in pod.containers:
        for item in box.secret_env:
            if item.from_secret:
                yield item.from_secret, f"variable {item.name}"
        for whole in box.env_from or ():
            if whole.secret_ref is not None and whole.secret_ref.name:
                yield whole.secret_ref.name, "all of it as variables"


def _placed(parts: list[str], namespace: str) -> tuple[str, str, str]:
    """Kind (empty for any), namespace and name. Raises NoSuchCentreError."""
    first = SHORT.get(parts[0].lower(), parts[0].lower()) if parts else ""
    if len(parts) == 3:
        second = SHORT.get(parts[1].lower(), parts[1].lower())
        # Both orders are in use: kind/namespace/name as we write it, namespace/kind/name as can-reach takes it.
        if first not in _PLACED and second in _PLACED:
            return second, parts[0], parts[2]
        return first, parts[1], parts[2]
    if len(parts) == 2 and first in _PLACED and namespace:
        return first, namespace, parts[1]
    if len(parts) == 2:
        return "", parts[0], parts[1]
    if len(parts) == 1 and namespace:
        return "", namespace, parts[0]
    raise NoSuchCentreError(f"{'/'.join(parts)!r} is none of {_FORMS}")


def _workload(view: View, kind: str, place: str, name: str) -> Centre:
    live = view.derive(workloads, place)
    found = [unit for unit in live if unit.root.name == name and kind in {"", unit.root.kind.lower()}]
    if len(found) > 1:
        told = ", ".join(str(unit.root) for unit in found)
        raise NoSuchCentreError(f"{place}/{name} could be {told}")
    gap = gap_in(view, WORKLOADS, place)
    if found:
        return _around(view, found[0].root, found, gap)
    for told_kind, of in CONTROLLERS.items():
        held = view.get(of, name, place) if kind in {"", told_kind} else None
        if held is not None:
            return _around(view, held.ref, [], gap)
    if kind == "" and (pod := view.get(Pod, name, place)) is not None:
        root = _root(view, pod)
        return _around(view, root, [unit for unit in live if unit.root == root], gap)
    if gap is not None and kind in CONTROLLERS:
        of = CONTROLLERS[kind]
        return Centre("workload", Ref(of.GROUP, of.KIND, place, name), gap=gap)
    if gap is not None:
        raise NoSuchCentreError(f"what {place}/{name} is cannot be seen ({gap[0]}: {gap[1]}); name it with its kind")
    raise NoSuchCentreError(f"nothing in {place} is called {kind}{' ' if kind else ''}{name}")


def _around(view: View, root: Ref, units: list[Workload], gap: GapNote | None) -> Centre:
    """A workload with its pods, those that have ended too."""
    key = (root.group, root.kind, root.name)
    pods = [pod for pod in view.within(Pod, root.namespace) if _key(_root(view, pod)) == key]
    pods.sort(key=lambda pod: (not pod.is_live, pod.name))
    accounts = {pod.account for pod in pods}
    who = f"sa:{root.namespace}/{accounts.pop()}" if len(accounts) == 1 else ""
    return Centre("workload", root, tuple(units), tuple(pods), who, gap)


def _root(view: View, pod: Pod) -> Ref:
    """The root controller of a pod; a static pod, which its node owns, stands for itself."""
    return pod.ref if pod.is_mirror else root_of(view, pod)


def _key(ref: Ref) -> tuple[str, str, str]:
    return ref.group, ref.kind, ref.name


def _of_pod(view: View, place: str, name: str) -> Centre:
    pod = view.get(Pod, name, place)
    gap = gap_in(view, (Pod,), place)
    if pod is None and gap is None:
        raise NoSuchCentreError(f"there is no pod {place}/{name}")
    if pod is None:
        return Centre("workload", Ref("", "Pod", place, name), gap=gap)
    root = _root(view, pod)
    units = [unit for unit in view.derive(workloads, place) if unit.root == root]
    return _around(view, root, units, gap_in(view, WORKLOADS, place))


def _account(view: View, place: str, name: str) -> Centre:
    held = view.get(ServiceAccount, name, place)
    units = tuple(unit for unit in view.derive(workloads, place) if any(pod.account == name for pod in unit.pods))
    pods = tuple(
        sorted((pod for pod in view.within(Pod, place) if pod.account == name), key=lambda pod: (not pod.is_live, pod.name))
    )
    gap = gap_in(view, (ServiceAccount, *WORKLOADS), place)
    if held is None and not pods and gap is None:
        raise NoSuchCentreError(f"there is no ServiceAccount {place}/{name}, and no pod runs as one of that name")
    ref = held.ref if held is not None else Ref("", "ServiceAccount", place, name)
    return Centre("account", ref, units, pods, f"sa:{place}/{name}", gap)


def _node(view: View, name: str) -> Centre:
    held = view.get(Node, name)
    gap = gap_in(view, (Node, *WORKLOADS), "")
    if held is None and view.gap(Node) is None:
        raise NoSuchCentreError(f"there is no node {name}")
    units = tuple(
        unit
        for place in view.derive(namespace_classes, frozenset())
        for unit in view.derive(workloads, place)
        if any(pod.spec.node_name == name for pod in unit.pods)
    )
    pods = tuple(pod for unit in units for pod in unit.pods if pod.spec.node_name == name)
    return Centre("node", held.ref if held is not None else Ref("", "Node", "", name), units, pods, gap=gap)


def _person(view: View, who: str) -> Centre:
    sort, _, name = who.partition(":")
    of: type[Kind] = Group if sort == "group" else User
    held = view.get(of, name)
    gap = gap_in(view, (*PEOPLE, *PEOPLE_WHERE_SERVED), "")
    if held is None and gap is None and who not in view.derive(people) and not name.startswith("system:"):
        raise NoSuchCentreError(f"no object names a {sort} {name}")
    ref = held.ref if held is not None else Ref(of.GROUP, of.KIND, "", name)
    return Centre("person", ref, who=who, gap=gap)

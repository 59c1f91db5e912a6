"""Which workload owns this pod; which class a namespace is in; what platform this is; who manages an object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from ztui.kinds.base import CLUSTER, Kind, Owner, Ref
from ztui.kinds.gitops import ClusterServiceVersion
from ztui.kinds.openshift import ClusterOperator, Infrastructure
from ztui.kinds.policy import APIService, MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from ztui.kinds.workload import (
    ConfigMapMarker,
    CronJob,
    DaemonSet,
    Deployment,
    DeploymentConfig,
    Job,
    Namespace,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from ztui.view import Gap, View, Why

WORKLOADS: Final[tuple[type[Kind], ...]] = (
    Pod,
    ReplicaSet,
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    ReplicationController,
)
"""What ``workloads`` reads; a check that calls it needs these, and ``WORKLOADS_WHERE_SERVED``."""

WORKLOADS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (DeploymentConfig,)

SCOPE: Final[tuple[type[Kind], ...]] = (
    Namespace,
    ClusterOperator,
    Infrastructure,
    ClusterServiceVersion,
    ValidatingWebhookConfiguration,
    MutatingWebhookConfiguration,
    APIService,
    ConfigMapMarker,
)
"""What ``namespace_classes`` and ``platform`` read; every check may read these."""

NamespaceClass = Literal["user", "addon", "platform", "unproven"]
Variant = Literal["ocp", "k8s", "microshift"]

_ALWAYS_PLATFORM: Final = frozenset(
    {"kube-system", "kube-public", "kube-node-lease", "openshift", "openshift-infra", "openshift-node"}
)
_OPERATORS: Final = "openshift-operators"
_WATCHED: Final = "openshift.io/cluster-monitoring"
_NAME_LABELS: Final = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/part-of", "app")
_OWN_GROUPS: Final = frozenset({"", "apps", "batch", "apps.openshift.io"})
_PARENTS: Final[dict[str, type[Kind]]] = {
    "ReplicaSet": ReplicaSet,
    "ReplicationController": ReplicationController,
    "Job": Job,
    "Deployment": Deployment,
    "StatefulSet": StatefulSet,
    "DaemonSet": DaemonSet,
    "CronJob": CronJob,
    "DeploymentConfig": DeploymentConfig,
}
_STEPS: Final = 8


class Platform(msgspec.Struct, frozen=True):
    """What this cluster is. ``gap`` is set where even that could not be read; then ``variant`` is a guess not to rely on."""

    variant: Variant
    hosted: bool = False
    single_node: bool = False
    topology: str = ""
    gap: Gap | None = None


class Workload(msgspec.Struct, frozen=True):
    """The root controller of at least one live pod, or a live pod that nobody controls (``naked``).

    ``labels`` are those of the root, completed by those of its pods. ``manager`` says who writes the root.
    """

    root: Ref
    pods: tuple[Pod, ...]
    labels: dict[str, str]
    naked: bool
    manager: Literal["gitops", "operator", "helm", "direct"]

    @property
    def account(self) -> str:
        """The ServiceAccount its pods run as."""
        return self.pods[0].account

    @property
    def app(self) -> str:
        """The application it belongs to: ``part-of`` before ``name`` before ``app``; empty where no label says."""
        order = ("app.kubernetes.io/part-of", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app")
        return next((self.labels[key] for key in order if self.labels.get(key)), "")

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes its pods are on, by name."""
        return tuple(sorted({pod.spec.node_name for pod in self.pods if pod.spec.node_name}))

    @property
    def has_identity(self) -> bool:
        """Whether a label says what it is."""
        return any(self.labels.get(key) for key in _NAME_LABELS)


def platform(view: View) -> Platform:
    """What platform this is.

    Source: config.openshift.io/v1 Infrastructure ``status.controlPlaneTopology``; ConfigMap ``kube-public/microshift-version``.
    """
    gap = view.gap(Infrastructure)
    if gap is None:
        found = view.get(Infrastructure, "cluster")
        topology = found.status.control_plane_topology if found else ""
        return Platform("ocp", hosted=topology == "External", single_node=topology == "SingleReplica", topology=topology)
    if gap.why is not Why.ABSENT:
        return Platform("ocp", gap=gap)
    if view.get(ConfigMapMarker, "microshift-version", "kube-public") is not None:
        return Platform("microshift")
    # Absence of the marker counts only if it could be read: a forbidden ConfigMap on a plain cluster is the common case.
    return Platform("k8s")


def namespace_classes(view: View, extra_platform: frozenset[str] = frozenset()) -> dict[str, NamespaceClass]:
    """The class of every namespace that is known.

    ``platform``: a cluster operator answers for it. ``addon``: an operator is installed in it (``openshift-operators`` is for
    it), the API server trusts a webhook or an API service in it, or it has a reserved name and the platform's monitoring watches
    it. All of this takes cluster rights to arrange: a project of a reserved name is refused, and so is its label, so a tenant
    cannot leave the judged scope.
    ``user``: the rest. ``unproven``: the name looks reserved, and whether an operator answers for it could not be read.
    """
    gap = view.gap(ClusterOperator)
    blind = gap is not None and gap.why is not Why.ABSENT
    platforms = extra_platform | _ALWAYS_PLATFORM | _answered_for(view)
    addons = _trusted(view)
    return {
        item.name: _class_of(item.name, platforms, addons, blind=blind)
        for item in sorted(view.all(Namespace), key=lambda item: item.name)
    }


def namespace_class(view: View, name: str, extra_platform: frozenset[str] = frozenset()) -> NamespaceClass:
    """The class of one namespace; ``user`` where it is not known at all."""
    return view.derive(namespace_classes, extra_platform).get(name, "user")


def looks_reserved(name: str) -> bool:
    """Whether a namespace's name claims to belong to the platform."""
    return name.startswith(("openshift-", "kube-"))


def workloads(view: View, namespace: str) -> tuple[Workload, ...]:
    """The workloads of a namespace, sorted by kind and name. Finished pods and finished jobs have no part in it."""
    pods: dict[Ref, list[Pod]] = {}
    roots: dict[tuple[Owner, ...], Ref] = {}  # the pods of one controller have one root
    for pod in view.within(Pod, namespace):
        if pod.is_live and not pod.is_mirror:
            root = roots.get(pod.owners)
            if root is None:
                root = root_of(view, pod)
                if root.kind != "Pod":
                    roots[pod.owners] = root
            pods.setdefault(root, []).append(pod)
    return tuple(_workload(view, root, pods[root]) for root in sorted(pods))


def root_of(view: View, of: Kind) -> Ref:
    """The outermost controller of an object; the object itself where nothing controls it."""
    ref, owners = of.ref, of.owners
    for _ in range(_STEPS):
        owner = next((item for item in owners if item.controller), None)
        if owner is None:
            return ref
        ref = Ref(owner.group, owner.kind, of.namespace, owner.name, owner.uid)
        parent = _object(view, owner, of.namespace)
        owners = parent.owners if parent else ()
    return ref


def managed_by(of: Kind | None, root: Ref) -> Literal["gitops", "operator", "helm", "direct"]:
    """Who writes this object: a fix has to go where the truth is."""
    labels = of.labels if of else {}
    notes = of.annotations if of else {}
    flux = "kustomize.toolkit.fluxcd.io/name"
    if "argocd.argoproj.io/tracking-id" in notes or flux in labels or flux in notes:
        return "gitops"
    if root.group not in _OWN_GROUPS:
        return "operator"
    return "helm" if labels.get("app.kubernetes.io/managed-by") == "Helm" else "direct"


def owner_of(namespace: Namespace, keys: tuple[str, ...]) -> str:
    """Who answers for a namespace; empty where nobody does. A requester that is the system or an account is nobody."""
    for key in keys:
        found = namespace.labels.get(key) or namespace.annotations.get(key)
        if found:
            return found
    requester = namespace.annotations.get("openshift.io/requester", "")
    return "" if requester.startswith("system:") else requester


def _workload(view: View, root: Ref, pods: list[Pod]) -> Workload:
    pods.sort(key=lambda pod: pod.name)
    kind = _PARENTS.get(root.kind)
    top: Kind | None = pods[0] if root.kind == "Pod" else None
    if kind is not None and root.group == kind.GROUP:
        top = view.get(kind, root.name, root.namespace)
    labels = {**pods[0].labels, **(top.labels if top else {})}
    return Workload(root, tuple(pods), labels, root.kind == "Pod", managed_by(top, root))


def _object(view: View, owner: Owner, namespace: str) -> Kind | None:
    kind = _PARENTS.get(owner.kind)
    if kind is None or owner.group != kind.GROUP:
        return None
    return view.get(kind, owner.name, namespace)


def _answered_for(view: View) -> set[str]:
    return {
        item.name
        for operator in view.all(ClusterOperator)
        for item in operator.status.related_objects or ()
        if item.resource == "namespaces"
    }


def _trusted(view: View) -> set[str]:
    found = {item.namespace for item in view.all(ClusterServiceVersion) if not item.is_copy}
    configs: Iterable[ValidatingWebhookConfiguration | MutatingWebhookConfiguration] = (
        *view.all(ValidatingWebhookConfiguration),
        *view.all(MutatingWebhookConfiguration),
    )
    for config in configs:
        hooks = (hook.client_config.service for hook in config.webhooks or ())
        found.update(target.namespace for target in hooks if target)
    for service in view.all(APIService):
        if service.spec.service:
            found.add(service.spec.service.namespace)
    watched = (item for item in view.all(Namespace) if item.labels.get(_WATCHED) == "true")
    found.update(item.name for item in watched if looks_reserved(item.name))
    return found - {CLUSTER, "default"} | {_OPERATORS}


def _class_of(name: str, platforms: frozenset[str] | set[str], addons: set[str], *, blind: bool) -> NamespaceClass:
    if name in platforms or (name.startswith("openshift-") and name.endswith("-debug")):
        return "platform"
    if name in addons:
        return "addon"
    return "unproven" if blind and looks_reserved(name) else "user"

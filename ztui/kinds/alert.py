"""What stands beside a cluster and tells of events: alerts and violations, each as signals.

Source: Alertmanager's ``/api/v2/alerts``; ListAlert of ACS Central's ``/v1/alerts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.kinds.base import Meta, instant
from ztui.kinds.incident import Level, Signal, Subject, signal
from ztui.kinds.notice import Passing

ALERT_LEVELS: Final[dict[str, Level]] = {"critical": "high"}
"""An alert is about operations first: a critical one opens an incident, a warning only joins one about the same thing."""

_UNKNOWN: Final = Meta(name="?", uid="", resource_version="")


class Told(Passing, frozen=True):
    """Something that is not an object of an API: it has no metadata of its own."""

    GROUP = "signals"
    SOURCE = "metrics"
    PROFILE = "M"
    NAMESPACED = False
    metadata: Meta = _UNKNOWN


class FiringAlert(Told, frozen=True):
    """An alert that fires and nobody silenced."""

    PLURAL = "firingalerts"
    KIND = "FiringAlert"

    fingerprint: str = ""
    starts_at: str = ""
    labels_: dict[str, str] = msgspec.field(default_factory=dict, name="labels")
    annotations_: dict[str, str] = msgspec.field(default_factory=dict, name="annotations")

    def signals(self) -> Iterator[Signal]:
        """The alert, once for each time that it began."""
        at, labels = instant(self.starts_at), self.labels_
        name = labels.get("alertname", "")
        if at is None or not name or labels.get("severity") == "none":
            return
        words = self.annotations_.get("summary") or self.annotations_.get("description") or self.annotations_.get("message", "")
        about = Subject(labels.get("namespace", ""), pod=labels.get("pod", ""), node=labels.get("node", ""))
        for label, kind in _WORKLOAD_LABELS.items():
            if not about.pod and labels.get(label):
                about = Subject(about.namespace, group=kind[0], kind=kind[1], name=labels[label])
        level = ALERT_LEVELS.get(labels.get("severity", ""), "low")
        yield signal("alertmanager", f"{self.fingerprint}/{self.starts_at}", at, level, name, words, about)


_WORKLOAD_LABELS: Final = {
    "deployment": ("apps", "Deployment"),
    "statefulset": ("apps", "StatefulSet"),
    "daemonset": ("apps", "DaemonSet"),
    "job_name": ("batch", "Job"),
}


VIOLATION_LEVELS: Final[dict[str, Level]] = {
    "CRITICAL_SEVERITY": "critical",
    "HIGH_SEVERITY": "high",
    "MEDIUM_SEVERITY": "medium",
    "LOW_SEVERITY": "low",
}


class ViolatedPolicy(msgspec.Struct, frozen=True):
    """The policy of ACS that was broken. Source: ListAlertPolicy."""

    name: str = ""
    severity: str = ""
    description: str = ""
    categories: tuple[str, ...] | None = None


class ViolatingEntity(msgspec.Struct, frozen=True, rename="camel"):
    """What broke it; ``id`` of a deployment is the uid of the workload. Source: ListAlertDeployment, ResourceEntity."""

    id: str = ""
    name: str = ""
    namespace: str = ""
    cluster_name: str = ""
    deployment_type: str = ""


class ViolationPlace(msgspec.Struct, frozen=True, rename="camel"):
    """Where it happened. Source: CommonEntityInfo."""

    cluster_name: str = ""
    namespace: str = ""
    resource_type: str = ""


class Violation(Told, frozen=True, rename="camel"):
    """A violation of a policy of ACS that nobody has resolved. Source: ListAlert."""

    PLURAL = "violations"
    KIND = "Violation"

    id: str = ""
    lifecycle_stage: str = ""
    time: str = ""
    policy: ViolatedPolicy = ViolatedPolicy()
    common_entity_info: ViolationPlace = ViolationPlace()
    deployment: ViolatingEntity | None = None
    resource: ViolatingEntity | None = None
    node: ViolatingEntity | None = None

    @property
    def cluster(self) -> str:
        """The name that Central has for the cluster; empty where it tells none."""
        return self.common_entity_info.cluster_name or (self.deployment.cluster_name if self.deployment else "")

    def signals(self) -> Iterator[Signal]:
        """The violation, once for each time that it was seen."""
        at = instant(self.time)
        if at is None or not self.id or not self.policy.name:
            return
        level = VIOLATION_LEVELS.get(self.policy.severity, "low")
        stage = f"at {self.lifecycle_stage.lower()}: " if self.lifecycle_stage else ""
        words = stage + (self.policy.description or ", ".join(self.policy.categories or ()))
        yield signal("acs", f"{self.id}/{self.time}", at, level, self.policy.name, words, self._subject())

    def _subject(self) -> Subject:
        place = self.common_entity_info
        if self.deployment is not None:
            space = place.namespace or self.deployment.namespace
            kind = self.deployment.deployment_type or "Deployment"
            group = _GROUPS.get(kind, "apps")
            return Subject(space, uid=self.deployment.id, group=group, kind=kind, name=self.deployment.name)
        if self.node is not None:
            return Subject(node=self.node.name)
        if self.resource is not None and place.resource_type in _RESOURCES:
            group, kind = _RESOURCES[place.resource_type]
            # Of a whole kind of resource there is no one name.
            return Subject(place.namespace, group=group, kind=kind if self.resource.name else "", name=self.resource.name)
        return Subject(place.namespace)


_GROUPS: Final = {
    "Pod": "",
    "ReplicationController": "",
    "Job": "batch",
    "CronJob": "batch",
    "DeploymentConfig": "apps.openshift.io",
}
_RESOURCES: Final = {
    "SECRETS": ("", "Secret"),
    "CONFIGMAPS": ("", "ConfigMap"),
    "CLUSTER_ROLES": ("rbac.authorization.k8s.io", "ClusterRole"),
    "CLUSTER_ROLE_BINDINGS": ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    "NETWORK_POLICIES": ("networking.k8s.io", "NetworkPolicy"),
    "SECURITY_CONTEXT_CONSTRAINTS": ("security.openshift.io", "SecurityContextConstraints"),
    "EGRESS_FIREWALLS": ("k8s.ovn.org", "EgressFirewall"),
}

"""Pods and what controls them, with the services and accounts that they use. Source: core/v1, apps/v1, batch/v1."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class Namespace(Kind, frozen=True):
    """A namespace; its labels carry the pod security level, the owner and the mesh enrolment."""

    PLURAL: ClassVar[str] = "namespaces"
    KIND: ClassVar[str] = "Namespace"
    NAMESPACED: ClassVar[bool] = False


class ContainerPort(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A port that a container declares. Source: core/v1 ContainerPort."""

    container_port: int = 0
    host_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class SecurityContext(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What of a container's security context is judged. Source: core/v1 SecurityContext."""

    privileged: bool = False


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container's identity and ports. Environment values have no place here."""

    name: str
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    security_context: SecurityContext | None = None
    restart_policy: str = ""


class TokenSource(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A projected ServiceAccount token. Source: core/v1 ServiceAccountTokenProjection."""

    audience: str = ""
    expiration_seconds: int = 3600
    path: str = ""


class VolumeSource(msgspec.Struct, frozen=True, rename="camel"):
    """One source of a projected volume; only tokens are kept."""

    service_account_token: TokenSource | None = None


class Projected(msgspec.Struct, frozen=True, rename="camel"):
    """A projected volume. Source: core/v1 ProjectedVolumeSource."""

    sources: tuple[VolumeSource, ...] | None = None


class Volume(msgspec.Struct, frozen=True, rename="camel"):
    """A pod volume; only projected tokens are kept."""

    name: str
    projected: Projected | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a pod's spec that is judged. Source: core/v1 PodSpec."""

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    service_account_name: str = "default"
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    volumes: tuple[Volume, ...] | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What runs in a container. Source: core/v1 ContainerStatus."""

    name: str
    image_id: str = msgspec.field(default="", name="imageID")
    restart_count: int = 0
    ready: bool = False


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod is doing. Source: core/v1 PodStatus."""

    phase: str = "Unknown"
    pod_ip: str = msgspec.field(default="", name="podIP")
    container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Kind, frozen=True):
    """A pod."""

    PLURAL: ClassVar[str] = "pods"
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec
    status: PodStatus = PodStatus()

    @property
    def containers(self) -> tuple[Container, ...]:
        """App and init containers together."""
        return (*(self.spec.containers or ()), *(self.spec.init_containers or ()))

    @property
    def account(self) -> str:
        """The ServiceAccount it runs as; an empty name means ``default``."""
        return self.spec.service_account_name or "default"

    @property
    def is_live(self) -> bool:
        """Pending, running or unknown, and not being deleted."""
        return self.status.phase in {"Pending", "Running", "Unknown"} and not self.is_going

    @property
    def is_mirror(self) -> bool:
        """A static pod of a node, shown by the kubelet."""
        return "kubernetes.io/config.mirror" in self.annotations


class PodTemplate(msgspec.Struct, frozen=True, rename="camel"):
    """A pod template's metadata: only its labels are kept."""

    metadata: TemplateMeta | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The labels that its pods start with."""
        return (self.metadata.labels if self.metadata else None) or {}


class TemplateMeta(msgspec.Struct, frozen=True):
    """Labels of a pod template."""

    labels: dict[str, str] | None = None


class ScalableSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Replicas, selector and template of a controller."""

    replicas: int = 1
    selector: Selector | None = None
    template: PodTemplate | None = None


class Deployment(Kind, frozen=True):
    """A Deployment."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "deployments"
    KIND: ClassVar[str] = "Deployment"

    spec: ScalableSpec = ScalableSpec()


class StatefulSet(Kind, frozen=True):
    """A StatefulSet."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "statefulsets"
    KIND: ClassVar[str] = "StatefulSet"

    spec: ScalableSpec = ScalableSpec()


class DaemonSet(Kind, frozen=True):
    """A DaemonSet; its metadata says all that is judged."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "daemonsets"
    KIND: ClassVar[str] = "DaemonSet"
    METADATA_ONLY: ClassVar[bool] = True


class ReplicaSet(Kind, frozen=True):
    """A ReplicaSet; only its owner matters."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "replicasets"
    KIND: ClassVar[str] = "ReplicaSet"
    METADATA_ONLY: ClassVar[bool] = True


class ReplicationController(Kind, frozen=True):
    """A ReplicationController; only its owner matters."""

    PLURAL: ClassVar[str] = "replicationcontrollers"
    KIND: ClassVar[str] = "ReplicationController"
    METADATA_ONLY: ClassVar[bool] = True


class DeploymentConfigSpec(msgspec.Struct, frozen=True):
    """Replicas of a DeploymentConfig; its selector is a plain map, unlike a Deployment's."""

    replicas: int = 1


class DeploymentConfig(Kind, frozen=True):
    """A DeploymentConfig. Source: apps.openshift.io/v1."""

    GROUP: ClassVar[str] = "apps.openshift.io"
    PLURAL: ClassVar[str] = "deploymentconfigs"
    KIND: ClassVar[str] = "DeploymentConfig"

    spec: DeploymentConfigSpec = DeploymentConfigSpec()


class Job(Kind, frozen=True):
    """A Job; only its owner matters."""

    GROUP: ClassVar[str] = "batch"
    PLURAL: ClassVar[str] = "jobs"
    KIND: ClassVar[str] = "Job"
    METADATA_ONLY: ClassVar[bool] = True


class CronJob(Kind, frozen=True):
    """A CronJob; its labels may name it as a backup."""

    GROUP: ClassVar[str] = "batch"
    PLURAL: ClassVar[str] = "cronjobs"
    KIND: ClassVar[str] = "CronJob"

    status: CronJobStatus | None = None


class CronJobStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """When a CronJob last ran well. Source: batch/v1 CronJobStatus."""

    last_successful_time: str | None = None


class ServiceAccount(Kind, frozen=True):
    """A ServiceAccount: the identity of workloads."""

    PLURAL: ClassVar[str] = "serviceaccounts"
    KIND: ClassVar[str] = "ServiceAccount"

    automount_service_account_token: bool | None = None


class ConfigMapMarker(Kind, frozen=True):
    """The one ConfigMap that marks a MicroShift: its metadata is enough."""

    PLURAL: ClassVar[str] = "configmaps"
    KIND: ClassVar[str] = "ConfigMap"
    METADATA_ONLY: ClassVar[bool] = True
    SINGLE: ClassVar[tuple[str, str] | None] = ("kube-public", "microshift-version")


class NodeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """A node's conditions. Source: core/v1 NodeStatus."""

    conditions: tuple[Condition, ...] | None = None


class Node(Kind, frozen=True):
    """A node; its labels carry role and zone."""

    PLURAL: ClassVar[str] = "nodes"
    KIND: ClassVar[str] = "Node"
    NAMESPACED: ClassVar[bool] = False

    status: NodeStatus = NodeStatus()

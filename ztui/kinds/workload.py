"""Pods and what controls them, with the services and accounts that they use. Source: core/v1, apps/v1, batch/v1."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind, Selector, condition, shared


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


class TypeOnly(msgspec.Struct, frozen=True, gc=False):
    """A choice of which only the type is kept (a seccomp profile, SELinux options)."""

    type: str = ""


class Capabilities(msgspec.Struct, frozen=True):
    """Capabilities beside those of the runtime's default."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class SecurityContext(msgspec.Struct, frozen=True, rename="camel"):
    """What of a container's security context is judged. Source: core/v1 SecurityContext."""

    privileged: bool = False
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    proc_mount: str = ""
    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    seccomp_profile: TypeOnly | None = None
    se_linux_options: TypeOnly | None = None


class PodSecurityContext(msgspec.Struct, frozen=True, rename="camel"):
    """Defaults for the containers of a pod. Source: core/v1 PodSecurityContext."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    seccomp_profile: TypeOnly | None = None
    se_linux_options: TypeOnly | None = None


class Named(msgspec.Struct, frozen=True, gc=False):
    """The name of another object, nothing of what it holds."""

    name: str = ""


class EnvSource(msgspec.Struct, frozen=True, rename="camel"):
    """Where the value of an environment variable comes from; only Secrets matter."""

    secret_key_ref: Named | None = None


class EnvVar(msgspec.Struct, frozen=True, rename="camel"):
    """An environment variable. Its value is sealed at the door: only its shape is kept.

    ``value`` is empty, ``literal``, ``reference`` (made of other variables) or ``login`` (a URL with user and password in it).
    """

    name: str
    value: str = ""
    value_from: EnvSource | None = None

    def __post_init__(self) -> None:
        """Seal the value."""
        if self.value:
            force_setattr(self, "value", _shape(self.value))

    @property
    def from_secret(self) -> str:
        """The Secret that the value comes from; empty where it comes from elsewhere."""
        return self.value_from.secret_key_ref.name if self.value_from and self.value_from.secret_key_ref else ""


class EnvFrom(msgspec.Struct, frozen=True, rename="camel"):
    """A whole object as environment; only Secrets matter."""

    secret_ref: Named | None = None


class VolumeMount(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where a volume is mounted, and whether it may be written."""

    name: str
    read_only: bool = False


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """Quantities of what a quota counts, as they are written."""

    cpu: str | int | float = ""
    memory: str | int | float = ""


class Resources(msgspec.Struct, frozen=True, gc=False):
    """What a container asks for, and what it may use at most. Source: core/v1 ResourceRequirements."""

    requests: Amounts | None = None
    limits: Amounts | None = None


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container's identity, ports and bounds. Of the environment only what names a credential is kept, values never."""

    name: str
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    security_context: SecurityContext | None = None
    resources: Resources | None = None
    restart_policy: str = ""
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvFrom, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None

    def __post_init__(self) -> None:
        """Keep of the environment what may carry a credential; the rest has nothing to say and costs memory."""
        if self.env:
            kept = tuple(
                item for item in self.env if item.value == "login" or item.from_secret or _speaks_of_credentials(item.name)
            )
            force_setattr(self, "env", kept or None)
        if self.env_from:
            force_setattr(self, "env_from", tuple(item for item in self.env_from if item.secret_ref) or None)

    @property
    def secret_env(self) -> tuple[EnvVar, ...]:
        """The variables whose names or sources speak of credentials."""
        return self.env or ()


class TokenSource(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A projected ServiceAccount token. Source: core/v1 ServiceAccountTokenProjection."""

    audience: str = ""
    expiration_seconds: int = 3600
    path: str = ""


class CertificateSource(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A projected certificate of the pod. Source: core/v1 PodCertificateProjection."""

    signer_name: str = ""


class VolumeSource(msgspec.Struct, frozen=True, rename="camel"):
    """One source of a projected volume; only tokens, certificates and the names of Secrets are kept."""

    service_account_token: TokenSource | None = None
    pod_certificate: CertificateSource | None = None
    secret: Named | None = None


class Projected(msgspec.Struct, frozen=True, rename="camel"):
    """A projected volume. Source: core/v1 ProjectedVolumeSource."""

    sources: tuple[VolumeSource, ...] | None = None


class HostPath(msgspec.Struct, frozen=True, gc=False):
    """A path of the node."""

    path: str = ""


class CSIVolume(msgspec.Struct, frozen=True, gc=False):
    """An inline volume of a CSI driver."""

    driver: str = ""


class SecretVolume(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A Secret as files: its name."""

    secret_name: str = ""


class Volume(msgspec.Struct, frozen=True, rename="camel"):
    """A pod volume: what of the node, of a Secret or of an identity it brings in."""

    name: str
    projected: Projected | None = None
    host_path: HostPath | None = None
    csi: CSIVolume | None = None
    secret: SecretVolume | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a pod's spec that is judged. Source: core/v1 PodSpec."""

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None
    service_account_name: str = "default"
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    host_pid: bool = msgspec.field(default=False, name="hostPID")
    host_ipc: bool = msgspec.field(default=False, name="hostIPC")
    host_users: bool | None = None
    dns_policy: str = "ClusterFirst"
    security_context: PodSecurityContext | None = None
    volumes: tuple[Volume, ...] | None = None

    def __post_init__(self) -> None:
        """Keep volumes that say something, and the mounts of those that are the node's; share what one template decides."""
        if self.volumes:
            told = tuple(item for item in self.volumes if item.projected or item.host_path or item.csi or item.secret)
            force_setattr(self, "volumes", told or None)
        paths = {item.name for item in self.volumes or () if item.host_path}
        for container in (*(self.containers or ()), *(self.init_containers or ()), *(self.ephemeral_containers or ())):
            if container.volume_mounts:
                kept = tuple(item for item in container.volume_mounts if item.name in paths)
                force_setattr(container, "volume_mounts", kept or None)
        force_setattr(self, "containers", shared(self.containers))
        force_setattr(self, "init_containers", shared(self.init_containers))
        force_setattr(self, "volumes", shared(self.volumes))
        force_setattr(self, "security_context", shared(self.security_context))


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What runs in a container. Source: core/v1 ContainerStatus."""

    name: str
    image_id: str = msgspec.field(default="", name="imageID")
    restart_count: int = 0
    ready: bool = False


class PodIP(msgspec.Struct, frozen=True, gc=False):
    """One of a pod's addresses."""

    ip: str = ""


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod is doing. Source: core/v1 PodStatus."""

    phase: str = "Unknown"
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] | None = msgspec.field(default=None, name="podIPs")
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[ContainerStatus, ...] | None = None

    def __post_init__(self) -> None:
        """The one address of most pods is kept once, and once what the pods of one template have in common."""
        force_setattr(self, "container_statuses", shared(self.container_statuses))
        force_setattr(self, "init_container_statuses", shared(self.init_container_statuses))
        if self.pod_ips is not None and all(item.ip == self.pod_ip for item in self.pod_ips):
            force_setattr(self, "pod_ips", None)


class Pod(Kind, frozen=True):
    """A pod."""

    PLURAL: ClassVar[str] = "pods"
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec
    status: PodStatus = PodStatus()

    @property
    def containers(self) -> tuple[Container, ...]:
        """App, init and ephemeral containers together: all of them run, or have run, in the pod's sandbox."""
        spec = self.spec
        return (*(spec.containers or ()), *(spec.init_containers or ()), *(spec.ephemeral_containers or ()))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, the first one first; empty before it has one."""
        if self.status.pod_ips:
            return tuple(item.ip for item in self.status.pod_ips)
        return (self.status.pod_ip,) if self.status.pod_ip else ()

    @property
    def is_ready(self) -> bool:
        """Running with all of its containers ready."""
        statuses = self.status.container_statuses or ()
        return self.status.phase == "Running" and bool(statuses) and all(item.ready for item in statuses)

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


class ScalableStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How many replicas take traffic."""

    ready_replicas: int = 0
    available_replicas: int = 0


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
    status: ScalableStatus = ScalableStatus()


class StatefulSet(Kind, frozen=True):
    """A StatefulSet."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "statefulsets"
    KIND: ClassVar[str] = "StatefulSet"

    spec: ScalableSpec = ScalableSpec()
    status: ScalableStatus = ScalableStatus()


class DaemonTemplateSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which nodes the pods of a DaemonSet run on, and what runs there."""

    node_selector: dict[str, str] | None = None
    containers: tuple[Container, ...] | None = None


class DaemonTemplate(msgspec.Struct, frozen=True):
    """The pod template of a DaemonSet."""

    metadata: TemplateMeta | None = None
    spec: DaemonTemplateSpec = DaemonTemplateSpec()


class DaemonSetSpec(msgspec.Struct, frozen=True):
    """Selector and template of a DaemonSet."""

    selector: Selector | None = None
    template: DaemonTemplate = DaemonTemplate()


class DaemonSetStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How many nodes should have a pod of it, and have. Source: apps/v1 DaemonSetStatus."""

    desired_number_scheduled: int = 0
    number_ready: int = 0
    number_unavailable: int = 0


class DaemonSet(Kind, frozen=True):
    """A DaemonSet."""

    GROUP: ClassVar[str] = "apps"
    PLURAL: ClassVar[str] = "daemonsets"
    KIND: ClassVar[str] = "DaemonSet"

    spec: DaemonSetSpec = DaemonSetSpec()
    status: DaemonSetStatus = DaemonSetStatus()


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


class CronJobSpec(msgspec.Struct, frozen=True, gc=False):
    """Whether a CronJob starts anything."""

    suspend: bool = False


class CronJob(Kind, frozen=True):
    """A CronJob; its labels may name it as a backup."""

    GROUP: ClassVar[str] = "batch"
    PLURAL: ClassVar[str] = "cronjobs"
    KIND: ClassVar[str] = "CronJob"

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus | None = None


class CronJobStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """When a CronJob last ran well. Source: batch/v1 CronJobStatus."""

    last_successful_time: str | None = None


class ServiceAccount(Kind, frozen=True):
    """A ServiceAccount: the identity of workloads, with the names of the Secrets that it brings and may mount."""

    PLURAL: ClassVar[str] = "serviceaccounts"
    KIND: ClassVar[str] = "ServiceAccount"

    automount_service_account_token: bool | None = None
    image_pull_secrets: tuple[Named, ...] | None = None
    secrets: tuple[Named, ...] | None = None


class ConfigMapMarker(Kind, frozen=True):
    """The one ConfigMap that marks a MicroShift: its metadata is enough."""

    PLURAL: ClassVar[str] = "configmaps"
    KIND: ClassVar[str] = "ConfigMap"
    METADATA_ONLY: ClassVar[bool] = True
    SINGLE: ClassVar[tuple[str, str] | None] = ("kube-public", "microshift-version")


class NodeAddress(msgspec.Struct, frozen=True, gc=False):
    """An address of a node: ``InternalIP``, ``ExternalIP`` or a name."""

    type: str = ""
    address: str = ""


class NodeInfo(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What a node runs. Source: core/v1 NodeSystemInfo."""

    operating_system: str = "linux"
    os_image: str = ""
    kubelet_version: str = ""


class NodeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """A node's conditions, addresses and versions. Source: core/v1 NodeStatus."""

    conditions: tuple[Condition, ...] | None = None
    addresses: tuple[NodeAddress, ...] | None = None
    node_info: NodeInfo = NodeInfo()


class Taint(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What keeps pods off a node. Source: core/v1 Taint."""

    key: str
    effect: str = ""
    value: str = ""
    time_added: str | None = None


class NodeSpec(msgspec.Struct, frozen=True):
    """Which machine of which provider a node is, and what keeps new pods off it."""

    provider_id: str = msgspec.field(default="", name="providerID")
    unschedulable: bool = False
    taints: tuple[Taint, ...] | None = None


class Node(Kind, frozen=True):
    """A node; its labels carry role and zone."""

    PLURAL: ClassVar[str] = "nodes"
    KIND: ClassVar[str] = "Node"
    NAMESPACED: ClassVar[bool] = False

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def is_linux(self) -> bool:
        """Whether it runs Linux; a node that does not say does."""
        return self.status.node_info.operating_system in {"", "linux"}

    @property
    def is_ready(self) -> bool:
        """Whether its kubelet says that it is ready."""
        found = condition(self.status.conditions, "Ready")
        return found is not None and found.status == "True"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses from which its own processes talk."""
        return tuple(item.address for item in self.status.addresses or () if item.type in {"InternalIP", "ExternalIP"})


_CREDENTIAL: Final = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|CONN(?:ECTION)?_?STR", re.IGNORECASE)
"""Names of variables that speak of a credential."""


@lru_cache(4096)
def _speaks_of_credentials(name: str) -> bool:
    """Kept, since a cluster repeats a few hundred names in every pod."""
    return _CREDENTIAL.search(name) is not None


_LOGIN: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.IGNORECASE)


def _shape(value: str) -> str:
    """What a value is, without what it says."""
    if value in _SHAPES:
        return value  # sealed already
    if "://" in value and _LOGIN.search(value):
        return "login"
    return "reference" if value.startswith("$(") and value.endswith(")") else "literal"


_SHAPES: Final = frozenset({"literal", "reference", "login"})

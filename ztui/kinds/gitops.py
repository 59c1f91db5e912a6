"""Operators and delivery: what OLM installed, and what keeps namespaces as a repository says.

Source: operators.coreos.com/v1alpha1, argoproj.io/v1alpha1 and v1beta1, kustomize.toolkit.fluxcd.io/v1.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind

_LOGIN: Final = re.compile(r"^(https?://)[^/]*@|^([a-z0-9+.-]+://)[^/@]*:[^/]*@", re.IGNORECASE)
"""A login in the address of a repository. The user of an SSH address is none: it is the same for everybody."""


class CSVStatus(msgspec.Struct, frozen=True, gc=False):
    """How far an operator's installation is."""

    phase: str = ""
    reason: str = ""


class ClusterServiceVersion(Kind, frozen=True):
    """An installed operator. Copies that OLM makes in every namespace carry the label ``olm.copiedFrom``."""

    GROUP: ClassVar[str] = "operators.coreos.com"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    PLURAL: ClassVar[str] = "clusterserviceversions"
    KIND: ClassVar[str] = "ClusterServiceVersion"

    status: CSVStatus = CSVStatus()

    @property
    def is_copy(self) -> bool:
        """Whether this is only OLM's copy for a watched namespace."""
        return "olm.copiedFrom" in self.labels or self.status.reason == "Copied"


class ArgoStatus(msgspec.Struct, frozen=True, gc=False):
    """How an Argo CD is: ``Available`` where it works."""

    phase: str = ""


class ArgoCD(Kind, frozen=True):
    """An Argo CD that an operator keeps."""

    GROUP: ClassVar[str] = "argoproj.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta1", "v1alpha1")
    PLURAL: ClassVar[str] = "argocds"
    KIND: ClassVar[str] = "ArgoCD"

    status: ArgoStatus = ArgoStatus()


class Automated(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What Argo CD does by itself; ``enabled: false`` switches the rest off."""

    enabled: bool = True
    prune: bool = False
    self_heal: bool = False


class SyncPolicy(msgspec.Struct, frozen=True):
    """When an application is brought to what the repository says."""

    automated: Automated | None = None


class Destination(msgspec.Struct, frozen=True, gc=False):
    """The cluster and namespace that an application writes to."""

    server: str = ""
    name: str = ""
    namespace: str = ""

    @property
    def is_here(self) -> bool:
        """Whether that is this cluster."""
        return self.server in {"", "https://kubernetes.default.svc"} and self.name in {"", "in-cluster"}


class Source(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The repository that an application comes from; a login in its address is cut, and ``hides_login`` says so."""

    repo_url: str = msgspec.field(default="", name="repoURL")
    hides_login: bool = False

    def __post_init__(self) -> None:
        """Cut the login."""
        cut = _LOGIN.sub(lambda found: found[1] or found[2], self.repo_url)
        force_setattr(self, "hides_login", self.hides_login or cut != self.repo_url)
        force_setattr(self, "repo_url", cut)


class ApplicationSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Where an application comes from and goes, and how it is kept."""

    project: str = "default"
    destination: Destination = Destination()
    sync_policy: SyncPolicy | None = None
    source: Source | None = None
    sources: tuple[Source, ...] | None = None

    @property
    def repositories(self) -> tuple[Source, ...]:
        """Every repository that it comes from."""
        return self.sources or ((self.source,) if self.source else ())


class SyncState(msgspec.Struct, frozen=True, gc=False):
    """``Synced``, ``OutOfSync`` or ``Unknown``."""

    status: str = ""


class SyncedResource(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One object of a sync; a hook where it has a type."""

    name: str = ""
    hook_type: str = ""
    hook_phase: str = ""


class SyncResult(msgspec.Struct, frozen=True):
    """What a sync did; only its hooks are kept."""

    resources: tuple[SyncedResource, ...] | None = None

    def __post_init__(self) -> None:
        """Drop the objects, which are many."""
        force_setattr(self, "resources", tuple(item for item in self.resources or () if item.hook_type) or None)


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """The last attempt to sync."""

    phase: str = ""
    finished_at: str = ""
    sync_result: SyncResult | None = None


class ApplicationStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How an application compares with its repository, and when that was looked at."""

    sync: SyncState = SyncState()
    reconciled_at: str = ""
    operation_state: Operation | None = None

    @property
    def hooks(self) -> tuple[SyncedResource, ...]:
        """The hooks of the last sync."""
        result = self.operation_state.sync_result if self.operation_state else None
        return (result.resources if result else None) or ()


class Application(Kind, frozen=True):
    """What Argo CD keeps in a namespace."""

    GROUP: ClassVar[str] = "argoproj.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    PLURAL: ClassVar[str] = "applications"
    KIND: ClassVar[str] = "Application"

    spec: ApplicationSpec = ApplicationSpec()
    status: ApplicationStatus = ApplicationStatus()


class SyncWindow(msgspec.Struct, frozen=True, gc=False):
    """A time in which syncs are allowed, or denied."""

    kind: str = ""
    schedule: str = ""
    applications: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    clusters: tuple[str, ...] | None = None


class GroupKind(msgspec.Struct, frozen=True, gc=False):
    """A kind of object, or all of them by ``*``."""

    group: str = ""
    kind: str = ""


class ProjectSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What applications of a project may come from and go to, and when they may sync."""

    source_repos: tuple[str, ...] | None = None
    destinations: tuple[dict[str, Any], ...] | None = None
    cluster_resource_whitelist: tuple[GroupKind, ...] | None = None
    sync_windows: tuple[SyncWindow, ...] | None = None


class AppProject(Kind, frozen=True):
    """A project of Argo CD."""

    GROUP: ClassVar[str] = "argoproj.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    PLURAL: ClassVar[str] = "appprojects"
    KIND: ClassVar[str] = "AppProject"

    spec: ProjectSpec = ProjectSpec()


class KustomizationSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where a Flux Kustomization goes, and whether it is on."""

    suspend: bool = False
    target_namespace: str = ""


class KustomizationStatus(msgspec.Struct, frozen=True):
    """How a Kustomization is."""

    conditions: tuple[Condition, ...] | None = None


class Kustomization(Kind, frozen=True):
    """What Flux keeps in a namespace. Source: kustomize.toolkit.fluxcd.io/v1."""

    GROUP: ClassVar[str] = "kustomize.toolkit.fluxcd.io"
    PLURAL: ClassVar[str] = "kustomizations"
    KIND: ClassVar[str] = "Kustomization"

    spec: KustomizationSpec = KustomizationSpec()
    status: KustomizationStatus = KustomizationStatus()

"""Control planes of service meshes: where they run, how they are, whom they cover.

Source: sailoperator.io/v1; maistra.io/v2 and v1, field paths as in their CRDs.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind


class MeshConfig(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What of a mesh's configuration decides who encrypts."""

    root_namespace: str = ""
    enable_auto_mtls: bool | None = None
    trust_domain: str = ""


class IstioValues(msgspec.Struct, frozen=True, rename="camel"):
    """The values of an installation."""

    mesh_config: MeshConfig | None = None


class IstioSpec(msgspec.Struct, frozen=True):
    """Where a mesh's control plane runs, and in what shape."""

    namespace: str = "istio-system"
    profile: str = ""
    version: str = ""
    values: IstioValues | None = None

    @property
    def mesh(self) -> MeshConfig:
        """The mesh's configuration; all defaults where nothing is set."""
        return (self.values.mesh_config if self.values else None) or MeshConfig()


class IstioStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How a mesh is."""

    state: str = ""
    active_revision_name: str = ""
    conditions: tuple[Condition, ...] | None = None


class Istio(Kind, frozen=True):
    """A service mesh's control plane."""

    GROUP = "sailoperator.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "istios"
    KIND = "Istio"
    NAMESPACED = False

    spec: IstioSpec = IstioSpec()
    status: IstioStatus = IstioStatus()


class IstioRevision(Kind, frozen=True):
    """One version of a control plane; its name is what namespaces are labelled with."""

    GROUP = "sailoperator.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "istiorevisions"
    KIND = "IstioRevision"
    NAMESPACED = False

    status: IstioStatus = IstioStatus()


class IstioRevisionTag(Kind, frozen=True):
    """Another name for a revision."""

    GROUP = "sailoperator.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "istiorevisiontags"
    KIND = "IstioRevisionTag"
    NAMESPACED = False

    status: IstioStatus = IstioStatus()


class ZTunnelSpec(msgspec.Struct, frozen=True, gc=False):
    """Where the node proxies of an ambient mesh run."""

    namespace: str = "ztunnel"


class ZTunnel(Kind, frozen=True):
    """The node proxies of an ambient mesh."""

    GROUP = "sailoperator.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "ztunnels"
    KIND = "ZTunnel"
    NAMESPACED = False

    spec: ZTunnelSpec = ZTunnelSpec()
    status: IstioStatus = IstioStatus()


class DataPlaneSecurity(msgspec.Struct, frozen=True, gc=False):
    """Whether a whole mesh encrypts, in the older operator."""

    mtls: bool = False


class ControlPlaneSecurity(msgspec.Struct, frozen=True, rename="camel"):
    """Security settings of the older operator."""

    data_plane: DataPlaneSecurity | None = None


class ServiceMeshControlPlaneSpec(msgspec.Struct, frozen=True):
    """Settings of a control plane of the older operator."""

    security: ControlPlaneSecurity | None = None


class ServiceMeshControlPlane(Kind, frozen=True):
    """A control plane of OpenShift Service Mesh 2."""

    GROUP = "maistra.io"
    VERSIONS = ("v2",)
    PLURAL = "servicemeshcontrolplanes"
    KIND = "ServiceMeshControlPlane"

    spec: ServiceMeshControlPlaneSpec = ServiceMeshControlPlaneSpec()
    status: IstioStatus = IstioStatus()

    @property
    def is_strict(self) -> bool:
        """Whether the operator makes a mesh-wide STRICT policy of it."""
        security = self.spec.security
        return security is not None and security.data_plane is not None and security.data_plane.mtls


class MemberRollStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The namespaces that are in."""

    configured_members: tuple[str, ...] | None = None


class ServiceMeshMemberRoll(Kind, frozen=True):
    """Whom a control plane of OpenShift Service Mesh 2 covers."""

    GROUP = "maistra.io"
    VERSIONS = ("v1",)
    PLURAL = "servicemeshmemberrolls"
    KIND = "ServiceMeshMemberRoll"

    status: MemberRollStatus = MemberRollStatus()

"""OpenShift's own configuration. Source: config.openshift.io/v1 and operator.openshift.io/v1, field paths as in their CRDs."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.base import Condition, Kind


class RelatedObject(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An object that a cluster operator answers for."""

    resource: str = ""
    name: str = ""
    group: str = ""
    namespace: str = ""


class ClusterOperatorStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Health and belongings of a cluster operator."""

    conditions: tuple[Condition, ...] | None = None
    related_objects: tuple[RelatedObject, ...] | None = None


class ClusterOperator(Kind, frozen=True):
    """A part of the platform and its health."""

    GROUP: ClassVar[str] = "config.openshift.io"
    PLURAL: ClassVar[str] = "clusteroperators"
    KIND: ClassVar[str] = "ClusterOperator"
    NAMESPACED: ClassVar[bool] = False

    status: ClusterOperatorStatus = ClusterOperatorStatus()


class PlatformStatus(msgspec.Struct, frozen=True, gc=False):
    """Whose machines these are."""

    type: str = ""


class InfrastructureStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Where the control plane runs, and how many there are."""

    control_plane_topology: str = ""
    infrastructure_topology: str = ""
    platform: str = ""
    infrastructure_name: str = ""
    platform_status: PlatformStatus | None = None
    api_server_url: str = msgspec.field(default="", name="apiServerURL")
    api_server_internal_uri: str = msgspec.field(default="", name="apiServerInternalURI")

    @property
    def platform_type(self) -> str:
        """AWS, VSphere, BareMetal, None …; the older field where the newer is not set."""
        return (self.platform_status.type if self.platform_status else "") or self.platform


class Infrastructure(Kind, frozen=True):
    """``Infrastructure/cluster``: the shape of the platform."""

    GROUP: ClassVar[str] = "config.openshift.io"
    PLURAL: ClassVar[str] = "infrastructures"
    KIND: ClassVar[str] = "Infrastructure"
    NAMESPACED: ClassVar[bool] = False

    status: InfrastructureStatus = InfrastructureStatus()

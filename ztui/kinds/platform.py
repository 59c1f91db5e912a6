"""The platform's version, its operators and their switches, and the mesh.

Source: config.openshift.io/v1, operators.coreos.com/v1alpha1, operator.openshift.io/v1,
sailoperator.io/v1, field paths as in their CRDs.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind


class VersionOverride(msgspec.Struct, frozen=True, gc=False):
    """An object that the cluster version operator is told to leave alone."""

    kind: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    unmanaged: bool = False


class ClusterVersionSpec(msgspec.Struct, frozen=True):
    """What the version operator is told."""

    overrides: tuple[VersionOverride, ...] | None = None


class Release(msgspec.Struct, frozen=True, gc=False):
    """A release of the platform."""

    version: str = ""


class Update(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A release that was installed: how far, since when, and whether its signature was looked at."""

    version: str = ""
    state: str = ""
    completion_time: str | None = None
    verified: bool = False


class ClusterVersionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The release that is wanted, and how it goes."""

    conditions: tuple[Condition, ...] | None = None
    desired: Release = Release()
    history: tuple[Update, ...] | None = None
    available_updates: tuple[Release, ...] | None = None


class ClusterVersion(Kind, frozen=True):
    """``ClusterVersion/version``: the release and what is exempt from it."""

    GROUP = "config.openshift.io"
    PLURAL = "clusterversions"
    KIND = "ClusterVersion"
    NAMESPACED = False

    spec: ClusterVersionSpec = ClusterVersionSpec()
    status: ClusterVersionStatus = ClusterVersionStatus()


class FeatureName(msgspec.Struct, frozen=True, gc=False):
    """A feature by name."""

    name: str = ""


class FeatureSet(msgspec.Struct, frozen=True):
    """What is on and off in one release."""

    version: str = ""
    enabled: tuple[FeatureName, ...] | None = None
    disabled: tuple[FeatureName, ...] | None = None


class FeatureGateStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Features release by release."""

    feature_gates: tuple[FeatureSet, ...] | None = None


class FeatureGate(Kind, frozen=True):
    """``FeatureGate/cluster``: what is on and off."""

    GROUP = "config.openshift.io"
    PLURAL = "featuregates"
    KIND = "FeatureGate"
    NAMESPACED = False

    status: FeatureGateStatus = FeatureGateStatus()

    def is_on(self, feature: str) -> bool:
        """Whether a feature is on in every release that reports; false where none does."""
        sets = self.status.feature_gates or ()
        return bool(sets) and all(any(item.name == feature for item in found.enabled or ()) for found in sets)


class PlanRef(msgspec.Struct, frozen=True, gc=False):
    """The install plan of a subscription."""

    name: str = ""


class SubscriptionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Whether an operator is at its newest version."""

    state: str = ""
    installed_csv: str = msgspec.field(default="", name="installedCSV")
    install_plan_ref: PlanRef | None = None
    last_updated: str | None = None


class Subscription(Kind, frozen=True):
    """A subscription to an operator's channel."""

    GROUP = "operators.coreos.com"
    VERSIONS = ("v1alpha1",)
    PLURAL = "subscriptions"
    KIND = "Subscription"

    status: SubscriptionStatus = SubscriptionStatus()


class InstallPlanSpec(msgspec.Struct, frozen=True, gc=False):
    """Whether somebody has to approve, and did."""

    approval: str = ""
    approved: bool = False


class InstallPlanStatus(msgspec.Struct, frozen=True, gc=False):
    """How far an installation is."""

    phase: str = ""


class InstallPlan(Kind, frozen=True):
    """An installation or upgrade of an operator."""

    GROUP = "operators.coreos.com"
    VERSIONS = ("v1alpha1",)
    PLURAL = "installplans"
    KIND = "InstallPlan"

    spec: InstallPlanSpec = InstallPlanSpec()
    status: InstallPlanStatus = InstallPlanStatus()


def names_of(overrides: object) -> tuple[str, ...]:
    """What is overridden, by name; values that are not objects count as one unnamed override."""
    if not overrides:
        return ()
    if isinstance(overrides, dict):
        return tuple(sorted(str(name) for name in overrides))
    return ("?",)


class OperatorSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The switches that every operator has. Of overrides only the names are kept, never the values."""

    management_state: str = "Managed"
    unsupported_config_overrides: Any = None

    def __post_init__(self) -> None:
        """Cut the values of overrides."""
        force_setattr(self, "unsupported_config_overrides", names_of(self.unsupported_config_overrides))


class OperatorStatus(msgspec.Struct, frozen=True):
    """How an operator is."""

    conditions: tuple[Condition, ...] | None = None


class OperatorKind(Kind, frozen=True):
    """What the operators of operator.openshift.io share."""

    GROUP = "operator.openshift.io"
    NAMESPACED = False

    spec: OperatorSpec = OperatorSpec()
    status: OperatorStatus = OperatorStatus()


class KubeAPIServer(OperatorKind, frozen=True):
    """The operator of the Kubernetes API server."""

    PLURAL = "kubeapiservers"
    KIND = "KubeAPIServer"


class OpenShiftAPIServer(OperatorKind, frozen=True):
    """The operator of the OpenShift API server."""

    PLURAL = "openshiftapiservers"
    KIND = "OpenShiftAPIServer"


class AuthenticationOperator(OperatorKind, frozen=True):
    """The operator of the login."""

    PLURAL = "authentications"
    KIND = "Authentication"


class Etcd(OperatorKind, frozen=True):
    """The operator of etcd."""

    PLURAL = "etcds"
    KIND = "Etcd"

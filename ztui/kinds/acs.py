"""Red Hat Advanced Cluster Security, as its operator is told.

Source: platform.stackrox.io/v1alpha1, field paths as in its CRDs.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind


class AdmissionControl(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether deployments that break a policy are refused, and what happens where the webhook does not answer."""

    enforcement: str = ""
    failure_policy: str = ""
    bypass: str = ""


class Collector(msgspec.Struct, frozen=True, gc=False):
    """How the sensor of a node sees system calls; ``NoCollection`` is blind."""

    collection: str = ""


class PerNode(msgspec.Struct, frozen=True, gc=False):
    """What runs on each node."""

    collector: Collector = Collector()


class AuditLogs(msgspec.Struct, frozen=True, gc=False):
    """Whether the audit log of the API server is read: ``Auto``, ``Enabled`` or ``Disabled``."""

    collection: str = ""


class ProcessBaselines(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether what a workload runs is locked after it was learnt."""

    auto_lock: str = ""


class SecuredClusterSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The switches of a secured cluster that are judged, and the name that Central has for it."""

    cluster_name: str = ""
    admission_control: AdmissionControl = AdmissionControl()
    per_node: PerNode = PerNode()
    audit_logs: AuditLogs = AuditLogs()
    process_baselines: ProcessBaselines = ProcessBaselines()


class OperandStatus(msgspec.Struct, frozen=True):
    """How an operand is."""

    conditions: tuple[Condition, ...] | None = None


class SecuredCluster(Kind, frozen=True):
    """The sensors of ACS in this cluster."""

    GROUP = "platform.stackrox.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "securedclusters"
    KIND = "SecuredCluster"

    spec: SecuredClusterSpec = SecuredClusterSpec()
    status: OperandStatus = OperandStatus()


class Central(Kind, frozen=True):
    """The centre of ACS, where it runs in this cluster; that it is there is what counts."""

    GROUP = "platform.stackrox.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "centrals"
    KIND = "Central"
    METADATA_ONLY = True


class SecurityPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy looks at, and what it does."""

    disabled: bool = False
    event_source: str = ""
    lifecycle_stages: tuple[str, ...] | None = None
    enforcement_actions: tuple[str, ...] | None = None
    notifiers: tuple[str, ...] | None = None


class SecurityPolicy(Kind, frozen=True):
    """A policy of ACS that is kept in the cluster. Policies that only its own database holds are not seen."""

    GROUP = "config.stackrox.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "securitypolicies"
    KIND = "SecurityPolicy"

    spec: SecurityPolicySpec = SecurityPolicySpec()

    @property
    def acts(self) -> bool:
        """Whether it is on and does more than tell."""
        spec = self.spec
        return not spec.disabled and any(
            item not in {"UNSET_ENFORCEMENT", "FAIL_BUILD_ENFORCEMENT"} for item in spec.enforcement_actions or ()
        )

"""What keeps things running and brings them back: budgets and backups.

Source: policy/v1, oadp.openshift.io/v1alpha1, velero.io/v1, config.openshift.io/v1alpha1, operator.openshift.io.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class BudgetSpec(msgspec.Struct, frozen=True):
    """Which pods a budget protects."""

    selector: Selector | None = None


class BudgetStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How much disruption a budget allows now."""

    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0


class PodDisruptionBudget(Kind, frozen=True):
    """How many pods of an application may go at once on purpose."""

    GROUP = "policy"
    PLURAL = "poddisruptionbudgets"
    KIND = "PodDisruptionBudget"

    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()


class ConditionStatus(msgspec.Struct, frozen=True):
    """A status of which only the conditions are judged."""

    conditions: tuple[Condition, ...] | None = None


class DataProtectionApplication(Kind, frozen=True):
    """An installation of the backup operator; ``Reconciled`` says whether it works."""

    GROUP = "oadp.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "dataprotectionapplications"
    KIND = "DataProtectionApplication"

    status: ConditionStatus = ConditionStatus()


class ScheduleSpec(msgspec.Struct, frozen=True, gc=False):
    """When a backup is taken."""

    schedule: str = ""
    paused: bool = False


class ScheduleStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """When the last backup of a schedule was started."""

    phase: str = ""
    last_backup: str | None = None


class Schedule(Kind, frozen=True):
    """A schedule of application backups."""

    GROUP = "velero.io"
    PLURAL = "schedules"
    KIND = "Schedule"

    spec: ScheduleSpec = ScheduleSpec()
    status: ScheduleStatus = ScheduleStatus()


class BackupStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How a backup ended, and how long it is kept."""

    phase: str = ""
    completion_timestamp: str | None = None
    expiration: str | None = None


class Backup(Kind, frozen=True):
    """One application backup; the label ``velero.io/schedule-name`` says which schedule took it."""

    GROUP = "velero.io"
    PLURAL = "backups"
    KIND = "Backup"

    status: BackupStatus = BackupStatus()


class ClusterBackup(Kind, frozen=True):
    """The platform's own schedule of etcd backups, behind a feature gate; that it is there is what counts."""

    GROUP = "config.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "backups"
    KIND = "Backup"
    NAMESPACED = False
    METADATA_ONLY = True


class EtcdBackup(Kind, frozen=True):
    """One etcd backup that the platform took; ``BackupCompleted`` says whether it is there."""

    GROUP = "operator.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "etcdbackups"
    KIND = "EtcdBackup"
    NAMESPACED = False

    status: ConditionStatus = ConditionStatus()

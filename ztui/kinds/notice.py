"""What a cluster's API tells in passing: warning events and the reports of policy engines, each as signals.

Source: events.k8s.io/v1; wgpolicyk8s.io/v1beta1 and v1alpha2; openreports.io/v1alpha1. Objects of these kinds go by: the store
keeps none of them, for a busy cluster has tens of thousands; of reports it keeps counts by policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Final

import msgspec

from ztui.kinds.base import Kind, instant
from ztui.kinds.incident import Level, Signal, Subject, signal

EVENT_LEVELS: Final[dict[str, Level]] = {
    "FailedCreate": "medium",
    "FailedMount": "low",
    "FailedAttachVolume": "low",
    "BackOff": "low",
    "Unhealthy": "low",
    "Evicted": "low",
    "NodeNotReady": "medium",
    "PolicyViolation": "medium",
    "OOMKilling": "medium",
    "SystemOOM": "medium",
    "FailedScheduling": "low",
    "Failed": "low",
}
"""What a reason weighs: a refusal at admission and a node that is gone more than a pod that does not start."""

_FAILED: Final = frozenset({"fail", "error"})
REPORT_LEVELS: Final[dict[str, Level]] = {"critical": "critical", "high": "high", "medium": "medium"}


Share = tuple[str, int, int]
"""A policy (raw name), how many of its results failed, and how many there are. What was skipped is no result."""


class ReportCount(Kind, frozen=True):
    """What the reports of a namespace (empty: those outside of any) say of one policy, which it is named after."""

    GROUP = "reports"
    KIND = "ReportCount"

    failed: int = 0
    total: int = 0


class Passing(Kind, frozen=True):
    """A kind whose objects go by: each is told once, none is kept."""

    PASSING: ClassVar[bool] = True

    def signals(self) -> Iterator[Signal]:
        """What this object tells."""
        raise NotImplementedError

    def shares(self) -> tuple[Share, ...]:
        """What this object adds to counts by policy; nothing where it is no report."""
        return ()


class ObjectReference(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Which object an event is about. Source: core/v1 ObjectReference."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


class EventSeries(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How often an event came again."""

    count: int = 0
    last_observed_time: str = ""


class WarningEvent(Passing, frozen=True, rename="camel"):
    """A warning of a controller, a kubelet or a policy engine."""

    GROUP = "events.k8s.io"
    PLURAL = "events"
    KIND = "Event"
    FIELDS = "type=Warning"

    reason: str = ""
    note: str = ""
    regarding: ObjectReference = ObjectReference()
    event_time: str | None = None
    series: EventSeries | None = None
    deprecated_count: int = 0
    deprecated_last_timestamp: str | None = None

    def signals(self) -> Iterator[Signal]:
        """The event itself; its count is that of its series."""
        last = self.series.last_observed_time if self.series else None
        at = next((found for text in (last, self.deprecated_last_timestamp, self.event_time) if (found := instant(text))), None)
        total = max(self.series.count if self.series else 0, self.deprecated_count, 1)
        level = EVENT_LEVELS.get(self.reason, "low")
        if at is not None:
            yield signal("events", self.metadata.uid, at, level, self.reason, self.note, subject_of(self.regarding), total)


def subject_of(ref: ObjectReference, node: str = "") -> Subject:
    """A reference as the subject of a signal."""
    if ref.kind == "Pod":
        return Subject(ref.namespace, pod=ref.name, uid=ref.uid, node=node)
    if ref.kind == "Node":
        return Subject(node=ref.name)
    return Subject(ref.namespace, uid=ref.uid, group=ref.group, kind=ref.kind, name=ref.name, node=node)


class ReportTime(msgspec.Struct, frozen=True, gc=False):
    """Seconds since 1970."""

    seconds: int = 0


class ReportResult(msgspec.Struct, frozen=True, rename="camel"):
    """One result of one rule, with the objects that it is about."""

    policy: str = ""
    rule: str = ""
    result: str = ""
    severity: str = ""
    message: str = ""
    timestamp: ReportTime = ReportTime()
    resources: tuple[ObjectReference, ...] | None = None


class _Report(Passing, frozen=True):
    scope: ObjectReference | None = None
    results: tuple[ReportResult, ...] | None = None

    def signals(self) -> Iterator[Signal]:
        """Each failed result, about each object that it names; a result without a time is as old as its report."""
        for item in self.results or ():
            if item.result not in _FAILED:
                continue
            made = datetime.fromtimestamp(item.timestamp.seconds, UTC) if 0 < item.timestamp.seconds < 2**33 else self.created
            for about in item.resources or ((self.scope,) if self.scope else ()):
                if made is not None and about is not None:
                    name = f"{about.kind}/{about.namespace}/{about.name}"
                    yield signal(
                        "policy reports",
                        f"{self.metadata.uid}/{item.policy}/{item.rule}/{name}/{int(made.timestamp())}",
                        made,
                        REPORT_LEVELS.get(item.severity, "low"),
                        f"{item.policy}/{item.rule}".strip("/"),
                        item.message,
                        subject_of(about),
                    )

    def shares(self) -> tuple[Share, ...]:
        """Results by policy."""
        found: dict[str, tuple[int, int]] = {}
        for item in self.results or ():
            if item.policy and item.result != "skip":
                failed, total = found.get(item.policy, (0, 0))
                found[item.policy] = (failed + (item.result in _FAILED), total + 1)
        return tuple((policy, *found[policy]) for policy in sorted(found))


class PolicyReport(_Report, frozen=True):
    """What a policy engine found in a namespace."""

    GROUP = "wgpolicyk8s.io"
    VERSIONS = ("v1beta1", "v1alpha2")
    PLURAL = "policyreports"
    KIND = "PolicyReport"


class ClusterPolicyReport(_Report, frozen=True):
    """What it found outside of namespaces."""

    GROUP = "wgpolicyk8s.io"
    VERSIONS = ("v1beta1", "v1alpha2")
    PLURAL = "clusterpolicyreports"
    KIND = "ClusterPolicyReport"
    NAMESPACED = False


class OpenReport(_Report, frozen=True):
    """The same of engines that report by the newer API."""

    GROUP = "openreports.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "reports"
    KIND = "Report"


class ClusterOpenReport(_Report, frozen=True):
    """And outside of namespaces."""

    GROUP = "openreports.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "clusterreports"
    KIND = "ClusterReport"
    NAMESPACED = False


REPORTS: Final[tuple[type[Passing], ...]] = (PolicyReport, ClusterPolicyReport, OpenReport, ClusterOpenReport)
NOTICES: Final[tuple[type[Passing], ...]] = (WarningEvent, *REPORTS)

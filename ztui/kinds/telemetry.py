"""Where observed flows, metrics and alerts come from.

Source: flows.netobserv.io, loki.grafana.com/v1, monitoring.coreos.com/v1 and the ConfigMap of OpenShift monitoring.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind, Selector


class FlowCollectorStatus(msgspec.Struct, frozen=True):
    """Whether flows are collected."""

    conditions: tuple[Condition, ...] | None = None


class FlowCollector(Kind, frozen=True):
    """The collector of network flows."""

    GROUP = "flows.netobserv.io"
    VERSIONS = ("v1beta2",)
    PLURAL = "flowcollectors"
    KIND = "FlowCollector"
    NAMESPACED = False

    status: FlowCollectorStatus = FlowCollectorStatus()


class LokiRuleSpec(msgspec.Struct, frozen=True):
    """Whose logs a rule reads, and how many groups of rules there are."""

    tenant_id: str = msgspec.field(default="", name="tenantID")
    groups: Any = None

    def __post_init__(self) -> None:
        """Keep how many groups have rules."""
        groups = self.groups if isinstance(self.groups, list) else []
        count = sum(isinstance(item, dict) and bool(item.get("rules")) for item in groups)
        force_setattr(self, "groups", self.groups if isinstance(self.groups, int) else count)


class LokiAlertingRule(Kind, frozen=True):
    """Alerts that are computed from logs."""

    GROUP = "loki.grafana.com"
    PLURAL = "alertingrules"
    KIND = "AlertingRule"

    spec: LokiRuleSpec = LokiRuleSpec()


YAML_LIMIT: Final = 64 * 1024
"""Characters of a YAML text inside a ConfigMap that are read."""


class MonitoringData(msgspec.Struct, frozen=True):
    """The one switch of the monitoring configuration that is judged; the rest of the text is gone."""

    config: Any = msgspec.field(default=None, name="config.yaml")
    user_workload: bool = False

    def __post_init__(self) -> None:
        """Read the switch. Raises ValueError for a text that is no configuration: what nobody can read, nobody may judge."""
        if isinstance(self.config, str):
            force_setattr(self, "user_workload", _switch(self.config))
        force_setattr(self, "config", None)


class MonitoringConfig(Kind, frozen=True):
    """``openshift-monitoring/cluster-monitoring-config``; where it is missing, everything is as shipped."""

    PLURAL = "configmaps"
    KIND = "ConfigMap"
    SINGLE = ("openshift-monitoring", "cluster-monitoring-config")

    data: MonitoringData = MonitoringData()


class NamespaceChoice(msgspec.Struct, frozen=True, rename="camel"):
    """Which namespaces a monitor looks into: its own, those named, or any."""

    any: bool = False
    match_names: tuple[str, ...] | None = None


class MonitorSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a monitor selects."""

    selector: Selector | None = None
    namespace_selector: NamespaceChoice = NamespaceChoice()


class Monitor(Kind, frozen=True):
    """What the two monitors share."""

    GROUP = "monitoring.coreos.com"

    spec: MonitorSpec = MonitorSpec()

    def looks_into(self, namespace: str) -> bool:
        """Whether it selects in that namespace."""
        choice = self.spec.namespace_selector
        return choice.any or namespace in (choice.match_names or (self.namespace,))


class ServiceMonitor(Monitor, frozen=True):
    """Services that are scraped."""

    PLURAL = "servicemonitors"
    KIND = "ServiceMonitor"


class PodMonitor(Monitor, frozen=True):
    """Pods that are scraped."""

    PLURAL = "podmonitors"
    KIND = "PodMonitor"


def _switch(text: str) -> bool:
    """``enableUserWorkload`` of the configuration."""
    import yaml  # noqa: PLC0415  only this ConfigMap needs it

    if len(text) > YAML_LIMIT:
        raise ValueError("config.yaml is longer than 64 KiB")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("config.yaml is not YAML") from error
    if found is None:
        return False
    switch = found.get("enableUserWorkload", False) if isinstance(found, dict) else None
    if switch not in {True, False}:
        raise ValueError("config.yaml is not a monitoring configuration")
    return bool(switch)

"""Row P4.SIEM: what is recorded reaches one place outside, detections too, and every record says whom it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.checks.base import Evidence, Finding, Status, check, cluster_ref, fail, na, ok, reason, seen, unknown, warn
from ztui.engines.acs import acs
from ztui.engines.logflow import LOGS, LOGS_WHERE_SERVED, Flow, collectors, flows, forwarders
from ztui.engines.sensors import SENSORS, SENSORS_WHERE_SERVED, Sensor, sensors
from ztui.engines.units import looks_reserved
from ztui.kinds.base import Kind
from ztui.kinds.logging import LogFilter
from ztui.kinds.measured import LogDelivery
from ztui.kinds.response import AlertmanagerConfig
from ztui.kinds.vault import VaultAudit, VaultHealth
from ztui.kinds.workload import Deployment, StatefulSet
from ztui.view import View, Why

NO_SIEM = reason(
    "no-siem", "no {what} log goes to a receiver outside the cluster", next="Add an output for the SIEM to a forwarder"
)
UNTOLD = reason(
    "siem-undeclared",
    "{output} takes audit and infrastructure logs outside, and nobody says that it is the SIEM",
    next="Annotate the forwarder with ztui.io/siem=true",
)
UNMEASURED = reason(
    "siem-unmeasured",
    "{output} is the SIEM; how much of it arrives is not told by the metrics store: {gap}",
    next="Let the metrics store be asked, and scrape the collectors",
)
DELIVERED = reason("siem-delivered", "{output} took {sent} records in the last hour, {errors} went wrong")
ERRING = reason(
    "siem-erring", "{errors} of {total} deliveries to {output} went wrong in the last hour", next="Look at the collectors' logs"
)
SILENT = reason("siem-silent", "nothing was sent to {output} in the last hour", next="Look at the collectors' logs")
OWN_SHIPPER = reason(
    "siem-untold", "{shipper} reads logs; where it sends them is in its own configuration", next="Attest where the logs go"
)
NOTHING_DETECTS = reason(
    "no-detections", "no detection engine runs and no alert leaves the cluster", next="Install a detection engine first"
)
DETECTIONS_UNTOLD = reason(
    "detections-untold",
    "{engine} runs; whether its detections reach the SIEM is in {where}, which is not read",
    next="Attest where detections go",
)
DETECTIONS_SENT = reason("detections-sent", "{engine} writes its detections to its pods' log, which goes to the SIEM")
VAULT_UNASKED = reason(
    "vault-audit-unasked",
    "{vault} runs; where its audit devices write is known to it alone",
    next="Connect the Vault, or attest it",
)
VAULT_UNTOLD = reason(
    "vault-audit-untold", "where the audit devices of {vault} write is not told", next="Grant sys/audit: `ztui roles vault`"
)
VAULT_SENT = reason("vault-audit-sent", "{vault} sends its audit to {where}")
VAULT_ELSEWHERE = reason(
    "vault-audit-elsewhere",
    "{vault} writes its audit to its own output, and no pod of it is seen here: where that goes is not known",
    next="Attest where its output goes, or add an audit device of the type socket or syslog",
)
VAULT_STAYS = reason(
    "vault-audit-stays",
    "the audit of {vault} stays where it is written",
    next="Add an audit device of the type socket or syslog, or one that writes to stdout",
)
ALERTS_ONLY = reason("alerts-leave", "alerts go to {hosts}, outside the cluster")
JOINABLE = reason("joinable", "records of {forwarder} keep who and where, and name the cluster")
NO_CLUSTER_NAME = reason(
    "no-cluster-name",
    "records of {forwarder} do not say which cluster they are of",
    next="Add a filter of the type openshiftLabels",
)
PRUNED = reason(
    "identity-pruned",
    "{filter} of {forwarder} takes {fields} away",
    next="Keep the fields that say who did it and where",
    stands=True,
)
NO_RECORDS = reason("nothing-forwarded", "no forwarder sends records")

ERRORS_MAX: Final = 0.01
_SIEM: Final = "ztui.io/siem"
_STDOUT: Final = "stdout"
_INFRASTRUCTURE: Final = frozenset({"default", "openshift"})
"""Namespaces whose pods log as infrastructure beside those with a reserved name. Source: the logging operator's own inputs."""
_EXPORT: Final = "export-stdout"
"""The container by which Tetragon's chart writes its events to the pod's log (``export.mode: stdout``, as it is shipped)."""
_RECEIVERS: Final = frozenset(
    {
        "splunk",
        "syslog",
        "http",
        "kafka",
        "cloudwatch",
        "azureLogsIngestion",
        "azureMonitor",
        "googleCloudLogging",
        "elasticsearch",
        "otlp",
    }
)
_WORKLOAD_FIELDS: Final = (".kubernetes.namespace_name", ".kubernetes.pod_name")
_AUDIT_FIELDS: Final = (".user.username", ".sourceIPs", ".auditID")


@check(
    "ZT4-SIEM-001",
    "Audit and security logs reach a SIEM",
    severity="high",
    gate="R",
    grain="cluster",
    needs=LOGS,
    where_served=LOGS_WHERE_SERVED,
    may=(LogDelivery,),
    maps=("CISA V&A", "800-53 AU-6(3)", "800-53 SI-4(16)", "800-53 IR-4(4)"),
)
def to_siem(view: View) -> Iterator[Finding]:
    """Audit and infrastructure logs arrive where everything is put together.

    Why: one source never tells the whole story of an attack.
    How: the login is in one log, the shell in another, and nobody sees both.
    Rule: pass if working pipelines take audit and infrastructure logs to the declared SIEM and less than 1 % of what they sent in
    the last hour went wrong; warn if nobody says that the receiver is the SIEM, and where what arrives is not counted; fail if no
    pipeline takes them outside, if more goes wrong, or if nothing was sent.
    Traps: a receiver inside the cluster falls with it; an output that the operator refuses takes nothing; collectors count an
    output under a name of their own.
    Source: observability.openshift.io/v1 ClusterLogForwarder, metadata.annotations, spec.outputs[].type,
    spec.pipelines[].inputRefs, spec.pipelines[].outputRefs, status.conditions, status.outputConditions; Thanos
    vector_component_sent_events_total, vector_component_errors_total.
    Verify: oc get clusterlogforwarders.observability.openshift.io -A -o yaml
    """
    outside = [flow for flow in view.derive(flows) if flow.is_outside and flow.output.type in _RECEIVERS]
    taken = frozenset().union(*(flow.types for flow in outside))
    lacking = [what for what in ("audit", "infrastructure") if what not in taken]
    known = view.derive(forwarders)
    if lacking and not known and (own := view.derive(collectors)):
        yield unknown(own[0], OWN_SHIPPER, Why.NO_SOURCE, "collector", seen=[own[0]], shipper=str(own[0].ref))
    elif lacking:
        yield fail(known[0] if known else cluster_ref(), NO_SIEM, seen=known, what=" and no ".join(lacking))
    else:
        told = [flow for flow in outside if _is_siem(flow)]
        names = frozenset().union(*(flow.types for flow in told))
        if {"audit", "infrastructure"} <= names:
            for flow in {(item.forwarder.ref, item.output.name): item for item in told}.values():
                yield _delivered(view, flow)
        else:
            first = next(iter(told or outside))
            yield warn(first.forwarder, UNTOLD, seen=[_output(flow) for flow in outside], output=first.output.name)


@check(
    "ZT4-SIEM-002",
    "Detections and secret-store audit reach the SIEM",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(*SENSORS, StatefulSet, Deployment),
    where_served=(*SENSORS_WHERE_SERVED, *LOGS_WHERE_SERVED, AlertmanagerConfig),
    may=(VaultHealth, VaultAudit),
    maps=("800-53 AU-6(5)", "800-53 IR-5"),
)
def detections_to_siem(view: View) -> Iterator[Finding]:
    """What detects, and what hands out secrets, tells the SIEM.

    Why: an incident spans layers; its first trace is often a detection, its last a secret.
    How: the sensor cries on the node, the Vault notes who read what, and neither is heard.
    Rule: pass if detections leave the cluster (alerts do where no engine runs; Tetragon's by its container export-stdout, whose
    log a forwarder takes whole to the SIEM), and every Vault sends its audit on (a device of the type socket or syslog, or stdout
    that a forwarder takes there); warn if one of both is not so; fail if neither is. Where another engine sends its detections
    is in its own configuration, and unknown; so is a Vault's audit where the Vault is not connected, or writes it to the output
    of a process that does not run here.
    Traps: outputs of falcosidekick are in a Secret and those of ACS behind its own API, which are not read; a webhook that stays
    inside reaches no SIEM; an audit file on a volume leaves with nobody; pods of default, kube-* and openshift-* namespaces log
    as infrastructure, all others as applications.
    Source: apps/v1 DaemonSet, metadata.labels, spec.template.spec.containers[].name; apps/v1 StatefulSet, metadata.labels;
    monitoring.coreos.com/v1alpha1 AlertmanagerConfig, spec.receivers[].webhookConfigs[].url; platform.stackrox.io/v1alpha1
    SecuredCluster, metadata.name; observability.openshift.io/v1 ClusterLogForwarder, metadata.annotations,
    spec.pipelines[].inputRefs; vault sys/audit.
    Verify: kubectl get alertmanagerconfigs -A; vault audit list
    """
    audits = _vault_audits(view)
    detections = _detections(view)
    nobody_hears = detections.status is Status.FAIL and all(item.status is Status.FAIL for item in audits)
    for item in (detections, *audits):
        yield item if nobody_hears or item.status is not Status.FAIL else msgspec.structs.replace(item, status=Status.WARN)


def _detections(view: View) -> Finding:
    """Whether what detects is heard outside."""
    central, known = acs(view), view.derive(sensors)
    configs = sorted(view.all(AlertmanagerConfig), key=lambda item: (item.namespace, item.name))
    hosts = [(item, host) for item in configs for host in item.hosts if "." in host and not host.endswith((".svc", ".local"))]
    if central is not None:
        words = {"engine": "ACS", "where": "ACS"}
        return unknown(central, DETECTIONS_UNTOLD, Why.NOT_CONNECTED, "acs", seen=[central], **words)
    if known:
        silent = next((item for item in known if not _exports(view, item)), None)
        if silent is None:
            on = known[0].daemon
            fact = seen(on, f"spec.template.spec.containers[name={_EXPORT}]")
            return ok(on, DETECTIONS_SENT, seen=[fact], engine=known[0].engine)
        on = silent.daemon
        words = {"engine": silent.engine, "where": "its own configuration"}
        return unknown(on, DETECTIONS_UNTOLD, Why.NO_SOURCE, f"{silent.engine} outputs", seen=[on], **words)
    if hosts:
        facts = [seen(item, "spec.receivers[].webhookConfigs[].url", host) for item, host in hosts]
        return ok(hosts[0][0], ALERTS_ONLY, seen=facts, hosts=", ".join(sorted({host for _, host in hosts})))
    return fail(cluster_ref(), NOTHING_DETECTS, seen=configs)


def _exports(view: View, sensor: Sensor) -> bool:
    """Whether an engine writes its detections to its pods' log, which goes to the SIEM."""
    boxes = sensor.daemon.spec.template.spec.containers or ()
    return (
        sensor.engine == "Tetragon" and any(box.name == _EXPORT for box in boxes) and _takes_logs(view, sensor.daemon.namespace)
    )


def _vault_audits(view: View) -> list[Finding]:
    """What each connected Vault sends its audit to; unknown where one runs that is not asked."""
    connected = sorted(view.all(VaultHealth), key=lambda item: item.namespace)
    if not connected:
        vault = next(iter(_vaults(view)), None)
        gap = view.gap(VaultHealth)
        if vault is None and (gap is None or gap.why is Why.NOT_CONNECTED):
            return []
        why, detail = (gap.why, gap.detail) if gap is not None else (Why.NOT_CONNECTED, "vault")
        on = vault.ref if vault is not None else cluster_ref()
        words = {"vault": str(vault.ref) if vault is not None else "a Vault of the settings"}
        return [unknown(on, VAULT_UNASKED, why, detail, seen=[vault] if vault is not None else [], **words)]
    gap = view.gap(VaultAudit)
    if gap is not None:
        return [unknown(connected[0], VAULT_UNTOLD, gap.why, gap.detail, seen=[connected[0]], vault=connected[0].namespace)]
    return [_audit_of(view, item) for item in connected]


def _audit_of(view: View, vault: VaultHealth) -> Finding:
    devices = [item for item in view.all(VaultAudit) if item.namespace.partition("/")[0] == vault.namespace]
    facts: list[Kind | Evidence] = [seen(item, "type", item.data.type) for item in devices]
    sent = min((item.data.type for item in devices if item.data.type in {"socket", "syslog"}), default="")
    if sent:
        return ok(vault, VAULT_SENT, seen=facts, vault=vault.namespace, where=f"a {sent}")
    if any(item.data.type == "file" and item.data.options and item.data.options.file_path == _STDOUT for item in devices):
        homes = _vaults(view)
        if not homes:
            return unknown(vault, VAULT_ELSEWHERE, Why.NO_SOURCE, "output of the Vault", seen=facts, vault=vault.namespace)
        facts += homes
        if all(_takes_logs(view, item.namespace) for item in homes):
            where = "its pod's log, which goes to the SIEM"
            return ok(vault, VAULT_SENT, seen=facts, vault=vault.namespace, where=where)
    return fail(vault, VAULT_STAYS, seen=facts or [vault], vault=vault.namespace)


def _takes_logs(view: View, namespace: str) -> bool:
    """Whether a forwarder takes everything that pods of a namespace log to the SIEM."""
    of = "infrastructure" if namespace in _INFRASTRUCTURE or looks_reserved(namespace) else "application"
    return any(of in flow.whole and flow.is_outside and _is_siem(flow) for flow in view.derive(flows))


def _is_siem(flow: Flow) -> bool:
    return flow.forwarder.annotations.get(_SIEM) == "true"


def _output(flow: Flow) -> Evidence:
    return seen(flow.forwarder, f"spec.outputs[name={flow.output.name}].type", flow.output.type)


def _delivered(view: View, flow: Flow) -> Finding:
    """How much of what goes to an output arrives, by the collectors' own counters."""
    words = {"output": flow.output.name}
    gap = view.gap(LogDelivery)
    counted = view.get(LogDelivery, LogDelivery.component(flow.output.name), flow.forwarder.namespace) if gap is None else None
    if counted is None:
        told = str(gap) if gap is not None else "no collector counts it"
        return warn(flow.forwarder, UNMEASURED, seen=[_output(flow)], **words, gap=told)
    facts = [_output(flow), seen(counted, "sent", f"{counted.sent:.0f}"), seen(counted, "errors", f"{counted.errors:.0f}")]
    total = counted.sent + counted.errors
    if not counted.sent:
        return fail(flow.forwarder, SILENT, seen=facts, **words)
    if counted.errors >= ERRORS_MAX * total:
        return fail(flow.forwarder, ERRING, seen=facts, **words, errors=f"{counted.errors:.0f}", total=f"{total:.0f}")
    return ok(flow.forwarder, DELIVERED, seen=facts, **words, sent=f"{counted.sent:.0f}", errors=f"{counted.errors:.0f}")


@check(
    "ZT4-SIEM-003",
    "Records carry joinable identity",
    severity="low",
    gate="S",
    grain="cluster",
    needs=LOGS,
    where_served=LOGS_WHERE_SERVED,
    tier="x",
    maps=("800-53 AU-3(1)", "800-53 AU-10"),
)
def joinable(view: View) -> Iterator[Finding]:
    """Each record says who, where and in which cluster.

    Why: without a common key nothing can be put together.
    How: the SIEM holds the shell and the login, and nothing says that they belong to one person.
    Rule: pass if no filter takes away namespace, pod, user, source address or audit id, and a label names the cluster; warn
    without such a label; fail where a field is taken away.
    Traps: a filter that lists what stays takes away everything else; a filter counts only in a pipeline that uses it.
    Source: observability.openshift.io/v1 ClusterLogForwarder, spec.filters[].prune.in, spec.filters[].prune.notIn,
    spec.filters[].openshiftLabels, spec.pipelines[].filterRefs.
    Verify: oc get clusterlogforwarders.observability.openshift.io -A -o jsonpath='{.items[*].spec.filters}'
    """
    found = view.derive(flows)
    if not found:
        yield na(cluster_ref(), NO_RECORDS)
        return
    for flow in {item.forwarder.ref: item for item in found}.values():
        mine = [item for item in found if item.forwarder.ref == flow.forwarder.ref]
        yield from _joins(flow, mine)


def _joins(first: Flow, mine: list[Flow]) -> Iterator[Finding]:
    """What one forwarder keeps."""
    words = {"forwarder": str(first.forwarder.ref)}
    bad = {item.name: (item, fields) for flow in mine for item in flow.filters if (fields := _taken(item, flow))}
    for item, fields in bad.values():
        fact = seen(first.forwarder, f"spec.filters[name={item.name}].prune", ", ".join(fields))
        yield fail(first.forwarder, PRUNED, seen=[fact], **words, filter=item.name, fields=", ".join(fields))
    named = all(any(item.openshift_labels for item in flow.filters) for flow in mine)
    if not named:
        yield warn(first.forwarder, NO_CLUSTER_NAME, seen=[seen(first.forwarder, "spec.filters[].openshiftLabels")], **words)
    if named and not bad:
        yield ok(first.forwarder, JOINABLE, seen=[seen(first.forwarder, "spec.filters[].openshiftLabels")], **words)


def _taken(item: LogFilter, flow: Flow) -> list[str]:
    """The fields of identity that a filter takes away from what flows through it."""
    if item.prune is None:
        return []
    wanted = [*(_WORKLOAD_FIELDS if flow.types & {"application", "infrastructure"} else ())]
    wanted += _AUDIT_FIELDS if "audit" in flow.types else ()
    gone = item.prune.in_ or ()
    kept = item.prune.not_in
    return [
        field
        for field in wanted
        if any(_covers(name, field) for name in gone) or (kept is not None and not any(_covers(name, field) for name in kept))
    ]


def _covers(name: str, field: str) -> bool:
    plain = name.replace('"', "")
    return field == plain or field.startswith(f"{plain}.")


def _vaults(view: View) -> list[StatefulSet | Deployment]:
    """What runs a Vault in this cluster, by place and name."""
    stores: list[StatefulSet | Deployment] = [*view.all(StatefulSet), *view.all(Deployment)]
    found = [item for item in stores if item.labels.get("app.kubernetes.io/name") in {"vault", "openbao"}]
    return sorted(found, key=lambda item: (item.namespace, item.name))

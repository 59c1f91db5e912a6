"""Row P4.DYN: what is enforced follows what is seen, and nobody holds a power that they do not need now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ztui.checks.base import AHEAD, Evidence, Finding, Status, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines.acs import ACS_WHERE_SERVED, acs
from ztui.engines.escalation import primitives
from ztui.engines.grants import ACCESS, Grant, cluster_grants, server_minor
from ztui.engines.holders import holder, is_full_admin
from ztui.engines.logflow import LOGS, LOGS_WHERE_SERVED, flows
from ztui.engines.scans import SCANS_WHERE_SERVED
from ztui.engines.sensors import SENSORS, SENSORS_WHERE_SERVED, sensors
from ztui.kinds.acs import SecuredCluster, SecurityPolicy
from ztui.kinds.base import Kind, condition, instant
from ztui.kinds.measured import AlertRouting, StoredRecords
from ztui.kinds.netpolicy import AdminNetworkPolicy, ClusterNetworkPolicy, EgressFirewall, TierPolicy
from ztui.kinds.pipeline import PipelineRun
from ztui.kinds.policy import ValidatingWebhookConfiguration
from ztui.kinds.rbac import ClusterRoleBinding
from ztui.kinds.scan import ImageManifestVuln, Report, VulnerabilityReport
from ztui.kinds.session import Session
from ztui.kinds.signal import TracingPolicy
from ztui.kinds.telemetry import LokiAlertingRule
from ztui.view import View, Why

REACTS = reason("policy-reacts", "{by} changes what is allowed, a quarantine is ready, and a response ran {days} days ago")
UNREADY = reason("policy-half", "{by} changes what is allowed; {lacks}", next="Install the quarantine policy, and run a drill")
ONLY_WATCHES = reason("policy-watches", "{by} watches and changes nothing", next="Let one policy act, after a time of watching")
NOTHING_REACTS = reason(
    "policy-static",
    "nothing that runs here changes what is allowed by what it sees",
    next="Walk through enforcement in the guide",
)
REACTION_UNTOLD = reason(
    "policy-untold",
    "{by} runs; which of its policies act is in {where}, which is not read",
    next="Connect it once this release can, or attest it",
)
ANALYSED = reason("behaviour-analysed", "ACS reads the audit log, and {by} acts on what it finds")
ANALYSED_SILENT = reason(
    "behaviour-silent", "ACS reads the audit log, and {by} tells nobody", next="Give the policy a notifier or an enforcement"
)
ANALYSIS_UNTOLD = reason(
    "behaviour-untold",
    "{by} may analyse who does what; {where} does not tell",
    next="Connect it, or attest the analysis",
)
ANALYSED_STORE = reason("behaviour-alerts", "{by} reads the audit log, {count} records a quarter of an hour; {told} is told")
STORE_SILENT = reason(
    "behaviour-unheard",
    "{by} reads the audit log, and no receiver hears its alerts",
    next="Give the receiver an integration",
)
STORE_EMPTY = reason(
    "behaviour-starved",
    "{by} reads an audit log in which nothing has arrived for a quarter of an hour",
    next="See why the forwarder's audit pipeline brings nothing",
)
NOT_ANALYSED = reason(
    "behaviour-unwatched", "nothing here looks at what people do with the API", next="Walk through audit alerts in the guide"
)
FED = reason("threat-fed", "{by} was fed {days} days ago, and scanners know weaknesses of the last 3 days")
UNFED = reason(
    "threat-unfed", "scanners know weaknesses of the last 3 days, and nothing that enforces is fed", next="Feed an egress policy"
)
STALE_DEFINITIONS = reason(
    "threat-stale", "no scanner has looked at anything for {days} days: what it knows is as old", next="Repair the scanner"
)
NO_INTELLIGENCE = reason(
    "threat-none", "no scanner runs and nothing that enforces is fed", next="Install a scanner, and feed an egress policy"
)
DEFINITIONS_UNTOLD = reason(
    "threat-untold",
    "how fresh the scanner's definitions are is not told by its reports",
    next="Attest how definitions are updated",
)
JUST_IN_TIME = reason("just-in-time", "{subject} holds {role} until {end}")
STANDING = reason("standing-power", "{subject} holds {role} for good: {what}", next="Preview a binding that ends by itself")
EXPIRED = reason(
    "expired-power", "{subject} should have lost {role} at {end}, and holds it still", next="Delete the binding", stands=True
)

_EXPIRES: Final = "ztui.io/expires"
_FEED: Final = "ztui.io/threat-feed"
_FED: Final = "ztui.io/feed-updated"
_QUARANTINE: Final = "ztui.io/quarantine"
_LISTENER: Final = "triggers.tekton.dev/eventlistener"
_DAY: Final = timedelta(days=1)


@check(
    "ZT4-DYN-001",
    "Policy reacts to workload risk",
    severity="high",
    gate="R",
    grain="cluster",
    needs=SENSORS,
    where_served=(
        *SENSORS_WHERE_SERVED,
        TracingPolicy,
        SecurityPolicy,
        PipelineRun,
        AdminNetworkPolicy,
        ClusterNetworkPolicy,
    ),
    recipes=("R-QUARANTINE-BASE",),
    maps=("CISA A&O", "CISA Apps", "800-53 SI-4(7)", "800-53 AC-4", "800-53 IR-4(1)"),
)
def policy_reacts(view: View) -> Iterator[Finding]:
    """What a workload may do depends on how it behaves.

    Why: fixed rules cannot follow a risk that changes.
    How: a workload that was taken over keeps every right that it had when it was trusted.
    Rule: pass if something that runs here acts on what it sees (a tracing policy of Tetragon that kills or overrides, a policy of
    ACS with an enforcement), a quarantine policy for the whole cluster waits, and a response ran well in the last 90 days; warn
    if one of the latter is missing, or if policies only watch; fail without any. What ACS and Kyverno do by policies that are not
    read is unknown.
    Traps: a tracing policy without its engine does nothing; in monitor mode nothing is stopped.
    Source: cilium.io/v1alpha1 TracingPolicy, spec.kprobes[].selectors[].matchActions[].action, spec.enforcers, spec.options;
    config.stackrox.io/v1alpha1 SecurityPolicy, spec.enforcementActions, spec.disabled; platform.stackrox.io/v1alpha1
    SecuredCluster, spec.admissionControl.enforcement; policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy, spec.subject;
    policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, spec.subject; tekton.dev/v1 PipelineRun, metadata.labels,
    status.conditions.
    Verify: kubectl get tracingpolicies,securitypolicies -A; kubectl get adminnetworkpolicies
    """
    engines = {item.engine for item in view.derive(sensors)}
    tracing = sorted(view.all(TracingPolicy), key=lambda item: item.name) if "Tetragon" in engines else []
    central = acs(view)
    policies = sorted(view.all(SecurityPolicy), key=lambda item: (item.namespace, item.name)) if central is not None else []
    acting: list[Kind] = [*(item for item in tracing if item.acts), *(item for item in policies if item.acts)]
    if acting:
        yield _ready(view, acting)
        return
    kyverno = next((item for item in view.all(ValidatingWebhookConfiguration) if item.name.startswith("kyverno-")), None)
    if central is not None:
        yield unknown(central, REACTION_UNTOLD, Why.NOT_CONNECTED, "acs", seen=[central], by="ACS", where="ACS")
    elif kyverno is not None:
        where = "rules that call out"
        yield unknown(kyverno, REACTION_UNTOLD, Why.NO_SOURCE, "kyverno rules", seen=[kyverno], by="Kyverno", where=where)
    elif tracing:
        yield warn(tracing[0], ONLY_WATCHES, seen=tracing, by=str(tracing[0].ref))
    else:
        yield fail(cluster_ref(), NOTHING_REACTS)


@check(
    "ZT4-DYN-002",
    "User behaviour is analysed",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=LOGS,
    where_served=(*LOGS_WHERE_SERVED, *ACS_WHERE_SERVED, SecurityPolicy, LokiAlertingRule),
    may=(StoredRecords, AlertRouting),
    maps=("CISA Identity", "CISA V&A", "800-53 AU-6(1)", "800-53 AC-2(12)"),
)
def behaviour(view: View) -> Iterator[Finding]:
    """Somebody, or something, looks at what people do with their rights.

    Why: a stolen identity looks right in everything but its behaviour.
    How: an administrator's token reads every Secret at night, and each single request is allowed.
    Rule: pass if ACS reads the audit log and one of its policies on it acts or tells somebody, or if an alerting rule reads an
    audit log that records arrive in and a receiver hears its alerts; warn if nothing acts and nobody hears; fail without any
    analysis, and for a rule on a log in which nothing arrives. What ACS does by itself is unknown: its API is not asked.
    Traps: an alert on audit logs in a store that gets none is silent; a SIEM is an owner's word.
    Source: platform.stackrox.io/v1alpha1 SecuredCluster, spec.auditLogs.collection; config.stackrox.io/v1alpha1 SecurityPolicy,
    spec.eventSource, spec.notifiers, spec.enforcementActions; loki.grafana.com/v1 AlertingRule, spec.tenantID, spec.groups;
    observability.openshift.io/v1 ClusterLogForwarder, spec.pipelines[].inputRefs; the log store's audit tenant, count of records;
    Alertmanager /api/v2/status, config.original, route, receivers.
    Verify: kubectl get securitypolicies,alertingrules.loki.grafana.com -A
    """
    central = acs(view)
    reads = [item for item in view.all(SecuredCluster) if item.spec.audit_logs.collection != "Disabled"]
    on_audit = [
        item
        for item in sorted(view.all(SecurityPolicy), key=lambda one: (one.namespace, one.name))
        if item.spec.event_source == "AUDIT_LOG_EVENT" and not item.spec.disabled
    ]
    rules = [item for item in view.all(LokiAlertingRule) if item.spec.tenant_id == "audit" and item.spec.groups]
    stored = any("audit" in item.types and item.output.type == "lokiStack" for item in view.derive(flows))
    if reads and on_audit:
        loud = [item for item in on_audit if item.acts or item.spec.notifiers]
        first = (loud or on_audit)[0]
        make, because = (ok, ANALYSED) if loud else (warn, ANALYSED_SILENT)
        yield make(first, because, seen=[*reads, *on_audit], by=str(first.ref))
    elif central is not None:
        yield unknown(central, ANALYSIS_UNTOLD, Why.NOT_CONNECTED, "acs", seen=[central], by="ACS", where="its own API")
    elif rules and stored:
        yield _alerting(view, min(rules, key=lambda item: (item.namespace, item.name)))
    else:
        yield fail(cluster_ref(), NOT_ANALYSED, seen=[*rules])


def _alerting(view: View, rule: LokiAlertingRule) -> Finding:
    """What an alerting rule on the audit log is worth: what it reads, and who hears it."""
    by = str(rule.ref)
    for kind, where in ((StoredRecords, "the log store"), (AlertRouting, "the alert manager")):
        gap = view.gap(kind)
        if gap is not None:
            return unknown(rule, ANALYSIS_UNTOLD, gap.why, gap.detail, seen=[rule], by=by, where=where)
    records = view.get(StoredRecords, "audit")
    facts: list[Kind | Evidence] = [rule, *([seen(records, "count", f"{records.count:.0f}")] if records is not None else [])]
    if records is None or not records.count:
        return fail(rule, STORE_EMPTY, seen=facts, by=by)
    told = [name for item in view.all(AlertRouting) for name in item.reached]
    if not told:
        return warn(rule, STORE_SILENT, seen=facts, by=by)
    return ok(rule, ANALYSED_STORE, seen=facts, by=by, count=f"{records.count:.0f}", told=", ".join(told))


@check(
    "ZT4-DYN-003",
    "Threat intelligence drives policy",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(),
    where_served=(*SCANS_WHERE_SERVED, *ACS_WHERE_SERVED, EgressFirewall, AdminNetworkPolicy, ClusterNetworkPolicy),
    maps=("CISA V&A", "800-53 PM-16", "800-53 RA-10", "800-53 SI-5"),
)
def intelligence(view: View) -> Iterator[Finding]:
    """What is known to be bad elsewhere is blocked here before it is seen.

    Why: others were attacked first, and their list costs nothing.
    How: the address of the attacker's master is on every list, and no rule names it.
    Rule: pass if an egress policy was fed in the last 7 days and a scanner knows of weaknesses of the last 3; warn if nothing is
    fed; fail if there is no scanner either, or if none has looked at anything for 14 days.
    Traps: a label alone feeds nothing: the time of its annotation must move; the newest day that a report speaks of is the
    least that a scanner's definitions know, older days prove nothing about them.
    Source: k8s.ovn.org/v1 EgressFirewall, metadata.labels, metadata.annotations; policy.networking.k8s.io/v1alpha1
    AdminNetworkPolicy, metadata.labels, metadata.annotations; aquasecurity.github.io/v1alpha1 VulnerabilityReport,
    report.vulnerabilities[].publishedDate, report.vulnerabilities[].lastModifiedDate, report.updateTimestamp.
    Verify: kubectl get egressfirewalls,adminnetworkpolicies -A -l ztui.io/threat-feed
    """
    fed = _fed(view)
    reports: list[Report] = [*view.all(VulnerabilityReport), *view.all(ImageManifestVuln)]
    soon = view.now + _DAY
    days_told = (instant(item.report.newest) for item in view.all(VulnerabilityReport))
    newest = max((at for at in days_told if at is not None and at <= soon), default=None)
    looked = max((at for item in reports if (at := instant(item.updated))), default=None)
    central = acs(view)
    if newest is not None and view.now - newest <= 3 * _DAY:
        if fed is not None:
            days = max((view.now - fed[0]).days, 0)
            yield ok(
                fed[1],
                FED,
                seen=[seen(fed[1], f"metadata.annotations[{_FED}]", fed[0].isoformat())],
                by=str(fed[1].ref),
                days=days,
            )
        else:
            yield warn(cluster_ref(), UNFED)
    elif central is not None:
        yield unknown(central, DEFINITIONS_UNTOLD, Why.NOT_CONNECTED, "acs", seen=[central])
    elif looked is not None and view.now - looked > 14 * _DAY:
        yield fail(cluster_ref(), STALE_DEFINITIONS, days=(view.now - looked).days)
    elif not reports and fed is None:
        yield fail(cluster_ref(), NO_INTELLIGENCE)
    else:
        yield unknown(cluster_ref(), DEFINITIONS_UNTOLD, Why.NO_SOURCE, "vulnerability definitions")


@check(
    "ZT4-DYN-004",
    "Privilege is just-in-time",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=ACCESS,
    where_served=(Session,),
    tier="x",
    empty=Status.PASS,
    recipes=("R-JIT-BIND", "R-JIT-END", "R-UNBIND"),
    maps=("800-53 AC-2(6)", "800-53 AC-6"),
)
def just_in_time(view: View) -> Iterator[Finding]:
    """People hold the great powers for hours, not for good.

    Why: a power that stands is the prize that attackers come for.
    How: the administrator's login is stolen on holiday, when nobody needs it, and works.
    Rule: of the bindings that let people do everything, or become somebody who can, pass those that end within 24 hours by
    their annotation; fail those that stand, or whose end has passed.
    Traps: an annotation ends nothing by itself: what should be gone and is not fails; a group's members are its provider's, and
    who may join it for hours is an owner's word.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, metadata.annotations, subjects, roleRef;
    rbac.authorization.k8s.io/v1 ClusterRole, rules.
    Verify: kubectl get clusterrolebindings -o wide
    """
    for grant in view.derive(cluster_grants):
        if holder(view, grant) != "human":
            continue
        powers = ["everything"] if is_full_admin(grant) else list(primitives(grant, server_minor(view)))
        if powers:
            yield _standing(view, grant, powers)


def _standing(view: View, grant: Grant, powers: list[str]) -> Finding:
    binding = view.get(ClusterRoleBinding, grant.binding.name)
    words = {"subject": grant.key, "role": grant.role.name}
    told = binding.annotations.get(_EXPIRES, "") if binding else ""
    facts = [seen(binding, f"metadata.annotations[{_EXPIRES}]", told)] if binding else []
    end = instant(told)
    if end is not None and end <= view.now:
        return fail(grant.binding, EXPIRED, seen=facts, **words, end=told)
    if end is not None and end - view.now <= _DAY:
        return ok(grant.binding, JUST_IN_TIME, seen=facts, **words, end=told)
    return fail(grant.binding, STANDING, seen=facts, **words, what=", ".join(powers[:3]))


def _ready(view: View, acting: list[Kind]) -> Finding:
    """What a mechanism that acts is worth: whether a quarantine waits for it, and whether anybody ever tried."""
    tiers: list[TierPolicy] = [*view.all(AdminNetworkPolicy), *view.all(ClusterNetworkPolicy)]
    quarantine = next((item for item in sorted(tiers, key=lambda one: one.name) if _isolates(item)), None)
    ended = []
    for run in view.all(PipelineRun):
        state = condition(run.status.conditions, "Succeeded")
        at = instant(run.status.completion_time or (state.last_transition_time if state else None))
        if _LISTENER in run.labels and state is not None and state.status == "True" and at is not None:
            ended.append(at)
    days = (view.now - max(ended)).days if ended else None
    by = str(acting[0].ref)
    lacks = ["no quarantine policy waits"] if quarantine is None else []
    lacks += ["no response ran well in 90 days"] if days is None or days > 90 else []
    if lacks:
        return warn(acting[0], UNREADY, seen=acting, by=by, lacks=" and ".join(lacks))
    return ok(acting[0], REACTS, seen=[*acting, *([quarantine] if quarantine else [])], by=by, days=days)


def _isolates(item: TierPolicy) -> bool:
    """Whether a policy of the cluster cuts off what carries the quarantine label, in both directions."""
    pods = item.spec.subject.pods
    if pods is None or _QUARANTINE not in (pods.pod_selector.match_labels or {}) or item.spec.tier not in {"", "Admin"}:
        return False
    return all(any(rule.action == "Deny" for rule in rules or ()) for rules in (item.spec.ingress, item.spec.egress))


def _fed(view: View) -> tuple[datetime, Kind] | None:
    """The egress policy that was fed last, where that was in the last 7 days."""
    kinds: tuple[type[Kind], ...] = (EgressFirewall, AdminNetworkPolicy, ClusterNetworkPolicy)
    found = [
        (at, item)
        for kind in kinds
        for item in view.all(kind)
        if _FEED in item.labels and (at := instant(item.annotations.get(_FED)))
    ]
    fresh = [(at, item) for at, item in found if -AHEAD <= view.now - at <= 7 * _DAY]
    return max(fresh, key=lambda pair: (pair[0], pair[1].ref), default=None)

"""Row P3.IDS: something on every node sees intrusions while they happen, and somebody answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import (
    AHEAD,
    Bands,
    Evidence,
    Finding,
    Status,
    attested,
    check,
    cluster_ref,
    fail,
    ok,
    reason,
    seen,
    unknown,
    warn,
)
from ztui.engines.acs import acs
from ztui.engines.coverage import linux_nodes, nodes_of
from ztui.engines.sensors import SENSORS, SENSORS_WHERE_SERVED, Sensor, sensors
from ztui.kinds.base import Kind, instant
from ztui.kinds.signal import FileIntegrity, FileIntegrityNodeStatus, TracingPolicy
from ztui.kinds.workload import Node
from ztui.view import View, Why

WATCHED = reason("node-watched", "{engine} watches {node}")
NOT_WATCHED = reason(
    "node-not-watched",
    "no detection engine is ready on {node}; elsewhere runs {engines}",
    next="Let the engine tolerate the taints of this node",
)
NO_ENGINE = reason(
    "no-detection", "nothing detects intrusions on any node", next="Install a detection engine: the guide shows three"
)
BLIND = reason(
    "detection-blind", "the collector of ACS is told to collect nothing", next="Set collection to CORE_BPF", stands=True
)
NO_RULES = reason(
    "no-rules",
    "Tetragon runs and has no tracing policy: it sees much and reports nothing",
    next="Apply the base tracing policies",
)
NOT_ASKED = reason(
    "detections-not-asked",
    "{engine} runs{rules}; which detections are open, and for how long, is known where its events go",
    next="Say on the engine when the last detection was answered (ztui.io/detections-answered), or attest it",
)
ANSWERED = reason("detections-answered", "{engine} runs{rules}; its owner vouches that a detection was answered {days} days ago")
UNDRILLED = reason(
    "detections-undrilled",
    "{engine} runs{rules}; the last detection that its owner vouches for was answered {days} days ago",
    next="Provoke a harmless detection, answer it, and note the time on the engine",
)
UNCHANGED = reason("integrity-kept", "the files of {node} are as they were, looked at within a day")
CHANGED = reason(
    "integrity-broken",
    "files of {node} were changed: {added} added, {changed} changed, {removed} removed",
    next="Find out who changed them before making them the new baseline",
    stands=True,
)
CHANGED_IN_ROLLOUT = reason(
    "integrity-in-rollout",
    "files of {node} were changed while its configuration is rolled out",
    next="Make them the new baseline once the rollout is through",
)
NOT_LOOKED = reason(
    "integrity-stale", "{node}: the last look {what}", next="Look at the pods of the file integrity operator on this node"
)
SETTING_UP = reason("integrity-setting-up", "the watch over files is {phase}", next="Wait for the first look, or read its events")
UNWATCHED_NODE = reason(
    "integrity-no-status",
    "nobody looks at the files of {node}",
    next="Widen the nodeSelector and tolerations of the FileIntegrity",
)
NO_INTEGRITY = reason(
    "no-integrity", "nobody watches the files of nodes", next="Install the file integrity operator: the guide shows how"
)

_DAY: Final = timedelta(days=1)
_DRILL: Final = timedelta(days=30)
_ANSWERED: Final = "ztui.io/detections-answered"
_STATE: Final = "machineconfiguration.openshift.io/state"
_CURRENT: Final = "machineconfiguration.openshift.io/currentConfig"
_DESIRED: Final = "machineconfiguration.openshift.io/desiredConfig"


@check(
    "ZT3-IDS-001",
    "Runtime detection covers every node",
    severity="high",
    gate="R",
    grain="cluster",
    needs=SENSORS,
    where_served=SENSORS_WHERE_SERVED,
    ratio=Bands(1.0, 0.95, any_fail=False),
    maps=("CISA V&A", "CISA Apps", "800-53 SI-4", "800-53 SI-4(23)"),
)
def watched(view: View) -> Iterator[Finding]:
    """A detection engine is ready on each node.

    Why: prevention fails one day; what happens then is seen in system calls or not at all.
    How: a shell in a container on a node without a sensor leaves no trace.
    Rule: of the ready Linux nodes, pass if each has a ready pod of ACS (which collects), Falco or Tetragon, warn from 95 %, fail
    below and without an engine.
    Traps: control plane nodes have taints that a chart's default does not tolerate; engines need privileges that no tenant has,
    so a label alone makes no engine; an engine that is not one of the three is not recognised.
    Source: apps/v1 DaemonSet, metadata.labels; v1 Node, status.conditions; v1 Pod, spec.nodeName, spec.volumes[].hostPath,
    status.containerStatuses[].ready; platform.stackrox.io/v1alpha1 SecuredCluster, spec.perNode.collector.collection.
    Verify: kubectl get daemonsets -A -l 'app.kubernetes.io/name in (falco,tetragon)'
    """
    known = view.derive(sensors)
    blind = [item for item in known if item.blind]
    if len(blind) == len(known):
        yield fail(blind[0].daemon, BLIND, seen=[item.daemon for item in blind]) if blind else fail(cluster_ref(), NO_ENGINE)
        return
    at = {item.daemon.ref: view.derive(nodes_of, item.daemon.namespace, item.daemon.name) for item in known if not item.blind}
    for node in linux_nodes(view):
        here = [item for item in known if not item.blind and node.name in at[item.daemon.ref]]
        facts: list[Kind | Evidence] = [node, *(item.daemon for item in here or known)]
        if here:
            yield ok(node, WATCHED, seen=facts, engine=here[0].engine, node=node.name)
        else:
            yield fail(node, NOT_WATCHED, seen=facts, node=node.name, engines=", ".join(sorted({one.engine for one in known})))


@check(
    "ZT3-IDS-002",
    "Detections are meaningful and answered",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=SENSORS,
    where_served=(*SENSORS_WHERE_SERVED, TracingPolicy),
    maps=("800-53 SI-4(5)", "800-53 IR-4", "800-53 IR-5"),
)
def answered(view: View) -> Iterator[Finding]:
    """The engine has rules, and no critical detection waits for an answer.

    Why: a silent or ignored sensor gives false comfort.
    How: the alarm rang a week ago and nobody came.
    Rule: fail without an engine, or with Tetragon alone and no tracing policy. Which detections are open is told by no object of
    the cluster: pass (attested) where each engine's owner notes on it, in ztui.io/detections-answered, that one was answered in
    the last 30 days, a test one counts; warn where that is longer ago; unknown otherwise, and for ACS, whose API is not asked.
    Traps: Falco ships its rules inside its image; a policy in monitor mode still detects; a time in the future vouches for
    nothing.
    Source: apps/v1 DaemonSet, metadata.labels, metadata.annotations; cilium.io/v1alpha1 TracingPolicy, spec.options;
    platform.stackrox.io/v1alpha1 SecuredCluster, metadata.name.
    Verify: kubectl get tracingpolicies
    """
    known = view.derive(sensors)
    central = acs(view)
    if not known and central is None:
        yield fail(cluster_ref(), NO_ENGINE)
        return
    policies = sorted(view.all(TracingPolicy), key=lambda item: item.name)
    if central is None and {item.engine for item in known} == {"Tetragon"} and not policies:
        yield fail(known[0].daemon, NO_RULES, seen=[known[0].daemon])
        return
    if central is not None:
        words = {"engine": "ACS", "rules": "", "where": "ACS"}
        yield unknown(central, NOT_ASKED, Why.NOT_CONNECTED, "acs", seen=[central, *policies], **words)
        return
    for item in known:
        yield _vouched(view, item, policies)


def _vouched(view: View, sensor: Sensor, policies: list[TracingPolicy]) -> Finding:
    """What an owner's word on the engine is worth."""
    on = sensor.daemon
    at = instant(on.annotations.get(_ANSWERED))
    words = {"engine": sensor.engine, "rules": _rules(sensor, len(policies))}
    if at is None or at > view.now + AHEAD:
        return unknown(on, NOT_ASKED, Why.NO_SOURCE, f"{sensor.engine} detections", seen=[on, *policies], **words)
    facts: list[Kind | Evidence] = [seen(on, f"metadata.annotations[{_ANSWERED}]", at.isoformat()), *policies]
    make, because = (ok, ANSWERED) if view.now - at <= _DRILL else (warn, UNDRILLED)
    return attested(make(on, because, seen=facts, **words, days=max((view.now - at).days, 0)))


@check(
    "ZT3-IDS-003",
    "Host integrity is watched",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(Node,),
    where_served=(FileIntegrity, FileIntegrityNodeStatus),
    variants=("ocp",),
    empty=Status.WARN,
    maps=("CISA Devices", "800-53 SI-7", "800-53 SI-7(1)"),
)
def integrity(view: View) -> Iterator[Finding]:
    """The files of each node are compared with what they were.

    Why: tampering outside of containers is seen by nobody else.
    How: a changed kubelet starts what it likes, and every pod looks as it should.
    Rule: pass if the last look at each node found nothing, within a day; warn while it is set up, where it failed to look or is
    old, and where nothing watches; fail where files were changed.
    Traps: a rollout of the node's configuration changes files too: while it is under way, the finding warns.
    Source: fileintegrity.openshift.io/v1alpha1 FileIntegrity, status.phase; fileintegrity.openshift.io/v1alpha1
    FileIntegrityNodeStatus, nodeName, lastResult.condition, lastResult.lastProbeTime, lastResult.filesAdded,
    lastResult.filesChanged, lastResult.filesRemoved; v1 Node, metadata.annotations.
    Verify: oc get fileintegritynodestatuses -n openshift-file-integrity
    """
    watches = sorted(view.all(FileIntegrity), key=lambda item: (item.namespace, item.name))
    if not watches:
        yield warn(cluster_ref(), NO_INTEGRITY)
        return
    for watch in watches:
        if watch.status.phase != "Active":
            fact = seen(watch, "status.phase", watch.status.phase)
            yield warn(watch, SETTING_UP, seen=[fact], phase=watch.status.phase or "not started")
    results = {item.node_name: item for item in sorted(view.all(FileIntegrityNodeStatus), key=lambda one: one.name)}
    for node in linux_nodes(view):
        yield _integrity(view, node, results.get(node.name))


def _integrity(view: View, node: Node, found: FileIntegrityNodeStatus | None) -> Finding:
    if found is None:
        return warn(node, UNWATCHED_NODE, seen=[node], node=node.name)
    last = found.last_result
    facts = [seen(found, "lastResult.condition", last.condition), seen(found, "lastResult.lastProbeTime", last.last_probe_time)]
    if last.condition == "Failed":
        if _is_rolled(node):
            return warn(node, CHANGED_IN_ROLLOUT, seen=[*facts, seen(node, f"metadata.annotations[{_STATE}]")], node=node.name)
        counts = {"added": last.files_added, "changed": last.files_changed, "removed": last.files_removed}
        return fail(node, CHANGED, seen=facts, node=node.name, **_text(counts))
    at = instant(last.last_probe_time)
    if last.condition != "Succeeded":
        return warn(node, NOT_LOOKED, seen=facts, node=node.name, what=f"ended {last.condition or 'nowhere'}")
    if at is None or view.now - at > _DAY:
        return warn(node, NOT_LOOKED, seen=facts, node=node.name, what="is older than a day")
    return ok(node, UNCHANGED, seen=facts, node=node.name)


def _is_rolled(node: Node) -> bool:
    """Whether the node's configuration is changing now. Source: annotations of the machine config daemon."""
    notes = node.annotations
    return notes.get(_STATE, "Done") != "Done" or notes.get(_CURRENT, "") != notes.get(_DESIRED, "")


def _rules(sensor: Sensor, policies: int) -> str:
    return f" with {policies} tracing policies" if sensor.engine == "Tetragon" else ""


def _text(values: dict[str, int]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}

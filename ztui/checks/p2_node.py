"""Row P2.NODE, the nodes: SELinux is on, by configuration and by measurement; the boot is secure; configuration is in force."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from ztui.checks.base import Evidence, Finding, attested, check, cluster_ref, fail, na, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.kinds.base import Kind, condition, instant
from ztui.kinds.node import (
    SELINUX_FILE,
    UNREADABLE,
    BareMetalHost,
    BootProvider,
    ComplianceCheckResult,
    Machine,
    MachineConfig,
    MachineConfigPool,
    MachineRef,
)
from ztui.kinds.nodereport import NodeReport
from ztui.kinds.workload import Node
from ztui.view import View, Why

ENFORCING = reason("selinux-configured", "nothing in {config} switches SELinux off")
OFF_BY_KERNEL = reason(
    "selinux-kernel-argument",
    "the kernel is started with {argument} ({source})",
    next="Take the argument out of that MachineConfig; its nodes restart one by one",
    stands=True,
)
OFF_BY_FILE = reason(
    "selinux-config-file",
    "/etc/selinux/config is overridden with {mode} ({source})",
    next="Take the file out of that MachineConfig; its nodes restart one by one",
    stands=True,
)
OFF_BY_UNIT = reason(
    "selinux-unit",
    "the unit {unit} calls setenforce 0 ({source})",
    next="Take the unit out of that MachineConfig; its nodes restart one by one",
    stands=True,
)
NOT_RENDERED = reason("not-rendered", "its rendered configuration is not there to be read", next="Read the pool's conditions")
ELSEWHERE = reason(
    "hosted-node-config",
    "the configuration of nodes lies on the hosting cluster",
    next="Ask its owner for the NodePool's config, and attest it",
)
NO_POOLS = reason("no-pools", "the cluster does not serve machine config pools")
MEASURED = reason("selinux-enforcing", "reports SELinux enforcing ({by})")
NOT_ENFORCING = reason(
    "selinux-not-enforcing",
    "SELinux does not enforce ({by})",
    next="Find what switched it off: kernel arguments, /etc/selinux/config, setenforce",
)
SCAN_FAILED = reason(
    "selinux-scan-failed",
    "the scan {by} found that SELinux does not enforce",
    next="Find what switched it off: kernel arguments, /etc/selinux/config, setenforce",
    stands=True,
)
SAID_OTHERWISE = reason(
    "node-says-otherwise", "the node itself said when it was asked: {what}", next="See what its pool boots with", stands=True
)
NO_SOURCE = reason(
    "selinux-unmeasured",
    "nothing measures SELinux here",
    next="Ask the node (`:node NAME`, `ztui node NAME`), or let Node Feature Discovery or weekly scans measure it",
)
WINDOWS = reason("windows-node", "runs Windows, which has no SELinux")
SECURE = reason("secure-boot", "boots securely ({by})")
LABELLED = reason("secure-boot-labelled", "boots securely, by the word of the label {label}")
NOT_SECURE = reason(
    "no-secure-boot",
    "boots without Secure Boot: {by} is {value}",
    next="Make the machine anew with Secure Boot, or switch it on in its firmware",
    stands=True,
)
BOOT_UNSEEN = reason(
    "secure-boot-unseen",
    "nothing says how it boots",
    next="Ask the node (`:node NAME`, `ztui node NAME`), then label it with ztui.io/secure-boot=true",
)
CONVERGED = reason("pool-converged", "{count} nodes have {config}")
PAUSED = reason("pool-paused", "is paused{since}", next="Preview unpausing it: its nodes may restart")
LONG_PAUSED = reason(
    "pool-long-paused",
    "has been paused for {hours} hours at least: neither hardening nor certificates arrive",
    next="Preview unpausing it: its nodes may restart",
    stands=True,
)
UPDATING = reason("pool-updating", "{done} of {count} nodes have the new configuration", next="Wait until the pool is updated")
DEGRADED = reason("pool-degraded", "is degraded: {why}", next="Read the pool's conditions and the daemon's log", stands=True)
STUCK = reason(
    "node-stuck",
    "{node} has not reached its configuration in a day",
    next="Read the log of the machine config daemon on that node",
    stands=True,
)
CERTS = reason("pool-certificates", "a certificate of the pool ends in {days} days ({subject})", next="Let the pool roll out")

_ROLE: Final = "node-role.kubernetes.io/"
_FEATURES: Final = "feature.node.kubernetes.io/"
_SELINUX: Final = "feature.node.kubernetes.io/kernel-selinux.enabled"
_RULE: Final = "compliance.openshift.io/rule"
_SCAN: Final = "compliance.openshift.io/scan-name"
_SCANNED: Final = "compliance.openshift.io/last-scanned-timestamp"
_FRESH: Final = timedelta(days=7)
_CURRENT: Final = "machineconfiguration.openshift.io/currentConfig"
_DESIRED: Final = "machineconfiguration.openshift.io/desiredConfig"
_RENDERED: Final = re.compile(r"rendered-(.+)-[0-9a-f]{32}")
_DAY: Final = timedelta(hours=24)
_SOON: Final = timedelta(days=30)
_BAD: Final = ("Degraded", "NodeDegraded", "RenderDegraded")
_SECURE_MODE: Final = "UEFISecureBoot"


@check(
    "ZT2-NODE-001",
    "SELinux is not switched off in node configuration",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(),
    where_served=(MachineConfigPool, MachineConfig),
    variants=("ocp",),
    scope="all",
    maps=("CISA Devices", "800-53 AC-3(3)", "800-53 CM-6", "800-53 CM-7", "NSA Pod security"),
)
def selinux_configured(view: View) -> Iterator[Finding]:
    """No pool of nodes is configured to run without SELinux.

    Why: SELinux is the backstop when a container is escaped from.
    How: without it, a process that leaves its container owns the files of every other container on the node.
    Rule: fail if the rendered configuration has selinux=0 or enforcing=0, a config file that does not say enforcing, or a unit
    that calls setenforce 0; pass if none. Unknown where a hosting cluster keeps the configuration.
    Traps: only the rendered configuration counts, a later one may bring an argument back; of an argument given twice the last
    one wins; a masked unit does not run; what a script does that a unit starts is not looked into.
    Source: machineconfiguration.openshift.io/v1 MachineConfigPool, status.configuration.name, status.configuration.source;
    machineconfiguration.openshift.io/v1 MachineConfig, spec.kernelArguments, spec.config.storage.files[].path,
    spec.config.systemd.units[].
    Verify: oc get mc RENDERED -o jsonpath='{.spec.kernelArguments}'
    """
    if view.derive(units.platform).hosted:
        yield unknown(cluster_ref("nodes"), ELSEWHERE, Why.HOSTED, "node configuration")
        return
    if view.absent(MachineConfigPool) or view.absent(MachineConfig):
        yield unknown(cluster_ref("nodes"), NO_POOLS, Why.ABSENT, "machineconfigpools")
        return
    for pool in sorted(view.all(MachineConfigPool), key=_name):
        config = view.get(MachineConfig, pool.status.configuration.name)
        if config is None:
            yield unknown(pool, NOT_RENDERED, Why.PARTIAL, "rendered configuration", seen=[pool])
        else:
            yield from list(_switched_off(view, pool, config)) or [ok(pool, ENFORCING, seen=[config], config=config.name)]


@check(
    "ZT2-NODE-002",
    "Nodes report SELinux enforcing",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Node, NodeReport),
    where_served=(ComplianceCheckResult,),
    scope="all",
    maps=("CISA Devices", "800-53 AC-3(3)", "800-53 CM-6", "800-53 CM-7", "NSA Pod security"),
)
def selinux_measured(view: View) -> Iterator[Finding]:
    """Every Linux node was measured to enforce SELinux.

    Why: configuration is a promise, this is the measurement.
    How: setenforce 0 in a debug shell leaves no trace in any configuration.
    Rule: pass if Node Feature Discovery says so, a scan of the last week, or the node itself when it was asked in the last day;
    fail if discovery runs on the node and does not say so, such a scan failed, or the node said otherwise; unknown if nothing
    measures it.
    Traps: without discovery the label is missing everywhere and means nothing; a scan of a role speaks for the nodes of that
    role; an old scan says nothing of today.
    Source: v1 Node, metadata.labels; compliance.openshift.io/v1alpha1 ComplianceCheckResult, status, metadata.annotations,
    metadata.labels; the node itself, getenforce.
    Verify: kubectl get nodes -L feature.node.kubernetes.io/kernel-selinux.enabled; ztui node NODE
    """
    scans = [item for item in view.all(ComplianceCheckResult) if item.annotations.get(_RULE) == "selinux-state"]
    scans = [item for item in sorted(scans, key=_name) if _is_fresh(view, item)]
    for node in sorted(view.all(Node), key=_name):
        yield _enforces(node, [item for item in scans if _speaks_for(item, node)], _told(view, node))


@check(
    "ZT2-NODE-003",
    "Secure Boot is attested per node",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Node, NodeReport),
    where_served=(Machine, BareMetalHost),
    scope="all",
    maps=("CISA Devices", "800-53 SI-7(9)", "800-53 SI-7(10)"),
)
def secure_boot(view: View) -> Iterator[Finding]:
    """Every node has explicit evidence that it boots only signed code.

    Why: unsigned boot code defeats every layer above.
    How: who changes the boot loader once is below the kernel, its policies and its logs for good.
    Rule: pass if the host or the provider says so, the node itself when it was asked in the last day, or a label (which makes the
    row attested); fail if one of them says that it does not, or leaves it unset; unknown without explicit evidence.
    Traps: UEFI is not Secure Boot; no feature of discovery shows it by itself; AWS, vSphere, Nutanix and machines made by hand
    show nothing.
    Source: metal3.io/v1alpha1 BareMetalHost, spec.bootMode, spec.consumerRef; machine.openshift.io/v1beta1 Machine,
    spec.providerSpec.value, status.nodeRef; v1 Node, metadata.labels; the node itself, mokutil --sb-state.
    Verify: ztui node NODE; oc debug node/NODE -- chroot /host mokutil --sb-state
    """
    machines = {item.status.node_ref.name: item for item in sorted(view.all(Machine), key=_name) if item.status.node_ref}
    hosts = {
        _place(item.spec.consumer_ref): item for item in sorted(view.all(BareMetalHost), key=_name) if item.spec.consumer_ref
    }
    for node in sorted(view.all(Node), key=_name):
        machine = machines.get(node.name)
        host = hosts.get((machine.namespace, machine.name)) if machine else None
        yield _boots(view, node, machine, host)


@check(
    "ZT2-NODE-004",
    "Node configuration is converged",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Node,),
    where_served=(MachineConfigPool,),
    variants=("ocp",),
    scope="all",
    recipes=("R-MCP-UNPAUSE",),
    maps=("800-53 CM-2", "800-53 CM-6", "800-53 SI-2"),
)
def nodes_converged(view: View) -> Iterator[Finding]:
    """Every pool of nodes runs what it was told to run.

    Why: a drifted or paused pool gets neither hardening nor certificates.
    How: the fix for a hole is merged, rendered and waiting, and the hole is open.
    Rule: pass if a pool is updated, not degraded and not paused; warn while it updates, is paused for less than a day or has a
    certificate that ends within 30 days; fail if it is degraded, paused for a day, or a node has not caught up in a day.
    Traps: nothing says since when a pool is paused but the last write of who owns the field, so the span is the least it can be;
    a hosted cluster has no pools of its own.
    Source: machineconfiguration.openshift.io/v1 MachineConfigPool, spec.paused, status.conditions, status.machineCount,
    status.updatedMachineCount, status.degradedMachineCount, status.certExpirys, metadata.managedFields; v1 Node,
    metadata.annotations.
    Verify: oc get mcp
    """
    if view.derive(units.platform).hosted:
        yield na(cluster_ref("nodes"), ELSEWHERE)
        return
    if view.absent(MachineConfigPool):
        yield unknown(cluster_ref("nodes"), NO_POOLS, Why.ABSENT, "machineconfigpools")
        return
    for pool in sorted(view.all(MachineConfigPool), key=_name):
        yield from list(_not_converged(view, pool)) or [_converged(pool)]


def _switched_off(view: View, pool: MachineConfigPool, config: MachineConfig) -> Iterator[Finding]:
    """What in a pool's rendered configuration switches SELinux off, and which of its sources brought it."""
    found = (view.get(MachineConfig, item.name) for item in pool.status.configuration.source or ())
    parts = [item for item in found if item is not None]
    for name in ("selinux", "enforcing"):
        if config.argument(name) == "0":
            source = _last(item.name for item in parts if item.argument(name) == "0")
            fact = seen(config, "spec.kernelArguments", f"{name}=0")
            yield fail(pool, OFF_BY_KERNEL, seen=[fact], argument=f"{name}=0", source=source)
    mode = config.spec.config.selinux
    if mode not in {"", "enforcing"}:
        source = _last(item.name for item in parts if item.spec.config.selinux == mode)
        fact = seen(config, f"spec.config.storage.files[{SELINUX_FILE}]", mode)
        said = "something that cannot be read" if mode == UNREADABLE else f"SELINUX={mode}"
        yield fail(pool, OFF_BY_FILE, seen=[fact], mode=said, source=source)
    for unit in config.spec.config.setenforce:
        source = _last(item.name for item in parts if unit in item.spec.config.setenforce)
        yield fail(pool, OFF_BY_UNIT, seen=[seen(config, "spec.config.systemd.units[].name", unit)], unit=unit, source=source)


def _last(names: Iterable[str]) -> str:
    """The last of several sources is the one in force."""
    return next(iter(reversed(list(names))), "the rendered configuration")


def _enforces(node: Node, scans: list[ComplianceCheckResult], told: NodeReport | None) -> Finding:
    """What was measured on a node: by discovery, and by the scans that speak for it."""
    if not node.is_linux:
        return na(node, WINDOWS, seen=[seen(node, "status.nodeInfo.operatingSystem", node.status.node_info.operating_system)])
    if told is not None and told.selinux not in {"", "enforcing"}:
        return fail(node, SAID_OTHERWISE, seen=[seen(told, "getenforce", told.selinux)], what=f"SELinux is {told.selinux}")
    failed = next((item for item in scans if item.status == "FAIL"), None)
    if failed is not None:
        return fail(node, SCAN_FAILED, seen=[seen(failed, "status", "FAIL")], by=failed.name)
    fact = seen(node, f"metadata.labels[{_SELINUX}]", node.labels.get(_SELINUX, ""))
    if node.labels.get(_SELINUX) == "true":
        return ok(node, MEASURED, seen=[fact], by="Node Feature Discovery")
    if any(key.startswith(_FEATURES) for key in node.labels):
        return fail(node, NOT_ENFORCING, seen=[fact], by="Node Feature Discovery")
    passed = next((item for item in scans if item.status == "PASS"), None)
    if passed is not None:
        return ok(node, MEASURED, seen=[seen(passed, "status", "PASS")], by=passed.name)
    if told is not None and told.selinux:
        return ok(node, MEASURED, seen=[seen(told, "getenforce", told.selinux)], by=f"the node itself, at {told.taken}")
    return unknown(node, NO_SOURCE, Why.NO_SOURCE, "SELinux", seen=[fact])


def _told(view: View, node: Node) -> NodeReport | None:
    """What the node said of itself in the last day, if it was asked."""
    found = view.get(NodeReport, node.name)
    at = instant(found.taken) if found is not None else None
    return found if at is not None and view.now - at <= _DAY else None


def _is_fresh(view: View, scan: ComplianceCheckResult) -> bool:
    at = instant(scan.annotations.get(_SCANNED))
    return at is not None and view.now - at <= _FRESH


def _speaks_for(scan: ComplianceCheckResult, node: Node) -> bool:
    """Whether a scan ran on the node: its name ends with a role that the node has."""
    name = scan.labels.get(_SCAN, "")
    roles = (key.removeprefix(_ROLE) for key in node.labels if key.startswith(_ROLE))
    return any(role and name.endswith(f"-{role}") for role in roles)


def _boots(view: View, node: Node, machine: Machine | None, host: BareMetalHost | None) -> Finding:
    """What says how a node boots: its host, its provider, the node itself, or else its owner by a label."""
    said = _told(view, node)
    if said is not None and said.secure_boot is False:
        return fail(node, SAID_OTHERWISE, seen=[seen(said, "mokutil --sb-state", "off")], what="Secure Boot is off")
    if host is not None and host.spec.boot_mode:
        mode = host.spec.boot_mode
        fact = seen(host, "spec.bootMode", mode)
        if mode == _SECURE_MODE:
            return ok(node, SECURE, seen=[fact], by=f"host {host.name}")
        return fail(node, NOT_SECURE, seen=[fact], by="bootMode", value=mode)
    told: BootProvider | None = machine.spec.provider_spec.value if machine else None
    if machine is not None and told is not None and told.secure_boot is not None:
        fact = seen(machine, f"spec.providerSpec.value.{told.path}", told.secure_boot)
        if told.secure_boot == "Enabled":
            return ok(node, SECURE, seen=[fact], by=f"machine {machine.name}")
        return fail(node, NOT_SECURE, seen=[fact], by="secureBoot", value=told.secure_boot or "not set")
    if said is not None and said.secure_boot:
        fact = seen(said, "mokutil --sb-state", "enabled")
        return ok(node, SECURE, seen=[fact], by=f"the node itself, at {said.taken}")
    for label in view.limits.secure_boot_labels:
        if label in node.labels:
            word = node.labels[label]
            fact = seen(node, f"metadata.labels[{label}]", word)
            if word.lower() == "true":
                return attested(ok(node, LABELLED, seen=[fact], label=label))
            return fail(node, NOT_SECURE, seen=[fact], by=label, value=word or "empty")
    return unknown(node, BOOT_UNSEEN, Why.NO_SOURCE, "Secure Boot", seen=[node])


def _place(ref: MachineRef) -> tuple[str, str]:
    return (ref.namespace, ref.name) if ref.kind in {"Machine", ""} else ("", "")


def _not_converged(view: View, pool: MachineConfigPool) -> Iterator[Finding]:
    """What is wrong with a pool, or on its way."""
    status = pool.status
    bad = [item for item in (condition(status.conditions, name) for name in _BAD) if item and item.status == "True"]
    if bad or status.degraded_machine_count:
        facts = [seen(pool, f"status.conditions[type={item.type}].status", item.status) for item in bad]
        facts.append(seen(pool, "status.degradedMachineCount", status.degraded_machine_count))
        why = next((item.message or item.reason for item in bad if item.message or item.reason), "no reason given")
        yield fail(pool, DEGRADED, seen=facts, why=why)
    if pool.spec.paused:
        yield _paused(view, pool)
    updated = condition(status.conditions, "Updated")
    if updated is None or updated.status != "True":
        since = instant(updated.last_transition_time) if updated else None
        stuck = _behind(view, pool) if since is not None and view.now - since > _DAY else []
        for node in stuck:
            facts = [seen(node, f"metadata.annotations[{name}]", node.annotations.get(name, "")) for name in (_CURRENT, _DESIRED)]
            yield fail(pool, STUCK, seen=facts, node=node.name)
        if not stuck:
            fact = seen(pool, "status.conditions[type=Updated].status", updated.status if updated else "")
            yield warn(pool, UPDATING, seen=[fact], done=status.updated_machine_count, count=status.machine_count)
    yield from _certificates(view, pool)


def _paused(view: View, pool: MachineConfigPool) -> Finding:
    since = instant(pool.metadata.managed_fields)
    fact = seen(pool, "spec.paused", "true")
    if since is None:
        return warn(pool, PAUSED, seen=[fact], since=", nobody knows since when")
    hours = int((view.now - since) / timedelta(hours=1))
    if hours >= _DAY / timedelta(hours=1):
        when = seen(pool, "metadata.managedFields[].time", pool.metadata.managed_fields)
        return fail(pool, LONG_PAUSED, seen=[fact, when], hours=hours)
    return warn(pool, PAUSED, seen=[fact], since=f", for {max(hours, 0)} hours at least")


def _behind(view: View, pool: MachineConfigPool) -> list[Node]:
    """The nodes of a pool that have not the configuration that they should have."""
    found = []
    for node in sorted(view.all(Node), key=_name):
        desired = node.annotations.get(_DESIRED, "")
        named = _RENDERED.fullmatch(desired)
        if named and named[1] == pool.name and node.annotations.get(_CURRENT) != desired:
            found.append(node)
    return found


def _certificates(view: View, pool: MachineConfigPool) -> Iterator[Finding]:
    ends: list[tuple[datetime, str]] = []
    for item in pool.status.cert_expirys or ():
        at = instant(item.expiry)
        if at is not None and at - view.now < _SOON:
            ends.append((at, item.subject))
    if ends:
        at, subject = min(ends)
        fact = seen(pool, "status.certExpirys[].expiry", at.isoformat())
        yield warn(pool, CERTS, seen=[fact], days=max((at - view.now).days, 0), subject=subject)


def _converged(pool: MachineConfigPool) -> Finding:
    status = pool.status
    fact: Evidence = seen(pool, "status.conditions[type=Updated].status", "True")
    return ok(pool, CONVERGED, seen=[fact], count=status.machine_count, config=status.configuration.name)


def _name(of: Kind) -> str:
    return of.name

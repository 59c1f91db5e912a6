"""The platform's own endpoints and stores: TLS floor, encryption of the datastore, audit log, monitoring of user projects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.checks.g_res import latest_plane
from ztui.engines import units
from ztui.kinds.base import Kind, Ref, condition, matches
from ztui.kinds.login import Authentication
from ztui.kinds.node import MachineConfigPool
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.platform import AuthenticationOperator, ClusterVersion, KubeAPIServer, OpenShiftAPIServer, OperatorKind
from ztui.kinds.platformconfig import APIServerConfig, AuditRule, IngressController, KubeletConfig, TLSProfile
from ztui.kinds.resilience import ClusterBackup, EtcdBackup
from ztui.kinds.telemetry import MonitoringConfig
from ztui.kinds.workload import CronJob, Pod
from ztui.recipes.base import (
    Draft,
    Note,
    Stop,
    applied,
    as_wanted,
    expect,
    gone,
    made,
    note,
    patched,
    recipe,
    refused,
    remove,
    replace,
)
from ztui.recipes.proofs import is_, pools_updated, rolled_out
from ztui.view import View

HOSTED: Final = Reason("hosted-plane", "the hosting cluster keeps this: it cannot be changed from here")
ROUTER_ROLLS: Final = Reason(
    "router-rolls", "the routers of {router} are replaced one by one: connections that are open for long are cut"
)
SERVERS_ROLL: Final = Reason(
    "api-servers-roll", "the API servers restart one after another, 15 minutes or more: watches and sessions are cut"
)
NODES_ROLL: Final = Reason("nodes-roll", "{count} nodes of the pools {pools} are drained and restarted one after another")
OLD_CLIENTS: Final = Reason("old-clients", "clients that speak nothing newer than TLS 1.1 no longer get in")
NO_POOL: Final = Reason("no-pool", "no pool of nodes is selected by it: it changes nothing until one is")
NO_ETCD: Final = Reason("etcd-unwell", "the operator etcd does not say that it is well")
NO_BACKUP: Final = Reason(
    "no-backup", "no backup of the control plane is younger than a week: without one there is no way back from a failed rewrite"
)
UPGRADING: Final = Reason("mid-upgrade", "the cluster is being upgraded: encrypt afterwards")
REWRITES: Final = Reason(
    "rewrites-secrets",
    "every Secret, ConfigMap, Route and token is written anew, and the API servers restart several times, an hour or so",
)
KEYS: Final = Reason("backup-keys", "from then on a backup of etcd is worth nothing without the backup of its keys")
UNREAD_TEXT: Final = Reason("monitoring-unread", "the monitoring configuration cannot be read: {why}")
MORE_PODS: Final = Reason(
    "more-pods", "a second Prometheus and its parts start in {namespace}, and scrape what a ServiceMonitor or PodMonitor names"
)

_SOUND: Final = frozenset({"", "Intermediate", "Modern"})
_MODERN: Final = frozenset({"VersionTLS12", "VersionTLS13"})
_INTERMEDIATE: Final = {"type": "Intermediate", "intermediate": {}}
_ENCRYPTED: Final = frozenset({"aescbc", "aesgcm", "KMS"})
_USER_MONITORING: Final = "openshift-user-workload-monitoring"
_CONFIG: Final = ("openshift-monitoring", "cluster-monitoring-config")
_WORKLOADS: Final = (
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "DeploymentConfig",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)


def _profile(view: View, ref: Ref) -> tuple[Kind, TLSProfile | None] | None:
    kinds: tuple[type[IngressController | APIServerConfig | KubeletConfig], ...] = (
        IngressController,
        APIServerConfig,
        KubeletConfig,
    )
    for kind in kinds:
        found = view.get(kind, ref.name, ref.namespace) if (ref.group, ref.kind) == (kind.GROUP, kind.KIND) else None
        if found is not None:
            return found, found.spec.tls_security_profile
    return None


def _tls_done(view: View, ref: Ref, was: View) -> bool:
    held = _profile(view, ref)
    if held is None or (held[1].type if held[1] else "") not in _SOUND:
        return False
    found = held[0]
    if isinstance(found, IngressController):
        status = found.status
        busy = is_(status.conditions, "Progressing") or is_(status.conditions, "DeploymentRollingOut")
        return status.tls_profile.min_tls_version in _MODERN and not busy
    if isinstance(found, KubeletConfig):
        return pools_updated(view, was, [pool.name for pool in _pools(view, found)])
    return rolled_out(view, was, "kube-apiserver")


@recipe(
    "R-TLSPROFILE",
    "Refuse TLS below 1.2",
    risk_class="disruptive",
    on=(IngressController, APIServerConfig, KubeletConfig),
    writes=(IngressController, APIServerConfig, KubeletConfig),
    reads=(IngressController, APIServerConfig, KubeletConfig, MachineConfigPool, ClusterOperator),
    verify_s=30 * 60.0,
    done=_tls_done,
)
def tls_profile(view: View, ref: Ref) -> Draft:
    """The whole profile is replaced: an apply would leave the old list beside the new name."""
    held = _profile(view, ref)
    if held is None:
        return gone(ref)
    found, profile = held
    if profile is None or profile.type in _SOUND:
        return as_wanted(ref, "the profile keeps old TLS out")
    if not isinstance(found, IngressController) and view.derive(units.platform).hosted:
        return refused(ref, HOSTED)
    path = "/spec/tlsSecurityProfile"
    write = patched(found, expect(path, msgspec.to_builtins(profile)), replace(path, _INTERMEDIATE))
    return Draft((write,), (*_rolls(view, found), note(OLD_CLIENTS, ref)))


def _rolls(view: View, found: Kind) -> Iterator[Note]:
    if isinstance(found, IngressController):
        yield note(ROUTER_ROLLS, found.ref, router=found.name)
    elif isinstance(found, KubeletConfig):
        pools = _pools(view, found)
        if not pools:
            yield note(NO_POOL, found.ref)
        else:
            names = ", ".join(pool.name for pool in pools)
            yield note(NODES_ROLL, found.ref, count=sum(pool.status.machine_count for pool in pools), pools=names)
    else:
        yield note(SERVERS_ROLL, found.ref)


def _pools(view: View, config: KubeletConfig) -> list[MachineConfigPool]:
    pools = sorted(view.all(MachineConfigPool), key=lambda item: item.name)
    return [pool for pool in pools if matches(config.spec.machine_config_pool_selector, pool.labels)]


def _encrypted(view: View, ref: Ref, was: View) -> bool:
    """Whether each API server says that all it stores is encrypted."""
    del ref, was
    server = view.get(APIServerConfig, "cluster")
    if server is None or server.spec.encryption.type not in _ENCRYPTED:
        return False
    said = [_said(view, kind) for kind in (KubeAPIServer, OpenShiftAPIServer)]
    others = _said(view, AuthenticationOperator)  # without an integrated login it has no API server, and says nothing
    return all(said) and others is not False


def _said(view: View, kind: type[OperatorKind]) -> bool | None:
    """Whether an operator says that its API server has encrypted everything; ``None`` where it says nothing."""
    found = (condition(item.status.conditions, "Encrypted") for item in view.all(kind))
    told = [item.status == "True" and not item.reason.endswith("InProgress") for item in found if item is not None]
    return all(told) if told else None


@recipe(
    "R-ETCD-ENC",
    "Encrypt what the API servers store",
    risk_class="disruptive",
    on=(APIServerConfig,),
    writes=(APIServerConfig,),
    reads=(
        APIServerConfig,
        ClusterOperator,
        ClusterVersion,
        KubeAPIServer,
        OpenShiftAPIServer,
        AuthenticationOperator,
        EtcdBackup,
        ClusterBackup,
        CronJob,
    ),
    verify_s=60 * 60.0,
    done=_encrypted,
)
def encrypt(view: View, ref: Ref) -> Draft:
    """The type of encryption; the operators make the keys, and write everything anew."""
    if view.derive(units.platform).hosted:
        return refused(ref, HOSTED)
    found = view.get(APIServerConfig, "cluster")
    if found is None:
        return gone(ref)
    if found.spec.encryption.type in _ENCRYPTED:
        return as_wanted(ref, f"encryption is set ({found.spec.encryption.type})")
    stops = []
    etcd = view.get(ClusterOperator, "etcd")
    if etcd is None or not is_(etcd.status.conditions, "Available") or is_(etcd.status.conditions, "Degraded"):
        stops.append(Stop(note(NO_ETCD, ref)))
    if latest_plane(view)[0] is None:
        stops.append(Stop(note(NO_BACKUP, ref)))
    if any(is_(item.status.conditions, "Progressing") for item in view.all(ClusterVersion)):
        stops.append(Stop(note(UPGRADING, ref)))
    write = applied(found, {"spec": {"encryption": {"type": "aesgcm"}}})
    return Draft((write,), (note(REWRITES, ref), note(KEYS, ref)), tuple(stops))


def _audited(view: View, ref: Ref, was: View) -> bool:
    del ref
    server = view.get(APIServerConfig, "cluster")
    audit = server.spec.audit if server is not None else None
    silent = audit is not None and (audit.profile == "None" or any(rule.profile == "None" for rule in audit.custom_rules or ()))
    return not silent and rolled_out(view, was, "kube-apiserver")


@recipe(
    "R-AUDIT",
    "Record who asks the API server for what",
    risk_class="disruptive",
    on=(APIServerConfig,),
    writes=(APIServerConfig,),
    reads=(APIServerConfig, ClusterOperator, Authentication),
    verify_s=30 * 60.0,
    done=_audited,
)
def audit(view: View, ref: Ref) -> Draft:
    """The profile Default instead of None; rules that leave groups out go in the same patch."""
    if view.derive(units.platform).hosted:
        return refused(ref, HOSTED)
    found = view.get(APIServerConfig, "cluster")
    held = found.spec.audit if found is not None else None
    rules = (held.custom_rules if held is not None else None) or ()
    silent = [at for at, rule in enumerate(rules) if rule.profile == "None"]
    off = held is not None and held.profile == "None"
    if found is None:
        return gone(ref)
    if not (off or silent):
        return as_wanted(ref, "requests are recorded")
    radius = (note(SERVERS_ROLL, ref),)
    if not silent:
        return Draft((applied(found, {"spec": {"audit": {"profile": "Default"}}}),), radius)
    return Draft((patched(found, *_louder(rules, silent, off=off)),), radius)


def _louder(rules: tuple[AuditRule, ...], silent: list[int], *, off: bool) -> Iterator[dict[str, Any]]:
    yield expect("/spec/audit/customRules", msgspec.to_builtins(rules))
    for at in reversed(silent):
        yield remove(f"/spec/audit/customRules/{at}")
    if off:
        yield replace("/spec/audit/profile", "Default")


def _monitored(view: View, ref: Ref, was: View) -> bool:
    del ref, was
    config = view.get(MonitoringConfig, _CONFIG[1], _CONFIG[0])
    pods = [pod for pod in view.within(Pod, _USER_MONITORING) if pod.is_live]
    return config is not None and config.data.user_workload and bool(pods) and all(pod.is_ready for pod in pods)


@recipe(
    "R-UWM",
    "Switch monitoring of user projects on",
    risk_class="safe",
    on=_WORKLOADS,
    writes=(MonitoringConfig,),
    makes=(MonitoringConfig,),
    reads=(MonitoringConfig, Pod),
    verify_s=5 * 60.0,
    done=_monitored,
)
def user_monitoring(view: View, ref: Ref) -> Draft:
    """One key of one text; the rest of it stays as it is written."""
    gap = view.gap(MonitoringConfig)
    if gap is not None:
        return refused(ref, UNREAD_TEXT, why=gap)
    found = view.get(MonitoringConfig, _CONFIG[1], _CONFIG[0])
    if found is not None and found.data.user_workload:
        return as_wanted(ref, "monitoring of user projects is on")
    radius = (note(MORE_PODS, ref, namespace=_USER_MONITORING),)
    if found is None:
        body = {"data": {"config.yaml": "enableUserWorkload: true\n"}}
        return Draft((made(MonitoringConfig, _CONFIG[1], _CONFIG[0], body),), radius)
    edit = {"op": "yaml", "path": "/data/config.yaml", "key": "enableUserWorkload", "value": True}
    return Draft((patched(found, edit),), radius)

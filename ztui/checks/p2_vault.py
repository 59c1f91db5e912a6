"""Row P2.SEC, the Vault itself: reachable and unsealed, audited, and believing the identities of this cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Evidence, Finding, Reason, Status, check, fail, na, ok, reason, seen, warn
from ztui.engines.vaults import HERE, HERE_MAY, HERE_WHERE_SERVED, here_by
from ztui.kinds.base import Kind, Ref
from ztui.kinds.vault import GROUP, VaultAudit, VaultAuthConfig, VaultHealth, VaultMount, VaultNodes, VaultRole
from ztui.view import View

PLAINTEXT = reason("plaintext", "{address} is not TLS: anybody on the way reads every secret", next="Use https", stands=True)
SEALED = reason("sealed", "the Vault is sealed: nobody gets a secret", next="vault operator unseal", stands=True)
NEW = reason("not-initialised", "the Vault is not initialised", next="vault operator init", stands=True)
NO_HA = reason("no-ha", "the Vault has no high availability", next="Run three nodes on integrated storage")
FEW_NODES = reason("few-nodes", "{count} of 3 nodes are there", next="Run three nodes, each in a zone of its own")
NO_SPARE = reason("no-spare", "not one node may fail now", next="vault operator raft autopilot state")
UNWELL = reason("unhealthy", "the autopilot says that the cluster is not healthy", next="vault operator raft autopilot state")
MIXED = reason("mixed-versions", "the nodes run {versions}", next="Finish the upgrade")
BRITTLE = reason("brittle-storage", "secrets are kept in {storage}", next="Move to integrated storage (raft)")
FINE = reason("in-service", "{address} is {state}, {nodes} nodes")
NO_AUDIT = reason("no-audit", "no request is recorded", next="vault audit enable file file_path=/vault/audit/audit.log")
RAW = reason("log-raw", "{path} records secrets as they are", next="Enable the device again without log_raw", stands=True)
ONE_AUDIT = reason(
    "one-device", "there is one audit device: when it blocks, the Vault stops", next="Enable a second one of another type"
)
AUDITED = reason("audited", "{count} audit devices record every request")
NO_PLATFORM = reason(
    "no-platform-login",
    "workloads can log in by {methods} only",
    next="vault auth enable kubernetes, and a role for each workload",
)
OTHER_CLUSTER = reason("other-cluster", "{mount} believes {host}, which is not this cluster", next="Check kubernetes_host")
ELSEWHERE = reason("elsewhere", "{mount} is for {host}, not for this cluster")
NO_ISSUER = reason("no-bound-issuer", "{mount} takes tokens of any issuer whose key it finds", next="Set bound_issuer")
PLAIN_HOST = reason("plain-reviewer", "{mount} asks {host} without TLS", next="Use https in kubernetes_host")
STATIC_JWT = reason(
    "static-reviewer-jwt",
    "{mount} reviews tokens with a long-lived token of its own",
    next="Let clients review themselves: bind system:auth-delegator and drop token_reviewer_jwt",
)
NO_ROLES = reason("no-roles", "{mount} is for this cluster and has no role", next="Write a role for each workload")
BELIEVES = reason("platform-login", "{mount} believes this cluster; roles: {count}")

_BRITTLE: Final = frozenset({"file", "inmem", "inmem_ha", "inmem_transactional"})


@check(
    "ZT2-VLT-001",
    "Reachable over verified TLS, unsealed, highly available",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(VaultHealth, VaultNodes),
    empty=Status.UNKNOWN,
    maps=("CISA Data", "800-53 SC-8", "800-53 SC-12", "800-53 CP-10"),
)
def in_service(view: View) -> Iterator[Finding]:
    """The Vault answers over TLS that we can verify, is unsealed, and survives the loss of a node.

    Why: a sealed or spoofed secret store is an outage or a phish.
    How: whoever can stand in for a Vault without TLS collects the tokens of every client.
    Rule: fail for plain HTTP over a network, sealed, not initialised; warn without high availability, for fewer than three nodes,
    no spare node, an unhealthy autopilot, mixed versions, storage in memory or files; pass otherwise.
    Traps: a standby answers 429 and is healthy; a development server keeps everything in memory.
    Source: vault sys/seal-status, sys/health, sys/leader, sys/ha-status, sys/storage/raft/autopilot/state.
    Verify: vault status; vault operator raft autopilot state
    """
    for health in view.all(VaultHealth):
        hard = list(_hard_faults(health))
        yield from hard
        if hard:
            continue
        nodes = view.get(VaultNodes, "nodes", health.namespace)
        soft = list(_soft_faults(health, nodes))
        yield from soft
        if not soft:
            state = "active" if health.status == 200 else "standby"
            count = len(nodes.nodes) if nodes else 0
            facts: list[Kind | Evidence] = [seen(health, "address", health.address), seen(health, "seal.sealed", "false")]
            facts += [nodes] if nodes is not None else []
            yield ok(health, FINE, seen=facts, address=health.address, state=state, nodes=count)


@check(
    "ZT2-VLT-002",
    "Audit devices record every request",
    severity="high",
    gate="S",
    grain="cluster",
    needs=(VaultHealth, VaultAudit),
    empty=Status.UNKNOWN,
    maps=("800-53 AU-2", "800-53 AU-12"),
)
def audited(view: View) -> Iterator[Finding]:
    """Two audit devices of different kinds record every request, with secrets hashed.

    Why: without a record a leaked token is invisible.
    How: a stolen token reads one secret after another, and afterwards nobody knows which.
    Rule: pass for two devices that differ in type or path; warn for one; fail for none, or for log_raw.
    Traps: a Vault stops when its only device blocks; OpenBao lists devices of its server configuration here too; the list needs
    sudo.
    Source: vault sys/audit.
    Verify: vault audit list -detailed
    """
    for health in view.all(VaultHealth):
        devices = sorted(view.within(VaultAudit, health.namespace), key=lambda item: item.name)
        raw = [item for item in devices if item.is_raw]
        for item in raw:
            yield fail(item, RAW, seen=[seen(item, "options.log_raw", "true")], path=item.name)
        if raw:
            continue
        if not devices:
            yield fail(health, NO_AUDIT, seen=[health])
        elif len(devices) == 1:
            yield warn(devices[0], ONE_AUDIT, seen=[*devices, health])
        else:
            yield ok(health, AUDITED, seen=devices, count=len(devices))


@check(
    "ZT2-VLT-003",
    "Workloads log in with platform identity",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(VaultMount, VaultRole, *HERE),
    where_served=HERE_WHERE_SERVED,
    may=HERE_MAY,
    empty=Status.UNKNOWN,
    maps=("CISA Identity", "800-53 IA-9"),
)
def platform_login(view: View) -> Iterator[Finding]:
    """Workloads show the Vault the identity that the cluster gave them, and nothing that can be copied.

    Why: machine identity must be verifiable and short-lived.
    How: an AppRole's secret id in a ConfigMap is a password that no rotation reaches.
    Rule: pass for a kubernetes or jwt mount that believes this cluster and has a role; warn where all are bound to another
    cluster, have no role, no bound_issuer, a reviewer without TLS, or a long-lived token of their own; fail where workloads can
    log in by other methods only.
    Traps: one Vault may serve many clusters: mounts for others are no fault while one is for this; the inner name
    kubernetes.default.svc means the cluster that the Vault runs in.
    Source: vault sys/auth, auth/MOUNT/config, auth/MOUNT/role; config.openshift.io/v1 Infrastructure, status.apiServerURL.
    Verify: vault auth list; vault read auth/kubernetes/config
    """
    for place in sorted({item.namespace for item in view.all(VaultMount)}):
        mounts = [item for item in view.within(VaultMount, place) if item.side == "auth"]
        platform = [item for item in mounts if item.data.type in {"kubernetes", "jwt"}]
        if not platform:
            methods = ", ".join(sorted({item.data.type for item in mounts} - {"oidc"})) or "nothing"
            yield fail(Ref(GROUP, "Vault", "", place), NO_PLATFORM, seen=mounts, methods=methods)
            continue
        here = view.derive(here_by)
        others = [(item.ref, *here[place, item.path]) for item in platform if (place, item.path) in here]
        for mount in sorted(platform, key=lambda item: item.name):
            config = view.get(VaultAuthConfig, f"{mount.name}/config", place)
            yield _judged_mount(view, mount, config, here.get((place, mount.path)), others[0] if others else None)


def _hard_faults(health: VaultHealth) -> Iterator[Finding]:
    if health.tls == "none":
        yield fail(health, PLAINTEXT, seen=[seen(health, "address", health.address)], address=health.address)
    elif health.seal is not None and not health.seal.initialized:
        yield fail(health, NEW, seen=[seen(health, "seal.initialized", "false")])
    elif health.seal is not None and health.seal.sealed:
        yield fail(health, SEALED, seen=[seen(health, "seal.sealed", "true")])


def _soft_faults(health: VaultHealth, nodes: VaultNodes | None) -> Iterator[Finding]:
    storage = health.seal.storage_type if health.seal else ""
    if storage in _BRITTLE:
        yield warn(health, BRITTLE, seen=[seen(health, "seal.storage_type", storage)], storage=storage)
    if health.leader is None or not health.leader.ha_enabled:
        yield warn(health, NO_HA, seen=[health])
        return
    if nodes is None:
        return
    pilot, versions = nodes.autopilot, sorted({item.version for item in nodes.nodes if item.version})
    if len(nodes.nodes) < 3:
        yield warn(health, FEW_NODES, seen=[nodes], count=len(nodes.nodes))
    if pilot is not None and not pilot.healthy:
        yield warn(health, UNWELL, seen=[seen(nodes, "autopilot.healthy", "false")])
    elif pilot is not None and pilot.failure_tolerance == 0:
        yield warn(health, NO_SPARE, seen=[seen(nodes, "autopilot.failure_tolerance", "0")])
    if len(versions) > 1:
        yield warn(health, MIXED, seen=[nodes], versions=", ".join(versions))


def _judged_mount(
    view: View, mount: VaultMount, config: VaultAuthConfig | None, here: tuple[Ref, ...] | None, other: tuple[Ref, ...] | None
) -> Finding:
    """One mount; ``here`` is what shows that it believes this cluster, ``other`` the same of the first that does."""
    data = config.data if config is not None else None
    host = (data.kubernetes_host or data.bound_issuer or data.oidc_discovery_url or data.jwks_url) if data else ""
    shown = [Evidence(ref) for ref in here or other or () if config is None or ref != config.ref]
    facts: list[Kind | Evidence] = [*(item for item in (mount, config) if item is not None), *shown]
    words = {"mount": mount.name, "host": host or "nobody"}
    roles = [item for item in view.within(VaultRole, mount.namespace) if item.mount == mount.path]
    worry = _mount_worry(mount, config)
    if worry is not None and (here is not None or other is None):
        return warn(mount, worry, seen=facts, **words)
    if here is None:
        return na(mount, ELSEWHERE, seen=facts, **words) if other is not None else warn(mount, OTHER_CLUSTER, seen=facts, **words)
    if not roles:
        return warn(mount, NO_ROLES, seen=facts, **words)
    return ok(mount, BELIEVES, seen=[*facts, *roles], count=len(roles), **words)


def _mount_worry(mount: VaultMount, config: VaultAuthConfig | None) -> Reason | None:
    if config is None:
        return None
    data = config.data
    if mount.data.type == "jwt":
        return None if data.bound_issuer else NO_ISSUER
    if data.kubernetes_host and not data.kubernetes_host.startswith("https://"):
        return PLAIN_HOST
    return STATIC_JWT if data.token_reviewer_jwt_set else None

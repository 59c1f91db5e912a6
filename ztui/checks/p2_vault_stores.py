"""Row P2.SEC, what a Vault keeps and gives out: tokens, stored secrets, dynamic credentials, leases, certificate authorities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, Status, aside, check, fail, ok, reason, seen, unknown, warn
from ztui.kinds.base import Kind, Ref, instant
from ztui.kinds.measured import LeaseCount
from ztui.kinds.secretmanager import VaultDynamicSecret
from ztui.kinds.vault import (
    GROUP,
    KvSecret,
    VaultEngineRole,
    VaultGauges,
    VaultHealth,
    VaultIssuer,
    VaultLeases,
    VaultLogin,
    VaultMount,
    VaultPkiRole,
    VaultRole,
    VaultToken,
    VaultUsers,
)
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

ROOT = reason("root-token", "{name} is a root token", next="vault token revoke -accessor", stands=True)
OWN_ROOT = reason(
    "own-root", "we are logged in with a root token", next="Use a token with the policy of `ztui roles vault`", stands=True
)
MAKING_ROOT = reason(
    "making-root", "a root token is being made right now", next="vault operator generate-root -cancel", stands=True
)
IMMORTAL = reason("immortal", "{name} never ends", next="Replace it by a login", stands=True)
OLD_ORPHAN = reason("old-orphan", "{name} is {days} days old and has no parent", next="Replace it by a login", stands=True)
MORTAL = reason("mortal", "{count} tokens, every one of them ends, none is root")

FRESH = reason("rotated", "written {days} days ago")
AGEING = reason("ageing", "written {days} days ago", next="Rotate it at least every 90 days, or make it dynamic")
OLD = reason("not-rotated", "written {days} days ago: whoever read it since still has it", next="Rotate it, or make it dynamic")
EXEMPT = reason("exempt", "not rotated, by its owner's word: {why}")
UNDATED = reason("undated", "the Vault does not say when it was written")
KV1 = reason("kv1-no-metadata", "{mount} is of version 1, which keeps no age", next="vault kv enable-versioning")

DYNAMIC = reason("dynamic", "{mount} makes credentials that end; roles: {count}")
UNUSED = reason("unused-engine", "{mount} could make credentials: {what}", next="Write a role and point a workload at it")
ONLY_STATIC = reason("only-static", "every secret here is stored, none is made for its reader", next="Enable a database engine")
MAKES_ADMINS = reason(
    "any-namespace", "{role} makes cluster-wide roles for any namespace", next="Name the namespaces, and use Role", stands=True
)

SPRAWL = reason(
    "endless-secret-id", "secret ids of {role} work for ever, any number of times", next="Set secret_id_ttl", stands=True
)
IRREVOCABLE = reason("irrevocable", "{count} leases cannot be revoked", next="vault list sys/leases/irrevocable")
MANY_LEASES = reason("many-leases", "{count} leases are open", next="Shorten the leases of the roles that make them")
PASSWORDS = reason("passwords", "{count} people log in to {mount} with a password kept here", next="Use your identity provider")
NO_GAUGE = reason("no-lease-gauge", "how many leases are open is not known", next="Grant sys/metrics")
GROWN = reason(
    "lease-growth", "leases of the Vault in {where} grew from {before} to {now} in a day", next="See which role makes them"
)
STEADY = reason("lease-steady", "leases of the Vault in {where} went from {before} to {now} in a day")
NO_HISTORY = reason(
    "no-lease-history", "whether leases pile up is not known", next="Let the cluster's Prometheus scrape the Vault for a day"
)
IN_BOUNDS = reason("in-bounds", "leases and credentials are in bounds")

ENDING = reason("ca-ending", "{subject} ends in {days} days", next="Make a new issuer, then rotate", stands=True)
ENDED = reason("ca-ended", "{subject} has ended", next="Make a new issuer, then rotate", stands=True)
NEARING = reason("ca-nearing", "{subject} ends in {days} days", next="Plan a new issuer")
ROOT_ISSUES = reason("root-issues", "{subject} is a root that signs leaves itself", next="Let an intermediate sign")
ANY_NAME_LONG = reason(
    "any-name-long", "{role} signs any name, for {days} days", next="Set allowed_domains and a short max_ttl", stands=True
)
ANY_NAME = reason("any-name", "{role} signs any name", next="Set allowed_domains")
LONG_LEAF = reason("long-leaf", "{role} signs for {days} days", next="Set max_ttl to 30 days at most")
ALIVE = reason("alive", "{subject} lasts {days} days")
CONSTRAINED = reason("constrained", "{role} signs its own names only, for {days} days at most")

DYNAMIC_ENGINES: Final = frozenset({"database", "kubernetes", "pki", "aws", "azure", "gcp", "rabbitmq", "ldap", "ssh"})
LEASES_MAX: Final = 50_000
GROWTH_MAX: Final = 1.5
GROWTH_FROM: Final = 1_000
"""Below so many leases, half as many again is an ordinary morning."""

DAY_S: Final = 86_400
_INJECT: Final = "vault.hashicorp.com/agent-inject-secret-"


@check(
    "ZT2-VLT-006",
    "No root or immortal tokens",
    severity="critical",
    gate="S",
    grain="cluster",
    needs=(VaultToken, VaultLogin, VaultHealth),
    recipes=("R-VAULT-REVOKE-ACC",),
    maps=("800-53 AC-6(5)", "800-53 IA-5"),
)
def mortal_tokens(view: View) -> Iterator[Finding]:
    """No token is above the policies, and every token ends.

    Why: a root token bypasses every policy and every plan for its theft.
    How: the token that set the Vault up two years ago is still in somebody's shell history.
    Rule: fail for a root token, our own included, and while one is being made; warn for a token that never ends or is an orphan
    of more than 90 days; pass when the list is whole and has none.
    Traps: batch tokens have no accessor and cannot be listed; the list needs sudo.
    Source: vault auth/token/accessors, auth/token/lookup-accessor, auth/token/lookup-self, sys/generate-root/attempt.
    Verify: vault list auth/token/accessors
    """
    tokens = sorted(view.all(VaultToken), key=lambda item: (item.namespace, item.name))
    for token in tokens:
        yield from _token_faults(view, token)
    for login in view.all(VaultLogin):
        if login.data.is_root:
            yield fail(login, OWN_ROOT, seen=[seen(login, "policies", "root")])
    for health in view.all(VaultHealth):
        if health.root_attempt:
            yield fail(health, MAKING_ROOT, seen=[seen(health, "started", "true")])
        yield ok(health, MORTAL, seen=[health, *tokens], count=len(tokens))


@check(
    "ZT2-VLT-008",
    "Stored secrets are rotated",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(VaultMount, KvSecret),
    ratio=Bands(0.9, 0.0, any_fail=False, fail_above=0.1),
    maps=("800-53 IA-5(1)", "800-53 SC-12"),
)
def rotated(view: View) -> Iterator[Finding]:
    """A stored secret is not older than 90 days.

    Why: what has lain there for a year has been read by everybody who ever had the right.
    How: a backup of last summer holds this morning's password.
    Rule: by the age of the current version: up to 90 days passes, up to a year warns, beyond fails. The check passes where nine
    of ten pass and none fails, and fails where more than one in ten does. A store of version 1 warns: it keeps no age.
    Traps: updated_time moves with every edit of the metadata, so the version's own time counts; deleted versions have no value;
    custom metadata rotation_exempt says why one stays. Values are never read.
    Source: vault MOUNT/metadata/PATH, sys/mounts.
    Verify: vault kv metadata get MOUNT/PATH
    """
    for mount in view.all(VaultMount):
        if mount.kv_version == 1:
            yield aside(warn(mount, KV1, seen=[seen(mount, "options.version", "1")], mount=mount.path))
    for secret in view.all(KvSecret):
        if not secret.is_there:
            continue
        if secret.written is None:
            yield unknown(secret, UNDATED, Why.MALFORMED, "created_time", seen=[secret])
            continue
        days = (view.now - secret.written).days
        facts = [seen(secret, "versions[current].created_time", secret.written.isoformat())]
        if days <= 90:
            yield ok(secret, FRESH, seen=facts, days=max(days, 0))
        elif secret.exempt:
            yield aside(ok(secret, EXEMPT, seen=facts, why=secret.exempt))
        else:
            yield (warn(secret, AGEING, seen=facts, days=days) if days <= 365 else fail(secret, OLD, seen=facts, days=days))


@check(
    "ZT2-VLT-009",
    "Dynamic engines replace static storage",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(VaultMount, VaultEngineRole, VaultPkiRole, Pod),
    where_served=(VaultDynamicSecret,),
    may=(VaultGauges,),
    empty=Status.UNKNOWN,
    maps=("800-53 IA-5", "800-53 AC-6"),
)
def dynamic(view: View) -> Iterator[Finding]:
    """Credentials are made for their reader and end by themselves.

    Why: a credential that expires cannot be hoarded.
    How: one database password that forty pods share tells nobody which of them leaked it.
    Rule: pass for an engine with a role that somebody uses (a VaultDynamicSecret, an injector's annotation, open leases); warn
    for one without role or user; fail where secrets are only stored, and for a kubernetes role that makes ClusterRoles for any
    namespace.
    Traps: static roles rotate an account that all readers share and count as half; leases count only for the whole Vault.
    Source: vault sys/mounts, MOUNT/roles/NAME, MOUNT/static-roles/NAME, sys/metrics; secrets.hashicorp.com/v1beta1
    VaultDynamicSecret, spec.mount; v1 Pod, metadata.annotations.
    Verify: vault secrets list; vault list database/roles
    """
    used = {item.spec.mount.strip("/") for item in view.all(VaultDynamicSecret)} | view.derive(_injected)
    for place in sorted({item.namespace for item in view.all(VaultMount)}):
        mounts = [item for item in view.within(VaultMount, place) if item.side == "secret" and item.data.type in DYNAMIC_ENGINES]
        if not mounts:
            yield fail(Ref(GROUP, "Vault", "", place), ONLY_STATIC, seen=view.within(VaultMount, place))
        for mount in sorted(mounts, key=lambda item: item.path):
            yield _judged_engine(view, mount, is_named=mount.path in used)
    for role in view.all(VaultEngineRole):
        data = role.data
        if (
            role.engine == "kubernetes"
            and "*" in (data.allowed_kubernetes_namespaces or ())
            and data.kubernetes_role_type == "ClusterRole"
        ):
            yield fail(role, MAKES_ADMINS, seen=[seen(role, "allowed_kubernetes_namespaces", "*")], role=role.name)


@check(
    "ZT2-VLT-010",
    "No lease or credential sprawl",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(VaultRole, VaultUsers, VaultLeases, VaultHealth),
    may=(VaultGauges, LeaseCount),
    tier="x",
    maps=("800-53 AC-2", "800-53 SC-5"),
)
def no_sprawl(view: View) -> Iterator[Finding]:
    """Leases and secret ids do not pile up, and people have no password here.

    Why: sprawl hides a compromise, and brings the Vault down in the end.
    How: a secret id that never ends is copied into a pipeline, then into another.
    Rule: fail for an AppRole whose secret ids never end and may be used without limit; warn for irrevocable leases, more than
    50,000 leases, half as many again within a day (from 1,000 on), and any userpass user.
    Traps: no plain path tells the number of leases: without the Vault's metrics that half is unknown; growth needs the history
    that the metrics store keeps, and is unknown where it scrapes no Vault; a standby counts nothing.
    Source: vault auth/MOUNT/role/NAME, auth/MOUNT/users, sys/leases/count, sys/metrics; Thanos vault_expire_num_leases.
    Verify: vault list auth/userpass/users; vault read sys/leases/count type=irrevocable
    """
    for role in view.all(VaultRole):
        if (
            role.method == "approle"
            and role.data.bind_secret_id
            and not role.data.secret_id_ttl
            and not role.data.secret_id_num_uses
        ):
            yield fail(role, SPRAWL, seen=[seen(role, "secret_id_ttl", "0")], role=role.name)
    for users in view.all(VaultUsers):
        if users.count:
            yield warn(users, PASSWORDS, seen=[users], count=users.count, mount=f"auth/{users.mount}")
    for health in view.all(VaultHealth):
        leases = view.get(VaultLeases, "leases", health.namespace)
        if leases is not None and leases.irrevocable > 0:
            yield warn(health, IRREVOCABLE, seen=[leases], count=leases.irrevocable)
        gauge = _gauge(view, health.namespace)
        if gauge is None:
            yield unknown(health, NO_GAUGE, Why.NO_SAMPLES, "vault: expire.num_leases", seen=[health])
        elif gauge > LEASES_MAX:
            yield warn(health, MANY_LEASES, seen=_gauges(view, health.namespace), count=gauge)
        else:
            yield ok(health, IN_BOUNDS, seen=_gauges(view, health.namespace))
    yield from _growth(view)


@check(
    "ZT2-VLT-011",
    "PKI authorities are alive and constrained",
    severity="high",
    gate="S",
    grain="cluster",
    needs=(VaultMount, VaultIssuer, VaultPkiRole),
    maps=("800-53 SC-12", "800-53 SC-17"),
)
def authorities(view: View) -> Iterator[Finding]:
    """An authority does not end unseen, and signs only what it is for.

    Why: an authority that ends stops every mutual TLS at once.
    How: a role that signs any name makes a certificate for the bank next door.
    Rule: fail for an authority with less than 30 days left, and a role that signs any name for more than 30 days or without a
    limit; warn below 90 days, for any name, for a root that signs leaves itself, and leaves of more than 90 days.
    Traps: a max_ttl of 0 is the mount's; a root is no fault where an intermediate of the same mount does the signing.
    Source: vault MOUNT/issuers, MOUNT/issuer/REF/json, MOUNT/roles/NAME, sys/mounts.
    Verify: vault read MOUNT/issuer/default
    """
    for issuer in sorted(view.all(VaultIssuer), key=lambda item: (item.namespace, item.name)):
        if not issuer.is_revoked:
            yield _judged_issuer(view, issuer)
    for role in sorted(view.all(VaultPkiRole), key=lambda item: (item.namespace, item.name)):
        yield _judged_pki_role(role, view.get(VaultMount, role.mount, role.namespace))


def _growth(view: View) -> Iterator[Finding]:
    """Whether leases pile up, by the counts that the metrics store keeps."""
    first = next(iter(view.all(VaultHealth)), None)
    if first is None:
        return
    gap = view.gap(LeaseCount)
    if gap is not None:
        yield unknown(first, NO_HISTORY, gap.why, gap.detail, seen=[first])
        return
    for item in view.all(LeaseCount):
        if item.before is None:
            yield unknown(item, NO_HISTORY, Why.NO_SAMPLES, "a day ago", seen=[item])
            continue
        grown = item.now > max(GROWTH_FROM, GROWTH_MAX * item.before)
        facts: list[Kind | Evidence] = [seen(item, "vault_expire_num_leases", f"{item.now:.0f}"), first]
        words = {"where": item.name, "before": f"{item.before:.0f}", "now": f"{item.now:.0f}"}
        yield warn(item, GROWN, seen=facts, **words) if grown else ok(item, STEADY, seen=facts, **words)


def _token_faults(view: View, token: VaultToken) -> Iterator[Finding]:
    data = token.data
    name = data.display_name or token.ref.shown
    if data.is_root:
        yield fail(token, ROOT, seen=[seen(token, "policies", "root")], name=name)
    elif data.expire_time is None and not data.ttl:
        yield warn(token, IMMORTAL, seen=[seen(token, "expire_time", "null")], name=name)
    elif data.orphan and data.creation_time:
        age = view.now.timestamp() - data.creation_time
        if age > 90 * DAY_S:
            yield warn(
                token, OLD_ORPHAN, seen=[seen(token, "creation_time", data.creation_time)], name=name, days=int(age // DAY_S)
            )


def _injected(view: View) -> frozenset[str]:
    """The mounts that pods name to the injector."""
    if view.gap(Namespace) is not None:
        return _mounts(view.all(Pod))
    return frozenset[str]().union(*(view.derive(_injected_in, item.name) for item in view.all(Namespace)))


def _injected_in(view: View, namespace: str) -> frozenset[str]:
    return _mounts(view.within(Pod, namespace))


def _mounts(pods: Iterable[Pod]) -> frozenset[str]:
    return frozenset(value.partition("/")[0] for pod in pods for key, value in pod.annotations.items() if key.startswith(_INJECT))


def _gauge(view: View, place: str) -> int | None:
    return next((item.leases for item in _gauges(view, place)), None)


def _gauges(view: View, place: str) -> list[VaultGauges]:
    """What a Vault counts of itself, where it does."""
    gauges = view.get(VaultGauges, "gauges", place) if view.gap(VaultGauges) is None else None
    return [gauges] if gauges is not None else []


def _judged_engine(view: View, mount: VaultMount, *, is_named: bool) -> Finding:
    """One engine: it is used where somebody names it, or where the Vault has leases open."""
    leased = _gauges(view, mount.vault) if not is_named and _gauge(view, mount.vault) else []
    roles: list[VaultEngineRole | VaultPkiRole] = [
        item for item in view.within(VaultEngineRole, mount.namespace) if item.mount == mount.path and not item.is_static
    ]
    roles += [item for item in view.within(VaultPkiRole, mount.namespace) if item.mount == mount.path]
    if roles and (is_named or leased):
        return ok(mount, DYNAMIC, seen=[mount, *leased, *roles], mount=mount.path, count=len(roles))
    what = "nobody uses it" if roles else "it has no role"
    return warn(mount, UNUSED, seen=[mount, *roles], mount=mount.path, what=what)


def _judged_issuer(view: View, issuer: VaultIssuer) -> Finding:
    ends = instant(issuer.not_after)
    facts = [seen(issuer, "certificate.notAfter", issuer.not_after)]
    if ends is None:
        return unknown(issuer, ALIVE, Why.MALFORMED, "notAfter", seen=facts, subject=issuer.subject, days="?")
    left = ends - view.now
    words = {"subject": issuer.subject, "days": left.days}
    if left <= timedelta():
        return fail(issuer, ENDED, seen=facts, **words)
    if left < timedelta(days=30):
        return fail(issuer, ENDING, seen=facts, **words)
    if left < timedelta(days=90):
        return warn(issuer, NEARING, seen=facts, **words)
    return (
        warn(issuer, ROOT_ISSUES, seen=facts, **words) if _signs_leaves(view, issuer) else ok(issuer, ALIVE, seen=facts, **words)
    )


def _signs_leaves(view: View, issuer: VaultIssuer) -> bool:
    """Whether a root is what the roles of its mount sign with: they have no intermediate beside it."""
    if not issuer.is_root:
        return False
    same = [item for item in view.within(VaultIssuer, issuer.namespace) if item.mount == issuer.mount and not item.is_root]
    return not same and any(item.mount == issuer.mount for item in view.within(VaultPkiRole, issuer.namespace))


def _judged_pki_role(role: VaultPkiRole, mount: VaultMount | None) -> Finding:
    data = role.data
    limit = data.max_ttl or (mount.data.config.max_lease_ttl if mount is not None else 0)
    words = {"role": role.name, "days": limit // DAY_S if limit else "unlimited"}
    facts: list[Kind | Evidence] = [
        seen(role, "allow_any_name", str(data.allow_any_name).lower()),
        seen(role, "max_ttl", data.max_ttl),
        *([mount] if mount is not None and not data.max_ttl else []),
    ]
    if data.allow_any_name and (not data.max_ttl or limit > 30 * DAY_S):
        return fail(role, ANY_NAME_LONG, seen=facts, **words)
    if data.allow_any_name:
        return warn(role, ANY_NAME, seen=facts, **words)
    if not limit or limit > 90 * DAY_S:
        return warn(role, LONG_LEAF, seen=facts, **words)
    return ok(role, CONSTRAINED, seen=facts, **words)

"""Row P2.SEC, who gets what from a Vault: roles bound to exact identities, short tokens, narrow policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Evidence, Finding, Reason, check, fail, ok, reason, seen, warn
from ztui.engines.vaultpolicy import effective
from ztui.engines.vaults import (
    HERE,
    HERE_MAY,
    HERE_WHERE_SERVED,
    dangers,
    has_glob,
    here_by,
    holders_of,
    is_break_glass,
    mighty_policies,
    selects_all,
    takes_any,
)
from ztui.kinds.base import Kind
from ztui.kinds.vault import SYSTEM_TTL_S, VaultMount, VaultRole
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.kinds.workload import Namespace, ServiceAccount
from ztui.view import View

ANYBODY = reason(
    "anybody", "any pod of the cluster can become {role}", next="Name the accounts and namespaces that need it", stands=True
)
ANY_TOKEN = reason(
    "any-token", "{role} takes every token that its issuer signs", next="Set bound_audiences and bound_subject", stands=True
)
ANY_CLAIM = reason("any-claim", "{role} takes any value of the claim {claim}", next="Name the values", stands=True)
NO_SECRET = reason(
    "no-secret-id", "whoever knows the id of {role} logs in, from anywhere", next="Set bind_secret_id, or CIDRs", stands=True
)
MIGHTY = reason(
    "loose-and-mighty",
    "{role} is bound loosely ({fault}) and gives the policy {policy}, which hands over the Vault",
    next="Bind the role exactly, and narrow the policy",
)
LOOSE = reason("pattern", "{role} takes {what} by a pattern", next="Name the accounts and namespaces that need it")
NO_AUDIENCE = reason("no-audience", "{role} takes tokens that were made for somebody else", next="Set audience")
REUSED = reason("reusable-name", "{role} knows accounts by name: who makes one again inherits it", next="Use serviceaccount_uid")
DEFAULT_SA = reason(
    "default-account", "{role} is for the account that pods have when nobody chose one", next="Use an own account"
)
PLAIN_REDIRECT = reason("plain-redirect", "{role} sends codes to {uri}, without TLS", next="Use https")
SQUATTING = reason("nobody-there", "{role} waits for {who}, which is not there: whoever makes it gets the role", next="Remove it")
EXACT = reason("exact", "{role} is bound to exact identities")

FOR_EVER = reason("too-long", "tokens of {role} live up to {days} days", next="Set token_ttl to 1h and token_max_ttl to 24h")
HUMAN_PERIOD = reason("human-period", "people's tokens of {role} can be renewed for ever", next="Set token_period to 0")
LONG_PERIOD = reason(
    "long-period", "tokens of {role} are renewed every {hours} h, for ever", next="Set token_period to 1h at most"
)
PERIODIC = reason("periodic", "tokens of {role} can be renewed for ever", next="Let the workload log in again, or waive this")
LONG = reason("long", "tokens of {role} live {ttl} s, at most {limit} s", next="Set token_ttl to 1h and token_max_ttl to 24h")
SHORT = reason("short", "tokens of {role} live {ttl} s, at most {limit} s")

OWNS_ALL = reason(
    "hands-over",
    "{path} gives {gives} to {who}",
    next="Replace it by the paths that are needed",
)
UNUSED_MIGHTY = reason("unattached", "{path} gives {gives}; no role that could be read gives this policy away", next="Delete it")
GLASS = reason("break-glass", "{path} gives {gives}, for emergencies")
WHOLE_STORE = reason("whole-store", "{path} opens a whole store to {who}", next="Grant the folder of the application")
NARROW = reason("narrow", "no rule hands over more than an application's own")

HOUR_S: Final = 3600
DAY_S: Final = 86_400


@check(
    "ZT2-VLT-004",
    "Roles are bound to exact identities",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(VaultRole, VaultPolicy, Namespace, ServiceAccount, *HERE),
    where_served=HERE_WHERE_SERVED,
    may=HERE_MAY,
    recipes=("R-VAULT-ROLE",),
    maps=("800-53 AC-6", "800-53 IA-9"),
)
def exact_identities(view: View) -> Iterator[Finding]:
    """A role is for the identities that need it, by name.

    Why: a star means that any pod can become this role.
    How: a stolen pod logs in with its own token under the role of the payment service and reads its keys.
    Rule: fail where names and namespaces are both open; for a jwt role without subject, claims and audience; for a claim whose
    pattern is a star; for an AppRole that needs no secret id and has no CIDR. Warn for a pattern in one of names and namespaces,
    no audience, names as aliases, the account default, a redirect without TLS, an account or namespace that is not there. A
    warning fails where the role gives a policy that hands over the Vault.
    Traps: accounts are looked for only where the mount believes this cluster; writing a role replaces what is left out.
    Source: vault auth/MOUNT/role/NAME; v1 Namespace, metadata.name; v1 ServiceAccount, metadata.name.
    Verify: vault read auth/kubernetes/role/NAME
    """
    for role in sorted(view.all(VaultRole), key=lambda item: (item.namespace, item.name)):
        hard = _open_to_all(role)
        if hard is not None:
            because, fact, words = hard
            yield fail(role, because, seen=[seen(role, fact)], role=role.name, **words)
            continue
        soft = list(_loose(view, role))
        mighty = next((name for name in role.policies if (role.namespace, name) in view.derive(mighty_policies)), None)
        if soft and mighty is not None:
            yield fail(role, MIGHTY, seen=[role], role=role.name, fault=soft[0][0].code, policy=mighty)
            continue
        for because, fact, words in soft:
            yield warn(role, because, seen=[seen(role, fact)], role=role.name, **words)
        if not soft:
            yield ok(role, EXACT, seen=[role, *_accounts(view, role)], role=role.name)


@check(
    "ZT2-VLT-005",
    "Issued tokens are short",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(VaultRole, VaultMount),
    recipes=("R-VAULT-ROLE",),
    maps=("800-53 AC-12", "800-53 IA-5(1)"),
)
def short_tokens(view: View) -> Iterator[Finding]:
    """A token of a role ends soon.

    Why: its life bounds the damage of its theft.
    How: a token from a log file of last month still opens the store.
    Rule: pass for a life of at most 1 h and a maximum of at most 24 h; warn for a maximum of at most 32 days, set or inherited,
    and for periods; fail beyond, for a period of more than 24 h, and for any period of a role for people.
    Traps: 0 means the mount's value, and where that is 0 too the system's 32 days.
    Source: vault auth/MOUNT/role/NAME, sys/auth.
    Verify: vault read -field=token_max_ttl auth/kubernetes/role/NAME
    """
    for role in sorted(view.all(VaultRole), key=lambda item: (item.namespace, item.name)):
        yield _lifetime(role, view.get(VaultMount, f"auth/{role.mount}", role.namespace))


@check(
    "ZT2-VLT-007",
    "Policies are least-privilege",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(VaultPolicy, VaultRole, VaultMount),
    maps=("800-53 AC-3", "800-53 AC-6"),
)
def narrow_policies(view: View) -> Iterator[Finding]:
    """A policy opens what one application needs, and nothing that opens the rest.

    Why: the policy is the boundary of what a token may do.
    How: a token that may write policies grants itself everything.
    Rule: fail for a policy of a role that may write everything, sys/*, auth/* or policies, or has sudo on sys/raw and
    auth/token/create; warn where no role gives it, and for a whole store that the role of one namespace may read; pass otherwise.
    Traps: the most specific path decides and deny wins in it, so overlaps are evaluated first; templated paths are no patterns;
    root and default are Vault's own; roles for emergencies are named so.
    Source: vault sys/policies/acl/NAME, auth/MOUNT/role/NAME, sys/mounts.
    Verify: vault policy read NAME
    """
    for policy in sorted(view.all(VaultPolicy), key=lambda item: (item.namespace, item.name)):
        yield _judged_policy(view, policy)


Fault = tuple[Reason, str, dict[str, str]]


def _open_to_all(role: VaultRole) -> Fault | None:
    data = role.data
    if role.method == "kubernetes":
        spaces = takes_any(data.bound_service_account_namespaces) or selects_all(data.bound_service_account_namespace_selector)
        names = takes_any(data.bound_service_account_names)
        return (ANYBODY, "bound_service_account_names", {}) if names and spaces else None
    if role.method == "approle":
        bound = data.secret_id_bound_cidrs or data.token_bound_cidrs
        return None if data.bind_secret_id or bound else (NO_SECRET, "bind_secret_id", {})
    for claim, value in (data.bound_claims or {}).items():
        values = value if isinstance(value, tuple) else (value,)
        if data.bound_claims_type == "glob" and "*" in values:
            return ANY_CLAIM, "bound_claims", {"claim": claim}
    if data.bound_subject or data.bound_claims or (data.role_type == "jwt" and data.bound_audiences):
        return None
    return ANY_TOKEN, "bound_audiences", {}


def _loose(view: View, role: VaultRole) -> Iterator[Fault]:
    data = role.data
    for uri in data.allowed_redirect_uris or ():
        if uri.startswith("http://") and not uri.startswith(("http://localhost", "http://127.0.0.1", "http://[::1]")):
            yield PLAIN_REDIRECT, "allowed_redirect_uris", {"uri": uri}
    if role.method != "kubernetes":
        return
    names, spaces = data.bound_service_account_names or (), data.bound_service_account_namespaces or ()
    if has_glob(names):
        yield LOOSE, "bound_service_account_names", {"what": "accounts"}
    if has_glob(spaces) or selects_all(data.bound_service_account_namespace_selector):
        yield LOOSE, "bound_service_account_namespaces", {"what": "namespaces"}
    if not data.audience:
        yield NO_AUDIENCE, "audience", {}
    if data.alias_name_source == "serviceaccount_name":
        yield REUSED, "alias_name_source", {}
    if "default" in names:
        yield DEFAULT_SA, "bound_service_account_names", {}
    who = _missing_account(view, role)
    if who:
        yield SQUATTING, "bound_service_account_names", {"who": who}


def _accounts(view: View, role: VaultRole) -> list[Kind]:
    """The accounts of this cluster that a role names."""
    spaces = [item for item in role.data.bound_service_account_namespaces or () if "*" not in item]
    names = [item for item in role.data.bound_service_account_names or () if "*" not in item]
    found = [view.get(ServiceAccount, name, space) for space in spaces for name in names]
    return [item for item in found if item is not None]


def _missing_account(view: View, role: VaultRole) -> str:
    """A namespace that the role names and this cluster does not have, or an account that is in none of them; empty for none."""
    if (role.namespace, role.mount) not in view.derive(here_by):
        return ""
    spaces = [item for item in role.data.bound_service_account_namespaces or () if "*" not in item]
    gone = next((item for item in spaces if view.get(Namespace, item) is None), None)
    if gone is not None:
        return f"the namespace {gone}"
    if has_glob(role.data.bound_service_account_namespaces) or role.data.bound_service_account_namespace_selector or not spaces:
        return ""
    names = [item for item in role.data.bound_service_account_names or () if "*" not in item]
    lost = next((name for name in names if not any(view.get(ServiceAccount, name, space) for space in spaces)), None)
    return f"the account {lost} of {', '.join(spaces)}" if lost is not None else ""


def _lifetime(role: VaultRole, mount: VaultMount | None) -> Finding:
    data, config = role.data, mount.data.config if mount is not None else None
    limit = data.token_explicit_max_ttl or data.token_max_ttl or (config.max_lease_ttl if config else 0) or SYSTEM_TTL_S
    ttl = min(data.token_ttl or (config.default_lease_ttl if config else 0) or SYSTEM_TTL_S, limit)
    words = {"role": role.name, "ttl": ttl, "limit": limit}
    facts: list[Kind | Evidence] = [seen(role, "token_ttl", data.token_ttl), seen(role, "token_max_ttl", data.token_max_ttl)]
    inherits = not data.token_ttl or not (data.token_explicit_max_ttl or data.token_max_ttl)
    facts += [mount] if mount is not None and inherits else []
    if data.token_period:
        period = [seen(role, "token_period", data.token_period)]
        if role.method == "oidc" or data.role_type == "oidc":
            return fail(role, HUMAN_PERIOD, seen=period, **words)
        if data.token_period > DAY_S:
            return fail(role, LONG_PERIOD, seen=period, hours=data.token_period // HOUR_S, **words)
        return warn(role, PERIODIC, seen=period, **words)
    if limit > SYSTEM_TTL_S:
        return fail(role, FOR_EVER, seen=facts, days=limit // DAY_S, **words)
    if ttl <= HOUR_S and limit <= DAY_S:
        return ok(role, SHORT, seen=facts, **words)
    return warn(role, LONG, seen=facts, **words)


def _judged_policy(view: View, policy: VaultPolicy) -> Finding:
    holders = holders_of(view, policy)
    names = ", ".join(item.name for item in holders[:3])
    found = dangers(policy.rules)
    if found:
        words = {"path": found[0].path, "gives": ", ".join(found[0].gives), "who": names}
        facts = [seen(policy, f"path {item.path}", ", ".join(item.gives)) for item in found]
        usual = [item for item in holders if not is_break_glass(item.name)]
        if is_break_glass(policy.name) or (holders and not usual):
            return ok(policy, GLASS, seen=facts, **words)
        facts += [seen(item, "token_policies", policy.name) for item in holders]
        return fail(policy, OWNS_ALL, seen=facts, **words) if usual else warn(policy, UNUSED_MIGHTY, seen=facts, **words)
    whole, store = _whole_store(view, policy)
    if store is not None and any(_serves_one_namespace(item) for item in holders):
        given = [seen(item, "token_policies", policy.name) for item in holders]
        return warn(policy, WHOLE_STORE, seen=[seen(policy, f"path {whole}", "read"), store, *given], path=whole, who=names)
    return ok(policy, NARROW, seen=[policy])


def _whole_store(view: View, policy: VaultPolicy) -> tuple[str, VaultMount | None]:
    """The first rule that lets everything of a key-value store be read, and the store; empty for none."""
    stores = [item for item in view.within(VaultMount, policy.namespace) if item.kv_version]
    wide = {f"{item.path}/{rest}": item for item in stores for rest in ("*", "data/*")}
    found = (rule.path for rule in policy.rules if rule.path in wide and "read" in effective(policy.rules, rule.path))
    path = next(found, "")
    return path, wide.get(path)


def _serves_one_namespace(role: VaultRole) -> bool:
    spaces = role.data.bound_service_account_namespaces or ()
    return role.method == "kubernetes" and len(spaces) == 1 and not has_glob(spaces)

"""Roles of a Vault bound to whom they are for, their tokens made short, and single tokens ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, workloads
from ztui.engines.vaultlogins import LOGINS, LOGINS_NAMED_IN, LOGINS_WHERE_SERVED, User, role_users
from ztui.engines.vaults import has_glob, selects_all
from ztui.kinds.base import Kind, Ref
from ztui.kinds.secretmanager import VaultAuth
from ztui.kinds.vault import SYSTEM_TTL_S, VaultLogin, VaultMount, VaultRole, VaultToken
from ztui.recipes.base import Draft, Note, Question, Stop, Write, as_wanted, gone, note, recipe, refused
from ztui.view import View, Why

NOBODY: Final = Reason("nobody-known", "no workload here says that it uses {role}, and no token of it is alive: whom to name?")
NAMES_STAY: Final = Reason("names-stay", "nobody is known to use {role}: whom it lets in stays as it is")
ELSEWHERE: Final = Reason("other-cluster", "{role} is for another cluster: who uses it is not seen from here")
BLIND: Final = Reason("users-unseen", "who uses it may not be all known: {gap}")
KEEPS: Final = Reason("keeps", "{unit} goes on: it uses the role as {account}")
LOSES: Final = Reason("loses", "{unit} gets in no more: it does not say that it uses the role")
SILENT: Final = Reason("silent-users", "whoever uses it and says so nowhere (annotation, store, living token) gets in no more")
CROSSED: Final = Reason("crossed", "each of these accounts gets in from each of these namespaces: a role for each is narrower")
OLD_TOKENS: Final = Reason("old-tokens", "tokens that are out already keep their life: they end by themselves, or one by one")
LIVES: Final = Reason("lives", "its tokens live {ttl} s, at most {limit} s: who renews must log in again by then")
AUDIENCE: Final = Reason("audience-set", "a token for another audience than {audience} gets nobody in: pods must ask for one")

OWN: Final = Reason("own-token", "it is the one that we are logged in with: end the session instead")
OWN_UNSEEN: Final = Reason("own-token-unseen", "which token is our own could not be read: this may be it")
ENDS: Final = Reason("ends", "{name} ({policies}), made by {path}, ends at once")
CHILDREN: Final = Reason("children-end", "so do the tokens that it made, and the credentials that were given out to any of them")
OF_ACCOUNT: Final = Reason("of-account", "it was given to {namespace}/{account} by {role}: the workload must log in again")

HOUR_S: Final = 3600
DAY_S: Final = 86_400
KEEP: Final = "keep"
USERS: Final[tuple[type[Kind], ...]] = (
    *LOGINS,
    *LOGINS_WHERE_SERVED,
    *LOGINS_NAMED_IN,
    *WORKLOADS,
    *WORKLOADS_WHERE_SERVED,
    VaultToken,
)
_WHOM: Final = frozenset({"bound_service_account_names", "bound_service_account_namespaces"})
_SURE: Final[tuple[type[Kind], ...]] = (*LOGINS, *WORKLOADS)


class Account(msgspec.Struct, frozen=True, order=True):
    """A ServiceAccount that is known to use a role, and the workload that says so, where one does."""

    namespace: str
    name: str
    unit: Ref | None = None


def still_right(view: View, ref: Ref, was: View) -> bool:
    """Whether nothing is left to narrow, and every operator that could log in by the role still can."""
    role = view.get(VaultRole, ref.name, ref.namespace)
    before = {item.ref for item in _logins_by(was, ref) if item.status.valid}
    lost = [item for item in _logins_by(view, ref) if item.ref in before and item.status.valid is False]
    return role is not None and not _narrowed(view, role) and not _shortened(view, role) and not lost


@recipe(
    "R-VAULT-ROLE",
    "Bind the role to those who use it, for hours",
    risk_class="disruptive",
    on=(VaultRole,),
    writes=(VaultRole,),
    reads=(VaultMount, *USERS),
    asks=(Question("audience", f"The audience that its pods' tokens are made for, or {KEEP}", KEEP),),
    verify_s=120.0,
    done=still_right,
)
def narrow(view: View, ref: Ref, audience: str = KEEP) -> Draft:
    """Names of the accounts that use it in place of patterns, a life of one hour, a day at most; all else goes back as it was."""
    role = view.get(VaultRole, ref.name, ref.namespace)
    if role is None:
        return gone(ref)
    fields = {**_narrowed(view, role), **_shortened(view, role)}
    wanted = audience.strip()
    if role.method == "kubernetes" and wanted not in {"", KEEP, role.data.audience}:
        fields["audience"] = wanted
    if not fields:
        if not _is_loose(role):
            return as_wanted(ref, role.name)
        return refused(ref, NOBODY if _is_here(view, role) else ELSEWHERE, role=role.name)
    doubts = _doubts(view) if fields.keys() & _WHOM else ()
    if role.method == "kubernetes":  # the method forgets a selector that is left out, whatever wrote it
        fields.setdefault("bound_service_account_namespace_selector", role.data.bound_service_account_namespace_selector)
    write = Write(VaultRole, role.ref, "apply", {"data": fields})
    return Draft((write,), tuple(_radius(view, role, fields)), doubts)


@recipe(
    "R-VAULT-REVOKE-ACC",
    "End the token",
    risk_class="destructive",
    on=(VaultToken,),
    writes=(VaultToken,),
    deletes=(VaultToken,),
    reads=(VaultToken, VaultLogin),
    verify_s=120.0,
)
def end(view: View, ref: Ref) -> Draft:
    """The token is revoked by its accessor, and everything that it made with it; nothing brings it back."""
    token = view.get(VaultToken, ref.name, ref.namespace)
    if token is None:
        return gone(ref)
    stops = _own(view, token)
    data = token.data
    words = {"name": data.display_name or token.ref.shown, "policies": ", ".join(data.policies or ()) or "no policy"}
    radius = [note(ENDS, ref, path=data.path or "hand", **words), note(CHILDREN, ref)]
    if data.meta is not None and data.meta.service_account_name:
        told = {"namespace": data.meta.service_account_namespace, "account": data.meta.service_account_name}
        radius.append(note(OF_ACCOUNT, ref, role=data.meta.role, **told))
    return Draft((Write(VaultToken, token.ref, "delete"),), tuple(radius), stops)


def known_users(view: View, role: VaultRole) -> tuple[Account, ...]:
    """The accounts that are known to use a role: a workload or an operator says so, or a living token of it tells, sorted."""
    users = [(user, _account(view, user)) for user in view.derive(role_users).get((role.namespace, role.name), ())]
    let_in = {(item.namespace, item.name): item for _, item in users if item is not None}
    found = {(item.namespace, item.name): item for user, item in users if item is not None and user.use == "used"}
    for token in view.within(VaultToken, role.namespace):
        meta = token.data.meta
        if meta is not None and meta.service_account_name and token.data.path == f"auth/{role.mount}/login":
            at = (meta.service_account_namespace, meta.service_account_name)
            if meta.role == role.name.rpartition("/")[2]:
                found.setdefault(at, let_in.get(at, Account(*at)))
    return tuple(sorted(found.values()))


def _own(view: View, token: VaultToken) -> tuple[Stop, ...]:
    """What stands in the way where the token may be the one that we use."""
    logins = [item for item in view.all(VaultLogin) if item.vault == token.vault and item.data.accessor]
    if not logins:
        return (Stop(note(OWN_UNSEEN, token.ref), override=True),)
    own = any(token.name.startswith(item.data.accessor) for item in logins)
    return (Stop(note(OWN, token.ref)),) if own else ()


def _is_here(view: View, role: VaultRole) -> bool:
    return (role.namespace, role.name) in view.derive(role_users)


def _is_loose(role: VaultRole) -> bool:
    data = role.data
    patterns = has_glob(data.bound_service_account_names) or has_glob(data.bound_service_account_namespaces)
    return role.method == "kubernetes" and (patterns or selects_all(data.bound_service_account_namespace_selector))


def _narrowed(view: View, role: VaultRole) -> dict[str, Any]:
    """The names in place of patterns; nothing where there is no pattern, or nobody to name."""
    if not _is_loose(role) or not _is_here(view, role):
        return {}
    users, data = known_users(view, role), role.data
    found: dict[str, Any] = {}
    names, spaces = sorted({item.name for item in users}), sorted({item.namespace for item in users})
    if names and has_glob(data.bound_service_account_names):
        found["bound_service_account_names"] = names
    everywhere = selects_all(data.bound_service_account_namespace_selector)
    if spaces and (everywhere or has_glob(data.bound_service_account_namespaces)):
        found["bound_service_account_namespaces"] = spaces
        if everywhere:
            found["bound_service_account_namespace_selector"] = ""
    return found


def _shortened(view: View, role: VaultRole) -> dict[str, Any]:
    """The lives that are too long, as the rule wants them. A short period stays: who logs in so may not be able to again."""
    data = role.data
    if data.token_period:
        for_people = role.method == "oidc" or data.role_type == "oidc"
        if not for_people and data.token_period <= DAY_S:
            return {}
        found = {"token_period": 0 if for_people else HOUR_S}
        return {**found, **_bounded(view, role)} if for_people else found
    return _bounded(view, role)


def _bounded(view: View, role: VaultRole) -> dict[str, Any]:
    data, mount = role.data, view.get(VaultMount, f"auth/{role.mount}", role.namespace)
    config = mount.data.config if mount is not None else None
    limit = data.token_explicit_max_ttl or data.token_max_ttl or (config.max_lease_ttl if config else 0) or SYSTEM_TTL_S
    ttl = min(data.token_ttl or (config.default_lease_ttl if config else 0) or SYSTEM_TTL_S, limit)
    found: dict[str, Any] = {}
    if limit > DAY_S:
        found["token_max_ttl"] = DAY_S
        if data.token_explicit_max_ttl > DAY_S:
            found["token_explicit_max_ttl"] = DAY_S
    if ttl > HOUR_S:
        found["token_ttl"] = HOUR_S
    return found


def _radius(view: View, role: VaultRole, fields: dict[str, Any]) -> Iterator[Note]:
    if fields.keys() & _WHOM:
        users = known_users(view, role)
        kept = {(item.namespace, item.name) for item in users}
        for item in users:
            yield note(KEEPS, item.unit or role.ref, unit=item.unit or "a living token", account=f"{item.namespace}/{item.name}")
        for user in view.derive(role_users).get((role.namespace, role.name), ()):
            account = _account(view, user)
            if account is None or (account.namespace, account.name) not in kept:
                yield note(LOSES, user.unit, unit=user.unit)
        yield note(SILENT, role.ref)
        if len({space for space, _ in kept}) > 1 and len({name for _, name in kept}) > 1:
            yield note(CROSSED, role.ref)
    elif _is_loose(role):
        yield note(NAMES_STAY, role.ref, role=role.name)
    if "token_ttl" in fields or "token_max_ttl" in fields:
        data = role.data
        ttl, limit = fields.get("token_ttl", data.token_ttl), fields.get("token_max_ttl", data.token_max_ttl)
        yield note(LIVES, role.ref, ttl=ttl or limit, limit=limit or DAY_S)
    if "audience" in fields:
        yield note(AUDIENCE, role.ref, audience=fields["audience"])
    yield note(OLD_TOKENS, role.ref)


def _doubts(view: View) -> tuple[Stop, ...]:
    """What makes the list of users uncertain; a list of tokens that may not be read is no doubt, for few may read it."""
    gaps = [(kind, view.gap(kind)) for kind in (*_SURE, *LOGINS_WHERE_SERVED, *LOGINS_NAMED_IN)]
    found = (gap for kind, gap in gaps if gap is not None and (gap.why is not Why.ABSENT or kind in _SURE))
    return tuple(Stop(note(BLIND, gap=gap), override=True) for gap in list(found)[:1])


def _account(view: View, user: User) -> Account | None:
    unit = next((item for item in view.derive(workloads, user.unit.namespace) if item.root == user.unit), None)
    return Account(user.unit.namespace, unit.account, unit.root) if unit is not None else None


def _logins_by(view: View, ref: Ref) -> Iterable[VaultAuth]:
    """What operators log in with by a role."""
    short = ref.name.rpartition("/")[2]
    for item in view.all(VaultAuth):
        login = item.spec.kubernetes or item.spec.jwt
        if login is not None and login.role == short:
            yield item

"""What a workload got from a Vault, taken back: its identity switched off, its credentials revoked, its tokens ended.

The order is that of the damage: the identity first, which stops every token of it at once and can be switched on again; then the
credentials that are out already, which work without the Vault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.units import Workload, workloads
from ztui.engines.vaultlogins import Login, logins_in, logins_of, roles_here
from ztui.engines.vaultpolicy import allowed
from ztui.kinds.base import Kind, Ref
from ztui.kinds.vault import VaultAuthConfig, VaultEngineRole, VaultPkiRole, VaultRole, VaultToken
from ztui.kinds.vaultgiven import VaultCredentials, VaultEntity
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.kinds.workload import Namespace, Pod, ServiceAccount
from ztui.recipes.base import Draft, Note, Write, note, recipe, ref_to, refused
from ztui.recipes.roots import unit_of
from ztui.recipes.vault import USERS
from ztui.view import View, Why

NO_ROLE: Final = Reason("no-engine-role", "{prefix} names no role of an engine that is known: the leases of a whole engine stay")
SHARED: Final = Reason("shared-credentials", "{unit} may get credentials there too: it must ask for new ones")
REQUEST: Final = Reason("request-again", "whoever still may asks for new ones: switch its identity off first")
LOCKED_OUT: Final = Reason("locked-out", "{unit} logs in as it: no token of it works, and no new login does")
ONLY_HERE: Final = Reason("only-here", "what it got elsewhere, and certificates that were issued, work on until they end")
WHY_ENTITY: Final = Reason("stop-identity", "every token that it got as {role} stops working, and can work again")
WHY_CREDENTIALS: Final = Reason("stop-credentials", "{role} has the policy {policy}, which gives out credentials there")
WHY_TOKEN: Final = Reason("stop-token", "it is a living token of {role}")
UNSEEN: Final = Reason("vault-unseen", "what it got from a Vault is not all known: {gap}")
NO_ALIAS: Final = Reason("alias-unknown", "what {role} calls it is made of the claim {claim}, which is not seen from here")
NO_ACCOUNT: Final = Reason("account-unseen", "the uid of its account is not known, and {role} knows accounts by it")

GIVING: Final[tuple[type[Kind], ...]] = (*USERS, VaultPolicy, VaultEngineRole, VaultPkiRole, ServiceAccount)
ALIAS: Final = "alias"
_TOLD_BY: Final[dict[str, tuple[type[Kind], ...]]] = {
    "R-VAULT-ENTITY": (VaultRole, VaultAuthConfig),
    "R-VAULT-LEASES": (VaultPolicy, VaultEngineRole, VaultPkiRole),
}
_SUBJECT: Final = "system:serviceaccount:"


class VaultMeasure(msgspec.Struct, frozen=True):
    """One thing to take back: by which recipe, on what, and why. Where it ``works`` not, ``why`` says that."""

    recipe: str
    on: Ref
    why: Note
    works: bool = True


def vault_containment(view: View, unit: Ref) -> tuple[VaultMeasure, ...]:
    """What a workload, or a pod, could have got from the Vaults that believe this cluster, in the order in which to take it back.

    Each entry once, whatever roles lead to it. Empty where no role lets its account in, and where no Vault is connected; what
    could not be read of one is an entry that says so.
    """
    found = unit_of(view, unit) or next((item for item in view.derive(workloads, unit.namespace) if _holds(item, unit)), None)
    if found is None:
        return ()
    logins = [item for item in logins_of(view, unit.namespace, found.account, found.pods) if item.at]
    measures: dict[tuple[str, Ref], VaultMeasure] = {}
    told = (*_entities(view, found, logins), *_credentials(view, logins), *_tokens(view, found, logins), *_unseen(view, unit))
    for item in told:
        measures.setdefault((item.recipe, item.on), item)
    return tuple(measures.values())


@recipe(
    "R-VAULT-ENTITY",
    "Switch its identity in the Vault off",
    risk_class="disruptive",
    on=(VaultEntity,),
    writes=(VaultEntity,),
    reads=GIVING,
    verify_s=30.0,
    contains=("workload", "pod"),
)
def switch_off(view: View, ref: Ref) -> Draft:
    """The identity is disabled: its tokens are refused and nobody logs in as it, until it is enabled again."""
    units = [unit for unit, login in _everybody(view) if login.at == ref.namespace and _alias_of(view, unit, login) == ref.name]
    locked = [note(LOCKED_OUT, unit.root, unit=unit.root) for unit in units]
    write = Write(VaultEntity, ref, "apply", {"data": {"disabled": True}})
    return Draft((write,), (*dict.fromkeys(locked), note(ONLY_HERE, ref)))


@recipe(
    "R-VAULT-LEASES",
    "Take back the credentials that were given out",
    risk_class="destructive",
    on=(VaultCredentials,),
    writes=(VaultCredentials,),
    deletes=(VaultCredentials,),
    reads=GIVING,
    verify_s=60.0,
    contains=("workload", "pod"),
)
def take_back(view: View, ref: Ref) -> Draft:
    """Every lease of one role of an engine is revoked: the engine takes the credentials back, and goes on where one fails."""
    if ref.name not in {prefix for _, prefix in _prefixes(view, ref.namespace)}:
        return refused(ref, NO_ROLE, prefix=ref.name)
    others = [unit.root for unit, login in _everybody(view) if any(at == ref for at, _ in _given_by(view, login))]
    radius = [note(SHARED, unit, unit=unit) for unit in dict.fromkeys(others)]
    return Draft((Write(VaultCredentials, ref, "delete"),), (*radius, note(REQUEST, ref)))


def _entities(view: View, unit: Workload, logins: list[Login]) -> Iterator[VaultMeasure]:
    for login in logins:
        alias = _alias_of(view, unit, login)
        on = ref_to(VaultEntity, alias or f"{login.role}/{unit.account}", login.at)
        role = view.get(VaultRole, login.role, login.at)
        missing = None
        if not alias and role is not None:
            jwt = role.method != "kubernetes"
            claim = role.data.user_claim or "nobody"
            missing = note(NO_ALIAS, on, role=login.role, claim=claim) if jwt else note(NO_ACCOUNT, on, role=login.role)
        yield VaultMeasure("R-VAULT-ENTITY", on, missing or note(WHY_ENTITY, on, role=login.role), works=missing is None)


def _credentials(view: View, logins: list[Login]) -> Iterator[VaultMeasure]:
    for login in logins:
        for on, policy in _given_by(view, login):
            yield VaultMeasure("R-VAULT-LEASES", on, note(WHY_CREDENTIALS, on, policy=policy, role=login.role))


def _tokens(view: View, unit: Workload, logins: list[Login]) -> Iterator[VaultMeasure]:
    """The living tokens of its account, where the Vault lets us list them."""
    for login in logins:
        mount, _, short = login.role.rpartition("/role/")
        for token in sorted(view.within(VaultToken, login.at), key=lambda item: item.name):
            meta = token.data.meta
            if meta is None or (token.data.path, meta.role) != (f"{mount}/login", short):
                continue
            if (meta.service_account_namespace, meta.service_account_name) == (unit.root.namespace, unit.account):
                yield VaultMeasure("R-VAULT-REVOKE-ACC", token.ref, note(WHY_TOKEN, token.ref, role=login.role))


def _unseen(view: View, unit: Ref) -> Iterator[VaultMeasure]:
    for name, kinds in _TOLD_BY.items():
        gap = next((found for kind in kinds if (found := view.gap(kind)) is not None), None)
        if gap is not None and gap.why is not Why.NOT_CONNECTED:
            yield VaultMeasure(name, unit, note(UNSEEN, unit, gap=gap), works=False)


def _alias_of(view: View, unit: Workload, login: Login) -> str:
    """The name of the identity that a login makes, by which it is found; empty where nothing here tells.

    Source: ``alias_name_source`` of the method kubernetes, ``user_claim`` of the method jwt.
    """
    role = view.get(VaultRole, login.role, login.at)
    if role is None:
        return ""
    space, account = unit.root.namespace, unit.account
    if role.method != "kubernetes":
        alias = f"{_SUBJECT}{space}:{account}" if role.data.user_claim == "sub" else ""
    elif role.data.alias_name_source == "serviceaccount_name":
        alias = f"{space}/{account}"
    else:
        held = view.get(ServiceAccount, account, space)
        alias = held.metadata.uid if held is not None else ""
    return f"auth/{role.mount}/{ALIAS}/{alias}" if alias else ""


def _given_by(view: View, login: Login) -> Iterator[tuple[Ref, str]]:
    """The credentials that a login may get, and the policy that lets it."""
    policies = [(name, policy) for name in login.policies if (policy := view.get(VaultPolicy, name, login.at)) is not None]
    for words, prefix in _prefixes(view, login.at):
        for name, policy in policies:
            if allowed(policy.rules, prefix).capabilities & words:
                yield ref_to(VaultCredentials, prefix, login.at), name
                break


def _prefixes(view: View, place: str) -> Iterator[tuple[frozenset[str], str]]:
    """Where each role of an engine gives out credentials with a lease, and what it takes to get one there.

    What a static role hands out, the password of an account, has no lease, nor has a certificate that its mount does not keep.
    """
    for role in sorted(view.within(VaultEngineRole, place), key=lambda item: item.name):
        if not role.is_static:
            yield frozenset({"read", "update"}), f"{role.mount}/creds/{role.name.rpartition('/')[2]}"
    for pki in sorted(view.within(VaultPkiRole, place), key=lambda item: item.name):
        if not pki.data.no_store:
            yield frozenset({"update", "create"}), f"{pki.mount}/issue/{pki.name.rpartition('/')[2]}"


def _everybody(view: View) -> Iterator[tuple[Workload, Login]]:
    """Every workload with each role that lets it in."""
    if not view.derive(roles_here):
        return
    for space in sorted(item.name for item in view.all(Namespace)):
        units = {unit.root: unit for unit in view.derive(workloads, space)}
        yield from ((units[root], login) for root, login in view.derive(logins_in, space) if login.at)


def _holds(unit: Workload, ref: Ref) -> bool:
    return ref.kind == Pod.KIND and any(pod.name == ref.name for pod in unit.pods)

"""Which roles of which Vaults an account of this cluster can log in by, and which of them its workloads say that they use.

Source: Vault's documentation of the auth methods kubernetes (bound names and namespaces, ``*`` and globs, namespace selector) and
jwt (``bound_subject``, ``bound_claims``); the annotations of Vault's agent injector; the operators' own objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

from ztui.engines.units import workloads
from ztui.engines.vaults import HERE, HERE_WHERE_SERVED, has_glob, here_by
from ztui.kinds.base import Kind, Ref, Selector, matches
from ztui.kinds.secretmanager import ClusterSecretStore, SecretStore, VaultAuth
from ztui.kinds.vault import VaultRole
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

LOGINS: Final[tuple[type[Kind], ...]] = (*HERE, VaultRole, Namespace)
LOGINS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*HERE_WHERE_SERVED, ClusterSecretStore)
LOGINS_NAMED_IN: Final[tuple[type[Kind], ...]] = (VaultAuth, SecretStore)
"""Where operators say, in a namespace, by which role they log in."""

Use = Literal["used", "unused", "broken"]
ROLE_NOTE: Final = "vault.hashicorp.com/role"
_SUBJECT: Final = "system:serviceaccount:"


class Login(msgspec.Struct, frozen=True):
    """A role and what it opens.

    ``wide`` says that it was matched by a pattern; a ``broken`` use names a role that does not let the account in. ``by`` are the
    objects that decide: the role, what makes its mount believe this cluster, a namespace that it selects by labels, and what
    names it; a pod that does is the workload's own, and is not among them.
    """

    role: str
    policies: tuple[str, ...] = ()
    wide: bool = False
    use: Use = "unused"
    at: str = ""
    by: tuple[Ref, ...] = ()


def logins_of(view: View, namespace: str, account: str, pods: Iterable[Pod] = ()) -> tuple[Login, ...]:
    """The logins of an account, and the roles that its pods name without being let in."""
    named = _named(view, namespace, account, pods)
    found: dict[tuple[str, str], Login] = {}
    here = view.derive(here_by)
    for role in view.derive(roles_here):
        bound, labelled = _binds(view, role, namespace, account)
        if bound:
            short = role.name.rpartition("/")[2]
            use: Use = "used" if short in named else "unused"
            by = (role.ref, *here[role.namespace, role.mount], *labelled, *named.get(short, ()))
            found[role.namespace, role.name] = Login(role.name, role.policies, bound == "wide", use, role.namespace, by)
    known = {item.role.rpartition("/")[2] for item in found.values()}
    lost = (Login(name, use="broken", by=by) for name, by in sorted(named.items()) if name not in known)
    return (*(found[at] for at in sorted(found)), *lost)


class User(msgspec.Struct, frozen=True, order=True):
    """A workload that a role lets in, how it is used, and the objects that decide."""

    unit: Ref
    wide: bool
    use: Use
    by: tuple[Ref, ...] = ()


def role_users(view: View) -> dict[tuple[str, str], tuple[User, ...]]:
    """Every role of a Vault that believes this cluster, as (namespace, name), with the workloads that it lets in."""
    found: dict[tuple[str, str], list[User]] = {(item.namespace, item.name): [] for item in view.derive(roles_here)}
    for space in view.all(Namespace):
        for unit, login in view.derive(logins_in, space.name):
            if (login.at, login.role) in found:
                found[login.at, login.role].append(User(unit, login.wide, login.use, login.by))
    return {role: tuple(sorted(users)) for role, users in found.items()}


def logins_in(view: View, namespace: str) -> tuple[tuple[Ref, Login], ...]:
    """Each workload of a namespace with each of its logins."""
    return tuple(
        (unit.root, login)
        for unit in view.derive(workloads, namespace)
        for login in logins_of(view, namespace, unit.account, unit.pods)
    )


def roles_here(view: View) -> tuple[VaultRole, ...]:
    """The roles of the auth mounts that believe this cluster's tokens."""
    here = view.derive(here_by)
    return tuple(
        sorted(
            (item for item in view.all(VaultRole) if (item.namespace, item.mount) in here),
            key=lambda item: (item.namespace, item.name),
        )
    )


_Bound = Literal["", "exact", "wide"]


def _binds(view: View, role: VaultRole, namespace: str, account: str) -> tuple[_Bound, tuple[Ref, ...]]:
    """How a role lets an account in, and the namespace where its labels decided that."""
    data = role.data
    if role.method != "kubernetes":
        return _claims(role, f"{_SUBJECT}{namespace}:{account}"), ()
    names, spaces = data.bound_service_account_names or (), data.bound_service_account_namespaces or ()
    if not any(fnmatchcase(account, name) for name in names):
        return "", ()
    by_name = any(fnmatchcase(namespace, space) for space in spaces)
    if not by_name:
        selected = _selected(view, data.bound_service_account_namespace_selector, namespace)
        return ("wide", (selected,)) if selected is not None else ("", ())
    exact = account in names and (namespace in spaces or not has_glob(spaces))
    return "exact" if exact else "wide", ()


def _claims(role: VaultRole, subject: str) -> _Bound:
    data = role.data
    if data.role_type == "oidc":
        return ""
    if data.bound_subject:
        return "exact" if data.bound_subject == subject else ""
    wanted = (data.bound_claims or {}).get("sub")
    if wanted is None:
        return "" if data.bound_claims else "wide"
    texts = [str(item) for item in (wanted if isinstance(wanted, tuple) else (wanted,))]
    if subject in texts:
        return "exact"
    globs = data.bound_claims_type == "glob"
    return "wide" if globs and any(fnmatchcase(subject, item) for item in texts) else ""


def _selected(view: View, selector: str, namespace: str) -> Ref | None:
    """The namespace, where a selector, in JSON or YAML, takes it; a selector that cannot be read takes none."""
    if not selector.strip():
        return None
    try:
        told = json.loads(selector)
        found = msgspec.convert(told, Selector)
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None
    space = view.get(Namespace, namespace)
    return space.ref if space is not None and matches(found, space.labels) else None


def _named(view: View, namespace: str, account: str, pods: Iterable[Pod]) -> dict[str, tuple[Ref, ...]]:
    """The roles that the pods, or the operators on the account's behalf, say that they log in by, and the operators' objects."""
    names: dict[str, tuple[Ref, ...]] = {}
    names.update((pod.annotations[ROLE_NOTE], ()) for pod in pods if pod.annotations.get(ROLE_NOTE))
    for auth in sorted(view.within(VaultAuth, namespace), key=lambda item: item.name):
        login = auth.spec.kubernetes or auth.spec.jwt
        if login is not None and login.role and login.service_account == account:
            names[login.role] = (*names.get(login.role, ()), auth.ref)
    stores: list[SecretStore | ClusterSecretStore] = [*view.within(SecretStore, namespace), *view.all(ClusterSecretStore)]
    for store in sorted(stores, key=lambda item: (item.namespace, item.name)):
        by = store.spec.provider.auth.kubernetes if store.spec.provider.auth else None
        who = by.service_account_ref if by else None
        if by is not None and who is not None and by.role and (who.namespace or namespace, who.name) == (namespace, account):
            names[by.role] = (*names.get(by.role, ()), store.ref)
    return names

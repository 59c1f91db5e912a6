"""Whose grant is this: a person's, a workload's, an add-on's, everybody's, or the platform's own."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from ztui.engines import units
from ztui.engines.grants import Grant, all_grants, is_broad
from ztui.kinds.openshift import ClusterOperator
from ztui.view import View

Holder = Literal["human", "automation", "addon", "broad", "platform", "unproven"]

_ACCOUNT = "system:serviceaccount:"


def holder(view: View, grant: Grant) -> Holder:
    """Whose grant it is.

    Bindings that a cluster operator answers for, the platform's accounts and the system's own users are the platform's. The
    label of shipped bindings proves nothing: whoever writes a binding can write the label, and what really is shipped under it
    names the system's users and accounts anyway. ``unproven``: the account's namespace looks reserved, and whether an operator
    answers for it could not be read.
    """
    if view.derive(_is_payload, grant.binding.kind, grant.binding.namespace, grant.binding.name):
        return "platform"
    subject = grant.subject
    if is_broad(subject):
        return "broad"
    account = account_of(grant)
    if account is not None:
        kind = view.derive(units.namespace_class, account[0])
        return "automation" if kind == "user" else kind
    return "platform" if subject.name.startswith("system:") else "human"


def account_of(grant: Grant) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount that the grant names; ``None`` for people and groups."""
    subject = grant.subject
    if subject.kind == "ServiceAccount":
        return (subject.namespace or grant.namespace, subject.name)
    if subject.kind == "User" and subject.name.startswith(_ACCOUNT):
        namespace, _, name = subject.name.removeprefix(_ACCOUNT).partition(":")
        return (namespace, name)
    return None


def grants_by_holder(view: View) -> dict[str, tuple[Grant, ...]]:
    """Every grant by who holds it: ``sa:NS/NAME``, ``user:U``, ``group:G``."""
    found: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in all_grants(view):
        account = account_of(grant)
        found[f"sa:{account[0]}/{account[1]}" if account else grant.key].append(grant)
    return {who: tuple(grants) for who, grants in found.items()}


def is_default_account(grant: Grant) -> bool:
    """Whether the subject is a namespace's ``default`` account."""
    account = account_of(grant)
    return account is not None and account[1] == "default"


def is_full_admin(grant: Grant) -> bool:
    """Whether the grant's role may do everything, whatever it is called."""
    return any(
        "*" in (rule.verbs or ()) and "*" in (rule.api_groups or ()) and "*" in (rule.resources or ()) for rule in grant.rules
    )


def _is_payload(view: View, kind: str, namespace: str, name: str) -> bool:
    return (kind, namespace, name) in view.derive(_payload)


def _payload(view: View) -> frozenset[tuple[str, str, str]]:
    """The bindings that cluster operators answer for."""
    kinds = {"clusterrolebindings": "ClusterRoleBinding", "rolebindings": "RoleBinding"}
    return frozenset(
        (kinds[item.resource], item.namespace, item.name)
        for operator in view.all(ClusterOperator)
        for item in operator.status.related_objects or ()
        if item.resource in kinds
    )

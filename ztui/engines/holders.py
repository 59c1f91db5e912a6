"""Whose grant is this: a person's, a workload's, an add-on's, everybody's, or the platform's own."""

from __future__ import annotations

from typing import Literal

from ztui.engines import units
from ztui.engines.access import Grant, account_of, accounts_namespace, is_broad
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.rbac import Subject
from ztui.view import View

Holder = Literal["human", "automation", "addon", "broad", "platform", "unproven"]

_KUBE_DEFAULTS = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def holder(view: View, grant: Grant) -> Holder:
    """Whose grant it is.

    A binding that a cluster operator answers for is the platform's, and so are the system's own users and accounts. The label
    that marks shipped bindings is not proof: whoever may write a binding may write the label, and all that is shipped under it
    names system subjects. ``unproven``: the account's namespace looks reserved, and its operators could not be read.
    """
    at = grant.binding
    if (at.kind, at.namespace, at.name) in view.derive(_payload):
        return "platform"
    return holder_of(view, grant.subject, grant.namespace)


def holder_of(view: View, subject: Subject, namespace: str = "") -> Holder:
    """Who a subject is; ``namespace`` is that of the RoleBinding, if any."""
    home = accounts_namespace(subject)
    account = account_of(subject, namespace)
    if home and view.derive(units.namespace_class, home) == "platform":
        return "platform"
    if is_broad(subject):
        return "broad"
    if account is None:
        return "platform" if subject.name.startswith("system:") else "human"
    if account[1] == "default" and account[0] in _KUBE_DEFAULTS:
        return "automation"  # nobody ships a grant to these, and every forgotten pod there runs as one
    match view.derive(units.namespace_class, account[0]):
        case "platform":
            return "platform"
        case "addon":
            return "addon"
        case "unproven":
            return "unproven"
    return "automation"


def is_default_account(grant: Grant) -> bool:
    """Whether the subject is a namespace's ``default`` account."""
    account = account_of(grant.subject, grant.namespace)
    return account is not None and account[1] == "default"


def is_full_admin(grant: Grant) -> bool:
    """Whether the grant's role may do everything, whatever it is called."""
    return any(
        "*" in (rule.verbs or ())
        and "*" in (rule.api_groups or ())
        and "*" in (rule.resources or ())
        and not rule.resource_names
        for rule in grant.rules
    )


def _payload(view: View) -> frozenset[tuple[str, str, str]]:
    """The bindings that cluster operators answer for."""
    kinds = {"clusterrolebindings": "ClusterRoleBinding", "rolebindings": "RoleBinding"}
    return frozenset(
        (kinds[item.resource], item.namespace, item.name)
        for operator in view.all(ClusterOperator)
        for item in operator.status.related_objects or ()
        if item.resource in kinds
    )

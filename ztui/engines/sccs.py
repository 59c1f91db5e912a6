"""Which SCCs the accounts of a namespace may use, and by what: the SCC's own lists, or a grant of ``use``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.engines.grants import ACCESS, Grant, Question, allows, cluster_grants, grants_in, groups_of_account
from ztui.kinds.base import Kind
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.workload import ServiceAccount
from ztui.view import View

SCCS: Final[tuple[type[Kind], ...]] = (*ACCESS, ServiceAccount)
SCCS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (SecurityContextConstraints,)

_GROUP: Final = "security.openshift.io"
_RESOURCE: Final = "securitycontextconstraints"


def usable(view: View, namespace: str) -> Iterator[tuple[str, SecurityContextConstraints, str]]:
    """Which account of the namespace may use which SCC, and by what; accounts and SCCs by name."""
    sccs = sorted(view.all(SecurityContextConstraints), key=lambda item: item.name)
    accounts = sorted({"default", *(item.name for item in view.within(ServiceAccount, namespace))})
    groups = frozenset(groups_of_account(namespace))
    grants = (*view.derive(_uses_everywhere), *view.derive(_uses_in, namespace))
    for account in accounts:
        user = f"system:serviceaccount:{namespace}:{account}"
        held = [item for item in grants if _holds(item, user, groups, namespace)]
        for scc in sccs:
            if user in (scc.users or ()) or groups & set(scc.groups or ()):
                yield account, scc, "the SCC's own users and groups"
            question = Question("use", _GROUP, _RESOURCE, namespace, scc.name)
            for grant in held:
                if allows(grant, question):
                    yield account, scc, str(grant.binding)


def usable_names(view: View, namespace: str) -> frozenset[str]:
    """The names of the SCCs that any account of the namespace may use; to be derived by who asks of many."""
    return frozenset(scc.name for _, scc, _ in usable(view, namespace))


def _uses_everywhere(view: View) -> tuple[Grant, ...]:
    """The cluster-wide grants that let anybody use any SCC."""
    return tuple(item for item in view.derive(cluster_grants) if _uses(item))


def _uses_in(view: View, namespace: str) -> tuple[Grant, ...]:
    """The grants of a namespace that let anybody use any SCC there."""
    return tuple(item for item in view.derive(grants_in, namespace) if _uses(item))


def _uses(grant: Grant) -> bool:
    return allows(grant, Question("use", _GROUP, _RESOURCE), any_name=True)


def _holds(grant: Grant, user: str, groups: frozenset[str], namespace: str) -> bool:
    subject = grant.subject
    if subject.kind == "Group":
        return subject.name in groups
    if subject.kind == "User":
        return subject.name == user
    home = subject.namespace or grant.namespace
    return home == namespace and user == f"system:serviceaccount:{home}:{subject.name}"

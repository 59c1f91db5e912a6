"""Which objects a step of an escalation path rests on: the bindings and roles that give it, or who is where it leads to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ztui.engines.escalation import privileged_sccs
from ztui.engines.grants import Grant, Question, allows
from ztui.engines.holders import grants_by_holder
from ztui.engines.paths import Step, group_grants, leads, place_of
from ztui.kinds.base import Ref
from ztui.kinds.identity import Group
from ztui.kinds.rbac import ClusterRole
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.workload import Pod, ServiceAccount
from ztui.view import View


def grant_refs(view: View, grant: Grant) -> tuple[Ref, ...]:
    """The binding, the role, and the roles that an aggregated one takes its rules from while it has none of its own."""
    refs = (grant.binding, grant.role)
    role = view.get(ClusterRole, grant.role.name) if grant.sources else None
    if role is None or role.rules:
        return refs
    return (*refs, *aggregated(grant))


def aggregated(grant: Grant) -> tuple[Ref, ...]:
    """The roles that the role of a grant is made of, by name."""
    return tuple(Ref(ClusterRole.GROUP, ClusterRole.KIND, "", name) for name in grant.sources)


def path_refs(view: View, start: str, path: Iterable[Step]) -> tuple[Ref, ...]:
    """The objects that a path rests on, from its start on, each once."""
    found: dict[Ref, None] = {}
    for step in path:
        found.update(dict.fromkeys(view.derive(step_refs, start, step)))
        start = step.to
    return tuple(found)


def step_refs(view: View, start: str, step: Step) -> tuple[Ref, ...]:
    """The objects that one step rests on. Where several grants give it, as few as are enough, the first by name kept."""
    place = place_of(start)
    if place is not None:
        return _in_place(view, place, step.to)
    if step.how == "is in":
        group = view.get(Group, step.to.partition(":")[2]) if start.startswith("user:") else None
        return (group.ref,) if group is not None else ()
    if step.how == "acts in the cloud":
        return _account(view, start)
    own, others = _enough(view, start, step)
    found = dict.fromkeys(ref for grant in (*own, *others) for ref in grant_refs(view, grant))
    if step.how.startswith("runs privileged pods"):
        found.update(dict.fromkeys(_scc(view, (*own, *others))))
    if step.how.startswith("labels a strong ClusterRole"):
        found.update(dict.fromkeys(ref for grant in (*own, *others) for ref in aggregated(grant)))
    return tuple(found)


def _enough(view: View, subject: str, step: Step) -> tuple[list[Grant], list[Grant]]:
    """As few of the grants as still give the step, those of the groups apart: each stays out if it can, the last first."""
    own, others = list(view.derive(grants_by_holder).get(subject, ())), group_grants(view, subject)
    for held in (others, own):
        for at in reversed(range(len(held))):
            left_out = held.pop(at)
            if not leads(view, subject, own, others, step):
                held.insert(at, left_out)
    return own, others


def _in_place(view: View, place: tuple[str, str], to: str) -> tuple[Ref, ...]:
    """Why a place leads to an account: it is there, or pods of one workload alone run as it; between places nothing has to be."""
    sort, namespace = place
    if not to.startswith("sa:"):
        return ()
    if sort != "enter":
        return _account(view, to)
    name = to.rpartition("/")[2]
    pods = [pod for pod in view.within(Pod, namespace) if pod.is_live and pod.account == name]
    workloads = {pod.owners or pod.name for pod in pods}
    return (min(pods, key=lambda pod: pod.name).ref,) if len(workloads) == 1 else ()


def _account(view: View, who: str) -> tuple[Ref, ...]:
    namespace, _, name = who.removeprefix("sa:").partition("/")
    account = view.get(ServiceAccount, name, namespace)
    return (account.ref,) if account is not None else ()


def _scc(view: View, grants: tuple[Grant, ...]) -> tuple[Ref, ...]:
    """The privileged SCC that one of the grants lets pods use, where it is the only one."""
    asked = Question("use", "security.openshift.io", "securitycontextconstraints")
    usable = []
    for name in view.derive(privileged_sccs):
        questions = [msgspec.structs.replace(asked, namespace=grant.namespace, name=name) for grant in grants]
        if any(allows(grant, question) for grant, question in zip(grants, questions, strict=True)):
            usable.append(view.get(SecurityContextConstraints, name))
    return tuple(scc.ref for scc in usable if scc is not None) if len(usable) == 1 else ()

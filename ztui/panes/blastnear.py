"""What is near a blast radius: what it is, the workloads of an account or a node, neighbours on its nodes, what changed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ztui.engines.blast import CONTROLLERS, Centre, looseness, neighbours
from ztui.engines.people import LOGIN, PEOPLE, PEOPLE_WHERE_SERVED
from ztui.engines.units import WORKLOADS, Workload
from ztui.kinds.base import CLUSTER, Kind, Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.identity import Group, User
from ztui.kinds.workload import Node, Pod, ReplicaSet, ServiceAccount
from ztui.panes.base import Tone
from ztui.panes.blastbase import MANY, Part, Says, counted, hidden_pods, noted, part, shortened, some, why
from ztui.panes.facts import unit_name, unseen
from ztui.panes.people import person_row
from ztui.view import View

Changed = tuple[tuple[Ref, str], ...]
"""What the journal tells: objects that were changed from here, each with its change in raw words."""

_WRITERS: Final = {"gitops": "GitOps", "operator": "an operator", "helm": "Helm", "direct": "hand"}
_HISTORY: Final = 4


def itself(view: View, centre: Centre) -> Part:
    """What it is."""
    unknown = noted(centre.gap)
    if centre.sort == "person":
        row = view.derive(person_row, centre.who)
        unknown += why(unseen(view, (), (*LOGIN, OAuthAccessToken), CLUSTER), "logins")
        facts = [row.fact(name) for name in ("login", "groups", "seen", "state")]
        return part("itself", "What it is", [Says(item.says, item.tone, item.by) for item in facts], unknown)
    says = [Says(_about(view, centre), "plain", (centre.ref,))]
    ended = [pod for pod in centre.pods if not pod.is_live]
    if ended:
        says.append(Says(f"{counted(len(ended), 'pod')} of it ended: {some([pod.name for pod in ended], 3)}", "dim"))
    loose = list(dict.fromkeys(word for pod in centre.pods if pod.is_live for word in looseness(pod)))
    if centre.sort != "node" and loose:
        says.append(Says(f"its own pods are a way to their nodes: {some(loose)}", "fail"))
    return part("itself", "What it is", says, unknown)


def residents(view: View, centre: Centre) -> Part:
    """The workloads that run as an account, or on a node: those that are a way to the node first."""
    title = "What runs on it" if centre.sort == "node" else "What runs as it"
    gap = unseen(view, WORKLOADS, (), CLUSTER if centre.sort == "node" else centre.ref.namespace)
    told = sorted(((_loose(unit, centre), unit) for unit in centre.units), key=lambda item: (not item[0], item[1].root))
    says = [Says(_unit(unit, loose, centre), "fail" if loose else "plain", (unit.root,)) for loose, unit in told]
    if not says and gap is None:
        says = [Says("nothing", "dim")]
    hidden = hidden_pods(view) if centre.sort == "node" else []
    return part("residents", title, shortened(says, "workload", most=3 * MANY), [*why(gap), *hidden])


def nodes(view: View, centre: Centre) -> Part:
    """What else runs on its nodes: whoever takes a node takes these too."""
    title = "Neighbours on its nodes"
    own = [unit.root for unit in centre.units]
    unknown = [*why(unseen(view, WORKLOADS, (), CLUSTER)), *hidden_pods(view)]
    found = neighbours(view, centre.nodes, own)
    loose = [item for item in found if item.loose]
    says = [Says(f"on {some(list(centre.nodes))}" if centre.nodes else "it is on no node yet", "plain")]
    told = [
        Says(
            f"{unit_name(item.unit)} has {some(item.loose, 4)}, on {some(item.nodes, 3)}",
            "warn" if item.platform else "fail",
            (item.unit,),
        )
        for item in loose
    ]
    says += shortened(told, "workload that is a way to its node", "workloads that are ways to their nodes")
    rest = [item for item in found if not item.loose]
    if rest:
        tenants = [unit_name(item.unit) for item in rest if not item.platform]
        names = f": {some(tenants, MANY)}" if tenants else ""
        platform = len(rest) - len(tenants)
        says.append(Says(f"{counted(len(tenants), 'confined workload')}{names}; {platform} of the platform", "plain"))
    return part("nodes", title, says, unknown)


def changes(view: View, centre: Centre, journal: Changed | None) -> Part:
    """How old its pods and its controller are, the controller's history, and what was changed from here."""
    says: list[Says] = []
    born = sorted(at for pod in centre.pods if (at := pod.created) is not None)
    if born:
        ages = _age(view.now, born[-1]) if len(born) == 1 else f"{_age(view.now, born[-1])} (newest) to {_age(view.now, born[0])}"
        says.append(Says(f"its {counted(len(born), 'pod')} began {ages}", _fresh(view.now, born[-1])))
    restarts = sum(item.restart_count for pod in centre.pods for item in pod.status.container_statuses or ())
    says += [Says(f"its containers were restarted {counted(restarts, 'time')}", "warn")] if restarts else []
    held = _held(view, centre)
    if held is not None and held.created is not None:
        generation = f", generation {held.metadata.generation}" if held.metadata.generation else ""
        says.append(Says(f"{held.ref} was made {_age(view.now, held.created)}{generation}", "plain", (held.ref,)))
    sets = (
        [item for item in view.within(ReplicaSet, centre.ref.namespace) if _is_of(item, centre)] if centre.ref.namespace else []
    )
    sets.sort(key=lambda item: (item.created is None, item.metadata.creation_timestamp or "", item.name), reverse=True)
    for item in sets[:_HISTORY]:
        if item.created is not None:
            says.append(
                Says(f"  {item.ref} was made {_age(view.now, item.created)}", _fresh(view.now, item.created), (item.ref,))
            )
    says += [Says(f"  and {counted(len(sets) - _HISTORY, 'older ReplicaSet')}", "dim")] if len(sets) > _HISTORY else []
    own = {_at(ref) for ref in _own(centre)}
    told = [Says(f"changed from here: {text}", "warn", (ref,)) for ref, text in journal or () if _at(ref) in own]
    says += shortened(told, "change from here", "changes from here")
    if journal is not None and not told:
        says.append(Says("nothing of it was changed from here", "dim"))
    person = unseen(view, PEOPLE, PEOPLE_WHERE_SERVED, CLUSTER) if centre.sort == "person" else None
    return part("changes", "Recent changes", says, [*why(person), *noted(centre.gap)])


def _about(view: View, centre: Centre) -> str:
    ref = centre.ref
    live = [pod for pod in centre.pods if pod.is_live]
    if centre.sort == "node":
        node = view.get(Node, ref.name)
        if node is None:
            return "a node of which only the name is known"
        state = "ready" if node.is_ready else "not ready"
        pods = counted(len(live), "pod")
        system = node.status.node_info.os_image or "of an unknown system"
        return f"a node, {state}, {system}; {pods} of {counted(len(centre.units), 'workload')}"
    units = centre.units
    runs = f"{counted(len(live), 'live pod')} on {counted(len({pod.spec.node_name for pod in live} - {''}), 'node')}"
    if centre.sort == "account":
        there = view.get(ServiceAccount, ref.name, ref.namespace) is not None
        return (
            f"a ServiceAccount{'' if there else ' that is not seen as an object'}; {runs}, of {counted(len(units), 'workload')}"
        )
    accounts = ", ".join(f"serviceaccount/{place}/{name}" for place, name in centre.accounts) or "an account that is not known"
    writer = f", written by {_WRITERS[units[0].manager]}" if units else ""
    return f"{ref.kind} in {ref.namespace}: {runs}, running as {accounts}{writer}"


def _loose(unit: Workload, centre: Centre) -> tuple[str, ...]:
    pods = [pod for pod in unit.pods if _counts(pod, centre)]
    return tuple(dict.fromkeys(word for pod in pods for word in looseness(pod)))


def _counts(pod: Pod, centre: Centre) -> bool:
    return pod.spec.node_name == centre.ref.name if centre.sort == "node" else pod.account == centre.ref.name


def _unit(unit: Workload, loose: tuple[str, ...], centre: Centre) -> str:
    pods = sum(_counts(pod, centre) for pod in unit.pods)
    account = f" as {unit.account}" if centre.sort == "node" else ""
    return f"{unit_name(unit.root)}, {counted(pods, 'pod')}{account}{f' with {some(loose, 4)}' if loose else ''}"


def _held(view: View, centre: Centre) -> Kind | None:
    """The object itself, where it is held."""
    kinds: dict[str, type[Kind]] = {
        **CONTROLLERS,
        "pod": Pod,
        "serviceaccount": ServiceAccount,
        "node": Node,
        "user": User,
        "group": Group,
    }
    kind = kinds.get(centre.ref.kind.lower())
    if kind is None or centre.ref.group != kind.GROUP:
        return None
    return view.get(kind, centre.ref.name, centre.ref.namespace)


def _own(centre: Centre) -> tuple[Ref, ...]:
    """The objects whose changes are its own: itself, its workloads and pods, its accounts and namespaces."""
    accounts = (Ref("", "ServiceAccount", place, name) for place, name in centre.accounts if centre.sort != "node")
    spaces = (Ref("", "Namespace", "", name) for name in {pod.namespace for pod in centre.pods} if centre.sort != "node")
    return (centre.ref, *(unit.root for unit in centre.units), *(pod.ref for pod in centre.pods), *accounts, *spaces)


def _at(ref: Ref) -> tuple[str, ...]:
    return ref.group, ref.kind, ref.namespace, ref.name


def _is_of(of: Kind, centre: Centre) -> bool:
    return any(item.controller and (item.kind, item.name) == (centre.ref.kind, centre.ref.name) for item in of.owners)


def _fresh(now: datetime, then: datetime) -> Tone:
    return "warn" if (now - then).total_seconds() < 86_400 else "plain"


def _age(now: datetime, then: datetime) -> str:
    minutes = max(0, int((now - then).total_seconds()) // 60)
    return f"{minutes} min ago" if minutes < 90 else f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} d ago"

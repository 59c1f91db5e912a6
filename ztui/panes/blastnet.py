"""The network of a blast radius: who may reach it, whom it may reach, the ways in from outside, and what the mesh asks.

By the map of reach: one bit for each group of pods that no rule tells apart, so that it costs the same for one pod and for a
thousand. The internet and a cloud's metadata service are asked about by an address each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from ztui.board import CellOf
from ztui.engines.blast import Centre
from ztui.engines.clouds import METADATA_ADDRESS, cloud, may_serve
from ztui.engines.entry import EntryPoint, entry_points
from ztui.engines.isolation import closed_by
from ztui.engines.marks import ANY_PORT, Door, rules_gap
from ztui.engines.netrules import FIREWALLS, RULES, RULES_WHERE_SERVED, Direction
from ztui.engines.reach import ANYWHERE, Spot, outside, reach, rulebook, spot_of
from ztui.engines.reachmap import ReachMap, bits, reach_map
from ztui.engines.scans import EXPOSURE, EXPOSURE_WHERE_SERVED
from ztui.engines.spiffe import identity_of
from ztui.kinds.base import CLUSTER, Ref
from ztui.kinds.credential import ClusterSPIFFEID, IdentityManager
from ztui.kinds.network import GRPCRoute, HTTPRoute, Service, TCPRoute, TLSRoute
from ztui.kinds.openshift import Infrastructure
from ztui.kinds.workload import Node
from ztui.panes.base import Tone
from ztui.panes.blastbase import MANY, Part, Says, counted, hidden_pods, noted, part, shortened, some, why
from ztui.panes.facts import calls_unseen, mesh_unseen, unit_name, unseen
from ztui.panes.mtls import facts, ports_in
from ztui.panes.reach import Group, groups, short
from ztui.view import View

_DOORS: Final = 6
Found = dict[str, dict[Ref, set[Door]]]
"""By namespace: workloads, and the ports on which they may be spoken to."""


def reached(view: View, centre: Centre) -> Part:
    """Who may reach it."""
    title = "May reach it"
    mine, unknown = _mine(view, centre), _rules_unknown(view, centre)
    if unknown or not mine:
        return part("reached", title, _none(centre), unknown)
    says = [Says("runs on the host network, where no NetworkPolicy guards it", "fail") for group in mine if group.mark.host]
    says += _closing(view, centre, "ingress")
    says += _places(callers_of(view, centre), "workload may open a connection to it", "workloads may open a connection to it")
    return part("reached", title, says, _others_unknown(view, centre))


def reaches(view: View, centre: Centre) -> Part:
    """Whom it may reach: workloads, the internet, the credentials that a cloud serves to its nodes."""
    title = "It may reach"
    mine, unknown = _mine(view, centre), _rules_unknown(view, centre)
    if unknown or not mine:
        return part("reaches", title, _none(centre), unknown)
    found = called_by(view, centre)
    says = [*_closing(view, centre, "egress"), *_places(found, "workload that it may call", "workloads that it may call")]
    outward, gaps = _outward(view, centre)
    return part("reaches", title, [*outward, *says], [*gaps, *_others_unknown(view, centre)])


def callers_of(view: View, centre: Centre) -> Found:
    """Who may open a connection to it, with its own ports; what nobody can judge is left out."""
    whole = view.derive(reach_map)
    by_place = _by_place(view)
    found: Found = {}
    for group in _mine(view, centre):
        for door, mask in zip(whole.doors[group.at], whole.callers[group.at], strict=True):
            told = _own_door(group, centre, door)
            if told is not None:
                for caller in bits(mask):
                    _note(found, by_place[caller], centre, {told})
    return found


def called_by(view: View, centre: Centre) -> Found:
    """To whom it may open a connection, with their ports; nodes and pods on their network are not among them."""
    whole = view.derive(reach_map)
    me = sum(1 << group.at for group in _mine(view, centre))
    found: Found = {}
    for at, called in _by_place(view).items():
        _note(found, called, centre, _open_doors(whole, at, me), called=True)
    return found


def ways_in(view: View, centre: Centre) -> Part:
    """Routes, Ingresses and Gateways that lead to it, and Services with a door of their own."""
    says: list[Says] = []
    unknown: list[str] = []
    for place in _homes(centre):
        unknown += why(unseen(view, EXPOSURE, EXPOSURE_WHERE_SERVED, place))
        pods = [pod for pod in centre.pods if pod.namespace == place]
        services = {
            item.name: item
            for item in view.within(Service, place)
            if item.spec.selector and any(item.spec.selector.items() <= pod.labels.items() for pod in pods)
        }
        for entry in _entries(view, place):
            led = sorted(name for at, name in entry.backends if at == place and name in services)
            says += [_entry(entry, led, services)] if led else []
        for item in sorted(services.values(), key=lambda one: one.name):
            if item.spec.type in {"NodePort", "LoadBalancer"}:
                doors = some([f"{port.port}/{port.protocol or 'TCP'}" for port in item.spec.ports or ()], _DOORS)
                says.append(Says(f"{item.ref} is a {item.spec.type}: {doors} from outside of the cluster", "warn", (item.ref,)))
    if not says and not unknown:
        says.append(Says("no Route, Ingress, Gateway or Service of its own leads to it from outside", "pass"))
    return part("ways", "Ways in from outside", shortened(says, "way"), unknown)


def mesh(view: View, cell_of: CellOf, centre: Centre) -> Part:
    """What its ports accept, whom the mesh lets call, and who it can prove to be."""
    says: list[Says] = _none(centre)
    unknown: list[str] = []
    for unit in centre.units[:MANY]:
        place = unit.root.namespace
        unknown += [*why(mesh_unseen(view, place)), *why(calls_unseen(view, place))]
        lead = f"{unit_name(unit.root)} " if len(centre.units) > 1 else ""
        who = identity_of(view, unit.pods[0])
        if who.issuer in {"none", "spire"}:
            unknown += why(unseen(view, (), (ClusterSPIFFEID, IdentityManager), CLUSTER), "identities")
        told = (
            f"can prove to be {who.id}"
            if who.id
            else "has no identity that it could prove"
            if who.issuer == "none"
            else who.issuer
        )
        says.append(Says(f"{lead}{told}", "plain" if who.id else "warn", (who.by,) if who.by is not None else ()))
        rows = [row for row in view.derive(ports_in, cell_of, place) if row.unit == unit.root]
        for row in rows:
            _, accepts, _, _, may, *_ = facts(row)
            tone: Tone = next((item for item in ("fail", "warn", "unknown") if item in {accepts.tone, may.tone}), "pass")
            calls = f"who may call: {may.says}" if may.tone != "dim" else may.says
            says.append(Says(f"{lead}port {row.port} {accepts.says}; {calls}", tone, (*accepts.by, *may.by)))
        # Of the workload, whatever the port.
        seen = [fact for row in rows[:1] for fact in facts(row) if fact.column in {"seen", "plaintext", "waypoint"}]
        says += [Says(f"{lead}{item.says}", item.tone, item.by) for item in seen]
    return part("mesh", "Mesh: modes and peers", shortened(says, "port", most=3 * MANY), unknown)


def _none(centre: Centre) -> list[Says]:
    if not centre.units and any(pod.is_mirror for pod in centre.pods):
        return [Says("a static pod of its node, which no controller and no label of a tenant stands for", "dim")]
    return [Says("no live pod of it is known", "dim")] if not centre.units else []


def _homes(centre: Centre) -> tuple[str, ...]:
    """The namespaces that it is in."""
    own = {unit.root.namespace for unit in centre.units} | {pod.namespace for pod in centre.pods}
    return tuple(sorted(own or {centre.ref.namespace} - {""}))


def _mine(view: View, centre: Centre) -> list[Group]:
    roots = {unit.root for unit in centre.units}
    return [group for group in view.derive(groups) if any(item.workload in roots for item in group.members)]


def _by_place(view: View) -> dict[int, Group]:
    """The groups by their place in the map, those of tenants first."""
    return {group.at: group for group in view.derive(groups)}


def _rules_unknown(view: View, centre: Centre) -> list[str]:
    """Why the policies about it, or its pods, are not known."""
    found = noted(centre.gap) if centre.gap is not None and not centre.units else []
    for place in _homes(centre):
        found += noted(rules_gap(view, place))
    return found


def _others_unknown(view: View, centre: Centre) -> list[str]:
    """What hides others: pods and rules of other namespaces that could not be read."""
    homes = set(_homes(centre))
    found = hidden_pods(view)
    blind = sorted({group.mark.blind for group in view.derive(groups)} - {"", *homes})
    if blind:
        note = rules_gap(view, blind[0])
        found += why(note[1] if note else None, f"rules of {some(blind, 3)}")
    return found


def _note(found: Found, group: Group, centre: Centre, doors: set[Door], *, called: bool = False) -> None:
    """Remember the workloads of a group, itself left out, and the ports. Of a group that nobody can judge nothing is said.

    The ports of one that is ``called`` are its own: those that only others of its group declare are left out.
    """
    if group.mark.blind or not doors:
        return
    roots = {unit.root for unit in centre.units}
    for item in group.members:
        if item.workload not in roots:
            own = {door for door in doors if door in item.doors or not _is_declared(group, door)} if called else doors
            if own or not item.doors:
                known = found.setdefault(item.workload.namespace, {}).setdefault(item.workload, set())
                known.update(own or {Door("TCP", ANY_PORT)})


def _own_door(group: Group, centre: Centre, door: Door) -> Door | None:
    """A port of a group as its own pods have it: any port where they declare none, ``None`` where it is only that of others."""
    roots = {unit.root for unit in centre.units}
    own = {mine for item in group.members if item.workload in roots for mine in item.doors}
    if door in own or not _is_declared(group, door):
        return door
    return None if own else Door("TCP", ANY_PORT)


def _is_declared(group: Group, door: Door) -> bool:
    """Whether a port is that of some workload of a group, and not one that a rule names."""
    return any(door in item.doors for item in group.members)


def _open_doors(whole: ReachMap, at: int, me: int) -> set[Door]:
    return {door for door, mask in zip(whole.doors[at], whole.callers[at], strict=True) if mask & me}


def _places(found: Found, one: str, many: str) -> Iterator[Says]:
    """How many, then a line for each of the first namespaces."""
    total = sum(map(len, found.values()))
    tone: Tone = "pass" if not total else "plain"
    yield Says(f"{counted(total, one, many)}, in {counted(len(found), 'namespace')}" if total else f"no {one}", tone)
    lines = [Says(f"  {place}: {_listed(units)}", "plain", tuple(list(units)[:1])) for place, units in found.items()]
    yield from shortened(lines, "namespace")


def _listed(units: dict[Ref, set[Door]]) -> str:
    """Workloads of one namespace by their ports: ``web, cart on 8080/TCP; redis on any port``."""
    by_doors: defaultdict[tuple[Door, ...], list[str]] = defaultdict(list)
    for ref, doors in units.items():
        by_doors[tuple(sorted(doors))].append(short(ref).partition("/")[2])
    told = [f"{some(sorted(names))} on {some([str(door) for door in doors], _DOORS)}" for doors, names in by_doors.items()]
    return "; ".join(told[:MANY]) + (f"; and {counted(len(told) - MANY, 'set')} of ports more" if len(told) > MANY else "")


def _closing(view: View, centre: Centre, direction: Direction) -> Iterator[Says]:
    """What closes its pods in a direction, or that nothing does."""
    way = "ways in" if direction == "ingress" else "ways out"
    spots = [spot for spot in _spots(view, centre) if not spot.host]
    closing = [closed_by(view, spot, direction) for spot in spots]
    loose = sum(item is None for item in closing)
    by = tuple(dict.fromkeys(item for item in closing if item is not None))
    if loose and spots:
        some_of = "" if loose == len(spots) else " of some of its pods"
        yield Says(f"no policy closes the {way}{some_of}", "fail" if direction == "ingress" else "warn", by)
    elif by:
        yield Says(f"the {way} are closed by {some(list(map(str, by)), 3)}, but for what is listed here", "pass", by)


def _spots(view: View, centre: Centre) -> list[Spot]:
    """Its live pods as rules see them, those that are alike once."""
    alike = {
        (pod.namespace, id(pod.metadata.labels), pod.spec.host_network): pod
        for unit in centre.units
        for pod in reversed(unit.pods)
    }
    return [spot_of(view, pod) for pod in alike.values()]


def _outward(view: View, centre: Centre) -> tuple[list[Says], list[str]]:
    """The internet, and the metadata service where there may be one."""
    gaps: list[str] = []
    for place in _homes(centre):
        gaps += why(
            unseen(view, (*RULES, Node), (*RULES_WHERE_SERVED, *FIREWALLS, Infrastructure), place), "ways out of the cluster"
        )
    if gaps:
        return [], gaps
    says = []
    platform = view.derive(cloud)
    asked = [("the internet", ANYWHERE, 443, "warn")]
    if may_serve(platform):
        asked.append(
            (f"the metadata service {METADATA_ADDRESS} ({platform or 'if this is a cloud'})", METADATA_ADDRESS, 80, "fail")
        )
    for name, address, port, tone in asked:
        ways = [_way(view, spot, address, port) for spot in _spots(view, centre)]
        by = tuple(dict.fromkeys(ref for _, ref in ways if ref is not None))
        named = f", by {some(list(map(str, by)), 3)}" if by else ""
        if any(allowed for allowed, _ in ways):
            says.append(Says(f"{name}: yes{named or ', nothing closes it'}", "fail" if tone == "fail" else "warn", by))
        elif ways:
            says.append(Says(f"{name}: no{named}", "pass", by))
    return says, gaps


def _way(view: View, spot: Spot, address: str, port: int) -> tuple[bool, Ref | None]:
    found = reach(rulebook(view, spot.namespace, outside=True), spot, outside(address), "TCP", port).egress
    return found.allowed, found.by


def _entries(view: View, place: str) -> Iterator[EntryPoint]:
    """The entries of a namespace, and routes of others that may name a Service there."""
    afar = {item.namespace for kind in (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute) for item in view.all(kind)}
    for name in (place, *sorted(afar - {place})):
        yield from view.derive(entry_points, name)


def _entry(entry: EntryPoint, led: Iterable[str], services: dict[str, Service]) -> Says:
    host = entry.host or "any host"
    tls = entry.termination or ("TLS of a Gateway that cannot be seen" if entry.gap is not None else "no TLS")
    plain = "" if entry.termination and entry.insecure in {"", "None", "Redirect"} else ", plain http too"
    by = (entry.ref, *entry.parents, *(services[name].ref for name in led))
    if not entry.admitted:
        return Says(f"{entry.ref} asks for {host}, and nobody serves it", "dim", by)
    tone: Tone = "warn" if plain else "plain"
    return Says(f"{entry.ref}: {host} ({tls}{plain}) to service {some(list(led), 3)}", tone, by)

"""How far each namespace has come with what refuses: nothing, learnt, warned, enforced; what proves it, and which step is next.

Five controls stand on the ladder: the network, calls by identity, Pod Security, admission policies and mutual TLS. The weakest
part of a namespace decides: one open pod, one workload outside of the mesh. What could not be read stands nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

from ztui.engines import tenancy
from ztui.engines.controls import CONTROLS, COVERAGE, COVERAGE_WHERE_SERVED, coverage, parts_of
from ztui.engines.isolation import ISOLATION, ISOLATION_WHERE_SERVED, isolation
from ztui.engines.marks import GapNote, gap_in
from ztui.engines.meshcalls import CALLS, CALLS_WHERE_SERVED, Calls, calls_gap, calls_in
from ztui.engines.meshunits import callable_units
from ztui.engines.mtls import MESH_WHERE_SERVED, Inbound, container_ports, expected, inbound, is_enrolled, mesh, root_gap
from ztui.engines.policies import Rule, rules, soft_rules
from ztui.engines.units import Workload
from ztui.kinds.base import Kind, Ref
from ztui.kinds.measured import ObservedCall, TrafficSecurity
from ztui.kinds.mesh import AuthorizationPolicy, PeerAuthentication
from ztui.kinds.workload import Namespace, Pod
from ztui.view import Gap, View

LADDER: Final[tuple[type[Kind], ...]] = (*ISOLATION, *CALLS, *COVERAGE)
LADDER_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    *ISOLATION_WHERE_SERVED,
    *CALLS_WHERE_SERVED,
    *COVERAGE_WHERE_SERVED,
    ObservedCall,
    TrafficSecurity,
)

Stage = Literal["nothing", "learnt", "warned", "enforced", "none", "unknown"]
"""``learnt``: what goes on is counted, or written down; ``warned``: who breaks it is told; ``none``: it is no matter here."""

LEVELS: Final = ("baseline", "restricted")
_PSA: Final = "pod-security.kubernetes.io/"


class Step(msgspec.Struct, frozen=True):
    """The next step: which recipe takes it, at which object, where it leads, and what is proposed to its questions."""

    recipe: str
    on: Ref
    to: Stage
    known: tuple[tuple[str, str], ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """Where one namespace stands with one control. ``says`` is a raw sentence, ``by`` the objects that it rests on.

    Where the stage is unknown, ``gap`` says why.
    """

    namespace: str
    control: str
    stage: Stage
    says: str
    by: tuple[Ref, ...] = ()
    step: Step | None = None
    gap: Gap | None = None


def ladder(view: View, only: str = "") -> tuple[Standing, ...]:
    """Every control of every namespace of a tenant, or of one namespace."""
    names = (only,) if only else view.derive(tenancy.user_namespaces)
    return tuple(item for name in names for item in view.derive(ladder_of, name))


def ladder_of(view: View, namespace: str) -> tuple[Standing, ...]:
    """The controls of one namespace, each once; nothing where it is not there."""
    space = view.get(Namespace, namespace)
    if space is None:
        return ()
    return tuple(_standing(view, space, control, look) for control, look in _LOOKS.items())


Found = tuple[Stage, str, tuple[Ref, ...], Step | None]
Look = Callable[[View, Namespace], Found | GapNote]


def _standing(view: View, space: Namespace, control: str, look: Look) -> Standing:
    found = look(view, space)
    if len(found) == 2:
        plural, gap = found
        return Standing(space.name, control, "unknown", f"{plural} could not all be read", gap=gap)
    stage, says, by, step = found
    return Standing(space.name, control, stage, says, by, step)


def _network(view: View, space: Namespace) -> Found | GapNote:
    gap = gap_in(view, (*ISOLATION, *ISOLATION_WHERE_SERVED), space.name)
    if gap is not None:
        return gap
    found = view.derive(isolation, space.name, "ingress")
    if found.by is not None and not found.open_pods:
        return "enforced", f"{found.by} closes every pod, today's and tomorrow's", (found.by,), None
    step = Step("R-NP-DENY", space.ref, "enforced", (("what", "ingress"),))
    count = len(found.open_pods)
    loose = f"{count} of {found.total} pods take connections from anybody" if count else "nothing closes the pods to come"
    calls = view.within(ObservedCall, space.name)
    if calls:
        return "learnt", f"{loose}; {len(calls)} pairs of caller and called were seen in the last day", (), step
    blind = view.gap(ObservedCall, space.name)
    why = "nobody counts the connections in use" if blind is not None else "no call to it was seen in the last day"
    return "nothing", f"{loose}; {why}", (), step


def _identity(view: View, space: Namespace) -> Found | GapNote:
    gap = _mesh_gap(view, AuthorizationPolicy, space.name) or calls_gap(view, space.name)
    if gap is not None:
        return gap
    members = [item for item in view.derive(calls_in, space.name) if item.is_enrolled]
    if not members:
        return "none", "no workload of it is in a mesh: there is no identity to ask for", (), None
    loose = [item for item in members if item.closed_by is None]
    if not loose:
        by = _distinct(members, lambda item: item.closing)
        return "enforced", f"each of its {len(members)} workloads in the mesh is called by whom a policy names", by, None
    told = f"{len(loose)} of {len(members)} workloads in the mesh may be called by every identity"
    by = _distinct(loose, lambda item: item.dry)
    if all(item.dry for item in loose):
        return "warned", f"{told}; {by[0]} only reports", by, Step("R-AP-DENY", space.ref, "enforced", (("step", "enforce"),))
    step = Step("R-AP-DENY", space.ref, "warned", (("step", "warn"),))
    calls = [item for item in view.within(ObservedCall, space.name) if item.measured_tls and item.mutual > 0]
    if calls:
        return "learnt", f"{told}; {len(calls)} pairs of caller and called were seen by identity in the last day", (), step
    return "nothing", f"{told}; no identity was seen calling", (), step


def _distinct(found: list[Calls], part: Callable[[Calls], tuple[Ref, ...]]) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(ref for item in found for ref in part(item)))


def _pod_security(view: View, space: Namespace) -> Found | GapNote:
    del view
    labels = {mode: space.labels.get(f"{_PSA}{mode}", "") for mode in ("enforce", "warn", "audit")}
    if labels["enforce"] in LEVELS:
        return "enforced", f"pods that break the level {labels['enforce']} are refused", (space.ref,), None
    told = "its level is privileged, which refuses nothing" if labels["enforce"] == "privileged" else "no level is enforced"
    stages: tuple[tuple[str, Stage, str], ...] = (
        ("warn", "warned", "who makes a pod that breaks the level {level} is told"),
        ("audit", "learnt", "pods that break the level {level} are written down"),
    )
    for mode, stage, says in stages:
        if labels[mode] in LEVELS:
            level = labels[mode]
            words = level if stage == "warned" else f"warn {level}"
            step = Step("R-PSA", space.ref, "enforced" if stage == "warned" else "warned", (("step", words),))
            return stage, f"{told}; {says.format(level=level)}", (space.ref,), step
    return "nothing", told, (space.ref,), Step("R-PSA", space.ref, "warned", (("step", "warn baseline"),))


def _admission(view: View, space: Namespace) -> Found | GapNote:
    gap = gap_in(view, (*COVERAGE, *COVERAGE_WHERE_SERVED), space.name)
    if gap is not None:
        return gap
    found = view.derive(coverage, space.name)
    missing = [control for control in CONTROLS if found[control].missing]
    if not missing:
        means = tuple(dict.fromkeys(by for cover in found.values() for by in cover.by))
        return "enforced", f"all {len(CONTROLS)} baseline controls are enforced, by {_some(means)}", _firm(view, space.name), None
    held, names = len(CONTROLS) - len(missing), ", ".join(missing)
    told = f"{held} of {len(CONTROLS)} baseline controls are enforced; nothing enforces {names}"
    soft = [rule for rule in view.derive(soft_rules) if space.name in rule.namespaces and _about(rule) & set(missing)]
    if not soft:
        return "nothing", told, _firm(view, space.name), Step("R-VAP-PACK", space.ref, "warned")
    about = sorted({control for rule in soft for control in _about(rule)} & set(missing))
    by = tuple(dict.fromkeys(rule.on for rule in soft))
    step = Step("R-VAP-ENFORCE", space.ref, "enforced") if any(ref.name.startswith("ztui-b") for ref in by) else None
    if any(rule.firmness == "warn" for rule in soft):
        return "warned", f"{told}; {by[0]} and others warn of {', '.join(about)}", by, step
    return "learnt", f"{told}; what breaks {', '.join(about)} is written down by {by[0]}", by, step


def _firm(view: View, namespace: str) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(rule.on for rule in view.derive(rules) if namespace in rule.namespaces and _about(rule)))


def _about(rule: Rule) -> set[str]:
    parts = parts_of(rule)
    return {control for control, wanted in CONTROLS.items() if wanted & parts}


def _mutual(view: View, space: Namespace) -> Found | GapNote:
    gap = gap_in(view, (Pod,), space.name) or _mesh_gap(view, PeerAuthentication, space.name)
    if gap is not None:
        return gap
    if view.derive(mesh) is None:
        return "none", "there is no mesh", (), None
    units = [unit for unit in view.derive(callable_units, space.name) if not all(pod.spec.host_network for pod in unit.pods)]
    if not units:
        return "none", "nothing in it can be called", (), None
    outside = [unit for unit in units if not all(map(is_enrolled, unit.pods))]
    if outside:
        first = outside[0]
        told = f"{len(outside)} of {len(units)} workloads that can be called are in no mesh, {first.root} first"
        asked = all(expected(view, pod) != "none" for pod in first.pods)
        told += ", which asks for it: it comes in when its pods start again" if asked else ""
        return "nothing", told, (first.root,), Step("R-ROLLOUT" if asked else "R-ENROLL", first.root, "learnt")
    modes = [(unit, found) for unit in units for found in _modes(view, unit)]
    loose = [(unit, found) for unit, found in modes if found.mode != "STRICT"]
    if not loose:
        by = tuple(dict.fromkeys(found.by for _, found in modes if found.by is not None))
        return "enforced", f"every port of its {len(units)} workloads takes mutual TLS alone", by, None
    unit, worst = next((item for item in loose if item[1].mode != "PERMISSIVE"), loose[0])
    told = f"{len({unit.root for unit, _ in loose})} of {len(units)} workloads take plaintext too, {unit.root} first"
    by = tuple(ref for ref in (unit.root, worst.by) if ref is not None)
    counted = [item for item in view.within(TrafficSecurity, space.name) if item.http + item.tcp > 0]
    total = sum(item.http + item.tcp for item in counted)
    share = sum(item.http_mutual + item.tcp_mutual for item in counted) / total if total else 0.0
    step = Step("R-PA-NS", unit.root, "enforced")
    if not counted:
        return "nothing", f"{told}; nobody counts what comes in", by, step
    return "learnt", f"{told}; {share:.1%} of what came in the last hour was mutual", by, step


def _modes(view: View, unit: Workload) -> Iterator[Inbound]:
    for port in container_ports(unit.pods):
        yield from (inbound(view, pod, port) for pod in unit.pods)


def _mesh_gap(view: View, kind: type[Kind], namespace: str) -> GapNote | None:
    control = tuple(item for item in MESH_WHERE_SERVED if item is not PeerAuthentication)
    found = gap_in(view, control, "") or gap_in(view, (kind,), namespace)
    if found is not None:
        return found
    root = root_gap(view, kind, namespace)
    return (kind.PLURAL, root) if root is not None else None


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


_LOOKS: Final[dict[str, Look]] = {
    "network": _network,
    "calls by identity": _identity,
    "pod security": _pod_security,
    "admission policies": _admission,
    "mutual TLS": _mutual,
}
CONTROL_NAMES: Final = tuple(_LOOKS)

"""Whom the mesh lets call a workload: which AuthorizationPolicies are about it, what they allow and deny, and what holds else.

Source: security.istio.io/v1 AuthorizationPolicy: CUSTOM before DENY before ALLOW; without an ALLOW for a workload everybody may
call, with one only who it names; one without rules names nobody. Policies of the root namespace hold everywhere. One that is
attached to a waypoint (a Gateway of its own namespace, or from the root namespace the class ``istio-waypoint``) is asked for all
whose callers pass that, in whichever namespace they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ztui.engines.marks import GapNote, gap_in
from ztui.engines.mtls import MESH, MESH_WHERE_SERVED, Enrolment, is_enrolled, mesh, observed
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.engines.waypoints import Waypoint, waypoints
from ztui.kinds.base import Kind, Ref
from ztui.kinds.mesh import AuthorizationPolicy, AuthorizationRule, Operation, PolicyTarget, Source
from ztui.kinds.meshcontrol import Istio, ServiceMeshControlPlane
from ztui.kinds.network import Gateway, Service
from ztui.kinds.workload import Namespace
from ztui.view import View

CALLS: Final[tuple[type[Kind], ...]] = (*MESH, *WORKLOADS, Namespace, Service)
CALLS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*MESH_WHERE_SERVED, *WORKLOADS_WHERE_SERVED, AuthorizationPolicy, Gateway)

_SOURCES: Final = (
    ("principals", ""),
    ("service_accounts", "account "),
    ("namespaces", "namespace "),
    ("trust_domains", "trust domain "),
    ("ip_blocks", "address "),
    ("remote_ip_blocks", "client address "),
    ("request_principals", "a token of "),
)
_WAYPOINTS: Final = "istio-waypoint"
_AT_WAYPOINTS: Final[tuple[type[Kind], ...]] = (Gateway, AuthorizationPolicy)
_GATEWAY: Final = "gateway.networking.k8s.io/gateway-name"


class Caller(msgspec.Struct, frozen=True):
    """Who is allowed or denied, to do what, by which policy. Both are raw words."""

    who: str
    what: str
    by: Ref


class Calls(msgspec.Struct, frozen=True):
    """Who may call one workload. ``closing`` are the policies that make everybody else stay out; without any nothing does.

    ``state`` is that of a pod outside of the mesh, while there is one: it can be called past every policy.
    ``asks`` are external authorisers that are asked first, ``dry`` policies that only report, ``odd`` those that ask for what
    nobody sees there. ``through`` are the Services and waypoints that attached policies are about; ``past`` says that what
    closes is asked there alone: who does not go through it is not.
    """

    unit: Ref
    state: Enrolment
    allows: tuple[Caller, ...] = ()
    denies: tuple[Caller, ...] = ()
    closing: tuple[Ref, ...] = ()
    asks: tuple[Ref, ...] = ()
    dry: tuple[Ref, ...] = ()
    odd: tuple[Ref, ...] = ()
    through: tuple[Ref, ...] = ()
    past: bool = False

    @property
    def by(self) -> tuple[Ref, ...]:
        """The objects that decide who may call, besides the workload's own pods."""
        named = (*self.closing, *(item.by for item in self.denies), *self.asks, *self.dry, *self.odd, *self.through)
        return tuple(dict.fromkeys(named))

    @property
    def closed_by(self) -> Ref | None:
        """The first policy that makes everybody else stay out."""
        return self.closing[0] if self.closing else None

    @property
    def is_enrolled(self) -> bool:
        """Whether the mesh stands before it at all."""
        return self.state in {"sidecar", "gateway", "ambient"}


def calls_in(view: View, namespace: str) -> tuple[Calls, ...]:
    """Who may call each workload of a namespace, as the mesh says; nothing without a mesh."""
    found = view.derive(mesh)
    if found is None:
        return ()
    here = {found.root, namespace}
    places = dict.fromkeys((found.root, namespace, *view.derive(_elsewhere, namespace)))
    held = (item for place in places for item in sorted(view.within(AuthorizationPolicy, place), key=_name))
    policies = [item for item in held if item.namespace in here or targets_of(item)]
    return tuple(_calls(view, unit, policies) for unit in view.derive(workloads, namespace))


def calls_gap(view: View, namespace: str) -> GapNote | None:
    """Why it is not known whom the mesh lets call workloads of a namespace; ``None`` where it is.

    Policies of the root namespace hold there too, and control planes say which one that is. Services matter where a policy is
    attached to one, and Gateways in the same way.
    """
    found = view.derive(mesh)
    if found is None:
        return None
    targets = {item.kind for policy in view.within(AuthorizationPolicy, namespace) for item in targets_of(policy)}
    return (
        gap_in(view, (Istio, ServiceMeshControlPlane), "")
        or gap_in(view, (AuthorizationPolicy,), namespace)
        or gap_in(view, (AuthorizationPolicy,), found.root)
        or (gap_in(view, (Service,), namespace) if targets & {"Service", "Gateway"} else None)
        or (gap_in(view, (Gateway,), namespace) if "Gateway" in targets else None)
        or next((gap for place in view.derive(_elsewhere, namespace) if (gap := gap_in(view, _AT_WAYPOINTS, place))), None)
    )


def _elsewhere(view: View, namespace: str) -> tuple[str, ...]:
    """The other namespaces in which waypoints before workloads of this one stand."""
    passed = {item.namespace for unit in view.derive(workloads, namespace) for item in _passed(view, unit)}
    return tuple(sorted(passed - {namespace}))


def _passed(view: View, unit: Workload) -> tuple[Waypoint, ...]:
    """The waypoints that callers of a workload pass: none where no ztunnel sends them there."""
    return waypoints(view, unit) if observed(unit.pods[0]) == "ambient" else ()


def is_dry(policy: AuthorizationPolicy) -> bool:
    """Whether a policy only reports."""
    return policy.annotations.get("istio.io/dry-run") == "true"


def allows_all(rule: AuthorizationRule) -> bool:
    """Whether a rule has no condition at all."""
    return not (rule.from_ or rule.to or rule.when)


def is_about_requests(policy: AuthorizationPolicy) -> bool:
    """Whether a policy reads what only a proxy for requests sees: methods, paths, hosts, tokens."""
    for rule in policy.spec.rules or ():
        if any(_is_request(item.operation) for item in rule.to or ()):
            return True
        if any(item.source.request_principals or item.source.not_request_principals for item in rule.from_ or ()):
            return True
        if any(item.key.startswith("request.") for item in rule.when or ()):
            return True
    return False


def _calls(view: View, unit: Workload, policies: Iterable[AuthorizationPolicy]) -> Calls:
    weakest = next((pod for pod in unit.pods if not is_enrolled(pod)), unit.pods[0])
    state = observed(weakest)
    if not is_enrolled(weakest):
        return Calls(unit.root, state)
    mine = [item for item in policies if _is_about(view, item, unit, state)]
    live = [item for item in mine if not is_dry(item)]
    allowing = [item for item in live if item.spec.action in {"", "ALLOW"}]
    return Calls(
        unit.root,
        state,
        tuple(caller for item in allowing for caller in _callers(item)),
        tuple(caller for item in live if item.spec.action == "DENY" for caller in _callers(item)),
        tuple(item.ref for item in allowing),
        tuple(item.ref for item in live if item.spec.action == "CUSTOM"),
        tuple(item.ref for item in mine if is_dry(item)),
        tuple(item.ref for item in live if state == "ambient" and is_about_requests(item) and not targets_of(item)),
        tuple(dict.fromkeys(_through(view, mine, unit))),
        past=state == "ambient" and bool(allowing) and all(map(targets_of, allowing)),
    )


def _through(view: View, policies: Iterable[AuthorizationPolicy], unit: Workload) -> Iterator[Ref]:
    policies = tuple(policies)
    if any(target.kind in {"Gateway", "GatewayClass"} for policy in policies for target in targets_of(policy)):
        for passed in _passed(view, unit):
            yield from passed.by
    for policy in policies:
        for target in targets_of(policy):
            service = view.get(Service, target.name, unit.root.namespace) if target.kind == "Service" else None
            if service is not None and _is_target(view, policy, target, unit):
                yield service.ref


def _is_about(view: View, policy: AuthorizationPolicy, unit: Workload, state: Enrolment) -> bool:
    """A policy that is attached to something is for gateways and waypoints: a sidecar leaves it alone."""
    targets = targets_of(policy)
    if targets:
        return state != "sidecar" and any(_is_target(view, policy, item, unit) for item in targets)
    wanted = (policy.spec.selector.match_labels if policy.spec.selector else None) or {}
    return wanted.items() <= unit.pods[0].labels.items()


def targets_of(policy: AuthorizationPolicy) -> tuple[PolicyTarget, ...]:
    """What a policy is attached to; nothing where it is about workloads."""
    single = (policy.spec.target_ref,) if policy.spec.target_ref else ()
    return (*single, *(policy.spec.target_refs or ()))


def _is_target(view: View, policy: AuthorizationPolicy, target: PolicyTarget, unit: Workload) -> bool:
    """Whether a workload stands behind the Service or the waypoint, or is the Gateway, that a policy is attached to."""
    labels, place = unit.pods[0].labels, unit.root.namespace
    there = [item for item in _passed(view, unit) if item.ref is not None]
    if target.kind == "GatewayClass":
        found = view.derive(mesh)
        return bool(there) and target.name == _WAYPOINTS and found is not None and policy.namespace == found.root
    if target.kind == "Gateway":
        before = any((item.namespace, item.name) == (policy.namespace, target.name) for item in there)
        return before or (policy.namespace == place and labels.get(_GATEWAY) == target.name)
    service = view.get(Service, target.name, place) if target.kind == "Service" and policy.namespace == place else None
    return service is not None and bool(service.spec.selector) and (service.spec.selector or {}).items() <= labels.items()


def _callers(policy: AuthorizationPolicy) -> Iterator[Caller]:
    for rule in policy.spec.rules or ():
        what = _what(rule)
        sources = [item.source for item in rule.from_ or ()] or [Source()]
        for source in sources:
            yield Caller(_who(source), what, policy.ref)


def _who(source: Source) -> str:
    named = [f"{word}{_some(values)}" for field, word in _SOURCES if (values := getattr(source, field))]
    left_out = [f"{word}{_some(values)}" for field, word in _SOURCES if (values := getattr(source, f"not_{field}"))]
    text = " with ".join(named) or "anybody"
    return f"{text}, but not {', '.join(left_out)}" if left_out else text


def _what(rule: AuthorizationRule) -> str:
    """What may be done, in words; empty where it is everything."""
    parts = []
    for item in rule.to or ():
        told = item.operation
        words = [_some(values) for values in (told.methods, told.paths, told.hosts) if values]
        words += [f"port {_some(told.ports)}"] if told.ports else []
        words += ["with exceptions"] if any((told.not_methods, told.not_paths, told.not_hosts, told.not_ports)) else []
        parts.append(" ".join(words))
    text = " or ".join(part for part in parts if part)
    return f"{text} if {', '.join(item.key for item in rule.when)}".strip() if rule.when else text


def _is_request(item: Operation) -> bool:
    return bool(item.methods or item.paths or item.hosts or item.not_methods or item.not_paths or item.not_hosts)


def _some(values: tuple[str, ...]) -> str:
    return ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def _name(of: Kind) -> str:
    return of.name

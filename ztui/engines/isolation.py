"""Whether a namespace's pods are closed by default, to whom, and whether tomorrow's pods will be too.

A pod is closed in a direction where a NetworkPolicy isolates it or the baseline denies everybody. Source: networking.k8s.io/v1
NetworkPolicy spec.podSelector, spec.policyTypes; policy.networking.k8s.io baseline tier.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.engines.netrules import RULES, RULES_WHERE_SERVED, Direction, NetPolicy, NetRule, Peer, baseline_policies, policies_in
from ztui.engines.reach import PLACES, PLACES_WHERE_SERVED, Spot, namespace_labels, selects, spot_of
from ztui.kinds.base import Kind, Ref, Selector, matches
from ztui.kinds.workload import Pod
from ztui.view import View

ISOLATION: Final[tuple[type[Kind], ...]] = (*RULES, *PLACES)
ISOLATION_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*RULES_WHERE_SERVED, *PLACES_WHERE_SERVED)


class Isolation(msgspec.Struct, frozen=True):
    """How closed a namespace is in one direction.

    ``open_pods`` are those that nothing closes, ``total`` counts the live pods on the pod network, ``by`` names what closes every
    pod, today's and tomorrow's; it is ``None`` where only selectors of single applications do.
    """

    open_pods: tuple[Pod, ...]
    total: int
    by: Ref | None

    @property
    def is_closed(self) -> bool:
        """Whether every pod is closed, and every pod to come."""
        return not self.open_pods and self.by is not None


def isolation(view: View, namespace: str, direction: Direction) -> Isolation:
    """How closed a namespace is in that direction."""
    pods = live_pods(view, namespace)
    open_pods = tuple(pod for pod in pods if not is_closed(view, spot_of(view, pod), direction))
    return Isolation(open_pods, len(pods), covers_all(view, namespace, direction))


def stays_closed(view: View, namespace: str, direction: Direction) -> bool:
    """Whether the namespace is closed; to be derived by who asks of many, since it is the same for most changes of a pod."""
    return view.derive(isolation, namespace, direction).is_closed


def live_pods(view: View, namespace: str) -> tuple[Pod, ...]:
    """The live pods that policies can select, by name: those of a host network are nobody's subject."""
    found = [pod for pod in view.within(Pod, namespace) if pod.is_live and not pod.is_mirror and not pod.spec.host_network]
    return tuple(sorted(found, key=lambda pod: pod.name))


def is_closed(view: View, pod: Spot, direction: Direction) -> bool:
    """Whether a policy isolates the pod, or the baseline denies everybody."""
    return closed_by(view, pod, direction) is not None


def closed_by(view: View, pod: Spot, direction: Direction) -> Ref | None:
    """The first policy that does."""
    for item in view.derive(policies_in, pod.namespace):
        if rules_of(item, direction) is not None and selects(item, pod):
            return item.ref
    for item in view.derive(baseline_policies):
        if selects(item, pod) and _denies_everybody(item, direction):
            return item.ref
    return None


def covers_all(view: View, namespace: str, direction: Direction) -> Ref | None:
    """The policy that closes every pod of the namespace, whatever its labels; the first by name."""
    for item in view.derive(policies_in, namespace):
        if rules_of(item, direction) is not None and is_everything(item.pods):
            return item.ref
    return baseline_over(view, namespace, direction)


def baseline_over(view: View, namespace: str, direction: Direction) -> Ref | None:
    """The policy of the baseline that denies everybody for every pod of the namespace."""
    labels = namespace_labels(view, namespace)
    for item in view.derive(baseline_policies):
        if is_everything(item.pods) and matches(item.namespaces, labels) and _denies_everybody(item, direction):
            return item.ref
    return None


def rules_of(policy: NetPolicy, direction: Direction) -> tuple[NetRule, ...] | None:
    """The rules of one direction; ``None`` where the policy says nothing about it."""
    return policy.ingress if direction == "ingress" else policy.egress


def is_everything(selector: Selector | None) -> bool:
    """Whether a selector is there and asks for nothing."""
    return selector is not None and not selector.match_labels and not selector.match_expressions


def means_everybody(peer: Peer) -> bool:
    """Whether a peer is every pod of every namespace, or every address."""
    if peer.block is not None:
        return peer.block.range.prefixlen == 0 and not peer.block.without
    return is_everything(peer.namespaces) and (peer.pods is None or is_everything(peer.pods))


def _denies_everybody(policy: NetPolicy, direction: Direction) -> bool:
    """Whether the first rule for everybody on every port denies; rules before it are exceptions."""
    for rule in rules_of(policy, direction) or ():
        if rule.ports is None and any(means_everybody(item) for item in rule.peers or ()):
            return rule.action == "deny"
    return False

"""What still lets traffic to or from a pod that is to be cut off: the rules of every tier that would, whoever the other side is.

A rule counts as an opening even where nobody is there now whom it lets through. Source: networking.k8s.io/v1 NetworkPolicy; the
network-policy-api, whose first rule that matches decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.engines.isolation import ISOLATION, ISOLATION_WHERE_SERVED, is_everything, rules_of
from ztui.engines.netrules import Direction, NetRule, Peer, admin_policies, policies_in
from ztui.engines.reach import Spot, selects
from ztui.kinds.base import Kind, Ref
from ztui.view import View

OPENINGS: Final[tuple[type[Kind], ...]] = (*ISOLATION, *ISOLATION_WHERE_SERVED)
"""What this engine reads."""


class Opening(msgspec.Struct, frozen=True, order=True):
    """One policy that lets something through in a direction; without one, nothing closes that direction."""

    direction: Direction
    by: Ref | None = None


def openings(view: View, pod: Spot) -> tuple[Opening, ...]:
    """The openings of a pod; none where everything is denied both ways. A pod on a host network is all open."""
    directions: tuple[Direction, ...] = ("ingress", "egress")
    if not pod.is_pod:
        return tuple(Opening(item) for item in directions)
    return tuple(item for direction in directions for item in _openings(view, pod, direction))


def _openings(view: View, pod: Spot, direction: Direction) -> Iterator[Opening]:
    inside = outside = False  # whether the administrators deny everybody there
    for policy in view.derive(admin_policies):
        if not policy.enforced or not selects(policy, pod):
            continue
        for rule in rules_of(policy, direction) or ():
            if rule.action == "allow" and not (inside and outside):
                yield Opening(direction, policy.ref)
            elif rule.action == "deny" and rule.ports is None:
                inside = inside or any(_is_everybody(peer) for peer in rule.peers or ())
                outside = outside or any(_is_everywhere(peer) for peer in rule.peers or ())
    if inside and outside:
        return
    isolating = [item for item in view.derive(policies_in, pod.namespace) if selects(item, pod)]
    mine = [(item.ref, rules) for item in isolating if (rules := rules_of(item, direction)) is not None]
    if not mine:
        yield Opening(direction)
    for ref, rules in mine:
        if any(not inside or _reaches_out(rule) for rule in rules):
            yield Opening(direction, ref)


def _is_everybody(peer: Peer) -> bool:
    return peer.block is None and is_everything(peer.namespaces) and (peer.pods is None or is_everything(peer.pods))


def _is_everywhere(peer: Peer) -> bool:
    return peer.block is not None and peer.block.range.prefixlen == 0 and not peer.block.without


def _reaches_out(rule: NetRule) -> bool:
    """Whether a rule also lets somebody through who is no pod."""
    return rule.peers is None or any(peer.block is not None for peer in rule.peers)

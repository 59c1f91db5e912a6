"""Which objects an answer about reach rests on, besides the two ends themselves: policies, and what their selectors look at."""

from __future__ import annotations

from collections.abc import Iterator

from ztui.engines.netrules import Direction, NetPolicy, NetRule, Peer, baseline_policies, policies_in
from ztui.engines.reach import NAME_LABEL, Decision, Rulebook, Spot, is_peer, rulebook
from ztui.engines.reachask import End, Passage
from ztui.kinds.base import Ref, Selector
from ztui.kinds.security import ClusterUserDefinedNetwork, UserDefinedNetwork
from ztui.kinds.workload import Namespace, Node
from ztui.view import View


def passage_refs(view: View, src: End, dst: End, found: Passage) -> tuple[Ref, ...]:
    """The objects that decide the two sides of one passage, each once."""
    sides: tuple[tuple[Direction, End, End], ...] = (("egress", src, dst), ("ingress", dst, src))
    refs: dict[Ref, None] = {}
    for direction, mine, other in sides:
        side = found.egress if direction == "egress" else found.ingress
        if side.decision is not None and mine.spots and other.spots:
            refs.update(dict.fromkeys(decision_refs(view, side.decision, direction, mine.spots[0], other.spots[0])))
    return tuple(refs)


def decision_refs(view: View, found: Decision, direction: Direction, mine: Spot, other: Spot) -> Iterator[Ref]:
    """The object that decides one direction, and the namespaces, nodes and networks that it looks at."""
    if found.tier == "network":
        for spot in (mine, other):
            yield from _networks(view, spot)
    if found.by is None:
        return
    yield from closing_refs(view, found.by, mine)
    policy = _policy(view, rulebook(view, mine.namespace), found.by)
    rule = _rule(policy, direction, found.rule) if policy is not None else None
    for peer in (rule.peers or ()) if rule is not None else ():
        if is_peer(peer, other, {}, direction):
            yield from _looked_at(view, peer, other)
            return


def closing_refs(view: View, by: Ref, mine: Spot) -> Iterator[Ref]:
    """A policy that closes a pod, and the namespace where its labels make it the policy's subject."""
    yield by
    policy = _policy(view, rulebook(view, mine.namespace), by)
    if policy is not None and not policy.home and _asks_labels(policy.namespaces):
        yield from _namespace(view, mine.namespace)


def _policy(view: View, book: Rulebook, by: Ref) -> NetPolicy | None:
    own = view.derive(policies_in, by.namespace) if by.namespace else ()
    return next((item for item in (*own, *book.admin, *view.derive(baseline_policies)) if item.ref == by), None)


def _rule(policy: NetPolicy, direction: Direction, at: int) -> NetRule | None:
    rules = policy.egress if direction == "egress" else policy.ingress
    return next((rule for rule in rules or () if rule.index == at), None)


def _looked_at(view: View, peer: Peer, other: Spot) -> Iterator[Ref]:
    if peer.namespaces is not None and _asks_labels(peer.namespaces):
        yield from _namespace(view, other.namespace)
    if peer.nodes is not None and (node := view.get(Node, other.node)) is not None:
        yield node.ref


def _asks_labels(selector: Selector | None) -> bool:
    """Whether a selector of namespaces asks for more than their names, which no change of the object changes."""
    if selector is None:
        return False
    keys = {*(selector.match_labels or {}), *(item.key for item in selector.match_expressions or ())}
    return bool(keys - {NAME_LABEL})


def _namespace(view: View, name: str) -> Iterator[Ref]:
    space = view.get(Namespace, name)
    if space is not None:
        yield space.ref


def _networks(view: View, spot: Spot) -> Iterator[Ref]:
    """The primary network of its own that a pod is on, and the namespace that asks for it."""
    if not spot.network:
        return
    yield from _namespace(view, spot.namespace)
    place, _, name = spot.network.rpartition("/")
    own = view.get(UserDefinedNetwork, name, place) if place else view.get(ClusterUserDefinedNetwork, name)
    if own is not None:
        yield own.ref

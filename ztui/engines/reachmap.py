"""Which pods may talk to which, for a whole cluster: pods that no rule tells apart are one group, groups are bits.

The same meaning as ``reach``, whose answer for one connection this must equal; what costs there a walk over all rules for each
pair is here an operation on the bits of all groups at once. Pods on a host network call, but nothing guards them: they are not
called here. That a pod's own node is always let in is left out too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

import msgspec

from ztui.engines.marks import ANY_PORT, UNNAMED, Door, Mark, MaskPolicy, MaskRule, Member, Terms, marks_in, members_in, terms
from ztui.engines.netrules import Action, Direction, Port
from ztui.kinds.workload import Namespace
from ztui.view import View

Covers = Callable[[tuple[Port, ...]], int]
"""The groups that have one of the ports of a rule as the port in question."""


class ReachMap(msgspec.Struct, frozen=True):
    """Who may call whom. ``callers`` has for each group and each of its doors the groups that may come in, as bits."""

    marks: tuple[Mark, ...]
    doors: tuple[tuple[Door, ...], ...]
    callers: tuple[tuple[int, ...], ...]

    def at(self, mark: Mark) -> int:
        """The place of a group; -1 where it is none."""
        return self.marks.index(mark) if mark in self.marks else -1

    def into(self, at: int) -> int:
        """The groups that may come in by any door."""
        found = 0
        for mask in self.callers[at]:
            found |= mask
        return found

    def called(self) -> tuple[int, ...]:
        """For each group how many others it may call."""
        by_mask: defaultdict[int, int] = defaultdict(int)
        found = [0] * len(self.marks)
        for at in range(len(self.marks)):
            mask = self.into(at)
            by_mask[mask] += 1
            found[at] -= mask >> at & 1
        for mask, times in by_mask.items():
            for at in bits(mask):
                found[at] += times
        return tuple(found)


def bits(mask: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def reach_map(view: View) -> ReachMap:
    """The map of the whole cluster. Groups are sorted by what they are called: nothing of it follows the number of pods."""
    doors: defaultdict[Mark, set[Door]] = defaultdict(set)
    for namespace in sorted(item.name for item in view.all(Namespace)):
        for mark, found in view.derive(marks_in, namespace):
            doors[mark].update(found)
    marks = tuple(doors)
    board = _Board(view.derive(terms), marks)
    mine = tuple(() if mark.host else board.doors(at, doors[mark]) for at, mark in enumerate(marks))
    return ReachMap(marks, mine, board.callers(mine))


def members(view: View) -> dict[Mark, list[Member]]:
    """The workloads of each group."""
    found: dict[Mark, list[Member]] = {}
    for namespace in sorted(item.name for item in view.all(Namespace)):
        for member in view.derive(members_in, namespace):
            found.setdefault(member.mark, []).append(member)
    return found


class _Board:
    """The groups as bits, and the rules over them."""

    def __init__(self, told: Terms, marks: tuple[Mark, ...]) -> None:
        self._terms = told
        self._marks = marks
        self._all = (1 << len(marks)) - 1
        self._peers: defaultdict[int, int] = defaultdict(int)
        self._named: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._networks: defaultdict[str, int] = defaultdict(int)
        self._hosts = 0
        self._masks: dict[int, int] = {}
        self._entered: dict[object, int] = {}
        self._closing = {policy.bit: policy for policy in told.closing}
        for at, mark in enumerate(marks):
            for peer in bits(mark.peers):
                self._peers[peer] |= 1 << at
            for port in mark.ports:
                self._named[port] |= 1 << at
            if mark.host:
                self._hosts |= 1 << at
            else:
                self._networks[mark.network] |= 1 << at

    def doors(self, at: int, declared: Iterable[Door]) -> tuple[Door, ...]:
        """The ports to ask about: those that are declared, and single ones that rules about the group name."""
        found = set(declared)
        subject = self._marks[at].subject
        tiers = (policy for policy in (*self._terms.admin, *self._terms.baseline) if subject >> policy.bit & 1)
        for policy in (*tiers, *(self._closing[bit] for bit in bits(subject) if bit in self._closing)):
            ports = (port for rule in policy.ingress or () for port in rule.ports or ())
            found.update(Door(port.protocol or "TCP", port.low) for port in ports if not port.name and port.low == port.high)
        return tuple(sorted(found)) or (Door("TCP", ANY_PORT),)

    def callers(self, doors: tuple[tuple[Door, ...], ...]) -> tuple[tuple[int, ...], ...]:
        """For each group and door the groups that may come in."""
        leaving = {door: self._leaving(door) for door in {door for found in doors for door in found}}
        return tuple(
            tuple(self._entering(at, door) & self._near(at) & _let_out(leaving[door], at) for door in found)
            for at, found in enumerate(doors)
        )

    def _near(self, at: int) -> int:
        """The groups on the same network; processes of nodes are on all."""
        return self._networks[self._marks[at].network] | self._hosts

    def _entering(self, at: int, door: Door) -> int:
        mark = self._marks[at]
        key = (mark.subject, mark.ports, door)
        if key not in self._entered:
            number = door.port or UNNAMED

            def covers(ports: tuple[Port, ...]) -> int:
                hit = any(
                    (port.name, door.protocol, number) in mark.ports and port.protocol in {"", door.protocol}
                    if port.name
                    else _is_in(port, door.protocol, number)
                    for port in ports
                )
                return self._all if hit else 0

            self._entered[key] = self._allowed(mark.subject, "ingress", covers)
        return self._entered[key]

    def _leaving(self, door: Door) -> dict[int, int]:
        """Groups that may be called on a port -> the groups that may do so; processes of nodes may call all."""
        number = door.port or UNNAMED

        def covers(ports: tuple[Port, ...]) -> int:
            if any(not port.name and _is_in(port, door.protocol, number) for port in ports):
                return self._all
            found = 0
            for port in ports:
                if port.name and port.protocol in {"", door.protocol}:
                    found |= self._named.get((port.name, door.protocol, number), 0)
            return found

        by_subject: defaultdict[int, int] = defaultdict(int)
        for at, mark in enumerate(self._marks):
            if not mark.host:
                by_subject[mark.subject] |= 1 << at
        found: defaultdict[int, int] = defaultdict(int)
        found[self._all] = self._hosts
        for subject, who in by_subject.items():
            found[self._allowed(subject, "egress", covers)] |= who
        return found

    def _allowed(self, subject: int, direction: Direction, covers: Covers) -> int:
        """The groups that policies about a subject let through in one direction."""
        told = self._terms
        allowed, rest = self._tier(told.admin, subject, direction, covers, self._all)
        mine = (self._closing[bit] for bit in bits(subject) if bit in self._closing)
        own = [found for policy in mine if (found := _rules(policy, direction)) is not None]
        if own:
            for rule in (rule for rules in own for rule in rules):
                allowed |= rest & self._hit(rule, covers)
            return allowed
        more, rest = self._tier(told.baseline, subject, direction, covers, rest)
        return allowed | more | rest

    def _tier(
        self,
        policies: Iterable[MaskPolicy],
        subject: int,
        direction: Direction,
        covers: Covers,
        free: int,
    ) -> tuple[int, int]:
        """What an ordered tier allows, and what it leaves to the next; of one priority the more permissive counts."""
        allowed = passed = 0
        mine = (item for item in policies if item.enforced and subject >> item.bit & 1)
        for _, same in groupby(mine, key=lambda item: item.priority):
            by_action: dict[Action, int] = {"allow": 0, "pass": 0, "deny": 0}
            for policy in same:
                left = free
                for rule in _rules(policy, direction) or ():
                    hit = left & self._hit(rule, covers)
                    by_action[rule.action] |= hit
                    left &= ~hit
            allowed |= by_action["allow"]
            passed |= by_action["pass"] & ~by_action["allow"]
            free &= ~(by_action["allow"] | by_action["pass"] | by_action["deny"])
        return allowed, free | passed

    def _hit(self, rule: MaskRule, covers: Covers) -> int:
        mask = self._all if rule.peers is None else self._who(rule.peers)
        return mask if rule.ports is None or not mask else mask & covers(rule.ports)

    def _who(self, peers: int) -> int:
        if peers not in self._masks:
            found = 0
            for peer in bits(peers):
                found |= self._peers[peer]
            self._masks[peers] = found
        return self._masks[peers]


def _let_out(leaving: dict[int, int], at: int) -> int:
    found = 0
    for called, who in leaving.items():
        if called >> at & 1:
            found |= who
    return found


def _rules(policy: MaskPolicy, direction: Direction) -> tuple[MaskRule, ...] | None:
    return policy.ingress if direction == "ingress" else policy.egress


def _is_in(port: Port, protocol: str, number: int) -> bool:
    return port.protocol in {"", protocol} and port.low <= number <= port.high

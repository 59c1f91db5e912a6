"""Reach: groups of workloads and who of them may call whom, one group in full, and one connection with what decides it.

The last cell of a line is its sentence: it belongs to no column, stands under the table, and goes into exports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ztui.engines.marks import Door, GapNote, Mark, Member, rules_gap
from ztui.engines.netrules import Direction
from ztui.engines.reach import Decision
from ztui.engines.reachask import Answer, End, NoSuchEndError, Passage, Side, doors_to_ask, end_of, passages
from ztui.engines.reachmap import ReachMap, members, reach_map
from ztui.engines.reachproof import passage_refs
from ztui.engines.units import namespace_classes
from ztui.kinds.base import Ref
from ztui.kinds.workload import Namespace, Pod
from ztui.panes.base import Cell, Line, Tone, cell, prose
from ztui.view import View
from ztui.words import gap_text

WIDEST: Final = 100
"""Groups up to which the matrix is drawn: beyond it nobody can follow a line, and the counts tell more."""

OPEN, PARTLY, SHUT, UNSEEN, FREE = "●", "◐", "·", "?", "○"
LEGEND: Final = f"line calls column: {OPEN} all ports {PARTLY} some {SHUT} none {FREE} host network, not guarded {UNSEEN} unknown"
NOTE: Final = "as policies say; whether the network plugin enforces them is ZT2-NET-001"

TONES: Final[dict[Answer, Tone]] = {"ALLOWED": "pass", "PARTLY": "warn", "DENIED": "fail", "UNKNOWN": "unknown"}
_ORDER: Final = {"user": 0, "unproven": 0, "addon": 1, "platform": 2}
_RANK: Final = {"allowed": 0, "partly": 1, "unknown": 2, "denied": 3}
_NOTES: Final = {
    "ambiguous": "policies of one priority disagree; the more permissive one counts here",
    "not-enforced": "a policy has a priority that the network plugin does not honour",
    "unknown-dns": "a rule is for a domain name, which is not looked up here",
    "udn-isolated": "they are on different primary networks",
    "own node": "a pod's own node is always let in",
}


class Group(msgspec.Struct, frozen=True):
    """Workloads that no rule tells apart, by their place in the map."""

    at: int
    mark: Mark
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """The first workload, and how many more there are."""
        first, more = short(self.members[0].workload), len({item.workload for item in self.members}) - 1
        return f"{first} +{more}" if more else first

    @property
    def pods(self) -> int:
        """How many pods are in it."""
        return sum(len(item.pods) for item in self.members)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where its workloads are."""
        return tuple(dict.fromkeys(item.workload.namespace for item in self.members))


class ReachPane(msgspec.Struct, frozen=True):
    """The lines of the matrix, and what could not be seen."""

    lines: tuple[Line, ...]
    gaps: tuple[str, ...]
    groups: int
    pods: int


def short(ref: Ref) -> str:
    """A workload as people call it: without its kind, unless it is a bare pod."""
    return f"{ref.namespace}/{ref.name}" if ref.kind != "Pod" else f"{ref.namespace}/pod/{ref.name}"


def groups(view: View) -> tuple[Group, ...]:
    """All groups: tenants' first, then by the name of their first workload."""
    classes = view.derive(namespace_classes, frozenset())
    places = {mark: at for at, mark in enumerate(view.derive(reach_map).marks)}

    def rank(ref: Ref) -> tuple[int, str]:
        return _ORDER.get(classes.get(ref.namespace, "user"), 0), str((ref.namespace, ref.name))

    found = [
        Group(places[mark], mark, tuple(sorted(listed, key=lambda item: rank(item.workload))))
        for mark, listed in members(view).items()
        if mark in places
    ]
    return tuple(sorted(found, key=lambda group: rank(group.members[0].workload)))


def reach_pane(view: View, namespace: str = "") -> ReachPane:
    """The matrix: a line for each group. ``namespace`` keeps only groups that are there."""
    found = view.derive(groups)
    whole = view.derive(reach_map)
    rows = [group for group in found if not namespace or namespace in group.namespaces]
    blind = sum(1 << group.at for group in found if group.mark.blind)
    if view.gap(Namespace) is not None or _hidden(view):
        blind |= 1 << len(whole.marks)  # stands for the groups of pods that were not read
    called = whole.called()
    numbers = {group.at: number for number, group in enumerate(found, 1)}
    lines = tuple(_row(whole, group, found, numbers, called[group.at], blind) for group in rows)
    return ReachPane(lines, tuple(_gaps(view)), len(found), sum(group.pods for group in found))


def group_lines(view: View, ref: Ref) -> tuple[Line, ...]:
    """One group with every other, in both directions; empty where nothing of that name runs."""
    found = view.derive(groups)
    mine = next((group for group in found if any(item.workload == ref for item in group.members)), None)
    if mine is None:
        return ()
    us = _end(view, mine)
    lines = []
    for way in ("in", "out"):
        for other in found:
            them = _end(view, other, at=1 if other is mine else 0)
            if us is None or them is None:
                continue
            src, dst, called = (them, us, mine) if way == "in" else (us, them, other)
            if not called.mark.host:
                lines.append(_pair(view, way, other, src, dst, view.derive(reach_map).doors[called.at]))
    return tuple(sorted(lines, key=lambda line: (line.key.startswith("out:"), _RANK[line.status])))


def passage_lines(view: View, src: str, dst: str, port: str = "", namespace: str = "") -> tuple[Line, ...]:
    """The answer to a question, a line for each side of each port; an end that nobody knows is a line too."""
    try:
        a, b = end_of(view, src, namespace), end_of(view, dst, namespace)
        found = passages(view, a, b, doors_to_ask(b, port))
    except NoSuchEndError as error:
        return (
            Line("end", (cell("", "unknown"), cell("?", "unknown"), cell(""), cell(str(error)), cell(""), prose(str(error)))),
        )
    return tuple(line for item in found for line in _sides(view, a, b, item))


def split_question(text: str) -> tuple[str, str, str] | None:
    """``A B``, ``A B PORT`` or ``A B:PORT`` as its three parts; ``None`` where it is none of them."""
    words = text.split()
    if not 2 <= len(words) <= 3:
        return None
    src, dst, *port = words
    name, colon, number = dst.rpartition(":")
    if not port and colon and number and ":" not in name:  # an address of IPv6 has more than one
        return src, name, number
    return src, dst, port[0] if port else ""


def sentence(a: End, b: End, passage: Passage) -> str:
    """The whole answer in raw words: who, whom, what decides on each side, and what makes it less than sure."""
    words = {"ALLOWED": "may open", "PARTLY": "may open, from some pods only,", "DENIED": "may not open"}
    verb = words.get(passage.answer, "may or may not open")
    text = f"{passage.answer}: {a.name} {verb} {passage.door} of {b.name}. "
    text += f"Leaving: {side_words(passage.egress, 'egress')}. Entering: {side_words(passage.ingress, 'ingress')}."
    return text + "".join(f" {_NOTES[note]}." for note in passage.notes if note in _NOTES)


def side_words(side: Side, direction: Direction) -> str:
    """What one side says, in raw words."""
    if side.decision is None:
        return f"unknown, {side.gap[0]} are not whole: {gap_text(side.gap[1])}" if side.gap else "unknown"
    found = side.decision
    by = str(found.by) if found.by else ""
    match found.tier:
        case "exempt":
            return "nothing judges it"
        case "default":
            return "no policy closes it"
        case "network":
            return "the networks are apart"
        case "policy" if not found.allowed:
            return f"{by} closes it, and no rule {'lets this out' if direction == 'egress' else 'lets this in'}"
    return f"{by} {'allows' if found.allowed else 'denies'} it by {rule_path(found, direction)}"


def rule_path(found: Decision, direction: Direction) -> str:
    """The field of the deciding rule; empty where no single rule decided."""
    if found.rule < 0:
        return ""
    return f"spec.egress[{found.rule}]" if found.tier == "firewall" else f"spec.{direction}[{found.rule}]"


def _row(whole: ReachMap, group: Group, found: tuple[Group, ...], numbers: dict[int, int], calls: int, blind: int) -> Line:
    guarded = not group.mark.host
    others = whole.into(group.at) & ~(1 << group.at) if guarded else 0
    sure = (others & ~blind).bit_count()
    unseen = bool(blind & ~(1 << group.at))
    if group.mark.blind:
        into, out = cell(UNSEEN, "unknown"), cell(UNSEEN, "unknown")
    else:
        tone: Tone = "warn" if not group.mark.subject else "plain"
        into = cell(_count(sure, unseen=unseen), tone) if guarded else cell("host", "warn")
        out = cell(_count(calls, unseen=unseen))
    names = " ".join(str(item.workload) for item in group.members)
    return Line(
        f"group:{group.members[0].workload}",
        (
            cell(f"{numbers[group.at]:>3}", "dim"),
            cell(group.name, "strong"),
            cell(f"{group.pods:>5}"),
            into,
            out,
            cell(", ".join(str(door) for door in whole.doors[group.at]) or "–", "dim"),
            cell(_strip(whole, group, found) if len(found) <= WIDEST else ""),
            prose(_group_words(group, sure, calls, "+?" if unseen else "")),
        ),
        words=names,
        status="unknown" if group.mark.blind else "",
        namespace=" ".join(group.namespaces),
        ref=group.members[0].workload,
    )


def _count(number: int, *, unseen: bool) -> str:
    return f"{number:>4}{'+?' if unseen else ''}"


def _strip(whole: ReachMap, caller: Group, found: tuple[Group, ...]) -> str:
    """One glyph for each group that might be called."""
    return "".join(_glyph(whole, caller, called) for called in found)


def _glyph(whole: ReachMap, caller: Group, called: Group) -> str:
    if caller.mark.blind or called.mark.blind:
        return UNSEEN
    if called.mark.host:
        return FREE
    masks = whole.callers[called.at]
    may = sum(mask >> caller.at & 1 for mask in masks)
    return OPEN if may == len(masks) else PARTLY if may else SHUT


def _group_words(group: Group, into: int, calls: int, more: str) -> str:
    names = list(dict.fromkeys(short(item.workload) for item in group.members))
    told = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    if group.mark.blind:
        return f"{told}: not all rules of namespace {group.mark.blind} could be read, so nothing is said of it."
    if group.mark.host:
        return f"{told}: on the host network, where no NetworkPolicy guards it; may call {calls}{more} groups."
    guard = "" if group.mark.subject else " No policy is about it."
    return f"{told}: {into}{more} other groups may call it, it may call {calls}{more}.{guard}"


def _end(view: View, group: Group, at: int = 0) -> End | None:
    """One pod that stands for the group; ``at`` 1 is another one, where there is another."""
    pods = [(item.workload, name) for item in group.members for name in item.pods]
    workload, name = pods[min(at, len(pods) - 1)]
    if view.get(Pod, name, workload.namespace) is None:
        return None
    found = end_of(view, f"{workload.namespace}/pod/{name}")
    # Wherever its pods run: that a node reaches its own ones is no matter of a group.
    spots = tuple(msgspec.structs.replace(spot, node="") for spot in found.spots)
    return msgspec.structs.replace(found, name=short(workload), ref=workload, spots=spots)


def _pair(view: View, way: str, other: Group, src: End, dst: End, doors: Iterable[Door]) -> Line:
    found = passages(view, src, dst, doors)
    answers = {item.answer for item in found}
    answer: Answer = "UNKNOWN" if "UNKNOWN" in answers else answers.pop() if len(answers) == 1 else "PARTLY"
    shown = next((item for item in found if item.answer == answer), None)
    shown = shown or next((item for item in found if item.answer != "ALLOWED"), found[0])
    may = ", ".join(str(item.door) for item in found if item.answer == "ALLOWED")
    return Line(
        f"{way}:{other.members[0].workload}",
        (
            cell("← from" if way == "in" else "→ to", "dim"),
            cell(other.name, "strong"),
            cell(answer, TONES[answer]),
            cell(may or "–"),
            cell(decider(shown)),
            prose(sentence(src, dst, shown)),
        ),
        words=" ".join(str(item.workload) for item in other.members) + f" {answer}",
        status=answer.lower(),
        namespace=" ".join(other.namespaces),
        ref=other.members[0].workload,
        by=passage_refs(view, src, dst, shown),
    )


def decider(passage: Passage) -> str:
    """What settles a connection, in raw text: the side that denies, else both."""
    names = []
    for side in (passage.egress, passage.ingress):
        if side.gap is not None:
            names.append(f"unknown: {side.gap[0]}")
        elif side.decision is not None and (side.denies or passage.answer != "DENIED"):
            names.append(str(side.decision.by) if side.decision.by else side.decision.tier)
    return ", ".join(dict.fromkeys(names))


def _sides(view: View, a: End, b: End, item: Passage) -> Iterator[Line]:
    told, by = sentence(a, b, item), passage_refs(view, a, b, item)
    ways: tuple[tuple[Direction, str, Side], ...] = (("egress", "leaves", item.egress), ("ingress", "enters", item.ingress))
    for direction, word, side in ways:
        found = side.decision
        says: Cell = cell("?", "unknown")
        if found is not None:
            says = cell("allowed", "pass") if found.allowed else cell("denied", "fail")
        first = direction == "egress"
        yield Line(
            f"{item.door}:{direction}",
            (
                cell(str(item.door) if first else "", "strong"),
                cell(item.answer if first else "", TONES[item.answer]),
                cell(word, "dim"),
                says,
                cell(side_words(side, direction)),
                prose(told),
            ),
            status=item.answer.lower(),
            ref=found.by if found is not None else None,
            by=by,
        )


def _hidden(view: View) -> list[str]:
    """The namespaces whose pods were not all read."""
    return [item.name for item in view.all(Namespace) if view.gap(Pod, item.name) is not None]


def _gaps(view: View) -> Iterator[str]:
    """What the matrix does not show, in raw words."""
    gap = view.gap(Namespace)
    if gap is not None:
        yield f"namespaces are not whole: {gap_text(gap)}"
    names = _hidden(view)
    if names:
        gap = view.gap(Pod, names[0])
        yield f"pods of {len(names)} namespaces are not shown: {gap_text(gap) if gap else ''}"
    blind: dict[str, GapNote] = {}
    for item in view.all(Namespace):
        found = rules_gap(view, item.name)
        if found is not None:
            blind[item.name] = found
    if blind:
        kind, why = next(iter(blind.values()))
        yield f"rules of {len(blind)} namespaces are unknown: {kind} {gap_text(why)}"

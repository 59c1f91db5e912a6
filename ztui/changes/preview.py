"""Before anything is sent: what a plan would change, whom it would touch, what the server says of it.

The plan is made anew from the objects as the server has them now; its effect is judged by the same checks on the state as it
would be; a dry-run shows what the server would really make of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
import msgspec.yaml

from ztui.board import Board
from ztui.changes.consent import Mode, Need, need
from ztui.changes.writer import Live, Pinned, Sent
from ztui.checks.base import CheckId, Status
from ztui.engines.cuts import Connection
from ztui.kinds.base import Ref
from ztui.recipes.base import AS_WANTED, STAND_IN, Plan, Stop, Write, note
from ztui.recipes.trees import ABSENT, is_nothing, leaves, overlaid

FAULTY: Final = frozenset({Status.FAIL, Status.WARN, Status.UNKNOWN, Status.ERROR})

Mark = Literal["+", "-", "~", " "]
_MARKS: Final[dict[str, Mark]] = {"+": "+", "-": "-"}


class DiffLine(msgspec.Struct, frozen=True):
    """One line of a diff: raw text, which passes the text gate when it is shown."""

    mark: Mark
    text: str


class Step(msgspec.Struct, frozen=True):
    """One write with what is known of its object before, and what the server's dry-run made of it.

    ``owners`` are those whose fields it would take over; ``problem`` is why there was no dry-run, or what the server said against
    it (then ``refused``). ``replaces`` is the uid of the object of the same name that an earlier write of the plan deletes.
    """

    write: Write
    live: Live | None = None
    dry: Sent | None = None
    owners: tuple[tuple[str, tuple[str, ...]], ...] = ()
    problem: str = ""
    refused: bool = False
    replaces: str = ""


class Shift(msgspec.Struct, frozen=True):
    """How one check would come out of it: its status, and how many objects fail or warn, before and after.

    ``milder`` counts those that would only warn where they fail.
    """

    check: CheckId
    before: Status
    after: Status
    open_before: int
    open_after: int
    milder: int = 0


class Effect(msgspec.Struct, frozen=True):
    """What a plan would do to the verdicts, and to who may reach whom. ``seen`` connections of the cut ones were really used.

    ``unknown`` counts those of which nobody knows. ``phases`` are number, percent before and after. ``proofs`` are the
    checks that find something on the plan's object now and would not any more.
    """

    shifts: tuple[Shift, ...] = ()
    proofs: tuple[CheckId, ...] = ()
    rows: tuple[tuple[str, str, str], ...] = ()
    phases: tuple[tuple[int, float, float], ...] = ()
    cut: tuple[Connection, ...] = ()
    seen: tuple[Connection, ...] = ()
    opened: tuple[Connection, ...] = ()
    unknown: int = 0


FROM_REPOSITORIES: Final = frozenset({"argocd-controller", "kustomize-controller", "helm-controller"})
"""Field managers of what applies objects from a repository. Source: Argo CD's server-side apply; Flux' controllers."""
HELD_ELSEWHERE: Final = "sets these fields from a repository: change them there (w writes the patch for it, --emit on the shell)"


class Preview(msgspec.Struct, frozen=True):
    """Everything that a person sees before saying yes. ``rights`` are the missing ones, in words."""

    plan: Plan
    steps: tuple[Step, ...]
    effect: Effect | None = None
    rights: tuple[str, ...] = ()
    owner: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    undoes: str = ""

    @property
    def forces(self) -> bool:
        """Whether it would take over fields of others."""
        return any(step.owners for step in self.steps)

    @property
    def blind(self) -> bool:
        """Whether some write could not be tried, though its object could be shown."""
        return any(step.problem and not step.refused for step in self.steps)

    def need(self, mode: Mode) -> Need:
        """What a person must give for it."""
        effect = self.effect or Effect()
        against = bool(effect.seen) or self.owner == "gitops"  # the repository would take it back
        return need(self.plan, prod=mode.prod, force=self.forces, blind=self.blind, cuts=bool(effect.cut), against=against)

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the server said against it, and what a repository holds: that is never taken over by force."""
        said = tuple(step.problem for step in self.steps if step.refused)
        return (*said, *(f"{name} {HELD_ELSEWHERE}" for name in self.repositories))

    @property
    def repositories(self) -> tuple[str, ...]:
        """Who else owns fields that it sets and would only set them again from a repository."""
        owners = dict.fromkeys(name for step in self.steps for name, _ in step.owners)
        return tuple(name for name in owners if name in FROM_REPOSITORIES)


def shifts(before: Board, after: Board) -> Effect:
    """How the verdicts, rows and phases of two boards differ."""
    found = (
        Shift(
            name, old.status, after.verdicts[name].status, _open(before, name), _open(after, name), _milder(before, after, name)
        )
        for name, old in before.verdicts.items()
    )
    changed = tuple(item for item in found if item.before is not item.after or item.open_before != item.open_after or item.milder)
    rows = tuple(
        (old.row.id, str(old.status), str(new.status))
        for old, new in zip(before.rows, after.rows, strict=True)
        if old.status is not new.status
    )
    phases = tuple(
        (old.number, old.percent, new.percent)
        for old, new in zip(before.phases, after.phases, strict=True)
        if f"{old.percent:.0%}" != f"{new.percent:.0%}"
    )
    return Effect(changed, (), rows, phases)


def _open(board: Board, check: CheckId) -> int:
    verdict = board.verdicts[check]
    return sum(held.get(status, 0) for held in (verdict.counts, verdict.addon) for status in (Status.FAIL, Status.WARN))


def _milder(before: Board, after: Board, check: CheckId) -> int:
    """How many findings stay open and fail no longer."""
    count = [
        sum(held.get(Status.FAIL, 0) for held in (verdict.counts, verdict.addon))
        for verdict in (before.verdicts[check], after.verdicts[check])
    ]
    return max(count[0] - count[1], 0) if _open(before, check) == _open(after, check) else 0


def diff(step: Step) -> Iterator[DiffLine]:
    """What one write changes, line by line: whole objects where they are made, else the values that it sets."""
    write = step.write
    if write.verb == "delete":
        yield DiffLine("-", f"{write.ref} goes away")
        held, _ = before_after(step)
        for path, value in held.items():
            yield from _lines("-", f"  {path}", value)
    elif write.creates and step.live is None:
        tree = {"kind": write.kind.KIND, "metadata": {"name": write.ref.name}, **write.body}
        text = msgspec.yaml.encode(tree).decode().replace(STAND_IN, "(known once its owner is made)")
        yield from (DiffLine("+", line) for line in text.splitlines())
    else:
        yield DiffLine(" ", str(write.ref))
        yield from _value_lines(step)


def _value_lines(step: Step) -> Iterator[DiffLine]:
    held, made = before_after(step)
    for path in dict.fromkeys((*held, *made)):
        old, new = held.get(path, ABSENT), made.get(path, ABSENT)
        if old == new:
            continue
        if isinstance(old, str) and isinstance(new, str) and ABSENT not in {old, new} and "\n" in old + new:
            yield from _text_lines(path, old, new)
            continue
        if old is not ABSENT:
            yield from _lines("-", path, old)
        if new is not ABSENT:
            yield from _lines("+", path, new)


def before_after(step: Step) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that a write is about, by path: as they are, and as it makes them."""
    write, live = step.write, step.live
    if isinstance(live.values if live else None, Pinned):
        pinned: Pinned = live.values  # type: ignore[union-attr]  # the line above
        return pinned.held, pinned.made
    if write.verb == "label":
        held = dict(live.values) if live else {}
        return held, {key: value for key, value in {**held, **write.body}.items() if value is not None}
    return _filled(live.values) if live else {}, _filled(write.body)  # what a merge patch takes away is in the first alone


def _filled(tree: Any) -> dict[str, Any]:
    """The values of a tree by path, without maps and lists that are empty."""
    return {path: value for path, value in leaves(tree or {}) if value not in ({}, [], None)}


def rewrites(step: Step) -> Iterator[DiffLine]:
    """What the server would make other than was asked for: a webhook's, or a default's, word on our own fields."""
    if step.dry is None or step.dry.live is None or step.write.verb != "apply":
        return
    found, wanted = dict(leaves(step.dry.live.values)), dict(leaves(step.write.body))
    for path, value in wanted.items():
        if found.get(path, ABSENT) != value:
            yield from _lines("~", path, found.get(path, "nothing"))


def _text_lines(path: str, old: str, new: str) -> Iterator[DiffLine]:
    """The lines of a text that change, each with one on either side of it."""
    yield DiffLine("~", f"{path}:")
    for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield DiffLine(_MARKS.get(line[:1], " "), f"  {line[1:]}")


def _lines(mark: Mark, path: str, value: Any) -> Iterator[DiffLine]:
    if isinstance(value, (dict, list)) and value:
        yield DiffLine(mark, f"{path}:")
        yield from (DiffLine(mark, f"  {line}") for line in msgspec.yaml.encode(value).decode().splitlines())
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield DiffLine(mark, f"{path}: {text}")


def emitted(write: Write, version: str) -> str:
    """A write as a manifest for the repository that the object comes from."""
    if write.verb != "apply" or write.kind.SOURCE != "cluster":
        return ""
    meta = {"name": write.ref.name, **({"namespace": write.ref.namespace} if write.ref.namespace else {})}
    body = dict(write.body)
    meta |= {key: value for key, value in body.pop("metadata", {}).items() if write.owner is None or key != "ownerReferences"}
    return msgspec.yaml.encode({"apiVersion": version, "kind": write.kind.KIND, "metadata": meta, **body}).decode()


def is_same(shown: Step, now: Live | None) -> bool:
    """Whether the object is still the one that was shown: nothing that a person sets has changed."""
    if shown.replaces:
        return now is None or now.uid != shown.replaces  # a controller may have made it again already
    if shown.live is None or now is None:
        return shown.live is now
    return shown.live.uid == now.uid and shown.live.print == now.print


def is_made(write: Write, live: Live | None, shown: Live | None) -> bool:
    """Whether an object holds what a write makes of it: how the outcome is known where the answer was lost."""
    if write.verb == "delete":
        return live is None or (shown is not None and live.uid != shown.uid)
    if live is None:
        return False
    if isinstance(live.values, Pinned):
        wanted = shown.values.made if shown is not None and isinstance(shown.values, Pinned) else {}
        return bool(wanted) and all(_alike(live.values.held.get(path, ABSENT), value) for path, value in wanted.items())
    if write.verb == "label":
        return all(live.values.get(key) == value for key, value in write.body.items())
    if write.verb in {"merge", "scale"}:
        return _filled(overlaid(live.values, write.body)) == _filled(live.values)
    return _covers(live.values, write.body)


def standing(shown: Preview) -> Preview:
    """A preview, stopped where the server would make nothing else of any object: that would prove nothing and undo nothing."""
    plan = shown.plan
    if not shown.steps or not all(map(_is_idle, shown.steps)):
        return shown
    stop = Stop(note(AS_WANTED, plan.on, what=plan.title))
    return msgspec.structs.replace(shown, plan=msgspec.structs.replace(plan, stops=(*plan.stops, stop)))


_UNPRINTED: Final = frozenset({"delete", "status"})
"""What the print of an object does not show."""


def _is_idle(step: Step) -> bool:
    """What an apply leaves out goes away, too: only the server knows what it would make."""
    live, made = step.live, step.dry.live if step.dry is not None else None
    return live is not None and made is not None and step.write.verb not in _UNPRINTED and live.print == made.print


def _alike(found: Any, wanted: Any) -> bool:
    return bool(found == wanted) or (is_nothing(found) and is_nothing(wanted))


def _covers(found: Any, wanted: Any) -> bool:
    """Whether a tree has at least what another has: the server may add defaults."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _covers(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(_covers(a, b) for a, b in zip(found, wanted, strict=True))
    return bool(found == wanted)


def refs(plan: Plan) -> tuple[Ref, ...]:
    """The objects that a plan writes to, each once."""
    return tuple(dict.fromkeys(write.ref for write in plan.writes))

"""Triage: signals in, incidents out. What comes in on the loop is folded in the judge's thread, after each tick.

No signal is kept but those that an incident counts; what was told already (lists are read again, alerts are polled) is told by
its id and total. The only mutable state of incidents.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final, TypeVar

import msgspec

from ztui.board import Board, Judge
from ztui.checks.base import CheckId, Status
from ztui.engines.bursts import Bursts
from ztui.engines.incidents import (
    OWNERS,
    READS,
    RISKY,
    WINDOW,
    Remembered,
    acted,
    home_of,
    joined,
    neighbours,
    opened_by,
    opens,
    remembered,
    things_of,
    weighed,
)
from ztui.engines.vaultturns import READS as OF_VAULTS
from ztui.engines.vaultturns import VaultTurns
from ztui.kinds.base import Kind, Ref
from ztui.kinds.incident import Act, Heard, Incident, Level, Signal, Subject, signal
from ztui.kinds.logline import BESIDE
from ztui.kinds.notice import NOTICES, Passing
from ztui.kinds.workload import Pod
from ztui.panes.workloads import rows
from ztui.view import GAP, LOADING, State, View
from ztui.words import sentence

T = TypeVar("T")

HEARD_LIMIT: Final = 200_000
"""Ids of signals that are known to have been told."""

LOOSE_LIMIT: Final = 10_000
"""Signals too low to open an incident, which wait for one."""

PODS_KEPT: Final = timedelta(hours=24)
PODS_LIMIT: Final = 100_000
OPEN_LIMIT: Final = 1_000
"""Incidents that are held; the oldest closed ones go first, then the oldest and least."""

DRIFT_REFS: Final = 5
_DRIFT_LEVELS: Final[dict[str, Level]] = {"critical": "high", "high": "medium"}


class Folded(msgspec.Struct, frozen=True):
    """What a tick changed: incidents as they are now, those that were dropped, ids that were heard."""

    changed: tuple[Incident, ...] = ()
    dropped: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()

    def after(self, before: Folded) -> Folded:
        """Two ticks in one: of an incident that both changed, as it is now."""
        changed = {item.name: item for item in (*before.changed, *self.changed)}
        heard = {(item.source, item.id): item for item in (*before.heard, *self.heard)}
        gone = {*before.dropped, *self.dropped}
        kept = tuple(item for name, item in changed.items() if name not in gone)
        return Folded(kept, tuple(sorted(gone)), tuple(heard.values()))


class Triage:
    """All incidents of one cluster. ``take`` and ``act`` are called on the loop, ``fold`` in the judge's thread."""

    def __init__(self) -> None:
        self._coming: deque[Signal] = deque()
        self._acts: deque[tuple[str, Act]] = deque()
        self._known: deque[Incident] = deque()
        self._heard: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._loose: deque[tuple[Signal, tuple[Ref, ...], int]] = deque(maxlen=LOOSE_LIMIT)
        self._pods: OrderedDict[tuple[str, str], Remembered] = OrderedDict()
        self._incidents: dict[str, Incident] = {}
        self._places: dict[tuple[str, str], set[str]] = {}
        self._verdicts: dict[CheckId, Status] = {}
        self._bursts = Bursts()
        self._vaults = VaultTurns()
        self._seen_pods = self._knows = False
        self.ready = False

    @property
    def loose(self) -> int:
        """How many low signals wait for an incident about the same thing."""
        return len(self._loose)

    def take(self, obj: Kind) -> None:
        """Take what a source told."""
        if isinstance(obj, Passing):
            self._coming.extend(obj.signals())
        elif isinstance(obj, Incident):
            self._known.append(obj)

    def tell(self, told: Iterable[Signal]) -> None:
        """Take signals."""
        self._coming.extend(told)

    def remember(self, heard: Iterable[Heard]) -> None:
        """Take the ids that were counted before this run."""
        self._heard.update(((item.source, item.id), item.total) for item in heard)

    def act(self, name: str, act: Act) -> None:
        """Somebody did or said something about an incident."""
        self._acts.append((name, act))

    def fold(self, judge: Judge, state: State, board: Board, *, settled: bool) -> Folded | None:
        """Fold what came since the last tick into the incidents; ``None`` where nothing changes by it."""
        for kept in _drained(self._known):
            if kept.name not in self._incidents:
                self._keep(kept)
        # Whose a signal is cannot be told before the workloads have been read, and what was told once stays so.
        self._knows = self._knows or all(state.gap(kind) != LOADING for kind in OWNERS)
        if not self._knows:
            return None
        view = View(state, derivation=judge.memo)
        self._keep_pods(view)
        self._coming.extend(self._drift(judge, board, state) if settled else ())
        self._coming.extend(self._vaults.since(view))
        if not self.ready:
            return None
        changed: dict[str, None] = {}
        heard: dict[tuple[str, str], Heard] = {}
        for told in _drained(self._coming):
            self._fold(view, told, changed, heard)
        for name, act in _drained(self._acts):
            if name in self._incidents:
                self._incidents[name] = acted(self._incidents[name], act)
                changed[name] = None
        for name in changed:
            self._incidents[name] = weighed(self._incidents[name], self._risk(judge, self._incidents[name]))
        dropped = self._dropped()
        if not (changed or dropped or heard):
            return None
        return Folded(tuple(self._incidents[name] for name in changed if name in self._incidents), dropped, tuple(heard.values()))

    def _fold(self, view: View, told: Signal, changed: dict[str, None], heard: dict[tuple[str, str], Heard]) -> None:
        news = self._news(told)
        if news <= 0:
            return
        heard[told.source, told.id] = Heard(told.source, told.id, told.total)
        self._place(view, told, news, changed)
        burst = self._bursts.take(told, news)
        if burst is not None:
            self._fold(view, burst, changed, heard)

    def _place(self, view: View, told: Signal, news: int, changed: dict[str, None]) -> None:
        """Put a signal into its incident, which may be a new one, or aside where it opens none."""
        things = things_of(view, told.subject, self._pods)
        near = neighbours(view, things)
        home = home_of(self._candidates(told, things, near), told, things, near)
        if home is None and not opens(told):
            self._loose.append((told, things, news))
            return
        home = joined(home, told, things, news) if home is not None else opened_by(told, things, news)
        self._keep(home)
        changed[home.name] = None
        if self._loose:
            self._gather(home.name)

    def _candidates(self, told: Signal, things: tuple[Ref, ...], near: frozenset[tuple[str, str]]) -> Iterator[Incident]:
        """The incidents that a signal may belong to, by what they are about: the others are not even looked at."""
        ways = {*((ref.namespace, ref.name) for ref in things), *near, ("", told.subject.principal)}
        for name in {name for way in ways for name in self._places.get(way, ())}:
            yield self._incidents[name]

    def _keep(self, incident: Incident) -> None:
        self._incidents[incident.name] = incident
        for way in (*((ref.namespace, ref.name) for ref in incident.things), *(("", name) for name in incident.principals)):
            self._places.setdefault(way, set()).add(incident.name)

    def _gather(self, name: str) -> None:
        """Low signals about what an incident is about belong to it, as far as its window reaches back."""
        rest: list[tuple[Signal, tuple[Ref, ...], int]] = []
        for told, things, news in self._loose:
            mine = self._incidents[name]
            if told.at < mine.last - WINDOW:
                continue
            if home_of((mine,), told, things) is None:
                rest.append((told, things, news))
            else:
                self._keep(joined(mine, told, things, news))
        self._loose.clear()
        self._loose.extend(rest)

    def _news(self, told: Signal) -> int:
        """How often it happened since it was told last."""
        key = (told.source, told.id)
        before = self._heard.get(key, 0)
        self._heard[key] = max(before, told.total)
        self._heard.move_to_end(key)
        if len(self._heard) > HEARD_LIMIT:
            self._heard.popitem(last=False)
        return told.total - before

    def _keep_pods(self, view: View) -> None:
        """Remember the workloads of pods while they are there: signals about them come when they are gone."""
        state = view.state
        names = {(key[1], key[2]) for key in state.touched if len(key) == 3 and key[0] is Pod and key[2] != GAP}
        held = state.objects.get(Pod, {})
        pods = (part[name] for space, name in names if name in (part := held.get(space, {})))
        if not self._seen_pods:
            self._seen_pods = bool(held)
            pods = (pod for part in held.values() for pod in part.values())
        for pod in pods:
            if isinstance(pod, Pod):
                for way, found in remembered(view, pod).items():
                    self._pods[way] = found
                    self._pods.move_to_end(way)
        while self._pods and (
            len(self._pods) > PODS_LIMIT or next(iter(self._pods.values())).at < state.now.replace(second=0) - PODS_KEPT
        ):
            self._pods.popitem(last=False)

    def _drift(self, judge: Judge, board: Board, state: State) -> Iterator[Signal]:
        """Checks that passed and fail now: somebody opened a door."""
        for check_id, verdict in board.verdicts.items():
            before, now = self._verdicts.get(check_id), verdict.status
            self._verdicts[check_id] = now
            level = _DRIFT_LEVELS.get(judge.cards[check_id].severity)
            if before is not Status.PASS or now is not Status.FAIL or level is None:
                continue
            failed = [item for _, item in board.findings(check_id) if item.status is Status.FAIL]
            for item in failed[:DRIFT_REFS]:
                about = Subject(item.on.namespace, uid=item.on.uid, group=item.on.group, kind=item.on.kind, name=item.on.name)
                yield signal(
                    "drift", f"{check_id}/{item.on}/{state.now.isoformat()}", state.now, level, check_id, sentence(item), about
                )

    def _risk(self, judge: Judge, incident: Incident) -> float | None:
        """The greatest risk of its workloads that anybody can tell."""
        scores = [
            row.risk.score
            for ref in incident.things
            if ref.namespace
            for row in judge.look(rows, ref.namespace)
            if (row.unit.kind, row.unit.name) == (ref.kind, ref.name)
        ]
        return max(scores, default=None) if max(scores, default=0) >= RISKY else None

    def _dropped(self) -> tuple[str, ...]:
        """Keep no more than can be looked at."""
        extra = len(self._incidents) - OPEN_LIMIT
        if extra <= 0:
            return ()
        order = sorted(self._incidents.values(), key=lambda item: (item.is_open, item.level in {"high", "critical"}, item.last))
        gone = tuple(item.name for item in order[:extra])
        for name in gone:
            del self._incidents[name]
        left = {way: names.difference(gone) for way, names in self._places.items()}
        self._places = {way: names for way, names in left.items() if names}
        return gone


def _drained(queue: deque[T]) -> Iterator[T]:
    """Take all that is there now; what comes meanwhile waits for the next tick."""
    for _ in range(len(queue)):
        yield queue.popleft()


TRIAGE_KINDS: Final[frozenset[type[Kind]]] = frozenset((*NOTICES, *BESIDE, *READS, *OF_VAULTS, Incident))
"""What triage follows beside the kinds of the checks."""

"""The board: every verdict, row and phase of one view, kept up to date cell by cell.

Hop 4 of the way from watch event to pixel; runs in the judge thread. What could not be read is handled here, once, by one rule: a
cell whose evidence is not whole is ``UNKNOWN``, and of its findings only those stay that were seen with one's own eyes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

import msgspec

from ztui.checks.base import EVERY_VARIANT, FOLD, Check, CheckId, Finding, Reason, Status, cluster_ref, na
from ztui.engines import units
from ztui.kinds.base import CLUSTER, Kind, Ref
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.record import Acceptance
from ztui.kinds.vault import VaultHealth
from ztui.kinds.workload import Namespace
from ztui.limits import Limits
from ztui.memo import Memo
from ztui.score import Cell, GapNote, PhaseResult, RowResult, Tally, Verdict, current_phase, maturity, phases_of, rows_of
from ztui.view import EVERYWHERE, Gap, State, View, Why
from ztui.waivers import RECORDS, judged

T = TypeVar("T")

CELL_LIMIT_S: Final = 2.0
"""Seconds that one cell may compute before it is interrupted and reported as an error, alone."""

RETRY_HUNG_S: Final = 60.0
"""How long a cell that was interrupted is left alone."""

UNSEEN: Final = "*"
"""The place that stands for the namespaces that cannot be listed."""

ELSEWHERE: Final = Reason("not-here", "this rule has no subject on {variant}")
WITHOUT: Final = Reason("not-served", "the cluster does not serve {kind}", "Install what serves it, or waive the check")

_ALWAYS: Final[frozenset[type[Kind]]] = frozenset((*units.SCOPE, *RECORDS))
"""What may be read for every check: where it applies, and what people say of its findings."""


class Board(msgspec.Struct, frozen=True):
    """All verdicts of one view. ``cells`` is check -> place -> cell; phases are 1-4, then the foundations.

    ``idle`` names the waivers and attestations in force that cover nothing.
    """

    verdicts: Mapping[CheckId, Verdict]
    cells: Mapping[CheckId, Mapping[str, Cell]]
    rows: tuple[RowResult, ...]
    phases: tuple[PhaseResult, ...]
    phase: int
    maturity: float
    confidence: float
    platform: units.Platform
    tick: int = 0
    idle: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Short, for the same reason as a state's."""
        return f"<Board of tick {self.tick}>"

    def findings(self, check_id: CheckId) -> Iterator[tuple[Cell, Finding]]:
        """Every finding of a check with its cell: what is scored before what is an add-on's, worst first, then by object."""
        found = [(cell, item) for cell in self.cells.get(check_id, {}).values() for item in cell.findings]
        yield from sorted(found, key=_order)

    def row(self, row_id: str) -> RowResult | None:
        """The result of one row."""
        return next((item for item in self.rows if item.row.id == row_id), None)


CellOf = Callable[[View, CheckId, str], Cell | None]
"""How a pane asks for the cell of a check in one place."""


def cells_of(board: Board | None) -> CellOf:
    """The cells of a finished board, for a pane that is asked once; of none there are none."""
    return lambda _, check_id, place: board.cells.get(check_id, {}).get(place) if board is not None else None


class CellTimeoutError(Exception):
    """A cell took longer than ``CELL_LIMIT_S``."""


class Judge:
    """Judges states one after another; what an event did not touch is not judged again.

    ``namespace`` limits what is judged per namespace. Not safe for use by two threads at once.
    """

    def __init__(
        self,
        cards: Mapping[CheckId, Check],
        *,
        strict: bool = False,
        namespace: str | None = None,
        platform_namespaces: frozenset[str] = frozenset(),
        include_addons: bool = False,
        limits: Limits = Limits(),  # noqa: B008  an immutable value
    ) -> None:
        self.cards = cards
        self._strict = strict
        self._only = namespace
        self._platform_namespaces = platform_namespaces
        self._include_addons = include_addons
        self.memo = Memo(limits)
        self._tallies = {name: Tally(card) for name, card in cards.items()}
        self._cells: dict[CheckId, Mapping[str, Cell]] = {name: {} for name in cards}
        self._verdicts: dict[CheckId, Verdict] = {}
        self._places: frozenset[str] | None = None
        self._broken: dict[tuple[CheckId, str], float] = {}
        self._watch = _Watch()
        self._state = State()

    def judge(self, state: State) -> Board:
        """The board of this state."""
        first = not self._verdicts
        self._state = state
        with self._watch:
            suspects = self.memo.advance(state)
            dirty = {(CheckId(str(at[0])), str(at[1])) for function, at in suspects if function == self._cell}
            dirty |= self._moved() | self._mended(state)
            changed = self._refreshed(dirty)
        for check_id in self.cards if first else changed:
            self._verdicts[check_id] = self._tallies[check_id].verdict()
        return self._board(state)

    def suppose(self, change: Callable[[State], State], *panes: Callable[[View], Any]) -> tuple[Board, tuple[Any, ...]]:
        """The board of the state that a change makes of this one, and what these functions say of it; then back to this one.

        The other state shares with this one all but what its ``touched`` names: both ways cost what that touches.
        """
        held = self._state
        state = change(held)
        try:
            board = self.judge(state)
            return board, tuple(self.memo.value(pane, ()) for pane in panes)
        finally:
            self.judge(msgspec.structs.replace(held, touched=state.touched))
            for pane in panes:
                self.memo.release(pane, ())

    def look(self, pane: Callable[..., T], *arguments: Hashable) -> T:
        """``pane(view, cell_of, *arguments)`` on the state last judged; what did not change since is not computed again."""
        return cast("T", self.memo.value(pane, (self.cell_of, *arguments)))

    def cell_of(self, view: View, check_id: CheckId, place: str) -> Cell | None:
        """The cell of a check in one place, for a pane that joins verdicts; ``None`` where there is nothing to judge."""
        card = self.cards.get(check_id)
        if card is None or card.grain == ("namespace" if place == CLUSTER else "cluster"):
            return None
        if place != CLUSTER and self._places is not None and place not in self._places:
            return None
        try:
            return view.derive(self._cell, check_id, place)
        except Exception as error:  # noqa: BLE001  a bug in one check must not cost a pane
            return Cell(place, error=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Stop the watch over slow cells."""
        self._watch.close()

    def _board(self, state: State) -> Board:
        unconfigured = state.gap(VaultHealth)
        vault = unconfigured is None or unconfigured.why is not Why.NOT_CONNECTED
        rows = rows_of(self._verdicts, self.cards, strict=self._strict, vault=vault)
        phases = phases_of(rows)
        percent, confidence = maturity(phases)
        return Board(
            MappingProxyType(dict(self._verdicts)),
            MappingProxyType(dict(self._cells)),
            tuple(rows),
            phases,
            current_phase(phases),
            percent,
            confidence,
            self.memo.value(units.platform, ()),
            state.tick,
            self._idle(state),
        )

    def _idle(self, state: State) -> tuple[str, ...]:
        """The records in force that no finding rests on: a typing error, or what they were about is mended."""
        known = [item for kind in RECORDS for part in state.objects.get(kind, {}).values() for item in part.values()]
        if not known:
            return ()
        used = {item.record for cells in self._cells.values() for cell in cells.values() for item in cell.findings if item.record}
        return tuple(
            sorted(
                item.name
                for item in known
                if isinstance(item, Acceptance) and item.name not in used and not item.is_due(state.now)
            )
        )

    def _moved(self) -> set[tuple[CheckId, str]]:
        """The cells to judge because namespaces came or went."""
        classes: dict[str, units.NamespaceClass] = self.memo.value(units.namespace_classes, (self._platform_namespaces,))
        now = frozenset({self._only} if self._only else {*classes, UNSEEN})
        before, self._places = self._places, now
        moved = now ^ (before or set())
        found = {(name, place) for place in moved for name, card in self.cards.items() if card.grain != "cluster"}
        if before is None:
            found |= {(name, CLUSTER) for name, card in self.cards.items() if card.grain != "namespace"}
        return found

    def _mended(self, state: State) -> set[tuple[CheckId, str]]:
        """Cells that raised and may work now: something they declare has changed; those that hung wait a minute."""
        touched = {key[0] for key in state.touched}
        now = time.monotonic()
        return {
            cell for cell, after in self._broken.items() if now >= after and not touched.isdisjoint(self.cards[cell[0]].kinds)
        }

    def _refreshed(self, dirty: set[tuple[CheckId, str]]) -> set[CheckId]:
        """Judge these cells again; returns the checks whose cells really changed, each copied once."""
        fresh: dict[CheckId, dict[str, Cell]] = {}
        for check_id, place in sorted(dirty):
            old = self._cells[check_id].get(place)
            new = self._evaluate(check_id, place)
            if new == old:
                continue
            if check_id not in fresh:
                fresh[check_id] = dict(self._cells[check_id])
            if old is not None:
                self._tallies[check_id].add(old, -1)
            if new is None:
                fresh[check_id].pop(place, None)
            else:
                self._tallies[check_id].add(new)
                fresh[check_id][place] = new
        self._cells.update({check_id: MappingProxyType(cells) for check_id, cells in fresh.items()})
        return set(fresh)

    def _evaluate(self, check_id: CheckId, place: str) -> Cell | None:
        """Judge one cell; ``None`` where there is nothing to judge (no such namespace, or not in scope)."""
        self._broken.pop((check_id, place), None)
        if place != CLUSTER and self._places is not None and place not in self._places:
            self.memo.forget(self._cell, (check_id, place))
            return None
        try:
            return self._watched(check_id, place)
        except CellTimeoutError:
            self._broken[check_id, place] = time.monotonic() + RETRY_HUNG_S
            return Cell(place, error=f"stopped after {CELL_LIMIT_S:g} s")
        except Exception as error:  # noqa: BLE001  a bug in one check must not cost the others
            self._broken[check_id, place] = 0.0
            return Cell(place, error=f"{type(error).__name__}: {error}")

    def _watched(self, check_id: CheckId, place: str) -> Cell | None:
        self._watch.start()
        try:
            found: Cell | None = self.memo.value(self._cell, (check_id, place), self.cards[check_id].kinds | _ALWAYS)
            return found
        finally:
            self._watch.stop()

    def _cell(self, view: View, check_id: CheckId, place: str) -> Cell | None:
        card = self.cards[check_id]
        elsewhere = self._elsewhere(view, card, place)
        if elsewhere is not None:
            return elsewhere
        if place == UNSEEN:
            gap = view.gap(Namespace)
            return Cell(place, gaps=(("namespaces", gap),)) if gap else None
        namespace = view.get(Namespace, place) if place != CLUSTER else None
        if place != CLUSTER and namespace is None:
            return self._unlisted(view, place)
        addon, gaps = False, self._gaps(view, card, place)
        if namespace is not None and card.scope == "user":
            kind = view.derive(units.namespace_class, place, self._platform_namespaces)
            if kind == "platform":
                return None
            addon = kind == "addon" and not self._include_addons
            if kind == "unproven":
                gaps += _notes((ClusterOperator,), view, EVERYWHERE)
        if any(gap.why is Why.ABSENT for _, gap in gaps) and card.absent is not Status.UNKNOWN:
            missing = next(name for name, gap in gaps if gap.why is Why.ABSENT)
            return Cell(place, (_absent(card, missing),), addon=addon)
        if any(gap.why is Why.LOADING for _, gap in gaps):
            return Cell(place, (), gaps, addon)
        findings = tuple(judged(view, card, item) for item in self._run(view, card, namespace))
        kept = tuple(item for item in findings if item.reason.stands) if gaps else findings
        return Cell(place, kept, gaps, addon)

    @staticmethod
    def _run(view: View, card: Check, namespace: Namespace | None) -> Iterator[Finding]:
        if card.grain == "cluster":
            yield from card.function(view)
        else:
            yield from card.function(view, namespace)

    def _elsewhere(self, view: View, card: Check, place: str) -> Cell | None:
        if set(card.variants) >= set(EVERY_VARIANT):
            return None
        found = view.derive(units.platform)
        if found.gap is not None:
            return Cell(place, gaps=(("infrastructures", found.gap),))
        if found.variant in card.variants:
            return None
        speaks = place == (UNSEEN if card.grain == "namespace" else CLUSTER)
        return Cell(place, (na(cluster_ref(), ELSEWHERE, variant=found.variant),) if speaks else ())

    @staticmethod
    def _unlisted(view: View, place: str) -> Cell:
        """A namespace that was asked for by name but cannot be seen."""
        gap = view.gap(Namespace) or Gap(Why.ABSENT, f"there is no namespace {place}")
        return Cell(place, gaps=((f"namespaces/{place}", gap),))

    @staticmethod
    def _gaps(view: View, card: Check, place: str) -> tuple[GapNote, ...]:
        served = _notes(card.where_served, view, place or EVERYWHERE, card.beyond)
        needed = _notes(card.needs, view, place or EVERYWHERE, card.beyond)
        return needed + tuple(item for item in served if item[1].why is not Why.ABSENT)


def _notes(kinds: tuple[type[Kind], ...], view: View, place: str, beyond: tuple[type[Kind], ...] = ()) -> tuple[GapNote, ...]:
    found = []
    for kind in kinds:
        # What is read in one place only is read for every namespace there.
        here = kind.NAMESPACED and not kind.SINGLE and not kind.ONLY_IN and kind not in beyond
        gap = view.gap(kind, place if here else EVERYWHERE)
        if gap is not None:
            found.append((kind.PLURAL, gap))
    return tuple(found)


def _absent(card: Check, missing: str) -> Finding:
    """What the card says of an API that is proven not to be served."""
    return msgspec.structs.replace(na(cluster_ref(), WITHOUT, kind=missing), status=card.absent)


class _Watch:
    """Interrupts a cell that takes too long, from a thread that sleeps while nothing is judged.

    What counts is the time that the judge's thread computes: a machine that is busy with something else makes no cell slow. The
    interruption is asynchronous: it may surface a moment after the cell has ended, so the loop over cells catches it too; and it
    may be lost in a callback of the collector, so it comes again as long as the cell goes on.
    """

    def __init__(self) -> None:
        self._cell: int | None = None
        self._count = 0
        self._thread_id = 0
        self._clock: int | None = None
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        self._thread_id = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread_id) if hasattr(time, "pthread_getcpuclockid") else None
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="cell-watch", daemon=True)
            self._thread.start()
        self._busy.set()

    def __exit__(self, *_: object) -> None:
        self._busy.clear()

    def start(self) -> None:
        self._count += 1
        with self._lock:
            self._cell = self._count

    def stop(self) -> None:
        with self._lock:
            self._cell = None

    def close(self) -> None:
        self._ended.set()
        self._busy.set()

    def _spent_s(self) -> float:
        """What the judge's thread has computed so far; where no system tells, the time. One that has ended has no clock."""
        if self._clock is None:
            return time.monotonic()
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def _look(self) -> None:
        """From the first look at a cell on its time counts: hardly any cell is seen twice, and none asks for the time itself."""
        seen, since = None, 0.0
        while not self._ended.is_set():
            self._busy.wait()
            if self._ended.wait(0.2):
                return
            with self._lock:
                if self._cell is None or self._cell != seen:
                    seen, since = self._cell, self._spent_s()
                elif self._spent_s() - since > CELL_LIMIT_S:
                    since = self._spent_s()
                    import ctypes  # noqa: PLC0415  only a cell that hangs pays for it

                    target = ctypes.c_ulong(self._thread_id)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(CellTimeoutError))


_WORST: Final = {status: rank for rank, status in enumerate(FOLD)}


def _order(pair: tuple[Cell, Finding]) -> tuple[bool, int, Ref]:
    cell, finding = pair
    return (cell.addon or finding.addon, _WORST[finding.status], finding.on)

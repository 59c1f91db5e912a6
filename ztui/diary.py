"""When records are read and snapshots written: the core's way to ``records``, in a thread of its own.

Keeps one snapshot at every change of a row and every ten minutes; what cannot be kept is said once and costs nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ztui.attestations import read_attestations
from ztui.board import Board
from ztui.engines.progress import Sweep
from ztui.errors import JournalError
from ztui.health import Health
from ztui.kinds.base import Kind
from ztui.kinds.incident import Heard, Incident
from ztui.kinds.record import Attestation, GuideMark, History, Waiver
from ztui.records import Records
from ztui.store import Event, Hole, Put
from ztui.view import Gap, Why

if TYPE_CHECKING:
    from ztui.triage import Folded

RECORD_KINDS: Final[tuple[type[Kind], ...]] = (Waiver, Attestation, History, GuideMark, Incident)
CATALOGUE: Final = 1
"""The version of the rules: a verdict that another version would give is no progress and no loss."""

EVERY_S: Final = 600.0
LEAST_S: Final = 5.0
"""The shortest time between two snapshots: rows that change together are one change."""

SKEW_S: Final = 300.0


class Diary:
    """The records of the one cluster that a core follows."""

    def __init__(self, folder: Path | None, *, strict: bool, attestations: str | None) -> None:
        self._folder = folder / "records" if folder else None
        self._strict = strict
        self._sworn = attestations
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._records: Records | None = None
        self._cluster = ""
        self._lock = asyncio.Lock()
        self._last: tuple[datetime, dict[str, str]] | None = None
        self.problems: tuple[str, ...] = ()

    async def open(self, cluster: str) -> list[Event]:
        """Read everything that is kept of a cluster; nothing the second time."""
        async with self._lock:
            if self._cluster:
                return []
            self._cluster = cluster
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._open, cluster)

    async def note(self, board: Board, at: datetime, health: Health, *, now: bool = False) -> list[Event]:
        """Keep a snapshot if it is time for one; returns what the history says then."""
        async with self._lock:
            if self._records is None or not self._is_due(board, at, now=now):
                return []
            self._last = (at, {item.row.id: str(item.status) for phase in board.phases for item in phase.rows})
            sweep = sweep_of(board, at, self._cluster, strict=self._strict, skewed=abs(health.skew_s or 0.0) > SKEW_S)
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._note, sweep)

    async def skip(self, check_id: str) -> list[Event]:
        """Leave a step of the guide for later, or take it back."""
        return await self._change(lambda records: records.skip(check_id))

    async def waive(self, waiver: Waiver) -> list[Event]:
        """Keep a waiver."""

        def keep(records: Records) -> list[Event]:
            records.waive(waiver)
            return [Put(waiver)]

        return await self._change(keep)

    async def heard(self) -> list[Heard]:
        """The signals that earlier runs counted; none where nothing is kept."""
        async with self._lock:
            if self._records is None:
                return []
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._records.heard)
            except JournalError as error:
                self._unusable(error)
                return []

    async def keep(self, folded: Folded, at: datetime) -> list[Event]:
        """Keep what signals made of the incidents."""

        def keep(records: Records) -> list[Event]:
            records.keep(folded.changed, folded.dropped, folded.heard, int(at.timestamp() // 86_400))
            return []

        return await self._change(keep)

    async def _change(self, change: Callable[[Records], list[Event]]) -> list[Event]:
        async with self._lock:
            if self._records is None:
                return []
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._told, change, self._records)

    def _told(self, change: Callable[[Records], list[Event]], records: Records) -> list[Event]:
        try:
            return change(records)
        except JournalError as error:
            return self._unusable(error)

    async def close(self) -> None:
        """Let go of the file."""
        if self._records is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._records.close)
        self._thread.shutdown(wait=False)

    def _is_due(self, board: Board, at: datetime, *, now: bool) -> bool:
        if now or self._last is None:
            return True
        before, rows = self._last
        age_s = (at - before).total_seconds()
        changed = any(rows.get(item.row.id) != str(item.status) for phase in board.phases for item in phase.rows)
        return age_s >= EVERY_S or (changed and age_s >= LEAST_S) or age_s < 0

    def _open(self, cluster: str) -> list[Event]:
        try:
            sworn, self.problems = read_attestations(self._sworn)
            self._records = Records(self._folder, cluster)
            return self._records.events(sworn)
        except JournalError as error:
            return self._unusable(error)

    def _note(self, sweep: Sweep) -> list[Event]:
        try:
            if self._records is not None:
                self._records.add(sweep)
                return self._records.history()
        except JournalError as error:
            return self._unusable(error)
        return []

    def _unusable(self, error: JournalError) -> list[Event]:
        self._records = None
        self.problems = (*self.problems, str(error))
        return [Hole(kind, Gap(Why.NOT_CONNECTED, f"records: {error.why or error.what}")) for kind in RECORD_KINDS]


def sweep_of(board: Board, at: datetime, cluster: str, *, strict: bool, skewed: bool = False) -> Sweep:
    """A board as a snapshot. Open are the failed findings of required checks of phases 1 and 2."""
    rows = [item for phase in board.phases for item in phase.rows]
    required = {check for item in rows if item.row.phase in {1, 2} for check in item.row.required}
    return Sweep(
        ts=at.isoformat(timespec="seconds"),
        cluster=cluster,
        catalogue=CATALOGUE,
        strict=strict,
        phase=board.phase,
        maturity=round(board.maturity, 4),
        confidence=round(board.confidence, 4),
        rows={item.row.id: str(item.status) for item in rows},
        scores={name: round(item.score, 3) for name, item in board.verdicts.items()},
        open=sum(item.counts.get("FAIL", 0) for name, item in board.verdicts.items() if name in required),
        skewed=skewed,
    )

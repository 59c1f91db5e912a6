"""The journal: a step on the disk, and 100,000 records checked. Most of the first is the disk's own time, told beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.bench.figures import quantile
from tests.bench.probe import memory_mb
from tests.changes.written import entry, lines
from ztui.changes.disk import Disk
from ztui.changes.journal import Journal
from ztui.clock import SystemClock

APPENDS = 1_000
RECORDS = 100_000


def test_append(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, clock=SystemClock())
    seconds, alone = [], []
    for number in range(APPENDS):
        started_s = time.perf_counter()
        journal.append(entry("intent", f"c{number}"))
        seconds.append(time.perf_counter() - started_s)
        alone.append(_disk_alone(tmp_path, lines(tmp_path)[-1] if not number else b"x" * 800))
    journal.close()
    for name, values in (("append", seconds), ("the same two writes and flushes alone", alone)):
        told = ", ".join(f"p{share * 100:g} {quantile(values, share) * 1000:.2f} ms" for share in (0.5, 0.99, 1.0))
        print(f"\n{name}: {told}")


def _disk_alone(folder: Path, line: bytes) -> float:
    first = os.open(folder / "first", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    second = os.open(folder / "second", os.O_WRONLY | os.O_CREAT)
    started_s = time.perf_counter()
    os.write(first, line)
    os.fsync(first)
    os.pwrite(second, b"y" * 97, 0)
    os.fdatasync(second)
    found = time.perf_counter() - started_s
    os.close(first)
    os.close(second)
    return found


class _NoFlush(Disk):
    """For filling only."""

    def sync(self, handle: int) -> None:
        """Return at once."""

    def sync_data(self, handle: int) -> None:
        """Return at once."""


def test_verify(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, clock=SystemClock(), disk=_NoFlush())
    for number in range(RECORDS // 4):
        for step in ("intent", "sent", "acked", "verified"):
            journal.append(entry(step, f"c{number}"))
    size_mb = (tmp_path / "journal.jsonl").stat().st_size / 1e6
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    assert journal.verify() == []
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    started_s = time.perf_counter()
    changes = journal.changes()
    folded_s = time.perf_counter() - started_s
    journal.close()
    print(f"\n{RECORDS:,} records, {size_mb:.0f} MB: verified in {wall_s:.2f} s ({cpu_s:.2f} s of CPU)")
    print(f"RSS {memory_mb('self'):.0f} MB")
    print(f"folded into {len(changes):,} changes in {folded_s:.2f} s")

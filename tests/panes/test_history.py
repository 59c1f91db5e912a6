"""The way so far: a curve at even distances of time, and its words."""

from __future__ import annotations

import msgspec
import pytest

from ztui.engines.progress import POINTS, Sweep, progress
from ztui.kinds.record import History, record_meta
from ztui.panes.history import plot, way_words

FIRST = Sweep("2026-01-01T00:00:00Z", "c", 1, strict=False, phase=0, maturity=0.1, confidence=1.0, rows={}, scores={}, open=9)


def sweep(day: int, maturity: float) -> Sweep:
    return msgspec.structs.replace(FIRST, ts=f"2026-01-{day:02}T00:00:00Z", maturity=maturity)


def test_the_curve_follows_time_and_not_how_often_somebody_looked() -> None:
    busy = [FIRST, *(sweep(2, 0.2) for _ in range(90)), sweep(24, 0.9)]
    found = progress(busy)
    assert found is not None
    assert len(found.curve) == POINTS
    assert found.curve[0] == 0.1
    assert found.curve[1:-1] == (0.2,) * (POINTS - 2)
    assert found.curve[-1] == 0.9


def test_one_snapshot_is_no_curve() -> None:
    found = progress([FIRST])
    assert found is not None
    assert plot(found.curve) == ""


@pytest.mark.parametrize(
    ("curve", "drawn"),
    [((0.0, 1.0), "0% ▁█ 100%"), ((0.14, 0.5, 0.62), "14% ▂▅▅ 62%"), ((-1.0, 2.0), "-100% ▁█ 200%")],
)
def test_the_plot(curve: tuple[float, ...], drawn: str) -> None:
    assert plot(curve) == drawn


def test_the_words_come_after_the_plot() -> None:
    found = History(metadata=record_meta("self"), started="2026-01-01T00:00:00Z", open=3, curve=(0.1, 0.4))
    assert way_words(found).startswith("10% ▁▄ 40%   since 2026-01-01:")
    assert way_words(msgspec.structs.replace(found, curve=())).startswith("since 2026-01-01:")

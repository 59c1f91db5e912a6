"""A check that does not end costs itself its verdict, and no other check anything."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from tests.worlds import NOW, card, judged, world
from ztui.board import Judge, _Watch
from ztui.checks.base import Finding, Status
from ztui.view import View

NAMESPACES = card("ZTG-TEN-001")
ANONYMOUS = card("ZT1-AUTH-001")


def endless(view: View, _place: object) -> Iterator[Finding]:
    """Never says anything."""
    for _ in itertools.repeat(view):
        pass
    yield from ()


def test_an_endless_check_is_stopped_and_the_others_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ztui.board.CELL_LIMIT_S", 0.1)
    state = world([{"kind": "Namespace", "metadata": {"name": "shop"}}]).tick(NOW)
    hung = msgspec.structs.replace(ANONYMOUS, function=endless)
    board = judged(state, hung, NAMESPACES)
    assert board.verdicts[hung.id].status is Status.ERROR
    assert {cell.error for cell in board.cells[hung.id].values()} == {"stopped after 0.1 s"}
    alone = judged(state, NAMESPACES).verdicts[NAMESPACES.id].status
    assert board.verdicts[NAMESPACES.id].status is alone is not Status.ERROR


def test_a_judge_whose_thread_has_ended_is_not_watched_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, asked = _Watch(), threading.Event()

    def ended(_: int) -> float:
        asked.set()
        raise OSError(22, "Invalid argument")

    with watch:
        monkeypatch.setattr(time, "clock_gettime", ended)
        watch.start()
        assert asked.wait(20)
        assert watch._spent_s() == 0.0
        assert watch._thread is not None
        assert watch._thread.is_alive()
    watch.close()
    watch._thread.join()


def test_a_judge_can_be_asked_again_from_another_thread() -> None:
    judge = Judge({ANONYMOUS.id: ANONYMOUS})
    state = world([]).tick(NOW)
    found = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: found.append(judge.judge(state).verdicts[ANONYMOUS.id].status))
        thread.start()
        thread.join()
    judge.close()
    assert len(found) == 2
    assert found[0] is found[1]

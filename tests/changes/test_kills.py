"""Kill -9 at every call that the journal makes to the disk: the next start is tidy, and what was promised is there."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.changes.killed import ACKED
from tests.changes.written import entry, opened
from ztui.changes.files import JOURNAL
from ztui.changes.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
STEPS = ["intent", "sent", "acked", "verified"]


def killed(task: str, folder: Path) -> Iterator[Path]:
    """What each killed process has left."""
    run = [sys.executable, "-m", "tests.changes.killed", task, str(folder)]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    places = sorted(folder.iterdir())
    assert len(places) == int(told) + 2 > 20
    yield from places


def acked(place: Path) -> int:
    return (place / ACKED).stat().st_size if (place / ACKED).exists() else 0


def tidy(journal: Journal, folder: Path) -> None:
    """Writable, sound, and nothing lies about."""
    assert journal.problem is None
    assert journal.verify() == []
    journal.append(entry("intent", "next"))
    journal.close()
    assert {path.name for path in folder.iterdir()} == {"head", "journal.jsonl", "lock"}
    again = opened(folder)
    assert (again.problem, again.notes) == (None, [])
    again.close()


@pytest.mark.parametrize(("task", "before"), [("fresh", 0), ("torn", 3)])
def test_F58_F49_R15_after_a_kill_all_that_was_promised_is_there_and_at_most_one_step_more(
    tmp_path: Path, task: str, before: int
) -> None:
    for place in killed(task, tmp_path):
        journal = opened(place / "journal")
        steps = [item.step for item in journal.records()[before:] if item.step != "note"]
        assert steps in (STEPS[: acked(place)], STEPS[: acked(place) + 1]), place
        assert [item.change for item in journal.records()[:before]] == ["c0"] * before
        tidy(journal, place / "journal")


def test_F49_a_kill_while_damage_is_accepted_loses_neither_the_records_nor_the_evidence(tmp_path: Path) -> None:
    for place in killed("accept", tmp_path):
        folder = place / "journal"
        evidence = [path for path in folder.iterdir() if path.name.startswith(JOURNAL) and b'"c9"' in path.read_bytes()]
        assert evidence, place
        journal = opened(folder)
        if journal.problem is not None:
            journal.accept("once more, after the power came back")
        assert [item.change for item in journal.records()[:4]] == ["c0"] * 4, place
        assert any(item.step == "note" and "line 5" in item.outcome for item in journal.records()), place
        assert journal.verify() == []
        journal.append(entry())
        journal.close()

"""The guide is followed from a young cluster on by the very commands that it prints, with the real kubectl and the real vault."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.demo.follower import stops, told, young
from tests.demo.guided import FILES, fits, noted, table, tables
from ztui.checks.base import CheckId
from ztui.guide.route import open_findings

TURNS: Final = 2
"""How often a stop may come: what mends another one may leave something new for it."""
ALONG: Final = frozenset(noted("along"))
"""Checks that one before them in their file may have mended along with itself."""
BY_DAYS: Final = frozenset({"ZTG-TIME-001"})
"""What no command mends: how fast somebody follows is told by days, not by a shell."""


@pytest.mark.parametrize("file", FILES)
async def test_the_stops_of_a_file_are_mended_by_the_printed_commands(tmp_path: Path, file: str) -> None:
    known, mended = table(file), set[CheckId]()
    async with young(tmp_path) as (core, follower, first):
        board = first
        for check, acts in known.items():
            board = await follower.spoil(board, check, acts)
            if check in stops(board, core) or open_findings(board, check):
                board = await follower.mend(board, check, acts)
            else:
                mended.add(check)
    assert mended <= ALONG
    told_in_vain = {(check, number) for check, acts in known.items() for number in range(len(acts))} - follower.done
    assert {check for check, _ in told_in_vain} <= ALONG


async def test_what_only_a_busy_cluster_has_is_mended_by_the_printed_commands(tmp_path: Path) -> None:
    async with young(tmp_path, "default") as (_, follower, first):
        board = first
        for check, acts in table("busy").items():
            assert any(fits(act, item) for act in acts for item in open_findings(board, check)), check
            board = await follower.mend(board, check, acts, whole=False)


async def test_who_follows_the_guide_arrives(tmp_path: Path) -> None:
    known, taken = tables(), list[CheckId]()
    async with young(tmp_path) as (core, follower, first):
        board = first
        assert board.phase == 0
        while left := [check for check in stops(board, core, BY_DAYS) if check not in BY_DAYS]:
            check = left[0]
            assert check in known, f"{check} has no commands"
            assert taken.count(check) < TURNS, (f"{check} is back after {taken}", told(open_findings(board, check)))
            taken.append(check)
            board = await follower.mend(board, check, known[check])
    assert set(stops(board, core)) <= BY_DAYS
    assert not BY_DAYS & known.keys()
    assert board.phase == 4
    assert len(taken) > 55

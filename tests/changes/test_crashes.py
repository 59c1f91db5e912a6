"""Killed at any point of a change, the next start knows how it ended."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.changes.crash import POINTS
from tests.changes.desks import agree, opened
from tests.changes.test_protocol import PSA, labels, writes
from tests.demo.client import Client
from ztui.demo.server import DemoThread

ENDS = {
    "before-intent": None,
    "after-intent": "failed",
    "after-send": "verified",
    "after-answer": "verified",
    "after-verify": "verified",
}


async def crashed(point: str, folder: Path) -> None:
    with DemoThread(churn=False) as demo:
        admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
        state = folder / "state"
        state.mkdir(mode=0o700)
        path = demo.write_kubeconfig(folder / "kubeconfig")
        command = [sys.executable, "-m", "tests.changes.crash", str(path), str(state), point]
        ended = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
        assert ended.returncode == -9
        is_made = PSA in labels(admin)
        assert is_made == (ENDS[point] == "verified")
        sent = len([item for item in demo.requests if item.method == "PATCH" and "dryRun" not in item.query])
        assert sent == is_made
        async with opened(demo, folder, state=state) as (_, desk):
            changes = await desk.changes()
            assert [item.state for item in changes] == ([ENDS[point]] if ENDS[point] else [])
            assert desk.journal is not None
            assert [item for item in desk.journal.verify() if item.blocks] == []
            assert bool(desk.news) == (point in {"after-intent", "after-send", "after-answer"})
            assert len(writes(demo)) - len([item for item in demo.requests if "dryRun" in item.query]) == sent
            if is_made:
                assert (await agree(desk, await desk.preview_undo(changes[0].id))).state == "verified"
                assert PSA not in labels(admin)


@pytest.mark.parametrize("point", POINTS)
async def test_F58_R15_a_kill_at_each_point_leaves_no_doubt(tmp_path: Path, point: str) -> None:
    await crashed(point, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("run", range(200))
@pytest.mark.parametrize("point", POINTS)
async def test_R15_long(tmp_path: Path, point: str, run: int) -> None:
    del run
    await crashed(point, tmp_path)

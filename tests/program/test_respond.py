"""``ztui incident respond`` as a program: which pipeline, what it would start, and that nothing is sent unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.client import Client
from tests.program.hands import own_settings, ran
from tests.recipes.test_respond import PIPELINE, RUNS
from ztui.demo.server import DemoThread


@pytest.fixture
def attacked() -> Iterator[DemoThread]:
    with DemoThread(scenario="incident", seed=7, churn=False) as found:
        found.server.objects.put(PIPELINE)
        assert found.server.attack is not None
        while found.server.attack.step():
            pass
        yield found


def test_a_pipeline_is_shown_before_it_is_started(attacked: DemoThread, tmp_path: Path) -> None:
    own_settings(tmp_path, attacked)
    first = json.loads(ran(tmp_path, "incident", "list", "-o", "json", status=1))["incidents"][0]["id"]
    shown = ran(tmp_path, "incident", "respond", first, "--pipeline", "payments/isolate")
    assert "PipelineRun" in shown
    assert f"incident={first}" in shown
    assert "nothing was sent" in shown
    ran(tmp_path, "incident", "respond", first, status=2)
    admin = Client(attacked.url, attacked.ca_pem, attacked.token("admin"))
    assert admin.ask(RUNS).body["items"] == []

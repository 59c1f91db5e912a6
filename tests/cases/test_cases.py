"""Each check against its cases: at least one pass, one fail or warn, one per trap. Everything enters through door and store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worlds import card, judged, world
from ztui.checks.base import CheckId, Status, catalogue
from ztui.text import clean

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))


def _cases() -> list[Any]:
    return [
        pytest.param(file.stem, case, id=f"{file.stem}-{case['case']}")
        for file in FILES
        for case in yaml.safe_load(file.read_text())
    ]


@pytest.mark.parametrize(("check_id", "case"), _cases())
def test_case(check_id: str, case: dict[str, Any]) -> None:
    store = world(case.get("objects") or (), gaps=case.get("gaps"), platform=case.get("platform", "ocp"))
    wanted = [card(check_id), *(card(other) for other in case.get("with", ()))]
    board = judged(store.state, *wanted)
    verdict = board.verdicts[CheckId(check_id)]
    found = [
        {
            "on": str(finding.on),
            "reason": finding.reason.code,
            "status": str(finding.status),
            **{name: clean(value) for name, value in finding.values},
        }
        for _, finding in board.findings(CheckId(check_id))
    ]
    expect = case["expect"]
    assert str(verdict.status) == expect["status"], (found, verdict.gaps, verdict.errors)
    for wanted_finding in expect.get("findings", ()):
        # YAML reads a bare `on` as true.
        text = {"on" if key is True else key: str(value) for key, value in wanted_finding.items()}
        assert any(text.items() <= item.items() for item in found), (text, found)
    for unwanted in expect.get("not_on", ()):
        bad = {"FAIL", "WARN"}
        assert not [item for item in found if item["on"] == unwanted and item["status"] in bad], (unwanted, found)
    if "count" in expect:
        assert len(found) == expect["count"], found


def test_every_check_has_cases_that_pass_and_cases_that_do_not() -> None:
    for check_id in catalogue():
        file = FOLDER / f"{check_id}.yaml"
        assert file.exists(), f"{check_id} has no cases"
        statuses = {case["expect"]["status"] for case in yaml.safe_load(file.read_text())}
        assert statuses & {str(Status.FAIL), str(Status.WARN), str(Status.UNKNOWN)}, check_id
        assert statuses - {str(Status.FAIL)}, check_id

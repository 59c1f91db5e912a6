"""Each remedy of the table on a demo cluster, as a person would: offered for a finding, shown, made, proved, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.changes.desks import agree, until
from tests.changes.test_protocol import person
from tests.demo.client import Client
from tests.recipes.conftest import Stage
from ztui.checks.base import CheckId, Finding
from ztui.frame import Frame
from ztui.recipes.base import recipes, recipes_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

MERGE = "application/merge-patch+json"
TABLE = Path(__file__).with_name("demo.yaml")

Obj = dict[str, Any]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One remedy on one finding; the head of the table says what each field is."""

    recipe: str
    check: str
    name: str
    case: str = ""
    scenario: str = "default"
    reason: str = ""
    answers: dict[str, str] = {}
    before: dict[str, Obj] = {}
    looks: list[str] = []
    made: Obj = {}
    undo: bool = True


class Table(msgspec.Struct, frozen=True):
    """All cases, and names for the paths of the API in them."""

    paths: dict[str, str]
    cases: list[Case]


CASES = msgspec.yaml.decode(TABLE.read_bytes(), type=Table)


def path_of(text: str) -> str:
    return text.format_map(CASES.paths)


def held(admin: Client, case: Case) -> list[Obj]:
    return [person(admin.ask(path_of(path)).body) for path in case.looks]


def within(wanted: object, found: object) -> bool:
    """Whether all that is wanted of a tree is in it."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and within(value, found[key]) for key, value in wanted.items())
    return wanted == found


def findings(frame: Frame, case: Case) -> list[Finding]:
    assert frame.board is not None
    found = (item for _, item in frame.board.findings(CheckId(case.check)) if item.status in {"FAIL", "WARN"})
    return [item for item in found if fnmatchcase(item.on.name, case.name) and case.reason in {"", item.reason.code}]


@pytest.mark.parametrize("case", CASES.cases, ids=lambda case: f"{case.recipe} {case.case}".strip())
async def test_a_remedy_from_its_finding_to_its_undo(case: Case, stages: Callable[[str], asyncio.Future[Stage]]) -> None:
    stage = await stages(case.scenario)
    for path, patch in case.before.items():
        assert stage.admin.ask(path_of(path), "PATCH", patch, content=MERGE).code == 200
    found = findings(await until(stage.core, lambda frame: bool(findings(frame, case))), case)[0]
    card = recipes()[case.recipe]
    assert card in recipes_for(found.on, [case.check])
    answers = {item.name: item.proposal(dict(found.values)) for item in card.asks} | case.answers
    assert all(answers.values())
    was = held(stage.admin, case)
    shown = await stage.desk.preview(card, found.on, answers)
    assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
    assert shown.plan.radius
    assert shown.effect is not None
    outcome = await agree(stage.desk, shown)
    assert (outcome.state, outcome.words) == ("verified", "done, and proved")
    if case.looks:
        now = stage.admin.ask(path_of(case.looks[0])).body
        assert within(case.made, now), now
    if case.undo:
        back = await agree(stage.desk, await stage.desk.preview_undo(outcome.change))
        assert back.state == "verified"
        assert held(stage.admin, case) == was

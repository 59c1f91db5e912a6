"""The points on the way: a young cluster, access policies in force, everything in force; and what each verdict rests on there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.assessed import Assessed
from tests.demo.way import Way, carriers
from ztui.checks.base import CheckId, Status, catalogue

pytestmark = pytest.mark.xdist_group("scenarios")  # one grown world, which each test mends again

CARRIERS = carriers()

NOT_TOLD = {"ZTG-TIME-001": "a cluster has no history on its first day"}
"""What no object of a cluster, no Vault and no metric can make pass."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assessed]:
    """The world in which everything is in force."""
    found = Assessed("phase4", tmp_path_factory.mktemp("grown"))
    yield found
    found.judge.close()


@pytest.mark.parametrize(("scenario", "phase"), [("fresh", 0), ("phase2", 2), ("phase4", 4)])
def test_each_scenario_is_where_its_name_says(scenario: str, phase: int, tmp_path: Path) -> None:
    found = Assessed(scenario, tmp_path)
    assert found.board().phase == phase
    found.judge.close()


def test_everything_passes_that_can(grown: Assessed) -> None:
    left = {check for check, verdict in grown.board().verdicts.items() if verdict.status is not Status.PASS}
    assert left == set(NOT_TOLD)


def test_every_verdict_is_carried_by_something() -> None:
    assert {*CARRIERS, *NOT_TOLD} == set(catalogue())
    assert not {*CARRIERS} & {*NOT_TOLD}


@pytest.fixture(scope="module")
def way() -> Way:
    """From the young cluster to the grown one."""
    return Way("fresh", "phase4")


@pytest.mark.parametrize("check", CARRIERS)
def test_a_verdict_stands_and_falls_with_what_carries_it(check: str, grown: Assessed, way: Way) -> None:
    carrier = CARRIERS[check]
    is_asked = any(kind.SOURCE in {"vault", "metrics"} for kind in catalogue()[CheckId(check)].kinds)
    mending = way.spoil(grown, carrier.spoil) if carrier.spoil else way.back(grown, carrier.objects)
    broken = grown.status(check, ask=is_asked)
    way.go(grown, mending)
    assert (broken is Status.PASS, grown.status(check, ask=is_asked)) == (False, Status.PASS)


def test_what_was_mended_is_whole_again(grown: Assessed) -> None:
    test_everything_passes_that_can(grown)

"""From a young cluster on, at a terminal: what one-key remedies mend, each key on the screen, and all of it back by one.

Other eyes look afterwards: the journal's own check, and a client of the cluster that compares every object before and after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.changes.test_protocol import person
from tests.demo.client import Client
from tests.program.hands import Hands, own_settings, ran
from tests.program.terminal import Program
from ztui.demo.server import DemoThread

PATHS: Final = (
    "/api/v1/namespaces",
    "/api/v1/limitranges",
    "/api/v1/resourcequotas",
    "/api/v1/secrets",
    "/apis/config.openshift.io/v1/apiservers",
    "/apis/config.openshift.io/v1/oauths",
    "/apis/config.openshift.io/v1/projects",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/route.openshift.io/v1/routes",
    "/apis/template.openshift.io/v1/templates",
)


class Stop(NamedTuple):
    """One check of a phase, how many of its findings are marked, which of several recipes, and how many questions are asked."""

    phase: str
    check: str
    marked: int = 0
    recipe: str = ""
    asks: int = 0


STOPS: Final = (
    Stop("1", "ZT1-AUTH-001", asks=1),
    Stop("1", "ZT1-AUTH-004"),
    Stop("1", "ZT1-AUTH-005", marked=2),
    Stop("1", "ZT1-RBAC-006", asks=1),
    Stop("2", "ZT2-NET-002", marked=3, recipe="R-NP-DENY", asks=1),
    Stop("2", "ZT2-SEC-005", recipe="R-SATOKEN-SOFT"),
    Stop("3", "ZT3-OBS-001"),
    Stop("0", "ZTG-TEN-001", marked=4, asks=1),
    Stop("0", "ZTG-TEN-002", recipe="R-PROJTPL", asks=2),
    Stop("0", "ZTG-TEN-002", recipe="R-QUOTA", asks=1),
)


GREEN: Final = {
    "ZT1-AUTH-001",
    "ZT1-RBAC-006",
    "ZT2-NET-002",
    "ZT2-SEC-005",
    "ZT3-OBS-001",
    "ZTG-TEN-001",
    "ZTG-TEN-002",
    "ZTG-TEN-003",
}
"""What passes at the end and did not at the beginning: the last of them follows from the others."""


@pytest.fixture
def young() -> Iterator[DemoThread]:
    """A cluster on which nothing was done yet."""
    with DemoThread(scenario="fresh", seed=7, churn=False) as found:
        yield found


def taken(hands: Hands, stop: Stop) -> None:
    """From the overview to the check, through the dialog, to the proof, and back to the overview."""
    ztui = hands.ztui
    hands.press(stop.phase, "foundations") if stop.phase == "0" else hands.press(stop.phase, shown="1-4 phase")
    _, _, name = stop.check.partition("-")
    ztui.until(lambda: re.search(rf"{name} .*(FAIL|WARN)", ztui.text) is not None)
    hands.press(":", "command")
    hands.words(f"fix {stop.check}\r")
    if stop.marked:
        for _ in range(stop.marked):
            hands.press("Space", "mark")
        hands.press("f", "fix the marked")
    if stop.recipe:
        ztui.until(stop.recipe)
        [number] = re.findall(rf"(\d) {stop.recipe}\b", ztui.lines[-1])
        hands.press(number, stop.recipe)
    for _ in range(stop.asks):
        hands.press("Enter", "go on")
        ztui.quiet(0.5)
    hands.consent()
    ztui.until(lambda: ztui.text.count("verified: done, and proved") == max(1, stop.marked))
    hands.press("Esc", "leave")
    hands.press("o", "overview") if not stop.marked else hands.press("Esc", "back")
    if stop.marked:
        hands.press("o", "overview")


def held(admin: Client) -> dict[str, object]:
    """What people set on everything that the walk touches."""
    return {path: sorted(map(repr, map(person, admin.ask(path).body["items"]))) for path in PATHS}


def passed(folder: Path) -> tuple[set[str], set[str]]:
    """The checks that pass, and the rows that are achieved, by the shell."""
    told = json.loads(ran(folder, "check", "-o", "json"))
    rows = [row for phase in told["phases"] for row in phase["rows"]]
    checks = {item["id"] for row in rows for item in row["checks"] if item["status"] == "PASS"}
    return checks, {row["row"] for row in rows if row["status"] == "achieved"}


def test_from_a_young_cluster_by_keys_and_back_by_one(young: DemoThread, tmp_path: Path) -> None:
    config = own_settings(tmp_path, young)
    admin = Client(young.url, young.ca_pem, young.token("admin"))
    was, (open_before, rows_before) = held(admin), passed(tmp_path)
    with Program(tmp_path, size=(200, 60), ZTUI_CONFIG=config, KUBECONFIG=str(tmp_path / "kubeconfig")) as ztui:
        ztui.until("Phase 0 of 4")
        ztui.until("live")
        hands = Hands(ztui)
        for stop in STOPS:
            taken(hands, stop)
        green, rows = passed(tmp_path)
        assert (green - open_before, rows - rows_before, open_before - green) == (GREEN, {"G.TEN"}, set())
        changes = json.loads(ran(tmp_path, "journal", "-o", "json"))["changes"]
        assert [item["state"] for item in changes] == ["verified"] * sum(max(1, stop.marked) for stop in STOPS)
        ran(tmp_path, "journal", "verify")
        hands.press("1", shown="1-4 phase")
        hands.press(":", "command")
        hands.words("journal\r")
        hands.press("S", "take its session back")
        ztui.until(f"{len(changes)} changes")
        before = hands.count
        hands.consent()
        ztui.until(lambda: ztui.text.count("verified: taken back") == len(changes))
        assert hands.count - before == len(f"a{len(changes)} changes"), "one consent for all of them"
        hands.press("Esc", "leave")
        ztui.press("qqq")
    assert passed(tmp_path) == (open_before, rows_before)
    assert held(admin) == was
    ran(tmp_path, "journal", "verify")

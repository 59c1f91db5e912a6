"""What the keys do: on a staged console, from the same frames as the pictures."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.accept import USAGE
from screens.approve import ApproveScreen
from screens.base import FrameScreen
from screens.health import HealthScreen
from screens.help import TextScreen
from screens.login import unapproved
from screens.object import DetailScreen
from screens.overview import OverviewScreen
from screens.phase import PhaseScreen
from screens.whocan import WhoCanScreen
from tests.screens.stage import StagedApp, demo_frame, health, start_frame
from tests.worlds import judged, world
from widgets.header import Bar, Keys
from widgets.lines import LineTable
from widgets.prompt import Prompt
from widgets.text import TextPane
from ztui.checks.base import CheckId, catalogue
from ztui.clock import ManualClock
from ztui.frame import Frame
from ztui.health import Freshness
from ztui.panes.checklist import checklist
from ztui.panes.detail import detail
from ztui.panes.object import labels_of
from ztui.settings import ContextSettings
from ztui.sources.approvals import ApprovalError, ProgramCard, card_words
from ztui.sources.target import ExecPolicy

CARD = ProgramCard("ana", "/opt/\x1b[31mlogin", ("--password=hunter2hunter2", "[@click=app.bell]x[/]"), "ab" * 32)


@pytest.fixture(scope="module")
def demo() -> Frame:
    return demo_frame()


def shown(app: StagedApp, of: str = "") -> str:
    """All text of the screen on top."""
    found = [line for pane in app.screen.query(TextPane) for line in pane.export() if pane.display]
    found += [line for table in app.screen.query(LineTable) for line in table.export() if table.display]
    found += [" ".join(item.text for item in (*bar._left, *bar._right)) for bar in app.screen.query(Bar)]
    return "\n".join(found) if not of else "\n".join(line for line in found if of in line)


async def steady(pilot: Pilot[int], holds: Callable[[], bool] = lambda: True) -> None:
    """Let everything that was asked for happen."""
    for _ in range(6):
        await pilot.pause()
    async with asyncio.timeout(20):
        while not holds():
            await pilot.pause()


async def test_the_key_of_the_open_screen_keeps_its_place(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "slash", *"map", "enter")
        await steady(pilot)
        here = app.screen
        await pilot.press("question_mark")
        await steady(pilot, lambda: isinstance(app.screen, TextScreen))
        app.run_command("phase 1")
        await steady(pilot, lambda: app.screen is here)
        await pilot.press("1")
        await steady(pilot)
        assert app.screen is here
        assert isinstance(here, PhaseScreen)
        assert here.filter_text == "map"
        await pilot.press("2")
        await steady(pilot, lambda: isinstance(app.screen, PhaseScreen) and app.screen.phase == 2)
        await pilot.press("left_square_bracket")
        await steady(pilot, lambda: isinstance(app.screen, PhaseScreen) and app.screen.phase == 1)


async def test_who_can_answers_with_paths_and_exports_them(demo: Frame, tmp_path: Path) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("colon", *"who-can get secrets", "enter")
        await steady(pilot, lambda: isinstance(app.screen, WhoCanScreen) and "→" in shown(app))
        assert "Who can get secrets?" in shown(app)
        await pilot.press("y")
        await steady(pilot)
        assert isinstance(app.screen, TextScreen)
        assert "roleRef:" in shown(app)
        await pilot.press("escape", "x")
        await steady(pilot)
    files = list((tmp_path / "xdg_cache_home" / "ztui").iterdir())
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o600"]
    assert "clusterrole" in files[0].read_text()


async def test_yaml_of_a_finding_comes_from_what_is_held(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("1")
        await steady(pilot)
        table = app.screen.query_one("#checks", LineTable)
        at = next(number for number, line in enumerate(table.lines) if line.key == "check:ZT1-RBAC-001")
        table._set_cursor(at)
        await pilot.press("y")
        assert isinstance(app.screen, PhaseScreen)
        await pilot.press("enter", "down", "y")
        await steady(pilot)
        assert isinstance(app.screen, TextScreen)
        assert "kind: ClusterRoleBinding" in shown(app)


async def test_brackets_walk_through_the_main_screens(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        for key, screen in (("1", PhaseScreen), ("H", HealthScreen), ("left_square_bracket", PhaseScreen)):
            await pilot.press(key)
            await steady(pilot)
            assert isinstance(app.screen, screen)
        await pilot.press("right_square_bracket")
        await steady(pilot)
        assert isinstance(app.screen, HealthScreen)
        await pilot.press("escape", "left_square_bracket")
        await steady(pilot)
        assert isinstance(app.screen, HealthScreen)


async def test_a_filter_by_label_asks_the_objects(demo: Frame) -> None:
    app = StagedApp(demo)
    assert demo.board is not None
    async with app.run_test(size=(160, 60)) as pilot:
        await pilot.press("1")
        await steady(pilot)
        screen = app.screen
        assert isinstance(screen, PhaseScreen)
        screen._opened.add("check:ZT1-MAP-001")
        label = next(
            f"{key}={value}"
            for line in checklist(demo.board, app.cards, 1, screen._opened)
            if line.ref
            for key, value in labels_of(demo.state, line.ref).items()
        )
        screen._set_filter(f"-l {label}")
        await steady(pilot)
        with_label = {line.key for line in screen.query_one("#checks", LineTable).lines if line.ref}
        screen._set_filter(f"-l {label.replace('=', '!=')}")
        await steady(pilot)
        without = {line.key for line in screen.query_one("#checks", LineTable).lines if line.ref}
        assert with_label
        assert without
        assert not with_label & without


async def test_a_keymap_moves_a_key_and_the_help_says_so(demo: Frame) -> None:
    app = StagedApp(demo, keymap={"health": "f2", "faults": "f3"})
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("H")
        assert isinstance(app.screen, OverviewScreen)
        assert any(item.text == "f2" for item in app.screen.query_one(Keys)._left)
        await pilot.press("f2")
        await steady(pilot)
        assert isinstance(app.screen, HealthScreen)


@pytest.mark.parametrize("keymap", [{"helth": "f2"}, {"health": "o"}])
async def test_a_keymap_that_cannot_be_is_told_and_not_used(demo: Frame, keymap: dict[str, str]) -> None:
    app = StagedApp(demo, keymap=keymap)
    async with app.run_test(size=(100, 30)) as pilot:
        await steady(pilot)
        assert any("keymap" in str(item.message) for item in app._notifications)
        await pilot.press("H")
        await steady(pilot)
        assert isinstance(app.screen, HealthScreen)


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "[RW]"),
        ({"read_only": True}, "[RO]"),
        ({"context": "prod-eu-1", "contexts": {"prod-eu-1": ContextSettings(prod=True, read_only=True)}}, "[PROD][RO]"),
        ({"context": "prod-eu-1", "contexts": {"prod-eu-1": ContextSettings(prod=True)}}, "[PROD][locked]"),
    ],
)
async def test_the_mode_is_in_the_header(demo: Frame, settings: dict[str, Any], mode: str) -> None:
    app = StagedApp(demo, **settings)
    async with app.run_test(size=(100, 30)) as pilot:
        await steady(pilot)
        assert mode in [item.text for item in app.screen.query_one("#header", Bar)._left]


async def test_d_on_the_overview_is_the_evidence_of_the_next_step(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await steady(pilot)
        await pilot.press("d")
        await steady(pilot)
        assert isinstance(app.screen, DetailScreen)


def waiting_frame(**changes: Any) -> Frame:
    found = health(freshness=Freshness.CONNECTING, user="", cluster_id="", login_program="kubelogin", **changes)
    return Frame(health=found, kinds=10, serial=1)


async def test_F34_the_start_page_says_what_waits_and_what_to_press() -> None:
    app = StagedApp(waiting_frame(login_waiting_s=12.4))
    async with app.run_test(size=(100, 30)) as pilot:
        await steady(pilot)
        text = shown(app)
        assert text.count("login program waiting (12 s), Esc to cancel") == 2
        assert "! runs the login program here" in text


async def test_the_start_page_says_what_was_looked_for() -> None:
    app = StagedApp(start_frame())
    app.contexts = ()
    async with app.run_test(size=(100, 30)) as pilot:
        await steady(pilot)
        text = shown(app)
        for part in ("connection refused", "Looked at: ~/.kube/config", "r tries now", "D opens the demo cluster"):
            assert part in text


async def test_B08_R29_the_question_takes_no_enter_no_click_and_nothing_typed_ahead() -> None:
    clock = ManualClock()
    app = StagedApp(waiting_frame(problem=ApprovalError(CARD, ExecPolicy(approvals=None))))
    app.clock = clock
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("a")
        await steady(pilot)
        assert isinstance(app.screen, ApproveScreen)
        text = shown(app)
        assert "\\x1b[31mlogin" in text
        assert "hunter2" not in text
        assert "[@click=app.bell]x[/]" in text
        await pilot.press("y", "enter")
        await pilot.click("#card")
        await steady(pilot)
        assert isinstance(app.screen, ApproveScreen)
        await pilot.press("n")
        await steady(pilot)
        assert isinstance(app.screen, FrameScreen)
        assert "a shows the program and asks" in shown(app)
        await pilot.press("a")
        await steady(pilot)
        await clock.advance(1)
        await pilot.press("y")
        await steady(pilot, lambda: any("cannot be kept" in str(item.message) for item in app._notifications))


async def test_what_a_person_says_yes_to_is_shown_to_its_end() -> None:
    app = StagedApp(start_frame())
    card = ProgramCard("ana", "/bin/sh", ("-c", f"{'a' * 6_000};hidden;{'b' * 6_000}"), "0" * 64)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.push_screen(ApproveScreen(card_words(card), app.clock))
        await steady(pilot)
        assert ";hidden;" in shown(app)


@pytest.mark.parametrize("check_id", ["ZT4-PAC-001", "ZT2-SEC-006"])
async def test_an_explanation_is_whole(check_id: str, demo: Frame) -> None:
    app = StagedApp(demo)
    card = catalogue()[CheckId(check_id)]
    async with app.run_test(size=(200, 50)) as pilot:
        app.action_explain(check_id)
        await steady(pilot)
        assert card.part("Source") in shown(app)
    assert demo.board is not None
    lines = detail(demo.board, catalogue(), f"check:{check_id}")
    assert any(card.part("Source") in line.cells[0].text for line in lines)


def test_caches_are_the_tests_own() -> None:
    assert "pytest" in os.environ["XDG_CACHE_HOME"]


def test_a_frame_asks_nothing_while_the_login_code_is_still_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may be half way through the import when a frame is drawn."""
    monkeypatch.setitem(sys.modules, "ztui.sources.approvals", ModuleType("ztui.sources.approvals"))
    assert unapproved(Frame()) is None
    assert unapproved(start_frame()) is None


async def test_a_waiver_is_begun_at_the_cursor_and_needs_an_owner_and_a_reason(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "down", "enter", "down", "W")
        await steady(pilot)
        prompt = app.screen.query_one(Prompt)
        assert prompt.value.startswith("waive ZT2-NET-")
        await pilot.press("enter")
        await steady(pilot)
        assert any(USAGE[:20] in str(note.message) for note in app._notifications)


def test_a_waived_finding_is_no_fault_and_says_so() -> None:
    objects: list[Any] = [
        "namespace/shop",
        {"kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"hostNetwork": True}},
    ]
    sworn = {"check": "ZT2-NET-007", "owner": "ana", "reason": "legacy agent", "expires": "2027-01-01T00:00:00Z"}
    store = world([*objects, {"kind": "Waiver", "metadata": {"name": "w1"}, **sworn}])
    board = judged(store.state)
    opened = {"check:ZT2-NET-007"}
    lines = [line for line in checklist(board, catalogue(), 2, opened, faults_only=False) if "NET-007:" in line.key]
    assert [line.cells[3].text for line in lines] == ["FAIL waived"]
    assert "waived by ana until 2027-01-01: legacy agent" in lines[0].cells[4].text
    assert not [line for line in checklist(board, catalogue(), 2, opened, faults_only=True) if "NET-007:" in line.key]


@pytest.mark.parametrize(("typed", "told"), [("node", "name the node"), ("node nowhere", "there is no node nowhere")])
async def test_a_node_is_asked_by_its_typed_name_only(demo: Frame, typed: str, told: str) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("colon", *("space" if char == " " else char for char in typed), "enter")
        await steady(pilot)
        assert any(told in str(item.message) for item in app._notifications)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("blast", "ask as in `:blast deployment/shop/api`"),
        ("blast a b", "ask as in `:blast deployment/shop/api`"),
        ("bundle", "name it as in `:bundle deployment/shop/api`"),
        ("bundle shop/web", "there is no cluster yet"),
    ],
)
async def test_a_blast_radius_and_a_bundle_are_of_one_thing(demo: Frame, typed: str, told: str) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("colon", *typed, "enter")
        await steady(pilot)
        assert any(told in str(item.message) for item in app._notifications)


async def test_a_blast_radius_is_of_what_the_cursor_is_on(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("w", "down")
        await steady(pilot)
        assert isinstance(app.screen, FrameScreen)
        ref = app.screen.chosen_ref()
        await pilot.press("colon", *"blast", "enter")
        await steady(pilot, lambda: f"Blast radius of {ref}" in shown(app))
        await pilot.press("b")
        await steady(pilot)
        assert any("there is no cluster yet" in str(item.message) for item in app._notifications)


async def test_a_login_that_no_vault_waits_for_is_told(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("colon", *"vault", "minus", *"login", "enter")
        await steady(pilot)
        assert any("no Vault waits" in str(item.message) for item in app._notifications)


async def test_the_address_to_log_in_at_is_shown_whole(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        app._show_login("main\x1b[31m", "https://idp.example/authorize?state=" + "s" * 200)
        await steady(pilot)
        assert isinstance(app.screen, TextScreen)
        assert "s" * 200 in shown(app).replace("\n", "").replace(" ", "")

"""Lists: columns that are chosen and kept, lines under headings, marks that stay; all of it on a staged console."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens.columns import ColumnsScreen
from screens.lines import ListScreen
from screens.policy import PolicyScreen
from tests.screens.stage import StagedApp, demo_frame, without
from tests.screens.test_keys import shown, steady
from widgets.arrange import HEADING
from widgets.header import Keys
from ztui.columns import NAME, ChosenColumns, read, write
from ztui.frame import Frame
from ztui.kinds.workload import Pod


@pytest.fixture(scope="module")
def demo() -> Frame:
    return demo_frame()


def top(app: StagedApp) -> ListScreen:
    screen = app.screen
    assert isinstance(screen, ListScreen)
    return screen


def footer(app: StagedApp) -> str:
    return " ".join(item.text for item in app.screen.query_one("#footer", Keys)._left)


def files(folder: Path, name: str) -> list[tuple[str, int]]:
    """Text and mode of the files of a name."""
    return [(path.read_text(), path.stat().st_mode & 0o777) for path in folder.rglob(name)]


async def opened(app: StagedApp, pilot: Pilot[int], *keys: str) -> ListScreen:
    await steady(pilot)
    await pilot.press(*keys)
    await steady(pilot, lambda: isinstance(app.screen, ListScreen) and len(top(app).table.lines) > 0)
    return top(app)


async def test_columns_are_chosen_by_a_page_and_stay_in_their_order(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "w")
        assert [column.called for column in screen.table.shown] == ["workload", "mtls", "vault", "rbac", "risk"]
        await pilot.press("vertical_line")
        await steady(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        await pilot.press("down", "space", "up", "plus", "plus")  # without vault, mTLS behind the reach
        await pilot.press("escape")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "rbac", "mtls", "risk"]
        assert screen.table.export()[0].split() == ["workload", "RBAC", "reach", "mTLS", "risk"]
        await pilot.press("vertical_line")
        await steady(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        await pilot.press("u", "escape")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "mtls", "vault", "rbac", "risk"]


async def test_columns_are_chosen_by_a_command_and_the_last_one_cannot_go(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "m")
        app.run_command("columns callers")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "port", "callers"]
        app.run_command("columns nonsense")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "port", "callers"]
        await pilot.press("vertical_line")
        await steady(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        await pilot.press("space", "escape")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "port", "callers"]


async def test_columns_without_room_are_told(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "w")
        app.run_command("columns token node identity image risk vault")
        await steady(pilot)
        assert [column.called for column in screen.table.shown] == ["workload", "token", "node", "identity", "image"]
        assert "no room for the columns risk, vault" in shown(app)


async def test_a_choice_outlives_the_console_and_the_demo_leaves_nothing(demo: Frame, tmp_path: Path) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "w")
        app.run_command("columns risk token")
        await steady(pilot)
    again = StagedApp(demo)
    async with again.run_test(size=(80, 24)) as pilot:
        screen = await opened(again, pilot, "w")
        assert [column.called for column in screen.table.shown] == ["workload", "risk", "token"]
    [(text, mode)] = files(tmp_path, NAME)
    assert json.loads(text)["lists"] == {"identity-workloads": ["risk", "token"]}
    assert mode == 0o600
    trial = ChosenColumns(None)
    assert trial.keep("identity", ["risk"]) == ""
    assert trial.of("identity") == ("risk",)
    assert files(tmp_path, NAME) == [(text, mode)]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lists": {"identity": "x"}}', '{"lists": {"\\u001b[31m": ["risk"]}}'])
def test_an_odd_file_is_no_choice(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert read(tmp_path) == {}


def test_a_choice_is_forgotten_where_the_usual_is_wanted_again(tmp_path: Path) -> None:
    write(tmp_path, {"identity": ("risk",), "mtls": ("port",)})
    found = ChosenColumns(tmp_path)
    found.keep("identity", ())
    assert read(tmp_path) == {"mtls": ("port",)}


async def test_lines_stand_under_namespaces_then_nodes_and_headings_open_and_close(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "w")
        flat = len(screen.table.lines)
        assert " b group " in footer(app)
        await pilot.press("b")
        await steady(pilot)
        headings = [line for line in screen.table.lines if line.key.startswith(HEADING)]
        assert len(screen.table.lines) == flat + len(headings)
        assert sum(int(line.cells[0].text.split("  ")[1].split(",")[0]) for line in headings) == flat
        assert " b by namespace " in footer(app)
        await pilot.press("home", "enter")
        await steady(pilot)
        first = screen.table.lines[0]
        assert not first.is_open
        assert screen.table.lines[1].key.startswith(HEADING)
        await pilot.press("b")
        await steady(pilot)
        assert " b by node " in footer(app)
        assert any("worker-a-1" in line.key for line in screen.table.lines if line.key.startswith(HEADING))
        await pilot.press("b")
        await steady(pilot)
        assert len(screen.table.lines) == flat


async def test_marks_stay_through_updates_sorting_and_grouping_and_are_what_is_exported(demo: Frame, tmp_path: Path) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "w")
        await pilot.press("space", "space")
        await steady(pilot)
        marked = [line.key for line in screen.table.marked]
        assert len(marked) == 2
        assert "Space mark (2)" in footer(app)
        assert "Esc clear marks" in footer(app)
        pod = next(pod for pod in demo.state.objects[Pod]["shop"].values() if pod.owners)
        app.frame = without(demo, Pod, "shop", pod.name)
        app.redraw()
        await steady(pilot)
        await pilot.press("s", "b")
        await steady(pilot)
        assert {line.key for line in screen.table.marked} == set(marked)
        await pilot.press("x")
        await steady(pilot)
        [(text, _)] = files(tmp_path, "*-identity.txt")
        rows = text.splitlines()[4:]
        assert sorted(row.split()[0] for row in rows) == sorted(key.split(":", 2)[2].replace(":", "/") for key in marked)
        await pilot.press("escape")
        await steady(pilot)
        assert screen.table.marked == ()
        assert top(app) is screen


async def test_space_on_a_heading_marks_all_that_is_under_it(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "w")
        await pilot.press("b", "home", "space")
        await steady(pilot)
        assert {line.namespace for line in screen.table.marked} == {screen.table.lines[0].key.removeprefix(HEADING)}
        await pilot.press("home", "space")
        await steady(pilot)
        assert screen.table.marked == ()


async def test_only_what_is_of_one_namespace_can_be_grouped(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await opened(app, pilot, "p")
        assert isinstance(screen, PolicyScreen)
        assert " b " not in footer(app)
        await pilot.press("b")
        await steady(pilot)
        assert not any(line.key.startswith(HEADING) for line in screen.table.lines)
        await pilot.press("tab", "tab", "tab")
        await steady(pilot, lambda: screen.tab.name == "Mesh" and len(screen.table.lines) > 0)
        assert " b group " in footer(app)
        await pilot.press("b")
        await steady(pilot)
        assert any(line.key == f"{HEADING}payments" for line in screen.table.lines)


@pytest.mark.parametrize("keys", [("w",), ("m",), ("p",), ("p", "tab"), ("v",)])
async def test_the_help_of_a_list_names_its_keys(demo: Frame, keys: tuple[str, ...]) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(80, 24)) as pilot:
        await steady(pilot)
        await pilot.press(*keys)
        await steady(pilot)
        await pilot.press("question_mark")
        await steady(pilot)
        told = shown(app)
        assert "Space                mark" in told
        assert "|                    columns" in told
        assert ":columns NAME … | usual" in told

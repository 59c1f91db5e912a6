"""Policy: groups, one connection, the tabs; what changes, what may not be seen, and a pane that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

import msgspec
import pytest

from screens.health import HealthScreen
from screens.help import TextScreen
from screens.policy import GroupScreen, PassageScreen, PolicyScreen
from screens.whocan import LossScreen, WhoCanScreen
from tests.screens.stage import StagedApp, demo_frame, uid_of, without
from tests.screens.test_keys import shown, steady
from widgets.lines import LineTable
from widgets.prompt import Prompt
from ztui.frame import Frame
from ztui.kinds.base import Kind, Ref
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.rbac import ClusterRole
from ztui.kinds.workload import Namespace, StatefulSet
from ztui.panes.base import Line
from ztui.view import EVERYWHERE, Gap, Why

T = TypeVar("T")


@pytest.fixture(scope="module")
def demo() -> Frame:
    return demo_frame()


async def test_policy_opens_a_group_and_then_one_connection_with_what_decides(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("p")
        await steady(pilot, lambda: "shop/web" in shown(app))
        assert isinstance(app.screen, PolicyScreen)
        table = app.screen.table
        table._set_cursor(next(at for at, line in enumerate(table.lines) if line.cells[1].text == "payments/api"))
        await pilot.press("enter")
        await steady(pilot, lambda: "networkpolicy/payments/api" in shown(app))
        table = app.screen.query_one("#lines", LineTable)
        table._set_cursor(next(at for at, line in enumerate(table.lines) if line.key == "in:deployment/shop/web"))
        await pilot.press("enter")
        await steady(pilot, lambda: "DENIED" in shown(app))
        assert isinstance(app.screen, PassageScreen)
        assert "Leaving: networkpolicy/shop/allow-dns closes it" in shown(app)
        await pilot.press("y")
        await steady(pilot)
        assert "kind: NetworkPolicy" in shown(app)
        assert "name: allow-dns" in shown(app)


async def test_a_changed_policy_shows_in_the_cells_that_it_is_about_and_nowhere_else(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(200, 50)) as pilot:
        app.push_screen(GroupScreen(Ref("apps", "StatefulSet", "vault", "vault", uid_of(demo, StatefulSet, "vault", "vault"))))
        await steady(pilot, lambda: "payments/api" in shown(app))
        before = {line.key: line.cells[2].text for line in app.screen.query_one("#lines", LineTable).lines}
        app.frame = without(demo, NetworkPolicy, "vault", "vault-clients")
        app.redraw()
        await steady(pilot, lambda: "PARTLY" not in shown(app))
        after = {line.key: line.cells[2].text for line in app.screen.query_one("#lines", LineTable).lines}
    assert before["in:deployment/payments/api"] == "PARTLY"
    assert {text for key, text in after.items() if key.startswith("in:")} == {"DENIED"}
    # What the policy told apart is one group now; to all others everything is as it was.
    assert {key: before[key] for key in after if key.startswith("out:")} == {
        key: text for key, text in after.items() if key.startswith("out:")
    }


async def test_a_question_is_asked_from_the_line_under_the_cursor(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await steady(pilot, lambda: "shop/web" in shown(app))
        await pilot.press("end", "t")
        await steady(pilot)
        prompt = app.screen.query_one(Prompt)
        assert prompt.value == "can-reach openshift-ingress/router-default "
        await pilot.press(*"nowhere/x", "enter")
        await steady(pilot, lambda: "there is no namespace nowhere" in shown(app))
        await pilot.press("escape", "p", "tab", "enter")
        await steady(pilot, lambda: isinstance(app.screen, WhoCanScreen) and "→" in shown(app))
        assert "Who can get secrets?" in shown(app)


async def test_without_the_right_to_see_policies_the_map_says_so_cell_by_cell(demo: Frame) -> None:
    gap = Gap(Why.FORBIDDEN, "list networkpolicies")
    gaps: dict[tuple[type[Kind], str], Gap | None] = {**demo.state.gaps, (NetworkPolicy, "payments"): gap}
    app = StagedApp(msgspec.structs.replace(demo, state=msgspec.structs.replace(demo.state, gaps=gaps)))
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("p")
        await steady(pilot, lambda: "shop/web" in shown(app))
        assert "rules of 1 namespaces are unknown: networkpolicies forbidden(list networkpolicies)" in shown(app)
        assert isinstance(app.screen, PolicyScreen)
        lines: dict[str, Line] = {str(line.cells[1].text): line for line in app.screen.table.lines}
    assert lines["payments/api"].cells[3].text == "?"
    assert lines["shop/web"].cells[3].text.strip() == "4+?"
    assert lines["payments/api"].status == "unknown"


async def test_the_tabs_of_policy_explain_a_line_and_say_what_goes_with_a_binding(demo: Frame) -> None:
    app = StagedApp(demo)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("colon", *"policy admission", "enter")
        await steady(pilot, lambda: "require-owner-label" in shown(app))
        assert isinstance(app.screen, PolicyScreen)
        table = app.screen.table
        table._set_cursor(next(at for at, line in enumerate(table.lines) if "require-owner-label" in line.cells[1].text))
        await pilot.press("enter")
        await steady(pilot, lambda: isinstance(app.screen, TextScreen))
        assert "clusterpolicy/require-owner-label only reports." in shown(app)
        await pilot.press("escape", "tab")
        await steady(pilot, lambda: "may be called by nobody" in shown(app) or "shop/redis" in shown(app))
        assert "cluster.local/ns/shop/sa/web" in shown(app, "shop/cart")
        await pilot.press("tab", "tab", "enter")
        await steady(pilot, lambda: isinstance(app.screen, WhoCanScreen) and "→" in shown(app))
        await pilot.press("enter")
        await steady(pilot, lambda: isinstance(app.screen, LossScreen) and "may no longer" in shown(app))
        assert "nothing is changed here" in shown(app)


class SlowApp(StagedApp):
    """A staged console whose answers come when they are let through."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.asked: list[int] = []
        self.gate = asyncio.Event()

    async def derive(self, function: Callable[..., T], *arguments: Hashable) -> T:
        """One answer, late."""
        self.asked.append(self.frame.state.tick)
        await self.gate.wait()
        return await super().derive(function, *arguments)


async def test_a_flood_of_changes_does_not_keep_who_can_from_its_answer(demo: Frame) -> None:
    app = SlowApp(demo)
    async with app.run_test(size=(160, 50)) as pilot:
        app.push_screen(WhoCanScreen("get", "secrets"))
        await steady(pilot, lambda: bool(app.asked))
        assert app.screen.query_one(LineTable)._empty == "looking …"
        for at in range(5):
            app.frame = msgspec.structs.replace(demo, state=msgspec.structs.replace(demo.state, tick=demo.state.tick + at + 1))
            app.redraw()
            await steady(pilot)
        assert app.asked == [demo.state.tick]
        app.gate.set()
        await steady(pilot, lambda: "→" in shown(app) and len(app.asked) == 2)
    assert app.asked == [demo.state.tick, demo.state.tick + 5]


async def test_nobody_is_only_said_of_what_could_be_read(demo: Frame) -> None:
    gaps: dict[tuple[type[Kind], str], Gap | None] = {**demo.state.gaps, (ClusterRole, EVERYWHERE): Gap(Why.FORBIDDEN, "list")}
    blind = msgspec.structs.replace(demo, state=msgspec.structs.replace(demo.state, objects={}, gaps=gaps))
    app = StagedApp(blind)
    async with app.run_test(size=(160, 50)) as pilot:
        app.push_screen(WhoCanScreen("get", "secrets"))
        await steady(pilot, lambda: app.screen.query_one(LineTable)._empty != "looking …")
        assert app.screen.query_one(LineTable)._empty == "nobody, in what could be read"
        assert "not all roles and bindings could be read" in shown(app)


async def test_a_pane_that_fails_says_so_and_leaves_the_rest_alone(demo: Frame) -> None:
    broken = msgspec.structs.replace(demo.state, objects={**demo.state.objects, Namespace: {"": {"x": None}}})
    app = StagedApp(msgspec.structs.replace(demo, state=broken))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("p")
        await steady(pilot, lambda: "this pane failed" in shown(app))
        await pilot.press("escape", "H")
        await steady(pilot)
        assert isinstance(app.screen, HealthScreen)

"""Hostile names in every sink: nothing crashes, no control byte leaves, nothing that a name says is done (B17-B24, R12)."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from screens.approve import ApproveScreen
from tests.hostile.names import CORPUS, LOOK_ALIKE
from tests.screens.stage import NOW, StagedApp, health
from tests.worlds import judged, world
from widgets.lines import LineTable
from ztui import report
from ztui.checks.base import catalogue
from ztui.errors import ConnectError
from ztui.frame import Frame
from ztui.health import Freshness, KindHealth
from ztui.panes import checklist as lists
from ztui.panes import contexts, detail, overview, start
from ztui.panes import health as health_pane
from ztui.panes.base import Line
from ztui.panes.object import object_lines
from ztui.sources.approvals import ApprovalError, ProgramCard, card_words
from ztui.sources.target import ContextInfo, ExecPolicy
from ztui.text import clean, mark_name
from ztui.view import View
from ztui.whocan import answer, who_can_lines

OPENED = frozenset(f"check:{name}" for name in catalogue())


def objects(names: tuple[str, ...]) -> list[dict[str, object]]:
    """Bindings, roles, subjects, namespaces and pods of these names; lone surrogates do not come through JSON."""
    found: list[dict[str, object]] = [
        {"kind": "Namespace", "metadata": {"name": "shop"}},
        {
            "kind": "ClusterRole",
            "metadata": {"name": "view"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        },
    ]
    for name in names:
        meta = {"name": name, "labels": {"app": name[:200]}, "annotations": {name[:200] or "x": name[:200]}}
        subjects = [{"kind": "User", "name": name}, {"kind": "Group", "name": "system:unauthenticated"}]
        found.append(
            {
                "kind": "ClusterRoleBinding",
                "metadata": meta,
                "roleRef": {"kind": "ClusterRole", "name": "view"},
                "subjects": subjects,
            }
        )
        found.append({"kind": "ServiceAccount", "metadata": {**meta, "namespace": "shop"}})
        found.append(
            {
                "kind": "Pod",
                "metadata": {**meta, "namespace": "shop"},
                "spec": {"serviceAccountName": name, "containers": [{"name": name, "image": name}]},
                "status": {"phase": "Running"},
            }
        )
    return found


def frame_of(*names: str) -> Frame:
    """A judged cluster that is made of such names, reached in such words."""
    store = world(objects(tuple(_encodable(name) for name in names)), now=NOW)
    text = names[0]
    kind = KindHealth("pods", text, text, "blocked", text, Freshness.LIVE, 0.0, 1, 0, 1)
    found = health(
        user=text,
        groups=(text,),
        server=text,
        server_version=text,
        cluster_id=text,
        context=text,
        warnings=(text,),
        kinds=(kind,),
    )
    return Frame(store.state, judged(store.state), found, None, 10, 10, 1)


def _encodable(name: str) -> str:
    return name.encode("utf-8", "replace").decode() or "x"


def texts(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield from (cell.text for cell in line.cells)


def sinks(frame: Frame, text: str) -> Iterator[str]:
    """Every pure way from a name to a person."""
    board, cards, scope = frame.board, catalogue(), report.Scope(namespace=text)
    assert board is not None
    assert frame.health is not None
    for form in (*report.FORMATS.values(), report.as_plain):
        yield form(frame, cards, scope)
    yield report.as_changes(msgspec.structs.replace(board, verdicts=judged(world().state).verdicts), frame, cards, scope)
    for output in ("table", "json", "yaml"):
        yield answer(frame.state, "get", "secrets", None, None, output)[0]
    yield from texts(who_can_lines(View(frame.state), "get", "secrets", "", "")[0])
    for phase in range(5):
        lines = lists.checklist(board, cards, phase, OPENED)
        yield from texts(lines)
        for line in lines:
            yield from texts(detail.detail(board, cards, line.key))
            if line.ref is not None:
                yield from texts(object_lines(frame.state, line.ref))
    yield from texts(overview.phase_lines(board))
    yield from texts(health_pane.summary(frame))
    yield from texts(health_pane.kinds(frame.health))
    yield from texts(contexts.context_lines([ContextInfo(text, text, text, text, text)], text, frame, {text: text}, {text}))
    broken = msgspec.structs.replace(frame, problem=ConnectError(text, where=text, why=text, next=text), health=None)
    yield from texts(start.lines(broken, [text], [text]))
    yield str(broken.problem)


@pytest.mark.parametrize("text", CORPUS, ids=[ascii(item)[:24] for item in CORPUS])
def test_R12_every_text_in_every_sink_is_clean(text: str) -> None:
    for shown in sinks(frame_of(text), text):
        for line in shown.split("\n"):
            assert clean(line, limit=10**9) == line, ascii(line)[:300]
        shown.encode("utf-8")


@pytest.mark.parametrize("text", LOOK_ALIKE)
def test_B21_a_name_that_another_could_look_like_says_so(text: str) -> None:
    frame = frame_of(text)
    assert mark_name(text).endswith("≠ ASCII")
    assert any("≠ ASCII" in shown for shown in sinks(frame, text))
    assert "≠" not in mark_name("payments")


async def steady(pilot: Pilot[int], holds: Callable[[], bool] = lambda: True) -> None:
    for _ in range(5):
        await pilot.pause()
    while not holds():
        await pilot.pause()


def painted(app: StagedApp) -> str:
    """What the screen paints, before the second filter."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


KEYS = ("1", "d", "x", "C", "escape", "H", "C", "c", "x", "C", "o", "x", "ctrl+s")


@pytest.mark.parametrize("size", [(100, 30)])
async def test_R12_every_screen_paints_clean_text_and_does_nothing_that_a_name_says(
    size: tuple[int, int], tmp_path: Path
) -> None:
    names = tuple(_encodable(name) for name in CORPUS)
    app = StagedApp(frame_of(*names))
    app.contexts = tuple(ContextInfo(name, name, name, name, name) for name in CORPUS)
    async with app.run_test(size=size) as pilot:
        for key in KEYS:
            await pilot.press(key)
            await steady(pilot)
            check(app)
            for table in app.screen.query(LineTable):
                for row in (2, 6):
                    await pilot.click(table, offset=(10, row))
                    check(app)
        await pilot.press("o", "colon", *"who-can get secrets", "enter")
        await steady(pilot, lambda: any("cluster" in line for table in app.screen.query(LineTable) for line in table.export()))
        check(app)
        await pilot.press("x", "y")
        await steady(pilot)
        check(app)
        for text in CORPUS:
            app.tell(text)
        await steady(pilot)
        check(app)
        card = ProgramCard(CORPUS[0], CORPUS[1], CORPUS, "0" * 64, CORPUS)
        await app.push_screen(ApproveScreen(card_words(card), app.clock))
        await steady(pilot)
        check(app)
        assert app.is_running
    for path in (tmp_path / "xdg_cache_home" / "ztui").iterdir():
        for line in path.read_text(encoding="utf-8").split("\n"):
            assert clean(line, limit=10**9) == line, path.name


def check(app: StagedApp) -> None:
    for line in painted(app).split("\n"):
        assert clean(line, limit=10**9) == line, ascii(line)
    for line in app.clipboard.split("\n"):
        assert clean(line, limit=10**9) == line, ascii(line)
    assert app.return_value is None


def test_B17_an_error_of_hostile_words_is_one_clean_line() -> None:
    for text in CORPUS:
        error = ApprovalError(ProgramCard(text, f"/{_encodable(text)}", (text,), "0" * 64), ExecPolicy())
        assert clean(str(error), limit=10**9) == str(error)

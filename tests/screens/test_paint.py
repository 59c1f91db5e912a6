"""Only what differs goes to the terminal, and what stands there afterwards is the same as if all had gone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from screens.paint import Piece, Shown
from tests.program.terminal import Program

COLUMNS, LINES = 24, 4
SIZE: Final = Size(COLUMNS, LINES)
STYLES: Final = (None, Style(bold=True), Style(color="red"), Style(color="red", bgcolor="blue"))
CONSOLE: Final = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=COLUMNS)

texts = st.text(st.sampled_from("ab ·漢字é"), max_size=6)
segments = st.tuples(texts, st.sampled_from(STYLES)).map(lambda item: Segment(*item))


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Something that stands somewhere on the screen, cut where the screen ends; half a letter becomes a space."""
    x = draw(st.integers(0, COLUMNS - 1))
    strip = Strip(draw(st.lists(segments, min_size=1, max_size=4)))
    return draw(st.integers(0, LINES - 1)), x, strip.crop(0, COLUMNS - x)


class Terminal:
    """A terminal, and what a person sees on it."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> None:
        """Take what a program writes."""
        self._stream.feed(text)

    @property
    def cells(self) -> list[list[object]]:
        """Every letter with its colours."""
        return [[self._screen.buffer[y][x] for x in range(COLUMNS)] for y in range(LINES)]


def whole(given: Sequence[Piece]) -> str:
    """All of it, at its place."""
    return "".join(f"\x1b[{y + 1};{x + 1}H{strip.render(CONSOLE)}" for y, x, strip in given if strip.cell_length)


def blank() -> list[Piece]:
    return [(y, 0, Strip.blank(COLUMNS)) for y in range(LINES)]


def is_whole(line: Sequence[object]) -> bool:
    """Whether no wide letter lost a half: terminals differ in what stands in the other one then."""
    data = [cell.data for cell in line]  # type: ignore[attr-defined]
    return all((data[at] == "") == (at > 0 and data[at - 1] in {"漢", "字"}) for at in range(len(data)))


@given(st.lists(st.lists(pieces(), max_size=4), max_size=6))
def test_what_stands_there_is_what_was_to_stand_there(rounds: list[list[Piece]]) -> None:
    shown, plain, thrifty = Shown(), Terminal(), Terminal()
    for round_ in (blank(), *rounds):
        for piece in round_:
            plain.write(whole([piece]))
            thrifty.write(shown.changes(iter([piece]), SIZE, CONSOLE))
        for was, now in zip(plain.cells, thrifty.cells, strict=True):
            if is_whole(was):
                assert now == was


@given(st.lists(pieces(), max_size=6))
def test_the_same_again_costs_nothing(given_: list[Piece]) -> None:
    shown = Shown()
    shown.changes(iter(blank()), SIZE, CONSOLE)
    apart = {y: (y, x, strip) for y, x, strip in given_}.values()
    shown.changes(iter(apart), SIZE, CONSOLE)
    assert shown.changes(iter(apart), SIZE, CONSOLE) == ""


def test_one_letter_is_one_letter() -> None:
    shown = Shown()
    shown.changes(iter([(0, 0, Strip([Segment("state: FAIL, four pods")]))]), SIZE, CONSOLE)
    told = shown.changes(iter([(0, 0, Strip([Segment("state: FAIL, five pods")]))]), SIZE, CONSOLE)
    assert told == "\x1b[1;15Hive"


def test_after_somebody_else_wrote_there_all_of_it_goes() -> None:
    shown, line = Shown(), [(0, 0, Strip([Segment("a line")]))]
    first = shown.changes(iter(line), SIZE, CONSOLE)
    shown.forget()
    assert shown.changes(iter(line), SIZE, CONSOLE) == first
    assert shown.changes(iter(line), Size(COLUMNS, LINES - 1), CONSOLE) == first, "another size is another screen"


def test_what_was_laid_out_for_a_wider_screen_is_written_as_it_is() -> None:
    shown, wide = Shown(), Strip([Segment("letters beyond the end of the line")])
    narrow = Size(10, LINES)
    assert shown.changes(iter([(0, 4, wide)]), narrow, CONSOLE) == f"\x1b[1;5H{wide.text}"
    assert shown.changes(iter([(0, 4, wide)]), narrow, CONSOLE) == ""


def test_ctrl_l_paints_over_what_another_program_wrote(tmp_path: Path) -> None:
    with Program(tmp_path, "--demo") as ztui:
        ztui.until("Phase 0 of 4")
        ztui.until("live")
        ztui.quiet(1.0)
        ztui.overwrite("\x1b[3;1HBroadcast message from root: going down\x1b[7;5Hgarbage")
        assert "Broadcast" in ztui.text
        ztui.press("\x0c")
        ztui.until(lambda: "Broadcast" not in ztui.text and "garbage" not in ztui.text)

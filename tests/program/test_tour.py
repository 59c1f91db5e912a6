"""The tour of docs/tour.md, replayed: each question answered in at most eight keys, each of which the screen shows beforehand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.program.terminal import ROOT, Program

TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
_STEP = re.compile(
    r"^### (?P<question>.+?)\n+Keys: (?P<keys>.+?)\n+Then the screen says:\n+```\n(?P<says>.+?)```", re.MULTILINE | re.DOTALL
)
_BYTES = {"Enter": "\r", "Tab": "\t", "Down": "\x1b[B"}

QUESTIONS = {found["question"]: (found["keys"], found["says"]) for found in _STEP.finditer(TOUR)}


def test_the_tour_asks_its_four_questions() -> None:
    assert len(QUESTIONS) == 4


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_in_eight_keys_that_the_screen_shows(tmp_path: Path, question: str) -> None:
    keys, says = QUESTIONS[question]
    pressed = re.findall(r"`([^`]+)`", keys)
    assert 0 < len(pressed) <= 8
    with Program(tmp_path, "--demo", size=(150, 45)) as ztui:
        ztui.until("Phase 0 of 4")
        ztui.until("live")
        typing = False
        for key in pressed:
            ztui.quiet(0.5)
            if not typing:
                shown_in_footer(ztui, key)
            typing = key == "/" or (typing and key != "Enter")
            ztui.press(_BYTES.get(key, key))
        for part in says.splitlines():
            on_screen(ztui, part)


def shown_in_footer(ztui: Program, key: str) -> None:
    wanted = re.compile(rf"(?<!\S){re.escape(key)}(?= )")
    ztui.until(lambda: wanted.search("\n".join(ztui.screen.display[-3:])) is not None)


def on_screen(ztui: Program, words: str) -> None:
    ztui.until(lambda: words in " ".join(" ".join(line.split()) for line in ztui.screen.display))

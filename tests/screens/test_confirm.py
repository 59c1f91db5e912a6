"""What agrees to nothing: type-ahead, bursts, pastes, clicks, Enter and words that are nearly right, at a question."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot

from screens.agree import LEAST_S
from screens.app import ZtuiApp
from screens.change import ChangeScreen
from tests.screens.test_change import JumpingClock, console, shown, until, writes
from ztui.demo.server import DemoThread
from ztui.kinds.base import Ref
from ztui.recipes.base import recipes

DIALOGS: Final = (("R-PSA", "payments", "payments", ""), ("R-LABEL-OWNER", "cert-manager", "y", "ana"))
"""A recipe, the namespace, the word that agrees to it, and what it is told before it is shown."""


class StandingClock(JumpingClock):
    """Time passes when a test says so: a question is as young as the test wants, however slow the machine is."""

    def __init__(self) -> None:
        super().__init__()
        self.stands: float | None = None

    def monotonic(self) -> float:
        return self.stands if self.stands is not None else super().monotonic()


async def taken(pilot: Pilot[int]) -> None:
    """Everything that was sent has been dealt with: by the app, by it, and by what has the focus."""
    for _ in range(3):
        for node in (pilot.app, pilot.app.screen, pilot.app.screen.focused):
            if node is not None:
                done = asyncio.Event()
                node.call_later(done.set)  # behind all that is in its queue
                await done.wait()


class Attempts:
    """Ways in which nobody agrees, at one dialog."""

    def __init__(self, pilot: Pilot[int], clock: StandingClock, word: str, seed: int) -> None:
        self.pilot, self.clock, self.word = pilot, clock, word
        self.rng = random.Random(seed)  # noqa: S311  not a secret
        self.ways: dict[str, Callable[[], Awaitable[None]]] = {
            "ahead": self.ahead,
            "paste": self.paste,
            "click": self.click,
            "enter": self.enter,
            "nearly": self.nearly,
        }
        if len(word) > 1:  # of one letter no burst can be made
            self.ways["burst"] = self.burst

    def old(self) -> None:
        """The question has stood long enough."""
        assert self.clock.stands is not None
        self.clock.stands += 1.0

    async def letters(self, text: str, gap_s: float) -> None:
        at = 0.0
        for letter in text:
            event = Key({" ": "space", "\r": "enter", "\x1b": "escape"}.get(letter, letter), letter)
            event.time += at
            at += gap_s
            self.pilot.app.post_message(event)
        await taken(self.pilot)

    async def ahead(self) -> None:
        """Typed at a person's pace, before the question could be read."""
        await self.letters(self.word + self.rng.choice(("", "\r")), 0.1)

    async def burst(self) -> None:
        """Typed faster than anybody does."""
        self.old()
        await self.letters(self.word * self.rng.randint(1, 3) + self.rng.choice(("", "\r")), self.rng.random() * LEAST_S * 0.9)

    async def paste(self) -> None:
        """Pasted whole, in parts, with line ends, and gone on with by hand."""
        self.old()
        cut = self.rng.randint(0, len(self.word))
        for part in (self.word[:cut], self.word[cut:], self.word, f"{self.word}\r\n{self.word}")[self.rng.randint(0, 3) :]:
            self.pilot.app.post_message(Paste(part))
        await taken(self.pilot)
        await self.letters(self.word[max(cut, 1) :], 0.1)

    async def click(self) -> None:
        """Clicked anywhere, once or twice."""
        self.old()
        size = self.pilot.app.size
        for _ in range(self.rng.randint(1, 2)):
            place = (self.rng.randrange(size.width), self.rng.randrange(size.height))
            await self.pilot.click(offset=place, times=self.rng.randint(1, 2))

    async def enter(self) -> None:
        """Enter, alone or after a beginning of the word."""
        self.old()
        await self.letters(self.word[: self.rng.randint(0, len(self.word) - 1)] + "\r" * self.rng.randint(1, 4), 0.1)

    async def nearly(self) -> None:
        """Another word: of other letters, too short, too long in front, with a blank."""
        self.old()
        near = (self.word.upper(), self.word[:-1], f" {self.word}", f"x{self.word}", self.word[::-1].upper(), "es")
        await self.letters(self.rng.choice(near) if len(self.word) > 1 else self.rng.choice(("Y", "n", "es", " ")), 0.1)


async def opened(app: ZtuiApp, pilot: Pilot[int], clock: StandingClock, recipe: str, on: str, answer: str) -> ChangeScreen:
    screen = ChangeScreen(Ref("", "Namespace", "", on), (recipes()[recipe],))
    app.push_screen(screen)
    await until(pilot, lambda: screen.stage == "answering" and screen._since is not None)
    clock.passed += 1.0
    await pilot.press(*answer, "enter")
    await until(pilot, lambda: "Diff" in shown(app))
    return screen


@pytest.mark.parametrize("times", [100, pytest.param(5_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("recipe", "on", "word", "answer"), DIALOGS, ids=[item[0] for item in DIALOGS])
async def test_R29_nothing_but_the_typed_word_agrees(
    demo: DemoThread, tmp_path: Path, recipe: str, on: str, word: str, answer: str, times: int
) -> None:
    seed, ways = 29, Counter[str]()
    clock = StandingClock()
    async with console(demo, tmp_path, clock=clock) as (app, pilot, _):
        screen = await opened(app, pilot, clock, recipe, on, answer)
        wanted = screen._need()
        assert wanted is not None
        assert wanted.word == word
        clock.stands = clock.monotonic()
        attempts = Attempts(pilot, clock, word, seed)
        for number in range(times):
            await attempts.letters("a", 0.1)
            assert screen.stage == "typing"
            while screen._since is None:
                await taken(pilot)
            way = attempts.rng.choice(sorted(attempts.ways))
            await attempts.ways[way]()
            assert (app.screen, screen.stage) == (screen, "typing"), f"{way} agreed: seed {seed}, attempt {number}"
            await attempts.letters("\x1b", 0.1)
            assert screen.stage == "shown"
            ways[way] += 1
            if number % 500 == 499:
                print(f"R29: {number + 1} attempts at {recipe}, seed {seed}: {dict(ways)}", flush=True)
        assert writes(demo) == []
        await pilot.press("a")
        await pilot.pause()
        attempts.old()
        await attempts.letters(word, 0.1)
        await until(pilot, lambda: screen.stage == "done")
        assert len(writes(demo)) == 1, "and the word itself does"

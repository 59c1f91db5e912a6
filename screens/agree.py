"""What is agreed to: looked at, shown, agreed to by typing, made. Enter, mouse, paste and type-ahead agree to nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.widget import Widget

from screens.base import BUSY, FrameScreen
from widgets.text import TextPane
from ztui.changes import shown
from ztui.changes.batch import Batch, in_turn, need_all
from ztui.changes.consent import BATCH, Consent, Need, missing
from ztui.errors import ZtuiError
from ztui.frame import Frame
from ztui.panes.base import Line, Tone, prose
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.changes.desk import Desk
    from ztui.changes.preview import Preview
    from ztui.changes.protocol import Outcome
    from ztui.recipes.base import RiskClass

READ_S: Final = 0.4
"""How long a question stands before an answer counts."""

LEAST_S: Final = 0.015
"""Between two letters of a typed name: who is faster than that is not typing."""

LONGEST: Final = 300

Stage = Literal["choosing", "answering", "looking", "shown", "reason", "typing", "running", "done", "failed"]


class AgreeScreen(FrameScreen):
    """One consent, from the look at what it covers to the outcome. A subclass says what is looked at, and how it is called."""

    AUTO_FOCUS: ClassVar[str | None] = "#text"
    MOST: ClassVar[Mapping[RiskClass, int]] = BATCH
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "agree", show=False),
        Binding("w", "write", show=False),
        Binding("c", "copy_command", show=False),
        Binding("u", "unlock", show=False),
        Binding("r", "look_again", show=False),
        Binding("enter", "all_of_it", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._stage: Stage = "looking"
        self._typed = ""
        self._reason = ""
        self._since: float | None = None
        self._last = 0.0
        self._desk: Desk | None = None
        self._previews: tuple[Preview, ...] = ()
        self._all = False
        self._told: list[str] = []
        self._outcomes: tuple[Outcome, ...] = ()
        self._batch: Batch | None = None

    async def previewed(self, desk: Desk) -> tuple[Preview, ...]:
        """What the consent is to cover. Raises ZtuiError."""
        raise NotImplementedError

    async def turn(self, at: int) -> Preview:
        """One of them when its turn comes."""
        return self._previews[at]

    def head(self) -> str:
        """What it is called before it was looked at."""
        raise NotImplementedError

    def above(self) -> list[Line]:
        """What is said of all of them, above each."""
        return []

    @property
    def stage(self) -> str:
        """How far it is."""
        return self._stage

    @property
    def is_typing(self) -> bool:
        """Whether letters are an answer and not keys."""
        return self._stage in {"answering", "reason", "typing"}

    @property
    def is_busy(self) -> bool:
        """While something is being sent."""
        return self._stage == "running"

    def body(self) -> Sequence[Widget]:
        """What is to be changed, and the line that asks."""
        return (TextPane(id="headline"), TextPane(id="text", focusable=True), TextPane(id="asking"))

    def keys(self) -> Sequence[tuple[str, str]]:
        """The keys of the stage."""
        if self.is_typing:
            return (("Esc", "go back"), ("Enter", "go on")) if self._stage != "typing" else (("Esc", "go back"),)
        extra = self.stage_keys()
        if self._stage == "shown":
            extra += [("a", "apply …")] if self._may_agree() else []
            extra += [("u", "unlock")] if self._desk is not None and self._desk.mode.locked else []
            extra += [("Enter", "fold" if self._all else "list all"), ("w", "write the patch"), ("c", "copy as oc command")]
        elif self._stage in {"done", "failed"}:
            left = self._left
            extra += [("r", f"go on with the other {left}" if left else "look again")]
        return (*extra, ("Esc", "leave" if self._stage in {"done", "failed"} else "leave, nothing is sent"))

    def stage_keys(self) -> list[tuple[str, str]]:
        """What a subclass has besides, first of all."""
        return []

    def on_mount(self) -> None:
        """Begin: look."""
        super().on_mount()
        if self._stage == "looking":
            self._begin()

    def draw(self, frame: Frame) -> None:
        """Show the stage."""
        del frame
        head, wanted = self.head(), self._need()
        if wanted is not None:
            head = f"{self.title_of(self._previews)}   {wanted.risk_class}"
        self.query_one("#headline", TextPane).set_lines([self.ztui.title_line(head)])
        self.query_one("#text", TextPane).set_lines(self._lines())
        self.query_one("#asking", TextPane).set_lines(self._question())

    def title_of(self, previews: Sequence[Preview]) -> str:
        """What it is called once it was looked at."""
        first = previews[0].plan
        return shown.title(first) if len(previews) == 1 else f"{first.title}: {len(previews)} changes"

    def _lines(self) -> list[Line]:
        lines = [Line(f"told:{at}", (prose(text, tone),)) for at, (text, tone) in enumerate(self._news())]
        lines += self.above()
        for preview in self._previews if self._desk is not None else ():
            assert self._desk is not None  # noqa: S101  the line above
            if len(self._previews) > 1:
                lines.append(Line("of", (prose(shown.title(preview.plan), "strong"),)))
            lines += shown.lines(preview, self._desk.mode, all_of_it=self._all)
        return lines or [Line("wait", (prose(self.waiting(), "dim"),))]

    def waiting(self) -> str:
        """What is said while nothing can be shown."""
        return "looking at the cluster …"

    def _news(self) -> list[tuple[str, Tone]]:
        ended: list[tuple[str, Tone]] = [
            (f"{item.state}: {item.words}", "pass" if item.state == "verified" else "warn") for item in self._outcomes
        ]
        if ended and len(ended) == len(self._previews):
            return [*ended, ("", "plain")]
        tone: Tone = "fail" if self._stage == "failed" else "accent"
        return [*ended, *((text, tone) for text in self._told[-3:]), *([("", tone)] if self._told else [])]

    def _question(self) -> list[Line]:
        wanted = self._need()
        text = self.question()
        if self._stage in {"reason", "typing"} and wanted is not None:
            text = shown.ask(wanted, self._typed, self._reason, stage=self._stage)
        return [Line("ask", (prose(text, "warn"),))] if text else []

    def question(self) -> str:
        """What is asked before anything is looked at."""
        return ""

    def _begin(self) -> None:
        """Look."""
        self._look()

    def _look(self) -> None:
        self._previews = ()
        self._enter("looking")
        self.run_worker(self._looked(), group="change", exclusive=True, exit_on_error=False, name="look")

    async def _looked(self) -> None:
        async def look() -> None:
            core = self.ztui.core
            assert core is not None  # noqa: S101  the screen opens on a core only
            self._desk = await core.desk()
            found = await self.previewed(self._desk)
            self._told = []
            if found:
                need_all(found, self._desk.mode, self.MOST)
            self._previews = found
            self._enter("shown")

        await self._guarded(look)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, and say what went wrong in the place where a person looks."""
        try:
            await work()
        except ZtuiError as error:
            self._told = [str(error)]
            self._enter("failed")

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._since = None
        if self.is_typing:
            self.set_focus(None)
        elif self.is_mounted:
            self.query_one("#text", TextPane).focus()
        self.draw_all()
        self.call_after_refresh(self._stands)

    def _stands(self) -> None:
        self._since = self.ztui.clock.monotonic()

    def _is_early(self) -> bool:
        """Whether the question has not stood long enough to have been read."""
        return self._since is None or self.ztui.clock.monotonic() - self._since < READ_S

    def _need(self) -> Need | None:
        """What a person must give for all of it; ``None`` before anything can be agreed to."""
        return need_all(self._previews, self._desk.mode, self.MOST) if self._previews and self._desk is not None else None

    @property
    def _left(self) -> int:
        """How many were not begun when it stopped."""
        is_over = self._stage in {"done", "failed"} and self._batch is not None
        return len(self._previews) - len(self._outcomes) if is_over else 0

    def _may_agree(self) -> bool:
        if not self._previews or self._desk is None or not self._desk.mode.may_write:
            return False
        return all(self.is_ready(at) for at in range(len(self._previews)))

    def is_ready(self, at: int) -> bool:
        """Whether nothing stands in the way of one of them."""
        item = self._previews[at]
        return bool(item.plan.writes) and not item.rights and not item.refusals and all(stop.override for stop in item.plan.stops)

    def action_agree(self) -> None:
        """Open the line that asks for the consent."""
        if self._stage != "shown":
            return
        if not self._may_agree():
            self.ztui.tell("this cannot be applied from here: the lines above say why")
            return
        self._typed, self._reason = "", ""
        wanted = self._need()
        self._enter("reason" if wanted is not None and wanted.reason else "typing")

    def action_unlock(self) -> None:
        """Unlock a production context, by its typed name."""
        if self._stage == "shown" and self._desk is not None and self._desk.mode.locked:
            from screens.unlock import UnlockScreen  # noqa: PLC0415  only in production contexts

            desk = self._desk

            def answered(yes: bool | None) -> None:
                if yes:
                    desk.unlock()
                self.draw_all()

            self.app.push_screen(UnlockScreen(self.ztui.current_context, self.ztui.clock), answered)

    def action_all_of_it(self) -> None:
        """List everything, or fold it again."""
        if self._stage in {"shown", "done"}:
            self._all = not self._all
            self.draw_all()

    def action_look_again(self) -> None:
        """Make the preview anew; of a batch that stopped, for those that were not begun."""
        if self._stage in {"failed", "done", "shown"}:
            self.go_on_with_the_rest()
            self._outcomes, self._told = (), []
            self._look()

    def go_on_with_the_rest(self) -> None:
        """Forget what was made already, before the others are looked at again."""

    def action_write(self) -> None:
        """Write the patch for the repository that the object comes from."""
        if self._previews and self._desk is not None:
            from screens.files import keep_text  # noqa: PLC0415  only where it is asked

            texts = "---\n".join(map(self._desk.manifests, self._previews))
            keep_text(self.ztui, f"patch-{self._previews[0].plan.recipe}", texts.splitlines())

    def action_copy_command(self) -> None:
        """Copy the change as commands for a shell."""
        if self._previews and self._desk is not None:
            self.app.copy_to_clipboard("".join(map(self._desk.commands, self._previews)))
            self.ztui.tell("copied as commands")

    def action_back(self) -> None:
        """Go back one stage, or leave; never while something is being sent."""
        if self.is_typing and self._stage != "answering":
            self._enter("shown")
        elif self.is_busy:
            self.ztui.tell(BUSY)
        else:
            self.app.pop_screen()

    def action_leave(self) -> None:
        """As Esc."""
        self.action_back()

    def on_paste(self, event: Paste) -> None:
        """A paste agrees to nothing; it may be an answer to a question."""
        event.stop()
        if self._stage == "answering":
            self._typed = (self._typed + clean(event.text.splitlines()[0] if event.text else ""))[:LONGEST]
            self.draw_all()
        elif self.is_typing:
            self._typed = ""
            self.ztui.tell("a paste agrees to nothing: type it")
            self.draw_all()

    def on_key(self, event: Key) -> None:
        """Letters of an answer."""
        if not self.is_typing:
            return
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self.action_back()
        elif self._is_early():
            return
        elif event.key == "enter":
            self.go_on()
        elif event.key == "backspace":
            self._put(self._text()[:-1], event.time)
        elif event.character is not None and event.character.isprintable():
            self._put(self._text() + event.character, event.time)
            self._try_consent()

    def _text(self) -> str:
        return self._reason if self._stage == "reason" else self._typed

    def _put(self, text: str, at: float) -> None:
        """Take a letter; ``at`` is when the terminal sent it, in seconds."""
        if self._stage == "typing" and self._typed and at - self._last < LEAST_S:
            text = ""  # not typed by a person: what came before is void too
        self._last = at
        if self._stage == "reason":
            self._reason = text[:LONGEST]
        else:
            self._typed = text[:LONGEST]
        self.draw_all()

    def go_on(self) -> None:
        """Enter ends a reason; it never agrees."""
        if self._stage == "reason" and len(self._reason.split()) >= 2:
            self._enter("typing")
        elif self._stage == "reason":
            self.ztui.tell("give a reason, in two words at least")

    def _try_consent(self) -> None:
        """Go, once the whole word is there."""
        wanted = self._need()
        if self._stage != "typing" or wanted is None or missing(wanted, Consent(self._typed, self._reason)):
            return
        self._enter("running")
        self.run_worker(self._run(), group="apply", exit_on_error=False, name="apply")

    async def _run(self) -> None:
        """Apply one after another; the first that is not proved ends it."""

        async def apply() -> None:
            assert self._desk is not None  # noqa: S101  there is no consent without one
            made = in_turn(self._desk, self._previews, self.turn, self._reason, self._batch, self._tell)
            async for outcome in made:
                self._outcomes = (*self._outcomes, outcome)
            left = len(self._previews) - len(self._outcomes)
            self._told = [f"stopped: {left} of {len(self._previews)} were not begun"] if left else []
            self._enter("done")

        await self._guarded(apply)

    def _tell(self, text: str) -> None:
        self._told.append(text)
        self.draw_all()

"""The desk: what the console and the shell ask for when something is to be changed. Offers, previews, applies, takes back.

Holds no cluster state: it asks the core for a state and for the judgement of another one, and gives plans to the runner.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from ztui.board import Board
from ztui.changes.change import Change
from ztui.changes.commands import as_commands
from ztui.changes.consent import UNLOCKED_S, Consent, Mode
from ztui.changes.entry import Entry, Record
from ztui.changes.hands import Hand
from ztui.changes.journal import Journal
from ztui.changes.preview import FAULTY, Effect, Preview, Step, diff, emitted, is_made, shifts, standing
from ztui.changes.protocol import LOOK_S, Outcome, Runner, Signature, Tell, opposites
from ztui.changes.recovery import recovered
from ztui.changes.undo import GONE, OTHER, Opposite, as_write, obstacles, reading
from ztui.changes.writer import Live, live_of
from ztui.checks.base import CheckId
from ztui.clock import Clock, within
from ztui.engines.cuts import CUTS, Doors, doors, lost, used
from ztui.engines.units import managed_by
from ztui.errors import ChangeError, ConflictError, JournalError, ZtuiError
from ztui.frame import Frame
from ztui.kinds.base import DECODE_ERRORS, Kind, Ref
from ztui.kinds.network import Service
from ztui.kinds.workload import Namespace, Pod
from ztui.recipes.base import Note, Plan, Recipe, Stop, Write, kind_of, note, plan, recipes
from ztui.recipes.simulate import after, with_objects
from ztui.recipes.trees import PatchError
from ztui.view import State, View

_NO_DRY_RUN: Final = "does not support dry run"
_LEAVES_NOTHING: Final = frozenset({"delete", "merge"})
"""Writes of an undo that are done where their object is gone: it was to go, or to get back values of its own."""

_REACH: Final = frozenset((*CUTS, Namespace, Pod, Service))


class Judging(Protocol):
    """The part of the core that a desk needs."""

    @property
    def frame(self) -> Frame:
        """The frame of now."""

    def frames(self) -> AsyncGenerator[Frame, None]:
        """The frame of now, and each newer one."""

    def look_again(self, *, vaults: bool = False) -> None:
        """Read now what is otherwise read now and then; the Vaults too."""

    async def suppose(self, change: Callable[[State], State], *panes: Callable[[View], Any]) -> tuple[Board, tuple[Any, ...]]:
        """The board of the state that a change makes of this one, and what these functions say of it."""


class Desk:
    """Changes of one session. ``writer`` is ``None`` in read-only mode: nothing that sends exists then."""

    def __init__(
        self, core: Judging, writer: Hand | None, journal: Journal | None, clock: Clock, signature: Signature, mode: Mode
    ) -> None:
        self._core = core
        self._writer = writer
        self._clock = clock
        self._mode = mode
        self._signature = signature
        self._unlocked_until = -1.0
        self.journal = journal
        self.news: tuple[str, ...] = ()
        self._runner = Runner(writer, journal, clock, signature) if writer is not None and journal is not None else None

    @property
    def mode(self) -> Mode:
        """Whether this session may write now."""
        if self.journal is not None and self.journal.problem is not None and not self._mode.read_only:
            return msgspec.structs.replace(self._mode, read_only=f"the journal: {self.journal.problem.what}")
        if self._mode.locked and self._clock.monotonic() < self._unlocked_until:
            return msgspec.structs.replace(self._mode, locked=False)
        return self._mode

    async def changes(self) -> list[Change]:
        """The changes of the journal, in the order in which they began."""
        return await asyncio.to_thread(self.journal.changes) if self.journal is not None else []

    async def note(self, action: str, outcome: str, ref: Ref | None = None, reason: str = "") -> Record:
        """Record what is no change of the cluster, such as a bundle of evidence. Raises JournalError where it cannot be."""
        if self.journal is None:
            raise JournalError("there is no journal here")
        who = self._signature
        entry = Entry(
            change="",
            step="note",
            action=action,
            ref=ref,
            user=who.user,
            context=who.context,
            cluster=who.cluster,
            session=who.session,
            outcome=outcome,
            reason=reason,
        )
        return await asyncio.to_thread(self.journal.append, entry)

    @property
    def context(self) -> str:
        """The context that everything is sent to."""
        return self._signature.context

    def unlock(self) -> None:
        """Let a production context be written to for a while."""
        self._unlocked_until = self._clock.monotonic() + UNLOCKED_S

    async def preview(self, card: Recipe, ref: Ref, answers: Mapping[str, str] | None = None) -> Preview:
        """What a recipe would change on an object, and what that would do. Raises ZtuiError."""

        def planned(view: View) -> tuple[Plan, State]:
            return plan(view, card, ref, answers), view.state

        _, ((found, seen),) = await self._core.suppose(lambda state: state, planned)
        lives = await self._lives(found)
        newer = _newer(seen, found, lives)  # than what the plan was made from, whatever was heard of in the meantime
        if newer:
            _, ((again, _),) = await self._core.suppose(lambda state: with_objects(state, newer), planned)
            if again.writes != found.writes:
                found = again
                lives = await self._lives(found)
        return standing(await self._shown(found, lives, answers))

    def manifests(self, preview: Preview) -> str:
        """A change as manifests for the repository that its objects come from; patches as the lines that they change."""
        texts = []
        for step in preview.steps:
            version = self._version(step.write.kind)
            text = emitted(step.write, version)
            texts.append(text or "\n".join(f"# {line.mark} {line.text}" for line in diff(step)))
        return "---\n".join(f"{text.rstrip()}\n" for text in texts)

    def commands(self, preview: Preview) -> str:
        """The same as commands for a shell."""
        return as_commands(preview, self._version)

    def _version(self, kind: type[Kind]) -> str:
        if self._writer is None:
            return f"{kind.GROUP}/{kind.VERSIONS[0]}" if kind.GROUP else kind.VERSIONS[0]
        return self._writer.version(kind)

    def close(self) -> None:
        """Let go of the journal."""
        if self.journal is not None:
            self.journal.close()

    async def preview_undo(self, change: str) -> Preview:
        """What taking a change back would change. Raises ChangeError where it cannot be."""
        if self.journal is None:
            raise ChangeError("there is no journal here")
        held = next((item for item in await self.changes() if item.id == change), None)
        if held is None:
            raise ChangeError(f"there is no change {change} in the journal", next="`ztui journal show` lists them")
        if held.state == "undone":
            raise ChangeError(f"the change {change} is taken back already")
        acked = [record for record in held.records if record.step == "acked"]
        items = [item for record in acked if (item := opposites(record.undo))]
        if len(items) < len(acked) or not items:
            why = f"{len(acked) - len(items)} of its {len(acked)} writes cannot be undone" if items else "nothing undoes it"
            raise ChangeError(f"the change {change} cannot be taken back", why=why)
        return await self._undoing(held.first.recipe, held.id, tuple(reversed(items)))

    async def recover(self) -> None:
        """Find out how the changes ended that a crash broke off; ``news`` says what was found out."""
        if self.journal is not None and self._writer is not None:
            self.news = await recovered(self.journal, self._writer)

    async def _undoing(self, recipe: str, change: str, items: tuple[Opposite, ...]) -> Preview:
        stops: list[Stop] = []
        writes: list[Write] = []
        told: list[Note] = []
        for item in items:
            kind = kind_of(item.ref)
            if kind is None:
                raise ChangeError("this release cannot take it back", where=str(item.ref), why="no recipe writes that kind")
            live = await self._read(reading(item, kind))
            if item.verb in _LEAVES_NOTHING and len(items) > 1 and (live is None or live.uid != item.uid):
                told.append(note(GONE if live is None else OTHER, item.ref, what=str(item.ref)))
                continue
            stops += obstacles(item, live)
            writes.append(as_write(item, kind))
        if not writes:
            stops += [Stop(item) for item in told]
        card = recipes().get(recipe)
        risk = card.risk_class if card is not None else "disruptive"
        checks = card.checks if card is not None else ()
        found = Plan(recipe, f"take back {change}", risk, items[0].ref, checks, tuple(writes), tuple(told), tuple(stops), 5.0)
        shown = await self._shown(found, await self._lives(found), None)
        return msgspec.structs.replace(shown, undoes=change)

    async def apply(self, preview: Preview, consent: Consent, tell: Tell) -> Outcome:
        """Make what was shown. Raises ChangeError and JournalError where nothing was sent."""
        if self._runner is None:
            raise ChangeError("nothing was sent", why=f"read-only: {self.mode.read_only or 'no journal'}")

        was = View(self._core.frame.state)

        async def proof(limit_s: float) -> bool:
            self._core.look_again()
            return await self._proved(preview, limit_s, was)

        return await self._runner.run(preview, consent, self.mode, proof, tell)

    async def _proved(self, preview: Preview, limit_s: float, was: View) -> bool:
        """Whether the findings that the plan is about go away in time; where there are none, its objects are the proof.

        ``was`` is the view from before anything was sent: a recipe may have to see that something has moved since.
        """
        wanted = preview.effect.proofs if preview.effect is not None and not preview.undoes else ()
        card = recipes().get(preview.plan.recipe)
        done = asyncio.Event()

        async def look() -> None:
            await self._seen(preview)
            async for frame in self._core.frames():
                if holds(frame, preview, wanted, card if not preview.undoes else None, was):
                    done.set()
                    return

        watching = asyncio.ensure_future(look())
        try:
            return await within(self._clock, limit_s, done)
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _seen(self, preview: Preview) -> None:
        """Wait until a Vault, or what stands beside the cluster, shows what was written: nothing tells of their changes.

        A Vault takes credentials back by and by.
        """
        told = [step for step in preview.steps if step.write.kind.SOURCE != "cluster"]
        for step in told:
            while not await self._is_seen(step):
                await self._clock.sleep(LOOK_S)
        if any(step.write.kind.SOURCE == "vault" for step in told):
            self._core.look_again(vaults=True)

    async def _is_seen(self, step: Step) -> bool:
        try:
            return is_made(step.write, await self._read(step.write), step.live)
        except ZtuiError:
            return False

    async def _shown(self, found: Plan, lives: list[Live | None], answers: Mapping[str, str] | None) -> Preview:
        steps = tuple([await self._step(found, at, live) for at, live in enumerate(lives)])
        effect = await self._effect(found, _newer(self._core.frame.state, found, lives))
        words = (_owner(self._core.frame.state, write) for write in found.writes)
        owner = next((word for word in words if word != "direct"), "")
        rights = await self._rights(found)
        return Preview(found, steps, effect, rights, owner, answers=tuple((answers or {}).items()))

    async def _step(self, found: Plan, at: int, live: Live | None) -> Step:
        """A write of a plan; one that makes again what an earlier one deletes finds nothing there."""
        write = found.writes[at]
        deleted = [item for item in found.writes[:at] if item.verb == "delete" and _same(item.ref, write.ref)]
        if live is None or not write.creates or not deleted:
            return await self._tried(write, live)
        return msgspec.structs.replace(await self._tried(write, None), replaces=live.uid)

    async def _tried(self, write: Write, live: Live | None) -> Step:
        """A write with the server's word on it."""
        if self._writer is None or write.is_secret_like:
            return Step(write, live)
        if not write.can_be_tried:
            if live is None and not write.creates:
                return Step(write, live, problem="there is nothing of that there", refused=True)
            there = live is not None and write.creates
            return Step(write, live, problem="there is one already" if there else "", refused=there)
        try:
            return Step(write, live, await self._writer.send(write, live, "preview", dry_run=True))
        except ConflictError as error:
            owners = tuple(sorted(error.owners.items()))
            try:
                dry = await self._writer.send(write, live, "preview", dry_run=True, force=True)
            except ZtuiError as refusal:
                return Step(write, live, None, owners, refusal.why or refusal.what, refused=True)
            return Step(write, live, dry, owners)
        except ZtuiError as error:
            words = error.why or error.what
            return Step(write, live, None, (), words, refused=_NO_DRY_RUN not in words)

    async def _effect(self, found: Plan, newer: Objects) -> Effect | None:
        """The same judgement of both states: as it is, and as it would be."""
        if self._core.frame.board is None:
            return None
        panes = (doors,) if {write.kind for write in found.writes} & _REACH else ()
        board, before = await self._core.suppose(lambda state: with_objects(state, newer), *panes)
        try:
            board_after, later = await self._core.suppose(lambda state: after(with_objects(state, newer), found), *panes)
        except (PatchError, *DECODE_ERRORS):
            return None  # it does not fit the object as it is now: the dry-run says why
        left = open_checks(board_after, found)
        proofs = tuple(name for name in open_checks(board, found) if name not in left)
        effect = msgspec.structs.replace(shifts(board, board_after), proofs=proofs)
        return _with_reach(effect, before[0], later[0], View(self._core.frame.state)) if panes else effect

    async def _rights(self, found: Plan) -> tuple[str, ...]:
        if self._writer is None:
            return ()
        return tuple(dict.fromkeys([item for write in found.writes for item in await self._writer.lacks(write)]))

    async def _lives(self, found: Plan) -> list[Live | None]:
        return [await self._read(write) for write in found.writes]

    async def _read(self, write: Write) -> Live | None:
        """The object of a write: from the server, or in read-only mode as it is held."""
        if self._writer is not None:
            return await self._writer.read(write)
        held = _held(self._core.frame.state, write.kind, write.ref)
        return live_of(write, msgspec.json.encode(held)) if held is not None else None


def open_checks(board: Board, found: Plan) -> tuple[CheckId, ...]:
    """The checks of a plan that find something on its object now."""
    return tuple(name for name in found.checks if _is_open(board, name, found.on))


def _is_open(board: Board, check: CheckId, ref: Ref) -> bool:
    return any(
        item.status in FAULTY and not item.accepted and _same(item.on, ref)
        for cell in board.cells.get(check, {}).values()
        for item in cell.findings
    )


def _same(a: Ref, b: Ref) -> bool:
    return (a.group, a.kind, a.namespace, a.name) == (b.group, b.kind, b.namespace, b.name)


def holds(frame: Frame, preview: Preview, wanted: tuple[CheckId, ...], card: Recipe | None, was: View) -> bool:
    """Whether a frame proves a change: the finding is gone, and the objects that we follow are as they were to be."""
    found = preview.plan
    if frame.board is None:
        return False
    if not preview.undoes and not all(_has(frame.state, write) for write in found.writes if write.creates):
        return False  # the first of several objects proves nothing of the others
    if card is not None and card.done is not None:
        return card.done(View(frame.state), found.on, was)
    if wanted:
        return not any(_is_open(frame.board, name, found.on) for name in wanted)
    # What gets its old values back may be one too many then, and go: a controller counts it again.
    return all(_has(frame.state, write) or (preview.undoes and write.verb == "merge") for write in found.writes)


def _has(state: State, write: Write) -> bool:
    held = _held(state, write.kind, write.ref)
    if write.verb == "delete":
        return held is None or (bool(write.ref.uid) and held.metadata.uid != write.ref.uid)
    return held is not None or write.kind not in state.objects


Objects = list[tuple[type[Kind], Ref, Kind | None]]


def _newer(state: State, found: Plan, lives: list[Live | None]) -> Objects:
    """The objects of a plan that the server has in another version than we."""
    pairs = zip(found.writes, lives, strict=True)
    read = [(write.kind, write.ref, live.obj) for write, live in pairs if live is not None and live.obj is not None]
    return [(kind, ref, obj) for kind, ref, obj in read if _held(state, kind, ref) != obj]


def _held(state: State, kind: type[Kind], ref: Ref) -> Kind | None:
    return state.objects.get(kind, {}).get(ref.namespace, {}).get(ref.name)


def _owner(state: State, write: Write) -> str:
    held = _held(state, write.kind, write.ref)
    if held is None or isinstance(held, Pod):  # what controls a pod makes others, and leaves its metadata alone
        return "direct"
    if any(owner.controller for owner in held.owners):
        return "operator"
    word = managed_by(held, Ref("apps", "Deployment", "", ""))
    return word


def _with_reach(effect: Effect, before: Doors, later: Doors, view: View) -> Effect:
    cut = lost(before, later)
    seen, unknown = used(view, cut)
    return msgspec.structs.replace(effect, cut=cut, seen=seen, opened=lost(later, before), unknown=unknown)

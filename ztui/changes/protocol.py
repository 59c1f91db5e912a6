"""One state machine for everything that is written: intent, re-read, dry-run, compare, send, acknowledge, verify, take back.

Every step is in the journal before the next begins, so that whoever starts after a crash can tell what happened. Nothing is sent
that was not shown: an object that moved since the preview stops the change.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from ztui.changes.consent import Consent, Mode, insist
from ztui.changes.entry import Entry
from ztui.changes.entry import Step as Kept
from ztui.changes.hands import Hand
from ztui.changes.journal import Journal
from ztui.changes.preview import Preview, Step, before_after, is_made, is_same
from ztui.changes.undo import Opposite, as_write, opposite
from ztui.changes.writer import Live, Sent
from ztui.clock import Clock
from ztui.errors import ChangeError, DriftError, OutcomeUnknownError, ZtuiError
from ztui.kinds.base import Kind, Ref
from ztui.recipes.base import Plan, Write, owned

State = Literal["verified", "applied", "failed", "rolled-back", "unknown"]
LOOK_S: Final = 1.0
LOOKS: Final = 5


class Signature(msgspec.Struct, frozen=True):
    """Who makes a change, and where: what every record of it says."""

    user: str
    context: str
    cluster: str
    session: str


class Outcome(msgspec.Struct, frozen=True):
    """How a change ended, in a word and a sentence. ``undoes`` are its opposites; empty where it cannot be taken back."""

    change: str
    state: State
    words: str
    undo: tuple[Opposite, ...] = ()


Tell = Callable[[str], None]
Proof = Callable[[float], Awaitable[bool]]
"""Waits at most so many seconds for the proof of a change; says whether it came."""


def new_id() -> str:
    """The id of a change: short enough to type, long enough not to meet another."""
    return secrets.token_hex(5)


class Runner:
    """Runs changes of one session, one after another, and keeps the journal of them."""

    def __init__(self, hand: Hand, journal: Journal, clock: Clock, signature: Signature) -> None:
        self._hand = hand
        self._journal = journal
        self._clock = clock
        self._signature = signature
        self._busy = asyncio.Lock()

    async def run(self, preview: Preview, consent: Consent, mode: Mode, proof: Proof, tell: Tell) -> Outcome:
        """Make a change that was shown and agreed to. Raises ChangeError and JournalError where nothing was sent."""
        plan = preview.plan
        wanted = preview.need(mode)
        insist(mode, plan, wanted, consent)
        if preview.forces and not consent.force:
            raise ChangeError("nothing was sent", where=plan.title, why="others own fields that it sets")
        if preview.refusals:
            raise ChangeError("nothing was sent", where=plan.title, why=preview.refusals[0])
        _insist_on_owners(plan)
        change = new_id()
        async with self._busy:
            done: list[Opposite] = []
            uids: dict[Ref, str] = {}
            intents = [self._intent(change, preview, step, consent) for step in preview.steps]
            for entry in intents:
                await self._keep(entry, "intent")
            try:
                for step, entry in zip(preview.steps, intents, strict=True):
                    tell(f"applying {step.write.ref}")
                    found = await self._make(step, entry, consent, uids)
                    done += [found] if found else []
            except ZtuiError as error:
                if done or isinstance(error, OutcomeUnknownError):
                    return await self._broken_off(change, preview, done, error)
                raise
            return await self._verified(change, preview, done, proof, tell)

    def _intent(self, change: str, preview: Preview, step: Step, consent: Consent) -> Entry:
        before, after = before_after(step)
        kept = {"before": _kept(step, before), "after": _kept(step, after), "reason": consent.reason}
        entry = self._entry(change, preview.plan.recipe, step.write, **kept)
        return msgspec.structs.replace(entry, undoes=preview.undoes)

    async def _make(self, step: Step, ours: Entry, consent: Consent, uids: dict[Ref, str]) -> Opposite | None:
        """One write, from its intent to its answer. ``uids`` are those of the objects that were written before it."""
        write, change = step.write, ours.change
        try:
            now = await self._hand.read(write)
            if not is_same(step, now):
                raise DriftError("changed since the preview", where=str(write.ref), next="look at the new preview")
            await self._try(change, step, now, consent)
        except ZtuiError as error:
            await self._keep(ours, "failed", outcome=f"nothing was sent: {error.what}")
            raise
        if write.owner is not None:  # only now is it known; whoever settles this after a crash reads it in the journal
            write = owned(write, uids[_named(write.owner)])
            step = msgspec.structs.replace(step, write=write)
            ours = msgspec.structs.replace(ours, after=_kept(step, before_after(step)[1]))
        uid = now.uid if now else ""
        hint = None if now is None and write.verb != "apply" else opposite(write, now, now or _unmade(uid))
        await self._keep(msgspec.structs.replace(ours, undo=_raw(hint)), "sent")
        try:
            sent = await self._hand.send(write, now, change, force=bool(step.owners) and consent.force)
        except OutcomeUnknownError as error:
            sent = await self._read_back(step, now, ours, error)
        except ZtuiError as error:
            await self._keep(ours, "failed", outcome=f"refused: {error.why or error.what}")
            raise
        back = opposite(write, now, sent.live)
        outcome = "; ".join(sent.warnings)
        ref = msgspec.structs.replace(write.ref, uid=sent.live.uid if sent.live else uid)
        uids[_named(ref)] = ref.uid
        await self._keep(msgspec.structs.replace(ours, ref=ref, undo=_raw(back)), "acked", outcome=outcome)
        return back

    async def _try(self, change: str, step: Step, now: Live | None, consent: Consent) -> None:
        """Try it once more, and compare with what was shown."""
        if step.dry is None or step.write.is_secret_like:
            return
        found = await self._hand.send(step.write, now, change, dry_run=True, force=bool(step.owners) and consent.force)
        shown, live = step.dry.live, found.live
        if shown is not None and live is not None and shown.values != live.values:
            raise DriftError("the server would make something else than was shown", where=str(step.write.ref))

    async def _read_back(self, step: Step, before: Live | None, ours: Entry, error: OutcomeUnknownError) -> Sent:
        """The answer was lost: what the object says now is the outcome."""
        for at in range(LOOKS):
            try:
                live = await self._hand.read(step.write)
            except ZtuiError:
                await self._clock.sleep(LOOK_S * (at + 1))
                continue
            mine = live is None or before is not None or live.created_by in {"", ours.change}
            if mine and is_made(step.write, live, before):
                return Sent(live)
            told = ChangeError("it was not made: its answer was lost, and the object is as before", where=error.where)
            await self._keep(ours, "failed", outcome=told.what)
            raise told from error
        raise error

    async def _broken_off(self, change: str, preview: Preview, done: Sequence[Opposite], error: ZtuiError) -> Outcome:
        unknown = isinstance(error, OutcomeUnknownError)
        words = f"{error.what}: {error.why}" if error.why else error.what
        if done:
            words = f"{len(done)} of {len(preview.steps)} writes were made, then: {words}"
        step: Literal["unknown", "failed"] = "unknown" if unknown else "failed"
        await self._keep(self._entry(change, preview.plan.recipe, preview.steps[-1].write), step, outcome=words)
        return Outcome(change, step, words, tuple(reversed(done)))

    async def _verified(self, change: str, preview: Preview, done: Sequence[Opposite], proof: Proof, tell: Tell) -> Outcome:
        """Wait for the proof; take the change back where its recipe says so and the proof does not come."""
        plan, undo = preview.plan, tuple(reversed(done))
        entry = self._entry(change, plan.recipe, preview.steps[0].write)
        tell(f"verifying, at most {plan.verify_s:.0f} s")
        if await proof(plan.verify_s):
            words = "taken back" if preview.undoes else "done, and proved"
            await self._keep(msgspec.structs.replace(entry, undoes=preview.undoes), "verified", outcome=words)
            return Outcome(change, "verified", words, undo)
        if not plan.rolls_back or not undo:
            words = f"applied; not proved within {plan.verify_s:.0f} s"
            await self._keep(entry, "failed", outcome=words)
            return Outcome(change, "applied", words, undo)
        tell("not proved: taking it back")
        for item in undo:
            await self._take_back(
                change, item, next(step.write.kind for step in preview.steps if step.write.ref.name == item.name)
            )
        words = f"not proved within {plan.verify_s:.0f} s, and taken back"
        await self._keep(entry, "rolled-back", outcome=words)
        return Outcome(change, "rolled-back", words)

    async def _take_back(self, change: str, item: Opposite, kind: type[Kind]) -> None:
        write = as_write(item, kind)
        live = await self._hand.read(write)
        if live is not None and live.uid == item.uid:
            await self._hand.send(write, live, change)

    def _entry(
        self,
        change: str,
        recipe: str,
        write: Write,
        *,
        before: Any = None,
        after: Any = None,
        reason: str = "",
    ) -> Entry:
        mine = self._signature
        return Entry(
            change=change,
            step="intent",
            recipe=recipe,
            ref=write.ref,
            action=write.verb,
            user=mine.user,
            context=mine.context,
            cluster=mine.cluster,
            session=mine.session,
            before=before,
            after=after,
            undo=None,
            reason=reason,
        )

    async def _keep(self, entry: Entry, step: Kept, outcome: str = "") -> None:
        kept = msgspec.structs.replace(entry, step=step, outcome=outcome or entry.outcome)
        await asyncio.to_thread(self._journal.append, kept)


def _named(ref: Ref) -> Ref:
    """A ref by its name alone."""
    return msgspec.structs.replace(ref, uid="")


def _insist_on_owners(plan: Plan) -> None:
    """Refuse a plan whose object would belong to one that it does not write before. Raises ChangeError."""
    before: set[Ref] = set()
    for write in plan.writes:
        if write.owner is not None and _named(write.owner) not in before:
            raise ChangeError("nothing was sent", where=str(write.ref), why=f"its owner is not made before it: {write.owner}")
        before.add(_named(write.ref))


def _kept(step: Step, values: Any) -> Any:
    """What the journal keeps of values: of kinds that hold secrets nothing but labels."""
    return None if step.write.is_secret_like and step.write.verb != "label" else values


def _unmade(uid: str) -> Live:
    return Live(uid, "", {}, "")


def _raw(item: Opposite | None) -> Any:
    return msgspec.to_builtins(item) if item is not None else None


def opposites(raw: Any) -> Opposite | None:
    """An opposite as the journal kept it; ``None`` where there is none, or it cannot be read."""
    try:
        return msgspec.convert(raw, Opposite) if raw is not None else None
    except msgspec.ValidationError:
        return None

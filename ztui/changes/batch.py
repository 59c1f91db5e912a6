"""Several previews under one consent: as strong as the strongest of them, limited by class, stopped by the first failure.

What was made stays made and is in the journal; what is left can be looked at and agreed to again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

import msgspec

from ztui.changes.consent import BATCH, Consent, Mode, Need
from ztui.changes.preview import Preview
from ztui.changes.protocol import Outcome, Tell
from ztui.errors import ChangeError
from ztui.recipes.base import RISKS, RiskClass


class Batch(msgspec.Struct, frozen=True):
    """What belongs together: an id, of how many changes, and how many of them were begun before this consent."""

    id: str
    total: int
    begun: int = 0

    def reason(self, given: str, at: int) -> str:
        """A person's reason, and the place in the batch, for the journal; ``at`` counts from 0 within this consent."""
        place = f"batch {self.id}, {self.begun + at + 1} of {self.total}"
        return f"{given} ({place})" if given else place

    def after(self, begun: int) -> Batch:
        """What is left when so many more were begun."""
        return msgspec.structs.replace(self, begun=self.begun + begun)

    def with_left(self, left: int) -> Batch:
        """The same batch, where so many are left besides those that were begun."""
        return msgspec.structs.replace(self, total=self.begun + left)


def new_batch(total: int) -> Batch:
    """A batch of so many, by a new id."""
    return Batch(uuid4().hex[:8], total)


class Applying(Protocol):
    """The part of a desk that makes changes."""

    @property
    def mode(self) -> Mode:
        """Whether it may write now."""

    async def apply(self, preview: Preview, consent: Consent, tell: Tell) -> Outcome:
        """Make what was shown."""


Turn = Callable[[int], Awaitable[Preview]]
"""The preview to go by when its turn comes; raises ChangeError where that is not what was agreed to."""


def need_all(previews: Sequence[Preview], mode: Mode, most: Mapping[RiskClass, int] = BATCH) -> Need:
    """What a person must give for all of them. Raises ChangeError where they are more than one consent may cover."""
    needs = [item.need(mode) for item in previews]
    risk = max((item.risk_class for item in needs), key=RISKS.index)
    if len(previews) > most[risk]:
        raise ChangeError(
            f"{len(previews)} {risk} changes are too many at once", why=f"{most[risk]} are the most", next="mark fewer"
        )
    if len(needs) == 1:
        return needs[0]
    override = "override " if any(item.word.startswith("override ") for item in needs) else ""
    word = "y" if risk == "safe" else f"{override}{len(previews)} changes"
    return Need(risk, word, risk == "destructive")


async def in_turn(
    desk: Applying, shown: Sequence[Preview], turn: Turn, reason: str, batch: Batch | None, tell: Tell
) -> AsyncGenerator[Outcome]:
    """Make what was agreed to, one after another; the first that is not proved is the last. Raises as ``apply`` does."""
    for at in range(len(shown)):
        now = await turn(at)
        words = batch.reason(reason, at) if batch is not None else reason
        outcome = await desk.apply(now, Consent(now.need(desk.mode).word, words, force=now.forces), tell)
        yield outcome
        if outcome.state != "verified":
            return

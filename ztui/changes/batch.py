"""Several previews under one consent: as strong as the strongest of them, limited by class, stopped by the first failure.

What was made stays made and is in the journal; what is left can be looked at and agreed to again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ztui.changes.consent import BATCH, Mode, Need
from ztui.changes.preview import Preview
from ztui.errors import ChangeError
from ztui.recipes.base import RISKS


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


def need_all(previews: Sequence[Preview], mode: Mode) -> Need:
    """What a person must give for all of them. Raises ChangeError where they are more than one consent may cover."""
    needs = [item.need(mode) for item in previews]
    risk = max((item.risk_class for item in needs), key=RISKS.index)
    if len(previews) > BATCH[risk]:
        raise ChangeError(
            f"{len(previews)} {risk} changes are too many at once", why=f"{BATCH[risk]} are the most", next="mark fewer"
        )
    if len(needs) == 1:
        return needs[0]
    override = "override " if any(item.word.startswith("override ") for item in needs) else ""
    word = "y" if risk == "safe" else f"{override}{len(previews)} changes"
    return Need(risk, word, risk == "destructive")

"""Several previews under one consent: as strong as the strongest of them, limited by class, stopped by the first failure.

What was made stays made and is in the journal; what is left can be looked at and agreed to again.
"""

from __future__ import annotations

from collections.abc import Sequence

from ztui.changes.consent import BATCH, Mode, Need
from ztui.changes.preview import Preview
from ztui.errors import ChangeError
from ztui.recipes.base import RISKS


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

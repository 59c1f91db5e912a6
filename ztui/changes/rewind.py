"""A session taken back: which of its changes can be, newest first, and each of them looked at again when its turn comes.

Two changes of one session may be about the same object. The older one is then as it was left only once the newer one is taken
back: before that, what stands in its way is no verdict. So it is shown with the others, and judged when its turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from ztui.changes.change import Change
from ztui.changes.consent import Mode
from ztui.changes.preview import Preview, refs
from ztui.changes.protocol import Tell
from ztui.errors import ChangeError, DriftError, ZtuiError
from ztui.kinds.base import Ref
from ztui.recipes.base import RISKS, RiskClass
from ztui.words import told

LAST: Final = "last"
MOST: Final = 20
"""Changes that one consent may take back; older ones are left for the next. Each was agreed to by itself when it was made."""
LIMITS: Final[dict[RiskClass, int]] = dict.fromkeys(RISKS, MOST)


class Held(msgspec.Struct, frozen=True):
    """A change of the session that stays, and why."""

    change: Change
    why: str


class Rewind(msgspec.Struct, frozen=True):
    """What taking a session back would do: the undo of each change, newest first.

    ``late`` are places in it: what is in the way of those may go with the ones before. ``older`` counts changes left for the next
    time; ``held`` are those that cannot be taken back.
    """

    session: str
    changes: tuple[Change, ...] = ()
    previews: tuple[Preview, ...] = ()
    late: frozenset[int] = frozenset()
    held: tuple[Held, ...] = ()
    older: int = 0


class Looking(Protocol):
    """The part of a desk that knows the journal and what an undo would do."""

    @property
    def mode(self) -> Mode:
        """Whether it may write now."""

    async def changes(self) -> list[Change]:
        """The changes of the journal, oldest first."""

    async def preview_undo(self, change: str) -> Preview:
        """What taking a change back would change."""


def session_of(changes: Sequence[Change], wanted: str) -> str:
    """The session that is meant: ``last``, the id of one, or of a change in it, or how either begins. Raises ChangeError.

    The last one is the last that changed something; one that only took back does not count.
    """
    made = [item for item in changes if not item.first.undoes and item.first.session]
    if wanted == LAST:
        if not made:
            raise ChangeError("nothing was changed from here", next="`ztui journal show` lists what the journal has")
        return made[-1].first.session
    found = {item.first.session for item in made if wanted and item.first.session.startswith(wanted)}
    found |= {item.first.session for item in made if wanted and item.id.startswith(wanted)}
    if len(found) == 1:
        return found.pop()
    what = f"{len(found)} sessions begin with" if found else "there is no session"
    raise ChangeError(f"{what} {wanted}", next="`ztui journal show ID` names the session of a change")


def left(changes: Sequence[Change], session: str) -> list[Change]:
    """What a session has made that still stands, newest first; what it took back itself is no part of that."""
    mine = (item for item in changes if item.first.session == session and not item.first.undoes)
    return [item for item in reversed(list(mine)) if _stands(item)]


def _stands(change: Change) -> bool:
    steps = {item.step for item in change.records}
    return change.state not in {"undone", "rolled-back"} and ("acked" in steps or (change.is_open and "sent" in steps))


async def look(desk: Looking, session: str, tell: Tell) -> Rewind:
    """Look at the undo of everything that a session made and that still stands. Raises ChangeError where there is nothing."""
    standing = left(await desk.changes(), session)
    if not standing:
        raise ChangeError(f"nothing that session {session} made is left to take back")
    found = Rewind(session)
    touched: set[Ref] = set()
    for at, change in enumerate(standing):
        if len(found.previews) == MOST:
            return msgspec.structs.replace(found, older=len(standing) - at)
        tell(f"looking at {at + 1} of {len(standing)}")
        found = await _with(found, desk, change, touched)
    return found


async def _with(found: Rewind, desk: Looking, change: Change, touched: set[Ref]) -> Rewind:
    """One more change of it: to be taken back, or to stay. ``touched`` are the objects of those that are taken back before it."""
    if change.is_open:
        return _holding(found, change, "how it ended is not known yet")
    try:
        shown = await desk.preview_undo(change.id)
    except ChangeError as error:
        return _holding(found, change, error.why or error.what)
    mine = _named(shown)
    is_late = bool(mine & touched)
    why = against(shown)
    if why and not (is_late and not shown.rights):
        return _holding(found, change, why)
    touched |= mine
    late = found.late | {len(found.previews)} if is_late else found.late
    return msgspec.structs.replace(found, changes=(*found.changes, change), previews=(*found.previews, shown), late=late)


def _holding(found: Rewind, change: Change, why: str) -> Rewind:
    return msgspec.structs.replace(found, held=(*found.held, Held(change, why)))


def against(shown: Preview) -> str:
    """Why an undo may not be made, in words; empty where nothing is in the way."""
    words: list[str] = [told(item.note) for item in shown.plan.stops]
    words += [f"the server refuses: {text}" for text in shown.refusals]
    words += [f"you may not {', '.join(shown.rights)}"] if shown.rights else []
    return "; ".join(words) or ("" if shown.plan.writes else "nothing is left to change")


async def turn(desk: Looking, found: Rewind, at: int) -> Preview:
    """The undo to make now. Raises ChangeError where it is not what was agreed to.

    Where one before it was about the same object, it is looked at again: the writes must be those that were shown, nothing may
    stand in the way any more, and no more consent be needed than was given.
    """
    shown = found.previews[at]
    if at not in found.late:
        return shown
    try:
        now = await desk.preview_undo(found.changes[at].id)
    except ZtuiError as error:
        raise ChangeError("nothing was sent", where=shown.plan.title, why=error.why or error.what) from error
    why = against(now)
    if why:
        raise ChangeError("nothing was sent", where=shown.plan.title, why=why)
    if not all(write in shown.plan.writes for write in now.plan.writes):
        raise DriftError("it would write something else than was shown", where=shown.plan.title, next="look again")
    if _strength(now, desk.mode) > max(_strength(item, desk.mode) for item in found.previews):
        raise DriftError("it needs more than was agreed to", where=shown.plan.title, next="look again")
    return now


def _strength(shown: Preview, mode: Mode) -> tuple[int, bool]:
    need = shown.need(mode)
    return RISKS.index(need.risk_class), need.word.startswith("override ")


def _named(shown: Preview) -> set[Ref]:
    return {msgspec.structs.replace(ref, uid="") for ref in refs(shown.plan)}

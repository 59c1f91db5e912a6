"""``W`` and ``:waive``: accept the finding under the cursor for a time. The cluster stays as it is; the records remember."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.prompt import Prompt
from ztui.checks.base import CheckId
from ztui.errors import SettingsError
from ztui.text import clean
from ztui.waive import covered, new_waiver, told

if TYPE_CHECKING:
    from screens.base import FrameScreen

USAGE = "`:waive ID OBJECT|all DAYS OWNER REASON…`: an end, who answers for it, and why"
DAYS = 30


def begin(screen: FrameScreen, check: str) -> None:
    """Put the beginning of the command into the prompt; owner and reason are for a person to type."""
    if not check:
        screen.ztui.tell("put the cursor on a check or a finding first")
        return
    ref = screen.chosen_ref()
    target = clean(str(ref)).replace(" ", "") if ref is not None else "all"
    screen.query_one(Prompt).ask(":", f"waive {check} {target} {DAYS} ")


def finish(screen: FrameScreen, text: str) -> None:
    """Keep the waiver that was typed, or say what is wrong with it."""
    app, board = screen.ztui, screen.ztui.frame.board
    words = text.split(maxsplit=4)
    card = app.cards.get(CheckId(words[0].upper())) if words else None
    if card is None or len(words) < 5 or not words[2].isdigit() or board is None or app.core is None:
        app.tell(USAGE)
        return
    target = "" if words[1] == "all" else words[1]
    try:
        waiver = new_waiver(card, app.frame.state.now, int(words[2]), owner=words[3], reason=words[4], target=target)
    except SettingsError as error:
        app.tell(str(error))
        return
    app.run_worker(app.core.waive(waiver), group="waive", exit_on_error=False, name="waive")
    app.tell(told(waiver, covered(board, card, waiver)).strip())

"""``f``: from the line under the cursor to the remediation dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.board import Board
from ztui.checks.base import CheckId, Finding
from ztui.panes.checklist import finding_key

if TYPE_CHECKING:
    from screens.base import FrameScreen


def begin(screen: FrameScreen, check: str) -> None:
    """Open the dialog for the finding under the cursor, or say why there is none."""
    from screens.change import ChangeScreen  # noqa: PLC0415  only where something is to be changed
    from screens.fixes import FixesScreen, mendable  # noqa: PLC0415  as above
    from ztui.recipes.base import recipes_for  # noqa: PLC0415  as above

    app = screen.ztui
    if not check or app.frame.board is None:
        app.tell("put the cursor on a check or a finding first")
        return
    if app.core is None:
        app.tell("there is no cluster yet")
        return
    own = finding_at(app.frame.board, check, screen.chosen_key())
    found = [own] if own is not None else mendable(app.frame.board, CheckId(check))
    cards = recipes_for(found[0].on, (check,)) if found else ()
    if not cards:
        app.tell("no one-key fix for this; g shows the steps, e explains the check")
    elif len(found) == 1:
        app.push_screen(ChangeScreen(found[0].on, cards, dict(found[0].values)))
    else:
        app.push_screen(FixesScreen(CheckId(check)))


def finding_at(board: Board, check: str, key: str) -> Finding | None:
    """The finding that a line is about; ``None`` where the line is about more than one."""
    return next((item for _, item in board.findings(CheckId(check)) if finding_key(check, item) == key), None)

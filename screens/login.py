"""Login programs in the console: the question before the first run, and the way to give one the terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from screens import terminal
from ztui.errors import LoginError, ZtuiError
from ztui.frame import Frame

if TYPE_CHECKING:
    from screens.app import ZtuiApp
    from ztui.sources.approvals import ApprovalError


def unapproved(frame: Frame) -> ApprovalError | None:
    """The login program that waits for a person's yes."""
    found = frame.health.problem if frame.health is not None else None
    if not isinstance(found, LoginError):
        return None  # nothing is imported before the first paint
    from ztui.sources.approvals import ApprovalError  # noqa: PLC0415  as above

    return found if isinstance(found, ApprovalError) and found.may_ask else None


def ask(app: ZtuiApp, error: ApprovalError) -> None:
    """Ask whether the login program may run; a yes is remembered and used at once, a no is not asked again by itself."""
    from screens.approve import ApproveScreen  # noqa: PLC0415  only where a login program waits
    from ztui.sources.approvals import approve, card_words  # noqa: PLC0415  as above

    if isinstance(app.screen, ApproveScreen):
        return

    async def remember() -> None:
        try:
            await asyncio.to_thread(approve, error.card, error.policy)
        except ZtuiError as problem:
            app.tell(str(problem))
        else:
            app.retry()

    def answered(yes: bool | None) -> None:
        app.refused.add(error.card.key)
        if yes:
            app.run_worker(remember(), group="approve", exit_on_error=False, name="approve")
        app.redraw()

    app.push_screen(ApproveScreen(card_words(error.card), app.clock), answered)


async def log_in_here(app: ZtuiApp) -> None:
    """Leave the terminal to the login program, and come back after it."""
    core, health = app.core, app.frame.health
    if core is None or health is None or not health.login_program:
        app.tell("this context has no login program")
        return
    failed: ZtuiError | None = None
    try:
        with terminal.stepped_aside(app, health.login_program):
            try:
                await core.log_in_here()
            except ZtuiError as problem:  # inside: the framework takes the terminal back only where nothing raises
                failed = problem
    except SuspendNotSupported:
        app.tell("this terminal cannot be left to a program")
    if failed is not None:
        app.tell(str(failed))

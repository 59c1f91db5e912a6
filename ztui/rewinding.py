"""``ztui journal undo --session``: everything that one session made is taken back, with the rules of the console's key."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ztui.errors import ChangeError, ZtuiError
from ztui.fixing import NOT_PROVED, NOT_SENT, consented, document, emitted, open_desk, say, words_of
from ztui.printing import as_data
from ztui.settings import Settings
from ztui.targets import Finder
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.changes.desk import Desk
    from ztui.changes.rewind import Rewind


def undo_session(found: argparse.Namespace, settings: Settings, find: Finder) -> tuple[str, int]:
    """Show what taking a session back would do, or do it; what to print, and the exit status: 1 where something stays.

    Raises ZtuiError where nothing could be done.
    """
    return asyncio.run(_undo(found, settings, find))


async def _undo(found: argparse.Namespace, settings: Settings, find: Finder) -> tuple[str, int]:
    from ztui.changes import rewind  # noqa: PLC0415  only this verb needs it

    async with open_desk(settings, find) as (_, desk):
        session = rewind.session_of(await desk.changes(), found.session)
        back = await rewind.look(desk, session, say)
        if found.emit:
            pairs = zip(back.changes, back.previews, strict=True)
            return "".join(emitted(desk, item, Path(found.emit) / made.id) for made, item in pairs), 0
        if found.output != "table":
            return as_data(_document(back, desk), found.output), 0
        sys.stdout.write(_told(back, desk))
        if not found.apply:
            return NOT_SENT, 0
        if not back.previews:
            raise ChangeError("nothing of the session can be taken back", where=clean(session), next="the lines above say why")
        return await _applied(back, desk, yes=found.yes)


async def _applied(back: Rewind, desk: Desk, *, yes: bool) -> tuple[str, int]:
    """Ask once, and take back one after another."""
    from ztui.changes import rewind  # noqa: PLC0415  as above
    from ztui.changes.batch import in_turn, need_all, new_batch  # noqa: PLC0415  as above

    given = await consented(desk, need_all(back.previews, desk.mode, rewind.LIMITS), yes=yes)
    batch = new_batch(len(back.previews))
    lines: list[str] = []
    done, why = 0, ""
    try:
        async for item in in_turn(desk, back.previews, lambda at: rewind.turn(desk, back, at), given.reason, batch, say):
            lines.append(f"{item.state}: {clean(item.words)} (change {item.change} takes back {back.changes[len(lines)].id})\n")
            done += item.state == "verified"
    except ZtuiError as error:
        why = clean(str(error))
    total = len(back.previews)
    if done < total:
        lines.append(f"stopped: {total - done} of {total} are not taken back{f': {why}' if why else ''}\n")
        lines.append(f"`ztui journal undo --session {clean(back.session)}` goes on\n")
    return "".join(lines), NOT_PROVED if done < total or back.held or back.older else 0


def _told(back: Rewind, desk: Desk) -> str:
    from ztui.changes.ledger import rewind_lines  # noqa: PLC0415  as above

    head = f"Take back session {clean(back.session)}\n"
    lines = "".join(f"{line.cells[0].text}\n" for line in rewind_lines(back))
    return head + lines + "\n".join(words_of(item, desk) for item in back.previews)


def _document(back: Rewind, desk: Desk) -> dict[str, Any]:
    held = [{"change": clean(item.change.id), "why": clean(item.why)} for item in back.held]
    return {
        "schema": "ztui.rewind",
        "version": 1,
        "session": clean(back.session),
        "changes": [clean(item.id) for item in back.changes],
        "late": sorted(back.late),
        "held": held,
        "older": back.older,
        "previews": [document(item, desk) for item in back.previews],
    }

"""``ztui fix`` and ``ztui journal undo``: the same remediation as the console's key, with the same rules.

A preview by default. ``--apply`` asks as the console does; ``--yes`` is for automation, and for safe changes only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ztui.board import Board
from ztui.checks.base import Check, Finding, Status
from ztui.core import Core
from ztui.errors import ChangeError, SettingsError
from ztui.printing import as_data
from ztui.redact import redact
from ztui.settings import Settings
from ztui.targets import Finder, records_folder
from ztui.text import clean
from ztui.words import told

if TYPE_CHECKING:
    from ztui.changes.consent import Consent, Need
    from ztui.changes.desk import Desk
    from ztui.changes.preview import Preview
    from ztui.changes.protocol import Outcome

NOT_PROVED: Final = 1
NOT_SENT: Final = "nothing was sent; --apply asks and applies\n"
_OPEN: Final = frozenset({Status.FAIL, Status.WARN})


def run(found: argparse.Namespace, settings: Settings, find: Finder, card: Check) -> tuple[str, int]:
    """Show a remediation, or make it; what to print, and the exit status. Raises ZtuiError where nothing could be done."""

    async def ask(core: Core, desk: Desk) -> Preview:
        board = core.frame.board
        assert board is not None  # noqa: S101  the core has settled
        finding = chosen_finding(board, card, found.object)
        return await previewed(desk, finding, card, found.recipe, dict(map(_pair, found.set)))

    return asyncio.run(with_desk(found, settings, find, ask))


def undo(found: argparse.Namespace, settings: Settings, find: Finder) -> tuple[str, int]:
    """Show what taking a change back would do, or do it."""

    async def ask(_: Core, desk: Desk) -> Preview:
        return await desk.preview_undo(found.id)

    return asyncio.run(with_desk(found, settings, find, ask))


@asynccontextmanager
async def open_desk(settings: Settings, find: Finder, *, triage: bool = False) -> AsyncIterator[tuple[Core, Desk]]:
    """A core that has read the cluster, and its desk. Raises ZtuiError where it cannot be read."""
    from ztui.recipes.base import kinds_used  # noqa: PLC0415  only these verbs need them

    state = records_folder(settings, os.environ)
    core = Core(settings, find, also=kinds_used(), state=state, triage=triage)
    async with core.open():
        frame = await core.settled(settings.wait_s)
        problem = frame.problem or (frame.health.problem if frame.health else None)
        if problem is not None:
            raise problem
        yield core, await core.desk()


async def with_desk(
    found: argparse.Namespace,
    settings: Settings,
    find: Finder,
    ask: Callable[[Core, Desk], Awaitable[Preview]],
    done: Callable[[Core, Outcome], Awaitable[None]] | None = None,
) -> tuple[str, int]:
    """Show what is asked for, and make it where it is agreed to.

    ``done`` is told how that ended; with it, incidents are listened for.
    """
    async with open_desk(settings, find, triage=done is not None) as (core, desk):
        preview = await ask(core, desk)
        if found.emit:
            return emitted(desk, preview, Path(found.emit)), 0
        if found.output != "table":
            return as_data(document(preview, desk), found.output), 0
        sys.stdout.write(words_of(preview, desk))
        if not found.apply:
            return NOT_SENT, 0
        given = await consented(desk, preview.need(desk.mode), yes=found.yes)
        outcome = await desk.apply(preview, msgspec.structs.replace(given, force=preview.forces), say)
        if done is not None:
            await done(core, outcome)
        return f"{outcome.state}: {clean(outcome.words)} (change {outcome.change})\n", _status(outcome)


def chosen_finding(board: Board, card: Check, wanted: str | None) -> Finding:
    """The open finding of a check on an object, or its only one. Raises SettingsError where it is not clear which is meant."""
    found = [item for _, item in board.findings(card.id) if item.status in _OPEN and not item.accepted]
    if wanted:
        exact = [item for item in found if wanted.lower() in {str(item.on).lower(), item.on.name.lower(), item.on.typed.lower()}]
    else:
        exact = found if len({item.on for item in found}) == 1 else []
    if exact:
        return exact[0]
    names = sorted({clean(str(item.on)) for item in found})
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    if not names:
        raise SettingsError(f"{card.id} finds nothing that a fix could mend", where="ztui fix")
    what = f"{card.id} finds nothing on {clean(wanted)}" if wanted else f"{card.id} is open on several objects"
    raise SettingsError(what, where="ztui fix", next=f"Name one: {shown}")


async def previewed(desk: Desk, finding: Finding, card: Check, recipe: str | None, answers: dict[str, str]) -> Preview:
    """The preview of a recipe for a finding. Raises SettingsError where none is named of several, or a value is missing."""
    from ztui.recipes.base import recipes_for  # noqa: PLC0415  as above

    found = recipes_for(finding.on, (card.id,))
    if recipe:
        found = tuple(item for item in found if item.id == recipe.upper())
    if len(found) != 1:
        names = ", ".join(item.id for item in found) or "none: `ztui guide` has the steps"
        raise SettingsError(f"{len(found)} recipes mend it", where="ztui fix", next=f"--recipe names one: {names}")
    known = dict(finding.values)
    given = {item.name: answers.get(item.name, item.proposal(known)) for item in found[0].asks}
    missing = [item for item in found[0].asks if not given[item.name]]
    if missing:
        raise SettingsError(f"a value is missing: {missing[0].text}", where="ztui fix", next=f"--set {missing[0].name}=…")
    return await desk.preview(found[0], finding.on, given)


def document(preview: Preview, desk: Desk) -> dict[str, Any]:
    """A preview as data."""
    from ztui.changes import shown  # noqa: PLC0415  as above

    plan, wanted = preview.plan, preview.need(desk.mode)
    return {
        "schema": "ztui.preview",
        "version": 1,
        "recipe": plan.recipe,
        "title": plan.title,
        "object": clean(str(plan.on)),
        "riskClass": wanted.risk_class,
        "type": clean(wanted.word),
        "mayWrite": desk.mode.may_write and not preview.rights and not preview.refusals,
        "stops": [told(item.note) for item in plan.stops],
        "radius": [told(item) for item in plan.radius],
        "missingRights": list(preview.rights),
        "refusals": [clean(redact(text)) for text in preview.refusals],
        "cuts": len(preview.effect.cut) if preview.effect else None,
        "cutsInUse": len(preview.effect.seen) if preview.effect else None,
        "lines": [line.cells[0].text for line in shown.lines(preview, desk.mode, all_of_it=True)],
    }


def words_of(preview: Preview, desk: Desk) -> str:
    """A preview as a person reads it before it is agreed to."""
    from ztui.changes import shown  # noqa: PLC0415  as above

    head = f"{shown.title(preview.plan)}   {preview.need(desk.mode).risk_class}"
    lines = [line.cells[0].text for line in shown.lines(preview, desk.mode)]
    return "\n".join([head, *lines]) + "\n"


async def consented(desk: Desk, wanted: Need, *, yes: bool) -> Consent:
    """Ask at the terminal for as much as is wanted; automation may say yes to safe changes only.

    Raises ChangeError where it was not agreed to.
    """
    from ztui.changes.consent import Consent, missing  # noqa: PLC0415  as above

    if desk.mode.read_only:
        raise ChangeError("nothing was sent", why=f"read-only: {desk.mode.read_only}")
    if yes and wanted.risk_class != "safe":
        raise ChangeError("nothing was sent", why=f"--yes is for safe changes, and this one is {wanted.risk_class}")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ChangeError("nothing was sent", why="nobody is there to ask", next="--yes applies what is safe")
    if desk.mode.locked and not yes:
        name = desk.context
        if await asyncio.to_thread(_asked, f'production context: type "{clean(name)}" to unlock it: ') == name:
            desk.unlock()
    reason = await asyncio.to_thread(_asked, "why (kept in the journal): ") if wanted.reason else ""
    words = 'apply? type "y": ' if wanted.risk_class == "safe" else f'type "{clean(wanted.word, limit=300)}" to apply: '
    given = Consent(wanted.word if yes else await asyncio.to_thread(_asked, words), reason)
    lacks = missing(wanted, given)
    if lacks:
        raise ChangeError("nothing was sent", why="not agreed to", next=lacks)
    return given


def _asked(words: str) -> str:
    sys.stderr.write(words)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def say(text: str) -> None:
    """What goes on, beside what is printed."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()


def _status(outcome: Outcome) -> int:
    return 0 if outcome.state == "verified" else NOT_PROVED


def emitted(desk: Desk, preview: Preview, folder: Path) -> str:
    """Write the change for the repository that its objects come from; nothing is sent."""
    name = f"{preview.plan.recipe.lower()}-{preview.plan.on.typed}.yaml".replace("/", "-").replace(":", "-")
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(desk.manifests(preview), encoding="utf-8")
    except OSError as error:
        raise SettingsError("the patch cannot be written", where=clean(str(path)), why=clean(str(error))) from error
    return f"{clean(str(path))}\n"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError("--set takes NAME=VALUE", where=clean(text))
    return name, value

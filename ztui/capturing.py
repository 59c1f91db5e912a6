"""``ztui blast`` and ``ztui bundle``: what one thing can touch, and the evidence about it in a file; and reading such a file."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from ztui.board import cells_of
from ztui.changes.journal import Journal, journal_folder
from ztui.changes.ledger import touched
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.engines.blast import NoSuchCentreError
from ztui.engines.plaintext import COUNTED_CALLS
from ztui.errors import SettingsError
from ztui.evidence.capture import Captured, Wanted
from ztui.evidence.reading import Bundle, page_of, read_bundle
from ztui.frame import Frame
from ztui.panes.blast import as_text, blast_document, blast_lines
from ztui.panes.blastnear import Changed
from ztui.printing import as_json
from ztui.settings import Settings
from ztui.targets import Finder, records_folder
from ztui.text import clean
from ztui.view import View

UNSOUND: Final = 1
_NEXT: Final = "Name it as in deployment/shop/api, serviceaccount/shop/api, node/worker-1, user/alice"


def blast(frame: Frame, target: str, settings: Settings, output: str) -> tuple[str, bool]:
    """The blast radius as text or JSON, and whether every section saw everything. Raises SettingsError for an unknown name."""
    view, cells, place = View(frame.state), cells_of(frame.board), settings.namespace or ""
    changed = _changed(frame, settings)
    try:
        found = blast_document(view, cells, target, place, changed)
    except NoSuchCentreError as error:
        raise SettingsError(clean(str(error), limit=300), where="ztui blast", next=_NEXT) from error
    if output == "json":
        return as_json(found), found["complete"]
    return as_text(blast_lines(view, cells, target, place, changed)), found["complete"]


def run(target: str, output: str | None, settings: Settings, find: Finder) -> tuple[str, int]:
    """Capture a bundle; what to print, and the exit status. Raises ZtuiError where there is none then."""
    return asyncio.run(_captured(target, output, settings, find)), 0


def show(path: str, page: str | None) -> tuple[str, int]:
    """A bundle's manifest, or one file of it, and whether it is sound. Raises DataError for what is no bundle."""
    bundle = read_bundle(Path(path))
    status = 0 if bundle.is_sound else UNSOUND
    if page is not None:
        return "".join(f"{line}\n" for line in page_of(bundle, page)), status
    return "".join(f"{clean(line, limit=len(line) + 1)}\n" for line in lines_of(bundle)), status


def lines_of(bundle: Bundle) -> list[str]:
    """What a bundle is, what is in it, and what is not."""
    told = bundle.manifest
    link = f"record {told.journal.seq}, hash {told.journal.hash}" if told.journal.seq else told.journal.note or "it had no record"
    lines = [
        f"{told.name}: evidence about {told.target} ({told.sort})" + (f", incident {told.incident}" if told.incident else ""),
        f"made      {told.at:%Y-%m-%d %H:%M:%S} UTC by {told.user or 'nobody named'}, {told.made_by}",
        f"cluster   {told.cluster or 'no id'}, context {told.context}, {told.server}",
        f"journal   {link}; {told.journal.records} records of it are here",
        f"SHA-256   {bundle.sha256}",
        f"hashes    {'all files are what was captured' if bundle.is_sound else 'NOT what was captured:'}",
        *(f"          {text}" for text in bundle.problems),
        "",
        *(f"{item.size:>10}  {item.path}{f'  ({item.note})' if item.note else ''}" for item in told.files),
    ]
    if told.missing:
        lines += ["", "not captured:", *(f"  {item.what}: {item.why}" for item in told.missing)]
    return lines


async def _captured(target: str, output: str | None, settings: Settings, find: Finder) -> str:
    core = Core(settings, find, also=frozenset(COUNTED_CALLS), state=records_folder(settings, os.environ))
    async with core.open():
        frame = await core.settled(settings.wait_s)
        problem = frame.problem or (frame.health.problem if frame.health else None)
        if problem is not None:
            raise problem
        wanted = Wanted(target, settings.namespace or "", Path(output) if output else None)
        found = await core.capture(wanted, _say if sys.stderr.isatty() else None)
    return told(found)


def told(found: Captured) -> str:
    """What to say of a bundle that was written."""
    lines = [str(found.path), f"SHA-256   {found.sha256}"]
    missing = f"{len(found.manifest.missing)} things not captured: `ztui bundle --show` names them"
    lines.append(f"files     {len(found.manifest.files)}, {missing}")
    lines.append(f"journal   record {found.recorded}" if found.recorded else f"journal   not recorded: {found.note}")
    return "".join(f"{clean(line, limit=len(line) + 1)}\n" for line in lines)


def _changed(frame: Frame, settings: Settings) -> Changed | None:
    """What the journal of this cluster tells; ``None`` where there is none."""
    state = records_folder(settings, os.environ)
    if state is None or frame.health is None:
        return None
    folder = journal_folder(state, frame.health.cluster_id or frame.health.server)
    if not folder.is_dir():
        return None
    journal = Journal.open(folder, clock=SystemClock(), reading=True)
    try:
        return touched(journal.changes())
    finally:
        journal.close()


def _say(text: str) -> None:
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()

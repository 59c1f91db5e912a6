"""``ztui incident``: what goes on now, one of them in full, what was done about it; a note for whoever comes next."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from ztui.core import Core
from ztui.errors import SettingsError
from ztui.kinds.incident import Incident, Phase
from ztui.panes.handover import handover, summary
from ztui.panes.incidents import TITLES, headline, incident_lines, page
from ztui.printing import as_columns, as_data, out
from ztui.private import write_private
from ztui.settings import Settings
from ztui.targets import records_folder, target_finder
from ztui.text import clean
from ztui.view import View

EXIT_OPEN: Final = 1
"""Something of level high or critical is open."""


def incident(found: argparse.Namespace, settings: Settings) -> int:
    """Read the cluster once, with all that tells of events, and do what ``found.what`` says; or read a bundle."""
    if getattr(found, "bundle_file", None):
        return _from_bundle(found.bundle_file, found.output)
    with target_finder(found, settings) as (find, mine):
        core = Core(mine, find, state=records_folder(mine, os.environ), triage=True)
        return asyncio.run(_done(core, found, mine.wait_s))


async def _done(core: Core, found: argparse.Namespace, wait_s: float) -> int:
    async with core.open():
        frame = await core.settled(wait_s)
        problem = frame.problem or (frame.health.problem if frame.health else None)
        if problem is not None and not core.frame.incidents:
            raise problem
        work: Callable[[Core, argparse.Namespace], Awaitable[int]] = _WHAT[found.what]
        return await work(core, found)


async def _list(core: Core, found: argparse.Namespace) -> int:
    view = View(core.frame.state)
    if found.output == "table":
        for line in headline(view):
            sys.stderr.write(f"{line.cells[0].text}\n")
        out(as_columns(TITLES[1:], ([part.text for part in line.cells[1:]] for line in incident_lines(view))))
    else:
        out(as_data({"incidents": [_document(item) for item in core.frame.incidents.values()]}, found.output))
    return EXIT_OPEN if any(item.is_open and item.level in {"high", "critical"} for item in core.frame.incidents.values()) else 0


async def _show(core: Core, found: argparse.Namespace) -> int:
    item = one(core, found.id)
    if found.output == "table":
        out("".join(f"{'  ' * line.depth}{line.cells[0].text}\n" for line in page(item, core.frame.state.now)))
    else:
        out(as_data(_document(item), found.output))
    return 0


async def _state(core: Core, found: argparse.Namespace) -> int:
    item = one(core, found.id)
    phase: Phase = found.phase
    core.act(item.name, " ".join(found.words), phase)
    await core.settled(1.0)
    out(f"{item.name} is {phase}\n")
    return 0


async def _note(core: Core, found: argparse.Namespace) -> int:
    item = one(core, found.id)
    core.act(item.name, " ".join(found.words))
    await core.settled(1.0)
    out(f"kept with {item.name}\n")
    return 0


async def _handover(core: Core, found: argparse.Namespace) -> int:
    item = one(core, found.id)
    text = handover(item, core.frame.state.now, core.frame.cluster, await changes_since(core, item))
    if found.output_file is None:
        out(text)
    else:
        asked = Path(found.output_file)
        out(f"written to {clean(str(write_private(asked.parent, asked.name, text)))}\n")
    return 0


async def _bundle(core: Core, found: argparse.Namespace) -> int:
    from ztui.capturing import told  # noqa: PLC0415  only for whoever captures something
    from ztui.evidence.signals import keep_evidence  # noqa: PLC0415  as above

    output = Path(found.output_file) if found.output_file else None
    captured = await keep_evidence(core, one(core, found.id), core.settings.namespace or "", output)
    await core.settled(1.0)
    out(told(captured))
    return 0


def _from_bundle(path: str, output: str) -> int:
    """The incident of a bundle, on a machine that has no cluster: as it was when it was captured."""
    from ztui.capturing import UNSOUND  # noqa: PLC0415  only for whoever reads one
    from ztui.evidence.reading import page_of, read_bundle  # noqa: PLC0415  only for whoever reads one

    bundle = read_bundle(Path(path))
    name = "incident.md" if output == "table" else "incident.json"
    if not any(item.path == name for item in bundle.manifest.files):
        raise SettingsError("no incident is in this bundle", where=clean(path), next="`ztui bundle --show FILE` lists its files")
    for problem in bundle.problems:
        sys.stderr.write(f"NOT what was captured: {clean(problem)}\n")
    out("".join(f"{line}\n" for line in page_of(bundle, name)))
    return 0 if bundle.is_sound else UNSOUND


async def _notify(core: Core, found: argparse.Namespace) -> int:
    from ztui.sources.notify import notify  # noqa: PLC0415  only for whoever notifies

    item = one(core, found.id)
    where = await notify(core.settings, summary(item, core.frame.state.now, core.frame.cluster))
    core.act(item.name, f"told {where}")
    await core.settled(1.0)
    out(f"told {where}\n")
    return 0


async def changes_since(core: Core, item: Incident) -> list[str]:
    """What was changed from here since an incident began, as sentences."""
    changes = await core.changes() or ()
    made = [(change.first, change.state) for change in changes if change.first.at >= item.opened]
    return [f"{one.at:%m-%d %H:%M:%S} {one.recipe or 'change'} on {one.ref or one.path}: {state}" for one, state in made]


def one(core: Core, name: str) -> Incident:
    """The incident whose id begins so. Raises SettingsError where it is not clear which is meant."""
    found = [item for item in core.frame.incidents.values() if item.name.startswith(name)]
    if len(found) != 1:
        known = ", ".join(sorted(item.name for item in core.frame.incidents.values())[:5]) or "none is kept"
        why = f"{len(found)} begin so" if found else f"known: {known}"
        raise SettingsError(f"there is no incident {clean(name)!r}" if not found else "which incident?", why=why)
    return found[0]


def _document(item: Incident) -> dict[str, Any]:
    """An incident as data, without what only a store needs; texts are clean."""
    tree = msgspec.to_builtins(item)
    tree.pop("metadata", None)
    return {"id": item.name, **{name: _cleaned(value) for name, value in tree.items()}}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, limit=max(1, len(value)))
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return {name: _cleaned(item) for name, item in value.items()} if isinstance(value, dict) else value


_WHAT: Final[dict[str, Any]] = {
    "list": _list,
    "show": _show,
    "state": _state,
    "note": _note,
    "handover": _handover,
    "notify": _notify,
    "bundle": _bundle,
}

"""``ztui journal``: show, verify, export and accept what was changed from here. Works on the files alone, without a cluster."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from ztui import journaltext
from ztui.changes.change import Change, changes_of
from ztui.changes.entry import Record, line_of
from ztui.changes.journal import FOLDER, Journal
from ztui.clock import SystemClock
from ztui.errors import JournalError, SettingsError
from ztui.printing import as_data, out
from ztui.settings import Settings
from ztui.targets import records_folder
from ztui.text import clean
from ztui.waivers import SHORTEST_REASON

EXIT_DAMAGED: Final = 1
EXIT_IN_PART: Final = 3


class Kept(msgspec.Struct, frozen=True):
    """A journal that is there, as far as it can be read."""

    folder: Path
    journal: Journal
    records: list[Record]

    @property
    def cluster(self) -> str:
        """The id of its cluster; where no record tells, the name of its folder."""
        return clean(self.records[-1].cluster if self.records and self.records[-1].cluster else self.folder.name)

    @property
    def contexts(self) -> list[str]:
        """The contexts that its changes were made through, the newest first."""
        return journaltext.contexts_of(self.records)

    @property
    def is_damaged(self) -> bool:
        """Whether it is not what was written."""
        return any(item.blocks for item in self.journal.problems)

    def __str__(self) -> str:
        """Context and cluster, for people."""
        return f"{', '.join(self.contexts) or 'no context'} ({self.cluster})"


def journal(found: argparse.Namespace, settings: Settings) -> int:
    """Do what ``found.what`` says with the journals of this user."""
    state = records_folder(settings, os.environ)
    if state is None:
        raise _refused("the demo keeps no journal", "Change something in a cluster of your own")
    what: Callable[[argparse.Namespace, list[Kept]], int] = _WHAT[found.what]
    return what(found, _kept(state, found))


def _show(found: argparse.Namespace, kept: list[Kept]) -> int:
    if not kept:
        return _nothing(found)
    item = _one(kept)
    output = getattr(found, "output", "table")
    changes = changes_of(item.records)
    if wanted := getattr(found, "change", None):
        changes = [_chosen(changes, wanted)]
    if output in {"json", "yaml"}:
        out(as_data(journaltext.as_document(item.records, item.journal.problems, changes), output))
    elif output == "csv":
        out(journaltext.as_csv(changes))
    else:
        out(journaltext.as_page(changes[0]) if wanted else journaltext.as_table(item.records))
    return _warned(item)


def _verify(found: argparse.Namespace, kept: list[Kept]) -> int:
    if not kept:
        return _nothing(found)
    for item in kept:
        last = f", the last with hash {item.records[-1].hash}" if item.records else ""
        out(f"{'damaged' if item.is_damaged else 'sound'}: {item}: {len(item.records)} records hold{last}\n")
        out("".join(f"  {clean(str(problem))}\n" for problem in item.journal.problems))
        if item.is_damaged:
            out(f"  writes are refused; `ztui journal accept --cluster {item.cluster} --reason ...` goes on\n")
    return EXIT_DAMAGED if any(item.is_damaged for item in kept) else 0


def _export(found: argparse.Namespace, kept: list[Kept]) -> int:
    if not kept:
        return _nothing(found)
    item = _one(kept)
    if found.output == "md":
        out(journaltext.as_markdown(item.records, item.journal.problems))
    else:
        out("".join(line_of(record).decode() for record in item.records))
    return _warned(item)


def _accept(found: argparse.Namespace, kept: list[Kept]) -> int:
    if len(found.reason.strip()) < SHORTEST_REASON:
        raise _refused("the reason is too short", f"It needs at least {SHORTEST_REASON} characters: others must understand it")
    damaged = [item for item in kept if item.is_damaged]
    if not damaged:
        raise _refused("no journal is damaged", "There is nothing to accept")
    item = _one(damaged)
    item.journal.close()
    writer = Journal.open(item.folder, clock=SystemClock())
    try:
        record = writer.accept(found.reason, user=_user())
    finally:
        writer.close()
    out(f"accepted for {item}: record {record.seq} says: {clean(record.outcome)}\n")
    return 0


_WHAT: Final[dict[str, Callable[[argparse.Namespace, list[Kept]], int]]] = {
    "show": _show,
    "verify": _verify,
    "export": _export,
    "accept": _accept,
}


def _kept(state: Path, found: argparse.Namespace) -> list[Kept]:
    """The journals that the options choose; empty where there is none at all. Raises SettingsError for one that is not there."""
    folder = state / FOLDER
    try:
        places = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    except OSError as error:
        raise JournalError("the journals cannot be listed", where=str(folder), why=error.strerror or "") from error
    every = [_read(path) for path in places]
    context, cluster = getattr(found, "context", None), getattr(found, "cluster", None)
    chosen = [item for item in every if context is None or context in item.contexts]
    chosen = [item for item in chosen if cluster is None or item.cluster.startswith(cluster) or item.folder.name == cluster]
    if every and not chosen:
        asked = " and ".join(f"{name} {clean(value)}" for name, value in (("context", context), ("cluster", cluster)) if value)
        raise _refused(f"there is no journal of {asked}", _choices(every))
    return chosen


def _read(path: Path) -> Kept:
    journal = Journal.open(path, clock=SystemClock(), reading=True)
    return Kept(path, journal, journal.records())


def _one(kept: list[Kept]) -> Kept:
    """The only one. Raises SettingsError where there are several."""
    if len(kept) > 1:
        raise _refused("there are journals of several clusters", f"{_choices(kept)}; --context or --cluster chooses")
    return kept[0]


def _choices(kept: list[Kept]) -> str:
    return f"there are: {'; '.join(map(str, kept))}"


def _chosen(changes: list[Change], wanted: str) -> Change:
    """The change with this id, or the only one whose id begins so."""
    found = [item for item in changes if item.id == wanted] or [item for item in changes if item.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} changes begin with" if found else "there is no change"
    raise _refused(f"{what} {clean(wanted)}", "`ztui journal show` lists all")


def _nothing(found: argparse.Namespace) -> int:
    """No journal at all is no error: nothing was changed from here."""
    if found.what == "show":
        output = getattr(found, "output", "table")
        if output in {"json", "yaml"}:
            out(as_data(journaltext.as_document([], [], []), output))
        elif output == "csv":
            out(journaltext.as_csv([]))
    sys.stderr.write("ztui: there is no journal: nothing was changed from here\n")
    return 0


def _warned(item: Kept) -> int:
    """Say on stderr what is wrong with it; returns the exit status."""
    for problem in item.journal.problems:
        sys.stderr.write(f"ztui: {clean(str(problem))}\n")
    if not item.is_damaged:
        return 0
    sys.stderr.write("ztui: the journal is damaged: only what holds was printed; `ztui journal verify` tells more\n")
    return EXIT_IN_PART


def _user() -> str:
    """Who accepts, by the system's own word: an environment could say anybody."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def _refused(what: str, step: str) -> SettingsError:
    return SettingsError(what, where="ztui journal", next=step)

"""What a person does at each stop of the guide, as data: which printed steps, what they put in, what they change in an editor.

`steps/*.yaml` say, by check, a list of acts. For each finding every act whose `of` (globs of the object) and `says` (globs of the
finding's values) match is carried out, in order. An act is steps of a procedure: `by` names it, `steps` count from 1 (all that
have commands where none are given), `known` fills in the `<words>` that only a person knows, `edits` are what an editor that
opens does, `typed` what is typed when asked. Or it is what a person does outside the cluster, or as the owner of an application:
`person` says what, `run` what of it the cluster sees. In all of them `$name`, `$namespace`, `$subject` (its bare name) and the
finding's values are put in. An act `of: ""` is for what is left once nothing is found any more: what nobody knows.
`first` is what somebody did wrong to a cluster where nothing would be found; it is done only where each file is followed alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

import msgspec

from ztui.checks.base import CheckId, Finding
from ztui.guide.procedures import Names, filled, named, procedures, ways

FOLDER: Final = Path(__file__).with_name("steps")
FILES: Final = ("phase1", "phase2", "secrets", "phase3", "phase4", "foundations")


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done for a finding; see the top of this file."""

    of: tuple[str, ...] | str = "*"
    says: dict[str, str] = {}
    by: str = ""
    steps: tuple[int, ...] = ()
    known: dict[str, str] = {}
    edits: tuple[dict[str, Any], ...] = ()
    typed: str = ""
    person: str = ""
    run: str = ""
    first: str = ""


class Command(NamedTuple):
    """What is run in a shell, and what is done in the editor that it opens and typed where it asks.

    ``printed`` is what the guide says, before a person's words are put in; empty where it says nothing of it.
    """

    text: str
    edits: tuple[dict[str, Any], ...]
    typed: str
    printed: str = ""


def table(name: str) -> dict[CheckId, tuple[Act, ...]]:
    """The acts of one file, by check."""
    return msgspec.yaml.decode((FOLDER / f"{name}.yaml").read_bytes(), type=dict[CheckId, tuple[Act, ...]])


def tables() -> dict[CheckId, tuple[Act, ...]]:
    """The acts of all files."""
    return {check: acts for name in FILES for check, acts in table(name).items()}


def noted(name: str) -> list[CheckId]:
    """One of the lists of checks beside the tables."""
    return msgspec.yaml.decode((FOLDER / f"{name}.yaml").read_bytes(), type=list[CheckId])


def fits(act: Act, finding: Finding | None) -> bool:
    """Whether an act is for a finding, or for what is not known and found nowhere."""
    if finding is None or act.of == "":
        return finding is None and act.of == ""
    values = dict(finding.values)
    wanted = (act.of,) if isinstance(act.of, str) else act.of
    return any(fnmatchcase(str(finding.on), glob) for glob in wanted) and all(
        fnmatchcase(str(values.get(key, "")), glob) for key, glob in act.says.items()
    )


def commands(check: CheckId, act: Act, finding: Finding | None, names: Names) -> Iterator[Command]:
    """The commands of an act as the guide prints them, with what a person puts in."""
    words = _words(finding)
    edits, typed = _put(list(act.edits), words), _put(act.typed, words)
    if act.person:
        yield Command(_put(act.run, words), tuple(edits), typed)
        return
    way = next(item for item in procedures() if item.id == act.by)
    known = ways(check)
    assert way in (*known, *named(known)), f"{check}: {way.id} is no way"
    for number in act.steps or [number for number, step in enumerate(way.steps, 1) if step.run]:
        text = printed = filled(way.steps[number - 1].run, finding, names)
        for word, value in act.known.items():
            text = text.replace(f"<{word}>", _put(value, words))
        assert text, (act, number)
        assert not re.search(r"<[a-z-]+>", text), text
        yield Command(text, tuple(edits), typed, printed)


def _words(finding: Finding | None) -> dict[str, str]:
    if finding is None:
        return {}
    on, values = finding.on, {key: str(value) for key, value in dict(finding.values).items()}
    told = values.get("subject", "")
    kind, _, rest = told.partition(":")
    bare = rest.rpartition("/")[2] if kind in {"user", "group", "sa"} else told
    return {**values, "name": on.name, "namespace": on.name if on.kind == "Namespace" else on.namespace, "subject": bare}


def _put(told: Any, words: dict[str, str]) -> Any:
    if isinstance(told, dict):
        return {key: _put(value, words) for key, value in told.items()}
    if isinstance(told, list):
        return [_put(value, words) for value in told]
    return Template(told).safe_substitute(words) if isinstance(told, str) else told

"""The one shape of a check: what it declares, what it yields, and the catalogue it joins by being written.

A check is a pure generator of findings over a view. It never formats cluster text (it names a reason and values), never computes
a verdict, and never handles what could not be read: those are the board's.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Literal, NewType

import msgspec

from ztui.checks.rows import row_of
from ztui.kinds.base import Kind, Ref
from ztui.view import Gap, Why

CheckId = NewType("CheckId", str)


class Status(StrEnum):
    """What a finding or a verdict says. The order of folding is ``FOLD``."""

    PASS = "PASS"  # noqa: S105  a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    NA = "NA"
    UNKNOWN = "UNKNOWN"
    ERROR = "ERROR"


FOLD: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NA)
"""First present wins; ``ERROR`` ranks with ``UNKNOWN``."""

AHEAD: Final = timedelta(minutes=5)
"""How far ahead of now a time may lie that somebody wrote down: clocks differ, and a minute is not over when it is named."""

Severity = Literal["critical", "high", "medium", "low"]
WEIGHT: Final[dict[str, int]] = {"critical": 10, "high": 6, "medium": 3, "low": 1}

Grain = Literal["cluster", "namespace", "both"]
Variant = Literal["ocp", "k8s", "microshift"]
EVERY_VARIANT: Final[tuple[Variant, ...]] = ("ocp", "k8s", "microshift")

EVIDENCE_LIMIT: Final = 12
"""Pieces of evidence that a finding keeps; ``seen`` counts them all."""


class Reason(msgspec.Struct, frozen=True):
    """A named sentence with a next step. ``text`` has ``{names}`` for the values of a finding.

    ``stands`` marks a violation that was seen with one's own eyes: it stays true whatever else could not be read. ``waivable``
    is false for what nobody may accept.
    """

    code: str
    text: str
    next: str = ""
    stands: bool = False
    waivable: bool = True


class Bands(msgspec.Struct, frozen=True):
    """Where a ratio check passes and warns; ``any_fail`` makes one failing finding enough to fail.

    ``fail_above`` decides otherwise: the check fails where more than that share of findings fails, and passes where none does
    and enough pass. ``weak`` lets findings that warn count where it is about warning.
    """

    pass_at: float
    warn_at: float
    any_fail: bool = True
    fail_above: float | None = None
    weak: bool = False


class Evidence(msgspec.Struct, frozen=True):
    """One fact behind a finding: the object, the field path, its value as raw text, and the version it was read at."""

    ref: Ref
    path: str = ""
    value: str = ""
    version: str = ""


class Finding(msgspec.Struct, frozen=True):
    """The result on one object.

    ``values`` are raw: they pass the text gate when the sentence is made. ``why`` is set for ``UNKNOWN``. ``counted`` is false
    for findings that a ratio leaves out of its denominator, ``half`` is true for one that a ratio takes for half a pass.
    ``attested`` marks one that rests on an owner's word, ``addon`` one that belongs to an add-on and is not scored.
    """

    status: Status
    on: Ref
    reason: Reason
    values: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    seen: int = 0
    why: Gap | None = None
    counted: bool = True
    half: bool = False
    attested: bool = False
    addon: bool = False
    accepted: Literal["", "waived", "attested"] = ""
    record: str = ""
    note: str = ""


CheckFunction = Callable[..., Iterable[Finding]]


class Check(msgspec.Struct, frozen=True):
    """A check's card and its function.

    ``needs`` must be whole; ``where_served`` must be whole too, unless the server proved that it does not serve them, which
    counts as none; ``may`` can be missing: the function asks ``view.gap``. ``beyond`` names those of the first two that a cell of
    a namespace also reads in other namespaces: they must be whole everywhere. ``scope`` says whether cells run in user
    namespaces only (add-on namespaces go to their own bucket) or in all.
    """

    id: CheckId
    title: str
    row: str
    severity: Severity
    gate: Literal["R", "S"]
    grain: Grain
    function: CheckFunction
    needs: tuple[type[Kind], ...]
    where_served: tuple[type[Kind], ...] = ()
    may: tuple[type[Kind], ...] = ()
    beyond: tuple[type[Kind], ...] = ()
    variants: tuple[Variant, ...] = EVERY_VARIANT
    scope: Literal["user", "all"] = "user"
    absent: Status = Status.UNKNOWN
    empty: Status = Status.NA
    ratio: Bands | None = None
    recipes: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    tier: Literal["c", "x"] = "c"
    rev: int = 1

    @property
    def kinds(self) -> frozenset[type[Kind]]:
        """Everything the function may read."""
        return frozenset((*self.needs, *self.where_served, *self.may))

    @property
    def weight(self) -> int:
        """What the check weighs in its row."""
        return WEIGHT[self.severity]

    def part(self, name: str) -> str:
        """One paragraph of the docstring (``Why``, ``Rule``, ``Traps``, ``Source``), in one line; empty where not written."""
        return _paragraphs(self.function).get(name, "")


_CATALOGUE: Final[dict[CheckId, Check]] = {}


def check(check_id: str, title: str, **card: Any) -> Callable[[CheckFunction], CheckFunction]:
    """Put a function into the catalogue under its card (the fields of ``Check``; the row follows from the id)."""

    def register(function: CheckFunction) -> CheckFunction:
        found = CheckId(check_id)
        if found in _CATALOGUE and _CATALOGUE[found].function.__module__ != function.__module__:
            msg = f"{check_id} is defined twice"
            raise ValueError(msg)
        _CATALOGUE[found] = Check(id=found, title=title, row=row_of(check_id), function=function, **card)
        return function

    return register


@functools.cache
def catalogue() -> dict[CheckId, Check]:
    """Every check of this release by id, in the order of the ids."""
    package = importlib.import_module("ztui.checks")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name[:2] in {"p1", "p2", "p3", "p4", "g_"}:
            importlib.import_module(f"ztui.checks.{module.name}")
    return dict(sorted(_CATALOGUE.items(), key=lambda item: _order(item[0])))


def reason(
    code: str,
    text: str,
    *,
    next: str = "",  # noqa: A002  the user's word
    stands: bool = False,
    waivable: bool = True,
) -> Reason:
    """Name a sentence. Sentences of a row stand together at the top of its file."""
    return Reason(code, text, next, stands, waivable)


def seen(of: Kind, path: str, value: object = "") -> Evidence:
    """Point at a field of an object as evidence."""
    return Evidence(of.ref, path, str(value), of.metadata.resource_version)


def ok(on: Kind | Ref, because: Reason | None = None, *, seen: Iterable[Kind | Evidence] = (), **values: object) -> Finding:
    """The rule holds on this object."""
    return _finding(Status.PASS, on, because or _HOLDS, seen, values)


def warn(on: Kind | Ref, because: Reason, *, seen: Iterable[Kind | Evidence] = (), **values: object) -> Finding:
    """The control is there but weak, partial or only attested."""
    return _finding(Status.WARN, on, because, seen, values)


def fail(on: Kind | Ref, because: Reason, *, seen: Iterable[Kind | Evidence] = (), **values: object) -> Finding:
    """A proven violation."""
    return _finding(Status.FAIL, on, because, seen, values)


def na(on: Kind | Ref, because: Reason, *, seen: Iterable[Kind | Evidence] = (), **values: object) -> Finding:
    """The subject of the rule cannot exist here."""
    return _finding(Status.NA, on, because, seen, values)


def unknown(
    on: Kind | Ref, because: Reason, why: Why, detail: str = "", *, seen: Iterable[Kind | Evidence] = (), **values: object
) -> Finding:
    """The evidence cannot be had from here; ``why`` is the code that the verdict carries."""
    found = _finding(Status.UNKNOWN, on, because, seen, values)
    return msgspec.structs.replace(found, why=Gap(why, detail))


def attested(finding: Finding) -> Finding:
    """Mark a finding that rests on an owner's word alone."""
    return msgspec.structs.replace(finding, attested=True)


def of_addon(finding: Finding) -> Finding:
    """Put a finding into the bucket of add-ons: shown, not scored."""
    return msgspec.structs.replace(finding, addon=True)


def aside(finding: Finding) -> Finding:
    """Leave a finding out of the ratio of its check; it still counts for the worst status."""
    return msgspec.structs.replace(finding, counted=False)


def halved(finding: Finding) -> Finding:
    """Take a finding that is no pass for half a one in the ratio of its check."""
    return msgspec.structs.replace(finding, half=True)


def cluster_ref(name: str = "cluster") -> Ref:
    """The cluster itself as the subject of a finding."""
    return Ref("", "Cluster", "", name)


_HOLDS: Final = Reason("holds", "the rule holds")


def _finding(
    status: Status, on: Kind | Ref, because: Reason, evidence: Iterable[Kind | Evidence], values: dict[str, object]
) -> Finding:
    everything = tuple(evidence)
    kept = tuple(
        item if isinstance(item, Evidence) else Evidence(item.ref, version=item.metadata.resource_version)
        for item in everything[:EVIDENCE_LIMIT]
    )
    texts = tuple((name, str(value)) for name, value in values.items())
    return Finding(status, on if isinstance(on, Ref) else on.ref, because, texts, kept, len(everything))


def _paragraphs(function: CheckFunction) -> dict[str, str]:
    found: dict[str, str] = {}
    name = "What"
    for line in (inspect.getdoc(function) or "").splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in {"Why", "How", "Rule", "Traps", "Source", "Verify"}:
            name, text = head, rest
        else:
            text = line
        found[name] = f"{found.get(name, '')} {text.strip()}".strip()
    return found


def _order(check_id: str) -> tuple[int, str, str]:
    """Phases first, foundations last; inside them by row and number."""
    phase = check_id[2]
    return (9 if phase == "G" else int(phase), check_id.rpartition("-")[0], check_id)

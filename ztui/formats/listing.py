"""The report document as flat lists: rows, checks and findings with what they belong to. What every format walks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

Document = Mapping[str, Any]

NOT_GOOD: Final = ("FAIL", "ERROR", "UNKNOWN", "WARN")


class Listed(msgspec.Struct, frozen=True):
    """A check of the document with its row and phase."""

    phase: Mapping[str, Any]
    row: Mapping[str, Any]
    check: Mapping[str, Any]


def checks(document: Document) -> Iterator[Listed]:
    """Every check in the order of the model."""
    for phase in document["phases"]:
        for row in phase["rows"]:
            for check in row["checks"]:
                yield Listed(phase, row, check)


def findings(
    document: Document, *, statuses: tuple[str, ...] = NOT_GOOD, accepted: bool = False
) -> Iterator[tuple[Listed, Mapping[str, Any]]]:
    """Every finding of these statuses with its check; those of add-ons are left out.

    ``accepted`` adds those that somebody accepted for a time.
    """
    for item in checks(document):
        for finding in item.check["findings"]:
            if finding["status"] in statuses and not finding["addon"] and (accepted or not finding["waived"]):
                yield item, finding


def place(finding: Mapping[str, Any]) -> str:
    """The object of a finding as a path: ``shop/Pod/api``, ``Node/worker-1``."""
    of = finding["object"]
    return "/".join(part for part in (of["namespace"], of["kind"], of["name"]) if part)

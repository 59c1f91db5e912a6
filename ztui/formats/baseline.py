"""What is new since a report that was kept: findings that failed now and did not fail then."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ztui.errors import SettingsError
from ztui.formats.listing import Document, Listed, findings
from ztui.text import clean

_BAD: Final = ("FAIL",)


def baseline(raw: bytes, where: str) -> frozenset[str]:
    """The fingerprints of what failed in a JSON report.

    Raises ``SettingsError`` for anything that is no such report.
    """
    try:
        found: Any = msgspec.json.decode(raw)
        kind = (found["schema"], found["version"])
        known = frozenset(str(finding["fingerprint"]) for _, finding in findings(found, statuses=_BAD))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise _unusable(where, str(error) or "it is no report") from error
    if kind != ("ztui.assessment", 1):
        raise _unusable(where, "it is a report of another kind or version")
    return known


def new_since(document: Document, known: frozenset[str]) -> list[tuple[Listed, Any]]:
    """The failed findings whose fingerprints the baseline does not have among its failed ones."""
    return [(item, finding) for item, finding in findings(document, statuses=_BAD) if finding["fingerprint"] not in known]


def _unusable(where: str, why: str) -> SettingsError:
    step = "Make one with `ztui check -o json`"
    return SettingsError("the baseline cannot be used", where=clean(where), why=clean(why, limit=200), next=step)

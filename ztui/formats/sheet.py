"""CSV for spreadsheets: a line for each finding. A cell that a spreadsheet would run as a formula is made text."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from ztui.formats.listing import Document, Listed, checks, findings

COLUMNS: Final = (
    *("phase", "row", "check", "title", "severity", "status", "namespace", "kind", "name"),
    *("reason", "message", "next", "frameworks", "fingerprint"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the wide forms of the signs do in spreadsheets that are set to an East Asian language."""

_EVERY: Final = ("FAIL", "ERROR", "UNKNOWN", "WARN", "PASS", "NA")


def as_csv(document: Document) -> str:
    """Every finding of every status, and a line for each check without any. RFC 4180 with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    told = set()
    for item, finding in findings(document, statuses=_EVERY, accepted=True):
        of = finding["object"]
        told.add(item.check["id"])
        line = {**_head(item), **{name: finding[name] for name in ("status", "reason", "message", "next", "fingerprint")}}
        line["status"] = "WAIVED" if finding["waived"] else finding["status"]
        line |= {name: of[name] for name in ("namespace", "kind", "name")}
        writer.writerow({name: harmless(str(value)) for name, value in line.items()})
    for item in checks(document):
        if item.check["id"] not in told:
            line = {**_head(item), "status": item.check["status"], "message": item.check["reason"]}
            writer.writerow({name: harmless(str(value)) for name, value in line.items()})
    return out.getvalue()


def _head(item: Listed) -> dict[str, Any]:
    """What a line says of the check it belongs to."""
    check = item.check
    return {
        "phase": item.phase["phase"],
        "row": item.row["row"],
        "check": check["id"],
        "title": check["title"],
        "severity": check["severity"],
        "frameworks": "; ".join(check["maps"]),
    }


def harmless(cell: str) -> str:
    """A cell as text. Source: OWASP on CSV injection."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell

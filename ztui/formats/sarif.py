"""SARIF 2.1.0, as code scanning services take it. Source: the OASIS standard, sections 3.13 to 3.58."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ztui.formats.listing import Document, Listed, checks, findings, place
from ztui.printing import as_json

_LEVEL: Final = {"FAIL": "error", "ERROR": "error", "WARN": "warning", "UNKNOWN": "note"}
_SECURITY: Final = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
"""How a severity reads where services expect a number from 0 to 10."""


def as_sarif(document: Document) -> str:
    """The findings that are not passed, as one run. Checks without a verdict are notes: they are not passed either."""
    listed = list(checks(document))
    index = {item.check["id"]: at for at, item in enumerate(listed)}
    results = [_result(item, finding, index) for item, finding in findings(document)]
    results += [_unread(item, index) for item in listed if item.check["unknown"] or item.check["errors"]]
    driver = {
        "name": "ztui",
        "semanticVersion": document["ztui"],
        "rules": [_rule(item) for item in listed],
    }
    run = {
        "tool": {"driver": driver},
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {name: document[name] for name in ("cluster", "phase", "maturity", "confidence", "time")},
    }
    whole = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return as_json(whole)


def _rule(item: Listed) -> dict[str, Any]:
    check = item.check
    return {
        "id": check["id"],
        "name": check["title"],
        "shortDescription": {"text": check["title"]},
        "fullDescription": {"text": check["why"] or check["title"]},
        "help": {"text": check["rule"] or check["title"]},
        "defaultConfiguration": {"level": "error" if check["gate"] == "R" else "warning"},
        "properties": {
            "tags": ["security", f"phase-{item.phase['phase']}", item.row["row"], *check["maps"]],
            "precision": "very-high",
            "problem.severity": "error" if check["gate"] == "R" else "warning",
            "security-severity": _SECURITY[check["severity"]],
        },
    }


def _result(item: Listed, finding: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    step = f" Next: {finding['next']}." if finding["next"] else ""
    return {
        "ruleId": item.check["id"],
        "ruleIndex": index[item.check["id"]],
        "level": _LEVEL[finding["status"]],
        "message": {"text": _unlinked(f"{finding['message']}.{step}")},
        "locations": [_location(place(finding), finding["object"]["kind"])],
        "partialFingerprints": {"ztui/v1": finding["fingerprint"]},
        "properties": {"status": finding["status"], "reason": finding["reason"], "attested": finding["attested"]},
    }


def _unread(item: Listed, index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "ruleId": item.check["id"],
        "ruleIndex": index[item.check["id"]],
        "level": "note",
        "message": {"text": _unlinked(f"Not judged to the end: {item.check['reason']}.")},
        "locations": [_location(f"checks/{item.check['id']}", "Check")],
        "properties": {"status": item.check["status"]},
    }


def _unlinked(text: str) -> str:
    """A message without embedded links (section 3.11.6). A blank parts the brackets: not every viewer knows the escape."""
    return text.replace("](", "] (")


def _location(path: str, kind: str) -> dict[str, Any]:
    """Services want a file and a line; objects of a cluster have neither, so the path stands for the file."""
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": path, "kind": kind}],
    }

"""SARIF, JUnit, CSV, HTML and the baseline: valid, complete, and no danger whatever a cluster calls its objects.

``sarif-2.1.0.json`` is the schema of the standard without its descriptions.
"""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from jsonschema import Draft4Validator

from tests.worlds import judged, world
from ztui.checks.base import catalogue
from ztui.errors import SettingsError
from ztui.formats.baseline import baseline, new_since
from ztui.formats.junit import as_junit
from ztui.formats.page import as_html
from ztui.formats.sarif import as_sarif
from ztui.formats.sheet import as_csv
from ztui.frame import Frame
from ztui.report import Scope, document

EVIL = "=cmd('calc')<script>alert(1)</script>]]>&\x1b[31m\u202e"
OBJECTS: list[Any] = [
    "namespace/shop",
    {"kind": "Namespace", "metadata": {"name": "bad", "labels": {"owner": EVIL}}},
    {"kind": "Pod", "metadata": {"name": EVIL, "namespace": "bad"}, "spec": {"hostNetwork": True}},
    "pod/shop/api",
    {"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"type": "NodePort"}},
]


@cache
def report() -> dict[str, Any]:
    state = world(OBJECTS, gaps={"ClusterRoleBinding": "forbidden"}).state
    return document(Frame(state, judged(state)), catalogue(), Scope())


def test_sarif_holds_to_its_schema_and_names_every_check() -> None:
    found = json.loads(as_sarif(report()))
    schema = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
    assert [error.message for error in Draft4Validator(schema).iter_errors(found)] == []
    run = found["runs"][0]
    assert sorted(item["id"] for item in run["tool"]["driver"]["rules"]) == sorted(catalogue())
    assert all(run["tool"]["driver"]["rules"][item["ruleIndex"]]["id"] == item["ruleId"] for item in run["results"])
    levels = {item["ruleId"]: item["level"] for item in run["results"]}
    assert levels["ZT2-NET-007"] == "error"
    assert levels["ZT1-RBAC-001"] == "note"
    assert all(item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].isascii() for item in run["results"])


def test_junit_opens_in_a_parser_and_what_is_not_judged_is_skipped() -> None:
    root = Xml.fromstring(as_junit(report()))  # noqa: S314  our own words
    cases = {case.get("name", "").split()[0]: case for case in root.iter("testcase")}
    assert set(cases) == set(catalogue())
    assert cases["ZT2-NET-007"].find("failure") is not None
    skipped = cases["ZT1-RBAC-001"].find("skipped")
    assert skipped is not None
    assert "forbidden" in skipped.get("message", "")
    for suite in root.iter("testsuite"):
        assert int(suite.get("tests", "0")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure"))


def renamed(**changes: str) -> dict[str, Any]:
    """The report with these fields in every finding."""
    found: dict[str, Any] = json.loads(json.dumps(report()))
    for phase in found["phases"]:
        for row in phase["rows"]:
            for check in row["checks"]:
                for finding in check["findings"]:
                    finding.update(changes)
    return found


def test_sarif_takes_no_link_from_a_cluster() -> None:
    found = json.loads(as_sarif(renamed(message="see [here](https://evil.example)")))
    texts = [item["message"]["text"] for item in found["runs"][0]["results"]]
    assert any("see [here] (https://evil.example)" in text for text in texts)
    assert not any("](" in text for text in texts)


@pytest.mark.parametrize("sign", ["\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_csv_knows_the_wide_signs_that_some_spreadsheets_run(sign: str) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(renamed(message=f"{sign}1+1")))))
    assert any(line["message"] == f"'{sign}1+1" for line in lines)
    assert not any(line["message"].startswith(sign) for line in lines)


def test_csv_has_every_check_and_no_cell_that_runs() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(report()))))
    assert {line["check"] for line in lines} == set(catalogue())
    assert not [cell for line in lines for cell in line.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any("cmd(" in line["name"] and line["name"].startswith("'") for line in lines)


class Page(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.outside += [
            f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "action", "srcset"} or name.startswith("on")
        ]


def test_the_page_runs_nothing_and_asks_nobody() -> None:
    text = as_html(report())
    page = Page()
    page.feed(text)
    assert page.outside == []
    assert not page.tags & {"script", "iframe", "img", "link", "object", "embed", "form"}
    assert "default-src &#x27;none&#x27;" in text
    assert "url(" not in text
    assert "@import" not in text
    assert all(check_id in text for check_id in catalogue())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_the_page_says_what_stands_in_the_way() -> None:
    text = as_html(report())
    assert "What stands between here and phase 1" in text
    assert "forbidden(clusterrolebindings)" in text


def test_only_what_did_not_fail_before_is_new() -> None:
    known = baseline(json.dumps(report()).encode(), "before.json")
    assert new_since(report(), known) == []
    state = world(
        [*OBJECTS, {"kind": "Service", "metadata": {"name": "new", "namespace": "shop"}, "spec": {"type": "NodePort"}}]
    ).state
    now = document(Frame(state, judged(state)), catalogue(), Scope())
    new = {(item.check["id"], finding["object"]["name"]) for item, finding in new_since(now, known)}
    assert ("ZT1-AUTH-006", "new") in new
    assert ("ZT1-AUTH-006", "web") not in new


def test_a_finding_that_was_weak_and_fails_now_is_new() -> None:
    before = json.loads(json.dumps(report()))
    weakened = [
        finding for phase in before["phases"] for row in phase["rows"] for check in row["checks"] for finding in check["findings"]
    ]
    for finding in weakened:
        finding["status"] = "WARN"
    assert new_since(report(), baseline(json.dumps(before).encode(), "before.json"))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"schema": "other", "version": 1, "phases": []}', b'{"phases": 3}', b"[" * 100_000, b"\xff"],
)
def test_a_baseline_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(SettingsError, match="baseline"):
        baseline(raw, "before.json")

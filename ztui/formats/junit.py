"""JUnit XML: a suite for each row, a case for each check. What is not judged is skipped with the reason, never passed."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from ztui.formats.listing import Document, Listed, checks, place


def as_junit(document: Document) -> str:
    """The checks as test cases. FAIL is a failure, ERROR an error, UNKNOWN and NA are skipped, WARN passes with its text."""
    root = Xml.Element("testsuites", name="ztui")
    suites: dict[str, list[Listed]] = {}
    for item in checks(document):
        suites.setdefault(item.row["row"], []).append(item)
    for row, items in suites.items():
        statuses = [item.check["status"] for item in items]
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=f"{row} {items[0].row['title']}",
            tests=str(len(items)),
            failures=str(statuses.count("FAIL")),
            errors=str(statuses.count("ERROR")),
            skipped=str(statuses.count("UNKNOWN") + statuses.count("NA")),
            timestamp=document["time"],
        )
        for item in items:
            _case(suite, item)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: Xml.Element, item: Listed) -> None:
    check = item.check
    case = Xml.SubElement(suite, "testcase", classname=item.row["row"], name=f"{check['id']} {check['title']}")
    status, text = check["status"], _details(item)
    if status == "FAIL":
        Xml.SubElement(case, "failure", message=check["reason"], type=check["severity"]).text = text
    elif status == "ERROR":
        Xml.SubElement(case, "error", message=check["reason"]).text = text
    elif status in {"UNKNOWN", "NA"}:
        Xml.SubElement(case, "skipped", message=f"{status}: {check['reason']}")
    elif text:
        Xml.SubElement(case, "system-out").text = text


def _details(item: Listed) -> str:
    lines = []
    for finding in item.check["findings"]:
        if finding["status"] in {"FAIL", "WARN", "UNKNOWN"} and not finding["addon"]:
            step = f" ({finding['next']})" if finding["next"] else ""
            lines.append(f"{finding['status']} {place(finding)}: {finding['message']}{step}")
    return "\n".join(lines)

"""One HTML page: what a manager reads from the top and an auditor follows to the evidence. No script, no request, no link out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from ztui.checks.base import Status
from ztui.formats.listing import NOT_GOOD, Document, checks, place
from ztui.score import RowStatus
from ztui.words import GLYPHS, ROW_STATUS

_WORDS: Final[dict[Status, str]] = {
    Status.PASS: "passed",
    Status.WARN: "weak",
    Status.FAIL: "failed",
    Status.NA: "not applicable",
    Status.UNKNOWN: "not known",
    Status.ERROR: "error",
}
SHOWN: Final = 200
"""Findings of one check on the page; the rest are counted. The JSON report has all."""

STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
:root{--pass:#1a7f37;--warn:#9a6700;--fail:#cf222e;--unknown:#6639ba;--na:#6e7781}
@media (prefers-color-scheme:dark){:root{--pass:#57ab5a;--warn:#d4a72c;--fail:#f47067;--unknown:#b083f0;--na:#909dab}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.2rem 0 .3rem}p{margin:.3rem 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.5rem;margin:1rem 0}
.fact{background:var(--soft);border-radius:.4rem;padding:.5rem .7rem}.fact b{display:block;font-size:1.4rem}
.bar{height:.5rem;background:var(--soft);border-radius:.25rem}
.bar i{display:block;height:100%;background:var(--pass);border-radius:.25rem}
details{border-left:.2rem solid var(--line);margin:.3rem 0;padding-left:.6rem}summary{cursor:pointer;padding:.15rem 0}
.PASS{color:var(--pass)}.WARN{color:var(--warn)}.FAIL,.ERROR{color:var(--fail)}.UNKNOWN{color:var(--unknown)}.NA{color:var(--na)}
.s{font-weight:600;white-space:nowrap}small,.dim{color:var(--na)}ul{margin:.3rem 0;padding-left:1.2rem}code{font-size:.9em}
@media print{details{border:0}}
"""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def as_html(document: Document) -> str:
    """The whole assessment as one self-contained page."""
    cluster = document["cluster"]
    name = cluster["context"] or cluster["server"] or "cluster"
    parts = [
        head(f"Zero Trust: {name}"),
        f"<h1>Zero Trust maturity of {escape(name)}</h1>",
        f"<p class=dim>{escape(document['time'])} · {escape(cluster['platform'])} {escape(cluster['version'])} · ",
        f"cluster {escape(cluster['id'] or 'unknown')} · seen as {escape(cluster['user'] or 'unknown')} · ",
        f"ztui {escape(document['ztui'])}</p>",
        _facts(document),
        _worst(document),
        *(_phase(item) for item in document["phases"]),
        "<p class=dim>A check passes only if everything that its rule needs was read and is fresh.</p></body></html>\n",
    ]
    return "".join(parts)


def head(title: str, style: str = "") -> str:
    """The beginning of a page that runs nothing and asks nobody, down to its body; ``style`` comes beside the usual one."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body>"
    )


def _facts(document: Document) -> str:
    counts = Counter(item.check["status"] for item in checks(document))
    of = f" of namespace {document['namespace']}" if document["namespace"] else ""
    facts = [
        (f"Phase {document['phase']}", f"of 4 achieved{of}"),
        (f"{document['maturity']:.0%}", f"maturity, ± {(1 - document['confidence']) * 50:.0f} points"),
        (f"{document['confidence']:.0%}", "of the weight has a verdict"),
        *(
            (str(counts[status]), f"checks {_WORDS[status]}")
            for status in (Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN)
        ),
    ]
    boxes = "".join(f'<div class="fact"><b>{escape(big)}</b>{escape(small)}</div>' for big, small in facts)
    return f'<div class="facts">{boxes}</div>'


def _worst(document: Document) -> str:
    """What keeps the next phase from being achieved: the open rows of the lowest open phase."""
    for phase in document["phases"]:
        rows = [row for row in phase["rows"] if _of_row(row) not in {Status.PASS, Status.NA}]
        if phase["phase"] and rows:
            items = "".join(f"<li>{_status(_of_row(row))} {escape(row['title'])}: {_blockers(row)}</li>" for row in rows)
            return f"<h2>What stands between here and phase {phase['phase']}</h2><ul>{items}</ul>"
    return ""


def _blockers(row: Mapping[str, Any]) -> str:
    wanted = [check for check in row["checks"] if check["gate"] == "R" and check["status"] in NOT_GOOD]
    return escape("; ".join(f"{check['title']} ({check['reason']})" for check in wanted) or row["status"])


def _phase(phase: Mapping[str, Any]) -> str:
    name = f"Phase {phase['phase']}: {phase['title']}" if phase["phase"] else phase["title"]
    state = "achieved" if phase["achieved"] else "open" if phase["assessed"] else "not assessed"
    percent = f"{phase['percent']:.0%}"
    bar = f'<div class="bar" role="img" aria-label="{percent}"><i style="width:{percent}"></i></div>'
    return f"<h2>{escape(name)} <small>{state}, {percent}</small></h2>{bar}" + "".join(_row(row) for row in phase["rows"])


def _row(row: Mapping[str, Any]) -> str:
    name = f"{escape(row['title'])} <small>{escape(row['row'])}, {escape(row['status'])}</small>"
    head = f"<h3>{_status(_of_row(row))} {name}</h3>"
    missing = f"<p class=dim>Not in this release: {escape(', '.join(row['missing_checks']))}</p>" if row["missing_checks"] else ""
    return head + missing + "".join(_check(check) for check in row["checks"])


def _check(check: Mapping[str, Any]) -> str:
    facts = [
        ("Why", check["why"]),
        ("Rule", check["rule"]),
        ("Evidence", check["source"]),
        ("Frameworks", ", ".join(check["maps"])),
        ("Fixes", ", ".join(check["fixes"])),
    ]
    texts = "".join(f"<p><b>{name}</b> {escape(text)}</p>" for name, text in facts if text)
    unread = "".join(f"<li>{escape(item['what'])}: {escape(item['detail'])}</li>" for item in check["unknown"])
    unread = f"<p><b>Could not be read</b></p><ul>{unread}</ul>" if unread else ""
    shown = check["findings"][:SHOWN]
    more = f"<p class=dim>and {len(check['findings']) - SHOWN} more</p>" if len(check["findings"]) > SHOWN else ""
    title = (
        f"{_status(check['status'])} {escape(check['title'])} <small>{escape(check['id'])}, {escape(check['severity'])}</small>"
    )
    body = f"<p>{escape(check['reason'])}</p>{texts}{unread}{_findings(shown)}{more}"
    return f"<details><summary>{title}</summary>{body}</details>"


def _findings(found: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for item in found:
        proof = "".join(f"<li><code>{escape(fact['text'])}</code></li>" for fact in item["evidence"])
        step = f"<p>Next: {escape(item['next'])}</p>" if item["next"] else ""
        addon = " <small>add-on, not scored</small>" if item["addon"] else ""
        told = f"<s>{escape(item['message'])}</s>" if item["waived"] else escape(item["message"])
        head = f"{_status(item['status'])} <code>{escape(place(item))}</code> {told}{addon}"
        lines.append(f"<details><summary>{head}</summary>{step}<ul>{proof}</ul></details>")
    return "".join(lines)


def _of_row(row: Mapping[str, Any]) -> Status:
    return ROW_STATUS[RowStatus(row["status"])]


def _status(status: str) -> str:
    known = Status(status)
    return f'<span class="s {known}" title="{_WORDS[known]}">{GLYPHS[known]} {_WORDS[known]}</span>'

"""An incident as a note for whoever comes next: Markdown to paste into a ticket, and a summary for a chat or a webhook.

Everything that came from a cluster is escaped: it can neither draw a link nor run as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ztui.kinds.incident import Incident
from ztui.panes.incidents import clocks, timeline, worst_of
from ztui.printing import unmarked
from ztui.redact import redact
from ztui.text import clean

_DO: Final = {
    "new": "Nobody has acknowledged it.",
    "acknowledged": "Somebody looks at it; it is not contained.",
    "contained": "It is contained; its cause is not removed.",
    "eradicated": "Its cause is removed; watch whether anything comes again.",
    "closed": "It is closed.",
}


def handover(item: Incident, now: datetime, cluster: str, changes: Iterable[str] = ()) -> str:
    """The note. ``changes`` are sentences about what was changed from here since it began."""
    worst = worst_of(item)
    lines = [
        f"# {item.level}: {_safe(worst.rule) if worst else 'incident'} ({item.name})",
        "",
        f"Cluster {_safe(cluster)}, written {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC.",
        "",
        f"- State: {item.phase}{_safe(clocks(item, now))}. {_DO[item.phase]}",
        f"- On: {', '.join(_safe(str(ref)) for ref in item.things) or 'nothing that has a name'}",
    ]
    if item.principals:
        lines.append(f"- By: {', '.join(map(_safe, item.principals))}")
    if item.raised:
        lines.append(f"- One level worse than its signals: {_safe(item.raised)}")
    lines += ["", "## What was seen and done (UTC)", ""]
    lines += [f"- {at.astimezone(UTC):%m-%d %H:%M:%S} {_safe(words)}" for at, words, _ in timeline(item)]
    told = [f"- {_safe(text)}" for text in changes]
    lines += ["", "## Changed from here", "", *(told or ["- nothing"])]
    return "\n".join(lines) + "\n"


def summary(item: Incident, now: datetime, cluster: str) -> dict[str, Any]:
    """The same in short, for a program; ``text`` is the sentence that a chat shows, and all that a Slack webhook reads."""
    worst = worst_of(item)
    return {
        "text": sentence_of(item, cluster),
        "id": item.name,
        "cluster": _plain(cluster),
        "level": item.level,
        "state": item.phase,
        "on": [_plain(str(ref)) for ref in item.things],
        "by": [_plain(name) for name in item.principals],
        "rule": _plain(worst.rule) if worst else "",
        "sources": list(item.sources),
        "signals": item.count,
        "opened": item.opened.isoformat(timespec="seconds"),
        "last": item.last.isoformat(timespec="seconds"),
        "at": now.isoformat(timespec="seconds"),
    }


def sentence_of(item: Incident, cluster: str) -> str:
    """One sentence. A chat gives a meaning to ``<``, ``>`` and ``&``; nothing of a cluster may call everybody."""
    worst = worst_of(item)
    things = ", ".join(map(str, item.things[:3]))
    text = f"{item.level} incident {item.name} on {cluster}: {worst.rule if worst else '?'} on {things or '?'} ({item.phase})"
    return _chat(redact(text))


def _chat(text: str) -> str:
    table: Mapping[str, str] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return "".join(table.get(char, char) for char in text if char.isprintable())


def _plain(text: str) -> str:
    return clean(redact(text))


def _safe(text: str) -> str:
    return unmarked(redact(text))

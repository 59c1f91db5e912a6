"""The start page: what keeps us from a cluster, what was looked for and where, and what to press now."""

from __future__ import annotations

from collections.abc import Sequence

from ztui.frame import Frame
from ztui.health import Freshness
from ztui.panes.base import Line, Tone, cell


def lines(frame: Frame, contexts: Sequence[str], looked_at: Sequence[str]) -> list[Line]:
    """The page; empty where a cluster answers, or has answered."""
    health = frame.health
    problem = frame.problem or (health.problem if health else None)
    if problem is None or (health is not None and health.freshness is not Freshness.CONNECTING):
        return []
    found = [_line(0, "No cluster is connected", "strong"), _line(1, problem.what, "fail")]
    if problem.where:
        found.append(_line(2, f"Where: {problem.where}"))
    if problem.why:
        found.append(_line(3, f"Why: {problem.why}"))
    if problem.next:
        found.append(_line(4, f"Next: {problem.next}", "strong"))
    if looked_at:
        found.append(_line(5, f"Looked at: {', '.join(looked_at)}", "dim"))
    if contexts:
        more = f" and {len(contexts) - 8} more" if len(contexts) > 8 else ""
        found.append(_line(6, f"Contexts found: {', '.join(contexts[:8])}{more}", "dim"))
    again = "it is tried again by itself; " if frame.problem is None else ""
    found.append(_line(7, f"{again}r tries now · c chooses another context · D opens the demo cluster · q quits", "accent"))
    return found


def _line(number: int, text: str, tone: Tone = "plain") -> Line:
    return Line(f"start:{number}", (cell(text, tone),))

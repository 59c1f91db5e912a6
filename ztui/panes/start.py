"""The start page: what keeps us from a cluster, what was looked for and where, and what to press now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ztui.errors import ZtuiError
from ztui.frame import Frame
from ztui.health import Freshness, Health
from ztui.panes.base import Line, Tone, cell


def lines(frame: Frame, contexts: Sequence[str], looked_at: Sequence[str], *, asks: bool = False) -> list[Line]:
    """The page; empty where a cluster answers, or has answered.

    ``asks`` says that a person's yes to the login program is what is missing.
    """
    health = frame.health
    problem = frame.problem or (health.problem if health else None)
    waits = health is not None and health.login_waiting_s is not None
    if (problem is None and not waits) or (health is not None and health.freshness is not Freshness.CONNECTING):
        return []
    texts = list(_login(health) if waits and health is not None else _problem(problem))
    if looked_at:
        texts.append((f"Looked at: {', '.join(looked_at)}", "dim"))
    if contexts:
        more = f" and {len(contexts) - 8} more" if len(contexts) > 8 else ""
        texts.append((f"Contexts found: {', '.join(contexts[:8])}{more}", "dim"))
    texts.append((" · ".join(_keys(frame, asks=asks, waits=waits)), "accent"))
    return [Line(f"start:{number}", (cell(text, tone),)) for number, (text, tone) in enumerate(texts)]


def waiting_words(health: Health) -> str:
    """How long the login program has been waited for, and the way out; empty while none runs."""
    if health.login_waiting_s is None:
        return ""
    return f"login program waiting ({health.login_waiting_s:.0f} s), Esc to cancel"


def _login(health: Health) -> Iterator[tuple[str, Tone]]:
    yield "Logging in", "strong"
    yield f"{health.login_program}: {waiting_words(health)}", "warn"
    yield "It may have opened a browser. If it wants an answer typed: ! leaves the screen to it and comes back after it", "plain"


def _problem(problem: ZtuiError | None) -> Iterator[tuple[str, Tone]]:
    yield "No cluster is connected", "strong"
    if problem is None:
        return
    yield problem.what, "fail"
    if problem.where:
        yield f"Where: {problem.where}", "plain"
    if problem.why:
        yield f"Why: {problem.why}", "plain"
    if problem.next:
        yield f"Next: {problem.next}", "strong"


def _keys(frame: Frame, *, asks: bool, waits: bool) -> Iterator[str]:
    if waits:
        yield "Esc cancels"
    elif asks:
        yield "a shows the program and asks"
    else:
        yield f"{'it is tried again by itself; ' if frame.problem is None else ''}r tries now"
    if frame.health is not None and frame.health.login_program and not asks:
        yield "! runs the login program here"
    yield from ("c chooses another context", "D opens the demo cluster", "q quits")

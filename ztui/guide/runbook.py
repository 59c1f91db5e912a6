"""The walkthrough as text: the next step on a shell, and the whole way as a runbook in Markdown or as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from ztui.board import Board
from ztui.checks.base import Check, CheckId, Finding
from ztui.checks.rows import PHASES
from ztui.formats.page import head
from ztui.guide.procedures import Names, Procedure, filled, named
from ztui.guide.route import Stop, open_findings, totals
from ztui.printing import unmarked
from ztui.text import clean, mark_name
from ztui.words import by_hand, next_step, sentence, verdict_text

_COMMANDS = "pre{overflow-x:auto;background:var(--soft);padding:.5rem}"
SHOWN = 8
"""Findings of one stop that are written out; the rest are counted."""

Cards = Mapping[CheckId, Check]


def effort(minutes: int) -> str:
    """Work in words: ``15 min``, ``about 3 h``, ``about 2 days``."""
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"about {hours} h" if hours < 16 else f"about {round(hours / 8)} days"


def summary(stops: list[Stop], to: int) -> str:
    """The way in one line."""
    count, minutes, reboots = totals(stops)
    goal = f"to Phase {to}" if to else "for the foundations"
    if not count:
        return f"nothing is left {goal}"
    restarts = f", {reboots} with restarts of nodes" if reboots else ""
    return f"{goal}: {count} step{'s' if count != 1 else ''}, {effort(minutes)} of work{restarts}"


def as_text(board: Board, cards: Cards, stops: list[Stop], to: int, names: Names) -> str:
    """Where the walkthrough stands, and its next step in full."""
    lines = [f"Phase {board.phase} of 4; {summary(stops, to)}", ""]
    lines += [f"{at:>3}  {stop.state:<8} {stop.check:<14} {stop.title}  ({_cost(stop)})" for at, stop in enumerate(stops, 1)]
    first = next((stop for stop in stops if stop.state != "skipped"), None)
    if first is not None:
        lines += ["", "Next", *stop_lines(board, cards, first, names)]
    return "\n".join(lines) + "\n"


def stop_lines(board: Board, cards: Cards, stop: Stop, names: Names) -> Iterator[str]:
    """One stop in full: why, what was found here, the choices with their commands, the proof."""
    card, verdict = cards[stop.check], board.verdicts[stop.check]
    yield f"{stop.check}  {stop.title}"
    yield f"Why: {card.part('Why')}"
    yield f"Now: {verdict.status}, {verdict_text(verdict, card)}"
    found = open_findings(board, stop.check)
    for finding in found[:SHOWN]:
        yield f"  {mark_name(str(finding.on))}: {sentence(finding)}"
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more"
    step = next_step(found[0]) if found else ""
    if step:
        yield f"In short: {step}"
    for number, (title, way) in enumerate(_ways(stop), 1):
        yield ""
        choice = f"Choice {number}: " if 1 < len(stop.procedures) >= number else ""
        yield f"{choice}{title} ({_terms(way)})"
        yield from _steps(way, way.subject(found), names)
    yield ""
    yield f"Proof: {stop.check} turns green by itself; by hand: {by_hand(card, found[0] if found else None) or 'ztui check'}"


def as_markdown(board: Board, cards: Cards, stops: list[Stop], to: int, names: Names) -> str:
    """The way as a runbook with boxes to tick."""
    lines = [
        f"# Runbook {summary(stops, to)}",
        "",
        f"Cluster {unmarked(names.cluster or 'unknown')}, phase {board.phase} of 4 now.",
        "",
    ]
    phase = -1
    for at, stop in enumerate(stops, 1):
        if stop.phase != phase:
            phase = stop.phase
            lines += [f"## {f'Phase {phase}: ' if phase else ''}{PHASES[phase]}", ""]
        card = cards[stop.check]
        lines += [f"### [ ] {at}. {stop.title} ({stop.check})", "", f"{unmarked(card.part('Why'))}", ""]
        found = open_findings(board, stop.check)
        lines += [f"- {unmarked(mark_name(str(finding.on)))}: {unmarked(sentence(finding))}" for finding in found[:SHOWN]]
        lines += [f"- and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        for title, way in _ways(stop):
            lines += ["", f"**{title}** ({_terms(way)})", ""]
            for number, step in enumerate(way.steps, 1):
                lines.append(f"{number}. {unmarked(step.text)}")
                if step.run:
                    command = filled(step.run, way.subject(found), names).rstrip()
                    lines += ["", *(f"   {line}" for line in ("```sh", *command.splitlines(), "```")), ""]
        lines += ["", f"Proof: `{stop.check}` passes; by hand: {unmarked(by_hand(card, found[0] if found else None))}", ""]
    return "\n".join(lines).rstrip() + "\n"


def as_html(board: Board, cards: Cards, stops: list[Stop], to: int, names: Names) -> str:
    """The way as one self-contained page. No script, no request."""
    title = f"Runbook {summary(stops, to)}"
    parts = [
        head(title, _COMMANDS),
        f"<h1>{escape(title)}</h1>",
        f"<p class=dim>Cluster {escape(clean(names.cluster) or 'unknown')}, phase {board.phase} of 4 now.</p>",
    ]
    for at, stop in enumerate(stops, 1):
        card, found = cards[stop.check], open_findings(board, stop.check)
        items = "".join(
            f"<li><code>{escape(mark_name(str(item.on)))}</code> {escape(sentence(item))}</li>" for item in found[:SHOWN]
        )
        more = f"<li>and {len(found) - SHOWN} more</li>" if len(found) > SHOWN else ""
        proof = by_hand(card, found[0] if found else None)
        parts += [
            f"<h2>{at}. {escape(stop.title)} <small>{stop.check}</small></h2>",
            f"<p>{escape(card.part('Why'))}</p><ul>{items}{more}</ul>",
            *(_way_html(title, way, way.subject(found), names) for title, way in _ways(stop)),
            f"<p class=dim>Proof: {stop.check} passes; by hand: <code>{escape(proof)}</code></p>",
        ]
    return "".join([*parts, "</body></html>\n"])


def _cost(stop: Stop) -> str:
    return effort(stop.minutes) + (", closes its row" if stop.closes else "")


def _ways(stop: Stop) -> Iterator[tuple[str, Procedure]]:
    """The choices by their titles, and below them what they send to, by its id too."""
    yield from ((way.title, way) for way in stop.procedures)
    yield from ((f"{way.id}: {way.title}", way) for way in named(stop.procedures))


def _way_html(title: str, way: Procedure, finding: Finding | None, names: Names) -> str:
    steps = "".join(
        f"<li>{escape(step.text)}{f'<pre>{escape(filled(step.run, finding, names))}</pre>' if step.run else ''}</li>"
        for step in way.steps
    )
    return f"<h3>{escape(title)} <small>{escape(_terms(way))}</small></h3><ol>{steps}</ol>"


def _steps(way: Procedure, finding: Finding | None, names: Names) -> Iterator[str]:
    for number, step in enumerate(way.steps, 1):
        yield f"  {number} {step.text}"
        for line in filled(step.run, finding, names).splitlines():
            yield f"      {line}"


def _terms(way: Procedure) -> str:
    """What a way costs: work, risk, restarts."""
    return f"{effort(way.minutes)}, {way.risk_class}{', nodes restart' if way.reboots else ''}"

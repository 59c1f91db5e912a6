"""``ztui waive``: accept a finding for a time, list what is accepted, take it back. Words and rules; the verb does the IO."""

from __future__ import annotations

from datetime import datetime, timedelta

from ztui.board import Board
from ztui.checks.base import Check, Finding, Status
from ztui.errors import SettingsError
from ztui.kinds.record import Waiver, record_meta
from ztui.records import new_name
from ztui.text import clean
from ztui.waivers import SHORTEST_REASON, covers, longest_days

_BAD = frozenset({Status.FAIL, Status.WARN})


def new_waiver(card: Check, now: datetime, days: int, **fields: str) -> Waiver:
    """A waiver that starts now. ``fields`` are those of ``Waiver``: owner, reason, target, namespace_glob, ticket.

    Raises ``SettingsError`` where the rules of waivers do not allow it.
    """
    if len(fields.get("reason", "").strip()) < SHORTEST_REASON:
        raise _refused("the reason is too short", f"it needs at least {SHORTEST_REASON} characters: others must understand it")
    if not fields.get("owner", "").strip():
        raise _refused("nobody answers for it", "--owner names who does")
    if not 1 <= days <= longest_days(card):
        raise _refused(f"{days} days are too many", f"{card.id} is {card.severity}: at most {longest_days(card)} days")
    name = new_name(now, card.id, fields.get("target", ""))
    expires = (now + timedelta(days=days)).isoformat(timespec="seconds")
    return Waiver(metadata=record_meta(name), check=card.id, expires=expires, **fields)


def covered(board: Board, card: Check, waiver: Waiver) -> list[Finding]:
    """The findings of now that a waiver is about."""
    return [item for _, item in board.findings(card.id) if item.status in _BAD and item.reason.waivable and covers(waiver, item)]


def listed(waivers: list[Waiver], board: Board | None, now: datetime) -> str:
    """All waivers as a table for people: when they end, what they are about, and whether they cover anything."""
    if not waivers:
        return "nothing is waived\n"
    idle = set(board.idle) if board else set()
    lines = []
    for item in sorted(waivers, key=lambda one: (one.expires, one.name)):
        state = "ended" if item.is_due(now) else "covers nothing" if item.name in idle else "in force"
        where = item.target or (f"namespaces {item.namespace_glob}" if item.namespace_glob != "*" else "everywhere")
        ticket = f"  {item.ticket}" if item.ticket else ""
        lines.append(
            clean(f"{item.name}  {item.check}  {where}  until {item.until}  {state}  {item.owner}: {item.reason}{ticket}")
        )
    return "\n".join(lines) + "\n"


def told(waiver: Waiver, found: list[Finding]) -> str:
    """What was accepted, and until when."""
    objects = ", ".join(clean(str(item.on)) for item in found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"{waiver.name}: {waiver.check} is waived until {waiver.until} for {objects or 'nothing that is found now'}\n"


def _refused(what: str, why: str) -> SettingsError:
    return SettingsError(what, where="ztui waive", why=why)

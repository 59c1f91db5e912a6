"""What a change needs before it may run: how strong a person's answer must be, and whether this session may write at all.

Pure. The protocol asks here again before it sends, so that no screen can send what nobody agreed to.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.errors import ChangeError
from ztui.recipes.base import RISKS, Plan, RiskClass

UNLOCKED_S: Final = 15 * 60.0
"""How long a production context stays unlocked."""

BATCH: Final[dict[RiskClass, int]] = {"safe": 20, "disruptive": 5, "destructive": 1}
"""How many plans of a class one consent may cover."""


class Mode(msgspec.Struct, frozen=True):
    """Whether this session may write. ``read_only`` says why it never may; ``locked`` is a production context to be unlocked."""

    read_only: str = ""
    locked: bool = False
    prod: bool = False

    @property
    def may_write(self) -> bool:
        """Whether anything may be sent now."""
        return not self.read_only and not self.locked


class Need(msgspec.Struct, frozen=True):
    """What a person must give: a ``y``, or the typed ``word``, and for the strongest class a reason."""

    risk_class: RiskClass
    word: str = ""
    reason: bool = False


class Consent(msgspec.Struct, frozen=True):
    """A person's answer. ``force`` takes over fields that others own."""

    typed: str = ""
    reason: str = ""
    force: bool = False


def need(
    plan: Plan, *, prod: bool = False, force: bool = False, blind: bool = False, cuts: bool = False, against: bool = False
) -> Need:
    """How strong the answer to a plan must be.

    ``force`` and ``cuts`` (connections that are closed) make it disruptive at least; ``blind`` (no dry-run could be had) and a
    cluster-wide write to a production context make it destructive. Where something speaks ``against`` it (a cut connection is in
    use, a repository owns the object), or stands in the way, the override must be typed.
    """
    risk = plan.risk_class
    override = against or any(item.override for item in plan.stops)
    if force or cuts or override:
        risk = max(risk, "disruptive", key=RISKS.index)
    wide = prod and any(not write.ref.namespace and write.kind.KIND != "Namespace" for write in plan.writes)
    if blind or wide:
        risk = "destructive"
    word = "y" if risk == "safe" else f"override {plan.word}" if override else plan.word
    return Need(risk, word, risk == "destructive")


def missing(wanted: Need, given: Consent) -> str:
    """What an answer lacks, in words; empty where it is enough."""
    if given.typed != wanted.word:
        return "press y to agree" if wanted.risk_class == "safe" else f'type "{wanted.word}" to apply'
    if wanted.reason and len(given.reason.split()) < 2:
        return "give a reason, in two words at least"
    return ""


def insist(mode: Mode, plan: Plan, wanted: Need, given: Consent) -> None:
    """Refuse what may not run. Raises ChangeError; nothing was sent then."""
    if mode.read_only:
        raise ChangeError("nothing was sent", where=plan.title, why=f"read-only: {mode.read_only}")
    if mode.locked:
        raise ChangeError("nothing was sent", where=plan.title, why="this production context is locked", next="unlock it first")
    if not plan.writes:
        raise ChangeError("there is nothing to change", where=plan.title)
    hard = [item for item in plan.stops if not item.override]
    if hard:
        raise ChangeError("nothing was sent", where=plan.title, why=f"a precondition does not hold: {hard[0].note.reason.code}")
    lacks = missing(wanted, given)
    if lacks:
        raise ChangeError("nothing was sent", where=plan.title, why="not agreed to", next=lacks)

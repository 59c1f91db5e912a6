"""A change in words: everything that a person sees before saying yes, and nothing that they need not.

Pure. All text of a cluster passes the gate here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ztui.changes.consent import Mode, Need
from ztui.changes.preview import Preview, Shift, Step, diff, refs, rewrites
from ztui.engines.cuts import Connection
from ztui.panes.base import Line, Tone, prose
from ztui.recipes.base import Plan, Recipe
from ztui.redact import redact
from ztui.text import Clean, clean
from ztui.words import told

SHOWN: Final = 8
"""Connections and notes that are written out; the rest are counted, and all of them are there behind Enter."""

_INDENT: Final = 9
_VERBS: Final = {"delete": "delete", "label": "label"}
_DIFF_TONES: Final[dict[str, Tone]] = {"+": "pass", "-": "fail", "~": "warn", " ": "strong"}


def title(plan: Plan) -> Clean:
    """What a change is, in one line."""
    return clean(f"{plan.title}: {plan.on}", limit=200)


def choices(found: Sequence[Recipe]) -> list[Line]:
    """The recipes to choose from, by number."""
    lines = [Line("choose", (prose("Choose what to do; nothing is sent before you have seen it all.", "strong"),))]
    for at, card in enumerate(found, 1):
        lines.append(Line(f"choose:{at}", (prose(f"{at}  {card.title}  ({card.id}, {card.risk_class})", "accent"),)))
    return lines


def lines(preview: Preview, mode: Mode, *, all_of_it: bool = False) -> list[Line]:
    """The whole preview, most wanted first."""
    plan = preview.plan
    parts = [
        *_part("What", _what(preview)),
        *_part("Stops", [told(item.note) + (" (may be overridden)" if item.override else "") for item in plan.stops], "fail"),
        *_part("Server", [f"refuses: {text}" for text in preview.refusals], "fail"),
        *_part("Closes", _closes(preview)),
        *_part("But", _worse(preview), "warn"),
        *_part("Cuts", _cuts(preview, all_of_it=all_of_it), "warn" if preview.effect and preview.effect.cut else "plain"),
        *_part("Opens", _connections(preview.effect.opened if preview.effect else (), all_of_it=all_of_it)),
        *_part("Touches", [told(item) for item in (plan.radius if all_of_it else plan.radius[:SHOWN])]),
        *_part("Rights", [_rights(preview, mode)], "fail" if preview.rights else "plain"),
        *_part("Git", [_git(preview)], "warn" if preview.owner else "plain"),
        *_part("Takes", [f"{', '.join(fields)} from {owner}" for step in preview.steps for owner, fields in step.owners], "warn"),
        *_part("Warns", [text for step in preview.steps if step.dry for text in step.dry.warnings], "warn"),
    ]
    if not preview.steps:
        return parts
    parts += [Line("diff", (prose(f"Diff     {_dry(preview)}", "dim"),))]
    for at, step in enumerate(preview.steps):
        parts += _diff_lines(at, step)
    parts += _part("Undo", [] if preview.undoes else [_undo(preview)])
    return parts


def _part(name: str, texts: Iterable[str], tone: Tone = "plain") -> Iterator[Line]:
    for at, text in enumerate(texts):
        yield Line(f"{name}:{at}", (prose(f"{name if not at else '':<8} {text}", tone),), depth=_INDENT)


def _what(preview: Preview) -> list[str]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for step in preview.steps:
        ref = step.write.ref
        word = "create" if step.write.creates and step.live is None else _VERBS.get(step.write.verb, "change")
        groups.setdefault((word, ref.kind, ref.namespace), []).append("" if ref.is_hashed else ref.shown)
    found = []
    for (word, kind, place), names in groups.items():
        told = ", ".join(names) if all(names) else f"{len(names)}, whose names are not shown"
        found.append(f"{word} {kind}{f' in {place}' if place else ''}: {told}")
    return [clean(item, limit=len(item)) for item in found] or [
        "nothing can be changed like this" if preview.plan.stops else "nothing is left to change"
    ]


def _closes(preview: Preview) -> list[str]:
    effect = preview.effect
    if effect is None:
        return ["the effect on the verdicts is not known yet"]
    found = [_shift(shift) for shift in effect.shifts if shift.open_after <= shift.open_before]
    found += [f"row {name}: {before} → {after}" for name, before, after in effect.rows]
    found += [f"Phase {number}: {before:.0%} → {after:.0%}" for number, before, after in effect.phases]
    return found or ["no verdict by itself"]


def _worse(preview: Preview) -> list[str]:
    effect = preview.effect
    return [_shift(shift) for shift in effect.shifts if shift.open_after > shift.open_before] if effect is not None else []


def _shift(shift: Shift) -> str:
    more = shift.open_after - shift.open_before
    words = f"{shift.check} {shift.before}" + (f" → {shift.after}" if shift.after is not shift.before else "")
    if not more:
        return f"{words}, {shift.milder} finding{'s' if shift.milder > 1 else ''} milder" if shift.milder else words
    return f"{words}, {abs(more)} {'fewer' if more < 0 else 'more'} finding{'s' if abs(more) > 1 else ''}"


def _cuts(preview: Preview, *, all_of_it: bool) -> list[str]:
    effect = preview.effect
    if effect is None or not effect.cut:
        return []
    total, unknown = len(effect.cut), effect.unknown
    if unknown == total:
        head = f"{total} possible connections; nobody measures whether they are used"
    else:
        blind = f"; of {unknown} nobody knows" if unknown else ""
        head = f"{total} possible connections, {len(effect.seen)} of them used in the last day{blind}"
    used = [f"used: {text}" for text in _connections(effect.seen, all_of_it=all_of_it)]
    rest = tuple(item for item in effect.cut if item not in set(effect.seen))
    return [head, *used, *(_connections(rest, all_of_it=True) if all_of_it else [])]


def _connections(found: Sequence[Connection], *, all_of_it: bool) -> list[str]:
    shown = found if all_of_it else found[:SHOWN]
    texts = [f"{item.src} to {item.dst} on {item.door}" for item in shown]
    return [*texts, f"and {len(found) - len(shown)} more (Enter lists them)"] if len(shown) < len(found) else texts


def _rights(preview: Preview, mode: Mode) -> str:
    if mode.read_only:
        return f"read-only: {mode.read_only}; nothing can be sent from here"
    if preview.rights:
        return f"you may not {', '.join(preview.rights)}"
    beside = any(step.write.kind.SOURCE == "beside" for step in preview.steps)
    words = "whether you may is told when it is sent; a refusal changes nothing" if beside else "you may do this ✔"
    return words + ("; this production context is locked: u unlocks it for 15 minutes" if mode.locked else "")


def _git(preview: Preview) -> str:
    if preview.owner == "gitops" or preview.repositories:
        return "managed from a repository, which will take this back: w writes the patch for it"
    if preview.owner:
        return f"managed by {'an operator' if preview.owner == 'operator' else 'Helm'}, which may take this back"
    return "not managed from elsewhere ✔"


def _dry(preview: Preview) -> str:
    if all(step.write.kind.SOURCE in {"vault", "beside"} for step in preview.steps):
        tries = "a Vault tries nothing out" if preview.steps[0].write.kind.SOURCE == "vault" else "nothing can be tried out there"
        return f"({tries}: this is what was read, beside what would be sent)"
    if preview.blind:
        problems = [step.problem for step in preview.steps if step.problem and not step.refused]
        return f"(not tried on the server: {clean(problems[0], limit=200)})"
    if any(step.dry is None for step in preview.steps):
        return "(not tried on the server)"
    return "(server dry-run: accepted)"


def _diff_lines(at: int, step: Step) -> Iterator[Line]:
    for number, item in enumerate((*diff(step), *rewrites(step))):
        text = f"  {item.mark} {redact(item.text)}"
        yield Line(f"diff:{at}:{number}", (prose(text, _DIFF_TONES[item.mark]),))


def _undo(preview: Preview) -> str:
    if any(step.write.verb in {"delete", "status"} for step in preview.steps):
        return "none: this cannot be taken back"
    made = sum(step.write.creates and step.live is None for step in preview.steps)
    words = (
        f"deletes the {made} objects in reverse order" if made == len(preview.steps) and made > 1 else "restores what was there"
    )
    if made == 1 == len(preview.steps):
        return "deletes the object; offered for as long as nobody edits it"
    return f"{words}; offered for as long as nobody edits them"


def ask(need: Need, typed: str, reason: str, *, stage: str) -> Clean:
    """The line that asks for the consent."""
    if stage == "reason":
        return clean(f"why (kept in the journal; Enter goes on): {reason}▏")
    if need.risk_class == "safe":
        return clean("press y to apply, Esc to go back")
    return clean(f'type "{need.word}" to apply, by hand: {typed}▏', limit=300)


def objects(plan: Plan) -> str:
    """The objects of a plan in one line."""
    return ", ".join(clean(str(ref)) for ref in refs(plan))

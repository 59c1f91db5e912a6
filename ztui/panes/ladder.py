"""The ladder: a line for each control of each namespace: where it stands, what proves it, which recipe takes the next step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from ztui.engines.ladder import CONTROL_NAMES, Stage, Standing
from ztui.panes.base import Line, Tone, cell, prose
from ztui.recipes.base import Recipe, recipes
from ztui.text import clean
from ztui.words import gap_text

TITLES: Final = ("namespace", "control", "stands", "", "next step", "by")
STAGES: Final[tuple[Stage, ...]] = ("nothing", "learnt", "warned", "enforced")

_TONES: Final[dict[Stage, Tone]] = {
    "nothing": "fail",
    "learnt": "warn",
    "warned": "warn",
    "enforced": "pass",
    "none": "dim",
    "unknown": "unknown",
}
_WORDS: Final[dict[Stage, str]] = {"none": "–", "unknown": "?"}
_TO: Final[dict[Stage, str]] = {"learnt": "learn", "warned": "warn", "enforced": "enforce"}
_STATUS: Final[dict[Stage, str]] = {"none": "na", "enforced": "pass", "nothing": "fail", "unknown": "unknown"}


def key_of(item: Standing) -> str:
    """Stays the same for the same control of the same namespace."""
    return f"ladder:{item.namespace}:{item.control}"


def card_of(item: Standing) -> Recipe | None:
    """The recipe that takes the next step; ``None`` where nothing is left to do, or nothing does it by one key."""
    card = recipes().get(item.step.recipe) if item.step is not None else None
    return card if card is not None and item.step is not None and item.step.on.kind in card.on else None


def ladder_lines(found: Iterable[Standing], *, faults_only: bool = False) -> list[Line]:
    """One line a control and namespace; with ``faults_only`` those that stand below the top."""
    return [_line(item) for item in found if not faults_only or item.stage not in {"enforced", "none"}]


def summary(found: Iterable[Standing]) -> list[str]:
    """For each control in how many of the namespaces that it matters in it is enforced."""
    counts = Counter((item.control, item.stage) for item in found if item.stage != "none")
    told = []
    for control in CONTROL_NAMES:
        total = sum(count for (name, _), count in counts.items() if name == control)
        told.append(f"{control} {counts[control, 'enforced']} of {total}")
    return told


def rung(stage: Stage) -> str:
    """How many of the three steps are taken."""
    taken = STAGES.index(stage) if stage in STAGES else 0
    return "" if stage not in STAGES else "■" * taken + "□" * (len(STAGES) - 1 - taken)


def step_words(item: Standing) -> str:
    """The next step in a word or two; a dash where there is none."""
    return _TO[item.step.to] if item.step is not None else "–"


def document(found: Iterable[Standing]) -> list[dict[str, Any]]:
    """The lines as data."""
    return [
        {
            "namespace": clean(item.namespace),
            "control": item.control,
            "stage": {"none": "not applicable"}.get(item.stage, item.stage),
            "says": clean(_says(item), limit=len(_says(item))),
            "by": [clean(str(ref)) for ref in item.by],
            "next": None
            if item.step is None
            else {"to": item.step.to, "recipe": item.step.recipe, "object": clean(str(item.step.on))},
        }
        for item in found
    ]


def _says(item: Standing) -> str:
    return f"{item.says}: {gap_text(item.gap)}" if item.gap is not None else item.says


def _line(item: Standing) -> Line:
    card = card_of(item)
    says = f"{item.namespace}, {item.control}: {_says(item)}."
    if item.step is not None and card is not None:
        says += f" Next: {card.title[:1].lower()}{card.title[1:]} ({card.id}, {step_words(item)}) on {item.step.on}."
    elif item.step is not None:
        says += f" Next: {step_words(item)}; the guide has the steps."
    word = _WORDS.get(item.stage, item.stage)
    return Line(
        key_of(item),
        (
            cell(item.namespace, "strong"),
            cell(item.control),
            cell(word, _TONES[item.stage]),
            cell(rung(item.stage), _TONES[item.stage]),
            cell(step_words(item), "plain" if card is not None else "dim"),
            cell(card.id if card is not None else "–", "accent" if card is not None else "dim"),
            prose(says),
        ),
        words=f"{item.namespace} {item.control} {item.stage} {card.id if card is not None else ''} {item.says}",
        status=_STATUS.get(item.stage, "warn"),
        namespace=item.namespace,
        ref=item.by[0] if item.by else (item.step.on if item.step is not None else None),
        by=item.by,
    )

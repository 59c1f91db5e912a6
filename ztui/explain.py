"""Everything there is to say of a check, the same on the shell, on the screen and in the docs."""

from __future__ import annotations

from ztui.checks.base import EVERY_VARIANT, Check
from ztui.kinds.base import Kind
from ztui.kinds.vaultpaths import paths_of


def explanation(card: Check) -> str:
    """Everything that there is to say of a check, as the screen and the docs say it too."""
    lines = [f"{card.id}  {card.title}", f"{card.severity}, {'required' if card.gate == 'R' else 'supporting'} in {card.row}", ""]
    for name, title in (
        ("Why", "Why"),
        ("How", "How it is abused"),
        ("Rule", "How it is judged"),
        ("Traps", "Traps"),
        ("Source", "Evidence"),
        ("Verify", "Verify by hand"),
    ):
        text = card.part(name)
        if text:
            lines += [title, f"  {text}", ""]
    kinds = sorted((kind for kind in card.kinds if kind.PLURAL), key=lambda kind: (kind.GROUP, kind.PLURAL))
    lines.append("Rights needed")
    lines += [f"  {_right(kind)}" for kind in kinds if kind.SOURCE == "cluster"]
    paths = dict.fromkeys(path for kind in kinds for path in paths_of(kind) if not path.open)
    lines += [f"  vault: {', '.join(item.capabilities)} {item.path}" for item in paths]
    if card.variants != EVERY_VARIANT:
        lines += ["", f"Applies to {', '.join(card.variants)}; not applicable elsewhere"]
    if card.recipes:
        lines += ["", "Fix", f"  {', '.join(card.recipes)}"]
    if card.maps:
        lines += ["", "Frameworks", *(f"  {item}" for item in card.maps)]
    return "\n".join(lines) + "\n"


def _right(kind: type[Kind]) -> str:
    name = f"{kind.PLURAL}.{kind.GROUP}" if kind.GROUP else kind.PLURAL
    if kind.SINGLE:
        return f"get {name} {kind.SINGLE[1]} in {kind.SINGLE[0]}"
    return f"get, list, watch {name}{' (metadata only)' if kind.METADATA_ONLY else ''}"

"""The generated pages of ``docs/``: checks from the catalogue, rights from the roles, remedies from the recipes."""

from __future__ import annotations

import inspect

from ztui.checks.base import catalogue
from ztui.checks.rows import PHASES, ROWS
from ztui.explain import explanation
from ztui.recipes.base import Recipe, recipes
from ztui.roles import PROFILES, WRITERS, as_yaml, role_documents, vault_policy, vault_writer_policy


def checks_page() -> str:
    """Every row and every check of this release."""
    lines = ["# Checks", "", "Generated from the catalogue; `ztui explain ID` prints the same.", ""]
    for number, title in PHASES.items():
        lines += [f"## {f'Phase {number}: ' if number else ''}{title}", ""]
        for row in (item for item in ROWS if item.phase == number):
            mine = [card for card in catalogue().values() if card.row == row.id]
            lines += [f"### {row.id} {row.title}", ""]
            if not mine:
                lines += [f"Needs {', '.join(row.required)}; this release has no check for it.", ""]
            for card in mine:
                lines += ["```text", explanation(card).rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def roles_page() -> str:
    """The rights of each profile, as printed by ``ztui roles``."""
    lines = [
        "# Rights",
        "",
        "Generated from the catalogue: exactly what this release reads, no wildcard; writes only where a profile is for them.",
        "`ztui roles PROFILE` prints the same, `--bind USER|group:G|sa:NAMESPACE/NAME` adds the bindings. What is not granted is",
        "`UNKNOWN`, never a pass.",
        "",
    ]
    for profile in PROFILES:
        lines += [
            f"## {profile}",
            "",
            "```yaml",
            as_yaml(role_documents(profile, catalogue().values()), profile).rstrip(),
            "```",
            "",
        ]
    lines += ["## vault", "", "```hcl", vault_policy().rstrip(), "```", ""]
    for profile in WRITERS:
        lines += [f"## {profile}", "", "```hcl", vault_writer_policy(profile).rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def fixes_page() -> str:
    """Every recipe of this release: what it mends, what it changes, what it asks for, how it is proved."""
    lines = [
        "# Fixes",
        "",
        "Generated from the recipes. [Remedies](remedies.md) tells how they are shown, agreed to, made, proved and taken back.",
        "Some findings are mended by hand alone: the guide (`g`) has the steps.",
        "",
    ]
    for card in recipes().values():
        lines += [f"## {card.id} {card.title}", "", *_card(card), ""]
    return "\n".join(lines).rstrip() + "\n"


def _card(card: Recipe) -> list[str]:
    about = (inspect.getdoc(card.function) or "").replace("\n", " ")
    limit = f"{card.verify_s / 60:.0f} minutes" if card.verify_s >= 120 else f"{card.verify_s:.0f} s"
    proof = "what it changes has come about" if card.done is not None else "the finding is gone, or else its objects are there"
    lines = [about, "", f"- {card.risk_class}{', nodes restart' if card.reboots else ''}"]
    lines += [f"- mends {', '.join(card.checks)}, on {', '.join(card.on)}"] if card.checks else []
    lines += [f"- contains an incident at: {', '.join(card.contains)}; on {', '.join(card.on)}"] if card.contains else []
    lines += [f"- writes {', '.join(dict.fromkeys(kind.KIND for kind in card.writes))}"]
    lines += [f"- asks: {item.text}{f' (proposed: {item.proposed})' if item.proposed else ''}" for item in card.asks]
    lines += [f"- proved when {proof}, within {limit}{'; else taken back by itself' if card.rolls_back else ''}"]
    if card.deletes or card.statuses:
        lines += ["- what it deletes, or sets in a status, cannot be taken back"]
    return lines


PAGES = {"checks.md": checks_page, "fixes.md": fixes_page, "roles.md": roles_page}

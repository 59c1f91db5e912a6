"""The generated pages of ``docs/``: checks from the catalogue, rights from the roles."""

from __future__ import annotations

from ztui.checks.base import catalogue
from ztui.checks.rows import PHASES, ROWS
from ztui.explain import explanation
from ztui.roles import PROFILES, as_yaml, role_documents


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
        "Generated from the catalogue: exactly what this release reads, no wildcard, no write. `ztui roles PROFILE` prints",
        "the same, `--bind USER|group:G|sa:NAMESPACE/NAME` adds the bindings. What is not granted is `UNKNOWN`, never a pass.",
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
    return "\n".join(lines).rstrip() + "\n"


PAGES = {"checks.md": checks_page, "roles.md": roles_page}

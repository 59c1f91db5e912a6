"""Every recipe meets the real API server, or the real Vault, in some test; or it says here why it cannot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from ztui.recipes.base import recipes

REAL: Final = Path(__file__).parents[1] / "real"
WHY_NOT: Final = {
    "R-ACS-RESOLVE": "ACS Central is an image with a database of its own, and no module to build; a stand-in answers for it",
    "R-FLUX-SUSPEND": "the definitions beside the project have none of Flux; a plan and the demo stand for it",
    "R-NP-NARROW": "it allows whom a mesh or a flow collector has seen calling for a day, and a bare API server has neither",
}
"""The recipes that the real server cannot be asked about, each with the reason."""


def by_table() -> set[str]:
    """The recipes with a case of their own: shown, tried, made, read back, taken back, and compared."""
    return {case["recipe"] for path in REAL.glob("recipes/*.yaml") for case in msgspec.yaml.decode(path.read_bytes())}


def by_test() -> set[str]:
    """The recipes that a test of the real servers asks for by name."""
    return {name for path in REAL.glob("test_*.py") for name in re.findall(r'"(R-[A-Z-]+)"', path.read_text(encoding="utf-8"))}


def test_every_recipe_is_tried_on_a_real_server_or_says_why_not() -> None:
    tried = by_table() | by_test()
    assert by_table() <= set(recipes()), "a case for a recipe that is gone"
    assert set(recipes()) - tried == set(WHY_NOT)

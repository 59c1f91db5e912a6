"""How much would be lost with a workload, from 0 to 100: six factors, each with what is known of it.

The weights are a judgement, not a measurement: a number to sort by, never one to be proud of.
"""

from __future__ import annotations

from typing import Final

import msgspec

WEIGHTS: Final[dict[str, int]] = {"exposure": 25, "privilege": 25, "rbac": 20, "vuln": 15, "identity": 10, "network": 5}
UNSEEN: Final = 0.5
"""What a factor counts that nobody can see."""


class Factor(msgspec.Struct, frozen=True):
    """One factor: its share of its weight, from 0 to 1; ``None`` where it cannot be seen."""

    name: str
    share: float | None

    @property
    def points(self) -> float:
        """What it adds to the risk."""
        return WEIGHTS[self.name] * (UNSEEN if self.share is None else min(1.0, max(0.0, self.share)))


class Risk(msgspec.Struct, frozen=True):
    """All factors of a workload."""

    factors: tuple[Factor, ...]

    @property
    def score(self) -> int:
        """The sum, 0 to 100."""
        return min(100, round(sum(item.points for item in self.factors)))

    @property
    def weakest(self) -> str:
        """The factor that adds most; empty where nothing adds anything."""
        top = max(self.factors, key=lambda item: item.points, default=None)
        return top.name if top is not None and top.points else ""

    @property
    def blind(self) -> tuple[str, ...]:
        """The factors that nobody can see."""
        return tuple(item.name for item in self.factors if item.share is None)


def risk(**shares: float | None) -> Risk:
    """The risk of these shares; a factor that is not named is one that nobody can see. Raises KeyError for an unknown one."""
    for name in shares:
        WEIGHTS[name]
    return Risk(tuple(Factor(name, shares.get(name)) for name in WEIGHTS))

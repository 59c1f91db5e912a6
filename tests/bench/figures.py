"""Numbers of repeated measurements as a table that can be read."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def table(title: str, figures: Mapping[str, Sequence[float]], unit: str) -> None:
    """Print least, median and greatest of each figure; other work on the machine shows in the last, hardly in the first."""
    print(f"\n{title} ({unit}, {len(next(iter(figures.values())))} runs)")
    print(f"  {'':<46}{'least':>10}{'median':>10}{'greatest':>10}")
    for name, values in figures.items():
        print(f"  {name:<46}{min(values):>10.3f}{statistics.median(values):>10.3f}{max(values):>10.3f}")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all is at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

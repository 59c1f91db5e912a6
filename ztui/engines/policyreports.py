"""How often each policy failed, as the reports of policy engines count it.

Source: what the store counts of wgpolicyk8s.io and openreports.io reports (``kinds.notice``).
"""

from __future__ import annotations

from typing import Final

from ztui.kinds.base import Kind, Ref
from ztui.kinds.notice import REPORTS, ReportCount
from ztui.view import Gap, View, Why

REPORTED_BY: Final[tuple[type[Kind], ...]] = REPORTS

Counted = tuple[int, int]
"""Failed results, and all of them."""


def reported(view: View, namespace: str = "") -> dict[str, Counted]:
    """By policy, sorted: what reports count in a namespace; without one, everywhere."""
    found: dict[str, Counted] = {}
    for item in view.within(ReportCount, namespace) if namespace else view.all(ReportCount):
        failed, total = found.get(item.name, (0, 0))
        found[item.name] = (failed + item.failed, total + item.total)
    return dict(sorted(found.items()))


def reported_gap(view: View) -> Gap | None:
    """Why there may be more than is counted; that of absence where the cluster serves no reports at all."""
    gaps = [gap for kind in REPORTS if (gap := view.gap(kind)) is not None]
    if len(gaps) == len(REPORTS) and all(gap.why is Why.ABSENT for gap in gaps):
        return gaps[0]
    return next((gap for gap in gaps if gap.why is not Why.ABSENT), None)


def name_in_reports(policy: Ref) -> str:
    """What engines call a policy in their reports."""
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name

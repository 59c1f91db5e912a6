"""Counts of what goes by: of the reports of policy engines the store keeps none, but how often each policy failed.

An engine may write a report for each object of a cluster. Of each is held what it adds to the counts, and that is one and the
same for all reports that say the same: a key and a reference for a report, whatever is in it.
"""

from __future__ import annotations

from typing import Final

from ztui.kinds.base import Kind, Meta
from ztui.kinds.notice import Passing, ReportCount, Share
from ztui.view import EVERYWHERE

At = tuple[str, str]
NOTHING: Final[tuple[Share, ...]] = ()


class Tally:
    """Sums by namespace and policy, kept right while reports come, change and go. Owned by the store."""

    def __init__(self) -> None:
        self._told: dict[type[Kind], dict[At, tuple[Share, ...]]] = {}
        self._alike: dict[tuple[Share, ...], tuple[Share, ...]] = {}
        self._sums: dict[At, tuple[int, int]] = {}
        self._changed: dict[At, None] = {}

    @property
    def is_dirty(self) -> bool:
        """Whether a count has changed since it was last taken."""
        return bool(self._changed)

    def put(self, obj: Passing) -> None:
        """A report came, or came anew."""
        shares = obj.shares()
        self._set(type(obj), (obj.namespace, obj.name), self._alike.setdefault(shares, shares) if shares else NOTHING)

    def drop(self, kind: type[Kind], at: At) -> None:
        """A report is gone."""
        if at in self._told.get(kind, {}):
            self._set(kind, at, NOTHING)

    def sweep(self, kind: type[Kind], keep: frozenset[At], scope: str) -> None:
        """All reports of that scope that are not kept are gone."""
        for at in [at for at in self._told.get(kind, {}) if scope in {EVERYWHERE, at[0]} and at not in keep]:
            self._set(kind, at, NOTHING)

    def take(self) -> dict[At, Kind | None]:
        """The counts that have changed; ``None`` where nothing is left to count."""
        found: dict[At, Kind | None] = {}
        for at in self._changed:
            failed, total = self._sums.get(at, (0, 0))
            meta = Meta(name=at[1], uid="", resource_version="", namespace=at[0])
            found[at] = ReportCount(meta, failed, total) if total else None
        self._changed = {}
        if len(self._alike) > 2 * sum(map(len, self._told.values())):
            self._alike = {shares: shares for told in self._told.values() for shares in told.values()}
        return found

    def _set(self, kind: type[Kind], at: At, shares: tuple[Share, ...]) -> None:
        told = self._told.setdefault(kind, {})
        before = told.get(at, NOTHING)
        if before == shares:
            return
        for sign, items in ((-1, before), (1, shares)):
            for policy, failed, total in items:
                place = (at[0], policy)
                old = self._sums.get(place, (0, 0))
                self._sums[place] = (old[0] + sign * failed, old[1] + sign * total)
                self._changed[place] = None
        for policy, _, _ in before:
            if self._sums[at[0], policy] == (0, 0):
                del self._sums[at[0], policy]
        if shares:
            told[at] = shares
        else:
            told.pop(at, None)

"""What accepted findings and owners' words do to a check: pure, read by the board for every cell.

A waiver never covers what is not known, and an owner's word only what the cluster cannot show; both end.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from ztui.checks.base import Check, CheckId, Finding, Reason, Status
from ztui.kinds.base import Kind
from ztui.kinds.record import Acceptance, Attestation, Waiver
from ztui.view import View, Why

RECORDS: Final[tuple[type[Kind], ...]] = (Waiver, Attestation)
CRITICAL_DAYS: Final = 30
LONGEST_DAYS: Final = 180
ATTESTED_DAYS: Final = 90
SHORTEST_REASON: Final = 10

SWORN: Final = Reason("attested-by-owner", "{owner} attests until {until}: {statement}")
_UNSHOWN: Final = frozenset({Why.NO_SOURCE, Why.HOSTED, Why.K8S})
"""What a cluster of that kind does not show to anybody; a missing right is not among them: get the right instead."""


def longest_days(card: Check) -> int:
    """How long a finding of a check may be waived."""
    return CRITICAL_DAYS if card.severity == "critical" else LONGEST_DAYS


def fingerprint(check_id: str, finding: Finding) -> str:
    """What stays the same of a finding over versions of its object: check, identity and reason. 16 hex digits."""
    of = finding.on
    parts = (check_id, of.group, of.kind, of.namespace, of.name, finding.reason.code)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def in_force(view: View, kind: type[Acceptance], check_id: CheckId) -> tuple[Acceptance, ...]:
    """The records of a kind about a check that have not run out, by name."""
    found = (item for item in view.all(kind) if item.check == check_id and not item.is_due(view.now))
    return tuple(sorted(found, key=lambda item: item.name))


def judged(view: View, card: Check, finding: Finding) -> Finding:
    """The finding with what people say of it: waived, attested, or as it was."""
    if finding.status in {Status.FAIL, Status.WARN} and finding.reason.waivable:
        for item in view.derive(in_force, Waiver, card.id):
            if covers(item, finding):
                note = f"waived by {item.owner} until {item.until}: {item.reason}"
                return msgspec.structs.replace(finding, record=item.name, accepted="waived", note=note)
    if finding.why is not None and finding.why.why in _UNSHOWN:
        for item in view.derive(in_force, Attestation, card.id):
            if covers(item, finding):
                values = (("owner", item.owner), ("until", item.until), ("statement", item.reason))
                sworn = msgspec.structs.replace(finding, status=Status.PASS, reason=SWORN, values=values, why=None)
                return msgspec.structs.replace(sworn, attested=True, accepted="attested", record=item.name)
    return finding


def covers(item: Acceptance, finding: Finding) -> bool:
    """Whether a record is about the object of a finding. Cluster-wide findings are in no namespace: only ``*`` covers them."""
    if item.target:
        return item.target == str(finding.on)
    place = finding.on.name if finding.on.kind == "Namespace" else finding.on.namespace
    return fnmatchcase(place, item.namespace_glob)

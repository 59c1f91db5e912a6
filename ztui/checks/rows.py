"""The rows of the maturity model: which checks each needs, and the phase it belongs to.

Rows and their required checks are the model itself, whether or not this release can judge them: a required check that is not in
the catalogue leaves its row unproven, and the row says so.
"""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One line of the model.

    ``phase`` 0 is the foundations; ``na_on`` are the platforms on which the row may be not applicable,
    ``na_without_workloads`` allows it on a cluster without user workloads.
    """

    id: str
    title: str
    phase: int
    required: tuple[str, ...]
    na_on: tuple[str, ...] = ()
    na_without_workloads: bool = False


PHASES: dict[int, str] = {
    1: "Identify & Isolate",
    2: "Enforce Access Policies",
    3: "Monitor & Automate",
    4: "Adaptive",
    0: "Foundations",
}

SHARES: dict[int, float] = {1: 0.30, 2: 0.30, 3: 0.20, 4: 0.20}
"""What each phase adds to the maturity."""


def _ids(prefix: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{number:03}" for number in numbers)


ROWS: tuple[Row, ...] = (
    Row("P1.MAP", "Map components and flows", 1, _ids("ZT1-MAP", 1, 2, 3), na_without_workloads=True),
    Row("P1.AUTH", "Authenticated endpoints", 1, _ids("ZT1-AUTH", 1, 2, 3, 4, 5, 6, 8, 9)),
    Row("P1.RBAC", "Namespace RBAC", 1, _ids("ZT1-RBAC", 1, 2, 3, 4, 5, 6, 7)),
    Row("P1.OIDC", "OIDC identity provider", 1, _ids("ZT1-OIDC", 1, 2), na_on=("microshift",)),
    Row("P2.NET", "Network policies", 2, _ids("ZT2-NET", 1, 2, 3, 4, 7), na_without_workloads=True),
    Row("P2.MTLS", "Service-mesh mTLS", 2, _ids("ZT2-MTLS", 1, 2, 3, 4, 5), na_without_workloads=True),
    Row("P2.NODE", "SELinux and secure boot", 2, _ids("ZT2-NODE", 1, 2, 3, 4)),
    Row("P2.SEC", "Central secrets", 2, (*_ids("ZT2-SEC", 1, 2, 3, 5, 6), *_ids("ZT2-VLT", 1, 3, 4, 7))),
    Row("P3.OBS", "Logs and metrics", 3, _ids("ZT3-OBS", 1, 2, 3, 4)),
    Row("P3.IDS", "Intrusion detection", 3, _ids("ZT3-IDS", 1, 2)),
    Row("P3.AUTO", "Automated response", 3, _ids("ZT3-AUTO", 1, 2)),
    Row("P3.VULN", "Vulnerability scanning", 3, _ids("ZT3-VULN", 1, 2, 3)),
    Row("P4.DYN", "Dynamic policy", 4, _ids("ZT4-DYN", 1, 2, 3)),
    Row("P4.SIEM", "SIEM integration", 4, _ids("ZT4-SIEM", 1, 2)),
    Row("P4.PAC", "Policy as code", 4, _ids("ZT4-PAC", 1, 2, 4, 5)),
    Row("G.IDV", "Verified identities", 0, _ids("ZTG-IDV", 1, 2, 3)),
    Row("G.PLAT", "Platform health", 0, _ids("ZTG-PLAT", 1, 2), na_on=("k8s", "microshift")),
    Row("G.TEN", "Secure multitenancy", 0, _ids("ZTG-TEN", 1, 2, 3)),
    Row("G.RES", "Resilience", 0, _ids("ZTG-RES", 1, 2)),
    Row("G.LIFE", "Build to operate", 0, _ids("ZTG-LIFE", 1, 2)),
    Row("G.TIME", "Time to Phase 2", 0, _ids("ZTG-TIME", 1)),
)

VAULT_ONLY = frozenset(_ids("ZT2-VLT", 1, 3, 4, 7))
"""Required checks that count only while a Vault is configured."""


def is_of_vault(check_id: str) -> bool:
    """Whether a check is about a Vault, and so says nothing of a cluster without one."""
    return check_id.startswith("ZT2-VLT-")


def row(row_id: str) -> Row | None:
    """The row of that id, in any case."""
    return next((item for item in ROWS if item.id == row_id.upper()), None)


def row_of(check_id: str) -> str:
    """The row id that a check id belongs to: ``ZT1-AUTH-001`` -> ``P1.AUTH``; Vault checks belong to ``P2.SEC``."""
    head, _, _ = check_id.rpartition("-")
    phase, _, name = head.partition("-")
    if name == "VLT":
        return "P2.SEC"
    letter = phase.removeprefix("ZT")
    return f"{'G' if letter == 'G' else 'P' + letter}.{name}"

"""The limits of rules are the user's: the same cluster, judged with other settings."""

from __future__ import annotations

import msgspec
import pytest

from tests.worlds import card, judged, world
from ztui.checks.base import CheckId
from ztui.limits import Limits
from ztui.settings import Settings

ADMINS = """
- {kind: ClusterRole, metadata: {name: cluster-admin}, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}
- {kind: ClusterRoleBinding, metadata: {name: a}, roleRef: {kind: ClusterRole, name: cluster-admin},
   subjects: [{kind: Group, name: admins}]}
- {kind: Group, metadata: {name: admins}, users: [ana, ben]}
"""
OWNED = """
- {kind: Namespace, metadata: {name: shop, labels: {squad: orders}}}
- {kind: StatefulSet, metadata: {name: db, namespace: shop, labels: {app: db}}}
- {kind: Pod, metadata: {name: db-0, namespace: shop, labels: {app: db},
   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}]}}
"""
SESSIONS = """
- {kind: OAuth, metadata: {name: cluster}, spec: {tokenConfig: {accessTokenMaxAgeSeconds: 7200,
   accessTokenInactivityTimeout: 20m}}}
"""
NODE = """
- {kind: Node, metadata: {name: worker-1, labels: {corp.example/secure: "true"}}}
"""


@pytest.mark.parametrize(
    ("check_id", "objects", "limits", "reasons"),
    [
        ("ZT1-RBAC-001", ADMINS, Limits(), {"admin-group"}),
        ("ZT1-RBAC-001", ADMINS, Limits(max_cluster_admins=1), {"admin-group", "too-many-admins"}),
        ("ZT1-MAP-001", OWNED, Limits(owner_keys=("squad",)), {"known-and-owned"}),
        ("ZT1-AUTH-004", SESSIONS, Limits(), {"bounded-sessions"}),
        ("ZT1-AUTH-004", SESSIONS, Limits(max_token_age_s=3600), {"long-sessions"}),
        ("ZT1-AUTH-004", SESSIONS, Limits(max_idle_s=600), {"no-idle-limit"}),
        ("ZT2-NODE-003", NODE, Limits(), {"secure-boot-unseen"}),
        ("ZT2-NODE-003", NODE, Limits(secure_boot_labels=("corp.example/secure",)), {"secure-boot-labelled"}),
    ],
)
def test_a_limit_reaches_its_rule(check_id: str, objects: str, limits: Limits, reasons: set[str]) -> None:
    board = judged(world(objects).state, card(check_id), limits=limits)
    assert reasons <= {finding.reason.code for _, finding in board.findings(CheckId(check_id))}


def test_without_its_key_nobody_owns_it() -> None:
    board = judged(world(OWNED).state, card("ZT1-MAP-001"))
    assert "known-and-owned" not in {finding.reason.code for _, finding in board.findings(CheckId("ZT1-MAP-001"))}


def test_each_limit_is_a_setting_with_the_same_default() -> None:
    settings = Settings()
    assert {field.name: getattr(settings, field.name) for field in msgspec.structs.fields(Limits)} == msgspec.structs.asdict(
        Limits()
    )

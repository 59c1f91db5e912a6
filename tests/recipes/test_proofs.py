"""When a change counts as proved: a rollout that began and ended since, and nothing that merely stands as it stood."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds import view_of
from ztui.recipes.base import recipes
from ztui.recipes.proofs import passes, pools_updated, rolled_out
from ztui.view import View

Obj = dict[str, Any]

OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-05T08:00:00Z"


def operator(progressing: str, since: str, *, available: str = "True", degraded: str = "False") -> View:
    told = (("Progressing", progressing), ("Available", available), ("Degraded", degraded))
    conditions = [{"type": type_, "status": status, "lastTransitionTime": since} for type_, status in told]
    return view_of([{"kind": "ClusterOperator", "metadata": {"name": "x"}, "status": {"conditions": conditions}}])


@pytest.mark.parametrize(
    ("now", "proved"),
    [
        (operator("False", NEW), True),
        (operator("False", OLD), False),
        (operator("True", NEW), False),
        (operator("False", NEW, degraded="True"), False),
        (operator("False", NEW, available="False"), False),
        (view_of(), False),
    ],
)
def test_a_rollout_has_to_begin_and_to_end(now: View, proved: bool) -> None:
    assert rolled_out(now, operator("False", OLD), "x") is proved


def pool(name: str, *, wanted: str = "", updated: int = 3, degraded: str = "False") -> View:
    conditions = [{"type": "Updated", "status": "True"}, {"type": "Degraded", "status": degraded}]
    status = {"machineCount": 3, "updatedMachineCount": updated, "configuration": {"name": name}, "conditions": conditions}
    spec = {"configuration": {"name": wanted or name}}
    return view_of([{"kind": "MachineConfigPool", "metadata": {"name": "worker"}, "spec": spec, "status": status}])


@pytest.mark.parametrize(
    ("now", "proved"),
    [
        (pool("b"), True),
        (pool("a"), False),
        (pool("a", wanted="b"), False),
        (pool("b", updated=2), False),
        (pool("b", degraded="True"), False),
        (view_of(), False),
    ],
)
def test_pools_have_to_run_another_configuration(now: View, proved: bool) -> None:
    assert pools_updated(now, pool("a"), ["worker"]) is proved
    assert pools_updated(now, pool("a"), []) is False


def test_a_check_that_cannot_see_everything_does_not_pass() -> None:
    objects: list[Any] = [
        {"kind": "Authentication", "apiVersion": "config.openshift.io/v1", "spec": {}},
        {"kind": "OAuth", "spec": {"identityProviders": [{"name": "a", "type": "OpenID", "openID": {"issuer": "https://a"}}]}},
        {
            "kind": "ClusterOperator",
            "metadata": {"name": "authentication"},
            "status": {"conditions": [{"type": "Available", "status": "True"}]},
        },
    ]
    assert passes(view_of(objects), "ZT1-OIDC-001")
    assert not passes(view_of(objects[:1]), "ZT1-OIDC-001")
    assert not passes(view_of(objects, gaps={"OAuth": "forbidden"}), "ZT1-OIDC-001")
    assert not passes(view_of(objects, gaps={"ClusterOperator": "forbidden"}), "ZT1-OIDC-001")


def certificate(revision: int, ends: str, *more: Obj) -> View:
    status = {"revision": revision, "notAfter": ends, "conditions": [{"type": "Ready", "status": "True"}, *more]}
    return view_of([{"kind": "Certificate", "metadata": {"name": "tls", "namespace": "shop"}, "status": status}])


@pytest.mark.parametrize(
    ("now", "proved"),
    [
        (certificate(2, "2026-09-01T00:00:00Z"), True),
        (certificate(2, "2026-09-01T00:00:00Z", {"type": "Issuing", "status": "True"}), False),
        (certificate(1, "2026-02-01T00:00:00Z"), False),
        (certificate(2, "2026-02-01T00:00:00Z"), False),
        (view_of(), False),
    ],
)
def test_a_renewal_is_another_certificate_that_lasts_longer(now: View, proved: bool) -> None:
    before = certificate(1, "2026-02-01T00:00:00Z")
    ref = next(iter(before.state.objects[recipes()["R-CERT-RENEW"].writes[0]]["shop"].values())).ref
    done = recipes()["R-CERT-RENEW"].done
    assert done is not None
    assert done(now, ref, before) is proved

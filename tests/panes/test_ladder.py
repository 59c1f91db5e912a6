"""The ladder: where a namespace stands with each control, what proves it, and that each step really leads to the next rung."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from screens.ladder import LadderScreen
from tests.changes.desks import agree, opened, until
from tests.panes.test_mtls import IN, STRICT, authz, by, traffic
from tests.panes.test_workloads import MESH, pod
from tests.screens.stage import StagedApp, demo_frame
from tests.screens.test_keys import shown, steady
from tests.worlds import view_of
from ztui.demo.server import DemoThread
from ztui.engines.ladder import CONTROL_NAMES, Standing, ladder, ladder_of
from ztui.panes.ladder import card_of, document, ladder_lines, rung, summary
from ztui.view import View

Obj = dict[str, Any]

DENY: Obj = {
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "shop"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}
CALL: Obj = {
    "kind": "ObservedCall",
    "metadata": {"name": "shop/web>api", "namespace": "shop"},
    "sourceNamespace": "shop",
    "source": "web",
    "target": "api",
    "count": 9,
    "mutual": 9,
    "measuredTls": True,
}
POLICY: Obj = {
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "p", "annotations": {"ztui.io/control": "b5,b6"}},
    "spec": {"validations": [{"expression": "true"}]},
}
KYVERNO: Obj = {
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "k"},
    "webhooks": [{"name": "validate.kyverno.svc-fail"}],
}
AUDIT = {"failureAction": "Audit"}
LIMITS: Obj = {
    "kind": "ClusterPolicy",
    "apiVersion": "kyverno.io/v1",
    "metadata": {"name": "limits", "annotations": {"ztui.io/control": "b5"}},
    "spec": {"rules": [{"name": "a", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "validate": AUDIT}]},
}
REQUIRED: Obj = {"kind": "K8sRequiredLabels", "metadata": {"name": "owner"}, "spec": {"enforcementAction": "dryrun"}}
GATEKEEPER: Obj = {
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "g"},
    "webhooks": [{"name": "validation.gatekeeper.sh"}],
}


def space(**levels: str) -> Obj:
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}
    return {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}


def bound(*actions: str) -> Obj:
    return {
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "ztui-b5"},
        "spec": {"policyName": "p", "validationActions": list(actions)},
    }


@pytest.mark.parametrize(
    ("control", "objects", "stage", "step"),
    [
        ("network", [pod()], "nothing", ("R-NP-DENY", "enforced")),
        ("network", [pod(), CALL], "learnt", ("R-NP-DENY", "enforced")),
        ("network", [pod(), DENY], "enforced", None),
        ("calls by identity", [pod()], "none", None),
        ("calls by identity", [MESH, IN], "nothing", ("R-AP-DENY", "warned")),
        ("calls by identity", [MESH, IN, CALL], "learnt", ("R-AP-DENY", "warned")),
        ("calls by identity", [MESH, IN, authz("d", rules=[], dry=True)], "warned", ("R-AP-DENY", "enforced")),
        ("calls by identity", [MESH, IN, authz("d", rules=by("a/ns/b/sa/c"))], "enforced", None),
        ("pod security", [], "nothing", ("R-PSA", "warned")),
        ("pod security", [space(enforce="privileged")], "nothing", ("R-PSA", "warned")),
        ("pod security", [space(audit="restricted")], "learnt", ("R-PSA", "warned")),
        ("pod security", [space(audit="baseline", warn="restricted")], "warned", ("R-PSA", "enforced")),
        ("pod security", [space(enforce="baseline")], "enforced", None),
        ("admission policies", [POLICY], "nothing", ("R-VAP-PACK", "warned")),
        ("admission policies", [POLICY, bound("Deny")], "nothing", ("R-VAP-PACK", "warned")),
        ("admission policies", [POLICY, bound("Audit")], "learnt", ("R-VAP-ENFORCE", "enforced")),
        ("admission policies", [POLICY, bound("Warn", "Audit")], "warned", ("R-VAP-ENFORCE", "enforced")),
        ("admission policies", [LIMITS], "nothing", ("R-VAP-PACK", "warned")),
        ("admission policies", [LIMITS, KYVERNO], "learnt", None),
        ("admission policies", [REQUIRED, GATEKEEPER], "learnt", None),
        ("mutual TLS", [pod()], "none", None),
        ("mutual TLS", [MESH, pod()], "nothing", ("R-ENROLL", "learnt")),
        ("mutual TLS", [MESH, IN], "nothing", ("R-PA-NS", "enforced")),
        ("mutual TLS", [MESH, IN, traffic(http=100, httpMutual=100)], "learnt", ("R-PA-NS", "enforced")),
        ("mutual TLS", [MESH, IN, STRICT], "enforced", None),
    ],
)
def test_a_rung(control: str, objects: list[Any], stage: str, step: tuple[str, str] | None) -> None:
    spaces = [] if any(item.get("kind") == "Namespace" for item in objects) else ["namespace/shop"]
    found = standing(view_of([*spaces, *objects]), control)
    assert found.stage == stage, found.says
    assert (found.step and (found.step.recipe, found.step.to)) == step
    line = next(line for line in ladder_lines([found]))
    assert found.says in line.cells[-1].text


@pytest.mark.parametrize(
    ("control", "gap"),
    [
        ("network", "NetworkPolicy/shop"),
        ("calls by identity", "AuthorizationPolicy/shop"),
        ("admission policies", "ValidatingAdmissionPolicyBinding"),
        ("mutual TLS", "Pod/shop"),
    ],
)
def test_what_cannot_be_read_stands_nowhere(control: str, gap: str) -> None:
    view = view_of(["namespace/shop", MESH, IN, DENY, STRICT], gaps={gap: "forbidden:list things"})
    found = standing(view, control)
    assert (found.stage, found.step) == ("unknown", None)
    [line] = ladder_lines([found])
    assert line.cells[2].text == "?"
    assert "forbidden(list things)" in line.cells[-1].text


def test_a_pod_without_owner_is_not_brought_in_by_a_key_that_does_not_fit() -> None:
    asking = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}
    found = standing(view_of([asking, MESH, pod()]), "mutual TLS")
    assert found.step is not None
    assert found.step.recipe == "R-ROLLOUT"
    assert card_of(found) is None


def test_each_control_of_each_namespace_once_and_the_sum_above() -> None:
    view = view_of(["namespace/shop", "namespace/lab", "namespace/openshift-x", DENY, pod()])
    found = ladder(view)
    assert [item.control for item in found if item.namespace == "shop"] == list(CONTROL_NAMES)
    assert summary(found)[0] == f"network 1 of {len({item.namespace for item in found})}"
    assert ladder(view, "nowhere") == ()
    assert [line.namespace for line in ladder_lines(found, faults_only=True) if line.cells[1].text == "network"] != ["shop"]
    assert [rung(stage) for stage in ("nothing", "learnt", "warned", "enforced", "none")] == ["□□□", "■□□", "■■□", "■■■", ""]
    told = document(item for item in found if item.namespace == "shop")
    assert [item["stage"] for item in told][:2] == ["enforced", "not applicable"]
    assert told[2]["next"] == {"to": "warned", "recipe": "R-PSA", "object": "namespace/shop"}


async def test_the_climb_of_a_namespace_on_a_cluster(tmp_path: Path) -> None:
    """Each step that the ladder names is taken as it proposes it, and the next look stands a rung higher."""
    with DemoThread(churn=False) as demo:
        async with opened(demo, tmp_path) as (core, desk):
            for control, stages in {"pod security": ["warned", "enforced"], "calls by identity": ["warned", "enforced"]}.items():
                place = {"pod security": "reporting", "calls by identity": "payments"}[control]
                for stage in stages:
                    found = standing(View(core.frame.state), control, place)
                    card = card_of(found)
                    assert card is not None
                    assert found.step is not None
                    answers = {item.name: item.proposal(dict(found.step.known)) for item in card.asks}
                    outcome = await agree(desk, await desk.preview(card, found.step.on, answers))
                    assert outcome.state == "verified", (control, stage, outcome)
                    await until(
                        core,
                        lambda frame, control=control, place=place, stage=stage: (  # type: ignore[misc]  # the loop's values
                            standing(View(frame.state), control, place).stage == stage
                        ),
                    )


async def test_the_keys_of_the_ladder() -> None:
    app = StagedApp(demo_frame())
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("R")
        await steady(pilot, lambda: isinstance(app.screen, LadderScreen) and app.screen.answer is not None)
        assert "R-NP-DENY" in shown(app, "network")
        await pilot.press("z")
        await steady(pilot)
        assert "enforced  ■■■" not in shown(app)
        assert "all lines" in shown(app)
        for key in ("f", "enter"):
            await pilot.press(key)
            await steady(pilot)
            assert isinstance(app.screen, LadderScreen)


def standing(view: View, control: str, namespace: str = "shop") -> Standing:
    return next(item for item in ladder_of(view, namespace) if item.control == control)

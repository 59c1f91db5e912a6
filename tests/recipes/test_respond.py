"""A pipeline that answers an incident: what it is told, what it is never told, and the run on a demo cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.changes.desks import agree, opened
from tests.demo.client import Client
from tests.incidents.telling import told as signal
from tests.worlds import view_of
from ztui.demo.server import DemoThread
from ztui.engines.incidents import opened_by
from ztui.errors import SettingsError
from ztui.kinds.base import Ref
from ztui.kinds.pipeline import Pipeline
from ztui.recipes.base import plan, recipes
from ztui.responding import pipeline_of, told

RUNS = "/apis/tekton.dev/v1/namespaces/payments/pipelineruns"
PIPELINE: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Pipeline",
    "metadata": {"name": "isolate", "namespace": "payments"},
    "spec": {
        "params": [
            {"name": "incident", "type": "string"},
            {"name": "name", "type": "string"},
            {"name": "dry", "type": "string", "default": "no"},
        ],
        "tasks": [{"name": "go", "taskRef": {"name": "isolate"}}],
    },
}
HERE = Ref("tekton.dev", "Pipeline", "payments", "isolate")
TOLD = {"incident": "i1234567", "level": "high", "kind": "Deployment", "namespace": "payments", "name": "api"}


def planned(pipeline: dict[str, Any], **changes: str) -> Any:
    return plan(view_of([pipeline]), recipes()["R-RESPOND"], HERE, TOLD | changes)


def test_a_run_is_told_what_its_pipeline_declares_and_no_more() -> None:
    found = planned(PIPELINE)
    [write] = found.writes
    assert (write.ref.kind, write.ref.namespace, write.verb, write.creates) == ("PipelineRun", "payments", "apply", True)
    assert write.ref.name.startswith("ztui-isolate-i1234567-")
    assert write.body["spec"] == {
        "pipelineRef": {"name": "isolate"},
        "params": [{"name": "incident", "value": "i1234567"}, {"name": "name", "value": "api"}],
    }
    assert write.body["metadata"]["labels"] == {"ztui.io/incident": "i1234567"}
    assert found.risk_class == "disruptive"


def test_a_pipeline_that_asks_for_more_is_not_started() -> None:
    spec = {**PIPELINE["spec"], "params": [{"name": "token"}]}
    found = planned(PIPELINE | {"spec": spec})
    assert (found.writes, [stop.note.reason.code for stop in found.stops]) == ((), ["respond-wants"])


@pytest.mark.parametrize("name", ["api; rm -rf /", "$(id)", "`id`", "a b", "-x", "a\nb", "'", "x" * 300, "\u0430pi"])
def test_what_is_no_plain_name_is_never_given_to_a_script(name: str) -> None:
    found = planned(PIPELINE, name=name)
    assert (found.writes, [stop.note.reason.code for stop in found.stops]) == ((), ["respond-odd"])


def test_a_pipeline_that_is_not_there_is_said() -> None:
    found = plan(view_of([]), recipes()["R-RESPOND"], HERE, TOLD)
    assert [stop.note.reason.code for stop in found.stops] == ["object-gone"]


def test_what_a_default_says_is_not_kept() -> None:
    view = view_of([PIPELINE | {"spec": {"params": [{"name": "a", "default": "s3cret"}, {"name": "b"}]}}])
    found = view.get(Pipeline, "isolate", "payments")
    assert found is not None
    assert [item.default for item in found.spec.params or ()] == [True, False]


def test_an_incident_tells_its_first_thing() -> None:
    made = opened_by(signal(), (Ref("apps", "Deployment", "shop", "web"), Ref("", "Node", "", "n1")), 1)
    assert told(made) == {"incident": made.name, "level": "low", "kind": "Deployment", "namespace": "shop", "name": "web"}


def test_a_pipeline_is_named_with_its_namespace() -> None:
    assert pipeline_of("payments/isolate") == HERE
    for text in ("", "isolate", "a/", "/b", "a/b/c"):
        with pytest.raises(SettingsError, match="which pipeline"):
            pipeline_of(text)


@pytest.fixture
def demo() -> Iterator[DemoThread]:
    with DemoThread(churn=False) as running:
        running.server.objects.put(PIPELINE)
        yield running


async def test_a_run_is_shown_agreed_to_started_and_taken_back(demo: DemoThread, tmp_path: Path) -> None:
    admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
    async with opened(demo, tmp_path) as (_, desk):
        shown = await desk.preview(recipes()["R-RESPOND"], HERE, TOLD)
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert admin.ask(RUNS).body["items"] == []
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        [run] = admin.ask(RUNS).body["items"]
        assert run["spec"]["pipelineRef"] == {"name": "isolate"}
        assert [item["name"] for item in run["spec"]["params"]] == ["incident", "name"]
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert admin.ask(RUNS).body["items"] == []

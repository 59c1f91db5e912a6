"""Whoever writes, in whatever order: object, managers, conflicts and refusals are those of a real API server.

One writer after another has one object of a kind, by apply, merge patch, strategic patch or replacement.
"""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.demo.beside import APPLY, MERGE, STRATEGIC, Both
from tests.demo.client import Client
from tests.demo.configs import KINDS, Kind, Step, steps, widgets
from tests.servers import crds
from tests.servers.kube import KubeServer

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

NS = "owners"
# Making a failure smaller asks the real server for minutes.
LONG: dict[str, Any] = {
    "deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck),
}  # fmt: skip
_numbers = itertools.count()


@pytest.fixture(scope="module")
def both(kube: KubeServer, beside: Both) -> Both:
    if crds.why_missing():
        pytest.skip(crds.why_missing())
    crds.load(kube, ("peerauthentications.security.istio.io",))
    beside.make("/api/v1/namespaces", {"metadata": {"name": NS}})
    beside.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widgets())
    while beside.real.ask(f"/apis/demo.example/v1/namespaces/{NS}/widgets").code != 200:
        pass  # the real one serves a new kind after a moment
    return beside


def write(client: Client, path: str, name: str, step: Step, body: dict[str, Any]) -> tuple[str, str, Any, dict[str, str]]:
    """The request that makes this step on a server; a replacement is made from what is there."""
    query = f"fieldManager={step.manager}"
    match step.verb:
        case "apply":
            return f"{path}/{name}?{query}{'&force=true' if step.force else ''}", "PATCH", body, {"content": APPLY}
        case "merge" | "strategic":
            return f"{path}/{name}?{query}", "PATCH", body, {"content": MERGE if step.verb == "merge" else STRATEGIC}
    found = client.ask(f"{path}/{name}")
    if found.code != 200:
        return f"{path}?{query}", "POST", body, {}
    body = deepcopy(body)
    body["metadata"]["resourceVersion"] = found.body["metadata"]["resourceVersion"]
    return f"{path}/{name}?{query}", "PUT", body, {}


def play(both: Both, kind: Kind, told: list[tuple[Step, dict[str, Any]]]) -> None:
    """Has both servers go through the same writes, and compares after each."""
    path, name = kind.path.format(ns=NS), f"o-{next(_numbers)}"
    for step, config in told:
        body = {"apiVersion": kind.api, "kind": kind.kind, **deepcopy(config)}
        body.setdefault("metadata", {})["name"] = name
        answers = []
        for client in both:
            where, method, sent, options = write(client, path, name, step, body)
            answers.append(client.ask(where, method, sent, **options))
        real, demo = answers
        both.alike(real, demo)


@pytest.mark.parametrize("kind", KINDS)
def test_managers_share_an_object_as_on_a_real_server(both: Both, kind: str) -> None:
    @settings(max_examples=40, **LONG)
    @given(st.lists(st.tuples(steps, KINDS[kind].config), min_size=2, max_size=6))
    def run(told: list[tuple[Step, dict[str, Any]]]) -> None:
        play(both, KINDS[kind], told)

    run()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_managers_share_an_object_for_a_long_time(both: Both, kind: str) -> None:
    @settings(max_examples=400, **LONG)
    @given(st.lists(st.tuples(steps, KINDS[kind].config), min_size=2, max_size=10))
    def run(told: list[tuple[Step, dict[str, Any]]]) -> None:
        play(both, KINDS[kind], told)

    run()

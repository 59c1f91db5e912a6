"""Every kind of write, well-formed or not: the demo's answers are those of a real API server, body, warnings and all."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.demo.beside import APPLY, JSON_PATCH, MERGE, STRATEGIC, Both, settled
from tests.demo.client import JSON, PARTIAL, TABLE
from tests.demo.configs import widgets

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

NS = "writes"
CORE, APPS, DEMO = f"/api/v1/namespaces/{NS}", f"/apis/apps/v1/namespaces/{NS}", f"/apis/demo.example/v1/namespaces/{NS}"
MAPS, DEPLOYMENTS, PODS, SECRETS = f"{CORE}/configmaps", f"{APPS}/deployments", f"{CORE}/pods", f"{CORE}/secrets"
LABELLED = {"metadata": {"labels": {"ztui.io/quarantine": "true"}}}


class Ask(NamedTuple):
    """One request. `loose`: of the answer only code and reason are compared."""

    path: str
    method: str = "GET"
    body: Any = None
    content: str = JSON
    accept: str = JSON
    loose: bool = False


def patch(path: str, body: Any, content: str = MERGE, **more: Any) -> Ask:
    return Ask(path, "PATCH", body, content, **more)


def apply(path: str, body: Any, manager: str = "m", query: str = "", **more: Any) -> Ask:
    return Ask(f"{path}?fieldManager={manager}{query}", "PATCH", body, APPLY, **more)


def config(name: str, value: str = "1", **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": {"a": value}}


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    asked = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": asked}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}], **spec}}


def widget(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "demo.example/v1", "kind": "Widget", "metadata": {"name": name}, **more}


def steps(name: str, *patches: list[dict[str, Any]]) -> list[Ask]:
    """JSON patches of one ConfigMap, as dry runs."""
    return [Ask(MAPS, "POST", config(name)), *(patch(f"{MAPS}/{name}?dryRun=All", told, JSON_PATCH) for told in patches)]


_HELD = {"op": "add", "path": "/metadata/finalizers", "value": ["a/b"]}
STORIES: dict[str, list[Ask]] = {
    "apply refused": [
        Ask(MAPS, "POST", config("a")),
        patch(f"{MAPS}/a", config("a"), APPLY),
        apply(f"{MAPS}/a", {**config("a"), "foo": 1}),
        apply(f"{MAPS}/a", {**config("a"), "data": {"x": 1}}),
        apply(f"{MAPS}/a", {**config("a"), "data": [1]}),
        apply(f"{MAPS}/a", {**config("a"), "kind": "Secret"}),
        apply(f"{MAPS}/a", {"metadata": {"name": "a"}}),
        apply(f"{MAPS}/a", config("b")),
        apply(f"{MAPS}/a", config("a", namespace="elsewhere")),
        apply(f"{MAPS}/a", config("a", resourceVersion="1")),
        apply(f"{MAPS}/a", config("a", uid="abc")),
        apply(f"{MAPS}/none", config("none", uid="abc")),
        apply(f"{MAPS}/a", config("a", managedFields=[{"manager": "x"}])),
        apply(f"{MAPS}/a", config("a"), manager="m" * 129),
        apply(f"{MAPS}/a", config("a"), manager="%01m"),
        apply(f"{MAPS}/a", [1]),
        apply(f"{MAPS}/a/status", config("a"), loose=True),
    ],
    "apply taken": [
        apply(f"{MAPS}/b", config("b")),
        apply(f"{MAPS}/b", config("b"), manager="second"),
        apply(f"{MAPS}/b", {"apiVersion": "v1", "kind": "ConfigMap"}, manager="nameless"),
        apply(f"{MAPS}/b", config("b", "2"), manager="second"),
        apply(f"{MAPS}/b", config("b", "2"), manager="second", query="&force=true&dryRun=All"),
        apply(f"{MAPS}/b", config("b", "2"), manager="second", query="&force=true"),
        apply(f"{MAPS}/b", {**config("b"), "data": {}}),
        apply(f"{MAPS}/b", {**config("b"), "data": {}}, manager="second"),
        Ask(f"{MAPS}/b"),
        apply(f"{MAPS}/new", config("new"), query="&dryRun=All"),
        Ask(f"{MAPS}/new"),
        apply(f"{MAPS}/versioned", config("versioned", resourceVersion="1")),
    ],
    "options": [
        Ask(MAPS, "POST", config("c")),
        patch(f"{MAPS}/c?force=true", {}),
        patch(f"{MAPS}/c?fieldValidation=X", {}),
        patch(f"{MAPS}/c?dryRun=Some", {}),
        patch(f"{MAPS}/c", {}, JSON),
        Ask(f"{MAPS}?fieldManager=%01", "POST", config("d")),
    ],
    "unknown fields": [
        Ask(MAPS, "POST", config("u")),
        patch(f"{MAPS}/u", {"foo": 1, "metadata": {"bar": 2}}),
        patch(f"{MAPS}/u?fieldValidation=Ignore", {"foo": 1}),
        patch(f"{MAPS}/u?fieldValidation=Strict", {"foo": 1}, loose=True),
        patch(f"{MAPS}/u", {"foo": 1}, STRATEGIC),
        patch(f"{MAPS}/u?fieldValidation=Strict", {"foo": 1}, STRATEGIC),
        patch(f"{MAPS}/u", [{"op": "add", "path": "/foo", "value": 1, "odd": 2}], JSON_PATCH),
        Ask(f"{MAPS}?dryRun=All", "POST", {**config("v"), "foo": 1, "bar": {"a": 1}}),
        Ask(f"{MAPS}?fieldValidation=Strict", "POST", {**config("v"), "foo": 1, "bar": {"a": 1}}),
        Ask(f"{MAPS}/u?fieldValidation=Strict", "PUT", {**config("u"), "foo": 1}),
        Ask(DEPLOYMENTS, "POST", deployment("strict", nonsense=1)),
        Ask(f"{DEPLOYMENTS}/strict", "DELETE"),
    ],
    "wrong types": [
        Ask(MAPS, "POST", config("t")),
        Ask(MAPS, "POST", {**config("t2"), "data": {"x": 1}}, loose=True),
        patch(f"{MAPS}/t", {"data": {"x": 1}}, loose=True),
        patch(f"{MAPS}/t", {"data": {"x": 1}}, STRATEGIC, loose=True),
        patch(f"{MAPS}/t", [{"op": "add", "path": "/data", "value": 5}], JSON_PATCH, loose=True),
        patch(f"{MAPS}/t", [{"op": "replace", "path": "/kind", "value": "Secret"}], JSON_PATCH, loose=True),
        patch(f"{MAPS}/t", {"a": 1}, JSON_PATCH),
        patch(f"{MAPS}/t", [1]),
        patch(f"{MAPS}/t", [1], STRATEGIC),
        patch(f"{MAPS}/t", b"{"),
        patch(f"{MAPS}/t", b"[{", JSON_PATCH),
    ],
    "json patches that apply": steps(
        "j",
        [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "2"}],
        [{"op": "test", "path": "/data/none", "value": None}],
        [{"op": "test", "path": "/data/none"}],
        [{"op": "replace", "path": "/data/none", "value": "1"}],
        [{"op": "copy", "from": "/data/a", "path": "/data/b"}],
        [{"op": "copy", "from": "/data/none", "path": "/data/b"}],
        [{"op": "move", "from": "/data/a", "path": "/data/b"}],
        [_HELD, {"op": "add", "path": "/metadata/finalizers/-", "value": "c/d"}],
        [_HELD, {"op": "add", "path": "/metadata/finalizers/0", "value": "c/d"}],
        [_HELD, {"op": "remove", "path": "/metadata/finalizers/-1"}],
        [
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": "/metadata/annotations/a~1b", "value": ""},
        ],
    ),
    "json patches that do not": steps(
        "k",
        [{"op": "test", "path": "/data/a", "value": "9"}],
        [{"op": "test", "path": "/metadata/resourceVersion", "value": "1"}],
        [{"op": "test", "path": "/data/none", "value": "9"}],
        [{"op": "test", "path": "", "value": {}}],
        [{"op": "test", "path": "/data/a/b", "value": 1}],
        [{"op": "remove", "path": "/data/none"}],
        [{"op": "add", "path": "/none/x", "value": "1"}],
        [{"op": "add", "path": "data", "value": 1}],
        [{"op": "add", "value": 1}],
        [{"op": "foo", "path": "/x"}],
        [{"op": "move", "from": "/data/none", "path": "/data/b"}],
        [{"op": "replace", "path": "", "value": {}}],
        [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}],
        [{"op": "replace", "path": "/metadata/uid", "value": "z"}],
        [{"op": "replace", "path": "/metadata/name", "value": "z"}],
        [_HELD, {"op": "add", "path": "/metadata/finalizers/5", "value": "c/d"}],
        [_HELD, {"op": "remove", "path": "/metadata/finalizers/1"}],
        [_HELD, {"op": "test", "path": "/metadata/finalizers/1", "value": "c/d"}],
        [_HELD, {"op": "remove", "path": "/metadata/finalizers/x"}],
    ),
    "optimistic locking": [
        Ask(MAPS, "POST", config("l")),
        Ask(f"{MAPS}/l", "PUT", config("l", "2", resourceVersion="1")),
        Ask(f"{MAPS}/l", "PUT", config("l", "2", uid="z")),
        patch(f"{MAPS}/l", {"metadata": {"resourceVersion": "1"}}),
        patch(f"{MAPS}/l", {"metadata": {"uid": "z"}}),
        patch(f"{MAPS}/l", {"metadata": {"name": "z"}}),
        Ask(f"{MAPS}/l", "PUT", {"data": {}}),
        Ask(f"{MAPS}/l", "PUT", config("l", namespace="elsewhere")),
        Ask(f"{MAPS}/l", "DELETE", {"preconditions": {"uid": "z"}}),
        Ask(f"{MAPS}/l", "DELETE", {"preconditions": {"resourceVersion": "1"}}),
        Ask(f"{MAPS}/l", "DELETE", {"preconditions": {"uid": "z"}}, accept=PARTIAL),
    ],
    "deletes": [
        Ask(MAPS, "POST", config("e")),
        Ask(f"{MAPS}/e", "DELETE", {"propagationPolicy": "Sideways"}),
        Ask(f"{MAPS}/e", "DELETE", {"propagationPolicy": "Orphan", "orphanDependents": True}),
        Ask(f"{MAPS}/e", "DELETE", {"dryRun": ["Some"]}),
        Ask(f"{MAPS}/e", "DELETE", {"dryRun": ["All"], "gracePeriodSeconds": -1}),
        Ask(f"{MAPS}/e", "DELETE", {"propagationPolicy": "Background"}),
        Ask(MAPS, "POST", config("options")),
        Ask(f"{MAPS}/options?dryRun=All", "DELETE"),
        Ask(f"{MAPS}/options?dryRun=All", "DELETE", {"kind": "DeleteOptions", "apiVersion": "v1"}),  # no dry run: it has a body
        Ask(f"{MAPS}/options"),
        Ask(MAPS, "POST", config("f", finalizers=["a/b"])),
        Ask(f"{MAPS}/f", "DELETE"),
        patch(f"{MAPS}/f", {"metadata": {"finalizers": ["a/b", "c/d"]}}),
        patch(f"{MAPS}/f", {"data": {"b": "2"}}),
        patch(f"{MAPS}/f", {"metadata": {"finalizers": None}}),
        Ask(f"{MAPS}/f"),
    ],
    "pods": [
        Ask(PODS, "POST", pod("p", nodeName="n")),
        patch(f"{PODS}/p", {"spec": {"hostNetwork": True}}, loose=True),
        patch(f"{PODS}/p", LABELLED),
        patch(f"{PODS}/p", LABELLED, accept=PARTIAL),
        Ask(f"{PODS}/p", "DELETE", {"gracePeriodSeconds": 9, "dryRun": ["All"]}),
        Ask(f"{PODS}/p", "DELETE", {"gracePeriodSeconds": 9}),
        Ask(f"{PODS}/p", "DELETE", {"gracePeriodSeconds": 50}),
        patch(f"{PODS}/p", {"metadata": {"labels": {"b": "c"}}}),
        Ask(f"{PODS}/p", "DELETE", {"gracePeriodSeconds": 0}, accept=PARTIAL),
        Ask(f"{PODS}/p"),
        Ask(PODS, "POST", pod("unscheduled")),
        Ask(f"{PODS}/unscheduled", "DELETE"),
    ],
    "secrets, metadata only": [
        Ask(SECRETS, "POST", {"metadata": {"name": "s"}, "stringData": {"a": "b"}}, accept=PARTIAL),
        patch(
            f"{SECRETS}/s", {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}}, accept=PARTIAL
        ),
        patch(f"{SECRETS}/s", {"metadata": {"labels": {"x": "y"}}}, accept=TABLE, loose=True),
        patch(f"{SECRETS}/s", {"type": "x/y"}),
        Ask(f"{SECRETS}/s", "DELETE", {"preconditions": {"uid": "x"}}, accept=PARTIAL),
        Ask(f"{SECRETS}/s", "DELETE", accept=PARTIAL),
    ],
    "scale": [
        Ask(f"{DEPLOYMENTS}?fieldManager=poster", "POST", deployment("d")),
        Ask(f"{DEPLOYMENTS}/d/scale"),
        patch(f"{DEPLOYMENTS}/d/scale?fieldManager=scaler", {"spec": {"replicas": 3}}),
        Ask(f"{DEPLOYMENTS}/d"),
        Ask(f"{DEPLOYMENTS}/d/scale?fieldManager=other", "PUT", {"metadata": {"name": "d"}, "spec": {"replicas": 4}}),
        Ask(f"{DEPLOYMENTS}/d/scale", "PUT", {"spec": {"replicas": 4}}),
        Ask(f"{DEPLOYMENTS}/d/scale", "PUT", {"metadata": {"name": "d", "resourceVersion": "1"}, "spec": {"replicas": 4}}),
        patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": -3}}),
        patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": "x"}}, loose=True),
        patch(f"{DEPLOYMENTS}/d/scale?dryRun=All", {"spec": {"replicas": 9}}),
        patch(
            f"{DEPLOYMENTS}/d/scale",
            [{"op": "test", "path": "/spec/replicas", "value": 4}, {"op": "replace", "path": "/spec/replicas", "value": 0}],
            JSON_PATCH,
        ),
        apply(
            f"{DEPLOYMENTS}/d/scale",
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 7}},
            manager="applier",
        ),
        Ask(f"{DEPLOYMENTS}/d"),
        Ask(f"{DEPLOYMENTS}/none/scale"),
    ],
    "status": [
        Ask(DEPLOYMENTS, "POST", deployment("st")),
        patch(
            f"{DEPLOYMENTS}/st/status?fieldManager=teller",
            {
                "metadata": {"labels": {"x": "y"}, "annotations": {"n": "1"}},
                "spec": {"replicas": 1},
                "status": {"replicas": 1, "conditions": [{"type": "Available", "status": "True"}]},
            },
        ),
        apply(
            f"{DEPLOYMENTS}/st/status",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"labels": {"q": "r"}, "annotations": {"m": "1"}},
                "spec": {"replicas": 1},
                "status": {"conditions": [{"type": "Progressing", "status": "True"}]},
            },
        ),
        apply(f"{DEPLOYMENTS}/none/status", {"apiVersion": "apps/v1", "kind": "Deployment", "status": {}}),
        patch(f"{DEPLOYMENTS}/st?fieldManager=main", {"status": {"replicas": 9}, "metadata": {"annotations": {"z": "1"}}}),
        patch(f"{DEPLOYMENTS}/st", {"spec": {"paused": True}}),
        Ask(f"{DEPLOYMENTS}/st/status"),
    ],
    "what a deployment may not be": [
        Ask(DEPLOYMENTS, "POST", deployment("w")),
        patch(f"{DEPLOYMENTS}/w", {"spec": {"template": {"metadata": {"labels": {"a": "c"}}}}}),
        patch(f"{DEPLOYMENTS}/w", {"spec": {"template": {"spec": {"containers": []}}}}),
        patch(f"{DEPLOYMENTS}/w", {"metadata": {"labels": {"a b": "c/d"}}}),
        patch(f"{DEPLOYMENTS}/w", {"metadata": {"labels": {"a/b/c": "1"}}}),
        patch(f"{DEPLOYMENTS}/w", {"metadata": {"labels": {"x": "a" * 64}}}),
        Ask(DEPLOYMENTS, "POST", deployment("w2", strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})),
    ],
    "a custom kind": [
        apply(f"{DEMO}/widgets/w", widget("w", spec={"extra": {"a": "1"}, "params": {"a": "1"}, "rules": [{"name": "r"}]})),
        apply(f"{DEMO}/widgets/w", widget("w", spec={"extra": {}, "params": {}, "rules": [{"name": "r"}]})),
        apply(f"{DEMO}/widgets/w", widget("w", spec={"rules": []})),
        Ask(f"{DEMO}/widgets/w", "PUT", widget("w", spec={})),
        patch(f"{DEMO}/widgets/w", {"spec": {"mode": "1"}}, STRATEGIC),
        Ask(f"{DEMO}/widgets", "POST", widget("n", spec={"mode": None, "rules": None, "extra": {"x": None}})),
        Ask(f"{DEMO}/widgets", "POST", {"metadata": {"name": "k"}}),
        patch(f"{DEMO}/widgets/w/status", {"status": {"phase": "x"}, "spec": {"mode": "2"}, "metadata": {"labels": {"a": "b"}}}),
        apply(f"{DEMO}/widgets/w/status", widget("w", status={"conditions": [{"type": "A", "status": "True"}]})),
        apply(f"{DEMO}/widgets/w/status", widget("w", status={"conditions": [{"type": "A", "status": "False"}]}), manager="n"),
        Ask(f"{DEMO}/widgets/w/scale"),
        patch(f"{DEMO}/widgets/w", {"spec": {"replicas": 2}}),
        patch(f"{DEMO}/widgets/w/scale", {"spec": {"replicas": 3}}),
        Ask(f"{DEMO}/widgets/w"),
    ],
    "a Service and its type": [
        Ask(f"{CORE}/services", "POST", {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}),
        patch(f"{CORE}/services/s", {"spec": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}),
        patch(f"{CORE}/services/s", [{"op": "replace", "path": "/spec/type", "value": "ClusterIP"}], JSON_PATCH),
        patch(
            f"{CORE}/services/s",
            [
                {"op": "replace", "path": "/spec/type", "value": "ClusterIP"},
                {"op": "remove", "path": "/spec/loadBalancerSourceRanges"},
            ],
            JSON_PATCH,
        ),
        patch(f"{CORE}/services/s", {"spec": {"type": "NodePort"}}),
        patch(f"{CORE}/services/s", {"spec": {"type": "ExternalName", "externalName": "a.b"}}),
    ],
    "quantities": [
        Ask(
            f"{CORE}/resourcequotas",
            "POST",
            {
                "metadata": {"name": "q"},
                "spec": {"hard": {"cpu": "0.5", "memory": "1024Mi", "pods": 1500, "limits.cpu": "1000m"}},
            },
        ),
        apply(
            f"{CORE}/resourcequotas/q",
            {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": "500m", "memory": "1Gi"}}},
        ),
        apply(
            f"{CORE}/resourcequotas/q",
            {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": "0.5", "memory": "1024Mi"}}},
            manager="other",
        ),
    ],
}


@pytest.fixture(scope="module")
def both(beside: Both) -> Both:
    beside.make("/api/v1/namespaces", {"metadata": {"name": NS}})
    beside.make(f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})
    beside.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widgets())
    while beside.real.ask(f"{DEMO}/widgets").code != 200:
        pass  # the real one serves a new kind after a moment
    return beside


@pytest.mark.parametrize("story", STORIES)
def test_writes(both: Both, story: str) -> None:
    for number, ask in enumerate(STORIES[story]):
        try:
            compare(both, ask)
        except AssertionError as wrong:
            wrong.add_note(f"{story}, request {number}: {ask}")
            raise


def compare(both: Both, ask: Ask) -> None:
    options = {"content": ask.content, "accept": ask.accept}
    if not ask.loose:
        both.same(ask.path, ask.method, ask.body, **options)
        return
    real, demo = both.ask(ask.path, ask.method, ask.body, **options)
    assert (demo.code, demo.body.get("reason")) == (real.code, real.body.get("reason")), (settled(real.body), settled(demo.body))

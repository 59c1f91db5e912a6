"""The demo answers as a real API server does: the same requests to both, the answers side by side.

Names of users, uids, versions and times differ by nature and are replaced first; everything else of a Status must be the
same text. Other bodies are compared by the shape of their first three levels.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from tests.demo.beside import APPLY, JSON_PATCH, MERGE, STRATEGIC, Both
from tests.demo.client import PARTIAL, PARTIAL_LIST, TABLE, Client
from tests.servers.kube import KubeServer
from ztui.demo.server import DemoThread

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

NS = "side-by-side"
MAPS = f"/api/v1/namespaces/{NS}/configmaps"
ONE = f"{MAPS}/one"
REVIEWS = "/apis/authorization.k8s.io/v1"


def config(name: str, value: str = "1", **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": {"a": value}}


@pytest.fixture(scope="module")
def admins(kube: KubeServer, demo: DemoThread) -> Both:
    found = clients(kube, demo, "admin", "admin")
    for client in found:
        client.ask("/api/v1/namespaces", "POST", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        for name in ("one", "two", "three"):
            assert client.ask(MAPS, "POST", config(name)).code == 201
    for name in ("kube-root-ca.crt", "openshift-service-ca.crt"):  # the controller that brings the first is not running
        demo.objects.delete("configmaps", name, NS)
    return found


def clients(kube: KubeServer, demo: DemoThread, real_user: str, demo_user: str) -> Both:
    access = kube.access("admin")
    real_token = kube.token(real_user) if real_user in ("admin", "viewer") else real_user
    demo_token = demo.token(demo_user) if demo_user in ("admin", "nobody") else demo_user
    return Both(Client(access.url, access.ca_pem, real_token), Client(demo.url, demo.ca_pem, demo_token))


_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_USER = re.compile(r'User \\?"(viewer|nobody)\\?"')
_VERSION = re.compile(r"(current: |in record \()\d+")


def settled(value: Any) -> Any:
    """The value without what no two servers share."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, str):
        return _VERSION.sub(r"\1N", _USER.sub('User "who"', _UID.sub("UID", value)))
    return value


def shape(value: Any, depth: int = 3) -> Any:
    """Keys and types, three levels deep; of a list, its first item."""
    if isinstance(value, dict):
        return {key: shape(item, depth - 1) for key, item in value.items()} if depth else {}
    if isinstance(value, list):
        return [shape(value[0], depth)] if value else []
    return type(value).__name__


def compare(both: Both, path: str, method: str = "GET", body: object = None, **options: str) -> None:
    real, demo = (client.ask(path, method, body, **options) for client in both)
    assert demo.code == real.code, (real.body, demo.body)
    kind = real.body.get("kind") if isinstance(real.body, dict) else ""
    if kind in ("Status", ""):
        assert settled(demo.body) == settled(real.body)
    elif kind == "Table":
        heads = [
            [(c["name"], c["type"], c["format"], c["priority"]) for c in b["columnDefinitions"]] for b in (real.body, demo.body)
        ]
        assert heads[1] == heads[0]
    else:
        assert shape(demo.body) == shape(real.body)


READS = {
    "get": (ONE, {}),
    "missing": (f"{MAPS}/nope", {}),
    "list": (MAPS, {}),
    "page": (f"{MAPS}?limit=1", {}),
    "page of a selection": (f"{MAPS}?limit=1&labelSelector=!x", {}),
    "metadata list": (MAPS, {"accept": PARTIAL_LIST}),
    "metadata": (ONE, {"accept": PARTIAL}),
    "table of one": (ONE, {"accept": TABLE}),
    "unacceptable": (MAPS, {"accept": "application/xml"}),
    "unknown resource": ("/api/v1/nothing", {}),
    "unknown group": ("/apis/none.example/v1/x", {}),
    "unknown version": ("/apis/apps/v9/deployments", {}),
    "unknown path": ("/nope", {}),
    "version is no number": (f"{MAPS}?resourceVersion=abc", {}),
    "match without version": (f"{MAPS}?resourceVersionMatch=Exact", {}),
    "unknown match": (f"{MAPS}?resourceVersion=1&resourceVersionMatch=Foo", {}),
    "exactly zero": (f"{MAPS}?resourceVersion=0&resourceVersionMatch=Exact", {}),
    "version of the future": (f"{MAPS}?resourceVersion=999999999999", {}),
    "unknown field": (f"{MAPS}?fieldSelector=foo%3Db", {}),
    "unknown field of pods": ("/api/v1/pods?fieldSelector=foo%3Db", {}),
    "broken field selector": (f"{MAPS}?fieldSelector=foo", {}),
    "streaming list without match": (f"{MAPS}?watch=true&sendInitialEvents=true", {}),
    "api": ("/api", {}),
    "group list": ("/apis", {}),
    "group": ("/apis/apps", {}),
    "resources": ("/apis/apps/v1", {}),
    "core resources": ("/api/v1", {}),
    "ready": ("/readyz", {}),
    "aggregated": ("/apis", {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}),
}
TABLES = [
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/api/v1/pods",
    "/api/v1/services",
    "/api/v1/endpoints",
    "/api/v1/events",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/serviceaccounts",
    "/api/v1/persistentvolumes",
    "/api/v1/persistentvolumeclaims",
    "/api/v1/limitranges",
    "/api/v1/resourcequotas",
    "/api/v1/replicationcontrollers",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/controllerrevisions",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/networking.k8s.io/v1/ingressclasses",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/apiregistration.k8s.io/v1/apiservices",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/storage.k8s.io/v1/csidrivers",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
]
WRITES: dict[str, tuple[str, str, object, dict[str, str]]] = {
    "create": (MAPS, "POST", config("four"), {}),
    "create what is there": (MAPS, "POST", config("one"), {}),
    "create as dry run": (f"{MAPS}?dryRun=All", "POST", config("five"), {}),
    "unknown dry run": (f"{MAPS}?dryRun=Some", "POST", config("five"), {}),
    "create without name": (MAPS, "POST", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, {}),
    "create with a bad name": (MAPS, "POST", config("Bad_Name"), {}),
    "create for another namespace": (MAPS, "POST", config("x", namespace="other"), {}),
    "create in no namespace": ("/api/v1/namespaces/none/configmaps", "POST", config("x"), {}),
    "create another kind": (MAPS, "POST", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, {}),
    "update": (ONE, "PUT", config("one", "2"), {}),
    "update an old state": (ONE, "PUT", config("one", resourceVersion="1"), {}),
    "update under another name": (ONE, "PUT", config("two"), {}),
    "update what is missing": (f"{MAPS}/nope", "PUT", config("nope"), {}),
    "update a collection": (MAPS, "PUT", {}, {}),
    "merge patch": (ONE, "PATCH", {"data": {"b": "2"}}, {"content": MERGE}),
    "strategic patch": (ONE, "PATCH", {"data": {"b": None}}, {"content": STRATEGIC}),
    "json patch": (ONE, "PATCH", [{"op": "add", "path": "/data/n", "value": "2"}], {"content": JSON_PATCH}),
    "json patch whose test fails": (ONE, "PATCH", [{"op": "test", "path": "/data/a", "value": "x"}], {"content": JSON_PATCH}),
    "json patch without its path": (ONE, "PATCH", [{"op": "remove", "path": "/data/none"}], {"content": JSON_PATCH}),
    "patch of no type": (ONE, "PATCH", {}, {}),
    "apply without a manager": (f"{MAPS}/applied", "PATCH", config("applied"), {"content": APPLY}),
    "apply": (f"{MAPS}/applied?fieldManager=first", "PATCH", config("applied"), {"content": APPLY}),
    "apply against a manager": (f"{MAPS}/applied?fieldManager=second", "PATCH", config("applied", "2"), {"content": APPLY}),
    "apply by force": (f"{MAPS}/applied?fieldManager=second&force=true", "PATCH", config("applied", "2"), {"content": APPLY}),
    "apply against an update": (f"{ONE}?fieldManager=second", "PATCH", config("one", "7"), {"content": APPLY}),
    "delete another object": (f"{MAPS}/two", "DELETE", {"preconditions": {"uid": "x"}}, {}),
    "delete another state": (f"{MAPS}/two", "DELETE", {"preconditions": {"resourceVersion": "1"}}, {}),
    "delete as dry run": (f"{MAPS}/two?dryRun=All", "DELETE", None, {}),
    "delete": (f"{MAPS}/two", "DELETE", None, {}),
    "delete what is gone": (f"{MAPS}/two", "DELETE", None, {}),
    "delete a selection": (f"{MAPS}?labelSelector=x%3Dy", "DELETE", None, {}),
    "post to a plain path": ("/version", "POST", {}, {}),
    "review of nothing": (f"{REVIEWS}/selfsubjectaccessreviews", "POST", {"spec": {}}, {}),
    "review of nobody": (f"{REVIEWS}/subjectaccessreviews", "POST", {"spec": {"resourceAttributes": {"verb": "get"}}}, {}),
    "who am I": ("/apis/authentication.k8s.io/v1/selfsubjectreviews", "POST", {}, {}),
}
REFUSED: dict[str, tuple[str, str, object]] = {
    "list": ("/api/v1/pods", "GET", None),
    "get": ("/api/v1/namespaces/default/pods/x", "GET", None),
    "subresource": ("/apis/apps/v1/namespaces/default/deployments/x/scale", "GET", None),
    "path": ("/metrics", "GET", None),
    "create": (MAPS, "POST", config("x")),
    "watch": ("/api/v1/pods?watch=true", "GET", None),
    "delete all": (MAPS, "DELETE", None),
}


@pytest.mark.parametrize("name", READS)
def test_reads(admins: Both, name: str) -> None:
    path, options = READS[name]
    compare(admins, path, **options)


@pytest.mark.parametrize("path", TABLES)
def test_tables(admins: Both, path: str) -> None:
    compare(admins, path, accept=TABLE)


def test_writes_one_after_the_other(admins: Both) -> None:
    for name, (path, method, body, options) in WRITES.items():
        try:
            compare(admins, path, method, body, **options)
        except AssertionError as wrong:
            wrong.add_note(name)
            raise


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("who", ["viewer nobody", " ", "wrong wrong"], ids=["without rights", "anonymous", "bad token"])
def test_refusals(kube: KubeServer, demo: DemoThread, admins: Both, who: str, name: str) -> None:
    assert admins
    real_user, demo_user = who.split(" ")
    path, method, body = REFUSED[name]
    if name == "path" and not real_user:
        pytest.skip("which paths the anonymous may read is a matter of the distribution")
    compare(clients(kube, demo, real_user, demo_user), path, method, body)


def watched(client: Client, query: str, count: int) -> list[tuple[str, str, list[str]]]:
    events = itertools.islice(client.events(f"{MAPS}?watch=true&{query}"), count)
    return [(e["type"], e["object"]["metadata"].get("name", ""), sorted(e["object"])) for e in events]


def test_a_watch_tells_the_same_story(admins: Both) -> None:
    stories = []
    for client in admins:
        version = client.ask(MAPS).body["metadata"]["resourceVersion"]
        client.ask(MAPS, "POST", config("seen", labels={"colour": "red"}))
        client.ask(f"{MAPS}/seen", "PATCH", {"data": {"a": "2"}}, content=MERGE)
        client.ask(f"{MAPS}/seen", "PATCH", {"data": {"a": "2"}}, content=MERGE)
        client.ask(f"{MAPS}/seen", "PATCH", {"metadata": {"labels": {"colour": "blue"}}}, content=MERGE)
        client.ask(f"{MAPS}/seen", "PATCH", {"metadata": {"labels": {"colour": "red"}}}, content=MERGE)
        client.ask(f"{MAPS}/seen", "DELETE")
        plain = watched(client, f"resourceVersion={version}", 5)
        selected = watched(client, f"resourceVersion={version}&labelSelector=colour%3Dred", 5)
        stories.append((plain, selected))
    assert stories[1] == stories[0]


def test_a_streaming_list_begins_and_ends_the_same(admins: Both) -> None:
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    stories = []
    for client in admins:
        count = len(client.ask(MAPS).body["items"])
        events = watched(client, query, count + 1)
        stories.append((sorted(events[:-1]), events[-1]))
    assert stories[1] == stories[0]


def test_versions_never_go_back_and_pages_stay(admins: Both) -> None:
    for client in admins:
        first = client.ask(f"{MAPS}?limit=1").body
        made = client.ask(MAPS, "POST", config("zz-later")).body
        rest = client.ask(f"{MAPS}?limit=500&continue={first['metadata']['continue']}").body
        assert "zz-later" not in [item["metadata"]["name"] for item in rest["items"]]
        assert int(made["metadata"]["resourceVersion"]) > int(rest["metadata"]["resourceVersion"])
        client.ask(f"{MAPS}/zz-later", "DELETE")


def test_what_is_forgotten_is_refused_the_same(kube: KubeServer, demo: DemoThread, admins: Both) -> None:
    old = [client.ask(f"{MAPS}?limit=1").body["metadata"] for client in admins]
    for client in admins:
        client.ask(ONE, "PATCH", {"data": {"later": "1"}}, content=MERGE)
    kube.compact()
    demo.objects.compact()
    pages = [client.ask(f"{MAPS}?limit=1&continue={meta['continue']}") for client, meta in zip(admins, old, strict=True)]
    assert [page.code for page in pages] == [410, 410]
    assert pages[1].body["message"] == pages[0].body["message"]
    assert all(page.body["metadata"]["continue"] for page in pages)
    for client, meta in zip(admins, old, strict=True):
        events = client.events(f"{MAPS}?watch=true&resourceVersion={meta['resourceVersion']}")
        event = next(events)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")

"""Lists, pages and watches of the demo: consistent pages, selectors, versions, bookmarks, and what compaction does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.demo.client import PARTIAL_LIST, TABLE, Client
from ztui.demo.server import DemoThread

PODS = "/api/v1/pods"
SPACE = "/api/v1/namespaces/web/configmaps"


def put(demo: DemoThread, name: str, value: str = "1", **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "web", "labels": labels}
    return demo.objects.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": value}})


def types(events: Iterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in itertools.islice(events, count)]


def test_pages_cover_everything_once(admin: Client) -> None:
    whole = [pod["metadata"]["uid"] for pod in admin.ask(PODS).body["items"]]
    seen: list[str] = []
    token = ""
    while True:
        page = admin.ask(f"{PODS}?limit=50&continue={token}").body
        seen += [pod["metadata"]["uid"] for pod in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == len(whole) - len(seen)
    assert seen == whole


def test_later_pages_show_the_world_of_the_first(demo: DemoThread, admin: Client) -> None:
    first = admin.ask(f"{SPACE}?limit=1").body
    put(demo, "zzz-later")
    rest = admin.ask(f"{SPACE}?limit=500&continue={first['metadata']['continue']}").body
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "zzz-later" not in [item["metadata"]["name"] for item in rest["items"]]
    demo.objects.delete("configmaps", "zzz-later", "web")


def test_a_page_token_expires_and_says_how_to_go_on(demo: DemoThread, admin: Client) -> None:
    first = admin.ask(f"{SPACE}?limit=1").body
    demo.objects.compact()
    gone = admin.ask(f"{SPACE}?limit=1&continue={first['metadata']['continue']}")
    assert (gone.code, gone.body["reason"]) == (410, "Expired")
    token = gone.body["metadata"]["continue"]
    assert admin.ask(f"{SPACE}?limit=500&continue={token}").code == 200


def test_selectors(admin: Client) -> None:
    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in admin.ask(f"/api/v1/namespaces/shop/pods?{query}").body["items"]]

    assert all(name.startswith("redis") for name in names("labelSelector=app.kubernetes.io/name=redis"))
    assert not any(name.startswith("redis") for name in names("labelSelector=app.kubernetes.io/name%20notin%20(redis)"))
    assert names("fieldSelector=metadata.name=redis-0") == ["redis-0"]
    assert len(names("fieldSelector=status.phase=Running")) == len(names(""))
    assert names("fieldSelector=spec.nodeName=nowhere") == []


def test_logs_of_one_container_now_and_before(demo: DemoThread, admin: Client) -> None:
    pod = next(item for item in admin.ask(PODS).body["items"] if len(item["spec"]["containers"]) > 1)
    place, name, boxes = pod["metadata"]["namespace"], pod["metadata"]["name"], pod["spec"]["containers"]
    path = f"/api/v1/namespaces/{place}/pods/{name}/log"
    demo.server.cluster.logs[place, name, boxes[0]["name"]] = "one\ntwo\nthree"
    assert "a container name must be specified" in admin.ask(path).body["message"]
    assert "container nothing is not valid" in admin.ask(f"{path}?container=nothing").body["message"]
    mine = f"{path}?container={boxes[0]['name']}"
    assert admin.ask(mine).body == "one\ntwo\nthree\n"
    assert admin.ask(f"{mine}&tailLines=1").body == "three\n"
    assert admin.ask(f"{mine}&limitBytes=5").body == "one\nt"
    assert admin.ask(f"{mine}&previous=true").code == 400
    assert admin.ask(f"{path}?container={boxes[1]['name']}").body.startswith("time=")


def test_secrets_by_type_and_without_their_values(admin: Client) -> None:
    path = "/api/v1/secrets?fieldSelector=type=kubernetes.io/tls"
    body = admin.ask(path, accept=PARTIAL_LIST).body
    assert [item["metadata"]["name"] for item in body["items"]] == ["shop-tls"]
    assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_built_in_items_have_no_kind_and_custom_ones_do(admin: Client) -> None:
    assert "kind" not in admin.ask(PODS).body["items"][0]
    assert "kind" not in admin.ask("/apis/route.openshift.io/v1/routes").body["items"][0]
    assert admin.ask("/apis/security.istio.io/v1/peerauthentications").body["items"][0]["kind"] == "PeerAuthentication"


def test_the_same_object_in_two_versions(admin: Client) -> None:
    for version in ("v1", "v1beta1"):
        body = admin.ask(f"/apis/security.istio.io/{version}/namespaces/shop/peerauthentications/strict").body
        assert body["apiVersion"] == f"security.istio.io/{version}"


def test_a_watch_tells_what_changed_since(demo: DemoThread, admin: Client) -> None:
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    put(demo, "w1")
    put(demo, "w1", "2")
    demo.objects.delete("configmaps", "w1", "web")
    events = admin.events(f"{SPACE}?watch=true&resourceVersion={version}")
    assert types(events, 3) == [("ADDED", "w1"), ("MODIFIED", "w1"), ("DELETED", "w1")]


def test_a_watch_tells_what_changes_now(demo: DemoThread, admin: Client) -> None:
    events = admin.events(f"{SPACE}?watch=true&fieldSelector=metadata.name=live")
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    events = admin.events(f"{SPACE}?watch=true&resourceVersion={version}")
    put(demo, "live")
    assert types(events, 1) == [("ADDED", "live")]
    demo.objects.delete("configmaps", "live", "web")
    assert types(events, 1) == [("DELETED", "live")]


def test_objects_enter_and_leave_a_selection(demo: DemoThread, admin: Client) -> None:
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    for colour in ("red", "blue", "red"):
        put(demo, "painted", colour=colour)
    demo.objects.delete("configmaps", "painted", "web")
    events = admin.events(f"{SPACE}?watch=true&labelSelector=colour=red&resourceVersion={version}")
    assert [kind for kind, _ in types(events, 4)] == ["ADDED", "DELETED", "ADDED", "DELETED"]


def test_a_streaming_list_ends_its_beginning_with_a_mark(admin: Client) -> None:
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    names = [item["metadata"]["name"] for item in admin.ask(SPACE).body["items"]]
    events = admin.events(f"{SPACE}?{query}")
    assert types(events, len(names)) == [("ADDED", name) for name in names]
    mark = next(events)
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_bookmarks_come_to_a_quiet_watch_before_its_planned_end(admin: Client) -> None:
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    query = f"watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=1"
    events = list(admin.events(f"{SPACE}?{query}"))
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert int(events[-1]["object"]["metadata"]["resourceVersion"]) >= int(version)


def test_a_watch_from_a_forgotten_version_gets_an_error_event(demo: DemoThread, admin: Client) -> None:
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    demo.objects.compact()
    events = list(admin.events(f"{SPACE}?watch=true&resourceVersion={version}"))
    assert [(event["type"], event["object"]["code"]) for event in events] == [("ERROR", 410)]


def test_table_events_carry_columns_once(demo: DemoThread, admin: Client) -> None:
    version = admin.ask(SPACE).body["metadata"]["resourceVersion"]
    put(demo, "t1")
    put(demo, "t1", "2")
    events = admin.events(f"{SPACE}?watch=true&resourceVersion={version}", accept=TABLE)
    heads = [event["object"]["columnDefinitions"] for event in itertools.islice(events, 2)]
    assert heads[0] is not None
    assert heads[1] is None


@pytest.mark.parametrize(
    "path",
    ["/readyz", "/livez", "/healthz", "/version", "/api", "/apis", "/apis/apps", "/openapi/v3", "/openapi/v3/apis/apps/v1"],
)
def test_the_paths_beside_the_resources_answer(admin: Client, path: str) -> None:
    assert admin.ask(path).code == 200


def test_every_served_resource_lists_and_is_discovered(demo: DemoThread, admin: Client) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    found = {
        (item["metadata"].get("name", ""), version["version"], resource["resource"])
        for path in ("/api", "/apis")
        for item in admin.ask(path, accept=accept).body["items"]
        for version in item["versions"]
        for resource in version["resources"]
    }
    served = {(r.group, version, r.plural) for r in demo.objects.catalogue for version in r.versions}
    assert found == served
    for resource in demo.objects.catalogue:
        if "list" in resource.verbs:
            root = f"/apis/{resource.group}" if resource.group else "/api"
            body = admin.ask(f"{root}/{resource.versions[0]}/{resource.plural}").body
            assert body["kind"] == f"{resource.kind}List"
            table = admin.ask(f"{root}/{resource.versions[0]}/{resource.plural}", accept=TABLE).body
            assert len(table["rows"]) == len(body["items"])

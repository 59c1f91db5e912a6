"""Every fault switch misbehaves as its name says, and nothing is left of it once it is off."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import http.client
import itertools
import json
from pathlib import Path

import pytest

from tests.demo.client import Client
from ztui.demo.faults import SWITCHES, garbage, put_big, put_crd
from ztui.demo.server import DemoThread

PODS = "/api/v1/pods"
MAPS = "/api/v1/namespaces/data/configmaps"
STREAM = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=2"


def config(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "data"}}


def version_of(client: Client) -> str:
    return str(client.ask(MAPS).body["metadata"]["resourceVersion"])


def test_an_unknown_switch_is_an_error(demo: DemoThread) -> None:
    with pytest.raises(KeyError):
        demo.faults.on("no-such-switch")


def test_every_switch_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [name for name in SWITCHES if f'on("{name}"' not in text] == []


def test_F01_a_watch_that_ends_at_once(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("watch-empty", "configmaps", times=2)
    for _ in range(2):
        assert list(admin.lines(f"{MAPS}?watch=true")) == []
    assert len(list(itertools.islice(admin.lines(f"{MAPS}?watch=true"), 2))) == 2


def test_F02_a_watch_that_expires_after_an_event(demo: DemoThread, admin: Client) -> None:
    version = version_of(admin)
    demo.objects.put(config("f02"))
    demo.faults.on("watch-410", "configmaps", after=1, times=1)
    events = list(admin.events(f"{MAPS}?watch=true&resourceVersion={version}"))
    assert [event["type"] for event in events] == ["ADDED", "ERROR"]
    assert events[1]["object"]["code"] == 410


def test_F03_a_watch_and_a_page_refused_with_410(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("watch-410-status", "configmaps", times=1)
    assert admin.ask(f"{MAPS}?watch=true").code == 410
    token = admin.ask(f"{MAPS}?limit=1").body["metadata"]["continue"]
    demo.faults.on("page-410", "configmaps", times=1)
    assert admin.ask(f"{MAPS}?limit=1&continue={token}").code == 410
    assert admin.ask(f"{MAPS}?limit=1&continue={token}").code == 200


@pytest.mark.parametrize(("wait", "header"), [(7, "7"), (None, None)])
def test_F06_too_many_requests(demo: DemoThread, admin: Client, wait: int | None, header: str | None) -> None:
    demo.faults.on("status", "pods", times=1, code=429, retry_after=wait)
    answer = admin.ask(PODS)
    assert (answer.code, answer.body["reason"]) == (429, "TooManyRequests")
    assert answer.headers["Retry-After"] == header
    assert admin.ask(PODS).code == 200


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_F07_a_server_in_trouble(demo: DemoThread, admin: Client, code: int) -> None:
    demo.faults.on("status", code=code)
    assert (admin.ask(PODS).code, admin.ask("/readyz").code) == (code, code)


def test_F08_a_replica_that_lags(demo: DemoThread, admin: Client) -> None:
    demo.objects.put(config("f08"))
    version = version_of(admin)
    demo.faults.on("lag", "configmaps", behind=1)
    old = admin.ask(MAPS).body
    assert int(old["metadata"]["resourceVersion"]) == int(version) - 1
    assert "f08" not in [item["metadata"]["name"] for item in old["items"]]
    assert admin.ask(f"{MAPS}/f08").code == 404
    late = admin.ask(f"{MAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan")
    assert (late.code, late.body["reason"]) == (504, "Timeout")


def test_F09_streaming_lists_refused_ignored_endless(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("stream-list", mode="refuse", times=1)
    assert admin.ask(f"{MAPS}?{STREAM}").code == 422
    for mode in ("ignore", "endless"):
        demo.faults.on("stream-list", mode=mode, times=1)
        events = list(admin.events(f"{MAPS}?{STREAM}"))
        assert not any(event["object"]["metadata"].get("annotations") for event in events if event["type"] == "BOOKMARK")


def test_F10_no_bookmarks(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("no-bookmarks")
    query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={version_of(admin)}"
    assert list(admin.lines(f"{MAPS}?{query}")) == []


def test_F11_an_object_of_five_megabytes(demo: DemoThread, admin: Client) -> None:
    put_big(demo.objects, 5)
    assert len(json.dumps(admin.ask(f"{MAPS}/big").body)) > 5_000_000
    demo.objects.delete("configmaps", "big", "data")


def test_F12_one_group_down(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("group-down", group="route.openshift.io")
    assert admin.ask("/apis/route.openshift.io/v1/routes").code == 503
    assert admin.ask("/apis/route.openshift.io/v1").code == 503
    assert admin.ask(PODS).code == 200
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    items = admin.ask("/apis", accept=accept).body["items"]
    routes = next(item for item in items if item["metadata"]["name"] == "route.openshift.io")
    assert [(version["freshness"], version.get("resources")) for version in routes["versions"]] == [("Stale", None)]


def test_F13_a_kind_appears_changes_and_disappears(demo: DemoThread, admin: Client) -> None:
    things = "/apis/new.example/{}/namespaces/web/things"
    assert admin.ask(things.format("v1")).code == 404
    put_crd(demo.objects, "new.example", "things", "Thing")
    demo.objects.put({"apiVersion": "new.example/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "web"}})
    assert [item["apiVersion"] for item in admin.ask(things.format("v1")).body["items"]] == ["new.example/v1"]
    put_crd(demo.objects, "new.example", "things", "Thing", ("v2",))
    assert admin.ask(things.format("v1")).code == 404
    assert admin.ask(things.format("v2")).body["items"][0]["apiVersion"] == "new.example/v2"
    events = admin.events(f"{things.format('v2')}?watch=true")
    assert next(events)["type"] == "ADDED"
    demo.objects.delete("customresourcedefinitions", "things.new.example")
    assert [event["type"] for event in events] == ["DELETED"]
    assert admin.ask(things.format("v2")).code == 404


def test_F14_a_right_refused(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("forbid", "pods", user="admin", verb="list")
    assert admin.ask(PODS).code == 403
    assert admin.ask("/api/v1/namespaces/shop/pods/redis-0").code == 200


def test_F16_a_token_refused(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("unauthorized", user="admin", times=1)
    assert [admin.ask(PODS).code, admin.ask(PODS).code] == [401, 200]


def test_F17_an_answer_lost_after_the_change(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("lose-answer", "configmaps", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        admin.ask(MAPS, "POST", config("f17"))
    assert admin.ask(f"{MAPS}/f17").code == 200


def test_F17_a_request_lost_before_the_change(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("lose-request", "configmaps", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        admin.ask(MAPS, "POST", config("f17-never"))
    assert admin.ask(f"{MAPS}/f17-never").code == 404


def test_F19_F20_admission_that_denies_rewrites_and_knows_no_dry_run(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("webhook", "configmaps", deny="not today", times=1)
    denied = admin.ask(MAPS, "POST", config("f19"))
    assert (denied.code, "denied the request: not today" in denied.body["message"]) == (403, True)
    demo.faults.on("webhook", "configmaps", no_dry_run=True, times=1)
    assert admin.ask(f"{MAPS}?dryRun=All", "POST", config("f19")).code == 400
    demo.faults.on("webhook", "configmaps", set={"metadata": {"labels": {"by": "hook"}}}, times=1)
    assert admin.ask(MAPS, "POST", config("f19")).body["metadata"]["labels"] == {"by": "hook"}


def test_F22_a_controller_that_undoes_a_change(demo: DemoThread, admin: Client) -> None:
    demo.objects.put(config("f22"))
    version = version_of(admin)
    demo.faults.on("revert", "configmaps", seconds=0.01, times=1)
    admin.ask(f"{MAPS}/f22", "PATCH", {"data": {"a": "b"}}, content="application/merge-patch+json")
    events = itertools.islice(admin.events(f"{MAPS}?watch=true&resourceVersion={version}"), 2)
    assert [event["object"].get("data") for event in events] == [{"a": "b"}, None]


def test_F25_slow_pages_and_slow_answers(demo: DemoThread, admin: Client) -> None:
    slow_page = demo.faults.on("page-slow", "pods", seconds=0.01)
    slow = demo.faults.on("slow", "nodes", seconds=0.01)
    assert (admin.ask(PODS).code, admin.ask("/api/v1/nodes").code) == (200, 200)
    assert (slow_page.hits, slow.hits) == (1, 1)


def test_F32_F33_a_proxy_and_a_redirect(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("status", code=407, kind="html", text="log in to the proxy", times=1)
    assert (admin.ask(PODS).code, admin.ask(PODS).code) == (407, 200)
    demo.faults.on("status", code=200, kind="html", times=1)
    portal = admin.ask(PODS)
    assert (portal.code, portal.headers.get_content_type()) == (200, "text/html")
    demo.faults.on("status", code=302, location="https://elsewhere.example/", times=1)
    assert admin.ask(PODS).headers["Location"] == "https://elsewhere.example/"


def test_B37_lists_that_no_server_should_send(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("page-items", "pods", items=None, times=1)
    assert admin.ask(PODS).body["items"] is None
    demo.faults.on("page-items", "pods", items=..., times=1)
    assert "items" not in admin.ask(PODS).body
    demo.faults.on("page-same", "pods")
    tokens = {admin.ask(f"{PODS}?limit=5").body["metadata"]["continue"] for _ in range(2)}
    token = tokens.pop()
    assert not tokens
    assert admin.ask(f"{PODS}?limit=5&continue={token}").body["metadata"]["continue"] == token


@pytest.mark.parametrize("name", sorted(garbage("1")))
def test_B38_lines_that_no_server_should_send(demo: DemoThread, admin: Client, name: str) -> None:
    line = garbage("1")[name]
    demo.faults.on("watch-line", "configmaps", lines=[line], after=0, times=1)
    version = version_of(admin)
    lines = admin.lines(f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1")
    assert next(lines) == line


def test_a_body_that_is_cut(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("cut", "pods", after=100, times=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        admin.ask(PODS)
    assert len(caught.value.partial) == 100


def test_a_watch_that_says_nothing_at_all(demo: DemoThread, admin: Client) -> None:
    demo.faults.on("watch-silent", "configmaps", times=1)
    response = admin.raw(f"{MAPS}?watch=true&timeoutSeconds=1", timeout=0.3)
    assert response.status == 200
    with pytest.raises(TimeoutError):
        response.readline()
    response.close()

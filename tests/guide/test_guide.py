"""The guide: every check has a way, commands are safe to paste, the order is the fastest path, and proofs turn green."""

from __future__ import annotations

import re
import shlex
from html import escape
from typing import Any

import msgspec
import pytest

from tests.worlds import NOW, judged, put, world
from ztui.board import Board
from ztui.checks.base import CheckId, catalogue, cluster_ref, fail, reason
from ztui.checks.rows import ROWS
from ztui.formats.page import STYLE
from ztui.guide.procedures import Names, Step, filled, fitting, named, procedures, ways
from ztui.guide.route import open_findings, route, totals
from ztui.guide.runbook import as_html, as_markdown, as_text, effort, stop_lines
from ztui.kinds.base import Ref
from ztui.panes.guide import stop_detail
from ztui.recipes.base import recipes
from ztui.text import clean, mark_name

NAMES = Names("prod", "https://api.example:6443")
OBJECTS: list[Any] = [
    "namespace/shop",
    {"kind": "Pod", "metadata": {"name": "agent", "namespace": "shop"}, "spec": {"hostNetwork": True}},
    "pod/shop/api",
]
BROKEN = reason("broken", "{account} is broken")


def board(*objects: Any) -> Board:
    return judged(world([*OBJECTS, *objects]).state)


@pytest.mark.parametrize("check_id", catalogue())
def test_every_check_has_a_way(check_id: str) -> None:
    assert ways(CheckId(check_id)), check_id


def test_procedures_are_well_formed() -> None:
    known = {check for row in ROWS for check in row.required} | set(catalogue())
    rows = {check.rpartition("-")[0] for check in known} | {"ZT2-VLT"}
    names = [item.id for item in procedures()]
    assert len(names) == len(set(names))
    for item in procedures():
        assert item.id.startswith(("R-", "G-"))
        assert item.steps
        assert item.minutes > 0
        for check in (*item.checks, *(step.proof for step in item.steps if step.proof)):
            assert check.rpartition("-")[0] in rows, (item.id, check)
        assert any(step.proof in item.checks for step in item.steps if step.proof) or item.id == "R-UNBIND", item.id


def test_what_a_step_sends_to_is_there_and_is_shown_below_it() -> None:
    ids = {item.id for item in procedures()} | set(recipes())
    for item in procedures():
        sent = re.findall(r"\b[GR](?:-[A-Z0-9]+)+\b", " ".join(step.text for step in item.steps))
        assert set(sent) <= ids, item.id
    move = [item for item in procedures() if item.id == "G-MIGRATE-SECRET"]
    assert [item.id for item in named(move)] == ["G-ESO"]
    assert [item.id for item in named([*move, *named(move)])] == ["G-VAULT-K8S"]


@pytest.mark.parametrize("name", ["x; rm -rf /", "$(id)", "`id`", "a b", "'", "\x1b[31m", "-o=x"])
def test_a_name_from_a_cluster_is_one_harmless_word_of_a_command(name: str) -> None:
    finding = fail(Ref("", "Pod", "shop", name), BROKEN, account=name)
    words = shlex.split(filled("kubectl get <kind> <name> -n <namespace> --as=<account>", finding, NAMES))
    assert words[:3] == ["kubectl", "get", "pod"]
    assert len(words) == 7
    assert not re.search("[\x00-\x1f]", "".join(words))


def test_a_command_is_never_cut_whatever_it_is_filled_in_with() -> None:
    name = "n" * 253
    pod = {"kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": {"hostNetwork": True}}
    found = judged(world(["namespace/shop", pod]).state)
    stop = next(item for item in route(found, catalogue(), to=4) if item.check == "ZT2-NET-007")
    long = Step("Say it twice.", "kubectl get <kind> <name> -n <namespace> && kubectl describe <kind> <name> -n <namespace>")
    way = msgspec.structs.replace(stop.procedures[0], steps=(long,))
    lines = stop_detail(found, catalogue(), msgspec.structs.replace(stop, procedures=(way,)), NAMES)
    assert any(f"kubectl get pod {name} -n shop && kubectl describe pod {name} -n shop" in line.cells[0].text for line in lines)


def test_what_is_not_known_stays_to_be_filled_in() -> None:
    assert filled("vault write <mount> -n <namespace>", None, NAMES) == "vault write <mount> -n <namespace>"
    cluster = fail(Ref("config.openshift.io", "OAuth", "", "cluster"), BROKEN)
    assert filled("oc edit <kind> <name> -n <namespace>", cluster, NAMES) == "oc edit oauth.config.openshift.io cluster"
    whole = fail(cluster_ref(), BROKEN)
    assert filled("kubectl apply -n <namespace> -f -", whole, NAMES) == "kubectl apply -n <namespace> -f -"
    namespace = fail(Ref("", "Namespace", "", "shop"), BROKEN)
    assert filled("kubectl get pods -n <namespace>", namespace, NAMES) == "kubectl get pods -n shop"
    everywhere = fail(Ref("", "Cluster", "", "images"), BROKEN)
    assert filled("kubectl get <kind> -n <namespace>", everywhere, NAMES) == "kubectl get <kind> -n <namespace>"


def test_what_a_finding_says_besides_is_filled_in_by_its_bare_name() -> None:
    told = fail(Ref("", "Route", "shop", "web"), BROKEN, service="service/shop/front", source="99-loose", fix="ingress/shop/web")
    text = filled("edit service <service>, machineconfig <source>, ingress <ingress>", told, NAMES)
    assert text == "edit service front, machineconfig 99-loose, ingress web"
    own = fail(Ref("", "Route", "shop", "web"), BROKEN, service="front", fix="route/shop/web")
    assert filled("<service> <ingress>", own, NAMES) == "front <ingress>"


def test_a_way_is_filled_in_with_what_it_mends_and_left_out_where_it_mends_nothing() -> None:
    client = {"kind": "OAuthClient", "metadata": {"name": "grafana"}, "accessTokenMaxAgeSeconds": 0}
    login = {"kind": "OAuth", "metadata": {"name": "cluster"}, "spec": {"tokenConfig": {"accessTokenMaxAgeSeconds": 604800}}}
    by_itself = {"kind": "Authentication", "apiVersion": "config.openshift.io/v1", "metadata": {"name": "cluster"}, "spec": {}}

    def choices(*objects: Any) -> dict[str, str]:
        found = judged(world([by_itself, *objects]).state)
        stop = next(item for item in route(found, catalogue(), to=1) if item.check == "ZT1-AUTH-004")
        text = "\n".join(stop_lines(found, catalogue(), stop, NAMES))
        assert "oauthclient cluster" not in text
        return {way.id: text for way in stop.procedures}

    assert choices(login).keys() == {"R-TOKENCFG"}
    both = choices(login, client)
    assert both.keys() == {"R-TOKENCFG", "R-OAUTHCLIENT"}
    assert "oc patch oauthclient grafana" in both["R-OAUTHCLIENT"]
    assert "oc patch oauth cluster" in both["R-TOKENCFG"]


def test_where_no_way_mends_what_was_found_all_are_shown() -> None:
    known = ways(CheckId("ZT1-AUTH-004"))
    stranger = fail(Ref("", "Pod", "shop", "web"), BROKEN)
    assert fitting(known, [stranger]) == fitting(known, []) == known
    assert known[0].subject([stranger]) is None


def test_the_way_leads_through_earlier_phases_first_and_skipped_steps_come_last() -> None:
    found = board()
    stops = route(found, catalogue(), to=2)
    assert [stop.phase for stop in stops] == sorted(stop.phase for stop in stops)
    assert {stop.phase for stop in stops} <= {1, 2}
    first = stops[0].check
    skipped = route(found, catalogue(), to=2, skipped=frozenset({first}))
    assert skipped[-1].check == first
    assert totals(skipped)[0] == len(stops) - 1
    assert all(stop.phase == 0 for stop in route(found, catalogue(), to=0))


def test_nobody_is_sent_to_take_the_last_way_in_away() -> None:
    providers = [{"name": "local", "mappingMethod": "claim", "type": "HTPasswd", "htpasswd": {"fileData": {"name": "pass"}}}]
    local = {"kind": "OAuth", "metadata": {"name": "cluster"}, "spec": {"identityProviders": providers}}
    login = {"apiVersion": "config.openshift.io/v1", "kind": "Authentication", "metadata": {"name": "cluster"}}
    found = board(login, local)
    order = [stop.check for stop in route(found, catalogue(), to=1)]
    assert order.index(CheckId("ZT1-OIDC-001")) < order.index(CheckId("ZT1-OIDC-002"))
    assert ways(CheckId("ZT1-OIDC-002"))[0].minutes < ways(CheckId("ZT1-OIDC-001"))[0].minutes
    later = route(found, catalogue(), to=1, skipped=frozenset({"ZT1-OIDC-001"}))
    assert [stop.check for stop in later[-2:]] == ["ZT1-OIDC-002", "ZT1-OIDC-001"]


def test_a_row_with_one_stop_left_says_that_it_closes() -> None:
    stops = route(board(), catalogue(), to=4)
    for stop in stops:
        others = [item for item in stops if item.row == stop.row]
        assert not stop.closes or len(others) == 1


def test_a_step_is_gone_when_its_proof_is_green() -> None:
    store = world(OBJECTS)
    before = [stop.check for stop in route(judged(store.state), catalogue(), to=2)]
    assert "ZT2-NET-002" in before
    put(store, {"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"}, "spec": {"podSelector": {}}})
    after = [stop.check for stop in route(judged(store.tick(NOW)), catalogue(), to=2)]
    assert "ZT2-NET-002" not in after
    assert "ZT2-NET-003" in after


def test_the_runbook_fills_in_names_and_escapes_what_a_cluster_says() -> None:
    evil = {
        "kind": "Pod",
        "metadata": {"name": "<script>alert(1)</script>[x](y)", "namespace": "shop"},
        "spec": {"hostNetwork": True},
    }
    found = board(evil)
    stops = route(found, catalogue(), to=4)
    text = as_text(found, catalogue(), stops, 4, NAMES)
    assert text.startswith("Phase 0 of 4; to Phase 4:")
    markdown = as_markdown(found, catalogue(), stops, 4, NAMES)
    outside_code = re.sub(r"```sh.*?```", "", markdown, flags=re.DOTALL)
    assert "<script>" not in outside_code
    assert "](" not in outside_code
    assert "### [ ] 1. " in markdown
    page = as_html(found, catalogue(), stops, 4, NAMES)
    assert "<script" not in page
    assert "default-src" in page
    assert all(stop.check in page for stop in stops)


@pytest.mark.parametrize("name", ["a\u202eb", "a\x9b31mb", "&rlm;a", "https://evil.example", "WWW.evil.example", "~~a~~"])
def test_no_name_gets_into_a_runbook_as_anything_but_text(name: str) -> None:
    found = board({"kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": {"hostNetwork": True}})
    stops = [stop for stop in route(found, catalogue(), to=4) if stop.check == "ZT2-NET-007"]
    page = as_html(found, catalogue(), stops, 4, NAMES)
    markdown = re.sub(r"```sh.*?```", "", as_markdown(found, catalogue(), stops, 4, NAMES), flags=re.DOTALL)
    for text in (page, markdown):
        assert all(clean(line) == line for line in text.replace(STYLE, "").split("\n"))
    assert not re.search(rf"(?<!\\){re.escape(name)}", markdown)
    assert escape(mark_name(f"pod/shop/{name}")) in page


def test_open_findings_are_those_that_count() -> None:
    found = board()
    for check_id in catalogue():
        assert all(item.status in {"FAIL", "WARN", "ERROR"} and not item.accepted for item in open_findings(found, check_id))


@pytest.mark.parametrize(("minutes", "words"), [(5, "5 min"), (120, "about 2 h"), (2880, "about 6 days")])
def test_work_is_told_in_words(minutes: int, words: str) -> None:
    assert effort(minutes) == words


def test_procedures_survive_the_way_to_data() -> None:
    raw = msgspec.json.encode(procedures())
    assert b'"for"' in raw

"""Can A reach B on a port: the names that people use, Services, what is not whole, and the words of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds import view_of
from ztui.canreach import answer
from ztui.engines.reachask import NoSuchEndError, Passage, doors_to_ask, end_of, passages
from ztui.panes.reach import group_lines, reach_pane, sentence, split_question
from ztui.view import View


def pod(place: str, ip: str, port: int = 8080, **labels: str) -> dict[str, Any]:
    namespace, _, name = place.partition("/")
    box = {"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": port}]}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [box]},
        "status": {"phase": "Running", "podIP": ip},
    }


def policy(place: str, **spec: Any) -> dict[str, Any]:
    namespace, _, name = place.partition("/")
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, **spec}}


ENDS: list[Any] = ["namespace/a", "namespace/b", pod("a/web", "10.0.0.1", app="web"), pod("b/db", "10.0.0.2", 5432, app="db")]
FROM_WEB = policy("b/db", ingress=[{"from": [{"namespaceSelector": {}}], "ports": [{"port": 5432}]}])
SHUT = policy("a/shut", policyTypes=["Egress"])
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "database", "namespace": "b"},
    "spec": {"selector": {"app": "db"}, "ports": [{"port": 80, "targetPort": "http"}]},
}


def ask(view: View, src: str = "a/web", dst: str = "b/db", port: str = "5432") -> Passage:
    a, b = end_of(view, src), end_of(view, dst)
    (found,) = passages(view, a, b, doors_to_ask(b, port))
    return found


def test_the_answer_names_what_decides_on_each_side() -> None:
    view = view_of([*ENDS, FROM_WEB])
    found = ask(view)
    assert found.answer == "ALLOWED"
    assert sentence(end_of(view, "a/web"), end_of(view, "b/db"), found) == (
        "ALLOWED: a/pod/web may open 5432/TCP of b/pod/db. Leaving: no policy closes it. "
        "Entering: networkpolicy/b/db allows it by spec.ingress[0]."
    )
    assert ask(view, port="80").answer == "DENIED"
    assert ask(view_of([*ENDS, FROM_WEB, SHUT])).egress.denies


def test_a_service_leads_to_the_port_of_its_pods() -> None:
    view = view_of([*ENDS, FROM_WEB, SERVICE])
    assert ask(view, dst="b/database", port="80").answer == "ALLOWED"
    assert ask(view, dst="b/svc/database", port="").answer == "ALLOWED"
    with pytest.raises(NoSuchEndError, match="has the port 81/TCP"):
        ask(view, dst="b/database", port="81")


@pytest.mark.parametrize(
    ("hidden", "shut", "expected"),
    [
        ("NetworkPolicy/b", False, "UNKNOWN"),
        ("NetworkPolicy/b", True, "DENIED"),  # what is not seen at the other end could only allow less
        ("NetworkPolicy/a", True, "UNKNOWN"),
        ("AdminNetworkPolicy", True, "UNKNOWN"),
        ("Pod/b", True, "UNKNOWN"),
    ],
)
def test_what_is_not_whole_is_unknown_unless_the_other_side_denies(hidden: str, shut: bool, expected: str) -> None:
    view = view_of([*ENDS, FROM_WEB, *([SHUT] if shut else [])], gaps={hidden: "forbidden"})
    found = ask(view)
    assert found.answer == expected
    if expected == "UNKNOWN":
        assert found.egress.gap or found.ingress.gap


OWN = {"kind": "Namespace", "metadata": {"name": "b", "labels": {"k8s.ovn.org/primary-user-defined-network": ""}}}


@pytest.mark.parametrize("hidden", ["UserDefinedNetwork/b", "ClusterUserDefinedNetwork"])
def test_a_network_of_its_own_that_was_not_read_may_keep_it_apart(hidden: str) -> None:
    gaps = {hidden: "forbidden"}
    assert ask(view_of([ENDS[0], OWN, *ENDS[2:], FROM_WEB], gaps=gaps)).answer == "UNKNOWN"
    assert ask(view_of([*ENDS, FROM_WEB], gaps=gaps)).answer == "ALLOWED"  # it asks for none


def test_a_group_of_which_one_port_is_unknown_is_not_said_to_be_open_in_part() -> None:
    two = pod("b/db", "10.0.0.2", 5432, app="db")
    two["spec"]["containers"][0]["ports"].append({"name": "more", "containerPort": 8080})
    out = policy("a/out", policyTypes=["Egress"], egress=[{"ports": [{"port": 5432}]}])
    view = view_of([*ENDS[:3], two, out], gaps={"NetworkPolicy/b": "forbidden"})
    line = next(item for item in group_lines(view, end_of(view, "b/db").pods[0].ref) if item.key == "in:pod/a/web")
    assert (line.status, line.cells[2].text) == ("unknown", "UNKNOWN")


def test_pods_that_were_not_read_may_be_more_callers() -> None:
    (whole, _), (part,) = (reach_pane(view_of([*ENDS, FROM_WEB], gaps=gaps)).lines for gaps in ({}, {"Pod/b": "forbidden"}))
    assert [item.text.strip() for item in whole.cells[3:5]] == ["1", "1"]
    assert [item.text.strip() for item in part.cells[3:5]] == ["0+?", "0+?"]
    assert "0+? other groups may call it" in part.cells[-1].text


def test_pods_of_one_workload_that_are_not_alike_get_an_answer_of_their_own() -> None:
    owner = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "web", "uid": "u", "controller": True}
    odd, even = pod("a/web-1", "10.0.0.3", app="web", track="old"), pod("a/web-2", "10.0.0.4", app="web")
    for item in (odd, even):
        item["metadata"]["ownerReferences"] = [owner]
    only_old = policy("b/db", ingress=[{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"track": "old"}}}]}])
    found = ask(view_of([*ENDS[:2], odd, even, ENDS[3], only_old]), src="a/replicaset/web")
    assert (found.answer, found.pairs, found.of) == ("PARTLY", 1, 2)


def test_a_rule_for_a_domain_name_leaves_an_address_unknown() -> None:
    rules = [{"type": "Allow", "to": {"dnsName": "api.example"}}, {"type": "Deny", "to": {"cidrSelector": "0.0.0.0/0"}}]
    wall = {"kind": "EgressFirewall", "metadata": {"name": "default", "namespace": "a"}, "spec": {"egress": rules}}
    assert ask(view_of([*ENDS, wall]), dst="192.0.2.7", port="443").answer == "UNKNOWN"
    assert ask(view_of(ENDS), dst="192.0.2.7", port="443").answer == "ALLOWED"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nowhere/web", "no namespace nowhere"),
        ("a/nothing", "nothing that runs in a is called nothing"),
        ("web", "is no NAMESPACE/WORKLOAD"),
        ("a/b/c/d", "is no NAMESPACE/WORKLOAD"),
    ],
)
def test_a_name_that_means_nothing_says_so(text: str, told: str) -> None:
    with pytest.raises(NoSuchEndError, match=told):
        end_of(view_of(ENDS), text)


@pytest.mark.parametrize("port", ["0", "70000", "http", "80/icmp", "-1"])
def test_what_is_no_port_says_so(port: str) -> None:
    with pytest.raises(NoSuchEndError, match="is no port"):
        doors_to_ask(end_of(view_of(ENDS), "b/db"), port)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a/web b/db", ("a/web", "b/db", "")),
        ("a/web b/db:5432", ("a/web", "b/db", "5432")),
        ("a/web b/db 53/udp", ("a/web", "b/db", "53/udp")),
        ("a/web 10.0.0.1:53/udp", ("a/web", "10.0.0.1", "53/udp")),
        ("a/web 2001:db8::1", ("a/web", "2001:db8::1", "")),
        ("a/web", None),
        ("a b c d", None),
    ],
)
def test_a_question_is_split_into_its_ends_and_port(text: str, parts: tuple[str, str, str] | None) -> None:
    assert split_question(text) == parts


def test_the_shell_gets_the_same_answer_as_data() -> None:
    text, known = answer(view_of([*ENDS, FROM_WEB]).state, "a/web", "b/db", "5432", "", "json")
    document = json.loads(text)
    assert known
    assert document["schema"] == "ztui.can-reach"
    assert document["ports"][0]["answer"] == "ALLOWED"
    assert document["ports"][0]["ingress"] == {
        "allowed": True,
        "tier": "policy",
        "by": "networkpolicy/b/db",
        "rule": "spec.ingress[0]",
    }
    hidden = view_of([*ENDS, FROM_WEB], gaps={"NetworkPolicy/b": "forbidden"}).state
    text, known = answer(hidden, "a/web", "b/db", "5432", "", "table")
    assert not known
    assert text.startswith("UNKNOWN  a/pod/web → b/pod/db 5432/TCP\n")
    assert "forbidden(networkpolicies)" in text

"""Signals to incidents: whose they are, which belong together, that none is lost and none is counted twice."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.incidents.telling import SHOP, Desk, counted, told
from tests.worlds import NOW, complete
from ztui.checks.base import catalogue
from ztui.engines.incidents import SEEN_LIMIT
from ztui.kinds.base import Meta, Ref, decode
from ztui.kinds.incident import Act, Subject, signal
from ztui.kinds.measured import ObservedCall
from ztui.kinds.workload import Pod, ReplicaSet
from ztui.store import Drop, Hole, Put, Whole
from ztui.view import LOADING

WEB = ("Deployment", "shop", "web")


def thing(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.namespace, ref.name


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        ({"namespace": "shop", "pod": "web-6d5f-abcde"}, WEB),
        ({"namespace": "shop", "pod": "web-6d5f-abcde", "uid": "pod-1"}, WEB),
        ({"namespace": "shop", "pod": "web-6d5f-zzzzz"}, WEB),  # gone; its ReplicaSet is there
        ({"namespace": "bank", "pod": "db-0"}, ("StatefulSet", "bank", "db")),
        ({"namespace": "bank", "pod": "who"}, ("Pod", "bank", "who")),
        ({"namespace": "shop", "group": "apps", "kind": "ReplicaSet", "name": "web-6d5f"}, WEB),
        ({"namespace": "shop", "kind": "ConfigMap", "name": "x"}, ("ConfigMap", "shop", "x")),
        ({"address": "10.0.0.7"}, WEB),
        ({"principal": "system:serviceaccount:shop:web"}, WEB),
        ({"principal": "system:serviceaccount:shop:ghost"}, ("ServiceAccount", "shop", "ghost")),
        ({"principal": "system:node:n1"}, ("Node", "", "n1")),
        ({"node": "n1"}, ("Node", "", "n1")),
        ({"namespace": "shop"}, ("Namespace", "", "shop")),
    ],
)
def test_whose_a_signal_is(subject: dict[str, str], about: tuple[str, str, str]) -> None:
    desk = Desk()
    desk.fold(told(**subject))  # type: ignore[arg-type]  # all of these are a subject's
    assert thing(desk.one.things[0]) == about


def test_a_person_is_a_principal_and_no_thing() -> None:
    desk = Desk()
    desk.fold(told(principal="mallory"))
    assert (desk.one.things, desk.one.principals) == ((), ("mallory",))


def test_a_pod_that_is_gone_is_found_in_what_was_seen() -> None:
    """Its ReplicaSet is gone as well, so its name leads nowhere: by name, by uid, by address."""
    desk = Desk()
    desk.fold()
    desk.store.apply(Drop(Pod, "shop", "web-6d5f-abcde"))
    kind, _ = complete({"kind": "ReplicaSet", "metadata": {"name": "web-6d5f", "namespace": "shop"}})
    desk.store.apply(Drop(kind, "shop", "web-6d5f"))
    desk.fold()
    by_name = told(1, namespace="shop", pod="web-6d5f-abcde")
    by_uid = told(2, namespace="shop", pod="renamed", uid="pod-1")
    desk.fold(by_name, by_uid, told(3, address="10.0.0.7"))
    assert [thing(ref) for ref in desk.one.things] == [WEB]
    assert desk.one.count == 3


def test_signals_wait_until_the_workloads_have_been_read() -> None:
    """A pod whose ReplicaSet is not read yet would be taken for the ReplicaSet's, or for nobody's."""
    desk = Desk()
    desk.store.apply(Hole(ReplicaSet, LOADING))
    desk.fold(told(1))
    assert desk.incidents == {}
    desk.store.apply(Whole(ReplicaSet, frozenset({("shop", "web-6d5f")})))
    desk.fold()
    assert thing(desk.one.things[0]) == WEB


def test_one_workload_one_incident_for_a_quarter_of_an_hour() -> None:
    desk = Desk()
    desk.fold(told(1), told(2, rule="miner", after_s=600), told(3, rule="shell", after_s=1400))
    assert desk.one.count == 3
    assert [(item.rule, item.count) for item in desk.one.seen] == [("shell", 2), ("miner", 1)]
    desk.fold(told(4, after_s=1400 + 901))
    assert len(desk.incidents) == 2


def test_one_principal_two_workloads_one_incident() -> None:
    desk = Desk()
    desk.fold(told(1, namespace="shop", pod="web-6d5f-abcde", principal="mallory"))
    desk.fold(told(2, namespace="bank", pod="db-0", principal="mallory", after_s=60))
    assert [thing(ref) for ref in desk.one.things] == [WEB, ("StatefulSet", "bank", "db")]


@pytest.mark.parametrize("called", [True, False])
def test_a_call_that_was_seen_joins_two_workloads(called: bool) -> None:
    desk = Desk()
    if called:
        meta = Meta(name="shop/web>db", uid="", resource_version="", namespace="bank")
        desk.store.apply(Put(ObservedCall(meta, "shop", "web", "db", 3.0)))
    desk.fold(told(1))
    desk.fold(told(2, namespace="bank", pod="db-0", after_s=30))
    assert len(desk.incidents) == (1 if called else 2)


def test_low_signals_wait_for_an_incident_about_the_same_thing() -> None:
    desk = Desk()
    desk.fold(told(1, level="low", rule="BackOff"), told(2, level="low", namespace="bank", pod="db-0"))
    assert (desk.incidents, desk.triage.loose) == ({}, 2)
    desk.fold(told(3, after_s=120))
    assert [item.rule for item in desk.one.seen] == ["shell", "BackOff"]
    assert desk.triage.loose == 1


def test_three_sources_make_it_worse() -> None:
    desk = Desk()
    desk.fold(told(1, source="falco"), told(2, source="audit"))
    assert (desk.one.level, desk.one.raised) == ("high", "")
    desk.fold(told(3, source="alertmanager", level="low"))
    assert (desk.one.level, desk.one.raised) == ("critical", "3 sources agree")


def test_an_event_that_is_told_again_counts_what_is_new() -> None:
    desk = Desk()
    desk.fold(told(1, total=1), told(1, total=1))
    desk.fold(told(1, total=4), told(1, total=3))
    assert desk.one.count == 4
    assert desk.fold(told(1, total=4)) is None


def test_after_a_restart_nothing_is_counted_twice() -> None:
    before = Desk()
    folded = before.fold(told(1, total=2), told(2))
    assert folded is not None
    after = Desk()
    after.triage.remember(folded.heard)
    after.triage.take(before.one)
    after.incidents = dict(before.incidents)
    after.fold(told(1, total=2), told(2), told(3))
    assert after.one.count == 4


def test_contained_and_heard_of_again_is_not_contained() -> None:
    desk = Desk()
    desk.fold(told(1))
    desk.triage.act(desk.one.name, Act(NOW + timedelta(seconds=60), "ana", "moved away", "contained"))
    desk.fold()
    assert str(desk.one.phase) == "contained"
    desk.fold(told(2, level="low", after_s=90))
    assert str(desk.one.phase) == "contained"
    desk.fold(told(3, rule="miner", after_s=120))
    assert str(desk.one.phase) == "acknowledged"
    assert "heard of again after it was contained: miner" in [act.words for act in desk.one.acts]


def test_a_closed_incident_takes_nothing_more() -> None:
    desk = Desk()
    desk.fold(told(1))
    desk.triage.act(desk.one.name, Act(NOW, "ana", "", "closed"))
    desk.fold()
    desk.fold(told(2, after_s=60))
    assert sorted(item.phase for item in desk.incidents.values()) == ["closed", "new"]


def test_a_check_that_passed_and_fails_is_drift() -> None:
    desk = Desk(*SHOP, cards={name: card for name, card in catalogue().items() if name == "ZT1-AUTH-001"})
    desk.fold()
    assert desk.incidents == {}
    kind, obj = complete(
        {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "open"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "Group", "name": "system:unauthenticated", "apiGroup": "rbac.authorization.k8s.io"}],
        }
    )
    desk.store.apply(Put(decode(kind, json.dumps(obj).encode())))
    desk.fold()
    desk.fold()
    assert (desk.one.seen[0].source, desk.one.seen[0].rule) == ("drift", "ZT1-AUTH-001")
    assert thing(desk.one.things[0]) == ("ClusterRoleBinding", "", "open")


def test_what_was_never_whole_is_no_drift() -> None:
    desk = Desk(*SHOP, cards={name: card for name, card in catalogue().items() if name == "ZT1-AUTH-001"})
    desk.fold(settled=False)
    assert desk.fold() is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_the_order_and_the_pieces_of_delivery_change_no_count(seed: int, size: int) -> None:
    """However often a source tells, in whatever order and pieces: each event counts once, and every one counts."""
    rng = random.Random(seed)  # noqa: S311  not a secret
    events = [
        told(number, rule=f"rule {number % 7}", total=total, after_s=number % 300)
        for number in range(size)
        for total in range(1, rng.randint(2, 4))
    ]
    deliveries = events + rng.choices(events, k=size)
    rng.shuffle(deliveries)
    desk = Desk()
    while deliveries:
        step = rng.randint(1, 20)
        desk.fold(*deliveries[:step])
        del deliveries[:step]
    most: dict[str, int] = {}
    for item in events:
        most[item.id] = max(most.get(item.id, 0), item.total)
    assert counted(desk.incidents.values()) == sum(most.values())


def test_R11_a_flood_of_rules_loses_none() -> None:
    """More rules than an incident lists: the rest is counted together."""
    desk = Desk()
    for start in range(0, 4000, 200):
        desk.fold(*(told(number, rule=f"rule {number}") for number in range(start, start + 200)))
    assert desk.one.count == 4000
    assert len(desk.one.seen) == SEEN_LIMIT + 1


def test_words_of_a_signal_hold_no_credential() -> None:
    secret = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJlc2ln"
    found = signal("falco", "1", NOW, "high", "r", f"curl -H 'Authorization: Bearer {secret}'", Subject())
    assert secret not in found.words

"""Counts of policy reports: right while reports come, change and go, and small however many there are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import NOW
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.kinds.notice import ClusterPolicyReport, OpenReport, PolicyReport, ReportCount
from ztui.store import Broken, Drop, Hole, Put, Store, Whole
from ztui.view import Gap, View, Why


def report(name: str, *results: tuple[str, str], namespace: str = "shop", kind: type[Kind] = PolicyReport) -> Kind:
    place = {"namespace": namespace} if namespace else {}
    body: dict[str, Any] = {"metadata": {"name": name, "uid": f"u-{name}", "resourceVersion": "1", **place}}
    body["results"] = [{"policy": policy, "result": result, "message": "m" * 50} for policy, result in results]
    found = decode_or_malformed(kind, json.dumps(body).encode())
    assert not isinstance(found, Malformed), found
    return found


def counts(store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    found = View(store.tick(NOW)).all(ReportCount)
    return {(item.namespace, item.name): (item.failed, item.total) for item in found}


def test_failures_are_counted_by_namespace_and_policy_and_no_report_is_kept() -> None:
    store = Store()
    store.apply(Put(report("a", ("owner", "fail"), ("owner", "pass"), ("tags", "error"), ("tags", "skip"))))
    store.apply(Put(report("b", ("owner", "fail"))))
    store.apply(Put(report("c", ("owner", "pass"), namespace="", kind=ClusterPolicyReport)))
    store.apply(Put(report("a", ("owner", "fail"), namespace="bank", kind=OpenReport)))
    assert store.dirty
    assert counts(store) == {
        ("shop", "owner"): (2, 3),
        ("shop", "tags"): (1, 1),
        ("", "owner"): (0, 1),
        ("bank", "owner"): (1, 1),
    }
    assert not any(store.state.objects.get(kind) for kind in (PolicyReport, ClusterPolicyReport, OpenReport))
    assert not store.dirty


def test_what_is_mended_deleted_swept_or_broken_counts_no_more() -> None:
    store = Store()
    for name in "abcd":
        store.apply(Put(report(name, ("owner", "fail"))))
    store.apply(Put(report("e", ("owner", "fail"), namespace="bank")))
    store.apply(Put(report("a", ("owner", "pass"))))
    store.apply(Drop(PolicyReport, "shop", "b"))
    assert counts(store)["shop", "owner"] == (2, 3)
    store.apply(Whole(PolicyReport, frozenset({("shop", "a"), ("shop", "c")}), "shop"))
    assert counts(store) == {("shop", "owner"): (1, 2), ("bank", "owner"): (1, 1)}
    store.apply(Hole(PolicyReport, Gap(Why.FORBIDDEN, "list"), forget=True))
    assert counts(store) == {}


def test_a_report_that_cannot_be_read_any_more_is_not_counted_on() -> None:
    store = Store()
    store.apply(Put(report("a", ("owner", "fail"))))
    store.tick(NOW)
    store.apply(Broken(PolicyReport, Malformed("shop", "a", "odd")))
    assert counts(store) == {}


def test_ten_thousand_reports_that_say_the_same_are_held_once() -> None:
    store = Store()
    for number in range(10_000):
        store.apply(Put(report(f"r{number}", ("owner", "fail"), ("tags", "pass"))))
    assert counts(store) == {("shop", "owner"): (10_000, 10_000), ("shop", "tags"): (0, 10_000)}
    held = store._tally._told[PolicyReport]
    assert len({id(shares) for shares in held.values()}) == 1
    assert sum(map(len, store.state.objects[ReportCount].values())) == 2


RESULTS = st.lists(st.tuples(st.sampled_from(["owner", "tags"]), st.sampled_from(["pass", "fail", "warn", "skip"])), max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["shop", "bank"]), st.none() | RESULTS), max_size=25)


@given(STEPS)
def test_counts_are_those_of_the_reports_that_are_there(steps: list[tuple[str, str, list[tuple[str, str]] | None]]) -> None:
    store = Store()
    there: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, place, results in steps:
        if results is None:
            store.apply(Drop(PolicyReport, place, name))
            there.pop((place, name), None)
        else:
            store.apply(Put(report(name, *results, namespace=place)))
            there[place, name] = results
        expected: dict[tuple[str, str], tuple[int, int]] = {}
        for (space, _), told in there.items():
            for policy, result in told:
                if result != "skip":
                    failed, total = expected.get((space, policy), (0, 0))
                    expected[space, policy] = (failed + (result == "fail"), total + 1)
        assert counts(store) == expected

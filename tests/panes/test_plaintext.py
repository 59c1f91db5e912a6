"""Who calls a port in plaintext, by name and against the day before; which waypoints stand before it, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.demo.assessed import Assessed
from tests.panes.test_mtls import IN, LABELLED, authz, by, cells, rows_of, traffic
from tests.panes.test_workloads import MESH, pod
from tests.worlds import NOW
from ztui.board import cells_of
from ztui.panes.mtls import all_ports, document, facts, mtls_lines
from ztui.panes.port import PortPage, port_page
from ztui.view import View

SEEN = {"kind": "ObservedCall", "metadata": {"name": "shop/web>other", "namespace": "shop"}, "source": "web", "target": "other"}
"""Something was measured, so that the metrics store is connected."""


def day(**counts: float) -> dict[str, Any]:
    return {"kind": "DayTraffic", "metadata": {"name": "api", "namespace": "shop"}, **counts}


def call(source: str, plain: float, *, count: float = 0.0, told: bool = True, space: str = "payments") -> dict[str, Any]:
    return {
        "kind": "ObservedCall",
        "metadata": {"name": f"{space}/{source}>api", "namespace": "shop"},
        **{"sourceNamespace": space, "source": source, "target": "api", "plain": plain, "count": count or plain},
        "measuredTls": told,
    }


def gateway(name: str = "wp", namespace: str = "shop", **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": "Gateway", "metadata": meta, "spec": {"gatewayClassName": "istio-waypoint"}}


def told(*objects: str | Mapping[str, Any], column: str = "plaintext", **how: Any) -> str:
    (row,) = (row for row in rows_of(objects, **how) if row.unit.name == "api")
    return next(str(fact.says) for fact in facts(row) if fact.column == column)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([MESH, IN], ("?", "unknown")),
        ([MESH, IN, SEEN], ("?", "unknown")),
        ([MESH, IN, SEEN, day()], ("no calls", "dim")),
        ([MESH, IN, SEEN, day(count=9, mutual=9)], ("nobody", "pass")),
        ([MESH, IN, SEEN, day(count=9, mutual=5)], ("?", "unknown")),
        ([pod(), SEEN, day()], ("not counted", "unknown")),
        ([MESH, IN, day(count=99, plain=3, before=9, plainBefore=1), call("old", 3)], ("payments/old: 3 (2 more)", "fail")),
        ([MESH, IN, day(count=99, plain=8), call("old", 3), call("older", 5)], ("payments/older and 1 more: 8", "fail")),
        ([MESH, IN, SEEN, day(count=9, plain=9, nameless=9)], ("callers without a name: 9", "fail")),
        ([MESH, IN, day(count=9, mutual=9), call("old", 0, count=500, told=False)], ("nobody", "pass")),
    ],
)
def test_the_list_tells_plaintext_from_none_and_from_what_nobody_counts(objects: list[Any], expected: tuple[str, str]) -> None:
    assert cells(*objects)["plaintext"] == expected


def test_plaintext_that_was_counted_stands_while_other_calls_are_not_known() -> None:
    objects = [MESH, IN, day(count=99, plain=3), call("old", 3)]
    assert cells(*objects, gaps={"ObservedCall": "partial:store-1"})["plaintext"] == ("payments/old: 3", "fail")
    assert "there may be others: " in told(*objects, gaps={"ObservedCall": "partial:store-1"})


def test_nobody_is_not_said_while_calls_are_not_all_known() -> None:
    gaps = {"DayTraffic": "partial:store-1"}
    assert cells(MESH, IN, SEEN, day(count=9, mutual=9), gaps=gaps)["plaintext"] == ("?", "unknown")


def test_nobody_is_not_said_of_a_port_that_is_kept_away_from_the_proxy() -> None:
    kept = pod(sidecar=True)
    kept["metadata"] = {**kept["metadata"], "annotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}}
    assert cells(MESH, kept, SEEN, day(count=9, mutual=9))["plaintext"] == ("not counted", "unknown")


def test_the_page_names_the_callers_and_what_strict_would_do_to_them() -> None:
    found = told(MESH, IN, day(count=9000, plain=135, nameless=5, before=8000, plainBefore=208), call("old-gateway", 130))
    assert found == (
        "in the last day shop/api (Pod) was called in plaintext 130 times by payments/old-gateway and 5 times by callers that "
        "the mesh has no name for: STRICT would cut them off; the day before 208 times in plaintext, so fewer now"
    )


def test_the_day_before_is_not_made_up() -> None:
    assert "; of the day before nothing was counted" in told(MESH, IN, SEEN, day(count=9, mutual=9))
    fewer = day(count=9, mutual=9, before=7, plainBefore=1)
    assert "; the day before once in plaintext, so fewer now" in told(MESH, IN, SEEN, fewer)


def hours(calls: Mapping[int, float], plain: Mapping[int, float], unsaid: Mapping[int, float] | None = None) -> dict[str, Any]:
    """What was counted, by how many hours ago; all but ``plain`` and ``unsaid`` came over mutual TLS."""
    rest = {ago: count - plain.get(ago, 0.0) - (unsaid or {}).get(ago, 0.0) for ago, count in calls.items()}
    counts = {"calls": calls, "mutual": rest, "plain": plain}
    told = {name: [of.get(23 - at, 0.0) for at in range(24)] for name, of in counts.items()}
    return {"kind": "HourTraffic", "metadata": {"name": "api", "namespace": "shop"}, **told}


ALL = dict.fromkeys(range(24), 9.0)


@pytest.mark.parametrize(
    ("objects", "cell", "says"),
    [
        ([], ("?", "unknown"), "when it was called in plaintext is not measured: "),
        ([hours({}, {})], ("–", "dim"), "nothing called it in the last day, as far as the mesh counts"),
        ([hours(ALL, {})], ("·" * 24, "pass"), "called in 24 of the last 24 hours, in none of them in plaintext"),
        ([hours(ALL, {5: 9.0, 4: 4.5, 3: 1.0})], ("·" * 18 + "█▄▁···", "warn"), ", in 3 of them in plaintext, the last time 3 h"),
        ([hours({1: 5.0}, {1: 5.0})], ("-" * 22 + "█-", "warn"), "in 1 of the last 24 hours, in all of them in plaintext, the"),
        ([hours(ALL, ALL)], ("█" * 24, "fail"), "in 24 of the last 24 hours, in all of them in plaintext, also in the last one"),
        ([hours(ALL, {}, {2: 1.0})], ("·" * 21 + "?··", "unknown"), "in plaintext that is known; of some calls in 1 of them"),
        ([hours(ALL, {4: 9.0}, {2: 1.0})], ("·" * 19 + "█·?··", "warn"), "of some calls in 1 of them the mesh does not say"),
        ([hours(ALL, {0: 0.4})], ("·" * 24, "pass"), "in none of them in plaintext"),
    ],
)
def test_plaintext_is_drawn_by_the_hour(objects: list[Any], cell: tuple[str, str], says: str) -> None:
    assert cells(MESH, IN, *objects)["by hour"] == cell
    assert says in told(MESH, IN, *objects, column="by hour")


def test_hours_are_not_drawn_where_no_mesh_counts_and_named_in_the_document() -> None:
    assert cells(pod(), hours(ALL, {}))["by hour"] == ("–", "unknown")
    (seen,) = document(rows_of([pod(), hours(ALL, {})]))
    assert seen["plaintext_by_hour"] is None
    (seen,) = document(rows_of([MESH, IN, hours({1: 4.0, 0: 3.0}, {0: 1.0}, {0: 1.0})]))
    assert seen["plaintext_by_hour"][21:] == [
        {"calls": 0, "plain": 0, "unsaid": 0},
        {"calls": 4, "plain": 0, "unsaid": 0},
        {"calls": 3, "plain": 1, "unsaid": 1},
    ]


def test_hostile_names_are_clean_and_many_callers_are_counted() -> None:
    found = told(MESH, IN, day(count=99, plain=21), *(call(f"old{number}", float(number)) for number in range(1, 7)))
    assert "6 times by payments/old6, 5 times by payments/old5" in found
    assert found.count("payments/") == 5
    assert "and once by 1 more" in found
    (line,) = mtls_lines(rows_of([MESH, IN, day(count=9, plain=9), call("o\x1b[31mld", 9)]))
    assert "\x1b" not in "".join(cell.text for cell in line.cells)


def test_the_objects_that_say_so_are_named() -> None:
    (row,) = rows_of([MESH, IN, day(count=9, plain=9), call("old", 9)])
    fact = next(item for item in facts(row) if item.column == "plaintext")
    assert [str(ref) for ref in fact.by] == ["daytraffic/shop/api", "observedcall/shop/payments/old>api"]
    page = port_page(PortPage(row))
    assert any("9 times by payments/old" in cell.text for line in page for cell in line.cells)


def test_the_document_tells_null_where_nobody_counts() -> None:
    (seen,) = document(rows_of([MESH, IN, day(count=9, plain=4, before=2), call("old", 4)]))
    assert seen["plaintext"] == {
        "calls": 9,
        "plain": 4,
        "unsaid": 5,
        "day_before": 0,
        "from": [{"namespace": "payments", "workload": "old", "calls": 4}],
        "nameless": 0,
    }
    (blind,) = document(rows_of([MESH, IN]))
    assert (blind["plaintext"]["calls"], blind["plaintext"]["plain"], blind["plaintext"]["from"]) == (None, None, [])


def ambient(**labels: str) -> dict[str, Any]:
    found = pod()
    meta = {**found["metadata"], "annotations": {"ambient.istio.io/redirection": "enabled"}}
    return {**found, "metadata": {**meta, "labels": {**meta["labels"], **labels}}}


def service(**labels: str) -> dict[str, Any]:
    meta = {"name": "api", "namespace": "shop", "labels": labels}
    return {"kind": "Service", "metadata": meta, "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}}


USE = {"istio.io/use-waypoint": "wp"}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([ambient(), service()], "none is asked for: policies about requests are asked nowhere"),
        ([ambient(), service(**USE), gateway()], "shop/wp takes calls to its Services"),
        ([ambient(**USE), service(), gateway()], "none is asked for: policies about requests are asked nowhere"),
        ([ambient(**USE), gateway(**{"istio.io/waypoint-for": "workload"})], "shop/wp takes calls to its pods"),
        ([ambient(), service(**USE)], "shop/wp is asked for calls to its Services and is not there"),
        (
            [ambient(), service(**USE, **{"istio.io/use-waypoint-namespace": "edge"}), gateway(namespace="edge")],
            "edge/wp takes calls to its Services",
        ),
    ],
)
def test_waypoints_are_named_where_they_stand(objects: list[Any], expected: str) -> None:
    assert told(MESH, *objects, column="waypoint") == expected


def test_a_namespace_asks_for_its_services_and_one_of_them_opts_out() -> None:
    space = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient", **USE}}}
    everything = gateway(**{"istio.io/waypoint-for": "all"})
    both = "shop/wp takes calls to its Services; shop/wp takes calls to its pods"
    assert told(MESH, space, ambient(), service(), everything, column="waypoint") == both
    none = {"istio.io/use-waypoint": "none"}
    assert told(MESH, space, ambient(), service(**none), everything, column="waypoint") == "shop/wp takes calls to its pods"


def test_without_ambient_no_waypoint_is_spoken_of_and_unread_gateways_are_unknown() -> None:
    (row,) = rows_of([MESH, LABELLED, IN, service(**USE), gateway()])
    assert [fact.column for fact in facts(row)][-1] == "callers"
    assert told(MESH, ambient(), service(**USE), column="waypoint", gaps={"Gateway": "forbidden"}).startswith("cannot be seen")


def attached(rules: list[Any]) -> dict[str, Any]:
    found = authz("at-waypoint", rules=rules)
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "wp"}
    return {**found, "spec": {**found["spec"], "targetRefs": [target]}}


def test_a_policy_at_the_waypoint_decides_and_who_goes_past_it_is_not_asked() -> None:
    objects = [MESH, ambient(), service(**USE), gateway(), attached(by("cluster.local/ns/web/sa/web"))]
    assert cells(*objects)["callers"] == ("cluster.local/ns/web/sa/web", "warn")
    assert "who goes past it is not asked" in told(*objects, column="callers")
    assert cells(*objects, authz("deny-all"))["callers"] == ("cluster.local/ns/web/sa/web", "pass")
    assert cells(*(item for item in objects if item["kind"] != "Gateway"))["callers"] == ("anybody", "fail")
    assert cells(*objects, gaps={"Gateway": "forbidden"})["callers"] == ("?", "unknown")


ELSEWHERE = {**USE, "istio.io/use-waypoint-namespace": "edge"}


def test_a_waypoint_of_another_namespace_is_asked_by_the_policies_there() -> None:
    there = attached(by("cluster.local/ns/web/sa/web"))
    there = {**there, "metadata": {**there["metadata"], "namespace": "edge"}}
    objects = [MESH, ambient(), service(**ELSEWHERE), gateway(namespace="edge"), there]
    assert cells(*objects)["callers"] == ("cluster.local/ns/web/sa/web", "warn")
    assert "who goes past it is not asked" in told(*objects, column="callers")
    without = [item for item in objects if item is not there]
    at_home = attached(by("cluster.local/ns/web/sa/web"))
    assert cells(*without, at_home)["callers"] == ("anybody", "fail"), "its own namespace has no waypoint of that name"
    loose = authz("of-edge", rules=[])
    loose = {**loose, "metadata": {**loose["metadata"], "namespace": "edge"}}
    assert cells(*without, loose)["callers"] == ("anybody", "fail"), "what is attached to nothing is about workloads there"


def test_a_policy_for_all_waypoints_stands_in_the_root_namespace() -> None:
    everywhere = authz("all", rules=by("cluster.local/ns/web/sa/web"))
    target = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
    spec = {**everywhere["spec"], "targetRefs": [target]}
    root = {**everywhere, "metadata": {**everywhere["metadata"], "namespace": "istio-system"}, "spec": spec}
    objects = [MESH, ambient(), service(**ELSEWHERE), gateway(namespace="edge")]
    assert cells(*objects, root)["callers"] == ("cluster.local/ns/web/sa/web", "warn")
    assert cells(*objects, {**root, "metadata": {**root["metadata"], "namespace": "shop"}})["callers"] == ("anybody", "fail")
    assert cells(MESH, ambient(), service(), root)["callers"] == ("anybody", "fail"), "no waypoint, nobody who asks"


def test_the_demo_s_old_gateway_is_named_with_the_day_before(tmp_path: Path) -> None:
    found = Assessed("default", tmp_path)
    found.ask()
    rows = {(row.unit.name, row.port): row for row in all_ports(View(found.store.tick(NOW)), cells_of(None), "payments")}
    found.judge.close()
    [api] = [line for line in mtls_lines(rows.values()) if line.cells[0].text == "payments/api" and line.cells[1].text == "8080"]
    assert api.cells[6].text == "payments/old-gateway: 3,024 (1,814 fewer)"
    says = next(fact.says for fact in facts(rows["api", 8080]) if fact.column == "plaintext")
    assert "3,024 times by payments/old-gateway" in says
    assert "STRICT would cut them off" in says
    assert next(fact.text for fact in facts(rows["old-gateway", 8080]) if fact.column == "plaintext") == "not counted"


def test_of_a_port_apart_nothing_is_said_that_was_counted_at_others() -> None:
    kept = pod(sidecar=True)
    kept["metadata"] = {**kept["metadata"], "annotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}}
    objects = [MESH, kept, day(count=99, plain=9), call("old", 9), traffic(http=100, httpMutual=97)]
    found = cells(*objects)
    assert (found["seen"], found["plaintext"]) == (("not counted", "unknown"), ("not counted", "unknown"))
    (row,) = rows_of(objects)
    page = port_page(PortPage(row))
    assert any("changes nothing here: no mesh stands before this port" in cell.text for line in page for cell in line.cells)


def test_strict_cuts_off_whom_no_policy_lets_in_and_who_was_counted() -> None:
    (row,) = rows_of([MESH, IN, day(count=99, plain=9), call("old", 9)])
    texts = [cell.text for line in port_page(PortPage(row)) for cell in line.cells]
    [strict] = [text for text in texts if text.startswith("would cut off those who called it in plaintext")]
    assert strict.endswith("was counted: payments/old")

"""The reach engine: acceptance vectors, edges one by one, and a second opinion over many generated networks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines import plain_reach
from tests.engines.reach_worlds import PORTS, Maker
from tests.worlds import view_of
from ztui.engines.netrules import baseline_policies, of_namespace, of_tier
from ztui.engines.reach import NAME_LABEL, Reach, Rulebook, Spot, outside, reach, rulebook, spot_of
from ztui.kinds.base import K, decode
from ztui.kinds.netpolicy import AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, NetworkPolicy
from ztui.kinds.workload import Pod

SHORT, LONG = 20_000, 100_000


def made(kind: type[K], obj: dict[str, Any]) -> K:
    meta = {"uid": "u", "resourceVersion": "1", **obj["metadata"]}
    return decode(kind, json.dumps({**obj, "metadata": meta}).encode())


def book_of(world: dict[str, Any]) -> Rulebook:
    admin = [of_tier(made(AdminNetworkPolicy, item)) for item in world["anps"]]
    cnps = [made(ClusterNetworkPolicy, item) for item in world["cnps"]]
    admin += [of_tier(item) for item in cnps if item.spec.tier == "Admin"]
    base = [of_tier(made(BaselineAdminNetworkPolicy, world["banp"]))] if world["banp"] else []
    base += [of_tier(item) for item in cnps if item.spec.tier == "Baseline"]
    policies = [of_namespace(made(NetworkPolicy, item)) for item in world["policies"]]
    own = {name: tuple(item for item in policies if item.home == name) for name in world["namespaces"]}

    def by_priority(found: list[Any]) -> tuple[Any, ...]:
        return tuple(sorted(found, key=lambda item: (item.priority, item.ref)))

    return Rulebook(by_priority(admin), own, by_priority(base))


def spot(world: dict[str, Any], pod: dict[str, Any]) -> Spot:
    return Spot(
        f"{pod['ns']}/{pod['name']}",
        pod["ns"],
        pod["labels"],
        {NAME_LABEL: pod["ns"], **world["namespaces"][pod["ns"]]},
        (pod["ip"],),
        pod["host"],
        pod["node"],
        pod["node_labels"] if pod["host"] else None,
        {(name, protocol): number for name, protocol, number in pod["ports"]},
    )


def disagreements(seeds: range) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for seed in seeds:
        maker = Maker(seed)
        world = maker.world()
        book = book_of(world)
        for _ in range(4):
            src, dst = maker.rng.choice(world["pods"]), maker.rng.choice(world["pods"])
            protocol, port = maker.rng.choice(("TCP", "TCP", "UDP")), maker.rng.choice(PORTS)
            ours = reach(book, spot(world, src), spot(world, dst), protocol, port).allowed
            if ours != plain_reach.allowed(world, src, dst, protocol, port):
                found.append((seed, {"src": src, "dst": dst, "protocol": protocol, "port": port, "ours": ours}))
    return found


def test_a_second_opinion_agrees_on_generated_networks() -> None:
    assert disagreements(range(SHORT // 4)) == []


@pytest.mark.soak
def test_a_second_opinion_agrees_on_very_many_generated_networks() -> None:
    assert disagreements(range(10_000, 10_000 + LONG // 4)) == []


def pod(place: str, *, ip: str = "10.0.0.1", host: bool = False, node: str = "m1", **labels: str) -> dict[str, Any]:
    namespace, _, name = place.partition("/")
    ports = [{"name": "http", "containerPort": 8080}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"hostNetwork": host, "nodeName": node, "containers": [{"name": "c", "image": "i", "ports": ports}]},
        "status": {"phase": "Running", "podIP": ip},
    }


def policy(place: str, **spec: Any) -> dict[str, Any]:
    namespace, _, name = place.partition("/")
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def ask(src: str, dst: str, *objects: Any, protocol: str = "TCP", port: int = 8080) -> Reach:
    view = view_of([{"kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}} for name in "ab"] + list(objects))

    def end(name: str) -> Spot:
        if "/" not in name:
            return outside(name)
        namespace, _, pod_name = name.partition("/")
        found = view.get(Pod, pod_name, namespace)
        assert found is not None
        return spot_of(view, found)

    return reach(rulebook(view, "a", "b", outside=True), end(src), end(dst), protocol, port)


X, Y = pod("a/x", app="x"), pod("b/y", ip="10.0.0.2", app="y")


def test_v05_an_empty_egress_list_without_types_isolates_nothing() -> None:
    assert ask("a/x", "b/y", X, Y, policy("a/p", podSelector={}, egress=[])).egress.tier == "default"
    assert not ask("a/x", "b/y", X, Y, policy("a/p", podSelector={}, policyTypes=["Egress"])).allowed


def test_v06_two_peers_are_either_and_one_peer_with_two_selectors_is_both() -> None:
    team, app = {"namespaceSelector": {"matchLabels": {"team": "a"}}}, {"podSelector": {"matchLabels": {"app": "z"}}}
    either = policy("b/p", podSelector={}, ingress=[{"from": [team, app]}])
    both = policy("b/p", podSelector={}, ingress=[{"from": [{**team, **app}]}])
    assert ask("a/x", "b/y", X, Y, either).allowed
    assert not ask("a/x", "b/y", X, Y, both).allowed


def test_v07_names_resolve_on_the_called_pod_and_ranges_include_their_ends() -> None:
    named = policy("b/p", podSelector={}, ingress=[{"ports": [{"port": "http"}]}])
    span = policy("b/p", podSelector={}, ingress=[{"ports": [{"port": 8000, "endPort": 8100}]}])
    assert ask("a/x", "b/y", X, Y, named).allowed
    assert ask("a/x", "b/y", X, Y, span).allowed
    assert ask("a/x", "b/y", X, Y, span, port=8100).allowed
    assert not ask("a/x", "b/y", X, Y, named, port=8101).allowed
    assert not ask("a/x", "b/y", X, Y, span, port=8101).allowed


def anp(name: str, priority: int, action: str, **peer: Any) -> dict[str, Any]:
    rule = {"action": action, "from": [peer or {"namespaces": {}}]}
    return {
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"priority": priority, "subject": {"namespaces": {}}, "ingress": [rule]},
    }


def test_v08_pass_leaves_the_tier_so_that_a_later_deny_is_not_asked() -> None:
    allow = policy("b/p", podSelector={}, ingress=[{}])
    found = ask("a/x", "b/y", X, Y, anp("first", 5, "Pass"), anp("second", 10, "Deny"), allow)
    assert found.allowed
    assert (found.ingress.tier, found.ingress.by and found.ingress.by.name, found.ingress.rule) == ("policy", "p", 0)
    assert not ask("a/x", "b/y", X, Y, anp("second", 10, "Deny"), allow).allowed


def test_v09_an_exception_of_a_block_is_not_in_it() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    rule = policy("b/p", podSelector={}, ingress=[{"from": [block]}])
    assert ask("10.2.0.1", "b/y", Y, rule).allowed
    assert not ask("10.1.2.3", "b/y", Y, rule).allowed


def test_equal_priorities_that_disagree_are_said_to() -> None:
    found = ask("a/x", "b/y", X, Y, anp("one", 5, "Allow"), anp("two", 5, "Deny"))
    assert found.allowed
    assert found.notes == ("ambiguous",)


def test_a_priority_that_the_plugin_does_not_honour_decides_nothing() -> None:
    network = {"apiVersion": "config.openshift.io/v1", "kind": "Network", "status": {"networkType": "OVNKubernetes"}}
    found = ask("a/x", "b/y", X, Y, anp("late", 100, "Deny"), network)
    assert found.allowed
    assert found.notes == ("not-enforced",)


def test_host_networks_are_let_in_by_their_group_their_address_or_everything_and_not_by_a_namespace() -> None:
    host = pod("a/x", ip="192.168.0.9", host=True, node="m2")
    group = {"namespaceSelector": {"matchLabels": {"policy-group.network.openshift.io/host-network": ""}}}

    def allowed(peer: dict[str, Any]) -> bool:
        return ask("a/x", "b/y", host, Y, policy("b/p", podSelector={}, ingress=[{"from": [peer]}])).allowed

    assert allowed(group)
    assert allowed({"ipBlock": {"cidr": "192.168.0.0/24"}})
    assert allowed({"namespaceSelector": {}, "podSelector": {}})
    assert not allowed({"namespaceSelector": {}})
    assert not allowed({"podSelector": {}})
    near = pod("a/x", ip="192.168.0.9", host=True, node="m1")
    found = ask("a/x", "b/y", near, Y, policy("b/p", podSelector={}))
    assert found.allowed
    assert found.notes == ("own node",)


def test_administrators_never_mean_host_networks_by_namespace() -> None:
    host = pod("a/x", ip="192.168.0.9", host=True, node="m2")
    assert ask("a/x", "b/y", host, Y, anp("all", 1, "Deny")).allowed


def firewall(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "EgressFirewall", "metadata": {"name": "default", "namespace": "a"}, "spec": {"egress": list(rules)}}


def test_an_egress_firewall_asks_in_order_and_only_on_the_way_out() -> None:
    deny = {"type": "Deny", "to": {"cidrSelector": "0.0.0.0/0"}}
    allow = {"type": "Allow", "to": {"cidrSelector": "198.51.100.0/24"}, "ports": [{"protocol": "TCP", "port": 443}]}
    inside = {
        "apiVersion": "config.openshift.io/v1",
        "kind": "Network",
        "status": {"clusterNetwork": [{"cidr": "10.0.0.0/8"}], "serviceNetwork": ["172.30.0.0/16"]},
    }
    wall = firewall(allow, deny)
    assert ask("a/x", "198.51.100.7", X, wall, inside, port=443).allowed
    found = ask("a/x", "198.51.100.7", X, wall, inside, port=80)
    assert (found.allowed, found.egress.tier, found.egress.rule) == (False, "firewall", 1)
    assert ask("a/x", "172.30.0.10", X, wall, inside, port=443).allowed
    assert ask("a/x", "b/y", X, Y, wall, inside).allowed
    by_name = firewall({"type": "Deny", "to": {"dnsName": "evil.example"}})
    assert ask("a/x", "203.0.113.1", X, by_name, inside).notes == ("unknown-dns",)


def test_primary_networks_of_their_own_keep_pods_apart() -> None:
    own = {"kind": "UserDefinedNetwork", "metadata": {"name": "own", "namespace": "a"}, "spec": {"topology": "Layer2"}}
    own["spec"]["layer2"] = {"role": "Primary"}  # type: ignore[index]  # the literal above is not typed deeper
    labelled = {"kind": "Namespace", "metadata": {"name": "a", "labels": {"k8s.ovn.org/primary-user-defined-network": ""}}}
    found = ask("a/x", "b/y", labelled, X, Y, own)
    assert (found.allowed, found.notes) == (False, ("udn-isolated",))


def test_only_the_baseline_named_default_counts() -> None:
    spec = {"subject": {"namespaces": {}}, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}
    other = {"kind": "BaselineAdminNetworkPolicy", "metadata": {"name": "other"}, "spec": spec}
    real = {"kind": "BaselineAdminNetworkPolicy", "metadata": {"name": "default"}, "spec": spec}
    assert baseline_policies(view_of([other])) == ()
    found = ask("a/x", "b/y", X, Y, real)
    assert (found.allowed, found.ingress.tier) == (False, "baseline")
    assert ask("a/x", "b/y", X, Y, real, policy("b/p", podSelector={}, ingress=[{}])).allowed


def test_a_named_port_of_a_plain_init_container_is_nobodys() -> None:
    item = pod("b/y")
    item["spec"]["containers"] = [{"name": "c", "image": "i"}]
    item["spec"]["initContainers"] = [{"name": "i", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}]
    rule = policy("b/p", podSelector={}, ingress=[{"ports": [{"port": "http"}]}])
    assert not ask("a/x", "b/y", X, item, rule).allowed
    item["spec"]["initContainers"][0]["restartPolicy"] = "Always"
    assert ask("a/x", "b/y", X, item, rule).allowed


def test_a_block_that_cannot_be_read_matches_nobody() -> None:
    broken = policy("b/p", podSelector={}, ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}])
    assert not ask("10.0.0.9", "b/y", Y, broken).allowed

"""The map of reach: it must say for every pair what the engine says for one, and group what no rule tells apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.reach_worlds import Maker
from tests.worlds import view_of
from ztui.engines.marks import ANY_PORT
from ztui.engines.reach import reach, rulebook, spot_of
from ztui.engines.reachmap import members, reach_map
from ztui.kinds.workload import Pod
from ztui.view import View


def network(seed: int) -> View:
    """A generated network as objects of a cluster. Processes of nodes have nodes of their own: that a node reaches its pods is
    no matter of groups."""
    world = Maker(seed).world()
    objects: list[Any] = [{"kind": "Namespace", "metadata": {"name": n, "labels": v}} for n, v in world["namespaces"].items()]
    for pod in world["pods"]:
        ports = [{"name": name, "protocol": protocol, "containerPort": number} for name, protocol, number in pod["ports"]]
        spec = {"hostNetwork": pod["host"], "nodeName": f"{pod['node']}-{pod['host']}"}
        spec["containers"] = [{"name": "c", "image": "i", "ports": ports}]
        meta = {"name": pod["name"], "namespace": pod["ns"], "labels": pod["labels"]}
        objects.append({"kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Running", "podIP": pod["ip"]}})
    objects += [{"kind": "NetworkPolicy", **item} for item in world["policies"]]
    objects += [{"kind": "AdminNetworkPolicy", **item} for item in world["anps"]]
    objects += [{"kind": "ClusterNetworkPolicy", **item} for item in world["cnps"]]
    objects += [{"kind": "BaselineAdminNetworkPolicy", **world["banp"]}] if world["banp"] else []
    return view_of(objects, platform="k8s")


def disagreements(seeds: range) -> tuple[list[Any], int]:
    found, asked = [], 0
    for seed in seeds:
        view = network(seed)
        book = rulebook(view, *{pod.namespace for pod in view.all(Pod)})
        whole = reach_map(view)
        spots = {f"{pod.namespace}/{pod.name}": spot_of(view, pod) for pod in view.all(Pod)}
        places = {
            f"{member.workload.namespace}/{name}": whole.at(mark)
            for mark, listed in members(view).items()
            for member in listed
            for name in member.pods
        }
        for src, caller in spots.items():
            for dst, called in spots.items():
                for number, door in enumerate(whole.doors[places[dst]]):
                    if src == dst or door.port == ANY_PORT:
                        continue
                    ours = bool(whole.callers[places[dst]][number] >> places[src] & 1)
                    asked += 1
                    if ours != reach(book, caller, called, door.protocol, door.port).allowed:
                        found.append((seed, src, dst, str(door), ours))
    return found, asked


def test_the_map_says_of_every_pair_what_the_engine_says_of_one() -> None:
    found, asked = disagreements(range(200))
    assert found == []
    assert asked > 800


@pytest.mark.soak
def test_the_map_agrees_on_very_many_networks() -> None:
    assert disagreements(range(1000, 9000))[0] == []

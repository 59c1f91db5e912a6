"""A large cluster is mostly repetition: what is equal is held once, and nobody spells a cluster out by accident."""

from __future__ import annotations

import json
from typing import Any

from tests.worlds import complete, judged, world
from ztui.frame import Frame
from ztui.kinds.base import decode
from ztui.kinds.workload import Pod


def pod(name: str, **labels: str) -> Pod:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-1", "uid": "u", "controller": True}
    status = {"phase": "Running", "containerStatuses": [{"name": "main", "imageID": "registry.example/app@sha256:0"}]}
    body: dict[str, Any] = {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}, "status": status}
    return decode(Pod, json.dumps(complete({"kind": "Pod"} | body)[1]).encode())


def test_pods_of_one_template_share_what_the_template_decides() -> None:
    one, two = pod("a", app="api"), pod("b", app="api")
    assert one.metadata.labels is two.metadata.labels
    assert one.owners is two.owners
    assert one.spec.containers is two.spec.containers
    assert one.status.container_statuses is two.status.container_statuses
    assert one.name != two.name


def test_labels_that_differ_are_not_shared() -> None:
    assert (pod("a", app="api").labels, pod("b", app="web").labels) == ({"app": "api"}, {"app": "web"})


def test_a_frame_is_short_when_printed() -> None:
    state = world([f"pod/shop/p{number}" for number in range(100)]).state
    assert len(repr(Frame(state, judged(state)))) < 1000

"""Quiet life: now and then a pod restarts, a deployment rolls, an event is told. The same seed lives the same life."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from ztui.demo.answers import Obj
from ztui.demo.cluster import Cluster
from ztui.demo.store import merge, stamp

EVERY_S = (2.0, 6.0)
EVENTS_KEPT = 200


async def live(cluster: Cluster, seed: int) -> None:
    """Lives until cancelled: one small thing every few seconds, in the tenants' namespaces."""
    rng = random.Random(seed)  # noqa: S311  # a story, not a secret
    while True:
        await asyncio.sleep(rng.uniform(*EVERY_S))
        step(cluster, rng)


def step(cluster: Cluster, rng: random.Random) -> None:
    """One small thing."""
    happening = rng.choices((_restart, _replace, _tell), weights=(3, 2, 5))[0]
    tenants = [pod for pod in cluster.store.of("pods") if not _is_system(pod["metadata"]["namespace"])]
    running = [pod for pod in tenants if (pod.get("status") or {}).get("phase") == "Running"]
    if running:
        happening(cluster, rng.choice(running))


def _restart(cluster: Cluster, pod: Obj) -> None:
    """A container ends and is started again."""
    statuses = [
        {**item, "restartCount": item.get("restartCount", 0) + (number == 0)}
        for number, item in enumerate((pod.get("status") or {}).get("containerStatuses") or ())
    ]
    if statuses:
        meta = pod["metadata"]
        cluster.store.patch("pods", meta["name"], {"status": {"containerStatuses": statuses}}, meta["namespace"])
        _event(cluster, pod, "BackOff", "Back-off restarting failed container", "Warning")


def _replace(cluster: Cluster, pod: Obj) -> None:
    """A pod is evicted; its controller makes another one."""
    owners = pod["metadata"].get("ownerReferences") or ()
    if any(owner["kind"] == "ReplicaSet" for owner in owners):
        _event(cluster, pod, "Killing", "Stopping container main", "Normal")
        cluster.store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])


def _tell(cluster: Cluster, pod: Obj) -> None:
    """The kubelet tells that it did its work."""
    _event(cluster, pod, "Pulled", "Container image already present on machine", "Normal")


def _event(cluster: Cluster, pod: Obj, reason: str, message: str, kind: str) -> None:
    store, meta = cluster.store, pod["metadata"]
    moment = store.now()
    old = store.of("events")
    for obj in old[: max(0, len(old) - EVENTS_KEPT)]:
        if obj["metadata"].get("creationTimestamp", "") < stamp(moment - timedelta(minutes=5)):
            store.delete("events", obj["metadata"]["name"], obj["metadata"]["namespace"])
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    named = {"name": f"{meta['name']}.{store.new_uid()[:13]}", "namespace": meta["namespace"]}
    event: Obj = {"apiVersion": "v1", "kind": "Event", "metadata": named, "involvedObject": about}
    told = {"reason": reason, "message": message, "type": kind, "count": 1, "source": {"component": "kubelet"}}
    times = {"firstTimestamp": stamp(moment), "lastTimestamp": stamp(moment)}
    store.put(merge(event, {**told, **times}))


def _is_system(namespace: str) -> bool:
    return namespace.startswith(("openshift", "kube-"))

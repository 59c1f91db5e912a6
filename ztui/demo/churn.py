"""Quiet life: now and then a container restarts, a Deployment rolls out, a pod is moved, an event is told, somebody logs in.

The same seed lives the same life. Tests run `step` as often as they like; only `live` waits.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from ztui.demo.answers import Obj
from ztui.demo.cluster import Cluster
from ztui.demo.store import merge, stamp

EVERY_S = (2.0, 6.0)
EVENTS_KEPT = 200
LOGINS_KEPT = 20


async def live(cluster: Cluster, seed: int) -> None:
    """Lives until cancelled: one small thing every few seconds."""
    rng = random.Random(seed)  # noqa: S311  # a story, not a secret
    while True:
        await asyncio.sleep(rng.uniform(*EVERY_S))
        step(cluster, rng)


def step(cluster: Cluster, rng: random.Random) -> None:
    """One small thing, in a tenant's namespace."""
    happening = rng.choices((_tell, _restart, _move, _roll, _log_in), weights=(6, 3, 2, 1, 1))[0]
    with cluster.store.lock:  # a pod that was picked stays until it is done
        happening(cluster, rng)


def _pod(cluster: Cluster, rng: random.Random, owner: str = "") -> Obj | None:
    """Some running pod of the tenants, of a kind of owner where given."""
    found = [
        pod
        for pod in cluster.store.of("pods")
        if not pod["metadata"]["namespace"].startswith(("openshift", "kube-", "default"))
        and pod["status"].get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and (not owner or any(o["kind"] == owner for o in pod["metadata"].get("ownerReferences") or ()))
    ]
    return rng.choice(found) if found else None


def _tell(cluster: Cluster, rng: random.Random) -> None:
    """The kubelet tells that it did its work, or that a probe failed."""
    pod = _pod(cluster, rng)
    if pod and rng.random() < 0.7:
        image = pod["spec"]["containers"][0]["image"]
        _event(cluster, pod, "Pulled", f'Container image "{image}" already present on machine', "Normal")
    elif pod:
        _event(cluster, pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "Warning")


def _restart(cluster: Cluster, rng: random.Random) -> None:
    """A container ends and is started again."""
    pod = _pod(cluster, rng)
    if pod is None:
        return
    now = stamp(cluster.store.now())
    first, *others = pod["status"]["containerStatuses"]
    since = (first["state"].get("running") or {}).get("startedAt", now)
    ended = {"exitCode": 137, "reason": "OOMKilled", "startedAt": since, "finishedAt": now, "containerID": first["containerID"]}
    again = {
        **first,
        "restartCount": first["restartCount"] + 1,
        "lastState": {"terminated": ended},
        "state": {"running": {"startedAt": now}},
    }
    meta = pod["metadata"]
    cluster.store.patch("pods", meta["name"], {"status": {"containerStatuses": [again, *others]}}, meta["namespace"])
    _event(cluster, pod, "Started", f"Started container {first['name']}", "Normal")


def _move(cluster: Cluster, rng: random.Random) -> None:
    """A pod is evicted; its controller makes another one."""
    pod = _pod(cluster, rng, "ReplicaSet")
    if pod:
        _event(cluster, pod, "Killing", f"Stopping container {pod['spec']['containers'][0]['name']}", "Normal")
        cluster.store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])


def _roll(cluster: Cluster, rng: random.Random) -> None:
    """Somebody restarts a Deployment."""
    pod = _pod(cluster, rng, "ReplicaSet")
    if pod is None:
        return
    name = pod["metadata"]["ownerReferences"][0]["name"].rpartition("-")[0]
    notes = {"kubectl.kubernetes.io/restartedAt": stamp(cluster.store.now())}
    changes = {"spec": {"template": {"metadata": {"annotations": notes}}}}
    cluster.store.patch("deployments", name, changes, pod["metadata"]["namespace"])


def _log_in(cluster: Cluster, rng: random.Random) -> None:
    """Somebody logs in at the console; the oldest of many logins ends."""
    store, users = cluster.store, cluster.catalogue.get("user.openshift.io", "users")
    if users is None:
        return
    user = rng.choice(store.all(users))
    old = [token for token in store.of("oauthaccesstokens") if token["clientName"] == "console"]
    if len(old) > LOGINS_KEPT:
        oldest = min(old, key=lambda token: str(token["metadata"]["creationTimestamp"]))
        store.delete("oauthaccesstokens", oldest["metadata"]["name"])
    store.put(
        {
            "apiVersion": "oauth.openshift.io/v1",
            "kind": "OAuthAccessToken",
            "metadata": {"name": f"sha256~{store.new_uid().replace('-', '')}"},
            "clientName": "console",
            "expiresIn": 86400,
            "userName": user["metadata"]["name"],
            "userUID": user["metadata"]["uid"],
            "scopes": ["user:full"],
            "redirectURI": "https://console-openshift-console.apps.demo.example/auth/callback",
        }
    )


def _event(cluster: Cluster, pod: Obj, reason: str, message: str, kind: str) -> None:
    store, meta = cluster.store, pod["metadata"]
    moment = store.now()
    old = store.of("events")
    for obj in old[: max(0, len(old) - EVENTS_KEPT)]:
        if obj["metadata"].get("creationTimestamp", "") < stamp(moment - timedelta(minutes=5)):
            store.delete("events", obj["metadata"]["name"], obj["metadata"]["namespace"])
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    named = {"name": f"{meta['name']}.{store.new_uid()[:13]}", "namespace": meta["namespace"]}
    source = {"component": "kubelet", "host": pod["spec"]["nodeName"]}
    told = {"reason": reason, "message": message, "type": kind, "count": 1, "source": source, "reportingComponent": "kubelet"}
    times = {"firstTimestamp": stamp(moment), "lastTimestamp": stamp(moment)}
    event: Obj = {"apiVersion": "v1", "kind": "Event", "metadata": named, "involvedObject": about}
    store.put(merge(event, {**told, **times}))

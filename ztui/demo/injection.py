"""The mesh's webhook in the demo cluster: pods that start in an enrolled namespace get a proxy.

As the real one it looks at new pods only, at the labels that its configuration names, and leaves out what opts out or is on the
network of its node.
"""

from __future__ import annotations

import json

from ztui.demo.answers import Obj
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import Store, merge
from ztui.demo.workloads import PROXY, mesh_proxy

_SERVICE = "istiod"
_PATH = "/inject"
_OPT = "sidecar.istio.io/inject"


def injected(store: Store, pod: Obj, namespace: str) -> Obj:
    """The pod as the mesh's webhook leaves it, where there is one that looks at it."""
    meta, spec = pod["metadata"], pod["spec"]
    boxes = [*spec["containers"], *spec.get("initContainers", ())]
    if spec.get("hostNetwork") or any(box["name"] == PROXY for box in boxes) or not _is_looked_at(store, pod, namespace):
        return pod
    labels = meta.get("labels") or {}
    if (labels.get(_OPT) or (meta.get("annotations") or {}).get(_OPT)) == "false":
        return pod
    name = labels.get("app.kubernetes.io/name") or labels.get("app") or meta.get("generateName", meta.get("name", ""))
    status = {"initContainers": ["istio-validation", PROXY], "containers": None, "revision": "default"}
    marks = {
        "labels": {
            "security.istio.io/tlsMode": "istio",
            "service.istio.io/canonical-name": name,
            "service.istio.io/canonical-revision": "latest",
        },
        "annotations": {"sidecar.istio.io/status": json.dumps(status)},
    }
    changed: Obj = merge(pod, {"metadata": marks})
    changed["spec"]["initContainers"] = [mesh_proxy(), *changed["spec"].get("initContainers", ())]
    return changed


def _is_looked_at(store: Store, pod: Obj, namespace: str) -> bool:
    space = store.find(store.catalogue.named("namespaces"), namespace)
    if space is None:
        return False
    about = space["metadata"].get("labels") or {}, pod["metadata"].get("labels") or {}
    return any(
        selector_predicate(hook.get("namespaceSelector") or {})(about[0])
        and selector_predicate(hook.get("objectSelector") or {})(about[1])
        for config in store.of("mutatingwebhookconfigurations")
        for hook in config.get("webhooks") or ()
        if (service := hook["clientConfig"].get("service")) and (service["name"], service.get("path")) == (_SERVICE, _PATH)
    )

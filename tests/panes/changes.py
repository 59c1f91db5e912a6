"""How an object is changed for a proof: for each kind what makes it say something else, and the workload's pods for a workload.

What is changed are the fields that the door kept, written out and read back through the door.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ztui.engines import units
from ztui.kinds.base import Kind, Ref, decode
from ztui.store import Drop, Event, Put, Store
from ztui.view import View

Obj = dict[str, Any]
At = tuple[str, str, str, str]
"""Group, kind, namespace and name: an object, whether its uid is known or not."""

ELSEWHERE: Final = "changed-here"
PROXY: Final = "istio-proxy"


def at(ref: Ref) -> At:
    """An object by name alone."""
    return ref.group, ref.kind, ref.namespace, ref.name


def _pod(obj: Obj) -> None:
    """Everything that a workload can be judged by: account, images, privilege, ports, node, tokens, labels, a mesh before it."""
    spec, meta = obj["spec"], obj["metadata"]
    boxes = [*spec["containers"], *(spec.get("initContainers") or ())]
    kept = [box for box in spec["containers"] if box["name"] != PROXY] or [{"name": "main", "image": "app:1"}]
    if not any(box["name"] == PROXY for box in boxes):
        kept.append({"name": PROXY, "image": "proxy:1"})
    for box in kept:
        box["image"] = f"changed/{box['image']}"
        box["ports"] = [*(box.get("ports") or ()), {"containerPort": 1, "protocol": "TCP"}]
        box["securityContext"] = {"privileged": not (box.get("securityContext") or {}).get("privileged")}
    token = {"name": "changed", "projected": {"sources": [{"serviceAccountToken": {"audience": "changed"}}]}}
    spec.update(containers=kept, initContainers=None, volumes=None if spec.get("volumes") else [token])
    spec.update(serviceAccountName=ELSEWHERE, nodeName=ELSEWHERE, hostNetwork=False)
    kept_notes = {name: note for name, note in (meta.get("annotations") or {}).items() if name.startswith("kubernetes.io/")}
    meta.update(annotations=kept_notes, labels={"app": ELSEWHERE})


def _strict(obj: Obj) -> None:
    spec = obj["spec"]
    mode = (spec.get("mtls") or {}).get("mode")
    spec["mtls"] = {"mode": "DISABLE" if mode != "DISABLE" else "STRICT"}
    spec["portLevelMtls"] = None


def _labels(obj: Obj) -> None:
    obj["metadata"]["labels"] = {"changed": "here"}


def _set(*path: str, to: object) -> Callable[[Obj], None]:
    """Sets one field, making what is above it."""

    def change(obj: Obj) -> None:
        for key in path[:-1]:
            obj[key] = obj.get(key) or {}
            obj = obj[key]
        obj[path[-1]] = to

    return change


def _infrastructure(obj: Obj) -> None:
    obj["status"]["apiServerURL"] = obj["status"]["apiServerInternalURI"] = "https://elsewhere.example:6443"
    obj["status"]["platformStatus"] = {"type": "None"}


NOBODY: Final = {"matchLabels": {"nobody": "has"}}
CHANGES: Final[dict[str, Callable[[Obj], None]]] = {
    "Pod": _pod,
    "ClusterRole": _set("rules", to=[]),
    "Role": _set("rules", to=[]),
    "ClusterRoleBinding": _set("subjects", to=[]),
    "RoleBinding": _set("subjects", to=[]),
    "NetworkPolicy": _set("spec", "podSelector", to=NOBODY),
    "PeerAuthentication": _strict,
    "AuthorizationPolicy": _set("spec", "rules", to=[{"from": [{"source": {"namespaces": [ELSEWHERE]}}]}]),
    "Service": _set("spec", "selector", to={"nobody": "has"}),
    "Namespace": _labels,
    "Node": _labels,
    "Infrastructure": _infrastructure,
    "Istio": _set("spec", "values", "meshConfig", "trustDomain", to="changed.example"),
    "ClusterSPIFFEID": _set("spec", "spiffeIDTemplate", to="spiffe://changed/here"),
    "VaultRole": _set("data", "bound_service_account_names", to=[ELSEWHERE]),
    "VaultAuthConfig": _set("data", "kubernetes_host", to="https://elsewhere.example:6443"),
}


def edited(obj: Kind) -> Kind | None:
    """The object saying something else; ``None`` for a kind that can only be deleted here."""
    change = CHANGES.get(obj.KIND)
    if change is None:
        return None
    told: Obj = json.loads(msgspec.json.encode(obj))
    change(told)
    return decode(type(obj), json.dumps(told).encode())


class World:
    """The objects of a store by name, and what becomes of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.objects: dict[At, list[Kind]] = {}
        for parts in store.state.objects.values():
            for part in parts.values():
                for obj in part.values():
                    self.objects.setdefault(at(obj.ref), []).append(obj)
        view = View(store.state)
        self.pods: dict[At, tuple[At, ...]] = {}
        for name in units.namespace_classes(view):
            for unit in units.workloads(view, name):
                mine = tuple(at(pod.ref) for pod in unit.pods)
                self.pods[at(unit.root)] = mine
                self.pods.update(dict.fromkeys(mine, mine))

    def meant(self, named: At) -> tuple[At, ...]:
        """The objects that a name means: a workload, or one of its pods, stands for all its pods."""
        return self.pods.get(named, (named,))

    def ways(self, named: At) -> Iterator[list[Event]]:
        """How what is named can be changed: it says something else, where its kind is known; or it is gone."""
        found = [obj for name in self.meant(named) for obj in self.objects.get(name, ())]
        news = [new for obj in found if (new := edited(obj)) is not None]
        if news:
            yield [Put(new) for new in news]
        if found and named[1] != "Namespace":  # which never goes alone
            yield [Drop(type(obj), obj.namespace, obj.name) for obj in found]

    def restore(self, named: At) -> None:
        """As it was."""
        for name in self.meant(named):
            for obj in self.objects.get(name, ()):
                self.store.apply(Put(obj))

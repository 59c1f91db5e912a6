"""What a bundle asks of the API server: paths, in the order in which they are asked, and what of a list is kept.

Pure. A Secret is never asked for; names of a cluster become parts of a path only quoted.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import msgspec

from ztui.engines.blast import CONTROLLERS, Centre
from ztui.evidence.manifest import LOG_LIMIT, path_part
from ztui.kinds.base import Kind, Ref
from ztui.kinds.identity import Group, User
from ztui.kinds.workload import Namespace, Node, Pod, ServiceAccount
from ztui.sources.discovery import Served
from ztui.view import Gap

MOST_PODS: Final = 50
MOST_NODES: Final = 20
TAIL: Final = 100_000
"""Lines of a log that are asked for, the newest: where a node keeps more than the limit, the end of it matters."""

_KINDS: Final[tuple[type[Kind], ...]] = (*CONTROLLERS.values(), Pod, ServiceAccount, Namespace, Node, User, Group)
_LISTS: Final = (
    ("/apis/apps/v1", "replicasets"),
    ("/apis/apps/v1", "controllerrevisions"),
    ("/apis/batch/v1", "jobs"),
    ("/api/v1", "replicationcontrollers"),
)


class Ask(msgspec.Struct, frozen=True):
    """One object to GET, or a list whose items are kept where ``keeps`` says so; ``path`` is its place in the bundle."""

    what: str
    url: str
    path: str
    keeps: str = ""


class LogAsk(msgspec.Struct, frozen=True):
    """One log: of the container as it runs, or as it ran before it was restarted."""

    what: str
    url: str
    path: str
    query: tuple[tuple[str, str], ...]


def objects_of(centre: Centre, served: Served) -> tuple[list[Ask], list[tuple[str, str]]]:
    """The objects themselves, and those that are left out, each with the reason."""
    refs, left_out = _refs(centre)
    asks = []
    for ref in dict.fromkeys(refs):
        kind = next((item for item in _KINDS if (ref.group, ref.kind) == (item.GROUP, item.KIND)), None)
        where = served.resolve(kind) if kind is not None else None
        if where is None or isinstance(where, Gap):
            left_out.append((str(ref), str(where) if where is not None else f"a {ref.kind} is not known here"))
            continue
        place = f"{path_part(ref.namespace)}/" if ref.namespace else ""
        path = f"objects/{path_part(ref.kind.lower())}/{place}{path_part(ref.name)}.json"
        asks.append(Ask(str(ref), where.path(_quoted(ref.namespace), _quoted(ref.name)), path))
    return asks, left_out


def lists_of(centre: Centre) -> list[Ask]:
    """What stands around them: the controller's history, the namespace's NetworkPolicies, events."""
    places = sorted({pod.namespace for pod in centre.pods} | ({centre.ref.namespace} - {""})) if centre.sort != "node" else []
    asks = []
    for place in places:
        at, quoted = path_part(place), _quoted(place)
        if centre.sort == "workload":
            asks += [
                Ask(f"{plural} of {place}", f"{base}/namespaces/{quoted}/{plural}", f"history/{at}/{plural}.json", "owned")
                for base, plural in _LISTS
            ]
        policies = f"/apis/networking.k8s.io/v1/namespaces/{quoted}/networkpolicies"
        asks.append(Ask(f"NetworkPolicies of {place}", policies, f"networkpolicies/{at}.json", "all"))
        asks.append(Ask(f"events of {place}", f"/api/v1/namespaces/{quoted}/events", f"events/{at}.json", "about"))
    if centre.nodes:  # what happens to nodes is told in the namespace `default`
        asks.append(Ask("events of nodes", "/api/v1/namespaces/default/events", "events/nodes.json", "nodes"))
    if centre.sort == "node":
        asks.append(Ask("events of pods on it", "/api/v1/events", "events/pods.json", "about"))
    return asks


def logs_of(pods: list[Any]) -> list[LogAsk]:
    """The logs of pods as the server tells them, newest container first; an earlier life only where there was one."""
    asks = []
    for pod in pods:
        meta, spec, status = (_dict(pod, name) for name in ("metadata", "spec", "status"))
        place, name = str(meta.get("namespace", "")), str(meta.get("name", ""))
        lives = {
            str(item.get("name")): int(item.get("restartCount") or 0)
            for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
            for item in _dicts(status, field)
        }
        for field in ("containers", "initContainers", "ephemeralContainers"):
            for box in _dicts(spec, field):
                box_name = str(box.get("name", ""))
                asks.append(_log(place, name, box_name, previous=False))
                asks += [_log(place, name, box_name, previous=True)] if lives.get(box_name, 0) else []
    return asks


def log_asks_of_view(pods: tuple[Pod, ...]) -> list[LogAsk]:
    """The same of pods as they are held, where the server does not show them one by one."""
    asks = []
    for pod in pods:
        status = pod.status
        told = (
            *(status.container_statuses or ()),
            *(status.init_container_statuses or ()),
            *(status.ephemeral_container_statuses or ()),
        )
        lives = {item.name: item.restart_count for item in told}
        for box in pod.containers:
            asks.append(_log(pod.namespace, pod.name, box.name, previous=False))
            asks += [_log(pod.namespace, pod.name, box.name, previous=True)] if lives.get(box.name, 0) else []
    return asks


def kept_items(ask: Ask, items: list[Any], centre: Centre, known: set[tuple[str, str]]) -> list[Any]:
    """What of a list belongs to the centre. ``known`` are kinds and names of everything that does; a history adds its own."""
    if ask.keeps == "all":
        return items
    if ask.keeps == "owned":
        mine = [item for item in items if _owners(item) & known]
        known.update((_kind_of(ask), str(_dict(item, "metadata").get("name", ""))) for item in mine)
        return mine
    wanted = {("Node", name) for name in centre.nodes} if ask.keeps == "nodes" else known
    return [item for item in items if _about(item) in wanted]


def known_of(centre: Centre) -> set[tuple[str, str]]:
    """Kinds and names of what belongs to a centre."""
    found = {(centre.ref.kind, centre.ref.name), *(("Pod", pod.name) for pod in centre.pods)}
    found |= {(unit.root.kind, unit.root.name) for unit in centre.units} if centre.sort != "node" else set()
    found |= {("ServiceAccount", name) for _, name in centre.accounts} | {("Namespace", pod.namespace) for pod in centre.pods}
    owners = {(owner.kind, owner.name) for pod in centre.pods for owner in pod.owners if owner.controller}
    return found | owners


def _refs(centre: Centre) -> tuple[list[Ref], list[tuple[str, str]]]:
    left_out = []
    pods = [pod.ref for pod in centre.pods[:MOST_PODS]]
    if len(centre.pods) > MOST_PODS:
        left_out.append((f"{len(centre.pods) - MOST_PODS} pods more", f"{MOST_PODS} are the most"))
    nodes = centre.nodes[:MOST_NODES]
    if len(centre.nodes) > MOST_NODES:
        left_out.append((f"{len(centre.nodes) - MOST_NODES} nodes more", f"{MOST_NODES} are the most"))
    refs = [centre.ref, *(unit.root for unit in centre.units if centre.sort == "account"), *pods]
    if centre.sort != "node":
        refs += [Ref("", "ServiceAccount", place, name) for place, name in centre.accounts]
    spaces = sorted({pod.namespace for pod in centre.pods} | {centre.ref.namespace} - {""})
    refs += [Ref("", "Namespace", "", name) for name in spaces] if centre.sort != "node" else []
    bare = [msgspec.structs.replace(ref, uid="") for ref in (*refs, *(Ref("", "Node", "", name) for name in nodes))]
    return bare, left_out


def _log(place: str, pod: str, box: str, *, previous: bool) -> LogAsk:
    query = [("container", box), ("timestamps", "true"), ("tailLines", str(TAIL)), ("limitBytes", str(LOG_LIMIT))]
    query += [("previous", "true")] if previous else []
    life = ".previous" if previous else ""
    path = f"logs/{path_part(place)}/{path_part(pod)}/{path_part(box)}{life}.log"
    url = f"/api/v1/namespaces/{_quoted(place)}/pods/{_quoted(pod)}/log"
    return LogAsk(f"log of {place}/{pod} {box}{' before its restart' if previous else ''}", url, path, tuple(query))


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _owners(item: Any) -> set[tuple[str, str]]:
    return {
        (str(one.get("kind")), str(one.get("name")))
        for one in _dicts(_dict(item, "metadata"), "ownerReferences")
        if one.get("controller")
    }


def _about(item: Any) -> tuple[str, str]:
    told = _dict(item, "involvedObject") or _dict(item, "regarding")
    return str(told.get("kind")), str(told.get("name"))


def _kind_of(ask: Ask) -> str:
    plural = ask.url.rpartition("/")[2]
    kinds = {"replicasets": "ReplicaSet", "controllerrevisions": "ControllerRevision", "jobs": "Job"}
    return kinds.get(plural, "ReplicationController")


def _dict(of: Any, name: str) -> dict[str, Any]:
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, dict) else {}


def _dicts(of: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = of.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

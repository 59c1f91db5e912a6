"""Table answers: the columns kubectl prints, computed on the server as the real one does.

Column texts of the catalogue are `Name:type[*]:expression`; `*` means shown only with -o wide. An expression is a JSON
path (it starts with a dot) or the name of a function below, with its argument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.catalogue import Resource

_NAME_TEXT = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
    "idempotence and configuration definition. Cannot be updated."
)
_BARE = "- ; "  # columns that begin so have no leading Name
_STEP = re.compile(r"""\.?(?:
      \[\?\(@\.(?P<key>[\w.]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]
    | \[(?P<index>\d+)\] | (?P<every>\[\*\])
    | \['(?P<quoted>(?:[^'\\]|\\.)+)'\] | (?P<name>(?:[^.\[\\]|\\.)+)
)""", re.VERBOSE)  # fmt: skip


def find_path(obj: Any, path: str) -> list[Any]:
    """Every value a JSON path reaches; the dialect of additionalPrinterColumns."""
    found = [obj]
    for step in _STEP.finditer(path):
        found = [value for item in found for value in _take(item, step)]
    return found


def _take(item: Any, step: re.Match[str]) -> list[Any]:
    if step["key"]:
        return [entry for entry in _items(item) if find_path(entry, step["key"]) == [step["value"]]]
    if step["every"]:
        return _items(item)
    if step["index"]:
        return _items(item)[int(step["index"]) :][:1]
    name = (step["quoted"] or step["name"]).replace("\\", "")
    return [item[name]] if isinstance(item, dict) and item.get(name) is not None else []


def _items(item: Any) -> list[Any]:
    return item if isinstance(item, list) else list(item.values()) if isinstance(item, dict) else []


def first(obj: Obj, path: str) -> Any:
    """The first value of a path, or None."""
    found = find_path(obj, path)
    return found[0] if found else None


def age(moment: Any, now: datetime | None = None) -> str:
    """How long ago, as kubectl prints it."""
    if not moment:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    except ValueError:
        return "<invalid>"
    return human(int(((now or datetime.now(UTC)) - then).total_seconds()))


def human(seconds: int) -> str:
    """Apimachinery duration.HumanDuration."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps: list[tuple[bool, str]] = [
        (seconds < 0, "0s"),
        (seconds < 120, f"{seconds}s"),
        (minutes < 10, f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"),
        (minutes < 180, f"{minutes}m"),
        (hours < 8, f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"),
        (hours < 48, f"{hours}h"),
        (hours < 192, f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"),
        (days < 730, f"{days}d"),
    ]
    return next((text for short, text in steps if short), f"{days // 365}y{days % 365}d" if days % 365 else f"{days}d")


def _pod_ready(obj: Obj, _: str) -> str:
    statuses = obj.get("status", {}).get("containerStatuses") or []
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(obj['spec'].get('containers') or [])}"


def _pod_status(obj: Obj, _: str) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = obj.get("status") or {}
    for container in status.get("containerStatuses") or []:
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if state.get(kind, {}).get("reason"):
                return str(state[kind]["reason"])
    return str(status.get("reason") or status.get("phase") or "")


def _pod_restarts(obj: Obj, _: str) -> str:
    statuses = obj.get("status", {}).get("containerStatuses") or []
    count = sum(int(s.get("restartCount") or 0) for s in statuses)
    ended = [first(s, ".lastState.terminated.finishedAt") for s in statuses]
    last = max(filter(None, ended), default=None)
    return f"{count} ({age(last)} ago)" if count and last else str(count)


def _node_status(obj: Obj, _: str) -> str:
    ready = first(obj, '.status.conditions[?(@.type=="Ready")].status')
    text = {"True": "Ready", "False": "NotReady"}.get(ready, "Unknown")
    return text + (",SchedulingDisabled" if obj["spec"].get("unschedulable") else "")


def _node_roles(obj: Obj, _: str) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


def _labels(obj: Obj, path: str) -> str:
    found = first(obj, path) or {}
    return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or "<none>"


def _containers(obj: Obj, path: str) -> str:
    spec = first(obj, ".spec.jobTemplate.spec.template.spec") or first(obj, ".spec.template.spec") or {}
    return ",".join(str(container.get(path)) for container in spec.get("containers") or [])


def _service_ports(obj: Obj, _: str) -> str:
    def text(port: Obj) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(text(port) for port in obj["spec"].get("ports") or []) or "<none>"


def _external_ip(obj: Obj, _: str) -> str:
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    found = find_path(obj, ".status.loadBalancer.ingress[*].ip") + find_path(obj, ".status.loadBalancer.ingress[*].hostname")
    found += spec.get("externalIPs") or []
    return ",".join(found) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _addresses(groups: list[tuple[list[Obj], list[Obj]]]) -> str:
    found = [f"{a['ip']}:{p['port']}" if p else a["ip"] for addresses, ports in groups for a in addresses for p in ports]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more or "<none>"


def _endpoints(obj: Obj, _: str) -> str:
    return _addresses([(s.get("addresses") or [], s.get("ports") or [{}]) for s in obj.get("subsets") or []])


def _slice_endpoints(obj: Obj, _: str) -> str:
    found = [address for endpoint in obj.get("endpoints") or [] for address in endpoint.get("addresses") or []]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more or "<unset>"


def _subjects(obj: Obj, kind: str) -> str:
    found = [s for s in obj.get("subjects") or [] if s["kind"] == kind]
    return ", ".join(f"{s['namespace']}/{s['name']}" if kind == "ServiceAccount" else s["name"] for s in found)


def _ratio(obj: Obj, paths: str) -> str:
    have, want = paths.split()
    return f"{first(obj, have) or 0}/{first(obj, want) or 0}"


def _api_service(obj: Obj, _: str) -> str:
    service = obj["spec"].get("service")
    return f"{service['namespace']}/{service['name']}" if service else "Local"


def _job_status(obj: Obj, _: str) -> str:
    for kind, text in (("Complete", "Complete"), ("Failed", "Failed")):
        if first(obj, f'.status.conditions[?(@.type=="{kind}")].status') == "True":
            return text
    return "Suspended" if obj["spec"].get("suspend") else "Running"


def _quota(obj: Obj, _: str) -> str:
    status = obj.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in sorted(hard))


def _termination(obj: Obj, _: str) -> str:
    tls = obj["spec"].get("tls") or {}
    policy = tls.get("insecureEdgeTerminationPolicy")
    return f"{tls.get('termination', '')}/{policy}" if policy else str(tls.get("termination", ""))


def _access_modes(obj: Obj, _: str) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short[mode] for mode in obj["spec"].get("accessModes") or [])


def _joined(obj: Obj, path: str) -> str:
    found = find_path(obj, path)
    flat = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    return ",".join(map(str, flat)) or "<none>"


def _age(obj: Obj, paths: str) -> str:
    for path in paths.split(","):
        if path and (moment := first(obj, path)):
            return age(moment)
    return age(obj["metadata"].get("creationTimestamp")) if not paths else "<unknown>"


def _number(obj: Obj, path: str) -> str:
    if path.startswith("count "):
        return str(len(first(obj, path.removeprefix("count ")) or ()))
    return str(first(obj, path) or 0)


def _or_na(obj: Obj, path: str) -> Any:
    value = first(obj, path)
    return "N/A" if value is None else value


FUNCTIONS: dict[str, Callable[[Obj, str], Any]] = {
    "access-modes": _access_modes,
    "age": _age,
    "api-service": _api_service,
    "containers": lambda obj, _: _containers(obj, "name"),
    "count": lambda obj, path: len(first(obj, path) or ()),
    "created": lambda obj, _: obj["metadata"].get("creationTimestamp"),
    "endpoints": _endpoints,
    "external-ip": _external_ip,
    "images": lambda obj, _: _containers(obj, "image"),
    "ingress-ports": lambda obj, _: "80, 443" if obj["spec"].get("tls") else "80",
    "involved": lambda obj, _: "{kind}/{name}".format(
        kind=obj["involvedObject"]["kind"].lower(), name=obj["involvedObject"]["name"]
    ),
    "job-status": _job_status,
    "join": _joined,
    "labels": _labels,
    "node-roles": _node_roles,
    "node-status": _node_status,
    "none": lambda _obj, _: "<none>",
    "number": _number,
    "or-na": _or_na,
    "owner": lambda obj, _: "/".join(
        f"{owner['kind'].lower()}.{owner['apiVersion'].split('/')[0]}/{owner['name']}"
        for owner in obj["metadata"].get("ownerReferences") or []
    ),
    "pod-ready": _pod_ready,
    "pod-restarts": _pod_restarts,
    "pod-status": _pod_status,
    "quota": _quota,
    "ratio": _ratio,
    "role-ref": lambda obj, _: f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}",
    "scale-target": lambda obj, _: f"{obj['spec']['scaleTargetRef']['kind']}/{obj['spec']['scaleTargetRef']['name']}",
    "service-ports": _service_ports,
    "slice-endpoints": _slice_endpoints,
    "slice-ports": lambda obj, _: ",".join(str(p.get("port")) for p in obj.get("ports") or []) or "<unset>",
    "subjects": _subjects,
    "truth": lambda obj, path: str(bool(first(obj, path))).lower(),
    "termination": _termination,
}


@cache
def _columns(text: str, custom: bool) -> tuple[tuple[str, str, int, str], ...]:
    found = []
    bare = text.startswith(_BARE)
    for part in filter(None, text.removeprefix(_BARE).split(" ; ")):
        name, kind, expression = part.strip().split(":", 2)
        found.append((name, kind.rstrip("*"), int(kind.endswith("*")), expression))
    if not bare and not any(name.lower() in ("age", "created at") for name, *_ in found):
        ending = (
            ("Age", "date", 0, ".metadata.creationTimestamp")
            if custom
            else ("Age", "string", 0, "age")
            if found
            else ("Created At", "date", 0, "created")
        )
        found.append(ending)
    return tuple(found)


def _cell(obj: Obj, kind: str, expression: str, *, custom: bool) -> Any:
    if not expression.startswith("."):
        name, _, argument = expression.partition(" ")
        return FUNCTIONS[name](obj, argument)
    found = find_path(obj, expression)
    if kind == "date":
        return age(found[0]) if found else None if custom else "<unknown>"
    if not found:
        return None if custom else 0 if kind == "integer" else "<none>"
    if kind != "string" or isinstance(found[0], str):
        return found[0]
    return json.dumps(found[0], separators=(",", ":"))


def table(resource: Resource, items: list[Obj], meta: Obj, *, include: str = "Metadata", head: bool = True) -> Obj:
    """A meta.k8s.io/v1 Table of objects. `head` is false for the later events of a watch, which repeat no columns."""
    custom = resource.origin == "crd"
    columns = _columns(resource.columns, custom)
    lead = [] if resource.columns.startswith(_BARE) else [("Name", "string", 0, ".metadata.name")]
    columns = (*lead, *columns)
    definitions = [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": _NAME_TEXT if name == "Name" else name,
            "priority": priority,
        }
        for name, kind, priority, _ in columns
    ]
    rows = []
    for obj in items:
        cells = [_cell(obj, kind, text, custom=custom) for _, kind, _, text in columns]
        row: Obj = {"cells": cells}
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = partial(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions if head else None,
        "rows": rows,
    }


def partial(obj: Obj) -> Obj:
    """The PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

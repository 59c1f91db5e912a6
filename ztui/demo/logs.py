"""Pod logs: a few believable lines, the same for the same pod; or those that somebody has put there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aiohttp import web

from ztui.demo.answers import Obj, bad_request
from ztui.demo.reading import find

if TYPE_CHECKING:
    from ztui.demo.calls import Call
    from ztui.demo.cluster import Cluster

_LINES = (
    'level=info msg="listening" port=8080',
    'level=info msg="request served" method=GET path=/healthz status=200 duration_ms=2',
    'level=info msg="request served" method=GET path=/api/v1/items status=200 duration_ms=14',
    'level=warn msg="slow upstream" upstream=orders duration_ms=812',
    'level=info msg="configuration reloaded"',
    'level=error msg="upstream closed the connection" upstream=payments attempt=1',
)


async def pod_log(cluster: Cluster, call: Call) -> web.StreamResponse:
    """GET …/log with container, previous, tailLines and limitBytes; `follow` ends at once."""
    pod = find(cluster, call)
    spec, status = pod["spec"], pod["status"]
    boxes = [box["name"] for field in ("containers", "initContainers", "ephemeralContainers") for box in spec.get(field) or ()]
    named = call.query.get("container", "")
    if named and named not in boxes:
        raise bad_request(f"container {named} is not valid for pod {call.name}")
    if not named and len(spec["containers"]) > 1:
        raise bad_request(f"a container name must be specified for pod {call.name}, choose one of: [{' '.join(boxes)}]")
    box = named or spec["containers"][0]["name"]
    is_previous = call.query.get("previous", "") in ("true", "1")
    lives = {item["name"]: item.get("restartCount", 0) for item in status.get("containerStatuses") or ()}
    if is_previous and not lives.get(box):
        raise bad_request(f'previous terminated container "{box}" in pod "{call.name}" not found')
    put = cluster.logs.get((call.namespace, call.name, box))
    lines = put.split("\n") if put is not None else _story(pod)
    tail = call.query.get("tailLines", "")
    body = ("\n".join(lines[-int(tail) :] if tail.isdigit() and int(tail) else lines) + "\n").encode()
    limit = call.query.get("limitBytes", "")
    return web.Response(body=body[: int(limit)] if limit.isdigit() else body, content_type="text/plain")


def _story(pod: Obj) -> list[str]:
    digest = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()
    started = pod["status"].get("startTime", pod["metadata"]["creationTimestamp"])
    return [f"time={started} {_LINES[byte % len(_LINES)]}" for byte in digest]

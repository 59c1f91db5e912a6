"""Pod logs: a few believable lines, the same for the same pod."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aiohttp import web

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
    """GET …/log with tailLines; `follow` ends at once."""
    pod = find(cluster, call)
    digest = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()
    started = pod["status"].get("startTime", pod["metadata"]["creationTimestamp"])
    lines = [f"time={started} {_LINES[byte % len(_LINES)]}" for byte in digest]
    tail = call.query.get("tailLines", "")
    kept = lines[-int(tail) :] if tail.isdigit() and int(tail) else lines
    return web.Response(text="\n".join(kept) + "\n")

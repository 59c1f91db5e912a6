"""Writing verbs."""

from __future__ import annotations

from ztui.demo.answers import ApiError, Obj
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.present import Form


async def answer(cluster: Cluster, call: Call, body: Obj | list[Obj], form: Form) -> tuple[int, Obj]:
    """Writing verbs."""
    raise ApiError(405, "the server does not allow this method on the requested resource")

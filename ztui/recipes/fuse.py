"""A fuse: what contains an incident ends by itself after so many minutes, in the cluster, whether or not ztui still runs.

A Job that never makes a pod owns the object; when its deadline is over its controller ends it, it is deleted at once, and the
garbage collector takes what it owns with it. Source: batch/v1 JobSpec ``activeDeadlineSeconds``, ``ttlSecondsAfterFinished``;
meta/v1 OwnerReference. An owner is in the namespace of what it owns, so nothing of the whole cluster can have a fuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Job
from ztui.recipes.base import Draft, Question, Stop, Write, gone, made, merging, note, owned, recipe, ref_to
from ztui.view import View

NO_FUSE: Final = Reason("no-fuse", "{minutes} is no fuse: none, or a number of minutes from 1 to {most}")
ENDS: Final = Reason("fuse-ends", "the cluster takes it away by itself after {minutes} minutes: {what}")
NOT_A_FUSE: Final = Reason("not-a-fuse", "{what} is no fuse of ours")
LONGER: Final = Reason("fuse-longer", "what it owns stays for {minutes} minutes from now on")

PREFIX: Final = "ztui-fuse-"
MOST: Final = 24 * 60
NEVER_RUNS: Final = "registry.k8s.io/pause:3.10"
"""An image that every registry knows; it is named because a template must name one, and never pulled."""

ASKED: Final = Question("fuse", "End it by itself in the cluster after how many minutes (none, 30, 60, 240)", "none")
_PLAIN: Final = re.compile(r"[^a-z0-9-]+")


def minutes(answer: str) -> int | None:
    """The minutes of an answer; 0 for none, ``None`` for what is no answer."""
    told = answer.strip().lower()
    if told in {"", "none", "0"}:
        return 0
    return int(told) if told.isdecimal() and int(told) <= MOST else None


def no_fuse(ref: Ref, answer: str) -> Stop:
    """What stands in the way of an answer that is none."""
    return Stop(note(NO_FUSE, ref, minutes=answer, most=MOST))


def plain_name(view: View, text: str, prefix: str = "") -> str:
    """A name of our own for something of that name, with the minute in it: one for each time that it is made."""
    stamp = f"{view.now:%m%d%H%M}"
    room = 63 - len(PREFIX) - len(stamp) - 1
    return f"{prefix}{_PLAIN.sub('-', text.lower()).strip('-')[:room].strip('-') or 'x'}-{stamp}"


def fuse(name: str, namespace: str, length: int) -> Write:
    """The Job that ends after so many minutes; ``name`` is that of what it is for."""
    drops = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    size = {"cpu": "1m", "memory": "16Mi"}
    box = {"name": "never-runs", "image": NEVER_RUNS, "securityContext": drops, "resources": {"requests": size, "limits": size}}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [box],
    }
    spec = {
        "parallelism": 0,
        "completions": 1,
        "backoffLimit": 0,
        "activeDeadlineSeconds": length * 60,
        "ttlSecondsAfterFinished": 0,
        "template": {"spec": pod},
    }
    write = made(Job, f"{PREFIX}{name}", namespace, {"spec": spec})
    return msgspec.structs.replace(write, changes=True)


def fused(kind: type[Kind], name: str, namespace: str, body: Mapping[str, Any], by: Write | None) -> Write:
    """An object of our own that goes away with its fuse, where it has one."""
    write = made(kind, name, namespace, body)
    return owned(msgspec.structs.replace(write, owner=ref_to(Job, by.ref.name, namespace))) if by is not None else write


@recipe(
    "R-FUSE-RENEW",
    "Let it hold for longer",
    risk_class="safe",
    on=(Job,),
    writes=(Job,),
    reads=(Job,),
    asks=(Question("fuse", "For how many minutes from now on (30, 60, 240)", "60"),),
    contains=("fuse",),
    verify_s=10.0,
)
def renew(view: View, ref: Ref, fuse: str = "60") -> Draft:
    """The deadline of the Job, counted from when it began."""
    found = view.get(Job, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    length = minutes(fuse)
    if not found.name.startswith(PREFIX) or found.created is None:
        return Draft(stops=(Stop(note(NOT_A_FUSE, ref, what=ref)),))
    if not length:
        return Draft(stops=(no_fuse(ref, fuse),))
    since = max(view.now - found.created, timedelta())
    deadline = int(since.total_seconds()) + length * 60
    return Draft((merging(found, {"spec": {"activeDeadlineSeconds": deadline}}),), (note(LONGER, ref, minutes=length),))

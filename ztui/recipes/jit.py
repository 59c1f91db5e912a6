"""Great powers for hours: a grant with its end written on it, and taking away what has ended."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.kinds.base import Kind, Ref, instant
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding
from ztui.kinds.workload import Job, Namespace
from ztui.recipes import fuse as fuses
from ztui.recipes.base import Draft, Note, Question, Stop, Write, gone, note, recipe, refused
from ztui.view import View

NO_HOURS: Final = Reason("no-hours", "{hours} is no number of hours from 1 to {most}")
NO_REASON: Final = Reason("no-reason", "say why, in two words at least: it stands on the grant", waivable=False)
NO_PERSON: Final = Reason("no-person", "{who} is nobody whom a provider knows: user:NAME or group:NAME")
EVERYWHERE_STAYS: Final = Reason("no-fuse-everywhere", "a fuse is in one namespace and holds nothing of the whole cluster")
NO_PLACE: Final = Reason("no-place", "there is no namespace {name}")
GRANTS: Final = Reason("grants", "{who} holds {role} {where} until {end}")
ENDS_NOT: Final = Reason(
    "ends-not-by-itself", "nothing in the cluster ends it: R-JIT-END takes it away, or a CronJob does (docs/remedies.md has one)"
)
STANDING_STAYS: Final = Reason("standing-stays", "what stands for good stays until R-UNBIND takes {binding} away")
NOT_OVER: Final = Reason("not-over", "it has no end that has passed (ztui.io/expires: {end})")
TAKES: Final = Reason("takes", "{who} no longer holds {role} by it")

EXPIRES: Final = "ztui.io/expires"
REASON: Final = "ztui.io/reason"
MOST_HOURS: Final = 8
EVERYWHERE: Final = "everywhere"
_PLAIN: Final = re.compile(r"[^a-z0-9-]+")
_RBAC: Final = "rbac.authorization.k8s.io"
_READS: Final[tuple[type[Kind], ...]] = (ClusterRoleBinding, RoleBinding, Namespace)


@recipe(
    "R-JIT-BIND",
    "Give it for hours, not for good",
    risk_class="disruptive",
    on=(ClusterRoleBinding,),
    writes=(ClusterRoleBinding, RoleBinding, Job),
    makes=(ClusterRoleBinding, RoleBinding, Job),
    reads=_READS,
    asks=(
        Question("who", "Who needs it: user:NAME or group:NAME", told_by="subject"),
        Question("where", f"Where: a namespace, or {EVERYWHERE}", EVERYWHERE),
        Question("hours", f"For how many hours, {MOST_HOURS} at most", "4"),
        Question("reason", "Why (it stands on the grant)"),
        fuses.ASKED,
    ),
    verify_s=10.0,
)
def bind_for_hours(
    view: View,
    ref: Ref,
    who: str = "",
    where: str = EVERYWHERE,
    hours: str = "4",
    reason: str = "",
    fuse: str = "none",
) -> Draft:
    """A binding to the same role with its end in an annotation; in a namespace it may end by itself before that."""
    found = view.get(ClusterRoleBinding, ref.name)
    if found is None:
        return gone(ref)
    kind, _, name = who.strip().rpartition(":")
    subject = {"apiGroup": _RBAC, "kind": {"": "User", "user": "User", "group": "Group"}.get(kind.lower(), ""), "name": name}
    span = int(hours) if hours.strip().isdecimal() else 0
    place = "" if where.strip() in {"", EVERYWHERE} else where.strip()
    length = fuses.minutes(fuse)
    stops = (*_wrong(view, ref, subject, who, place, hours, reason), *_unfused(ref, fuse, length, place))
    if stops:
        return Draft(stops=stops)
    lasts = min(timedelta(hours=span), timedelta(minutes=length)) if length else timedelta(hours=span)
    end = (view.now + lasts).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body: dict[str, Any] = {
        "metadata": {"annotations": {EXPIRES: end, REASON: reason.strip()}},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": found.role_ref.name},
        "subjects": [subject],
    }
    of: type[ClusterRoleBinding | RoleBinding] = RoleBinding if place else ClusterRoleBinding
    called = _PLAIN.sub("-", f"ztui-jit-{name}-{found.role_ref.name}-{view.now:%m%d%H%M}".lower()).strip("-")[-63:].strip("-")
    words = {"who": who.strip(), "role": found.role_ref.name, "where": f"in {place}" if place else "everywhere", "end": end}
    by = fuses.fuse(fuses.plain_name(view, f"jit-{name}"), place, length) if length else None
    ends = note(ENDS_NOT, ref) if by is None else note(fuses.ENDS, by.ref, minutes=length, what=called)
    radius = (note(GRANTS, ref, **words), ends, note(STANDING_STAYS, ref, binding=ref))
    write = fuses.fused(of, called, place, body, by)
    return Draft((write,) if by is None else (by, write), radius)


def _unfused(ref: Ref, answer: str, length: int | None, place: str) -> tuple[Stop, ...]:
    if length is None:
        return (fuses.no_fuse(ref, answer),)
    return (Stop(note(EVERYWHERE_STAYS, ref)),) if length and not place else ()


def _wrong(view: View, ref: Ref, subject: dict[str, str], who: str, place: str, hours: str, reason: str) -> tuple[Stop, ...]:
    found: list[Note] = []
    if not subject["kind"] or not subject["name"]:
        found.append(note(NO_PERSON, ref, who=who or "nobody"))
    if place and view.get(Namespace, place) is None:
        found.append(note(NO_PLACE, ref, name=place))
    if not hours.strip().isdecimal() or not 1 <= int(hours) <= MOST_HOURS:
        found.append(note(NO_HOURS, ref, hours=hours, most=MOST_HOURS))
    if len(reason.split()) < 2:
        found.append(note(NO_REASON, ref))
    return tuple(Stop(item) for item in found)


@recipe(
    "R-JIT-END",
    "Take away what has ended",
    risk_class="disruptive",
    on=(ClusterRoleBinding,),
    writes=(ClusterRoleBinding,),
    deletes=(ClusterRoleBinding,),
    reads=(ClusterRoleBinding,),
    verify_s=10.0,
)
def end(view: View, ref: Ref) -> Draft:
    """The binding goes away, by its uid, and only once its own end has passed."""
    found = view.get(ClusterRoleBinding, ref.name)
    if found is None:
        return gone(ref)
    at = instant(found.annotations.get(EXPIRES))
    if at is None or at > view.now:
        return refused(ref, NOT_OVER, end=found.annotations.get(EXPIRES, "") or "not there")
    people = ", ".join(f"{item.kind} {item.name}" for item in found.subjects or ()) or "nobody"
    write = Write(ClusterRoleBinding, found.ref, "delete")
    return Draft((write,), (note(TAKES, ref, who=people, role=found.role_ref.name),))

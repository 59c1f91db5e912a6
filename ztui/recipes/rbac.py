"""Taking a subject off a binding, and nothing else: the binding stays, so that it is easily taken back."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.grants import ACCESS, cluster_grants, subject_key
from ztui.engines.holders import is_full_admin
from ztui.engines.unbind import losses
from ztui.kinds.base import Kind, Ref
from ztui.kinds.identity import Group
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding, Subject
from ztui.kinds.session import Session
from ztui.recipes.base import Draft, Note, Question, Stop, add, expect, gone, note, patched, pointer, recipe, remove
from ztui.view import View

WHICH: Final = Reason("which-subject", "{subject} is no subject of this binding: {subjects}")
LOSES: Final = Reason("loses", "{subject} can no longer {rights}")
KEEPS: Final = Reason("loses-nothing", "{subject} keeps everything that this binding grants, by other bindings")
LAST_ADMIN: Final = Reason("last-admin", "nobody else could administrate this cluster afterwards")
YOURSELF: Final = Reason("yourself", "you hold this by the same binding, and would lose it")
AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_SHOWN: Final = 6
READS: Final[tuple[type[Kind], ...]] = (*ACCESS, Group, Session)


def spelled(subject: Subject, namespace: str) -> str:
    """A subject as people type it: ``Group/admins``, ``ServiceAccount/shop/api``."""
    place = f"{subject.namespace or namespace}/" if subject.kind == "ServiceAccount" else ""
    return f"{subject.kind}/{place}{subject.name}"


@recipe(
    "R-UNBIND",
    "Take a subject off the binding",
    risk_class="disruptive",
    on=(ClusterRoleBinding, RoleBinding),
    writes=(ClusterRoleBinding, RoleBinding),
    reads=READS,
    asks=(Question("subject", "Which subject to take off", told_by="subject"),),
    verify_s=10.0,
)
def unbind(view: View, ref: Ref, subject: str = "") -> Draft:
    """The patch that removes one subject, refused where the list is another than was shown."""
    kind: type[RoleBinding | ClusterRoleBinding] = RoleBinding if ref.kind == "RoleBinding" else ClusterRoleBinding
    found = view.get(kind, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    subjects = found.subjects or ()
    names = [spelled(item, ref.namespace) for item in subjects]
    known = [{name, item.name, subject_key(item, ref.namespace)} for name, item in zip(names, subjects, strict=True)]
    at = next((at for at, forms in enumerate(known) if subject in forms), 0 if len(names) == 1 else -1)
    if at < 0:
        return Draft(stops=(Stop(note(WHICH, ref, subject=subject or "nobody", subjects=", ".join(names) or "it has none")),))
    operations: list[dict[str, Any]] = [
        expect(pointer("subjects"), msgspec.to_builtins(subjects)),
        remove(pointer("subjects", at)),
    ]
    if found.labels.get("kubernetes.io/bootstrapping") == "rbac-defaults":
        operations.append(add(pointer("metadata", "annotations", AUTOUPDATE), "false"))
    return Draft(
        (patched(found, *operations),), tuple(_radius(view, found, subjects[at])), tuple(_stops(view, found, subjects[at]))
    )


def _radius(view: View, found: RoleBinding | ClusterRoleBinding, subject: Subject) -> list[Note]:
    told = []
    for loss in losses(view, found.ref) or ():
        if loss.subject != subject_key(subject, found.namespace):
            continue
        rights = [f"{right.verb} {right.resource or right.path}" for right in loss.lost]
        more = f" and {len(rights) - _SHOWN} more" if len(rights) > _SHOWN else ""
        reason = LOSES if rights else KEEPS
        told.append(note(reason, found.ref, subject=spelled(subject, found.namespace), rights=", ".join(rights[:_SHOWN]) + more))
    return told


def _stops(view: View, found: RoleBinding | ClusterRoleBinding, subject: Subject) -> list[Stop]:
    """Nobody may saw off the branch that everybody sits on, nor their own without a word."""
    stops = []
    me = next(iter(view.all(Session)), None)
    is_me = me is not None and (
        (subject.kind == "User" and subject.name == me.user) or (subject.kind == "Group" and subject.name in (me.groups or ()))
    )
    if is_me:
        stops.append(Stop(note(YOURSELF, found.ref), override=True))
    if found.role_ref.name == "cluster-admin" and isinstance(found, ClusterRoleBinding):
        holders = [grant for grant in view.derive(cluster_grants) if is_full_admin(grant)]
        others = [item for item in holders if item.binding.name != found.name and item.subject.kind in {"User", "Group"}]
        mine = [item for item in found.subjects or () if item.kind in {"User", "Group"} and item != subject]
        if not [item for item in others if item.subject.name != "system:masters"] and not mine:
            stops.append(Stop(note(LAST_ADMIN, found.ref)))
    return stops

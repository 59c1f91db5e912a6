"""Server-side apply and the tracking of every other write: who manages which field afterwards, and who is in the way.

The meaning is that of sigs.k8s.io/structured-merge-diff, package `merge`, and of apimachinery's managed fields. All versions of
a kind have one shape here, so nothing is converted between them.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ztui.demo.answers import ApiError, Obj, bad_request
from ztui.demo.fields.managers import APPLY, UPDATE, Held, Manager, Managers, bare, managed, read, with_managers
from ztui.demo.fields.merging import check, merged, removed, with_structs
from ztui.demo.fields.normal import zero
from ztui.demo.fields.paths import NONE, FieldSet, Path, ordered, readable, without
from ztui.demo.fields.shapes import Shape
from ztui.demo.fields.typed import Difference, Misfit, compare, equal, fields_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Scope(NamedTuple):
    """What is written: its kind's shape and version, the subresource, what the server resets there, and the moment."""

    shape: Shape
    version: str
    subresource: str
    reset: tuple[Path, ...]
    time: str
    strict: Shape | None = None  # where only known fields are kept
    is_custom: bool = False


class Conflicts(Exception):  # noqa: N818  # an answer, named as the answer is
    """Fields that others manage and an apply would change."""

    def __init__(self, found: dict[Manager, FieldSet]) -> None:
        super().__init__("conflict")
        self.found = found

    def answer(self) -> ApiError:
        """The 409 that names fields and managers."""
        pairs = [(manager, path) for manager in sorted(self.found) for path in ordered(self.found[manager])]
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {manager.said()}", "field": readable(path)}
            for manager, path in pairs
        ]
        if len(causes) == 1:
            said = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
        else:
            lines = []
            for manager in dict.fromkeys(manager for manager, _ in pairs):
                lines.append(f"conflicts with {manager.said()}:")
                lines += [f"- {readable(path)}" for path in ordered(self.found[manager])]
            said = f"{len(causes)} conflicts: " + "\n".join(lines)
        return ApiError(409, f"Apply failed with {said}", details={"causes": causes})


def track(scope: Scope, old: Obj | None, new: Obj, name: str) -> Obj:
    """The new object after a create, update or patch, its changed fields managed by the writer.

    An object whose fields nobody manages stays so until somebody applies to it.
    """
    managers = _given(old, new, is_subresource=bool(scope.subresource))
    if old is not None and not managers.held:
        return bare(new)
    managers = _updated(scope, bare(old) if old else _empty(scope), bare(new), managers, name)
    return with_managers(new, managers)


def _empty(scope: Scope) -> Obj:
    """The object of this kind before anybody wrote it: what the server always writes is there and nobody's."""
    found: Obj = zero(scope.strict) if scope.strict else {"metadata": {}}
    return found


def _given(old: Obj | None, new: Obj, *, is_subresource: bool) -> Managers:
    """The managers to start from: those of the request where it brings some, none where it asks to forget them."""
    live = read(old["metadata"]) if old else Managers()
    told = new["metadata"].get("managedFields")
    if is_subresource or told is None:
        return live
    if told in ([], [{}]):
        return Managers()
    given = read(new["metadata"])
    return given if given.held else live


def _updated(scope: Scope, old: Obj, new: Obj, managers: Managers, name: str) -> Managers:
    difference = _reset(compare(scope.shape, old, new), scope.reset)
    managers = _settle(difference, managers, None, force=True)
    mine = managed(difference.written, scope.reset)
    if mine:
        manager = Manager(name or "unknown", UPDATE, scope.version, scope.subresource)
        before = managers.held.get(manager)
        managers.held[manager] = Held(mine | (before.fields if before else NONE), scope.version, scope.time)
    managers.cap()
    return managers


def apply(scope: Scope, old: Obj | None, config: Obj, name: str, *, force: bool) -> Obj:
    """The object after an apply. Raises a 409 ApiError for conflicts, a 400 or 500 one for what does not fit the kind."""
    if config["metadata"].get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    try:
        check(scope.shape, config)
    except Misfit as wrong:
        meta, version = config["metadata"], scope.version if "/" in scope.version else f"/{scope.version}"
        kind = f"{version}, Kind={config['kind']}"
        about = f"{meta.get('namespace') or ''}/{meta.get('name') or ''}; {kind}"
        raise ApiError(500, f"failed to create typed patch object ({about}): {wrong}", reason="") from wrong
    live: Obj = bare(old) if old else _empty(scope)
    managers = read(old["metadata"]) if old else Managers()
    if old and not managers.held:
        managers = _updated(scope, _empty(scope), live, managers, "before-first-apply")
    try:
        made, managers = _applied(scope, live, config, managers, name, force=force)
    except Conflicts as wrong:
        left = _left(scope, live, wrong.found) if name == "kubectl" else wrong.found
        if left:
            raise Conflicts(left).answer() from wrong
        made, managers = _applied(scope, live, config, managers, name, force=True)
    if name == "kubectl" and (made["metadata"].get("annotations") or {}).get(LAST_APPLIED):
        made["metadata"] = {**made["metadata"], "annotations": {**made["metadata"]["annotations"], LAST_APPLIED: _text(config)}}
    return with_managers(made, managers)


def _applied(
    scope: Scope, live: Obj, config: Obj, managers: Managers, name: str, *, force: bool
) -> tuple[dict[str, Any], Managers]:
    manager = Manager(name, APPLY, "", scope.subresource)
    managers = managers.copy()
    before = managers.held.get(manager)
    made = merged(scope.shape, live, config)
    wanted = without(fields_of(scope.shape, config), scope.reset)
    managers.held[manager] = Held(wanted, scope.version, scope.time)
    if before:
        made = _pruned(scope, made, managers, before.fields)
    difference = _reset(compare(scope.shape, live, made), scope.reset)
    managers = _settle(difference, managers, manager, force=force)
    if manager in managers.held:
        managers.keep(manager, managed(managers.held[manager].fields, ()))
    if manager in managers.held and equal(live, made):  # what changes nothing is not dated, not even the first time
        managers.held[manager] = managers.held[manager]._replace(time=before.time if before else "")
    return made, managers


def _reset(difference: Difference, roots: tuple[Path, ...]) -> Difference:
    return Difference(*(without(fields, roots) for fields in difference))


def _settle(difference: Difference, managers: Managers, own: Manager | None, *, force: bool) -> Managers:
    """The managers after a change: the others lose what it writes and removes. Raises Conflicts unless forced."""
    managers = managers.copy()
    others = {manager: held for manager, held in managers.held.items() if manager != own}
    conflicts = {manager: held.fields & difference.written for manager, held in others.items()}
    conflicts = {manager: fields for manager, fields in conflicts.items() if fields}
    if conflicts and not force:
        raise Conflicts(conflicts)
    for manager, held in others.items():
        managers.keep(manager, held.fields - difference.written - difference.removed)
    if own and own in managers.held:
        managers.keep(own, managers.held[own].fields)
    return managers


def _pruned(scope: Scope, value: Obj, managers: Managers, last: FieldSet) -> dict[str, Any]:
    """The merged value without what its manager applied before, leaves out now, and nobody else holds."""
    shape = scope.shape
    held = with_structs(shape, frozenset().union(*(found.fields for found in managers.held.values())))
    pruned = removed(shape, value, with_structs(shape, last))
    have, left = (with_structs(shape, fields_of(shape, found)) for found in (value, pruned))
    pruned = removed(shape, value, have - (left | held))
    left = with_structs(shape, fields_of(shape, pruned))
    found: dict[str, Any] = removed(shape, value, (have - left) & with_structs(shape, last))
    return found


def _left(scope: Scope, live: Obj, conflicts: dict[Manager, FieldSet]) -> dict[Manager, FieldSet]:
    """Conflicts but those with fields that the same user applied from the client before, by the annotation that tells."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(text or "")
        if last.get("apiVersion") != scope.version:
            return conflicts
        check(scope.shape, last)
    except (ValueError, AttributeError):
        return conflicts
    removed_since, modified, added = compare(scope.shape, last, live)
    allowed = fields_of(scope.shape, last) - modified - added - removed_since
    left = {manager: fields - allowed for manager, fields in conflicts.items()}
    return {manager: fields for manager, fields in left.items() if fields}


def _text(config: Obj) -> str:
    """What the annotation of client-side apply holds: the configuration without that annotation."""
    notes = {key: value for key, value in (config["metadata"].get("annotations") or {}).items() if key != LAST_APPLIED}
    meta = {key: value for key, value in config["metadata"].items() if key != "annotations"} | (
        {"annotations": notes} if notes else {}
    )
    return json.dumps({**config, "metadata": meta}, separators=(",", ":"), sort_keys=True) + "\n"

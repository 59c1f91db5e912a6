"""Argo CD stands still for an incident: what is changed to contain it is not undone by a repository."""

from __future__ import annotations

from typing import Any, Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.gitops import Application
from ztui.recipes.base import Draft, Question, as_wanted, gone, merging, note, recipe, refused
from ztui.recipes.delivery import parent_of
from ztui.view import View

NO_WAY: Final = Reason("no-such-way", "{answer} is neither remove nor off")
STANDS: Final = Reason("stands-still", "{app} no longer follows its repository in {namespace} until this is taken back")
BY_HAND: Final = Reason("by-hand-still", "who syncs it by hand still undoes what was changed")
OLD_WAY: Final = Reason("old-controllers", "controllers before 3.1 do not know the switch: look whether the server keeps it")
KEPT_BY: Final = Reason("kept-by", "{parent} writes {app} anew; by the annotation {note} it is left alone all the same")

SKIP: Final = "argocd.argoproj.io/skip-reconcile"


def _stands(view: View, ref: Ref, was: View) -> bool:
    del was
    found = view.get(Application, ref.name, ref.namespace)
    return found is not None and stands_still(found)


def stands_still(app: Application) -> bool:
    """Whether nothing syncs an application by itself."""
    automated = app.spec.sync_policy.automated if app.spec.sync_policy else None
    return app.annotations.get(SKIP) == "true" or automated is None or not automated.enabled


@recipe(
    "R-ARGO-SUSPEND",
    "Let Argo CD leave it alone",
    risk_class="safe",
    on=(Application,),
    writes=(Application,),
    reads=(Application,),
    asks=(Question("how", "remove (every version knows it; the journal keeps what was there), or off (from 3.1 on)", "remove"),),
    contains=("application",),
    verify_s=30.0,
    done=_stands,
)
def suspend(view: View, ref: Ref, how: str = "remove") -> Draft:
    """Automated sync goes; an application that another one writes is told not to be looked at at all."""
    found = view.get(Application, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    if how.strip() not in {"remove", "off"}:
        return refused(ref, NO_WAY, answer=how or "nothing")
    parent = parent_of(found)
    automated = found.spec.sync_policy.automated if found.spec.sync_policy else None
    runs = automated is not None and automated.enabled
    if stands_still(found) and not (parent and found.annotations.get(SKIP) != "true"):
        return as_wanted(ref, f"{found.name} is synced by hand")
    body: dict[str, Any] = {}
    if runs:
        body["spec"] = {"syncPolicy": {"automated": None if how.strip() == "remove" else {"enabled": False}}}
    radius = [
        note(STANDS, ref, app=found.name, namespace=found.spec.destination.namespace or "its namespaces"),
        note(BY_HAND, ref),
    ]
    radius += [note(OLD_WAY, ref)] if runs and how.strip() == "off" else []
    if parent:
        body["metadata"] = {"annotations": {SKIP: "true"}}
        radius.append(note(KEPT_BY, ref, parent=parent, app=found.name, note=SKIP))
    return Draft((merging(found, body),), tuple(radius))

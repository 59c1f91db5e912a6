"""Argo CD and Flux stand still for an incident: what is changed to contain it is not undone by a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.gitops import Application, Kustomization
from ztui.recipes.base import Draft, Question, Stop, as_wanted, gone, merging, note, recipe, refused
from ztui.recipes.delivery import parent_of
from ztui.view import View

NO_WAY: Final = Reason("no-such-way", "{answer} is neither remove nor off")
STANDS: Final = Reason("stands-still", "{app} no longer follows its repository in {namespace} until this is taken back")
BY_HAND: Final = Reason("by-hand-still", "who syncs it by hand still undoes what was changed")
OLD_WAY: Final = Reason("old-controllers", "controllers before 3.1 do not know the switch: look whether the server keeps it")
KEPT_BY: Final = Reason("kept-by", "{parent} writes {app} anew; by the annotation {note} it is left alone all the same")

BY_SET: Final = Reason("application-set", "the ApplicationSet {owner} writes it anew at once: change what makes it there")
WRITTEN_BY: Final = Reason("kustomization-above", "{parent} writes {app} anew and would start it again: suspend that first")

_FLUX: Final = "kustomize.toolkit.fluxcd.io/"
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
    stops = tuple(Stop(note(BY_SET, ref, owner=item.name)) for item in found.owners if item.kind == "ApplicationSet")
    if parent:
        body["metadata"] = {"annotations": {SKIP: "true"}}
        radius.append(note(KEPT_BY, ref, parent=parent, app=found.name, note=SKIP))
    return Draft((merging(found, body),), tuple(radius), stops)


def kustomizations_of(view: View, root: Ref, labels: Mapping[str, str]) -> tuple[Kustomization, ...]:
    """The Kustomizations of Flux that keep a workload of these labels, or else write into its namespace; those that run alone."""
    named = view.get(Kustomization, labels.get(f"{_FLUX}name", ""), labels.get(f"{_FLUX}namespace", ""))
    found = [item for item in view.all(Kustomization) if item.spec.target_namespace == root.namespace]
    mine = [named] if named is not None else sorted(found, key=lambda item: (item.namespace, item.name))
    return tuple(item for item in mine if not item.spec.suspend)


def _is_suspended(view: View, ref: Ref, was: View) -> bool:
    del was
    found = view.get(Kustomization, ref.name, ref.namespace)
    return found is not None and found.spec.suspend


@recipe(
    "R-FLUX-SUSPEND",
    "Let Flux leave it alone",
    risk_class="safe",
    on=(Kustomization,),
    writes=(Kustomization,),
    reads=(Kustomization,),
    contains=("application",),
    verify_s=30.0,
    done=_is_suspended,
)
def suspend_flux(view: View, ref: Ref) -> Draft:
    """Its own switch; one that another Kustomization writes is brought back by that one."""
    found = view.get(Kustomization, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    if found.spec.suspend:
        return as_wanted(ref, f"{found.name} is suspended")
    radius = [note(STANDS, ref, app=found.name, namespace=found.spec.target_namespace or "its namespaces")]
    parent = found.labels.get(f"{_FLUX}name", "")
    if parent not in {"", found.name}:
        radius.append(note(WRITTEN_BY, ref, parent=parent, app=found.name))
    return Draft((merging(found, {"spec": {"suspend": True}}),), tuple(radius))

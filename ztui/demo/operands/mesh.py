"""What the operator of the service mesh makes: the control plane, its webhooks, and the network part on each node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.operands.base import line, of, spec_of, start, told
from ztui.demo.store import merge

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_STORY = "enforced.yaml"
_NAME = "istio-system"


def _istio(run: Controllers, obj: Obj) -> None:
    """A revision named as the mesh, istiod in as many replicas as its values ask for, and its two webhooks."""
    place = spec_of(obj, "namespace", default=_NAME)
    pilot = spec_of(obj, "values", "pilot", default={})
    count = max(pilot.get("autoscaleMin", 1), pilot.get("replicaCount", 1))
    start(run, place, {"istiod": line(_STORY, _NAME, "istiod", {"replicas": count})})
    run.bring(merge(told(run, _STORY, "PodDisruptionBudget", "istiod", _NAME), {"metadata": {"namespace": place}}))
    for kind, name in (
        ("ValidatingWebhookConfiguration", "istio-validator-istio-system"),
        ("MutatingWebhookConfiguration", "istio-sidecar-injector"),
    ):
        hook = told(run, _STORY, kind, name)
        for item in hook["webhooks"]:
            item["clientConfig"]["service"]["namespace"] = place
        hook["metadata"]["name"] = name.replace(_NAME, place)
        run.bring(hook)
    revision = told(run, _STORY, "IstioRevision", "default")
    named = {"name": obj["metadata"]["name"], "ownerReferences": [pods.owner_reference(obj)]}
    spec = {"namespace": place, "values": {"global": {"istioNamespace": place}}}
    run.bring(merge(revision, {"metadata": named, "spec": spec}))
    done = told(run, _STORY, "Istio", "default")
    run.update(obj, {"spec": {"version": obj["spec"].get("version", done["spec"]["version"])}, "status": done["status"]})


def _cni(run: Controllers, obj: Obj) -> None:
    """A pod on each node that sends the traffic of enrolled pods through their proxies."""
    start(run, spec_of(obj, "namespace", default="istio-cni"), {"istio-cni-node": line(_STORY, _NAME, "istio-cni-node")})
    run.update(obj, {"status": told(run, _STORY, "IstioCNI", "default")["status"]})


OPERANDS = {
    ("sailoperator.io", "istios"): of("servicemeshoperator3", _istio),
    ("sailoperator.io", "istiocnis"): of("servicemeshoperator3", _cni),
}

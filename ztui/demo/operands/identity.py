"""What the operator of workload identities makes: SPIRE's server, its agents, its driver, and who gets which identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo.answers import Obj
from ztui.demo.operands.base import Operand, of, ready, spec_of, start
from ztui.demo.selectors import selector_predicate

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_PACKAGE = "openshift-zero-trust-workload-identity-manager"
_PLACE = "zero-trust-workload-identity-manager"
_SERVER = {"kind": "StatefulSet", "ports": {"grpc": 8081}}
_ON_NODES = {"kind": "DaemonSet", "secure": False, "main": {"securityContext": {"privileged": True}}}


def _part(name: str, told: Obj) -> Operand:
    """A controller of one part: its workload, in the namespace of the operator."""

    def make(run: Controllers, obj: Obj) -> None:
        start(run, _PLACE, {name: {"image": f"zero-trust-workload-identity-manager/{name}:1.0.0", **told}})
        ready(run, obj)

    return make


def _identities(run: Controllers, obj: Obj) -> None:
    """How many pods get an entry."""
    spaces = selector_predicate(spec_of(obj, "namespaceSelector", default={}))
    chosen = selector_predicate(spec_of(obj, "podSelector", default={}))
    names = {item["metadata"]["name"] for item in run.store.of("namespaces") if spaces(item["metadata"].get("labels") or {})}
    found = [item for item in run.store.of("pods") if item["metadata"]["namespace"] in names]
    count = sum(bool(chosen(item["metadata"].get("labels") or {})) for item in found)
    stats = {"namespacesSelected": len(names), "podsSelected": count, "entriesToSet": count, "podEntryRenderFailures": 0}
    run.update(obj, {"status": {"stats": {**stats, "entriesMasked": 0, "entryFailures": 0, "namespacesIgnored": 0}}})


OPERANDS = {
    ("operator.openshift.io", "zerotrustworkloadidentitymanagers"): of(_PACKAGE, ready),
    ("operator.openshift.io", "spireservers"): of(_PACKAGE, _part("spire-server", _SERVER)),
    ("operator.openshift.io", "spireagents"): of(_PACKAGE, _part("spire-agent", _ON_NODES)),
    ("operator.openshift.io", "spiffecsidrivers"): of(_PACKAGE, _part("spire-spiffe-csi-driver", _ON_NODES)),
    ("operator.openshift.io", "spireoidcdiscoveryproviders"): of(
        _PACKAGE, _part("spire-spiffe-oidc-discovery-provider", {"ports": {"https": 8443}})
    ),
    ("spire.spiffe.io", "clusterspiffeids"): of(_PACKAGE, _identities),
}

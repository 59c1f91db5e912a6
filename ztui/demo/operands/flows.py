"""What the operator of network observability makes: an agent on every node, and what takes its flows, each in a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo import workloads
from ztui.demo.answers import Obj
from ztui.demo.operands.base import of, ready, spec_of, start

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_WATCHED = {"openshift.io/cluster-monitoring": "true"}
_FREE = {"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/audit": "privileged"}
_AGENT = {
    "kind": "DaemonSet",
    "image": "network-observability/ebpf-agent:1.9.3",
    "secure": False,
    "main": {"securityContext": {"privileged": True}},
    "pod": {"hostNetwork": True, "tolerations": [{"operator": "Exists"}]},
    "podAnnotations": {"openshift.io/scc": "privileged"},
}
_TAKER = {"kind": "DaemonSet", "image": "network-observability/flowlogs-pipeline:1.9.3", "ports": {"flp": 2055}}


def _collector(run: Controllers, obj: Obj) -> None:
    """The operator makes both namespaces: agents see the nodes' network, what takes the flows does not."""
    place = spec_of(obj, "namespace", default="netobserv")
    for name, labels in ((place, _WATCHED), (f"{place}-privileged", {**_WATCHED, **_FREE})):
        run.bring(workloads.namespace(name, {"labels": labels}))
    start(run, f"{place}-privileged", {"netobserv-ebpf-agent": _AGENT})
    start(run, place, {"flowlogs-pipeline": _TAKER})
    ready(run, obj)


OPERANDS = {("flows.netobserv.io", "flowcollectors"): of("netobserv-operator", _collector)}

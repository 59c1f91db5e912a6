"""What stands between a decoded write and the store: webhooks, the life of namespaces, Pod Security."""

from __future__ import annotations

import asyncio

from ztui.demo import injection, pods, security
from ztui.demo.answers import ApiError, Obj, bad_request, not_found
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.faults import Switch
from ztui.demo.store import merge


async def hook(switch: Switch, call: Call) -> None:
    """The `webhook` switch: slow, unwilling, or unable to do a dry run."""
    await asyncio.sleep(float(switch.get("seconds", 0)))
    if switch.get("no_dry_run") and call.dry_run:
        raise bad_request('admission webhook "policy.demo.example" does not support dry run')
    if switch.get("deny"):
        text = f'admission webhook "policy.demo.example" denied the request: {switch.get("deny")}'
        raise ApiError(403, text, details={})


def changed(cluster: Cluster, call: Call, old: Obj | None, obj: Obj, switch: Switch | None) -> Obj:
    """The object after what changes it on its way: a new pod gets its account, webhooks do what they do."""
    if old is None and call.resource.namespaced:
        _namespace_open(cluster, call, obj)
    if old is None and call.resource.id == ("", "pods"):
        obj = injection.injected(cluster.store, _with_account(cluster, call, obj), call.namespace)
    made: Obj = merge(obj, switch.get("set")) if switch and switch.get("set") else obj
    return made


def _with_account(cluster: Cluster, call: Call, pod: Obj) -> Obj:
    """The pod with its account's token and with tolerations. Raises a 403 ApiError where there is no such account."""
    name = pod["spec"].get("serviceAccountName") or "default"
    account = cluster.store.find(cluster.catalogue.named("serviceaccounts"), name, call.namespace)
    if account is None:
        called = pod["metadata"].get("name", "")
        why = f'error looking up service account {call.namespace}/{name}: serviceaccount "{name}" not found'
        about = {"name": called, "kind": "pods"}
        raise ApiError(403, f'pods "{called}" is forbidden: {why}', details=about)
    token = cluster.store.new_uid()[:5]
    return pods.admitted(pod, token, automount=account.get("automountServiceAccountToken", True) is not False)


def check(cluster: Cluster, call: Call, old: Obj | None, obj: Obj) -> None:
    """Raises ApiError where the object is refused; adds warnings where it is only frowned upon."""
    if call.resource.id == ("", "namespaces") and not call.sub:
        call.warnings += security.warnings(cluster.store, old, obj)


def _namespace_open(cluster: Cluster, call: Call, obj: Obj) -> None:
    """An object may come only into a namespace that is there and stays."""
    space = cluster.store.find(cluster.catalogue.named("namespaces"), call.namespace)
    if space is None:
        raise not_found("", "namespaces", call.namespace)
    if space["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
        causes = [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {call.namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]
        name = obj["metadata"].get("name", "")
        about = {"name": name, "kind": call.resource.plural, "causes": causes}
        raise ApiError(403, f'{call.resource.plural} "{name}" is forbidden: {why}', details=about)

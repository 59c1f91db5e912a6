"""What the operators of secrets and certificates make: stores are looked at, secrets are fetched, certificates are issued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo import operators, pods, workloads
from ztui.demo.answers import Obj
from ztui.demo.operands.base import line, of, ready, refuses, spec_of, start, told
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_STORY = "enforced.yaml"
_ESO = "external-secrets.io"
_STORES = {"SecretStore": "secretstores", "ClusterSecretStore": "clustersecretstores"}
_AT = ("external-secrets", "external-secrets-webhook")
_PARTS = {
    "cert-manager": "controllerConfig",
    "cert-manager-webhook": "webhookConfig",
    "cert-manager-cainjector": "cainjectorConfig",
}
_ISSUERS = {"Issuer": "issuers", "ClusterIssuer": "clusterissuers"}


def _cert_manager(run: Controllers, obj: Obj) -> None:
    """The controller, its webhook and its injector, each in as many replicas as they are told to be."""
    run.bring(workloads.namespace("cert-manager", {}))
    lines = {
        name: line(_STORY, "cert-manager", name, {"replicas": spec_of(obj, part, "overrideReplicas", default=1)})
        for name, part in _PARTS.items()
    }
    start(run, "cert-manager", lines)
    run.bring(told(run, _STORY, "ValidatingWebhookConfiguration", "cert-manager-webhook"))
    ready(run, obj, None, "cert-manager-controller-deploymentAvailable", "cert-manager-webhook-deploymentAvailable")


def _external_secrets(run: Controllers, obj: Obj) -> None:
    """The controller, and the webhook that looks at its objects."""
    run.bring(workloads.namespace("external-secrets", {}))
    webhook = {"image": "external-secrets/external-secrets:0.18.2", "ports": {"webhook": 10250}}
    controller = line(_STORY, "external-secrets", "external-secrets")
    start(run, "external-secrets", {"external-secrets": controller, "external-secrets-webhook": webhook})
    refuses(run, "externalsecret-validate", (*_AT, "/validate"), [_ESO], ["externalsecrets", "secretstores"])
    ready(run, obj)


def _store(run: Controllers, obj: Obj) -> None:
    """A store that is looked at: the account that it logs in by has to be there. What waits for it is fetched."""
    why = _missing(run, obj)
    status, reason, message = ("False", "InvalidProviderConfig", why) if why else ("True", "Valid", "store validated")
    made = {"type": "Ready", "status": status, "reason": reason, "message": message}
    conditions = [{**made, "lastTransitionTime": stamp(run.store.now())}]
    run.update(obj, {"status": {"capabilities": "ReadWrite", "conditions": conditions}})
    for secret in run.store.of(f"externalsecrets.{_ESO}") if not why else ():
        if not _is_ready(secret):
            _fetch(run, secret)


def _missing(run: Controllers, obj: Obj) -> str:
    for login in spec_of(obj, "provider", "vault", "auth", default={}).values():
        account = login.get("serviceAccountRef") if isinstance(login, dict) else None
        place = (account or {}).get("namespace") or obj["metadata"].get("namespace", "")
        if account and run.store.find(run.cluster.catalogue.named("serviceaccounts"), account["name"], place) is None:
            return f'cannot get Kubernetes service account "{account["name"]}": ServiceAccount "{account["name"]}" not found'
    return ""


def _fetch(run: Controllers, obj: Obj) -> None:
    """The Secret that is asked for, taken over where it is there already. The values are placeholders that say so."""
    meta, spec = obj["metadata"], obj["spec"]
    place, ref = meta["namespace"], spec.get("secretStoreRef") or {}
    kind = ref.get("kind") or "SecretStore"
    stores = run.cluster.catalogue.named(f"{_STORES[kind]}.{_ESO}")
    store = run.store.find(stores, ref.get("name", ""), place if kind == "SecretStore" else "")
    now = stamp(run.store.now())
    if store is None or not _is_ready(store) or not _may_use(store, place):
        why = {"reason": "SecretSyncedError", "message": "could not get secret data from provider", "lastTransitionTime": now}
        run.update(obj, {"status": {"conditions": [{"type": "Ready", "status": "False", **why}]}})
        return
    target = spec.get("target") or {}
    name = target.get("name") or meta["name"]
    found = run.store.find(run.cluster.catalogue.named("secrets"), name, place) or {}
    keys = [item["secretKey"] for item in spec.get("data") or ()] or list(found.get("data") or {"password": ""})
    owner = [pods.owner_reference(obj)] if target.get("creationPolicy", "Owner") == "Owner" else []
    about = {"labels": {"reconcile.external-secrets.io/managed": "true"}, "ownerReferences": owner, "keys": keys}
    run.bring(workloads.secret(place, name, {**about, "type": found.get("type") or "Opaque"}))
    done = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced", "lastTransitionTime": now}
    version = f"{meta.get('generation', 1)}-1"
    run.update(obj, {"status": {"refreshTime": now, "syncedResourceVersion": version, "conditions": [done]}})


def _may_use(store: Obj, namespace: str) -> bool:
    limits = [item["namespaces"] for item in spec_of(store, "conditions", default=()) if "namespaces" in item]
    return not limits or any(namespace in names for names in limits)


def _is_ready(obj: Obj) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _issuer(run: Controllers, obj: Obj) -> None:
    """An issuer is ready; certificates that wait for it are issued."""
    ready(run, obj)
    for item in run.store.of("certificates.cert-manager.io"):
        if not _is_ready(item):
            _ask(run, item)


def _ask(run: Controllers, obj: Obj) -> None:
    """A new certificate is being issued once its issuer is ready."""
    ref = obj["spec"]["issuerRef"]
    kind = ref.get("kind") or "Issuer"
    issuers = run.cluster.catalogue.named(f"{_ISSUERS[kind]}.cert-manager.io")
    issuer = run.store.find(issuers, ref["name"], obj["metadata"]["namespace"] if kind == "Issuer" else "")
    if issuer is not None and _is_ready(issuer):
        why = "Issuing certificate as Secret does not exist"
        conditions = operators.condition(run, obj, "Issuing", "True", "DoesNotExist", why)
        run.update(obj, {"status": {"conditions": conditions}})


_new_certificate = of("openshift-cert-manager-operator", _ask)


def _certificate(run: Controllers, obj: Obj) -> None:
    _new_certificate(run, obj)
    operators.certificate(run, obj)


OPERANDS = {
    ("operator.openshift.io", "certmanagers"): of("openshift-cert-manager-operator", _cert_manager),
    ("cert-manager.io", "issuers"): of("openshift-cert-manager-operator", _issuer),
    ("cert-manager.io", "clusterissuers"): of("openshift-cert-manager-operator", _issuer),
    ("cert-manager.io", "certificates"): _certificate,
    ("operator.openshift.io", "externalsecretsconfigs"): of("openshift-external-secrets-operator", _external_secrets),
    (_ESO, "secretstores"): of("openshift-external-secrets-operator", _store),
    (_ESO, "clustersecretstores"): of("openshift-external-secrets-operator", _store),
    (_ESO, "externalsecrets"): of("openshift-external-secrets-operator", _fetch),
}

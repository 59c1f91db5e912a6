"""What operators of the demo make of their objects, and what they wait for: rights, accounts, keys, owners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.demo.client import Client
from tests.demo.test_installing import OLM, Obj, create, group, namespace, state, subscribe, until
from ztui.demo.server import DemoThread

PACKAGES: Final = (
    "openshift-external-secrets-operator",
    "openshift-cert-manager-operator",
    "cluster-logging",
    "loki-operator",
    "openshift-gitops-operator",
    "redhat-oadp-operator",
    "openshift-zero-trust-workload-identity-manager",
    "openshift-pipelines-operator-rh",
)
MERGE: Final = "application/merge-patch+json"


@pytest.fixture(scope="module")
def admin() -> Iterator[Client]:
    with DemoThread(scenario="fresh", churn=False) as demo:
        found = Client(demo.url, demo.ca_pem, demo.token("admin"))
        namespace(found, "made")
        group(found, "made")
        for name in PACKAGES:
            subscribe(found, name, "made")
        left = set(PACKAGES)
        for event in found.events(f"{OLM}/v1alpha1/namespaces/made/subscriptions?watch=true&timeoutSeconds=60"):
            if state(event["object"]) == "AtLatestKnown":
                left.discard(event["object"]["metadata"]["name"])
            if not left:
                break
        yield found


def reason(obj: Obj, kind: str = "Ready") -> tuple[str, str]:
    """Status and reason of a condition."""
    held = [item for item in (obj.get("status") or {}).get("conditions") or () if item["type"] == kind]
    return (held[0]["status"], held[0]["reason"]) if held else ("", "")


def made(group_version: str, kind: str, name: str, **body: Any) -> Obj:
    return {"apiVersion": group_version, "kind": kind, "metadata": {"name": name}, **body}


def test_a_store_needs_its_account_and_then_takes_a_secret_over(admin: Client) -> None:
    root = "/apis/external-secrets.io/v1/namespaces/shop"
    login = {"kubernetes": {"mountPath": "kubernetes", "role": "r", "serviceAccountRef": {"name": "reader"}}}
    store = {"provider": {"vault": {"server": "https://vault.corp.example", "path": "secret", "auth": login}}}
    target = {"secretStoreRef": {"name": "vault"}, "dataFrom": [{"extract": {"key": "shop/redis"}}]}
    create(admin, f"{root}/externalsecrets", made("external-secrets.io/v1", "ExternalSecret", "redis-auth", spec=target))
    until(admin, f"{root}/externalsecrets", lambda obj: reason(obj) == ("False", "SecretSyncedError"))
    create(admin, f"{root}/secretstores", made("external-secrets.io/v1", "SecretStore", "vault", spec=store))
    until(admin, f"{root}/secretstores", lambda obj: reason(obj) == ("False", "InvalidProviderConfig"))
    create(admin, "/api/v1/namespaces/shop/serviceaccounts", made("v1", "ServiceAccount", "reader"))
    more = {"spec": {"retrySettings": {"maxRetries": 5}}}  # a store is looked at again when it changes
    assert admin.ask(f"{root}/secretstores/vault", "PATCH", more, content=MERGE).code == 200
    until(admin, f"{root}/externalsecrets", lambda obj: reason(obj) == ("True", "SecretSynced"))
    found = admin.ask("/api/v1/namespaces/shop/secrets/redis-auth").body
    assert found["metadata"]["labels"]["reconcile.external-secrets.io/managed"] == "true"
    assert [owner["kind"] for owner in found["metadata"]["ownerReferences"]] == ["ExternalSecret"]
    assert set(found["data"]) == {"password"}


def test_a_shared_store_serves_only_the_namespaces_that_it_names(admin: Client) -> None:
    store = {"provider": {"vault": {"server": "https://vault.corp.example"}}, "conditions": [{"namespaces": ["shop"]}]}
    create(
        admin,
        "/apis/external-secrets.io/v1/clustersecretstores",
        made("external-secrets.io/v1", "ClusterSecretStore", "all", spec=store),
    )
    until(admin, "/apis/external-secrets.io/v1/clustersecretstores", lambda obj: reason(obj) == ("True", "Valid"))
    wanted = [{"secretKey": "k", "remoteRef": {"key": "k"}}]
    target = {"secretStoreRef": {"kind": "ClusterSecretStore", "name": "all"}, "data": wanted}
    for place, outcome in (("shop", ("True", "SecretSynced")), ("payments", ("False", "SecretSyncedError"))):
        path = f"/apis/external-secrets.io/v1/namespaces/{place}/externalsecrets"
        create(admin, path, made("external-secrets.io/v1", "ExternalSecret", "shared", spec=target))
        until(admin, path, lambda obj, outcome=outcome: obj["metadata"]["name"] == "shared" and reason(obj) == outcome)  # type: ignore[misc]


def test_a_certificate_waits_for_its_issuer(admin: Client) -> None:
    root = "/apis/cert-manager.io/v1/namespaces/shop"
    spec = {"secretName": "web-tls", "dnsNames": ["shop.example"], "issuerRef": {"name": "corp"}, "duration": "24h"}
    create(admin, f"{root}/certificates", made("cert-manager.io/v1", "Certificate", "web", spec=spec))
    create(admin, f"{root}/issuers", made("cert-manager.io/v1", "Issuer", "corp", spec={"selfSigned": {}}))
    done = until(admin, f"{root}/certificates", lambda obj: reason(obj) == ("True", "Ready"))
    assert done["status"]["revision"] == 1
    assert admin.ask("/api/v1/namespaces/shop/secrets/web-tls").body["type"] == "kubernetes.io/tls"


def test_a_forwarder_collects_once_its_account_may(admin: Client) -> None:
    path = "/apis/observability.openshift.io/v1/namespaces/made/clusterlogforwarders"
    flow = {"name": "all", "inputRefs": ["audit"], "outputRefs": ["siem"]}
    siem = {"name": "siem", "type": "http", "http": {"url": "https://siem.corp.example"}}
    spec = {"serviceAccount": {"name": "collector"}, "outputs": [siem], "pipelines": [flow]}
    create(admin, path, made("observability.openshift.io/v1", "ClusterLogForwarder", "logs", spec=spec))
    authorized = "observability.openshift.io/Authorized"
    until(admin, path, lambda obj: reason(obj, authorized) == ("False", "ClusterRoleMissing"))
    assert not admin.ask("/apis/apps/v1/namespaces/made/daemonsets").body["items"]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "collect-audit-logs"}
    subject = {"kind": "ServiceAccount", "name": "collector", "namespace": "made"}
    binding = made("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "collects", roleRef=role, subjects=[subject])
    create(admin, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    until(admin, path, lambda obj: reason(obj)[0] == "True")
    daemon = admin.ask("/apis/apps/v1/namespaces/made/daemonsets/logs").body
    assert daemon["spec"]["template"]["spec"]["serviceAccountName"] == "collector"


def test_a_store_of_logs_needs_the_keys_of_its_bucket(admin: Client) -> None:
    path = "/apis/loki.grafana.com/v1/namespaces/made/lokistacks"
    spec = {"size": "1x.extra-small", "storageClassName": "gp3-csi", "storage": {"secret": {"name": "keys", "type": "s3"}}}
    create(admin, path, made("loki.grafana.com/v1", "LokiStack", "store", spec=spec))
    until(admin, path, lambda obj: reason(obj, "Degraded") == ("True", "MissingObjectStorageSecret"))
    create(admin, "/api/v1/namespaces/made/secrets", made("v1", "Secret", "keys", stringData={"bucketnames": "b"}))
    until(admin, path, lambda obj: reason(obj)[0] == "True" and not reason(obj, "Degraded")[0])


def test_an_application_syncs_where_its_instance_may_write(admin: Client) -> None:
    root = "/apis/argoproj.io/v1alpha1/namespaces/openshift-gitops"
    until(
        admin,
        "/apis/argoproj.io/v1beta1/namespaces/openshift-gitops/argocds",
        lambda obj: (obj.get("status") or {}).get("phase") == "Available",
    )
    spec = {"project": "default", "source": {"repoURL": "https://git.corp.example/a.git"}, "destination": {"namespace": "shop"}}
    create(admin, f"{root}/applications", made("argoproj.io/v1alpha1", "Application", "shop", spec=spec))

    def sync(obj: Obj) -> str:
        return str(((obj.get("status") or {}).get("sync") or {}).get("status"))

    until(admin, f"{root}/applications", lambda obj: sync(obj) == "Unknown")
    label = {"metadata": {"labels": {"argocd.argoproj.io/managed-by": "openshift-gitops"}}}
    assert admin.ask("/api/v1/namespaces/shop", "PATCH", label, content=MERGE).code == 200
    done = until(admin, f"{root}/applications", lambda obj: sync(obj) == "Synced")
    assert not done["status"].get("conditions")
    account = "openshift-gitops-argocd-application-controller"
    binding = admin.ask(f"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/{account}").body
    assert binding["subjects"][0]["namespace"] == "openshift-gitops"


def test_a_backup_needs_a_place_to_go_to(admin: Client) -> None:
    root = "/apis/velero.io/v1/namespaces/made"

    def phase(obj: Obj) -> tuple[str, str]:
        return obj["metadata"]["name"], str((obj.get("status") or {}).get("phase"))

    create(admin, f"{root}/backups", made("velero.io/v1", "Backup", "early", spec={}))
    until(admin, f"{root}/backups", lambda obj: phase(obj) == ("early", "FailedValidation"))
    place = {"velero": {"provider": "aws", "default": True, "objectStorage": {"bucket": "b"}}}
    dpa = made("oadp.openshift.io/v1alpha1", "DataProtectionApplication", "dpa", spec={"backupLocations": [place]})
    create(admin, "/apis/oadp.openshift.io/v1alpha1/namespaces/made/dataprotectionapplications", dpa)
    until(admin, f"{root}/backupstoragelocations", lambda obj: phase(obj) == ("dpa-1", "Available"))
    create(admin, f"{root}/backups", made("velero.io/v1", "Backup", "daily-1", spec={}))
    done = until(admin, f"{root}/backups", lambda obj: phase(obj) == ("daily-1", "Completed"))
    assert done["spec"]["storageLocation"] == "dpa-1"


def test_a_run_is_signed_where_signatures_are_wanted(admin: Client) -> None:
    path = "/apis/tekton.dev/v1/namespaces/shop/pipelineruns"
    for name, disabled in (("signed", False), ("bare", True)):
        chain = {"spec": {"chain": {"disabled": disabled, "generateSigningSecret": True}}}
        assert admin.ask("/apis/operator.tekton.dev/v1alpha1/tektonconfigs/config", "PATCH", chain, content=MERGE).code == 200
        create(admin, path, made("tekton.dev/v1", "PipelineRun", name, spec={"pipelineRef": {"name": "build"}}))
        done = until(
            admin,
            path,
            lambda obj, name=name: obj["metadata"]["name"] == name and reason(obj, "Succeeded")[0] == "True",  # type: ignore[misc]
        )
        assert ("chains.tekton.dev/signed" in (done["metadata"].get("annotations") or {})) is not disabled


def test_identities_are_counted_by_the_pods_that_they_select(admin: Client) -> None:
    path = "/apis/spire.spiffe.io/v1alpha1/clusterspiffeids"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}}}
    create(admin, path, made("spire.spiffe.io/v1alpha1", "ClusterSPIFFEID", "payments", spec=here))
    found = until(admin, path, lambda obj: bool(obj.get("status")))["status"]["stats"]
    pods = admin.ask("/api/v1/namespaces/payments/pods").body["items"]
    assert (found["namespacesSelected"], found["podsSelected"]) == (1, len(pods))

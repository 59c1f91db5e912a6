"""The scanner of the demo reports on what runs, and on what runs instead after a rollout."""

from __future__ import annotations

from tests.demo.client import Client
from tests.demo.test_installing import OLM, Obj, create, group, namespace, state, subscribe, until
from ztui.demo.server import DemoThread

REPORTS = "/apis/aquasecurity.github.io/v1alpha1/namespaces/shop/vulnerabilityreports"
DIGEST = "sha256:" + "5e" * 32


def test_each_image_of_a_workload_has_a_report_and_a_new_one_gets_its_own() -> None:
    with DemoThread(scenario="fresh", churn=False) as demo:
        admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
        spec = {"sourceType": "grpc", "image": "quay.io/operatorhubio/catalog:latest"}
        source = {"apiVersion": f"{OLM[6:]}/v1alpha1", "kind": "CatalogSource", "metadata": {"name": "hub"}, "spec": spec}
        create(admin, f"{OLM}/v1alpha1/namespaces/openshift-marketplace/catalogsources", source)
        namespace(admin, "trivy-system")
        group(admin, "trivy-system")
        path = subscribe(admin, "trivy-operator", "trivy-system", source="hub")
        until(admin, path, lambda obj: state(obj) == "AtLatestKnown")
        first = until(admin, REPORTS, lambda obj: repository(obj) == "shop/web")
        running = admin.ask("/api/v1/namespaces/shop/pods?labelSelector=app.kubernetes.io/name=web").body["items"][0]
        assert running["status"]["containerStatuses"][0]["imageID"].endswith(first["report"]["artifact"]["digest"])
        image = f"registry.demo.example/shop/web@{DIGEST}"
        change = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}
        kind = "application/strategic-merge-patch+json"
        assert admin.ask("/apis/apps/v1/namespaces/shop/deployments/web", "PATCH", change, content=kind).code == 200
        until(admin, REPORTS, lambda obj: obj["report"]["artifact"]["digest"] == DIGEST)


def repository(obj: Obj) -> str:
    return str(obj["report"]["artifact"]["repository"])

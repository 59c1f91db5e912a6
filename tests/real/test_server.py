"""The test server itself: what it says must be what a real cluster says, since all of this tier leans on it."""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.servers.build import KUBERNETES, kubernetes_binary, why_missing
from tests.servers.kube import ExternalServerError, KubeServer
from tests.servers.populate import populate
from tests.servers.processes import eventually

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def can(kube: KubeServer, user: str, groups: list[str], verb: str, namespace: str) -> bool:
    attributes = {"namespace": namespace, "verb": verb, "resource": "pods"}
    spec = {"user": user, "groups": groups, "resourceAttributes": attributes}
    answer = kube.call("POST", REVIEWS, {"spec": spec})
    return bool(answer.body["status"]["allowed"])


def test_it_is_the_release_we_name(kube: KubeServer) -> None:
    assert kube.call("GET", "/version").body["gitVersion"] == "v1.36.3"


def test_kubectl_lists_over_verified_tls(kube: KubeServer) -> None:
    kubeconfig = kube.kubeconfig()
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    assert "insecure" not in kubeconfig.read_text()
    assert "namespace/default" in kube.kubectl("get", "ns", "-o", "name").stdout.split()


async def test_the_certificate_is_refused_without_its_authority(kube: KubeServer) -> None:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(kube.url)


async def test_a_session_speaks_as_its_user(kube: KubeServer) -> None:
    async with kube.session("viewer") as session, session.get("api/v1/secrets") as response:
        assert response.status == 403
        assert 'User "viewer"' in (await response.json())["message"]


def test_kubectl_says_why_it_failed(kube: KubeServer) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="non-zero") as caught:
        kube.kubectl("get", "secrets", user="ana")
    assert "Forbidden" in caught.value.stderr


@pytest.mark.parametrize(("user", "group"), [("admin", "system:masters"), ("ana", "team-a"), ("ben", "team-b")])
def test_token_review_knows_the_users(kube: KubeServer, user: str, group: str) -> None:
    answer = kube.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": kube.token(user)}})
    assert answer.body["status"]["user"]["username"] == user
    assert group in answer.body["status"]["user"]["groups"]


def test_a_service_account_token_is_real(kube: KubeServer, namespace: str) -> None:
    request = {"spec": {"expirationSeconds": 600}}
    token = kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", request).body["status"]["token"]
    answer = kube.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
    assert answer.body["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_access_follows_a_binding(kube: KubeServer, namespace: str) -> None:
    assert not can(kube, "viewer", ["viewers"], "list", namespace)
    kube.kubectl("create", "rolebinding", "look", "--clusterrole=view", "--group=viewers", "-n", namespace)
    assert eventually(lambda: can(kube, "viewer", ["viewers"], "list", namespace))
    assert not can(kube, "viewer", ["viewers"], "delete", namespace)


def test_the_user_roles_have_rules_without_controllers(kube: KubeServer) -> None:
    rules = {role: kube.kubectl("describe", "clusterrole", role).stdout for role in ("view", "edit", "admin")}
    assert "deployments.apps" in rules["view"]
    assert "pods/exec" in rules["edit"]
    assert "rolebindings.rbac" in rules["admin"]
    assert "secrets" not in rules["view"]


def test_a_compacted_revision_is_gone(kube: KubeServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("a", "b"):
        kube.call("POST", path, {"metadata": {"name": name}})
    page = kube.call("GET", f"{path}?limit=1").body["metadata"]
    kube.call("POST", path, {"metadata": {"name": "c"}})

    kube.compact()

    assert kube.call("GET", f"{path}?limit=1&continue={page['continue']}").status == 410
    watch = kube.call("GET", f"{path}?watch=1&timeoutSeconds=1&resourceVersion={page['resourceVersion']}").body
    event = watch if isinstance(watch, dict) else json.loads(watch)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert kube.call("GET", path).status == 200


def test_openshift_kinds_are_served_and_checked(openshift: KubeServer) -> None:
    user = {"apiVersion": "user.openshift.io/v1", "kind": "User", "metadata": {"name": "ana"}, "fullName": "Ana"}
    assert openshift.call("POST", "/apis/user.openshift.io/v1/users", user).body["fullName"] == "Ana"
    wrong = {"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "metadata": {"name": "version"}, "spec": {}}
    assert openshift.call("POST", "/apis/config.openshift.io/v1/clusterversions", wrong).status == 422


async def test_openshift_kinds_answer_an_async_client(openshift: KubeServer) -> None:
    async with openshift.session() as session, asyncio.timeout(30):
        body: dict[str, object] = {"code": 429}
        while body.get("code") == 429:  # a kind's storage is made anew whenever its definition's status changes
            async with session.get("apis/route.openshift.io/v1/routes") as response:
                body = await response.json(content_type=None)
    assert body.get("items") == [], body


def test_programs_in_a_folder_do_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kube: KubeServer) -> None:
    binary = kubernetes_binary()
    if binary is None:
        pytest.skip(why_missing())
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).symlink_to(binary)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with KubeServer() as other:
        assert other.url != kube.url
        assert "default" in other.kubectl("get", "namespaces").stdout


def test_a_server_of_others_is_only_asked(monkeypatch: pytest.MonkeyPatch, kube: KubeServer) -> None:
    monkeypatch.setenv("ZTUI_TEST_KUBECONFIG", str(kube.kubeconfig()))
    with KubeServer() as other:
        assert (other.url, other.token()) == (kube.url, kube.token())
        with pytest.raises(ExternalServerError):
            other.restart_apiserver()
    assert kube.call("GET", "/readyz").body == "ok"


async def test_populated_pods_roll_up_to_deployments(kube: KubeServer) -> None:
    census = await populate(kube, namespaces=1, pods_per_namespace=8)
    assert census.pods == 8
    pods = kube.call("GET", "/api/v1/namespaces/team-0000/pods").body["items"]
    sets = kube.call("GET", "/apis/apps/v1/namespaces/team-0000/replicasets").body["items"]
    owners = {each["metadata"]["uid"]: each["metadata"]["ownerReferences"][0]["name"] for each in sets}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert {owners[pod["metadata"]["ownerReferences"][0]["uid"]] for pod in pods} == {"svc-0", "svc-1", "svc-2", "svc-3"}


def test_the_builder_says_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server lies in the cache and there is no Go for the other: nothing is built, both are told, neither is a failure."""
    monkeypatch.setenv("ZTUI_TEST_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    KUBERNETES.path().touch(mode=0o755)
    done = subprocess.run([sys.executable, "-m", "tests.servers.build"], capture_output=True, text=True, check=True)
    assert f"kubernetes: present at {KUBERNETES.path()}" in done.stdout
    assert "vault: not built, Go is not on PATH" in done.stdout


def test_controllers_come_on_request(kube: KubeServer) -> None:
    kube.start_controller_manager()
    try:
        kube.kubectl("create", "namespace", "with-controllers")
        kube.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "with-controllers", "--timeout=30s")
    finally:
        kube.stop_controller_manager()

"""A real Vault: what a token with exactly the printed policy can read and cannot, and a login with a real ServiceAccount."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.servers.kube import KubeServer
from tests.servers.vaults import VaultServer
from tests.worlds import all_kinds
from ztui.board import Board
from ztui.checks.base import CheckId, Status
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo.vaultstory import story
from ztui.engines.vaultpolicy import allowed
from ztui.frame import Frame
from ztui.kinds.base import Meta
from ztui.kinds.vault import KvSecret, MountData, VaultHealth, VaultLogin, VaultMount
from ztui.kinds.vaultpaths import paths_of
from ztui.kinds.vaultpolicy import PathRule
from ztui.roles import vault_policy
from ztui.settings import Settings, VaultSettings
from ztui.sources.vault import read_mounts
from ztui.sources.vaulttarget import find_vaults
from ztui.targets import finder
from ztui.view import State

SECRET = "canary-7f3a91c2"  # what no answer, file or screen of ours may hold


@pytest.fixture(scope="module")
def furnished(vault: VaultServer) -> VaultServer:
    """One mount of every type that is judged, one of them with a slash in its name."""
    for mount, kind in (("approle", "approle"), ("clusters/stage", "kubernetes"), ("userpass", "userpass"), ("jwt", "jwt")):
        vault.write(f"sys/auth/{mount}", type=kind)
    vault.write("auth/clusters/stage/config", kubernetes_host="https://stage.example:6443", disable_local_ca_jwt=True)
    vault.write(
        "auth/clusters/stage/role/any",
        bound_service_account_names="*",
        bound_service_account_namespaces="*",
        token_policies="all",
    )
    vault.write("auth/approle/role/ci", token_policies="shop")
    vault.write("auth/userpass/users/ana", password=SECRET)
    vault.write(
        "sys/policies/acl/all", policy='path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'
    )
    vault.write("sys/policies/acl/shop", policy='path "secret/data/shop/*" { capabilities = ["read"] }')
    for path in ("shop/db", "shop/deep/er/key", "top"):
        vault.write(f"secret/data/{path}", data={"password": SECRET})
    vault.write("sys/mounts/team/kv", type="kv", options={"version": "2"})
    vault.write("team/kv/data/a", data={"password": SECRET})
    vault.write("sys/mounts/old", type="kv", options={"version": "1"})
    vault.write("old/roles/a", password=SECRET)
    vault.write("sys/mounts/pki", type="pki")
    vault.write("pki/root/generate/internal", common_name="demo root", ttl="240h")
    vault.write("pki/roles/any", allow_any_name=True)
    vault.write("sys/mounts/database", type="database")
    vault.write("sys/mounts/kubernetes", type="kubernetes")
    vault.write(
        "kubernetes/roles/ops", allowed_kubernetes_namespaces="*", kubernetes_role_name="x", kubernetes_role_type="ClusterRole"
    )
    vault.write("sys/audit/file", type="file", options={"file_path": str(vault.folder / "audit.log")})
    return vault


def _settings(vault: VaultServer, folder: Path, token: str, **more: object) -> dict[str, VaultSettings]:
    file = folder / "token"
    file.write_text(token)
    return {"main": VaultSettings(vault.url, ca_file=str(vault.ca_file), token_file=str(file), **more)}  # type: ignore[arg-type]


async def _state(kube: KubeServer, vaults: dict[str, VaultSettings], user: str = "admin") -> tuple[Frame, State]:
    settings = Settings(kubeconfig=str(kube.kubeconfig(user)), vaults=vaults)
    core = Core(settings, finder(settings))
    async with core.open():
        frame = await core.settled(60)
    return frame, frame.state


async def test_exactly_the_printed_policy_reads_all_that_is_judged_and_no_value(
    kube: KubeServer, furnished: VaultServer, tmp_path: Path
) -> None:
    [target] = find_vaults(Settings(vaults=_settings(furnished, tmp_path, furnished.root)), "any", {})
    [(_, mounts)] = await read_mounts(target, SystemClock(), 30)
    furnished.write("sys/policies/acl/ztui-assess", policy=vault_policy(mounts))
    token = furnished.token("ztui-assess", no_default_policy=True)
    _, state = await _state(kube, _settings(furnished, tmp_path, token))
    kinds = [kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind)]
    assert {kind.KIND: str(state.gap(kind)) for kind in kinds if state.gap(kind) is not None} == {}
    names = {item for part in state.objects[KvSecret].values() for item in part}
    assert names == {"secret/shop/db", "secret/shop/deep/er/key", "secret/top", "team/kv/a"}
    for path in ("secret/data/shop/db", "team/kv/data/a", "old/roles/a", "secret/subkeys/shop/db"):
        assert furnished.call("GET", path, token=token).status == 403, path
    for path in ("sys/policies/acl/all", "secret/metadata/top"):
        assert furnished.call("POST", path, {}, token=token).status == 403, path


async def test_even_beside_a_mightier_policy_values_stay_closed(furnished: VaultServer) -> None:
    mounts = [VaultMount(Meta("secret", "", ""), "secret", "secret", MountData("kv", options={"version": "2"}))]
    furnished.write("sys/policies/acl/ztui-plain", policy=vault_policy(mounts))
    furnished.write("sys/policies/acl/reads-all", policy='path "*" { capabilities = ["read"] }')
    token = furnished.token("ztui-plain", "reads-all")
    assert furnished.call("GET", "secret/data/shop/db", token=token).status == 403
    assert furnished.call("GET", "secret/metadata/shop/db", token=token).status == 200


def test_the_order_of_policies_is_the_real_one(furnished: VaultServer) -> None:
    patterns = ["*", "+/*", "a/*", "a/b", "a/+", "a/+/*", "+/b", "+/b/*", "a/b/*", "a/b*", "+/+/c", "a/+/c", "a/b/c"]
    paths = ["a", "a/b", "a/x", "a/b/c", "a/bb", "x/b", "x/y/c", "a/b/x/y", "x"]
    words = ["read", "update", "list", "deny", "delete"]
    random = Random(20261124)  # noqa: S311  a fixed sequence of examples
    for number in range(60):
        rules = [PathRule(random.choice(patterns), (random.choice(words),)) for _ in range(random.randint(1, 6))]
        blocks = "".join(f'path "{rule.path}" {{ capabilities = ["{rule.capabilities[0]}"] }}\n' for rule in rules)
        furnished.write(f"sys/policies/acl/order-{number}", policy=blocks)
        token = furnished.token(f"order-{number}", no_default_policy=True)
        said = furnished.write("sys/capabilities", token=token, paths=paths)["data"]
        ours = {path: sorted(allowed(rules, path).capabilities) or ["deny"] for path in paths}
        assert {path: sorted(said[path]) for path in paths} == ours, blocks


def test_the_demo_answers_in_the_shapes_of_the_real_one(furnished: VaultServer) -> None:
    told = story()
    same = {
        "sys/seal-status": "sys/seal-status",
        "sys/health": "sys/health",
        "sys/leader": "sys/leader",
        "sys/generate-root/attempt": "sys/generate-root/attempt",
        "sys/ha-status": "sys/ha-status",
        "sys/audit": "sys/audit",
        "sys/auth": "sys/auth",
        "sys/mounts": "sys/mounts",
        "sys/leases/count?type=irrevocable": "sys/leases/count",
        "sys/policies/acl/shop": "sys/policies/acl/shop-api",
        "auth/token/lookup-self": "auth/token/lookup-self",
        "auth/clusters/stage/config": "auth/clusters/stage/config",
        "auth/approle/role/ci": "auth/approle/role/jenkins",
        "auth/clusters/stage/role/any": "auth/kubernetes/role/shop",
        "secret/metadata/top": "secret/metadata/shop/db",
        "pki/roles/any": "pki/roles/mesh",
    }
    for real, demo in same.items():
        answer = furnished.call("GET", real).body
        there = answer["data"] if isinstance(answer.get("data"), dict) else answer
        assert _unlike(told[demo], there) == [], real


def _unlike(ours: dict[str, Any], real: dict[str, Any], at: str = "") -> list[str]:
    """Keys of ours that the real answer lacks, or that hold another type; of maps of mounts and versions, the first entries."""
    if any(key.endswith("/") for key in (*ours, *real)):
        return _unlike(next(iter(ours.values())), next(iter(real.values())), f"{at}*/")
    if at.endswith("versions/"):
        return _unlike(next(iter(ours.values())), next(iter(real.values())), f"{at}*/")
    found = []
    for key, value in ours.items():
        if key not in real:
            found += [f"{at}{key}"] if key != "audience" else []  # told only where it is set
        elif isinstance(value, dict) and isinstance(real[key], dict) and value and real[key]:
            found += _unlike(value, real[key], f"{at}{key}/")
        elif value is not None and real[key] is not None and type(value) is not type(real[key]):
            found.append(f"{at}{key}: {type(value).__name__}, not {type(real[key]).__name__}")
    return found


async def test_without_the_add_on_only_what_needs_sudo_is_unknown(
    kube: KubeServer, furnished: VaultServer, tmp_path: Path
) -> None:
    text = vault_policy().partition("# Add-on")[0]
    furnished.write("sys/policies/acl/ztui-plain", policy=text)
    frame, state = await _state(kube, _settings(furnished, tmp_path, furnished.token("ztui-plain")))
    kinds = [kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind)]
    gaps = {kind.KIND: str(state.gap(kind)) for kind in kinds if state.gap(kind) is not None}
    assert gaps == {
        "VaultAudit": "forbidden(vault: read sys/audit)",
        "VaultToken": "forbidden(vault: list auth/token/accessors)",
        # `+` is one segment: mounts with a slash in their name need stanzas of their own.
        "VaultRole": "forbidden(vault: list auth/clusters/stage/role)",
        "VaultAuthConfig": "forbidden(vault: read auth/clusters/stage/config)",
        "KvSecret": "forbidden(vault: list team/kv/metadata)",
    }
    assert frame.board is not None
    unknown = {name for name, item in frame.board.verdicts.items() if "VLT" in name and item.status is Status.UNKNOWN}
    assert {CheckId("ZT2-VLT-002"), CheckId("ZT2-VLT-006")} <= unknown


async def test_a_real_service_account_logs_in_and_everything_is_judged(
    openshift: KubeServer, furnished: VaultServer, tmp_path: Path
) -> None:
    kube = openshift
    kube.namespace("ztui")
    for name in ("ztui", "reviewer"):
        kube.call("POST", "/api/v1/namespaces/ztui/serviceaccounts", {"metadata": {"name": name}})
    kube.kubectl(
        "create", "clusterrolebinding", "vault-reviewer", "--clusterrole=system:auth-delegator", "--serviceaccount=ztui:reviewer"
    )
    furnished.write("sys/auth/kubernetes", type="kubernetes")
    furnished.write(
        "auth/kubernetes/config",
        kubernetes_host=kube.url,
        kubernetes_ca_cert=kube.ca_file.read_text(),
        token_reviewer_jwt=_account_token(kube, "reviewer"),
        disable_local_ca_jwt=True,
    )
    [target] = find_vaults(Settings(vaults=_settings(furnished, tmp_path, furnished.root)), "any", {})
    [(_, mounts)] = await read_mounts(target, SystemClock(), 30)
    furnished.write("sys/policies/acl/ztui-assess", policy=vault_policy(mounts))
    furnished.write(
        "auth/kubernetes/role/ztui",
        bound_service_account_names="ztui",
        bound_service_account_namespaces="ztui",
        audience="vault",
        token_policies="ztui-assess",
        token_ttl="20m",
        token_max_ttl="1h",
    )
    (tmp_path / "jwt").write_text(_account_token(kube, "ztui", "vault"))
    login = VaultSettings(
        furnished.url, ca_file=str(furnished.ca_file), login="kubernetes", role="ztui", secret_file=str(tmp_path / "jwt")
    )
    frame, state = await _state(kube, {"main": login})
    [own] = state.objects[VaultLogin]["main"].values()
    assert isinstance(own, VaultLogin)
    assert own.data.display_name == "kubernetes-ztui-ztui"
    assert frame.board is not None
    assert _statuses(frame.board) == {
        "ZT2-VLT-001": "WARN",  # in memory, alone
        "ZT2-VLT-002": "WARN",  # one device
        "ZT2-VLT-003": "WARN",  # a reviewer token that the test gave it
        "ZT2-VLT-004": "FAIL",  # clusters/stage takes anybody
        "ZT2-VLT-005": "WARN",
        "ZT2-VLT-006": "FAIL",  # the root token of the development server
        "ZT2-VLT-007": "FAIL",  # `all` is everything
        "ZT2-VLT-008": "WARN",  # a store of version 1
        "ZT2-VLT-009": "FAIL",  # a role that makes ClusterRoles for any namespace
        "ZT2-VLT-010": "FAIL",  # secret ids for ever
        "ZT2-VLT-011": "FAIL",  # ten days left, and any name
    }
    assert "reason='exact'" not in str(frame.board.findings(CheckId("ZT2-VLT-004")))
    assert SECRET not in "".join(str(list(part.values())) for kinds in state.objects.values() for part in kinds.values())
    [health] = state.objects[VaultHealth]["main"].values()
    assert isinstance(health, VaultHealth)
    assert (health.tls, health.status) == ("verified", 200)
    assert frame.vaults[0].problem is None
    assert 0 < (frame.vaults[0].token_left_s or 0) <= 1200


def _account_token(kube: KubeServer, name: str, *audiences: str) -> str:
    """A token by TokenRequest, as a pod gets one."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    if audiences:
        body["spec"] = {"audiences": list(audiences), "expirationSeconds": 3600}
    answer = kube.call("POST", f"/api/v1/namespaces/ztui/serviceaccounts/{name}/token", body)
    token: str = answer.body["status"]["token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == f"system:serviceaccount:ztui:{name}"
    return token


def _statuses(board: Board) -> dict[str, str]:
    return {name: str(item.status) for name, item in board.verdicts.items() if "VLT" in name}

"""The live panes on a real API server with the real kinds of OpenShift, Istio, SPIRE, Kyverno and others, and on a real Vault.

Every column comes from objects; a changed object shows in the cells that rest on it and in no other: whole panes are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.panes import shown
from tests.panes.shown import Asked, Cells
from tests.servers import crds
from tests.servers.kube import KubeServer, why_no_server
from tests.servers.vaults import VaultServer, why_no_vault
from ztui.board import cells_of
from ztui.core import Core
from ztui.frame import Frame
from ztui.kinds.base import Kind
from ztui.kinds.mesh import PeerAuthentication
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.rbac import RoleBinding
from ztui.kinds.vault import VaultRole
from ztui.kinds.workload import ServiceAccount
from ztui.panes.mtls import all_ports, facts
from ztui.panes.workloads import COLUMNS, all_rows
from ztui.settings import Settings, VaultSettings
from ztui.targets import finder
from ztui.view import View

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # definitions of more than a megabyte

HERE = Path(__file__).parent
MERGE = "application/merge-patch+json"
WAIT_S = 90.0
KINDS = (
    *crds.OPENSHIFT,
    "*.sailoperator.io",
    "*.security.istio.io",
    "*.networking.istio.io",
    "*.spire.spiffe.io",
    "*.kyverno.io",
    "*.secrets.hashicorp.com",
    "*.cert-manager.io",
    "vulnerabilityreports.aquasecurity.github.io",
)
POLICY = 'path "secret/data/shop/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def server() -> Iterator[KubeServer]:
    """A server of its own, with the objects of `panes_world.yaml`: what other tests make is not judged here."""
    if reason := why_no_server() or crds.why_missing() or why_no_vault():
        pytest.skip(reason)
    with KubeServer() as found:
        crds.load(found, KINDS)
        for obj in yaml.safe_load_all((HERE / "panes_world.yaml").read_text()):
            make(found, obj)
        yield found


@pytest.fixture(scope="module")
def vault(server: KubeServer) -> Iterator[VaultServer]:
    """A Vault that believes this server's tokens, with one role for one account."""
    with VaultServer() as found:
        found.write("sys/auth/kubernetes", type="kubernetes")
        found.write("auth/kubernetes/config", kubernetes_host=server.url, disable_local_ca_jwt=True)
        found.write("sys/policies/acl/shop", policy=POLICY)
        found.write("auth/kubernetes/role/shop-api", **ROLE)
        yield found


ROLE: dict[str, Any] = {
    "bound_service_account_names": "api",
    "bound_service_account_namespaces": "shop",
    "audience": "vault",
    "token_policies": "shop",
    "token_ttl": "20m",
    "token_max_ttl": "1h",
}


class Change(NamedTuple):
    """One change of one object, and back."""

    kind: type[Kind]
    name: str
    namespace: str
    apply: Callable[[KubeServer, VaultServer], object]
    revert: Callable[[KubeServer, VaultServer], object]


def patched(path: str, there: dict[str, Any], back: dict[str, Any]) -> tuple[Callable[..., object], Callable[..., object]]:
    """A merge patch of an object, and the one that undoes it."""

    def send(body: dict[str, Any]) -> Callable[..., object]:
        return lambda server, vault: server.call("PATCH", path, body, content=MERGE)

    return send(there), send(back)


def written(fields: dict[str, Any]) -> Callable[..., object]:
    """The Vault role with some fields of its own."""
    return lambda server, vault: vault.write("auth/kubernetes/role/shop-api", **{**ROLE, **fields})


CHANGES: dict[str, Change] = {
    "PeerAuthentication": Change(
        PeerAuthentication,
        "default",
        "shop",
        *patched(
            "/apis/security.istio.io/v1/namespaces/shop/peerauthentications/default",
            {"spec": {"mtls": {"mode": "PERMISSIVE"}}},
            {"spec": {"mtls": {"mode": "STRICT"}}},
        ),
    ),
    "NetworkPolicy": Change(
        NetworkPolicy,
        "web-to-api",
        "shop",
        *patched(
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/web-to-api",
            {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}]}]}},
            {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}]}},
        ),
    ),
    "RoleBinding": Change(
        RoleBinding,
        "api",
        "shop",
        *patched(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/api",
            {"subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]},
            {"subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": "shop"}]},
        ),
    ),
    "ServiceAccount": Change(
        ServiceAccount,
        "api",
        "shop",
        lambda server, vault: server.kubectl("delete", "serviceaccount", "api", "-n", "shop"),
        lambda server, vault: server.kubectl("create", "serviceaccount", "api", "-n", "shop"),
    ),
    "VaultRole": Change(
        VaultRole,
        "auth/kubernetes/role/shop-api",
        "main",
        written({"token_policies": "default"}),
        written({}),
    ),
}


def different(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> set[tuple[str, ...]]:
    """The cells that say something else, and those that come or go."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


COLUMNS_OF = {
    "ledger": {
        "account": "ledger",
        "token": "api@1h",
        "identity": "corp.spire/ns/bank/sa/ledger",
        "certificate": "2h*",
        "mtls": "plaintext",
        "vault": "none",
        "rbac": "none",
        "image": "by tag, unsigned, CVE ?",
        "node": "n1",
        "risk": "48? privilege",
    },
    "api": {
        "account": "api",
        "token": "api@1h",
        "identity": "corp.example/ns/shop/sa/api",
        "certificate": "24h*",
        "mtls": "strict",
        "vault": "shop-api",
        "rbac": "ns-write",
        "image": "pinned, signed, 1 critical",
        "node": "n1",
        "risk": "28 vuln",
    },
    "web": {
        "account": "web",
        "token": "none",
        "identity": "corp.example/ns/shop/sa/web",
        "certificate": "about a century",
        "mtls": "strict",
        "vault": "none",
        "rbac": "none",
        "image": "by tag, signed, CVE ?",
        "node": "n1",
        "risk": "32? exposure",
    },
}
PORTS_OF = {
    "ledger": ("none", "plaintext", "?", "?", "?", "–"),
    "api": ("sidecar", "strict", "?", "?", "?", "corp.example/ns/shop/sa/web"),
    "web": ("sidecar", "strict", "?", "?", "?", "anybody"),
}
API, WEB, ROLE_REF = "pod/shop/api", "pod/shop/web", "vaultrole/main/auth/kubernetes/role/shop-api"
SHOWN: dict[str, set[tuple[str, ...]]] = {
    "PeerAuthentication": {
        ("identity", API, "mtls"),
        ("identity", WEB, "mtls"),
        ("mtls", API, "8080", "accepts"),
        ("mtls", WEB, "8443", "accepts"),
    },
    "NetworkPolicy": {("reach", WEB, API, "8080/TCP:egress"), ("reach", WEB, API, "8080/TCP:ingress")},
    "RoleBinding": {
        ("identity", API, "rbac"),
        ("identity", API, "risk"),
        ("identity", WEB, "rbac"),
        ("identity", WEB, "risk"),
        ("who can", "get", "secrets", "grant:sa:shop/api:shop:rolebinding/shop/api"),
        ("who can", "get", "secrets", "grant:sa:shop/web:shop:rolebinding/shop/api"),
    },
    "ServiceAccount": {
        ("identity", API, "account"),
        ("vault", "roles", ROLE_REF, "exact"),
        ("vault", "roles", ROLE_REF, "nobody-there"),
    },
    "VaultRole": {("identity", API, "vault"), ("vault", "roles", ROLE_REF, "users")},
}
"""The cells in which each change shows."""


def make(server: KubeServer, obj: dict[str, Any]) -> None:
    """Create an object, and write what a controller would have written under its status."""
    status, meta = obj.pop("status", None), obj["metadata"]
    server.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump(obj))
    if status is not None:
        group, slash, _ = obj["apiVersion"].partition("/")
        kind = f"{obj['kind']}.{group}" if slash else obj["kind"]
        place = ["-n", meta["namespace"]] if "namespace" in meta else []
        told = yaml.safe_dump({"status": status})
        server.kubectl("patch", kind, meta["name"], *place, "--subresource=status", "--type=merge", "-p", told)


def settings(server: KubeServer, vault: VaultServer, folder: Path) -> Settings:
    """The settings of a console on both."""
    token = folder / "token"
    token.write_text(vault.root)
    mine = VaultSettings(vault.url, ca_file=str(vault.ca_file), token_file=str(token))
    return Settings(kubeconfig=str(server.kubeconfig()), vaults={"main": mine})


def panes(frame: Frame) -> dict[tuple[str, ...], Any]:
    """Every cell of every pane, by pane and name of what it is about."""
    assert frame.board is not None
    asked = Asked(View(frame.state), cells_of(frame.board))
    units = sorted(shown.workloads(asked.view))
    pairs = [(src, dst) for src in units for dst in units if src != dst]
    found: dict[str, Cells] = {name: pane(asked) for name, pane in shown.PANES.items()}
    found["reach"] = shown.reach_of(pairs)(asked)
    return {(name, *map(_short, key)): cell.says for name, cells in found.items() for key, cell in cells.items()}


def _short(part: object) -> str:
    return str(part)


async def until(core: Core, holds: Callable[[Frame], bool]) -> Frame:
    """The first frame where something holds."""
    async with asyncio.timeout(WAIT_S), aclosing(core.frames()) as frames:
        async for frame in frames:
            if frame.settled and frame.board is not None and holds(frame):
                return frame
    raise AssertionError("the stream of frames ended")


def held(frame: Frame, kind: type[Kind], name: str, namespace: str) -> Kind | None:
    """An object as the console holds it."""
    return frame.state.objects.get(kind, {}).get(namespace, {}).get(name)


async def test_every_column_is_filled_from_objects(server: KubeServer, vault: VaultServer, tmp_path: Path) -> None:
    chosen = settings(server, vault, tmp_path)
    core = Core(chosen, finder(chosen))
    async with core.open():
        frame = await until(core, lambda frame: held(frame, VaultRole, "auth/kubernetes/role/shop-api", "main") is not None)
        rows = {row.unit.name: row for row in await core.derive(all_rows, core.cell_of, "")}
        ports = {row.unit.name: row for row in await core.derive(all_ports, core.cell_of, "")}
    assert frame.board is not None
    assert rows == {row.unit.name: row for row in all_rows(View(frame.state), cells_of(frame.board), "")}
    told = {name: {column: row.fact(column).text for column in COLUMNS} for name, row in rows.items()}
    days = int(told["web"]["certificate"].removesuffix(" d"))
    assert 99 * 365 < days < 101 * 365
    told["web"]["certificate"] = "about a century"
    assert told == COLUMNS_OF
    assert {name: tuple(fact.text for fact in facts(row)) for name, row in ports.items()} == PORTS_OF


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_shows_in_its_cells_and_nowhere_else(
    server: KubeServer, vault: VaultServer, tmp_path: Path, what: str
) -> None:
    change = CHANGES[what]
    chosen = settings(server, vault, tmp_path)
    core = Core(chosen, finder(chosen))
    async with core.open():
        before = await until(core, lambda frame: held(frame, VaultRole, "auth/kubernetes/role/shop-api", "main") is not None)
        old = held(before, change.kind, change.name, change.namespace)
        assert old is not None
        await asyncio.to_thread(change.apply, server, vault)
        core.retry()  # as `r` does: a Vault is read once a minute
        after = await until(core, lambda frame: held(frame, change.kind, change.name, change.namespace) != old)
        await asyncio.to_thread(change.revert, server, vault)
        core.retry()
        changed = held(after, change.kind, change.name, change.namespace)
        back = await until(core, lambda frame: held(frame, change.kind, change.name, change.namespace) not in (None, changed))
        live = await core.derive(all_rows, core.cell_of, "")
    assert different(panes(before), panes(after)) == SHOWN[what]
    assert different(panes(before), panes(back)) == set()
    assert back.board is not None
    assert live == all_rows(View(back.state), cells_of(back.board), "")

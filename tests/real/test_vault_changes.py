"""Changes to a real Vault: roles narrowed and put back, tokens and credentials ended, identities switched off and on again."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.changes.desks import agree, drained, found_on, look
from tests.servers.build import vault_binary
from tests.servers.kube import KubeServer
from tests.servers.vaults import Answer, VaultServer
from ztui.changes.desk import Desk
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo import tls
from ztui.demo.vault import DemoVault
from ztui.errors import ChangeError, DriftError
from ztui.kinds.base import Ref
from ztui.kinds.vault import GROUP
from ztui.recipes.base import kinds_used
from ztui.recipes.vaultcontain import vault_containment
from ztui.roles import vault_policy, vault_writer_policy
from ztui.settings import Settings, VaultSettings
from ztui.sources.vault import read_mounts
from ztui.sources.vaulttarget import find_vaults
from ztui.targets import finder
from ztui.view import View

MOUNT = "changes"
ROLE = f"auth/{MOUNT}/role/web"
PLACE = "vault-changes"


@pytest.fixture(scope="module")
def shop(kube: KubeServer, vault: VaultServer) -> Iterator[VaultServer]:
    """A workload whose pod says that it logs in by a role, and that role, which takes anybody, for ever."""
    kube.namespace(PLACE)
    for name in ("web", "reviewer"):
        kube.call("POST", f"/api/v1/namespaces/{PLACE}/serviceaccounts", {"metadata": {"name": name}})
    grant = ("clusterrolebinding", "changes-reviewer", "--clusterrole=system:auth-delegator")
    kube.kubectl("create", *grant, f"--serviceaccount={PLACE}:reviewer")
    meta = {"name": "web", "namespace": PLACE, "annotations": {"vault.hashicorp.com/role": "web"}}
    spec = {"serviceAccountName": "web", "containers": [{"name": "c", "image": "registry.example/web:1"}]}
    kube.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))
    vault.write(f"sys/auth/{MOUNT}", type="kubernetes")
    reviewer = account_token(kube, "reviewer")
    config = {"kubernetes_host": kube.url, "kubernetes_ca_cert": kube.ca_file.read_text(), "token_reviewer_jwt": reviewer}
    vault.write(f"auth/{MOUNT}/config", disable_local_ca_jwt=True, **config)
    vault.write("sys/mounts/changes-pki", type="pki")
    vault.write("changes-pki/root/generate/internal", common_name="changes root", ttl="240h")
    vault.write("changes-pki/roles/web", allow_any_name=True, generate_lease=True, max_ttl="24h")
    vault.write("sys/policies/acl/changes-web", policy='path "changes-pki/issue/web" { capabilities = ["update"] }')
    yield vault


def account_token(kube: KubeServer, name: str, *audiences: str) -> str:
    spec = {"audiences": list(audiences)} if audiences else {}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600, **spec}}
    found: str = kube.call("POST", f"/api/v1/namespaces/{PLACE}/serviceaccounts/{name}/token", body).body["status"]["token"]
    return found


def loose(vault: VaultServer, **more: Any) -> dict[str, Any]:
    """The role as somebody in a hurry wrote it."""
    bound = {"bound_service_account_names": "*", "bound_service_account_namespaces": "*", "audience": "vault"}
    vault.write(ROLE, **{**bound, "token_policies": "changes-web", "token_ttl": 0, "token_max_ttl": 0, **more})
    return held(vault, ROLE)


def held(vault: VaultServer, path: str) -> dict[str, Any]:
    answer = vault.call("GET", path)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body["data"]
    return found


def log_in(kube: KubeServer, vault: VaultServer) -> Answer:
    return vault.call("POST", f"auth/{MOUNT}/login", {"role": "web", "jwt": account_token(kube, "web", "vault")}, token="")


async def asked(function: Any, *arguments: Any) -> Any:
    """What a function that waits for a server gives."""
    return await asyncio.to_thread(function, *arguments)


@asynccontextmanager
async def on(kube: KubeServer, found: VaultSettings, *, alone: bool = True) -> AsyncIterator[tuple[Core, Desk]]:
    """The desk of a core that has read cluster and Vault; nothing else in this loop has connections where it is ``alone``."""
    settings = Settings(kubeconfig=str(kube.kubeconfig()), vaults={"main": found})
    core = Core(settings, finder(settings), also=kinds_used())
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    if alone:
        await drained()


def by_token(vault: VaultServer, folder: Path, token: str) -> VaultSettings:
    file = folder / f"token-{secrets.token_hex(4)}"
    file.write_text(token)
    return VaultSettings(vault.url, ca_file=str(vault.ca_file), token_file=str(file))


async def role(desk: Desk, path: str = ROLE) -> Any:
    return await look(desk, "R-VAULT-ROLE", "VaultRole", path, "main", GROUP, audience="keep")


async def test_a_role_is_narrowed_proved_by_the_check_and_put_back(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    before = await asked(lambda: loose(shop, token_num_uses=7, token_bound_cidrs=["127.0.0.1/32"]))
    assert (await asked(log_in, kube, shop)).status == 200
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (core, desk):
        assert found_on(core.frame, "ZT2-VLT-004", ROLE)
        shown = await role(desk)
        assert (shown.plan.stops, shown.rights, shown.refusals) == ((), (), ())
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        assert not found_on(core.frame, "ZT2-VLT-004", ROLE)
        assert not found_on(core.frame, "ZT2-VLT-005", ROLE)
        wanted = {"bound_service_account_names": ["web"], "bound_service_account_namespaces": [PLACE]}
        assert await asked(held, shop, ROLE) == before | wanted | {"token_ttl": 3600, "token_max_ttl": 86_400}
        assert (await asked(log_in, kube, shop)).status == 200
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        assert await asked(held, shop, ROLE) == before


def run(vault: VaultServer, folder: Path, commands: str) -> str:
    """Run commands as somebody would who copied them; what they print."""
    (folder / "bin").mkdir()
    (folder / "bin" / "vault").symlink_to(str(vault_binary()))
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(folder)}
    environment |= {"VAULT_ADDR": vault.url, "VAULT_CACERT": str(vault.ca_file), "VAULT_TOKEN": vault.root}
    done = subprocess.run(["/bin/sh", "-euc", commands], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_the_copied_commands_do_the_same(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    before = await asked(lambda: loose(shop, token_num_uses=7))
    await asked(lambda: shop.write("changes-pki/issue/web", common_name="d.example"))
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (_, desk):
        shown = await role(desk)
        leases = await look(desk, "R-VAULT-LEASES", "VaultCredentials", "changes-pki/issue/web", "main", GROUP)
        text = desk.commands(shown) + desk.commands(leases)
    await asked(run, shop, tmp_path, text)
    wanted = {"bound_service_account_names": ["web"], "bound_service_account_namespaces": [PLACE]}
    assert await asked(held, shop, ROLE) == before | wanted | {"token_ttl": 3600, "token_max_ttl": 86_400}
    async with asyncio.timeout(30):
        while (await asked(lambda: shop.call("LIST", "sys/leases/lookup/changes-pki/issue/web"))).status != 404:
            pass


OTHERS = {
    "jwt": {
        **{"role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub", "bound_subject": "a", "clock_skew_leeway": 30},
        **{"bound_claims": {"team": ["a", "b"]}, "claim_mappings": {"mail": "mail"}, "token_policies": ["changes-web"]},
    },
    "approle": {"token_policies": ["changes-web"], "secret_id_ttl": 600, "secret_id_num_uses": 3, "token_num_uses": 9},
}


@pytest.mark.parametrize("method", OTHERS)
async def test_what_other_methods_keep_of_a_role_goes_back_as_it_was(
    kube: KubeServer, shop: VaultServer, tmp_path: Path, method: str
) -> None:
    mount, path = f"changes-{method}", f"auth/changes-{method}/role/other"
    await asked(lambda: shop.write(f"sys/auth/{mount}", type=method))
    await asked(lambda: shop.write(path, token_ttl=172_800, token_max_ttl=259_200, **OTHERS[method]))
    before = await asked(held, shop, path)
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (_, desk):
        outcome = await agree(desk, await role(desk, path))
        assert outcome.state == "verified"
        assert await asked(held, shop, path) == before | {"token_ttl": 3600, "token_max_ttl": 86_400}
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert await asked(held, shop, path) == before


async def test_a_role_that_somebody_changed_in_between_is_refused(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    await asked(loose, shop)
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (_, desk):
        shown = await role(desk)
        theirs = await asked(lambda: loose(shop, token_num_uses=3))
        with pytest.raises(DriftError, match="changed since the preview"):
            await agree(desk, shown)
        assert await asked(held, shop, ROLE) == theirs
        outcome = await agree(desk, await role(desk))
        theirs = await asked(lambda: loose(shop, bound_service_account_namespaces=PLACE, bound_service_account_names="web,other"))
        refused = await desk.preview_undo(outcome.change)
        assert "data.bound_service_account_names" in {dict(item.note.values)["field"] for item in refused.plan.stops}
        with pytest.raises(ChangeError, match="precondition"):
            await agree(desk, refused)
        assert await asked(held, shop, ROLE) == theirs


@asynccontextmanager
async def losing(vault: VaultServer, folder: Path) -> AsyncIterator[tuple[VaultSettings, list[str]]]:
    """A way to the Vault that loses the answers to writes of the paths in the list, each once."""
    lost: list[str] = []
    made = tls.make()

    async def forward(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        headers = {name: value for name, value in request.headers.items() if name.startswith("X-Vault") or name == "Content-Type"}
        body = await request.read()
        url = f"{vault.url}/v1/{path}"
        async with session.request(request.method, url, params=request.query, data=body, headers=headers) as answer:
            content = await answer.read()
        if request.method == "POST" and path in lost and request.transport:
            lost.remove(path)
            request.transport.close()
            raise ConnectionResetError("the answer was lost on purpose")
        return web.Response(status=answer.status, body=content, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/v1/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = await asyncio.to_thread(ssl.create_default_context, cafile=str(vault.ca_file))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=made.context)
        await site.start()
        (folder / "proxy-ca.pem").write_text(made.ca_pem)
        (folder / "proxy-token").write_text(vault.root)
        port = runner.addresses[0][1]
        ca_file, token_file = str(folder / "proxy-ca.pem"), str(folder / "proxy-token")
        yield VaultSettings(f"https://127.0.0.1:{port}", ca_file=ca_file, token_file=token_file), lost
        await runner.cleanup()


async def test_a_lost_answer_is_resolved(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    await asked(loose, shop)
    async with losing(shop, tmp_path) as (found, lost), on(kube, found, alone=False) as (_, desk):
        shown = await role(desk)
        lost.append(ROLE)
        outcome = await agree(desk, shown)
        assert lost == []
        assert outcome.state == "verified"
        assert (await asked(held, shop, ROLE))["bound_service_account_names"] == ["web"]
        assert [record.step for record in (await desk.changes())[0].records] == ["intent", "sent", "acked", "verified"]
    await drained()


async def test_a_token_is_ended_by_its_accessor(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    made = (await asked(lambda: shop.write("auth/token/create-orphan", policies=["changes-web"], period="768h")))["auth"]
    child = (await asked(lambda: shop.call("POST", "auth/token/create", {}, token=made["client_token"]))).status
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (_, desk):
        shown = await look(desk, "R-VAULT-REVOKE-ACC", "VaultToken", made["accessor"], "main", GROUP)
        assert shown.need(desk.mode).word == made["accessor"][:8]
        outcome = await agree(desk, shown)
        assert outcome.state == "verified", (outcome.words, child)
    gone = await asked(lambda: shop.call("GET", "auth/token/lookup-self", token=made["client_token"]))
    assert gone.status == 403


async def test_credentials_are_taken_back(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    for name in ("a", "b"):
        await asked(lambda name=name: shop.write("changes-pki/issue/web", common_name=f"{name}.example"))
    prefix = "changes-pki/issue/web"
    assert len((await asked(lambda: shop.call("LIST", f"sys/leases/lookup/{prefix}"))).body["data"]["keys"]) == 2
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (_, desk):
        shown = await look(desk, "R-VAULT-LEASES", "VaultCredentials", prefix, "main", GROUP)
        assert [step.live.values for step in shown.steps if step.live] == [{"leases": 2}]
        assert (await agree(desk, shown)).state == "verified"
    assert (await asked(lambda: shop.call("LIST", f"sys/leases/lookup/{prefix}"))).status == 404


async def test_an_identity_is_switched_off_and_on_again(kube: KubeServer, shop: VaultServer, tmp_path: Path) -> None:
    await asked(loose, shop)
    token = (await asked(log_in, kube, shop)).body["auth"]["client_token"]
    whoami = ("GET", "auth/token/lookup-self")
    async with on(kube, by_token(shop, tmp_path, shop.root)) as (core, desk):
        measures = vault_containment(View(core.frame.state), Ref("", "Pod", PLACE, "web"))
        assert {item.recipe for item in measures} == {"R-VAULT-ENTITY", "R-VAULT-LEASES", "R-VAULT-REVOKE-ACC"}
        [switch] = [item for item in measures if item.recipe == "R-VAULT-ENTITY"]
        shown = await look(desk, switch.recipe, switch.on.kind, switch.on.name, switch.on.namespace, GROUP)
        assert shown.refusals == ()
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert (await asked(lambda: shop.call(*whoami, token=token))).status == 403
        assert (await asked(log_in, kube, shop)).status == 403
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert (await asked(lambda: shop.call(*whoami, token=token))).status == 200
        assert (await asked(log_in, kube, shop)).status == 200


async def test_the_printed_policies_are_enough_and_the_reading_one_is_not(
    kube: KubeServer, shop: VaultServer, tmp_path: Path
) -> None:
    await asked(loose, shop)
    await asked(lambda: shop.write("changes-pki/issue/web", common_name="c.example"))
    await asked(log_in, kube, shop)
    [target] = find_vaults(Settings(vaults={"main": by_token(shop, tmp_path, shop.root)}), "any", {})
    [(_, mounts)] = await read_mounts(target, SystemClock(), 30)
    texts = {"reads": vault_policy(mounts)}
    texts |= {name: vault_writer_policy(name, mounts) for name in ("vault-fixer", "vault-responder")}
    for name, text in texts.items():
        await asked(lambda name=name, text=text: shop.write(f"sys/policies/acl/changes-{name}", policy=text))
    reader = await asked(lambda: shop.token("changes-reads", no_default_policy=True))
    async with on(kube, by_token(shop, tmp_path, reader)) as (_, desk):
        assert (await role(desk)).rights == ("update sys/capabilities-self (vault)",)
    names = [f"changes-{name}" for name in texts]
    writer = await asked(lambda: shop.token(*names, no_default_policy=True))
    async with on(kube, by_token(shop, tmp_path, writer)) as (core, desk):
        shown = await role(desk)
        assert shown.rights == ()
        assert (await agree(desk, shown)).state == "verified"
        for item in vault_containment(View(core.frame.state), Ref("", "Pod", PLACE, "web")):
            if item.on.name.startswith("changes-pki") or item.on.kind != "VaultCredentials":
                found = await look(desk, item.recipe, item.on.kind, item.on.name, item.on.namespace, GROUP)
                assert found.rights == (), item
                outcome = await agree(desk, found)
                assert outcome.state == "verified", item
                if item.on.kind == "VaultEntity":
                    entity = found.steps[0].live
                    assert entity is not None
                    more = {"disabled": False, "policies": ["changes-vault-fixer"]}
                    at = f"identity/entity/id/{entity.uid}"
                    assert (await asked(lambda at=at, more=more: shop.call("POST", at, more, token=writer))).status == 403
                    assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
    for path in ("secret/data/x", "sys/policies/acl/changes-reads", "sys/leases/revoke-force/changes-pki"):
        assert (await asked(lambda path=path: shop.call("POST", path, {}, token=writer))).status == 403, path


ENTITY = "identity/entity/id/{}"


def test_the_demo_takes_writes_as_the_real_one(shop: VaultServer) -> None:
    """The same requests to both, whose statuses, errors, warnings and kept fields are compared."""
    demo = DemoVault()
    demo.story["sys/auth"] = demo.story["sys/auth"] | {f"{MOUNT}/": demo.story["sys/auth"]["kubernetes/"]}
    path = f"auth/{MOUNT}/role/beside"
    bound = {"bound_service_account_names": ["a"], "bound_service_account_namespaces": ["x"]}
    nobody = "no-such-accessor-here-at-all"
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", path, {"bound_service_account_namespaces": ["x"]}),
        ("POST", path, {"bound_service_account_names": ["a"]}),
        ("POST", path, {**bound, "bound_service_account_names": ["*", "a"]}),
        ("POST", path, {**bound, "token_ttl": 200, "token_max_ttl": 100}),
        ("POST", path, {**bound, "audience": "vault", "bound_service_account_namespace_selector": "{}", "token_num_uses": 4}),
        ("GET", path, None),
        ("POST", path, {**bound, "bound_service_account_names": "a,b"}),
        ("GET", path, None),
        ("POST", path, {**bound, "audience": ""}),
        ("GET", path, None),
        ("POST", "auth/nowhere/role/x", bound),
        ("POST", "sys/policies/acl/beside", {}),
        ("POST", "sys/policies/acl/root", {"policy": 'path "a" { capabilities = ["read"] }'}),
        ("POST", "sys/policies/acl/beside", {"policy": 'path "a" { capabilities = ["read"] }'}),
        ("GET", "sys/policies/acl/beside", None),
        ("POST", "auth/token/lookup-accessor", {}),
        ("POST", "auth/token/lookup-accessor", {"accessor": nobody}),
        ("POST", "auth/token/revoke-accessor", {}),
        ("POST", "auth/token/revoke-accessor", {"accessor": nobody}),
        ("LIST", "sys/leases/lookup/nowhere/creds/x", None),
        ("POST", "sys/leases/revoke-prefix/nowhere/creds/x", {"sync": False}),
        ("POST", "sys/leases/revoke-prefix/nowhere/creds/x", {"sync": True}),
        ("POST", "identity/lookup/entity", {}),
        ("POST", "identity/lookup/entity", {"alias_name": "x"}),
        ("POST", "identity/lookup/entity", {"alias_name": "x", "id": "y"}),
        ("POST", "identity/lookup/entity", {"alias_name": "x", "alias_mount_accessor": "y"}),
        ("GET", ENTITY.format("nobody"), None),
        ("POST", ENTITY.format("nobody"), {"disabled": True}),
        ("POST", "sys/capabilities-self", {}),
    ]
    for method, at, body in requests:
        real = shop.call(method, at, body)
        status, ours = demo._answer(method, at, demo.token, body or {})
        assert (status, _told(ours)) == (real.status, _told(real.body)), (method, at, body)


def _told(body: Any) -> dict[str, Any]:
    """What an answer says: its errors and warnings, and what it holds."""
    found = {name: body[name] for name in ("errors", "warnings") if (body or {}).get(name)}
    data = (body or {}).get("data")
    return {**found, **({"data": data} if isinstance(data, dict) else {})}


def test_the_demo_shows_identities_and_tokens_in_the_real_shapes(kube: KubeServer, shop: VaultServer) -> None:
    loose(shop)
    made = log_in(kube, shop).body["auth"]
    demo = DemoVault().story
    real = held(shop, ENTITY.format(made["entity_id"]))
    ours = next(item for path, item in demo.items() if path.startswith("identity/entity/id/"))
    assert set(ours) <= set(real)
    assert set(ours["aliases"][0]) <= set(real["aliases"][0])
    assert set(ours["aliases"][0]["metadata"]) == set(real["aliases"][0]["metadata"])
    token = shop.write("auth/token/lookup-accessor", accessor=made["accessor"])["data"]
    mine = demo["auth/token/lookup-accessor/s7Qd2shopweb"]
    assert set(mine) <= set(token)
    assert set(mine["meta"]) == set(token["meta"])

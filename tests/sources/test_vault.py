"""A Vault on bad days, and hostile answers: what is seen of it, what stays unknown, and where our token never goes."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import trustme

from tests.servers.processes import free_ports
from tests.worlds import all_kinds
from ztui.clock import SystemClock
from ztui.demo import tls
from ztui.demo.vault import DemoVault
from ztui.errors import ConnectError, DataError, ForbiddenError, LoginError, SettingsError, TrustError, ZtuiError
from ztui.health import Freshness
from ztui.kinds.base import Kind, Malformed
from ztui.kinds.vault import KvSecret, VaultAudit, VaultHealth, VaultMount, VaultNodes, VaultRole, VaultToken
from ztui.kinds.vaultpaths import paths_of
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.settings import ContextSettings, Settings, VaultSettings
from ztui.sources.vault import Vaults
from ztui.sources.vaultdoor import Reply, VaultDoor
from ztui.sources.vaultlogin import VaultSession
from ztui.sources.vaultsweep import Part, Sweep, vault_object
from ztui.sources.vaulttarget import VaultTarget, find_vaults
from ztui.store import Event, Hole, Store
from ztui.view import LOADING, Why

KINDS = frozenset(kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind))


class Rig:
    """A demo Vault, and our source on it."""

    def __init__(self, folder: Path) -> None:
        self.vault = DemoVault()
        self.folder = folder
        self.store = Store()
        self.vaults: Vaults | None = None
        self.stirred = asyncio.Event()
        self.made = tls.make()

    @property
    def settings(self) -> VaultSettings:
        """How to reach it: its CA and a token from files."""
        (self.folder / "ca.pem").write_text(self.made.ca_pem)
        (self.folder / "token").write_text(self.vault.token)
        return VaultSettings(self.vault.url, ca_file=str(self.folder / "ca.pem"), token_file=str(self.folder / "token"))

    def target(self, **more: Any) -> VaultTarget:
        """The same, resolved."""
        settings = self.settings
        fields = {name: more.get(name, getattr(settings, name)) for name in settings.__struct_fields__}
        return find_vaults(Settings(vaults={"main": VaultSettings(**fields)}), "any", {})[0]

    def take(self, event: Event) -> None:
        """What the source tells."""
        self.store.apply(event)
        self.stirred.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that the source told makes it hold."""
        async with asyncio.timeout(20):
            while True:
                self.store.tick(SystemClock().now())
                if holds():
                    return
                self.stirred.clear()
                await self.stirred.wait()

    async def settled(self) -> None:
        """Wait until every kind is read or known unreadable."""
        await self.until(lambda: all(self.store.state.gap(kind) != LOADING for kind in KINDS))

    @contextlib.asynccontextmanager
    async def following(self, **more: Any) -> AsyncIterator[Vaults]:
        """Our source at work."""
        vaults = Vaults([self.target(**more)], KINDS, self.take, SystemClock(), timeout_s=5)
        task = asyncio.create_task(vaults.run())
        try:
            yield vaults
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Hold(asyncio.Event):
    """Keeps whoever waits for it, and tells that somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        """As of any event."""
        self.reached.set()
        return await super().wait()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    found = Rig(tmp_path)
    await found.vault.start(found.made.context)
    yield found
    if found.vault.faults.hold is not None:
        found.vault.faults.hold.set()
    await found.vault.stop()


async def test_everything_is_read_and_no_value_is_asked_for(rig: Rig) -> None:
    async with rig.following() as vaults:
        await rig.settled()
        [link] = vaults.links()
    assert {kind.KIND for kind in KINDS if rig.store.state.gap(kind) is not None} == set()
    assert (link.state, link.freshness, link.problem) == ("active", Freshness.LIVE, None)
    asked = {path for _, path, _ in rig.vault.requests}
    assert not [path for path in asked if "/data" in path or "/subkeys" in path]
    assert rig.store.state.count(KvSecret) == 6
    with_token = {path for _, path, token in rig.vault.requests if token}
    assert with_token.isdisjoint({"sys/health", "sys/seal-status", "sys/leader", "sys/generate-root/attempt"})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "standby"),
        (472, "disaster"),
        (473, "performance"),
        (474, "active node"),
        (501, "initialised"),
        (503, "sealed"),
        (530, "removed"),
    ],
)
async def test_F38_the_state_is_told_by_its_code(rig: Rig, status: int, words: str) -> None:
    rig.vault.faults.status = status
    async with rig.following() as vaults:
        await rig.settled()
        await rig.until(lambda: rig.store.state.count(VaultHealth) == 1)
        [link] = vaults.links()
    [health] = rig.store.state.objects[VaultHealth]["main"].values()
    assert isinstance(health, VaultHealth)
    assert health.status == status
    assert words in link.state
    if status == 503:
        gap = rig.store.state.gap(VaultRole)
        assert gap is not None
        assert gap.why is Why.UNAVAILABLE


async def test_F39_a_path_that_is_denied_costs_what_depends_on_it(rig: Rig) -> None:
    rig.vault.faults.denied = {"sys/audit"}
    async with rig.following():
        await rig.settled()
    gaps = {kind: str(gap) for kind in KINDS if (gap := rig.store.state.gap(kind)) is not None}
    assert gaps == {VaultAudit: "forbidden(vault: read sys/audit)"}


async def test_F39_a_token_that_has_ended_is_told_and_nothing_is_known(rig: Rig) -> None:
    rig.vault.faults.is_expired = True
    async with rig.following() as vaults:
        await rig.settled()
        [link] = vaults.links()
    assert "does not accept our token" in str(link.problem)
    assert rig.store.state.gap(VaultHealth) is None
    assert all((rig.store.state.gap(kind) or LOADING).why is Why.FORBIDDEN for kind in KINDS - {VaultHealth})


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"errors": ['no handler for route "sys/policies/acl". route entry not found.']}),
        (404, {"message": "no such page"}),
        (404, None),
    ],
)
async def test_F41_only_the_vaults_own_word_for_nothing_is_an_empty_list(rig: Rig, answer: tuple[int, object]) -> None:
    rig.vault.faults.answers = {"sys/policies/acl": answer, "auth/token/accessors": (404, {"errors": []})}
    async with rig.following():
        await rig.settled()
    gap = rig.store.state.gap(VaultPolicy)
    assert gap is not None
    assert gap.why is Why.UNAVAILABLE
    assert rig.store.state.gap(VaultToken) is None
    assert rig.store.state.count(VaultToken) == 0


@pytest.mark.parametrize(("status", "is_known"), [(400, True), (404, True), (500, False)])
async def test_F38_an_autopilot_that_fails_is_not_another_storage(rig: Rig, status: int, is_known: bool) -> None:
    rig.vault.faults.answers = {"sys/storage/raft/autopilot/state": (status, {"errors": ["raft storage is not in use"]})}
    async with rig.following():
        await rig.settled()
    assert (rig.store.state.gap(VaultNodes) is None) is is_known


async def test_F40_a_slow_vault_waits_alone(rig: Rig) -> None:
    hold = rig.vault.faults.hold = Hold()
    async with rig.following() as vaults:
        await hold.reached.wait()
        [link] = vaults.links()
        hold.set()
        await rig.settled()
    assert link.freshness is Freshness.CONNECTING
    assert rig.store.state.gap(VaultMount) is None


async def test_F41_no_redirect_to_a_stranger_is_followed(rig: Rig) -> None:
    rig.vault.faults.redirect = "https://evil.example:8200"
    door = VaultDoor(rig.target(), SystemClock(), timeout_s=5)
    reply = await door.ask(("sys/mounts",))
    await door.close()
    assert "redirects to another host" in str(reply.error)
    assert "evil.example" in str(reply.error)


@pytest.mark.parametrize("scheme", ["https://", "//"])
async def test_F41_a_stranger_is_named_without_the_login_in_its_address(rig: Rig, scheme: str) -> None:
    rig.vault.faults.redirect = f"{scheme}ztui:c4nary-9f31@evil.example:8200"
    door = VaultDoor(rig.target(), SystemClock(), timeout_s=5)
    reply = await door.ask(("sys/mounts",))
    await door.close()
    assert "refused: evil.example:8200" in str(reply.error)
    assert "c4nary" not in str(reply.error)


async def test_F41_a_redirect_to_an_address_of_the_settings_is(rig: Rig) -> None:
    other = DemoVault()
    await other.start(rig.made.context)
    other.token = rig.vault.token
    rig.vault.faults.redirect = other.url
    door = VaultDoor(rig.target(also=(other.url,)), SystemClock(), timeout_s=5)
    reply = await door.ask(("sys/mounts",))
    await door.close()
    await other.stop()
    assert reply.status == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>portal</html>", "text/html"),
        (b"null", "application/json"),
        (b'{"data": null}', "application/json"),
        (b'{"data": [1]}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"", "application/json"),
    ],
)
async def test_F41_what_is_no_answer_is_malformed(rig: Rig, body: bytes, content_type: str) -> None:
    rig.vault.faults.body, rig.vault.faults.content_type = body, content_type
    async with rig.following():
        await rig.settled()
    whys = {kind.KIND: gap.why for kind in KINDS if (gap := rig.store.state.gap(kind)) is not None}
    assert set(whys) == {kind.KIND for kind in KINDS}
    assert set(whys.values()) == {Why.MALFORMED}


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ({"address": "https://127.0.0.1:1"}, ConnectError),  # of requests
        ({"ca_file": None}, TrustError),  # of its TLS
        ({"body": b"[1]"}, DataError),
        ({"body": b"null"}, DataError),
        ({"body": b"\xff"}, DataError),
        ({"redirect": "https://evil.example"}, TrustError),  # hvac would follow with the token
        ({"answers": {"sys/mounts": (403, {"errors": ["permission denied"]})}}, ForbiddenError),  # hvac would raise its own
        ({"answers": {"sys/mounts": (418, None)}}, ConnectError),
    ],
)
async def test_D9_whatever_happens_one_kind_of_answer_comes_back(
    rig: Rig, trouble: dict[str, Any], error: type[ZtuiError]
) -> None:
    for name in trouble.keys() & {"body", "redirect", "answers"}:
        setattr(rig.vault.faults, name, trouble[name])
    door = VaultDoor(
        rig.target(**{name: trouble[name] for name in trouble.keys() & {"address", "ca_file"}}), SystemClock(), timeout_s=5
    )
    reply = await door.ask(("sys/mounts",))
    await door.close()
    assert isinstance(reply, Reply)
    assert type(reply.error) is error
    assert rig.vault.token not in repr(reply)


async def test_B39_names_are_quoted_and_dots_are_not_asked_for(rig: Rig) -> None:
    entry = rig.vault.story["sys/mounts"]["secret/"]
    rig.vault.story["sys/mounts"] |= {"../sys/": entry, "a b%2f\x1b[31m?x/": entry}
    async with rig.following():
        await rig.settled()
    asked = {path for _, path, _ in rig.vault.requests}
    assert not [path for path in asked if ".." in path]
    assert "a b%2f\x1b[31m?x/metadata" in asked
    gap = rig.store.state.gap(KvSecret)
    assert gap is not None
    assert gap.why is Why.MALFORMED


async def test_the_budget_of_a_round_is_kept(rig: Rig) -> None:
    async with rig.following(budget=20):
        await rig.settled()
    gap = rig.store.state.gap(KvSecret)
    assert str(gap) == "partial(vault: stopped after 20 requests)"
    assert len([path for _, path, _ in rig.vault.requests if not path.startswith("sys/")]) <= 22


async def swept(target: VaultTarget, *wanted: type[Kind]) -> tuple[dict[tuple[type[Kind], str], Part], int]:
    """What one round tells of these kinds, and how many requests it took."""
    told: dict[tuple[type[Kind], str], Part] = {}
    door = VaultDoor(target, SystemClock(), timeout_s=5)
    await Sweep(door, frozenset(wanted), lambda kind, place, part: told.update({(kind, place): part})).run()
    await door.close()
    return told, door.requests


async def test_a_namespace_that_the_budget_does_not_reach_is_not_an_empty_one(rig: Rig) -> None:
    kinds = (VaultMount, VaultRole, KvSecret)
    _, requests = await swept(rig.target(), *kinds)
    for more in (0, 1):  # no table of mounts of the second namespace, and one of two
        told, _ = await swept(rig.target(namespaces=("", "team"), budget=requests + more), *kinds)
        assert all(told[kind, "main"].gap is None for kind in kinds)
        gap = told[KvSecret, "main/team"].gap
        assert gap is not None
        assert gap.why is Why.PARTIAL
        assert told[VaultRole, "main/team"].gap == gap


async def test_what_is_behind_mounts_is_read_where_nobody_wants_the_mounts(rig: Rig) -> None:
    told, _ = await swept(rig.target(), VaultRole)
    assert set(told) == {(VaultRole, "main")}
    assert told[VaultRole, "main"].found


async def test_a_secret_that_may_not_be_read_hides_no_folder_beside_it(rig: Rig) -> None:
    rig.vault.story["secret/metadata/closed"] = {}
    rig.vault.faults.denied = {"secret/metadata/closed"}
    told, _ = await swept(rig.target(), KvSecret)
    names = {item.name for item in told[KvSecret, "main"].found}
    assert names == {path.replace("metadata/", "") for path in rig.vault.story if "/metadata/" in path} - {"secret/closed"}
    assert str(told[KvSecret, "main"].gap) == "forbidden(vault: read secret/metadata/closed)"


def test_an_answer_that_is_nested_too_deeply_is_malformed() -> None:
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    found = vault_object(VaultTarget("main", "https://vault"), VaultMount, "", "secret", data=nested)
    assert found == Malformed("main", "secret", "nested too deeply")


async def test_a_certificate_that_is_not_trusted_ends_it(rig: Rig, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    door = VaultDoor(rig.target(ca_file=str(other)), SystemClock(), timeout_s=5)
    reply = await door.ask(("sys/mounts",))
    await door.close()
    assert "certificate is not trusted" in str(reply.error)
    assert rig.vault.requests == []


async def test_without_a_vault_it_is_said_that_none_is_connected() -> None:
    told: list[Event] = []
    await Vaults([], KINDS, told.append, SystemClock()).run()
    assert {str(event.gap) for event in told if isinstance(event, Hole)} == {"not-connected(vault)"}


def test_a_token_goes_only_where_it_was_meant_for() -> None:
    environ = {"VAULT_ADDR": "https://one.example:8200", "VAULT_TOKEN": "hvs.one", "BAO_NAMESPACE": "team"}
    [one] = find_vaults(Settings(), "prod", environ)
    assert (one.address, one.namespaces) == ("https://one.example:8200", ("team",))
    assert one.token is not None
    assert one.token.reveal() == "hvs.one"
    assert "hvs.one" not in repr(one)
    mine = Settings(contexts={"prod": ContextSettings(vault_addr="https://two.example:8200")})
    [two] = find_vaults(mine, "prod", environ)
    assert (two.address, two.token, two.namespaces) == ("https://two.example:8200", None, ("",))
    assert [item.address for item in find_vaults(mine, "stage", environ)] == ["https://one.example:8200"]


def test_plain_http_is_for_this_machine_alone() -> None:
    [far] = find_vaults(Settings(), "any", {"BAO_ADDR": "http://vault.example:8200"})
    [near] = find_vaults(Settings(), "any", {"BAO_ADDR": "http://127.0.0.1:8200"})
    assert (far.is_plain, near.is_plain) == (True, False)


async def test_a_plain_vault_is_a_finding_and_is_never_asked() -> None:
    store = Store()
    targets = find_vaults(Settings(), "any", {"VAULT_ADDR": "http://192.0.2.1:8200", "VAULT_TOKEN": "hvs.x"})
    await Vaults(targets, KINDS, store.apply, SystemClock()).run()
    state = store.tick(SystemClock().now())
    [health] = state.objects[VaultHealth]["vault"].values()
    assert isinstance(health, VaultHealth)
    assert (health.tls, health.status) == ("none", 0)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "snowman ☃"])
def test_a_token_that_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        find_vaults(Settings(), "any", {"VAULT_ADDR": "https://a.example", "VAULT_TOKEN": token})


@pytest.mark.parametrize(
    "address",
    [
        "",
        None,
        7,
        "http://idp.example/?state=x",
        "javascript:alert(1)?state=x",
        "https://idp.example/",
        "https://a@idp.example/?state=x",
        "https://idp.example/\x1b[31m?state=x",
        "https://[/?state=x",
        "https://idp.example/?state=x&" + "a" * 9000,
    ],
)
async def test_F41_an_odd_address_to_log_in_at_is_never_shown(rig: Rig, address: object) -> None:
    rig.vault.faults.answers = {"auth/oidc/oidc/auth_url": (200, {"data": {"auth_url": address}})}
    shown: list[str] = []
    door = VaultDoor(rig.target(login="oidc", callback_port=free_ports(1)[0]), SystemClock(), timeout_s=5)
    with pytest.raises(LoginError):
        await VaultSession(door, SystemClock(), show=lambda _, at: shown.append(at)).log_in()
    await door.close()
    assert shown == []


async def test_F39_without_a_person_a_browser_login_is_unknown_and_says_how(rig: Rig) -> None:
    async with rig.following(login="oidc") as vaults:
        await rig.settled()
        [link] = vaults.links()
    assert "vault-login" in str(link.problem)
    assert {gap.why for kind in KINDS if (gap := rig.store.state.gap(kind)) is not None} == {Why.FORBIDDEN}
    assert rig.store.state.gap(VaultHealth) is None

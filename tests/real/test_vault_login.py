"""A real Vault's logins over time: tokens that are renewed or fetched anew, and a person's login by an identity provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from tests.servers.processes import free_ports
from tests.servers.provider import CLIENT, SECRET, Provider, provider
from tests.servers.vaults import VaultServer
from tests.worlds import all_kinds
from ztui.clock import ManualClock, SystemClock
from ztui.errors import LoginError
from ztui.kinds.vault import TokenData, VaultLogin
from ztui.kinds.vaultpaths import paths_of
from ztui.settings import Settings, VaultSettings
from ztui.sources.vault import Vaults
from ztui.sources.vaultdoor import VaultDoor
from ztui.sources.vaultlogin import VaultSession
from ztui.sources.vaulttarget import VaultTarget, find_vaults
from ztui.store import Event, Hole, Put

HOUR_S = 3600


def target(vault: VaultServer, **login: Any) -> VaultTarget:
    item = VaultSettings(vault.url, ca_file=str(vault.ca_file), **login)
    return find_vaults(Settings(vaults={"main": item}), "any", {})[0]


@asynccontextmanager
async def session(found: VaultTarget, clock: ManualClock) -> AsyncIterator[VaultSession]:
    door = VaultDoor(found, clock)
    try:
        yield VaultSession(door, clock)
    finally:
        await door.close()


async def lookup(it: VaultSession) -> TokenData:
    """What the Vault says of our token; the session learns it, as in a round."""
    found = msgspec.convert((await it.door.ask(("auth/token/lookup-self",))).data, TokenData)
    it.learn(found)
    return found


async def test_a_token_is_renewed_when_a_third_of_its_life_is_left(vault: VaultServer, tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "token"
    file.write_text(vault.token("default", ttl="1h", renewable=True))
    async with session(target(vault, token_file=str(file)), clock) as it:
        await it.log_in()
        await lookup(it)
        before = it.door.requests
        await clock.advance(HOUR_S * 0.6)
        await it.keep()
        assert it.door.requests == before
        await clock.advance(HOUR_S * 0.1)
        await it.keep()
        assert it.left_s == HOUR_S
        assert (await lookup(it)).renewable


async def test_a_token_that_cannot_be_renewed_runs_out(vault: VaultServer, tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "token"
    file.write_text(vault.token("default", ttl="1h", renewable=False))
    async with session(target(vault, token_file=str(file)), clock) as it:
        await lookup(it)
        await clock.advance(HOUR_S * 0.9)
        before = it.door.requests
        await it.keep()
        assert it.door.requests == before
        assert it.left_s == pytest.approx(HOUR_S * 0.1, abs=5)


@pytest.fixture
def userpass(vault: VaultServer, tmp_path: Path) -> VaultTarget:
    if vault.call("POST", "sys/auth/people", {"type": "userpass"}).status == 204:
        vault.write("auth/people/users/bo", password="wonderland", token_ttl="20m", token_max_ttl="30m")
    (tmp_path / "password").write_text("wonderland")
    return target(vault, login="userpass", mount="people", user="bo", secret_file=str(tmp_path / "password"))


async def test_a_login_is_renewed_then_repeated_when_renewing_gains_nothing(userpass: VaultTarget, vault: VaultServer) -> None:
    clock = ManualClock()
    async with session(userpass, clock) as it:
        await it.log_in()
        first = it.door.token
        assert it.left_s == 20 * 60
        await clock.advance(15 * 60)
        await it.keep()  # the Vault's own clock stands still: it gives twenty minutes more
        assert (it.left_s, it.logins, it.door.token) == (20 * 60, 1, first)
        vault.write("auth/token/revoke", token=first.reveal() if first is not None else "")
        await clock.advance(15 * 60)
        await it.keep()
        assert it.logins == 2
        assert it.door.token != first
        assert (await lookup(it)).display_name == "people-bo"


async def test_a_password_that_is_wrong_is_told_and_never_shown(userpass: VaultTarget, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("looking-glass")
    async with session(replace(userpass, secret_file=str(tmp_path / "wrong")), ManualClock()) as it:
        with pytest.raises(LoginError) as caught:
            await it.log_in()
    assert "looking-glass" not in str(caught.value)


Furnished = tuple[VaultServer, Provider, int]


@pytest.fixture
async def people(vault: VaultServer) -> AsyncIterator[Furnished]:
    """The Vault's oidc method against a provider of ours; the role allows one callback."""
    port = free_ports(1)[0]
    async with provider() as found:
        vault.call("DELETE", "sys/auth/oidc")
        await asyncio.to_thread(vault.write, "sys/auth/oidc", type="oidc")
        config = {"oidc_discovery_url": found.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        await asyncio.to_thread(vault.write, "auth/oidc/config", default_role="staff", **config)
        uris = [f"http://localhost:{port}/oidc/callback"]
        role = {"user_claim": "sub", "allowed_redirect_uris": uris, "token_policies": ["default"], "token_ttl": "15m"}
        await asyncio.to_thread(vault.write, "auth/oidc/role/staff", **role)
        yield vault, found, port


class Browser:
    """Follows the address that a person is shown, as their browser would."""

    def __init__(self, go: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.addresses: list[str] = []
        self._go = go or follow
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, _name: str, address: str) -> None:
        self.addresses.append(address)
        task = asyncio.ensure_future(self._go(address))
        self._tasks.add(task)


async def follow(address: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        assert answer.status == 200
        assert "close this page" in await answer.text()


async def log_in(it: VaultSession, browser: Browser) -> None:
    it.show = browser.show
    await it.log_in()


async def test_a_person_logs_in_by_the_provider_and_the_token_is_used(people: Furnished) -> None:
    vault, _, port = people
    async with session(target(vault, login="oidc", callback_port=port), ManualClock()) as it:
        await log_in(it, browser := Browser())
        assert (await lookup(it)).display_name == "oidc-ana"
        assert it.left_s == pytest.approx(15 * 60, abs=30)
        [address] = browser.addresses
        assert "nonce" in parse_qs(urlsplit(address).query)


async def test_nobody_is_asked_twice_by_itself(people: Furnished) -> None:
    vault, _, port = people
    clock = ManualClock()
    async with session(target(vault, login="oidc", callback_port=port), clock) as it:
        await log_in(it, browser := Browser())
        it.renewable = False
        await clock.advance(14 * 60)
        await it.keep()
        await it.log_in()
        assert it.left_s == 60
        await clock.advance(2 * 60)
        with pytest.raises(LoginError, match="vault-login"):
            await it.log_in()
        assert len(browser.addresses) == 1


async def test_a_login_that_is_refused_says_why(people: Furnished) -> None:
    vault, found, port = people
    found.refuses = True
    async with session(target(vault, login="oidc", callback_port=port), ManualClock()) as it:
        with pytest.raises(LoginError, match="ana said no"):
            await log_in(it, Browser())


async def test_a_callback_that_the_role_does_not_allow_is_told(people: Furnished) -> None:
    vault, _, port = people
    role = {"user_claim": "sub", "allowed_redirect_uris": ["https://elsewhere.example/oidc/callback"]}
    await asyncio.to_thread(vault.write, "auth/oidc/role/elsewhere", **role)
    async with session(target(vault, login="oidc", role="elsewhere", callback_port=port), ManualClock()) as it:
        with pytest.raises(LoginError, match=f"does not allow http://localhost:{port}/oidc/callback"):
            await log_in(it, browser := Browser())
        assert browser.addresses == []


async def test_a_role_that_is_none_is_told(people: Furnished) -> None:
    vault, _, port = people
    async with session(target(vault, login="oidc", role="nobody", callback_port=port), ManualClock()) as it:
        with pytest.raises(LoginError, match="role"):
            await log_in(it, Browser())


async def test_a_port_that_is_taken_is_told(people: Furnished) -> None:
    vault, _, port = people
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with taken, session(target(vault, login="oidc", callback_port=port), ManualClock()) as it:
        with pytest.raises(LoginError, match="callback_port"):
            await log_in(it, Browser())


async def test_strangers_at_the_callback_are_turned_away(people: Furnished) -> None:
    vault, _, port = people
    said: list[int] = []

    async def go(address: str) -> None:
        state = parse_qs(urlsplit(address).query)["state"][0]
        at = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as client:
            strangers = [
                ("GET", f"{at}/oidc/callback?code=x&state=guess", {}),
                ("GET", f"{at}/oidc/callback?code=x", {}),
                ("GET", f"{at}/?code=x&state={state}", {}),
                ("POST", f"{at}/oidc/callback?code=x&state={state}", {}),
                ("GET", f"{at}/oidc/callback?code=x&state={state}", {"Host": "evil.example"}),
            ]
            for method, url, headers in strangers:
                async with client.request(method, url, headers=headers) as answer:
                    said.append(answer.status)
                    assert "x" not in (await answer.text()).replace("ztui", "")
        await follow(address)

    async with session(target(vault, login="oidc", callback_port=port), ManualClock()) as it:
        await log_in(it, Browser(go))
        assert said == [400] * 5
        assert it.door.token is not None


async def test_whoever_never_comes_is_waited_for_no_longer_than_five_minutes(people: Furnished) -> None:
    vault, _, port = people
    clock = ManualClock()
    shown = asyncio.Event()

    async def go(_address: str) -> None:
        shown.set()

    async with session(target(vault, login="oidc", callback_port=port), clock) as it:
        asking = asyncio.ensure_future(log_in(it, Browser(go)))
        await shown.wait()
        await clock.advance(301)
        with pytest.raises(LoginError, match="nobody logged in"):
            await asking
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_everything_is_read_after_a_person_logged_in(people: Furnished) -> None:
    vault, _, port = people
    waiting, told = asyncio.Event(), asyncio.Event()

    def take(event: Event) -> None:
        if isinstance(event, Hole) and event.kind is VaultLogin:
            waiting.set()
        if isinstance(event, Put) and isinstance(event.obj, VaultLogin):
            told.set()

    kinds = frozenset(kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind))
    found = Vaults([target(vault, login="oidc", callback_port=port)], kinds, take, SystemClock(), timeout_s=10)
    running = asyncio.ensure_future(found.run())
    try:
        async with asyncio.timeout(30):
            await waiting.wait()
            assert "browser" in str(found.links()[0].problem)
            assert found.ask_person(Browser().show)
            await told.wait()
        assert not found.ask_person(Browser().show)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

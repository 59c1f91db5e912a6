"""Our token for a Vault: where it comes from, when it ends, and a new one in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ztui.clock import Clock
from ztui.errors import DataError, ForbiddenError, LoginError, SettingsError, ZtuiError
from ztui.kinds.vault import TokenData
from ztui.sources.vaultdoor import Reply, VaultDoor
from ztui.sources.vaulttarget import checked_token

if TYPE_CHECKING:
    from ztui.sources.vaultoidc import Show

RENEW_BELOW: Final = 1 / 3
"""A token is renewed, or fetched anew, once less than this part of its life is left. Source: Vault's own lifetime watcher."""


class VaultSession:
    """Keeps the door's token usable. ``ends`` is the monotonic moment at which it dies, None for never or not known.

    ``show`` shows a person where to log in, once: nobody is asked again without having asked for it. ``turn`` is held while
    somebody is, for a browser comes back to one port.
    """

    def __init__(self, door: VaultDoor, clock: Clock, *, show: Show | None = None, turn: asyncio.Lock | None = None) -> None:
        self.door = door
        self.show = show
        self._turn = turn or asyncio.Lock()
        self.ends: float | None = None
        self.name = ""
        self.renewable = False
        self.logins = 0
        self._clock = clock
        self._life_s = 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until our token ends."""
        return None if self.ends is None else max(0.0, self.ends - self._clock.monotonic())

    @property
    def is_due(self) -> bool:
        """Whether it is time for a new token, or a longer life of this one."""
        left = self.left_s
        return left is not None and left < self._life_s * RENEW_BELOW

    async def log_in(self) -> None:
        """Have a token. Raises LoginError or SettingsError where there is none, ConnectError where the Vault is away."""
        target = self.door.target
        if target.method == "token":
            if self.door.token is None:
                raise LoginError(
                    "no token for the Vault",
                    where=f"vault {target.name}, {target.host}",
                    next="set VAULT_TOKEN, or log in with the vault command: ~/.vault-token is read",
                )
            return
        if self.door.token is not None and (self.left_s is None or self.left_s > 0):
            return
        if target.method == "oidc":
            self._take(await self._ask_person())
            return
        path, body = self._login()
        reply = await self.door.ask(path, method="POST", namespace=target.namespaces[0], body=body, with_token=False)
        self._take(reply)

    async def keep(self) -> None:
        """Renew the token when its end comes near; a login that can be repeated is, where renewing does not work.

        A person is not asked before the token has ended.
        """
        if not self.is_due:
            return
        if self.renewable:
            path = ("auth/token/renew-self",)
            reply = await self.door.ask(path, method="POST", namespace=self.door.target.namespaces[0], body={})
            if reply.error is None and self._lives(reply.body.get("auth")):
                return
        if self.door.target.method not in {"token", "oidc"}:
            self.forget()
            await self.log_in()

    def forget(self) -> None:
        """Let go of a token that a login brought: the next ``log_in`` gets another."""
        if self.door.target.method != "token":
            self.door.token, self.ends = None, None

    def learn(self, data: TokenData) -> None:
        """What the Vault says of our token."""
        self.name, self.renewable = data.display_name, data.renewable
        self._life_s = float(max(data.creation_ttl, data.ttl))
        self.ends = self._clock.monotonic() + data.ttl if data.ttl or data.expire_time else None

    @property
    def wants_person(self) -> bool:
        """Whether nothing goes on before somebody logs in by a browser."""
        has_token = self.door.token is not None and (self.left_s is None or self.left_s > 0)
        return self.door.target.method == "oidc" and not has_token

    async def _ask_person(self) -> Reply:
        from ztui.sources.vaultoidc import log_in  # noqa: PLC0415  only for whoever logs in so

        target = self.door.target
        async with self._turn:
            show, self.show = self.show, None
            if show is None:
                raise LoginError(
                    "the Vault waits for a login in a browser",
                    where=f"vault {target.name}, {target.host}",
                    next="`:vault-login` in the console; on the shell, run it in a terminal",
                )
            return await log_in(self.door, self._clock, show)

    def _login(self) -> tuple[tuple[str, ...], dict[str, str]]:
        target = self.door.target
        mount = ("auth", target.mount, "login")
        secret = target.secret().reveal()
        if target.method == "userpass":
            return (*mount, target.user or _missing("user", target.name)), {"password": secret}
        if target.method == "approle":
            return mount, {"role_id": target.role or _missing("role", target.name), "secret_id": secret}
        return mount, {"role": target.role or _missing("role", target.name), "jwt": secret}

    def _take(self, reply: Reply) -> None:
        where = f"vault {self.door.target.name}, {self.door.target.host}"
        if isinstance(reply.error, (ForbiddenError, DataError)):
            raise LoginError("the Vault refused the login", where=where, why=reply.error.why, next="check role, mount and secret")
        if reply.error is not None:
            raise reply.error
        auth = reply.body.get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if not isinstance(token, str) or not token:
            raise LoginError("the Vault's login brought no token", where=where)
        self.door.token = checked_token(token, where)
        self.logins += 1
        self._lives(auth)

    def _lives(self, auth: Any) -> bool:
        """Note how long a token lives that was just given; whether that is any longer than it was."""
        lease = auth.get("lease_duration") if isinstance(auth, dict) else None
        if not isinstance(lease, int) or isinstance(lease, bool) or lease < 0 or lease > timedelta(days=36_500).total_seconds():
            return False
        self.renewable = bool(auth.get("renewable"))
        self.ends = self._clock.monotonic() + lease if lease else None
        if lease > self._life_s * RENEW_BELOW:
            self._life_s = max(self._life_s, float(lease))
            return True
        return False


def _missing(name: str, vault: str) -> str:
    raise SettingsError(f"the login of the Vault needs `{name}`", where=f"vaults.{vault}")


def is_login(error: ZtuiError) -> bool:
    """Whether an error is about who we are."""
    return isinstance(error, (LoginError, SettingsError))

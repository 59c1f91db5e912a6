"""The live login of one Target: what to send now, when it ends, and how to get the next one.

Files are looked at again every 5 s and a bad new file keeps the old login (F36); programs and OIDC run one at a time, 60 s before
the end or when the server said 401, and never more than once in 30 s (F16).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ztui.clock import Clock
from ztui.errors import LoginError, ZtuiError
from ztui.sources.approvals import ApprovalError, card_of, program_failure, require_approval
from ztui.sources.login import HIDDEN, Hidden, KeyPair, Program
from ztui.sources.oidc import expiry_of, refresh_id_token
from ztui.sources.programs import Credential, run_program
from ztui.sources.target import Target
from ztui.sources.tls import check_pair

REREAD_S: Final = 5.0
RETRY_S: Final = 30.0
RENEW_BEFORE: Final = timedelta(seconds=60)


class Credentials:
    """What one Target logs in with, kept fresh. Shows as ``<hidden>``.

    ``generation`` grows with every new credential, ``certificate_generation`` with every new client certificate (connections are
    bound to it). ``waiting_since`` is the monotonic moment a login program started in the background, None while none runs.
    ``note`` says why the newest files are not used. ``skew_s`` is how far the server's clock is ahead of ours.
    """

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._lock = asyncio.Lock()
        self._seen = _signature(target.files)
        self._looked_s = clock.monotonic()
        self._asked_s: float | None = None
        self._refused_s: float | None = None
        self._failure: LoginError | None = None
        self._running: asyncio.Task[Credential] | None = None
        self._stopped = False
        self._static()
        self.generation = 0
        self.certificate_generation = 0
        self.waiting_since: float | None = None
        self.note: str | None = None
        self.skew_s = 0.0

    def __repr__(self) -> str:
        return HIDDEN

    @property
    def expires_at(self) -> datetime | None:
        """When the present credential ends by the server's clock; None where nobody said."""
        return self._expires_at

    @property
    def certificate(self) -> KeyPair | None:
        """The client certificate to connect with."""
        return self._certificate

    async def headers(self) -> dict[str, str]:
        """The headers that log a request in; empty for certificate and none.

        Raises LoginError where a login program or an identity provider gives nothing.
        """
        await self._look_again()
        if self._renewable and self._is_due():
            async with self._lock:
                if self._is_due():
                    await self._renew(forced=False)
        return {"Authorization": f"Bearer {self._token.reveal()}"} if self._token is not None else {}

    async def refresh(self, reason: str, *, refused: int | None = None) -> bool:
        """Get another credential after ``reason`` (a 401, the user's key); says whether there is one to try.

        ``refused`` is the ``generation`` that the server did not take: if a newer one is there already, it is used. Except for
        reason ``user``, at most one attempt in 30 s.
        """
        async with self._lock:
            if refused is not None and refused != self.generation:
                return True
            before = self.generation
            self._looked_s = self._clock.monotonic()
            await self._reread()
            if self.generation != before:
                return True
            if not self._renewable:
                return False
            now_s = self._clock.monotonic()
            if reason != "user" and self._stopped:
                return False
            if reason != "user" and self._refused_s is not None and now_s - self._refused_s < RETRY_S:
                return False
            self._refused_s = now_s
            await self._renew(forced=True)
            return True

    @property
    def program_name(self) -> str:
        """The login program of this target; empty where it has none."""
        program = self._target.login.program
        return Path(program.command).name if program is not None else ""

    @property
    def waiting_s(self) -> float | None:
        """For how long a login program has been running in the background; None while none is."""
        return None if self.waiting_since is None else self._clock.monotonic() - self.waiting_since

    def stop_waiting(self) -> bool:
        """End the login program that runs in the background, and run none until the user asks; says whether there was one."""
        if self._running is None:
            return False
        self._stopped = True
        self._running.cancel()
        return True

    def forget_failure(self) -> None:
        """The user asked for another try: what failed, or was stopped, may run again at once."""
        self._failure = None
        self._stopped = False
        self._refused_s = None

    async def log_in_here(self) -> None:
        """Run the login program in the foreground, where it may ask; the console has left the terminal to it.

        Raises LoginError where there is none, or it fails.
        """
        program = self._target.login.program
        if program is None:
            raise LoginError("this context has no login program", where=self._target.context, next=self.advice())
        self.stop_waiting()
        async with self._lock:
            self._take(await self._run(program, foreground=True))
            self.forget_failure()

    def advice(self) -> str:
        """What the user can run to log in again."""
        login = self._target.login
        if login.program is not None:
            return (
                f"run the login program of user {login.program.user} by hand ({Path(login.program.command).name}), then press r"
            )
        if login.oidc is not None:
            return f"log in at {login.oidc.issuer} again, then press r"
        if login.kind == "certificate":
            return f"renew the client certificate of user {self._target.user_name}"
        token = login.token.reveal() if login.token is not None else ""
        if token.startswith("sha256~"):
            return f"run oc login {self._target.server}"
        if login.kind == "token-file":
            return f"renew the token in {login.token_file}"
        return (
            f"put a new token into the kubeconfig user {self._target.user_name}" if token else "log in: this context has no login"
        )

    @property
    def _renewable(self) -> bool:
        login = self._target.login
        return login.token is None and (login.program is not None or login.oidc is not None)

    def _is_due(self) -> bool:
        if self._token is None and self._certificate is None:
            return True
        if self._renewable and self._fresh is False:
            return True
        now = self._clock.now() + timedelta(seconds=self.skew_s)
        return self._expires_at is not None and now >= self._expires_at - RENEW_BEFORE and not self._asked_lately()

    def _asked_lately(self) -> bool:
        return self._asked_s is not None and self._clock.monotonic() - self._asked_s < RETRY_S

    def _static(self) -> None:
        """Start from what the files say."""
        login = self._target.login
        self._token: Hidden | None = login.token
        self._certificate: KeyPair | None = login.certificate
        self._expires_at: datetime | None = None
        self._refresh_token: Hidden | None = None
        self._fresh = not self._renewable
        if login.oidc is not None and login.oidc.id_token is not None:
            self._token = login.oidc.id_token
            self._expires_at = expiry_of(login.oidc.id_token.reveal())
            self._fresh = True

    async def _renew(self, *, forced: bool) -> None:
        """Run the login once; while a failure is younger than 30 s, repeat its words instead."""
        if not forced and self._failure is not None and (self._stopped or self._asked_lately()):
            raise self._failure.with_traceback(None)
        self._asked_s = self._clock.monotonic()
        self._failure = None
        try:
            self._take(await self._log_in())
        except ApprovalError:
            self._asked_s = None  # nothing ran: once it is approved, it may at once
            raise
        except LoginError as error:
            self._failure = error
            raise
        except asyncio.CancelledError:
            self._asked_s = None
            raise

    async def _log_in(self) -> Credential:
        login = self._target.login
        if login.program is not None:
            return await self._run(login.program)
        assert login.oidc is not None  # noqa: S101  _renewable says so
        oidc = login.oidc if self._refresh_token is None else replace(login.oidc, refresh_token=self._refresh_token)
        credential = await refresh_id_token(oidc)
        if credential.refresh_token is not None and credential.refresh_token != oidc.refresh_token:
            self._refresh_token = credential.refresh_token
            self.note = (
                "the identity provider changed the refresh token: the new one lives as long as this program, not in the file"
            )
        return credential

    async def _run(self, program: Program, *, foreground: bool = False) -> Credential:
        card = await asyncio.to_thread(card_of, program)
        await asyncio.to_thread(require_approval, card, self._target.exec_policy)
        if foreground:
            return await run_program(self._target, program, card, self._clock, foreground=True)
        self._stopped = False
        self.waiting_since = self._clock.monotonic()
        running = self._running = asyncio.ensure_future(run_program(self._target, program, card, self._clock))
        try:
            return await running
        except asyncio.CancelledError:
            if self._stopped:
                raise program_failure(program, "was stopped", next="r runs it again, ! in the foreground") from None
            raise
        finally:
            self._running = self.waiting_since = None

    def _take(self, credential: Credential) -> None:
        if credential.certificate is not None:
            try:
                check_pair(credential.certificate)
            except ValueError as error:
                raise LoginError("the new client certificate cannot be used", why=str(error), next=self.advice()) from error
            if credential.certificate != self._certificate:
                self._certificate = credential.certificate
                self.certificate_generation += 1
        self._token = credential.token
        self._expires_at = credential.expires_at
        self._fresh = True
        self.generation += 1

    async def _look_again(self) -> None:
        """Look, every 5 s, whether the files of this login have changed."""
        if self._target.reread is None or self._clock.monotonic() - self._looked_s < REREAD_S:
            return
        self._looked_s = self._clock.monotonic()
        async with self._lock:
            await self._reread()

    async def _reread(self) -> None:
        reread = self._target.reread
        if reread is None:
            return
        signature = await asyncio.to_thread(_signature, self._target.files)
        if signature == self._seen:
            return
        try:
            target = await asyncio.to_thread(reread)
        except ZtuiError as error:
            self.note = f"the changed login files are not used: {error}"
            return  # not marked as seen: a file that was caught half-written is looked at again
        self._seen = signature
        if target.identity != self._target.identity:
            where = self._target.context
            self.note = f"the kubeconfig now names another server or authority for {where}: still using {self._target.host}"
            return
        self.note = None
        if target.login != self._target.login:
            self._adopt(target)

    def _adopt(self, target: Target) -> None:
        before = self._certificate
        self._target = target
        self._failure = None
        self._asked_s = None
        self._static()
        self.generation += 1
        if self._certificate != before:
            self.certificate_generation += 1


def _signature(files: tuple[str, ...]) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when a file does: inode, size, modification time in nanoseconds; None for a file that is not there."""
    return tuple(_stamp(Path(name)) for name in files)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

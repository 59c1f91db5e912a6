"""Runs a login program (exec credential plugin): no terminal, no shell, bounded output, bounded time, killed as a group (D7).

Protocol: client.authentication.k8s.io/v1 and v1beta1, ExecCredential in KUBERNETES_EXEC_INFO and on stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from ztui.clock import Clock
from ztui.errors import LoginError
from ztui.sources.login import Hidden, KeyPair, Program, checked_token
from ztui.sources.target import ExecPolicy, Target
from ztui.text import clean

OUTPUT_LIMIT_BYTES: Final = 1024 * 1024
RUN_LIMIT_S: Final = 30.0
_ENVIRONMENT_KEPT: Final = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "KUBECONFIG",
        "SSH_AUTH_SOCK",
    }
)
_ENVIRONMENT_FAMILIES: Final = (
    "LC_",
    "XDG_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "CLOUDSDK_",
    "KUBERNETES_",
    "OCI_",
    "DIGITALOCEAN_",
    "KRB5",
)
_PROXY_VARIABLES: Final = frozenset(
    name for lower in ("http_proxy", "https_proxy", "no_proxy", "all_proxy") for name in (lower, lower.upper())
)


@dataclass(frozen=True, slots=True)
class ProgramCard:
    """What a person is shown before a login program runs for the first time: path, arguments, SHA-256 of the file."""

    user: str
    path: str
    args: tuple[str, ...]
    sha256: str

    @property
    def key(self) -> str:
        """Identity of this approval: another path, argument or file makes another one."""
        return hashlib.sha256(json.dumps([self.path, self.args, self.sha256]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Credential:
    """What a login gave: a token, a certificate or both; ``expires_at`` None means it does not say."""

    token: Hidden | None
    certificate: KeyPair | None
    expires_at: datetime | None


def card_of(program: Program) -> ProgramCard:
    """Find the program and hash its file. Raises LoginError where it is missing or cannot run."""
    path = program.command if "/" in program.command else _which(program.command)
    if path is None or not Path(path).exists():
        raise _failure(program, "is not installed", next=program.install_hint or f"install {program.command}")
    real = Path(path)
    if not real.is_file() or not os.access(real, os.X_OK):
        raise _failure(program, f"cannot be run: {real} is not an executable file", next=f"chmod u+x {real}")
    digest = hashlib.sha256()
    with real.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return ProgramCard(program.user, str(real), program.args, digest.hexdigest())


def allowed(card: ProgramCard, policy: ExecPolicy) -> bool | None:
    """What the policy alone says: True, False, or None for ask."""
    if policy.mode == "ask":
        return None
    listed = any((entry if "/" in entry else _which(entry)) == card.path for entry in policy.allow)
    return policy.mode == "allow-list" and listed


async def run_program(target: Target, program: Program, card: ProgramCard, clock: Clock) -> Credential:
    """Run the program once and read its credential.

    Raises LoginError with program name, exit code and its last line, cleaned; never its output as a whole.
    """
    if program.interactive == "Always":
        raise _failure(program, "wants the terminal (interactiveMode Always)", next="run it in the foreground with `!`")
    code, out, err = await _run(program, card, _child_environment(target, program, interactive=False), clock)
    if code != 0:
        raise _failure(program, f"ended with code {code}{_last_line(err)}")
    if out is None:
        raise _failure(program, f"printed more than {OUTPUT_LIMIT_BYTES // 1024} KiB")
    return read_credential(program, out, clock.now())


def read_credential(program: Program, out: bytes, now: datetime) -> Credential:
    """Read an ExecCredential. Raises LoginError that says what is wrong with it, without showing it."""
    try:
        answer = msgspec.json.decode(out, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "not JSON" if not isinstance(error, msgspec.ValidationError) else _shape(error)
        raise _failure(program, f"gave no credential: {why}") from None
    if answer.api_version != program.api_version:
        raise _failure(
            program, f"answered as {answer.api_version or 'no version'}, the kubeconfig asks for {program.api_version}"
        )
    status = answer.status
    if status is None or not (status.token or status.client_certificate_data):
        raise _failure(program, "gave neither a token nor a certificate")
    expires_at = _instant(program, status.expiration_timestamp)
    if expires_at is not None and expires_at <= now:
        raise _failure(program, f"gave a credential that ended at {expires_at:%Y-%m-%d %H:%MZ}")
    pair = None
    if status.client_certificate_data:
        if not status.client_key_data:
            raise _failure(program, "gave a certificate without its key")
        pair = KeyPair(status.client_certificate_data, Hidden(status.client_key_data))
    token = None
    if status.token:

        def refuse(why: str) -> NoReturn:
            raise _failure(program, f"gave a token that {why}")

        token = Hidden(checked_token(status.token, refuse))
    return Credential(token, pair, expires_at)


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: str | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


async def _run(
    program: Program, card: ProgramCard, environment: Mapping[str, str], clock: Clock
) -> tuple[int, bytes | None, bytes]:
    """Run to the end; stdout is None where it was too long. The whole process group ends with this call, however it ends."""
    try:
        child = await asyncio.create_subprocess_exec(
            card.path,
            *card.args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise _failure(program, f"cannot be run: {error.strerror}") from error
    try:
        done = asyncio.ensure_future(_collect(child))
        timer = asyncio.ensure_future(clock.sleep(RUN_LIMIT_S))
        try:
            await asyncio.wait({done, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                raise _failure(program, f"gave no answer in {RUN_LIMIT_S:.0f} s", next="run it in the foreground with `!`")
            out, err = done.result()
            return child.returncode if child.returncode is not None else -1, out, err
        finally:
            await _drop(done, timer)
    finally:
        await _end_group(child)


async def _collect(child: asyncio.subprocess.Process) -> tuple[bytes | None, bytes]:
    """Drain both pipes at once, so that neither can block the child; beyond the cap only the draining goes on."""
    assert child.stdout is not None  # noqa: S101  both were asked for as pipes
    assert child.stderr is not None  # noqa: S101
    out, err = await asyncio.gather(_drain(child.stdout), _drain(child.stderr))
    await child.wait()
    return (None if len(out) > OUTPUT_LIMIT_BYTES else out), err[-OUTPUT_LIMIT_BYTES:]


async def _drain(pipe: asyncio.StreamReader) -> bytes:
    kept = bytearray()
    while chunk := await pipe.read(65_536):
        kept += chunk
        if len(kept) > 2 * OUTPUT_LIMIT_BYTES:
            del kept[: len(kept) - OUTPUT_LIMIT_BYTES - 1]
    return bytes(kept)


async def _drop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end_group(child: asyncio.subprocess.Process) -> None:
    """Kill what is left of the child's own process group, grandchildren that hold the pipes included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()
    transport = getattr(child, "_transport", None)  # asyncio closes the pipes only when both have ended
    if transport is not None:
        transport.close()


def _child_environment(target: Target, program: Program, *, interactive: bool) -> dict[str, str]:
    """A clean environment: the usual folders and cloud families, the kubeconfig's own pairs, and what is asked of the program."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT_KEPT or name in _PROXY_VARIABLES or name.startswith(_ENVIRONMENT_FAMILIES)
    }
    spec: dict[str, object] = {"interactive": interactive}
    if program.cluster_info:
        spec["cluster"] = _cluster(target)
    info = {"kind": "ExecCredential", "apiVersion": program.api_version, "spec": spec}
    return kept | {name: value.reveal() for name, value in program.environment} | {"KUBERNETES_EXEC_INFO": json.dumps(info)}


def _cluster(target: Target) -> dict[str, object]:
    """The Cluster of an ExecCredential's spec; only what is set, as in client-go."""
    import base64  # noqa: PLC0415  only where a program asked for it

    values: dict[str, object | None] = {
        "server": target.server,
        "tls-server-name": target.tls_server_name,
        "insecure-skip-tls-verify": target.insecure or None,
        "certificate-authority-data": base64.b64encode(target.ca_pem.encode()).decode() if target.ca_pem else None,
        "proxy-url": target.proxy_url,
        "config": json.loads(target.cluster_extension) if target.cluster_extension else None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _which(name: str) -> str | None:
    """Look a name up in PATH, absolute folders only (as Go's ErrDot)."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    return shutil.which(name, path=os.pathsep.join(folders)) if folders else None


def _instant(program: Program, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise _failure(program, "gave an expiry that is no date") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _last_line(err: bytes) -> str:
    lines = [line for line in err[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {clean(lines[-1], limit=200)}" if lines else ""


def _shape(error: msgspec.ValidationError) -> str:
    """What is wrong with the shape; msgspec names types and a path, never values."""
    return str(error).replace("`", "")[:120]


def _failure(program: Program, why: str, *, next: str = "") -> LoginError:  # noqa: A002  the user's word
    name = Path(program.command).name
    return LoginError(
        f"login program {name} failed",
        where=f"user {program.user}",
        why=why,
        next=next or f"try it by hand: {name}, then press r",
    )

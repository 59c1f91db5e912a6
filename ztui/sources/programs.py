"""Runs a login program (exec credential plugin): no terminal, no shell, bounded output, bounded time, killed as a group (D7).

Protocol: client.authentication.k8s.io/v1 and v1beta1, ExecCredential in KUBERNETES_EXEC_INFO and on stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import msgspec

from ztui.clock import Clock
from ztui.sources.approvals import ProgramCard, program_failure
from ztui.sources.login import Hidden, KeyPair, Program, checked_token
from ztui.sources.target import Target
from ztui.text import clean

OUTPUT_LIMIT_BYTES: Final = 1024 * 1024
RUN_LIMIT_S: Final = 30.0
HERE: Final = "run it in the foreground: `!` in the console"
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
class Credential:
    """What a login gave: a token, a certificate or both; ``expires_at`` None means it does not say.

    ``refresh_token`` is set where an identity provider gave the next one to use.
    """

    token: Hidden | None
    certificate: KeyPair | None
    expires_at: datetime | None
    refresh_token: Hidden | None = None


async def run_program(
    target: Target, program: Program, card: ProgramCard, clock: Clock, *, foreground: bool = False
) -> Credential:
    """Run the program once and read its credential.

    In the foreground it has the terminal and all the time it wants: the caller has stepped aside and leaves SIGINT to it. Raises
    LoginError with program name, exit code and its last line, cleaned; never its output as a whole.
    """
    if program.interactive == "Always" and not foreground:
        raise program_failure(program, "wants the terminal (interactiveMode Always)", next=HERE)
    interactive = foreground and program.interactive != "Never"
    environment = _child_environment(target, program, interactive=interactive)
    code, out, err = await _run(program, card, environment, None if foreground else clock)
    if code != 0:
        raise program_failure(program, f"ended with code {code}{_last_line(err)}")
    if out is None:
        raise program_failure(program, f"printed more than {OUTPUT_LIMIT_BYTES // 1024} KiB")
    return read_credential(program, out, clock.now())


def read_credential(program: Program, out: bytes, now: datetime) -> Credential:
    """Read an ExecCredential. Raises LoginError that says what is wrong with it, without showing it."""
    try:
        answer = msgspec.json.decode(out, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "not JSON" if not isinstance(error, msgspec.ValidationError) else _shape(error)
        raise program_failure(program, f"gave no credential: {why}") from None
    if answer.api_version != program.api_version:
        raise program_failure(
            program, f"answered as {answer.api_version or 'no version'}, the kubeconfig asks for {program.api_version}"
        )
    status = answer.status
    if status is None or not (status.token or status.client_certificate_data):
        raise program_failure(program, "gave neither a token nor a certificate")
    expires_at = _instant(program, status.expiration_timestamp)
    if expires_at is not None and expires_at <= now:
        raise program_failure(program, f"gave a credential that ended at {expires_at:%Y-%m-%d %H:%MZ}")
    pair = None
    if status.client_certificate_data:
        if not status.client_key_data:
            raise program_failure(program, "gave a certificate without its key")
        pair = KeyPair(status.client_certificate_data, Hidden(status.client_key_data))
    token = None
    if status.token:

        def refuse(why: str) -> NoReturn:
            raise program_failure(program, f"gave a token that {why}")

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
    program: Program, card: ProgramCard, environment: Mapping[str, str], clock: Clock | None
) -> tuple[int, bytes | None, bytes]:
    """Run to the end; stdout is None where it was too long. No clock means the foreground; else its group ends with us."""
    terminal = None if clock is None else asyncio.subprocess.DEVNULL
    try:
        child = await asyncio.create_subprocess_exec(
            card.path,
            *card.args,
            stdin=terminal,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if clock is None else asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=clock is not None,
        )
    except OSError as error:
        raise program_failure(program, f"cannot be run: {error.strerror}") from error
    try:
        out, err = await (_collect(child) if clock is None else _in_time(program, child, clock))
        return child.returncode if child.returncode is not None else -1, out, err
    finally:
        await _end(child, group=clock is not None)


async def _in_time(program: Program, child: asyncio.subprocess.Process, clock: Clock) -> tuple[bytes | None, bytes]:
    done = asyncio.ensure_future(_collect(child))
    timer = asyncio.ensure_future(clock.sleep(RUN_LIMIT_S))
    try:
        await asyncio.wait({done, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise program_failure(program, f"gave no answer in {RUN_LIMIT_S:.0f} s", next=HERE)
        return done.result()
    finally:
        await _drop(done, timer)


async def _collect(child: asyncio.subprocess.Process) -> tuple[bytes | None, bytes]:
    """Drain all pipes at once, so that none can block the child; beyond the cap only the draining goes on."""
    out, err = await asyncio.gather(_drain(child.stdout), _drain(child.stderr))
    await child.wait()
    return (None if len(out) > OUTPUT_LIMIT_BYTES else out), err[-OUTPUT_LIMIT_BYTES:]


async def _drain(pipe: asyncio.StreamReader | None) -> bytes:
    kept = bytearray()
    while pipe is not None and (chunk := await pipe.read(65_536)):
        kept += chunk
        if len(kept) > 2 * OUTPUT_LIMIT_BYTES:
            del kept[: len(kept) - OUTPUT_LIMIT_BYTES - 1]
    return bytes(kept)


async def _drop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end(child: asyncio.subprocess.Process, *, group: bool) -> None:
    """Kill what is left of the child, with its own process group if it has one: grandchildren that hold the pipes included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(child.pid, signal.SIGKILL)
        elif child.returncode is None:
            child.kill()
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


def _instant(program: Program, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise program_failure(program, "gave an expiry that is no date") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _last_line(err: bytes) -> str:
    lines = [line for line in err[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {clean(lines[-1], limit=200)}" if lines else ""


def _shape(error: msgspec.ValidationError) -> str:
    """What is wrong with the shape; msgspec names types and a path, never values."""
    return str(error).replace("`", "")[:120]

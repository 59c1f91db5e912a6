"""What only ``oc`` can do: ask a node itself, by a debug pod that is gone afterwards. On request only, read-only commands.

The login goes by a private kubeconfig, never by argv or environment; the wrapper's own way of passing a token, its options and
its time limit are not used (D10, F43): it runs ``ocguard``, which keeps limits and cleans up. Output is data until it is parsed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ztui.clock import Clock
from ztui.errors import ConnectError, DataError, ForbiddenError, SettingsError
from ztui.kinds.nodereport import NodeReport, node_report
from ztui.settings import state_dir
from ztui.sources import ocguard
from ztui.sources.credentials import Credentials
from ztui.sources.target import Target
from ztui.sources.workers import Workers
from ztui.text import clean

LIMIT_S: Final = 60.0
GRACE_S: Final = 8.0
"""What oc gets to delete its pod itself, once it is interrupted."""
LIMIT_BYTES: Final = 16 * 1024 * 1024
SCRIPT: Final = (
    'echo "selinux=$(getenforce 2>&1 | head -n 1)";'
    ' echo "secureboot=$(mokutil --sb-state 2>&1 | head -n 1)";'
    ' echo "fips=$(cat /proc/sys/crypto/fips_enabled 2>&1)";'
    ' echo "cmdline=$(cat /proc/cmdline 2>&1)"'
)
"""What runs on the node: nothing that changes anything."""

_FOLDERS: Final = "oc-"
_NODE: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class NodeDoor:
    """Asks nodes of one cluster, one at a time."""

    def __init__(
        self,
        target: Target,
        credentials: Credentials,
        clock: Clock,
        environ: Mapping[str, str],
        *,
        limit_s: float = LIMIT_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._clock = clock
        self._environ = environ
        self._limit_s = limit_s
        self._grace_s = grace_s
        self._workers = Workers(clock, 1, "oc")

    async def ask(self, node: str) -> NodeReport:
        """What a node says of itself. Raises ZtuiError, with the command to run by hand."""
        program = self._program(node)
        if not _NODE.fullmatch(node) or self._target.insecure:
            why = "the server's certificate is not checked" if self._target.insecure else "that is no name of a node"
            raise SettingsError("the node cannot be asked", where=f"node {node}", why=why)
        folder = await self._folder()
        argv = [
            *(program, "debug", f"node/{node}", f"--kubeconfig={folder / 'kubeconfig'}"),
            *("--", "chroot", "/host", "/bin/sh", "-c", SCRIPT),
        ]
        job = asyncio.ensure_future(
            self._workers.run(lambda: _run(folder, argv, self._limit_s, self._grace_s), self._limit_s + _AFTER_S)
        )
        try:
            told = await asyncio.shield(job)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                (folder / "stop").touch(mode=0o600)
            await asyncio.wait({job})  # the guard deletes the pod, which takes seconds and not minutes
            raise
        except TimeoutError:
            raise ConnectError(
                "the node cannot be asked", where=f"node {node}", why="oc does not end", next=by_hand(node)
            ) from None
        return self._read(node, told)

    def close(self) -> None:
        """Let the thread end."""
        self._workers.close()

    def _program(self, node: str) -> str:
        """Where ``oc`` is. Raises ConnectError without one."""
        found = shutil.which("oc", path=self._environ.get("PATH", ""))
        if found is None:
            raise ConnectError("a node can be asked by oc only", why="there is no program oc on PATH", next=by_hand(node))
        return str(Path(found).absolute())

    async def _folder(self) -> Path:
        """A private folder with a kubeconfig of this login alone. What earlier runs left is swept."""
        home = Path(self._environ["XDG_RUNTIME_DIR"]) / "ztui" if self._environ.get("XDG_RUNTIME_DIR") else None
        home = home or state_dir(self._environ) / "run"
        text = json.dumps(await _kubeconfig(self._target, self._credentials))
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(home)
            folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDERS}{os.getpid()}-", dir=home))
            with os.fdopen(os.open(folder / "kubeconfig", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        except OSError as error:
            raise SettingsError("no private folder can be made", where=str(home), why=str(error.strerror)) from error
        return folder

    def _read(self, node: str, told: _Told) -> NodeReport:
        words = [line for line in told.err.splitlines() if line.strip()]
        last = clean(words[-1], limit=200) if words else ""
        where, hand = f"node {node}", by_hand(node)
        if told.why == "limit":
            raise ConnectError("the node cannot be asked", where=where, why=f"no answer in {self._limit_s:g} s", next=hand)
        if told.why == "size":
            raise DataError("the node's answer is too large", where=where, why=f"more than {LIMIT_BYTES >> 20} MiB", next=hand)
        if "orbidden" in told.err and told.code:
            raise ForbiddenError("create", "pods", "the namespace of debug pods", why=last, next=hand)
        found = node_report(node, told.out, self._clock.now().isoformat())
        if found is None or told.code:
            why = last or f"oc ended with code {told.code}"
            raise ConnectError("the node cannot be asked", where=where, why=why, next=hand)
        return found


class _Told(msgspec.Struct, frozen=True):
    code: int = -1
    why: str = ""
    out: str = ""
    err: str = ""


_AFTER_S: Final = GRACE_S + 6 * ocguard.DELETE_S
"""What the guard may need to clean up, beyond the limit of the run."""


def by_hand(node: str) -> str:
    """The command that asks the same without us."""
    return f"run it by hand: oc debug node/{node} -- chroot /host getenforce"


def _run(folder: Path, argv: list[str], limit_s: float, grace_s: float) -> _Told:
    """Run the guard by the wrapper, in a thread."""
    import openshift_client  # noqa: PLC0415  only for whoever asks a node
    from openshift_client.action import oc_action  # noqa: PLC0415  as above

    _forget_environment(openshift_client.context)
    guard = [ocguard.__file__, str(folder), str(limit_s), str(grace_s), str(LIMIT_BYTES), "--", *argv]
    try:
        with openshift_client.client_path(sys.executable), openshift_client.timeout(limit_s + _AFTER_S) as context:
            done = oc_action(context, "-I", guard)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return msgspec.json.decode(done.out.encode(), type=_Told)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _Told(done.status, "broken", "", "the guard gave no answer")


def _forget_environment(mine: Any) -> None:
    """What the wrapper took from its environment would end up in argv."""
    mine.default_kubeconfig_path = mine.default_api_server = mine.default_ca_cert_path = mine.default_project = None
    mine.default_loglevel = mine.default_skip_tls_verify = mine.default_token = None
    mine.default_options = {}


async def _kubeconfig(target: Target, credentials: Credentials) -> dict[str, Any]:
    """A kubeconfig with one context: this server, its authorities, the login of now. Source: client-go clientcmd/api/v1."""
    header = (await credentials.headers()).get("Authorization", "")
    pair = credentials.certificate
    user: dict[str, Any] = {"token": header.removeprefix("Bearer ")} if header.startswith("Bearer ") else {}
    if pair is not None:
        user["client-certificate-data"] = base64.b64encode(pair.certificate_pem.encode()).decode()
        user["client-key-data"] = base64.b64encode(pair.key_pem.reveal().encode()).decode()
    groups = [value for name, value in target.impersonate if name == "Impersonate-Group"]
    user |= {"as-groups": groups} if groups else {}
    for name, value in target.impersonate:
        user |= {"as": value} if name == "Impersonate-User" else {}
    cluster: dict[str, Any] = {"server": target.server}
    cluster |= {"certificate-authority-data": base64.b64encode(target.ca_pem.encode()).decode()} if target.ca_pem else {}
    cluster |= {"tls-server-name": target.tls_server_name} if target.tls_server_name else {}
    cluster |= {"proxy-url": target.proxy_url} if target.proxy_url else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ztui", "cluster": cluster}],
        "users": [{"name": "ztui", "user": user}],
        "contexts": [{"name": "ztui", "context": {"cluster": "ztui", "user": "ztui", "namespace": "default"}}],
        "current-context": "ztui",
    }


def _sweep(home: Path) -> None:
    """Remove what runs left behind whose process is gone."""
    for path in home.glob(f"{_FOLDERS}*"):
        number = path.name.removeprefix(_FOLDERS).partition("-")[0]
        if number.isdigit() and not _runs(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

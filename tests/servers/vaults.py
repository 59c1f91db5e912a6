"""A real Vault for tests: a development server over TLS, unsealed, in memory, with a root token of its own.

`python -m tests.servers.vaults` runs one in the foreground for use by hand.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import ssl
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.servers.build import VAULT, vault_binary, why_missing
from tests.servers.processes import Child, free_ports


class Answer(NamedTuple):
    """What the server said: the status code and the decoded body (empty where there is none)."""

    status: int
    body: dict[str, Any]


def why_no_vault() -> str:
    """Why no Vault can be started here; empty where one can."""
    return "" if vault_binary() is not None else why_missing(VAULT)


class VaultServer:
    """One Vault and the ways to use it; everything it writes lies in one temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ztui-vault-"))
        self.root = f"root-{secrets.token_hex(8)}"
        self.ca_file = self.folder / "vault-ca.pem"
        self.url = ""
        self._child: Child | None = None

    def __enter__(self) -> Self:
        binary = vault_binary()
        assert binary is not None, why_no_vault()
        port = free_ports(1)[0]
        self.url = f"https://127.0.0.1:{port}"
        command = [str(binary), "server", "-dev", f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={self.root}"]
        command += ["-dev-tls", f"-dev-tls-cert-dir={self.folder}", "-dev-no-store-token", "-log-level=error"]
        self._child = Child(command, self.folder / "vault.log", {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
        try:
            self._child.wait_ready(self._answers, 60)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._child is not None:
            self._child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None, namespace: str = ""
    ) -> Answer:
        """Ask for `/v1/PATH`, as root unless a token is given (an empty one is none)."""
        headers = {"Content-Type": "application/json"}
        if used := self.root if token is None else token:
            headers["X-Vault-Token"] = used
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/v1/{path}", data, headers, method=method)  # noqa: S310  our own address
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as response:  # noqa: S310  as above
                return Answer(response.status, json.loads(response.read() or b"{}"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.loads(error.read() or b"{}"))

    def write(self, path: str, **body: Any) -> dict[str, Any]:
        """Write as root; the answer's body. Anything but success fails the test."""
        answer = self.call("POST", path, body)
        assert answer.status in {200, 204}, (path, answer)
        return answer.body

    def token(self, *policies: str, **fields: Any) -> str:
        """A new token with these policies."""
        found: str = self.write("auth/token/create", policies=policies, **fields)["auth"]["client_token"]
        return found

    def _answers(self) -> bool:
        try:
            return self.ca_file.exists() and self.call("GET", "sys/health", token="").status == 200
        except (OSError, ValueError):
            return False


def main() -> int:
    """Run one until Ctrl-C."""
    with VaultServer() as server:
        print(f"export VAULT_ADDR={server.url} VAULT_CACERT={server.ca_file} VAULT_TOKEN={server.root}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())

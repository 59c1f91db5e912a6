"""A real Vault for tests: a development server over TLS, unsealed, in memory, with a root token of its own.

`python -m tests.servers.vaults` runs one in the foreground for use by hand.
"""

from __future__ import annotations

import json
import secrets
import signal
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.servers.build import VAULT
from tests.servers.daemon import Daemon
from tests.servers.processes import free_ports


class Answer(NamedTuple):
    """What the server said: the status code and the decoded body (empty where there is none)."""

    status: int
    body: dict[str, Any]


def why_no_vault() -> str:
    """Why no Vault can be started here; empty where one can."""
    return VaultServer.why_not()


class VaultServer(Daemon):
    """One Vault and the ways to use it."""

    MODULE = VAULT

    def __init__(self) -> None:
        super().__init__()
        self.root = f"root-{secrets.token_hex(8)}"
        self.ca_file = self.folder / "vault-ca.pem"

    def arguments(self) -> list[str]:
        """In its development mode, over TLS."""
        port = free_ports(1)[0]
        self.url = f"https://127.0.0.1:{port}"
        told = ["server", "-dev", f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={self.root}"]
        return [*told, "-dev-tls", f"-dev-tls-cert-dir={self.folder}", "-dev-no-store-token", "-log-level=error"]

    def is_ready(self) -> bool:
        """It is unsealed."""
        return self.ca_file.exists() and self.call("GET", "sys/health", token="").status == 200

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


def main() -> int:
    """Run one until Ctrl-C."""
    with VaultServer() as server:
        print(f"export VAULT_ADDR={server.url} VAULT_CACERT={server.ca_file} VAULT_TOKEN={server.root}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())

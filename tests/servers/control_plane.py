"""etcd and kube-apiserver, and kube-controller-manager on request, on loopback ports in a folder of their own.

The flags and files of the three programs. Who asks the server something is no business of this file; that is `kube`.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.servers.access import private
from tests.servers.build import kubernetes_binary, why_missing
from tests.servers.processes import Child, NotReadyError, free_ports, listens

_ETCD_SECONDS = 20.0
_API_SECONDS = 90.0
_TRIES = 3


@dataclass(frozen=True)
class Programs:
    """How each program is called: the beginning of its command line."""

    etcd: tuple[str, ...]
    apiserver: tuple[str, ...]
    manager: tuple[str, ...]
    kubectl: tuple[str, ...]


def programs() -> Programs | None:
    """The programs of KUBEBUILDER_ASSETS if that is set, else our built binary, else None."""
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        names = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
        return Programs(*((str(Path(assets) / name),) for name in names))
    binary = kubernetes_binary()
    if binary is None:
        return None
    return Programs(*((str(binary), name) for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")))


class ControlPlane:
    """The processes of one cluster; `tokens` holds one bearer token for each user."""

    def __init__(self, folder: Path, users: Mapping[str, Sequence[str]], flags: Sequence[str] = ()) -> None:
        found = programs()
        if found is None:
            raise NotReadyError(why_missing())
        self.programs = found
        self.folder = folder
        self.users = users
        self.tokens = {user: f"{user}-{secrets.token_hex(16)}" for user in users}
        self.ca_file = folder / "ca.pem"
        self._flags = tuple(flags)
        self._etcd_port = self._api_port = 0
        self._etcd: Child | None = None
        self._api: Child | None = None
        self._manager: Child | None = None

    @property
    def url(self) -> str:
        """Where the API server answers."""
        return f"https://127.0.0.1:{self._api_port}"

    def start(self) -> None:
        """Start etcd and the API server and wait until it is ready; another process may take a port first, so try again."""
        self._write_secrets()
        for attempt in range(_TRIES):
            self._api_port = free_ports(1)[0]
            try:
                self._start_etcd(self.folder / f"etcd-{attempt}")
                self._start_apiserver()
            except NotReadyError:
                self.stop()
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """End all processes."""
        for child in (self._manager, self._api, self._etcd):
            if child:
                child.kill()
        self._manager = self._api = self._etcd = None

    def restart_apiserver(self) -> None:
        """A new API server at the same address: empty watch caches, all connections cut."""
        if self._api:
            self._api.kill()
        self._start_apiserver()

    def start_manager(self, kubeconfig: Path) -> None:
        """Start the controller manager unless it runs; nodes are left alone, since no kubelet reports for them."""
        if self._manager:
            return
        (port,) = free_ports(1)
        flags = {
            "kubeconfig": kubeconfig,
            "service-account-private-key-file": self.folder / "sa.key",
            "root-ca-file": self.ca_file,
            "secure-port": port,
            "bind-address": "127.0.0.1",
            "cert-dir": self.folder / "manager",
            "leader-elect": "false",
            "authentication-tolerate-lookup-failure": "true",
            "controllers": "*,-node-lifecycle-controller,-node-ipam-controller,-cloud-node-lifecycle-controller",
        }
        self._manager = self._spawn("kube-controller-manager", self.programs.manager, flags)
        self._manager.wait_ready(lambda: listens(port), _API_SECONDS)

    def stop_manager(self) -> None:
        """End the controller manager if it runs."""
        if self._manager:
            self._manager.kill()
        self._manager = None

    def compact(self) -> int:
        """Make etcd forget all revisions before the present one, which is returned."""
        now = self._etcd_call("range", {"key": _b64("compact_rev_key")})["header"]["revision"]
        self._etcd_call("compaction", {"revision": now, "physical": True})
        return int(now)

    def _write_secrets(self) -> None:
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        signer = authority.issue_cert("service-accounts.invalid", key_type=trustme.KeyType.RSA)
        authority.cert_pem.write_to_path(str(self.ca_file))
        private(self.folder / "tls.crt", server.cert_chain_pems[0].bytes().decode())
        private(self.folder / "tls.key", server.private_key_pem.bytes().decode())
        private(self.folder / "sa.key", signer.private_key_pem.bytes().decode())
        lines = [f'{self.tokens[user]},{user},uid-{user},"{",".join(groups)}"\n' for user, groups in self.users.items()]
        private(self.folder / "tokens.csv", "".join(lines))

    def _start_etcd(self, data: Path) -> None:
        self._etcd_port, peer_port = free_ports(2)
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{peer_port}"
        flags = {
            "data-dir": data,
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
            "log-level": "error",
        }
        self._etcd = self._spawn("etcd", self.programs.etcd, flags)
        self._etcd.wait_ready(lambda: listens(self._etcd_port), _ETCD_SECONDS)

    def _start_apiserver(self) -> None:
        folder = self.folder
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "etcd-compaction-interval": "0",  # history goes when `compact` says so, at no other time
            "secure-port": self._api_port,
            "bind-address": "127.0.0.1",
            "tls-cert-file": folder / "tls.crt",
            "tls-private-key-file": folder / "tls.key",
            "token-auth-file": folder / "tokens.csv",
            "service-account-key-file": folder / "sa.key",
            "service-account-signing-key-file": folder / "sa.key",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-cluster-ip-range": "10.96.0.0/12",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "endpoint-reconciler-type": "none",  # a loopback address may not be an endpoint
        }
        self._api = self._spawn("kube-apiserver", self.programs.apiserver, flags, self._flags)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        self._api.wait_ready(lambda: self._ready(context), _API_SECONDS)

    def _ready(self, context: ssl.SSLContext) -> bool:
        connection = http.client.HTTPSConnection("127.0.0.1", self._api_port, timeout=5, context=context)
        try:
            connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {next(iter(self.tokens.values()))}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _spawn(self, name: str, command: Sequence[str], flags: Mapping[str, object], extra: Sequence[str] = ()) -> Child:
        # GOGC=200 loads 10,000 pods a seventh faster than the default, for a third more memory.
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "GOGC": "200"}
        arguments = [f"--{key}={value}" for key, value in flags.items()]
        return Child([*command, *arguments, *extra], self.folder / f"{name}.log", env)

    def _etcd_call(self, action: str, body: Mapping[str, object]) -> dict[str, dict[str, str]]:
        """One call to the JSON gateway of etcd, which real and embedded members both serve.

        **Raises**: NotReadyError with the answer where that is not 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=30)
        try:
            connection.request("POST", f"/v3/kv/{action}", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise NotReadyError(f"etcd {action}: {response.status} {text.decode(errors='replace')}")
        answer: dict[str, dict[str, str]] = json.loads(text)
        return answer


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

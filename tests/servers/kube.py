"""A real Kubernetes API server for tests: start it, ask it, make it forget, stop it.

`python -m tests.servers.kube [--crds] [--populate NAMESPACES PODS]` runs one in the foreground for use by hand.
With ZTUI_TEST_KUBECONFIG an existing server takes its place: it can be asked, and is neither started nor stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import aiohttp

from tests.servers import bootstrap, crds, populate
from tests.servers.access import Access, private, read_kubeconfig
from tests.servers.build import why_missing
from tests.servers.control_plane import ControlPlane, programs

# Users of the static token file and their groups; `viewer` may do nothing until a test binds a role to it.
USERS: Mapping[str, tuple[str, ...]] = {
    "admin": ("system:masters",),
    "viewer": ("viewers",),
    "ana": ("team-a",),
    "ben": ("team-b",),
}


class Answer(NamedTuple):
    """What the server said: the status code and the decoded body (a string where that is no JSON)."""

    status: int
    body: Any


class ExternalServerError(RuntimeError):
    """Asked of a server that is not ours to steer."""


def why_no_server() -> str:
    """Why no server can be started here; empty where one can."""
    if "ZTUI_TEST_KUBECONFIG" in os.environ or programs() is not None:
        return ""
    return why_missing()


class KubeServer:
    """One API server and the ways to use it; everything it writes lies in one temporary folder."""

    def __init__(self, users: Mapping[str, Sequence[str]] = USERS, flags: Sequence[str] = ()) -> None:
        """`users` maps names to groups, the first one is the administrator; `flags` are further ones of kube-apiserver."""
        self.folder = Path(tempfile.mkdtemp(prefix="ztui-kube-"))
        self._external: Access | None = None
        self._plane: ControlPlane | None = None
        if kubeconfig := os.environ.get("ZTUI_TEST_KUBECONFIG"):
            self._external = read_kubeconfig(Path(kubeconfig))
            self.ca_file = private(self.folder / "ca.pem", self._external.ca_pem)
        else:
            self._plane = ControlPlane(self.folder, users, flags)
            self.ca_file = self._plane.ca_file

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return self._external.url if self._external else self._own("url").url

    def start(self) -> Self:
        """Start and wait until the server is ready; `default` takes pods then, and the roles view, edit and admin have rules."""
        if self._plane is None:
            return self
        try:
            self._plane.start()
            bootstrap.aggregate_roles(self)
            self.namespace("default")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the processes and remove the folder."""
        if self._plane:
            self._plane.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart_apiserver(self) -> None:
        """Replace the API server by a new one at the same address; the data stay."""
        self._own("restart").restart_apiserver()

    def start_controller_manager(self) -> None:
        """Start the controllers unless they run: ReplicaSets, quota, garbage, ServiceAccounts; no node ever reports."""
        self._own("the controller manager").start_manager(self.kubeconfig())

    def stop_controller_manager(self) -> None:
        """End the controllers, so that what stands stays as it is."""
        self._own("the controller manager").stop_manager()

    def compact(self, *, restart: bool = True) -> int:
        """Forget all revisions before the present one, so that older ones are answered with 410.

        Without a restart the API server goes on answering old revisions from its watch caches and snapshots.
        """
        revision = self._own("compaction").compact()
        if restart:
            self.restart_apiserver()
        return revision

    def token(self, user: str = "admin") -> str:
        """The bearer token of a user."""
        return self.access(user).token

    def access(self, user: str = "admin") -> Access:
        """How this user reaches the server.

        **Raises**: KeyError for a user the server does not know.
        """
        if self._external:
            return {"admin": self._external}[user]
        plane = self._own("users")
        return Access(url=plane.url, user=user, ca_pem=plane.ca_file.read_text(), token=plane.tokens[user])

    def kubeconfig(self, user: str = "admin") -> Path:
        """A kubeconfig of this user, mode 0600, that verifies the server."""
        if self._external and user == "admin":
            return Path(os.environ["ZTUI_TEST_KUBECONFIG"])
        return private(self.folder / f"kubeconfig-{user}", self.access(user).kubeconfig())

    def kubectl(
        self,
        *args: str,
        user: str = "admin",
        input: str | None = None,  # noqa: A002 - named as in subprocess.run
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as this user, in a home of its own.

        **Raises**: CalledProcessError with kubectl's words where it fails and `check` holds.
        """
        found = programs()
        command = found.kubectl if found else ("kubectl",)
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig(user))}
        done = subprocess.run([*command, *args], env=env, input=input, capture_output=True, text=True, check=False)
        if check and done.returncode:
            error = subprocess.CalledProcessError(done.returncode, ["kubectl", *args], done.stdout, done.stderr)
            error.add_note(done.stderr)
            raise error
        return done

    def call(
        self, method: str, path: str, body: object = None, *, user: str = "admin", content: str = "application/json"
    ) -> Answer:
        """One request over verified TLS; `content` names the patch type where that matters."""
        access = self.access(user)
        address = urlsplit(access.url)
        context = access.ssl_context(self.folder)
        connection = http.client.HTTPSConnection(address.hostname or "", address.port, timeout=60, context=context)
        headers = access.headers() | {"Content-Type": content, "Accept": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, address.path + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        json_body = response.headers.get_content_type() == "application/json"
        return Answer(response.status, json.loads(text) if json_body else text)

    def session(self, user: str = "admin", connections: int = 24) -> aiohttp.ClientSession:
        """A client for many requests: paths are relative to the server; to be closed by the caller."""
        access = self.access(user)
        connector = aiohttp.TCPConnector(ssl=access.ssl_context(self.folder), limit=connections)
        return aiohttp.ClientSession(f"{access.url}/", connector=connector, headers=access.headers())

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Make a namespace that can take pods at once: with its ServiceAccount `default`, which a controller would bring."""
        bootstrap.make_namespace(self, name, labels or {})
        return name

    def _own(self, what: str) -> ControlPlane:
        if self._plane is None:
            raise ExternalServerError(f"{what}: the server of ZTUI_TEST_KUBECONFIG is not ours to steer")
        return self._plane


def main() -> int:
    """Run one server until a signal; prints what a shell needs to use it."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.kube", description=__doc__)
    parser.add_argument("--crds", action="store_true", help="load all custom resource definitions")
    parser.add_argument("--controllers", action="store_true", help="start the controller manager too")
    parser.add_argument("--populate", nargs=2, type=int, metavar=("NAMESPACES", "PODS"), help="fill it: PODS in each namespace")
    options = parser.parse_args()
    if reason := why_no_server():
        print(reason, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with KubeServer() as server, contextlib.suppress(KeyboardInterrupt):
        if options.crds:
            print(f"# {len(crds.load(server, crds.ALL))} custom resource definitions", flush=True)
        if options.populate:
            print(f"# {asyncio.run(populate.populate(server, *options.populate))}", flush=True)
        if options.controllers:
            server.start_controller_manager()
        for user in USERS:
            print(f"# {user}: {server.kubeconfig(user)}")
        print(f"export KUBECONFIG={server.kubeconfig()}", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fixtures of the demo's own tests: a quiet demo for each module, clients of it, kubectl with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.demo.beside import Both
from tests.demo.client import Client
from tests.servers.control_plane import programs
from tests.servers.kube import KubeServer, why_no_server
from ztui.demo.server import DemoThread

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoThread]:
    """A demo cluster that only changes when a test changes it."""
    with DemoThread(churn=False) as running:
        yield running


@pytest.fixture(scope="session")
def kube() -> Iterator[KubeServer]:
    """A real API server without controllers, for what is asked of both; skipped with the reason where it is not built."""
    if reason := why_no_server():
        pytest.skip(reason)
    with KubeServer() as server:
        yield server


@pytest.fixture(scope="session")
def beside(kube: KubeServer) -> Iterator[Both]:
    """The real server and a demo that rests as it does, both asked by somebody who may do anything."""
    access = kube.access("admin")
    with DemoThread(churn=False, controllers=False) as demo:
        yield Both(Client(access.url, access.ca_pem, access.token), Client(demo.url, demo.ca_pem, demo.token("admin")))


@pytest.fixture(autouse=True)
def _no_faults_left(demo: DemoThread) -> Iterator[None]:
    yield
    demo.faults.off()


@pytest.fixture
def admin(demo: DemoThread) -> Client:
    """A client that may do anything."""
    return Client(demo.url, demo.ca_pem, demo.token("admin"))


@pytest.fixture
def as_user(demo: DemoThread) -> Callable[[str], Client]:
    """Makes a client of a user; an empty name is nobody logged in."""
    return lambda user: Client(demo.url, demo.ca_pem, demo.token(user) if user else "")


@pytest.fixture
def kubectl(demo: DemoThread, tmp_path: Path) -> Kubectl:
    """Runs kubectl against the demo: the one built for the tests, else the one on the path."""
    command = _kubectl()

    def run(*args: str, user: str = "admin", stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        env = _home(demo, tmp_path, user)
        return subprocess.run([*command, *args], env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture
def watching(demo: DemoThread, tmp_path: Path) -> Iterator[Callable[..., Iterator[str]]]:
    """Starts a kubectl that goes on for ever and gives its lines as they come; ended after the test."""
    command = _kubectl()
    with ExitStack() as stack:

        def start(*args: str) -> Iterator[str]:
            env = _home(demo, tmp_path, "admin")
            running = stack.enter_context(subprocess.Popen([*command, *args], env=env, stdout=subprocess.PIPE, text=True))
            stack.callback(running.kill)
            assert running.stdout is not None
            return running.stdout

        yield start


def _kubectl() -> tuple[str, ...]:
    found = programs()
    plain = shutil.which("kubectl")
    command = tuple(found.kubectl) if found else (plain,) if plain else ()
    if not command:
        pytest.skip("no kubectl here")
    return command


def _home(demo: DemoThread, folder: Path, user: str) -> dict[str, str]:
    config = demo.write_kubeconfig(folder / f"kubeconfig-{user}", user)
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "KUBECONFIG": str(config)}

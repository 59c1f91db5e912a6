"""Fixtures of the demo's own tests: a quiet demo for each module, clients of it, kubectl with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.client import Client
from tests.servers.control_plane import programs
from ztui.demo.server import DemoThread

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoThread]:
    """A demo cluster that only changes when a test changes it."""
    with DemoThread(churn=False) as running:
        yield running


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
    found = programs()
    plain = shutil.which("kubectl")
    command = found.kubectl if found else (plain,) if plain else ()
    if not command:
        pytest.skip("no kubectl here")

    def run(*args: str, user: str = "admin", stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        config = demo.write_kubeconfig(tmp_path / f"kubeconfig-{user}", user)
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path), "KUBECONFIG": str(config)}
        return subprocess.run([*command, *args], env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60)

    return run

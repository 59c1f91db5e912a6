"""Benches measure and print; they never assert a time. `python -m pytest -m bench tests/bench -s` shows the tables.

With ZTUI_TEST_KUBECONFIG a server that is filled already is measured instead of one that is filled first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import populate
from tests.servers.kube import KubeServer, why_no_server

HERE = Path(__file__).parent
NAMESPACES, PODS_EACH = 200, 50


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is `bench`, except what is `soak`."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("soak") is None:
            item.add_marker(pytest.mark.bench)


@pytest.fixture(scope="session")
def busy() -> Iterator[KubeServer]:
    """A real API server with 10,000 pods in 200 namespaces and what belongs to them."""
    if reason := why_no_server():
        pytest.skip(reason)
    with KubeServer() as server:
        if server.call("GET", f"/api/v1/namespaces/team-{NAMESPACES - 1:04d}").status != 200:
            print(f"\nfilled: {asyncio.run(populate.populate(server, NAMESPACES, PODS_EACH))}")
        yield server


@pytest.fixture(scope="session")
def small() -> Iterator[KubeServer]:
    """A real API server with 1,000 pods in 20 namespaces, beside what belongs to them."""
    if reason := why_no_server():
        pytest.skip(reason)
    with KubeServer() as server:
        if server.call("GET", "/api/v1/namespaces/team-0019").status != 200:
            asyncio.run(populate.populate(server, NAMESPACES // 10, PODS_EACH))
        yield server


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment of its own: no settings, no kubeconfig, compiled modules allowed as in an installation."""
    hidden = ("KUBE", "TEXTUAL", "ZTUI", "PYTHONDONTWRITEBYTECODE", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, "HOME": str(tmp_path), "PYTHONPATH": str(HERE.parents[1])}

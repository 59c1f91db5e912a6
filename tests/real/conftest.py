"""Fixtures of the real tier: one API server for the whole session, started at its first use, skipped with the reason."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import crds
from tests.servers.alertmanagers import AlertManagerServer
from tests.servers.kube import KubeServer, why_no_server
from tests.servers.vaults import VaultServer, why_no_vault

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in this folder is `real`, and one worker runs it all, since a server for each costs 300 MB."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real)
            if config.pluginmanager.hasplugin("xdist"):
                item.add_marker(pytest.mark.xdist_group("real"))


@pytest.fixture(scope="session")
def kube() -> Iterator[KubeServer]:
    """A running API server without controllers; `start_controller_manager` brings those."""
    if reason := why_no_server():
        pytest.skip(reason)
    with KubeServer() as server:
        yield server


@pytest.fixture(scope="session")
def openshift(kube: KubeServer) -> KubeServer:
    """The same server with the kinds of a fresh OpenShift cluster."""
    if reason := crds.why_missing():
        pytest.skip(reason)
    crds.load(kube, crds.OPENSHIFT)
    return kube


@pytest.fixture
def namespace(kube: KubeServer) -> str:
    """A new namespace that can take pods; nobody cleans it up, no two tests share one."""
    return kube.namespace(f"t-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def alertmanager() -> Iterator[AlertManagerServer]:
    """A running Alertmanager that tells nobody."""
    if reason := AlertManagerServer.why_not():
        pytest.skip(reason)
    with AlertManagerServer() as server:
        yield server


@pytest.fixture(scope="session")
def vault() -> Iterator[VaultServer]:
    """A running Vault, unsealed and empty but for what its development mode mounts."""
    if reason := why_no_vault():
        pytest.skip(reason)
    with VaultServer() as server:
        yield server

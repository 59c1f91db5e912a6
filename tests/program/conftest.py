"""One quiet demo cluster for all runs of the program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ztui.demo.server import DemoThread


@pytest.fixture(scope="session")
def cluster() -> Iterator[DemoThread]:
    with DemoThread(churn=False) as found:
        yield found


@pytest.fixture
def kubeconfig(cluster: DemoThread, tmp_path: Path) -> str:
    """A kubeconfig with a token."""
    return str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))


Shim = Callable[[str], str]


@pytest.fixture
def shim(cluster: DemoThread, tmp_path: Path) -> Shim:
    """Makes a login program of some lines, and a kubeconfig that names it; ``give()`` in it prints a working credential."""

    def make(body: str) -> str:
        path = tmp_path / "login-shim"
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
        answer["status"] = {"token": cluster.token("admin")}  # type: ignore[assignment]
        path.write_text(
            f"#!{sys.executable} -IS\nimport os, sys, time\n"
            f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
            f"def give(): print({json.dumps(answer)!r})\n{body}\n"
        )
        path.chmod(0o755)
        config = json.loads(cluster.kubeconfig())
        plugin = {"apiVersion": answer["apiVersion"], "command": str(path), "args": ["get-token", "--quiet"]}
        config["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "IfAvailable"}}
        (tmp_path / "exec-config").write_text(json.dumps(config))
        (tmp_path / "exec-config").chmod(0o600)
        return str(tmp_path / "exec-config")

    return make

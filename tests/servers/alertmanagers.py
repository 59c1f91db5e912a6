"""A real Alertmanager for tests: one of its own, on loopback, that tells nobody of what fires."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.servers.build import ALERTMANAGER, found, why_missing
from tests.servers.processes import Child, free_ports

CONFIG = """
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


def why_no_alertmanager() -> str:
    """Why none can be started here; empty where one can."""
    return "" if found(ALERTMANAGER) is not None else why_missing(ALERTMANAGER)


class AlertManagerServer:
    """One Alertmanager; everything it writes lies in one temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ztui-alertmanager-"))
        self.url = ""
        self._child: Child | None = None

    def __enter__(self) -> Self:
        binary = found(ALERTMANAGER)
        assert binary is not None, why_no_alertmanager()
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        config = self.folder / "alertmanager.yaml"
        config.write_text(CONFIG)
        command = [str(binary), f"--config.file={config}", f"--storage.path={self.folder / 'data'}", "--cluster.listen-address="]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        self._child = Child(command, self.folder / "alertmanager.log", {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
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

    def fire(self, **labels: str) -> None:
        """Let an alert fire."""
        self.call("POST", "/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "it is so"}}])

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask; the decoded answer, `None` where it is empty. Anything but success fails the test."""
        data = json.dumps(body).encode() if body is not None else None
        headers: Mapping[str, str] = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, dict(headers), method=method)  # noqa: S310  our own address
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  as above
            text = response.read()
        return json.loads(text) if text.strip() else None

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/api/v2/status") is not None
        except (OSError, ValueError):
            return False

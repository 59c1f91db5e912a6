"""A real Alertmanager for tests: one of its own, on loopback, that tells nobody of what fires."""

from __future__ import annotations

from tests.servers.build import ALERTMANAGER
from tests.servers.daemon import Daemon
from tests.servers.processes import free_ports

CONFIG = """
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


class AlertManagerServer(Daemon):
    """One Alertmanager."""

    MODULE = ALERTMANAGER

    def arguments(self) -> list[str]:
        """Alone, with nobody to gossip with."""
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        config = self.folder / "alertmanager.yaml"
        config.write_text(CONFIG)
        told = [f"--config.file={config}", f"--storage.path={self.folder / 'data'}", "--cluster.listen-address="]
        return [*told, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]

    def is_ready(self) -> bool:
        """Its status is told."""
        return self.get("/api/v2/status") is not None

    def fire(self, **labels: str) -> None:
        """Let an alert fire."""
        self.get("/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "it is so"}}])

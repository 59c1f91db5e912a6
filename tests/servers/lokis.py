"""A real Loki for tests: one process with all of it, for several tenants, on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from tests.servers.build import LOKI
from tests.servers.daemon import Daemon
from tests.servers.processes import free_ports

CONFIG = """
auth_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc},
  log_level: error}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {folder}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
  storage: {{filesystem: {{chunks_directory: {folder}/chunks, rules_directory: {folder}/rules}}}}
schema_config:
  configs: [{{from: "2020-10-24", store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]
ingester: {{lifecycler: {{min_ready_duration: 0s, final_sleep: 0s}}}}
analytics: {{reporting_enabled: false}}
"""


class LokiServer(Daemon):
    """One Loki."""

    MODULE = LOKI
    READY_S = 90.0

    def arguments(self) -> list[str]:
        """All of its parts in one process."""
        http, grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{http}"
        config = self.folder / "loki.yaml"
        config.write_text(CONFIG.format(http=http, grpc=grpc, folder=self.folder))
        return [f"-config.file={config}", "-target=all"]

    def is_ready(self) -> bool:
        """It can be asked, and told."""
        self.push("nobody", ["a line"])
        return self.ask("nobody", "/loki/api/v1/labels") is not None

    def push(self, tenant: str, lines: Iterable[str]) -> None:
        """Write lines of a tenant, as a collector would: a moment ago, one after the other."""
        now = time.time_ns() - 10_000_000_000
        values = [[str(now + at), line] for at, line in enumerate(lines)]
        self.ask(tenant, "/loki/api/v1/push", {"streams": [{"stream": {"log_type": tenant}, "values": values}]})

    def ask(self, tenant: str, path: str, body: object = None) -> Any:
        """Ask as a tenant."""
        return self.get(path, body, headers={"X-Scope-OrgID": tenant})

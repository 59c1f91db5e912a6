"""A real Loki for tests: one process with all of it, for several tenants, on loopback."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from tests.servers.build import LOKI, found, why_missing
from tests.servers.processes import Child, free_ports

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


def why_no_loki() -> str:
    """Why none can be started here; empty where one can."""
    return "" if found(LOKI) is not None else why_missing(LOKI)


class LokiServer:
    """One Loki; everything it writes lies in one temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ztui-loki-"))
        self.url = ""
        self._child: Child | None = None

    def __enter__(self) -> Self:
        binary = found(LOKI)
        assert binary is not None, why_no_loki()
        http, grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{http}"
        config = self.folder / "loki.yaml"
        config.write_text(CONFIG.format(http=http, grpc=grpc, folder=self.folder))
        command = [str(binary), f"-config.file={config}", "-target=all"]
        self._child = Child(command, self.folder / "loki.log", {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
        try:
            self._child.wait_ready(self._is_ready, 90)
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

    def push(self, tenant: str, lines: Iterable[str]) -> None:
        """Write lines of a tenant, as a collector would: a moment ago, one after the other."""
        now = time.time_ns() - 10_000_000_000
        values = [[str(now + at), line] for at, line in enumerate(lines)]
        self.call("/loki/api/v1/push", tenant, {"streams": [{"stream": {"log_type": tenant}, "values": values}]})

    def call(self, path: str, tenant: str = "", body: object = None) -> bytes:
        """Ask as a tenant; anything but success raises OSError."""
        headers = {"Content-Type": "application/json", "X-Scope-OrgID": tenant or "nobody"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}{path}", data, headers)  # noqa: S310  our own address
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  as above
            answer: bytes = response.read()
        return answer

    def _is_ready(self) -> bool:
        try:
            return self.call("/ready").strip() == b"ready"
        except OSError:
            return False

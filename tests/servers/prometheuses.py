"""A real Prometheus for tests: it scrapes one page that a test wrote, whose samples carry their own times."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.servers.build import PROMETHEUS, found, why_missing
from tests.servers.processes import Child, free_ports

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
storage: {{tsdb: {{out_of_order_time_window: 7d}}}}
scrape_configs:
- job_name: told
  honor_labels: true
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def why_no_prometheus() -> str:
    """Why none can be started here; empty where one can."""
    return "" if found(PROMETHEUS) is not None else why_missing(PROMETHEUS)


class PrometheusServer:
    """One Prometheus over a page of samples in its own text format."""

    def __init__(self, page: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ztui-prometheus-"))
        self.url = ""
        self._child: Child | None = None
        self._page = ThreadingHTTPServer(("127.0.0.1", 0), _handler(page))

    def __enter__(self) -> Self:
        binary = found(PROMETHEUS)
        assert binary is not None, why_no_prometheus()
        threading.Thread(target=self._page.serve_forever, daemon=True).start()
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        config = self.folder / "prometheus.yaml"
        config.write_text(CONFIG.format(port=self._page.server_port))
        command = [str(binary), f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        self._child = Child(command, self.folder / "prometheus.log", {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
        try:
            self._child.wait_ready(self._has_scraped, 60)
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
        self._page.shutdown()
        self._page.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def query(self, text: str) -> list[Any]:
        """What it answers to a query."""
        asked = urllib.parse.urlencode({"query": text})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=30) as response:  # noqa: S310  our own address
            result: list[Any] = json.loads(response.read())["data"]["result"]
        return result

    def _has_scraped(self) -> bool:
        try:
            return bool(self.query("up == 1"))
        except (OSError, ValueError):
            return False


def _handler(page: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler

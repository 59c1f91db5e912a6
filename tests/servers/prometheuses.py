"""A real Prometheus for tests: it scrapes one page that a test wrote, whose samples carry their own times."""

from __future__ import annotations

import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.build import PROMETHEUS
from tests.servers.daemon import Daemon
from tests.servers.processes import free_ports

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
storage: {{tsdb: {{out_of_order_time_window: 7d}}}}
scrape_configs:
- job_name: told
  honor_labels: true
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class PrometheusServer(Daemon):
    """One Prometheus over a page of samples in its own text format."""

    MODULE = PROMETHEUS

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = ThreadingHTTPServer(("127.0.0.1", 0), _handler(page))

    def arguments(self) -> list[str]:
        """It scrapes the page again and again."""
        threading.Thread(target=self._page.serve_forever, daemon=True).start()
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        config = self.folder / "prometheus.yaml"
        config.write_text(CONFIG.format(port=self._page.server_port))
        told = [f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        return [*told, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]

    def is_ready(self) -> bool:
        """The page was scraped."""
        return bool(self.query("up == 1"))

    def stop(self) -> None:
        """End it, its page and its folder."""
        super().stop()
        self._page.shutdown()
        self._page.server_close()

    def query(self, text: str) -> list[Any]:
        """What it answers to a query."""
        result: list[Any] = self.get(f"/api/v1/query?{urllib.parse.urlencode({'query': text})}")["data"]["result"]
        return result


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

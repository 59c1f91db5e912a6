"""The HTML page in a real browser: no script error, no request to anywhere, readable at the width of a phone."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.formats.test_formats import report
from ztui.formats.page import as_html

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = (360, 740)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: `apt-get install chromium` brings it")


@contextmanager
def browser(folder: Path) -> Iterator[str]:
    """A headless browser; yields the address of its debugger."""
    assert BROWSER is not None
    switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]
    switches += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]
    command = [BROWSER, *switches, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            found = next(match for line in process.stderr if (match := re.search(r"ws://127\.0\.0\.1:(\d+)/", line)))
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.kill()


class Tab:
    """One page of the browser, over its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something; what happens meanwhile is kept."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            found: dict[str, Any] = await self._socket.receive_json()
            if found.get("id") == self._number:
                return dict(found.get("result", {}))
            self.events.append(found)

    async def until(self, method: str) -> None:
        """Wait for an event."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(await self._socket.receive_json())


async def test_the_report_in_a_browser_at_the_width_of_a_phone(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(as_html(report()), encoding="utf-8")
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        with browser(tmp_path / "profile") as address:
            async with session.get(f"{address}/json") as answer:
                target = next(item for item in json.loads(await answer.text()) if item["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await tab.call(f"{domain}.enable")
                size = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 2, "mobile": True}
                await tab.call("Emulation.setDeviceMetricsOverride", **size)
                await tab.call("Page.navigate", url=page.as_uri())
                await tab.until("Page.loadEventFired")
                await tab.call("Runtime.evaluate", expression="document.querySelectorAll('details').forEach(d => d.open = true)")
                found = await tab.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")
    assert found["result"]["value"] <= PHONE[0]
    asked = [event["params"]["request"]["url"] for event in tab.events if event.get("method") == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("file://")] == []
    assert len(asked) == 1
    troubles = [event for event in tab.events if event.get("method") in {"Runtime.exceptionThrown", "Log.entryAdded"}]
    assert troubles == []

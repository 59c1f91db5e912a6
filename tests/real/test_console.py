"""The console itself on a real API server that serves OpenShift's kinds: what it shows is what the server holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.app import ZtuiApp
from tests.servers.kube import KubeServer
from ztui.checks.base import CheckId, Status
from ztui.settings import Settings
from ztui.targets import finder

CONFIG = "/apis/config.openshift.io/v1"
PROVIDER = {"name": "corp", "type": "HTPasswd", "mappingMethod": "claim", "htpasswd": {"fileData": {"name": "htpass"}}}
OBJECTS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    (
        "infrastructures",
        "Infrastructure",
        {"platformSpec": {}},
        {"controlPlaneTopology": "HighlyAvailable", "infrastructureTopology": "HighlyAvailable"},
    ),
    ("oauths", "OAuth", {"identityProviders": [PROVIDER]}, {}),
    ("authentications", "Authentication", {"type": "IntegratedOAuth"}, {}),
)
WAIT_S = 120
SIZES = ((80, 24), (200, 50))


@pytest.fixture(scope="module")
def cluster(openshift: KubeServer) -> KubeServer:
    """The server with the singletons that say what an OpenShift cluster is and who logs in how."""
    for plural, kind, spec, status in OBJECTS:
        body = {"apiVersion": "config.openshift.io/v1", "kind": kind, "metadata": {"name": "cluster"}, "spec": spec}
        made = openshift.call("POST", f"{CONFIG}/{plural}", body)
        assert made.status in {201, 409}, made.body
        if status:
            patch = "application/merge-patch+json"
            done = openshift.call("PATCH", f"{CONFIG}/{plural}/cluster/status", {"status": status}, content=patch)
            assert done.status == 200, done.body
    return openshift


def shown(app: ZtuiApp) -> str:
    """The text on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def settled(app: ZtuiApp, pilot: Pilot[int]) -> None:
    """Wait until everything was read and is drawn."""
    await pilot.pause()
    assert app.core is not None
    async with asyncio.timeout(WAIT_S):
        async for frame in app.core.frames():
            if frame.settled and frame.board is not None:
                break
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_every_screen_shows_the_verdicts_of_the_cluster(cluster: KubeServer, size: tuple[int, int]) -> None:
    settings = Settings(kubeconfig=str(cluster.kubeconfig()))
    app = ZtuiApp(settings, finder(settings))
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        board = app.frame.board
        assert board is not None
        assert board.platform.variant == "ocp"
        assert not [item for item in board.verdicts.values() if item.status is Status.ERROR]
        assert board.verdicts[CheckId("ZT1-OIDC-001")].status is Status.FAIL
        overview = shown(app)
        assert "live" in overview
        assert "Identify & Isolate" in overview
        assert "checks judged" in overview
        await pilot.press("1", "z")
        await pilot.pause()
        assert "OIDC" in shown(app)
        await _open_finding(app, pilot, "ZT1-OIDC-001")
        assert "oauth/cluster" in shown(app)
        await pilot.press("escape", "H")
        await pilot.pause()
        health = shown(app)
        assert f"{app.frame.kinds} of {app.frame.kinds} kinds" in health
        await pilot.press("slash", *"absent", "enter")  # what is not served is no trouble, and comes last
        await pilot.pause()
        assert "not served" in shown(app)
        assert "api-absent(" in shown(app)


async def _open_finding(app: ZtuiApp, pilot: Pilot[int], check: str) -> None:
    """Go down the checklist to the first finding of a check, opening what is in the way, and open its evidence."""
    from widgets.lines import LineTable  # noqa: PLC0415  beside its one use

    table = app.screen.query_one("#checks", LineTable)
    for wanted in (f"check:{check}", f"finding:{check}"):
        await pilot.press("home")
        while not table.cursor_key.startswith(wanted):
            before = table.cursor_key
            await pilot.press("down")
            assert table.cursor_key != before, f"no line {wanted} in {[line.key for line in table.lines]}"
        await pilot.press("enter")
    await pilot.pause()

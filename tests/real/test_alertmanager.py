"""What fires at a real Alertmanager, and what silences it: read, silenced, found again, ended."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.changes.desks import agree, drained
from tests.servers.alertmanagers import AlertManagerServer
from tests.servers.kube import KubeServer
from ztui.changes.desk import Desk
from ztui.core import Core
from ztui.kinds.alert import FiringAlert
from ztui.kinds.base import Ref
from ztui.kinds.measured import AlertRouting
from ztui.kinds.told import AlertSilence
from ztui.recipes.base import kinds_used, recipes, ref_to
from ztui.settings import ContextSettings, Settings
from ztui.sources.alerts import NAME, ask
from ztui.sources.target import find_target
from ztui.store import Put

CARD = "R-SILENCE"


@asynccontextmanager
async def on(kube: KubeServer, alerts: AlertManagerServer, state: Path) -> AsyncIterator[tuple[Core, Desk]]:
    settings = Settings(kubeconfig=str(kube.kubeconfig("admin")))
    context = find_target(settings, {}).context
    settings = Settings(kubeconfig=settings.kubeconfig, contexts={context: ContextSettings(alertmanager_url=alerts.url)})
    core = Core(Settings(), lambda: find_target(settings, {}), also=kinds_used() | {FiringAlert}, state=state)
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    await drained()


async def heard(core: Core, place: str) -> set[str]:
    """What fires in a namespace and is not silenced, as we read it."""
    beside = core._beside
    assert beside is not None
    http = beside.http(NAME)
    assert http is not None
    events = await ask(http, FiringAlert)
    alerts = [item.obj for item in events if isinstance(item, Put) and isinstance(item.obj, FiringAlert)]
    return {item.labels_["alertname"] for item in alerts if item.labels_.get("namespace") == place}


def silence(alert: str, place: str) -> Ref:
    return ref_to(AlertSilence, alert, place)


async def test_an_alert_is_silenced_and_heard_again(kube: KubeServer, alertmanager: AlertManagerServer, tmp_path: Path) -> None:
    place = f"t-{secrets.token_hex(4)}"
    for alert, pod in (("Busy", "web-1"), ("Busy", "web-2"), ("Slow", "web-1")):
        alertmanager.fire(alertname=alert, namespace=place, pod=pod)
    alertmanager.fire(alertname="Busy", namespace=f"{place}-other")
    async with on(kube, alertmanager, tmp_path) as (core, desk):
        assert await heard(core, place) == {"Busy", "Slow"}
        shown = await desk.preview(recipes()[CARD], silence("Busy", place), {"hours": "2"})
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert await heard(core, place) == {"Busy", "Slow"}, "a preview sends nothing"
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        assert await heard(core, place) == {"Slow"}
        assert await heard(core, f"{place}-other") == {"Busy"}
        [kept] = [item for item in alertmanager.get("/api/v2/silences") if item["status"]["state"] == "active"]
        assert kept["comment"] == f"ztui {outcome.change}"
        again = await desk.preview(recipes()[CARD], silence("Busy", place), {"hours": "2"})
        assert again.refusals == ("there is one already",)
    async with on(kube, alertmanager, tmp_path) as (core, desk):  # another session, later
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        assert (await agree(desk, back)).state == "verified"
        assert await heard(core, place) == {"Busy", "Slow"}


async def test_a_silence_that_somebody_else_ended_is_not_ended_again(
    kube: KubeServer, alertmanager: AlertManagerServer, tmp_path: Path
) -> None:
    place = f"t-{secrets.token_hex(4)}"
    async with on(kube, alertmanager, tmp_path) as (_, desk):
        shown = await desk.preview(recipes()[CARD], silence("Busy", place), {"hours": "1"})
        outcome = await agree(desk, shown)
        [mine] = [item for item in alertmanager.get("/api/v2/silences") if item["comment"].endswith(outcome.change)]
        alertmanager.get(f"/api/v2/silence/{mine['id']}", method="DELETE")
        back = await desk.preview_undo(outcome.change)
        assert [stop.note.reason.code for stop in back.plan.stops] == ["gone-since"]


async def test_whom_a_real_one_tells_is_read(kube: KubeServer, alertmanager: AlertManagerServer, tmp_path: Path) -> None:
    async with on(kube, alertmanager, tmp_path) as (core, _):
        found = core.frame.state.objects[AlertRouting][""][NAME]
    assert isinstance(found, AlertRouting)
    assert (found.reached, found.idle, found.empty) == ((), (), ("nobody",))

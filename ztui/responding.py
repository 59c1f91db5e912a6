"""``ztui incident respond``: a pipeline of the cluster is started about an incident, previewed, agreed to and journalled."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from ztui.core import Core
from ztui.errors import SettingsError
from ztui.fixing import with_desk
from ztui.incidentverb import one
from ztui.kinds.base import Ref
from ztui.kinds.incident import Incident
from ztui.kinds.pipeline import Pipeline
from ztui.printing import out
from ztui.settings import Settings
from ztui.targets import target_finder
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.changes.desk import Desk
    from ztui.changes.preview import Preview
    from ztui.changes.protocol import Outcome


def respond(found: argparse.Namespace, settings: Settings) -> int:
    """Show the run, or start it. Raises ZtuiError where nothing could be done."""
    pipeline = pipeline_of(found.pipeline or settings.respond_pipeline or "")

    async def ask(core: Core, desk: Desk) -> Preview:
        from ztui.recipes.base import recipes  # noqa: PLC0415  only this verb needs them

        return await desk.preview(recipes()["R-RESPOND"], pipeline, told(one(core, found.id)))

    async def done(core: Core, outcome: Outcome) -> None:
        core.act(one(core, found.id).name, f"started {pipeline}: {outcome.state} (change {outcome.change})")
        await core.settled(1.0)

    with target_finder(found, settings) as (find, mine):
        text, status = asyncio.run(with_desk(found, mine, find, ask, done))
    out(text)
    return status


def pipeline_of(text: str) -> Ref:
    """The pipeline of ``NAMESPACE/NAME``. Raises SettingsError."""
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        why = f"{clean(text)!r} is no NAMESPACE/NAME" if text else "no pipeline is named"
        raise SettingsError("which pipeline?", why=why, next="--pipeline NAMESPACE/NAME, or respond_pipeline in the settings")
    return Ref(Pipeline.GROUP, Pipeline.KIND, namespace, name)


def told(item: Incident) -> dict[str, str]:
    """What a pipeline is told of an incident: its id and level, and the first thing that it is about."""
    about = item.things[0] if item.things else Ref("", "", "", "")
    return {
        "incident": item.name,
        "level": item.level,
        "kind": about.kind,
        "namespace": about.namespace,
        "name": about.name,
    }

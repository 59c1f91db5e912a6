"""Changes to choose from by a seed: of one write and of several, of labels, applies and whole objects, all to be taken back."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.changes.desks import drained
from tests.changes.test_protocol import person
from tests.demo.client import Client
from ztui.changes.desk import Desk
from ztui.changes.preview import Preview
from ztui.checks.base import catalogue
from ztui.clock import Clock
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.engines.cuts import CUTS
from ztui.kinds.base import Ref
from ztui.kinds.network import Service
from ztui.kinds.workload import Namespace, Pod
from ztui.recipes.base import recipes
from ztui.settings import Settings
from ztui.sources.target import find_target

NAMESPACES: Final = ("payments", "legacy", "ci")
PATHS: Final = (
    "/api/v1/namespaces",
    "/api/v1/limitranges",
    "/api/v1/resourcequotas",
    "/apis/networking.k8s.io/v1/networkpolicies",
)


class Chosen(NamedTuple):
    """A recipe, the namespace that it is for, and what it is told."""

    recipe: str
    name: str
    answers: dict[str, str]

    async def look(self, desk: Desk) -> Preview:
        """Its preview."""
        return await desk.preview(recipes()[self.recipe], Ref("", "Namespace", "", self.name), self.answers)


CHOSEN: Final = tuple(
    Chosen(recipe, name, answers)
    for name in NAMESPACES
    for recipe, answers in (
        ("R-PSA", {"level": "restricted"}),
        ("R-LABEL-OWNER", {"owner": "somebody"}),
        ("R-QUOTA", {}),
        ("R-NP-DENY", {"direction": "both"}),
        ("R-NP-ALLOW", {}),
    )
)


def choose(rng: random.Random) -> Chosen:
    """One of them."""
    return rng.choice(CHOSEN)


@asynccontextmanager
async def opened(kubeconfig: str, state: Path | None, clock: Clock | None = None) -> AsyncIterator[tuple[Core, Desk]]:
    """A core that follows what these changes need and nothing else: each run is short."""
    cards = [recipes()[name] for name in {item.recipe for item in CHOSEN}]
    checks = {name: catalogue()[name] for card in cards for name in card.checks}
    kinds = frozenset(kind for card in cards for kind in (*card.reads, *card.writes))
    settings = Settings(kubeconfig=kubeconfig)
    core = Core(
        Settings(),
        lambda: find_target(settings, {}),
        cards=checks,
        also=kinds.union(CUTS, {Namespace, Pod, Service}),
        state=state,
        clock=clock,
    )
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    await drained()


def held(admin: Client) -> list[list[dict[str, Any]]]:
    """What people set on everything that these changes touch."""
    return [sorted(map(person, admin.ask(path).body["items"]), key=repr) for path in PATHS]


def sent(demo: DemoThread) -> list[str]:
    """The writes that the server was asked for, and made."""
    kept = [item for item in demo.requests if item.method != "GET" and "reviews" not in item.path]
    return [f"{item.method} {item.path}" for item in kept if "dryRun" not in item.query and item.status in {200, 201, 499}]

"""Where a run gets its target from: the kubeconfig of the user, or the demo cluster started for this run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from ztui.settings import Settings

if TYPE_CHECKING:
    from ztui.sources.target import Target


class DemoOptions(Protocol):
    """What the command line says of the demo; all may be missing."""

    demo: bool
    scenario: str
    seed: int


@contextmanager
def target_finder(found: object, settings: Settings) -> Iterator[tuple[Callable[[], Target], Settings]]:
    """How to find the target, and the settings that go with it. The demo runs as long as the block does."""
    if not getattr(found, "demo", False):
        yield _finder(settings), settings
        return
    from ztui.demo.server import DemoThread  # noqa: PLC0415  only a demo pays for its server

    options = {name: getattr(found, name) for name in ("scenario", "seed") if hasattr(found, name)}
    with tempfile.TemporaryDirectory(prefix="ztui-demo-") as folder, DemoThread(**options) as demo:
        path = demo.write_kubeconfig(Path(folder) / "kubeconfig")
        mine = msgspec.structs.replace(settings, kubeconfig=str(path), context="demo")
        yield _finder(mine), mine


def _finder(settings: Settings) -> Callable[[], Target]:
    def find() -> Target:
        from ztui.sources.target import find_target  # noqa: PLC0415  the first paint must not pay for it

        return find_target(settings, os.environ)

    return find

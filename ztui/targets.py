"""Where a run gets its target from: the kubeconfig of the user, or the demo cluster started for this run."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ztui.settings import Settings

if TYPE_CHECKING:
    from ztui.sources.target import Target

Finder = Callable[[], "Target"]
DEMO_CONTEXT = "demo"


@contextmanager
def target_finder(found: object, settings: Settings) -> Iterator[tuple[Finder, Settings]]:
    """How to find the target, and the settings that go with it.

    ``found`` are parsed options: ``demo``, ``scenario``, ``seed``, all of which may be missing. The demo cluster starts when the
    target is first looked for, and runs as long as the block does.
    """
    if not getattr(found, "demo", False):
        yield finder(settings), settings
        return
    options = {name: getattr(found, name) for name in ("scenario", "seed") if hasattr(found, name)}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ztui-demo-"))
        path = Path(folder) / "kubeconfig"
        mine = msgspec.structs.replace(settings, kubeconfig=str(path), context=DEMO_CONTEXT)
        started = threading.Lock()

        def find() -> Target:
            with started:
                if not path.exists():
                    from ztui.demo.server import DemoThread  # noqa: PLC0415  only a demo pays for its server

                    stack.enter_context(DemoThread(**options)).write_kubeconfig(path)
            return finder(mine)()

        yield find, mine


def finder(settings: Settings) -> Finder:
    """Find the target that the settings name, each time anew."""

    def find() -> Target:
        from ztui.sources.target import find_target  # noqa: PLC0415  the first paint must not pay for it

        return find_target(settings, os.environ)

    return find

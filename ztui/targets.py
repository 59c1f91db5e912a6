"""Where a run gets its target from: the kubeconfig of the user, or the demo cluster started for this run."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ztui.settings import ContextSettings, Settings, VaultSettings, state_dir

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
        # The Vault's address must be known before the demo starts, so its socket is opened here.
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        vault = VaultSettings(
            f"https://127.0.0.1:{listening.getsockname()[1]}",
            ca_file=str(Path(folder) / "vault-ca.pem"),
            token_file=str(Path(folder) / "vault-token"),
        )
        mine = msgspec.structs.replace(
            settings, kubeconfig=str(path), context=DEMO_CONTEXT, vaults={DEMO_CONTEXT: vault}, contexts={}
        )
        started = threading.Lock()
        beside: list[str] = []

        def find() -> Target:
            with started:
                if not path.exists():
                    from ztui.demo.server import DemoThread  # noqa: PLC0415  only a demo pays for its server

                    running = stack.enter_context(DemoThread(**options, vault_socket=listening))
                    running.server.write_vault(path.parent)
                    running.write_kubeconfig(path)
                    beside.append(running.telemetry_url)
            told = ContextSettings(metrics_url=beside[0], alertmanager_url=beside[0], logs_url=beside[0])
            return finder(msgspec.structs.replace(mine, contexts={DEMO_CONTEXT: told}))()

        yield find, mine


def finder(settings: Settings) -> Finder:
    """Find the target that the settings name, each time anew."""

    def find() -> Target:
        from ztui.sources.target import find_target  # noqa: PLC0415  the first paint must not pay for it

        return find_target(settings, os.environ)

    return find


def records_folder(settings: Settings, environ: Mapping[str, str]) -> Path | None:
    """Where the records of clusters are kept; ``None`` for the demo, which leaves nothing behind."""
    return None if settings.context == DEMO_CONTEXT else state_dir(environ)

"""The two modules of the official client that we use, without the rest of it.

Its packages import every generated class when they are touched: 20 MB and a quarter of a second, for a configuration and a
session.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

_PACKAGES: Final = ("kubernetes", "kubernetes.aio", "kubernetes.aio.client", "kubernetes.aio.utils")
_LOCK: Final = threading.Lock()


class Client(NamedTuple):
    """``kubernetes.aio.client.configuration`` and ``.rest``."""

    configuration: ModuleType
    rest: ModuleType


def load() -> Client:
    """Import the two modules; to be called in a thread, since even they bring an HTTP client.

    Bare packages at the same paths stand in while they load and are taken away after, so whoever imports the client itself
    gets all of it.
    """
    with _LOCK:
        bare = [] if _PACKAGES[0] in sys.modules else _stand_in()
        try:
            return Client(*(importlib.import_module(f"kubernetes.aio.client.{name}") for name in ("configuration", "rest")))
        finally:
            for name in bare:
                del sys.modules[name]


def _stand_in() -> list[str]:
    root = find_spec(_PACKAGES[0])
    if root is None or root.origin is None:
        return []  # the import that follows says what is missing
    above = Path(root.origin).parent.parent
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(above.joinpath(*name.split(".")))]
        sys.modules[name] = package
    return list(_PACKAGES)

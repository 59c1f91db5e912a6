"""What all tests share: a clean environment, and no state of the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.build import cache

if TYPE_CHECKING:
    from tests.demo.client import Client
    from ztui.demo.server import DemoThread

# The framework reads its switches when it is imported, which is after this file.
for _name in [
    name for name in os.environ if name.startswith(("TEXTUAL_", "ZTUI_")) and not name.startswith(("ZTUI_TEST", "ZTUI_UPDATE"))
]:
    del os.environ[_name]
for _name in [name for name in os.environ if name.startswith(("VAULT_", "BAO_"))]:
    del os.environ[_name]
os.environ.pop("NO_COLOR", None)
os.environ["TEXTUAL_ANIMATIONS"] = "none"
# Named before a test's own folders hide it: the built servers are shared by all of them.
os.environ["ZTUI_TEST_CACHE"] = str(cache())


@pytest.fixture
def demo() -> Iterator[DemoThread]:
    """A demo cluster of the test's own, that only changes when it is changed."""
    from ztui.demo.server import DemoThread  # noqa: PLC0415  only for whoever wants one

    with DemoThread(churn=False) as running:
        yield running


@pytest.fixture
def admin(demo: DemoThread) -> Client:
    """Who may do everything there."""
    from tests.demo.client import Client  # noqa: PLC0415  the same

    return Client(demo.url, demo.ca_pem, demo.token("admin"))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the state of whoever runs it."""
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))

"""Only what we use of the official client is loaded, and loading it so takes nothing away from others."""

from __future__ import annotations

import subprocess
import sys

LIGHT = """
import sys
from ztui.sources import official
found = official.load()
assert found.rest.RESTClientObject and found.configuration.Configuration
assert official.load().rest is found.rest
sys.exit(f"loaded {len(classes)}" if (classes := [name for name in sys.modules if ".models." in name]) else 0)
"""

WHOLE_AFTER = """
from ztui.sources import official
found = official.load()
import kubernetes.aio.client
from kubernetes.aio import client
assert client.CoreV1Api and client.Configuration is found.configuration.Configuration
from kubernetes.aio.client import rest
assert rest is found.rest
"""

WHOLE_BEFORE = """
import kubernetes.aio.client
from ztui.sources import official
assert official.load().configuration.Configuration is kubernetes.aio.client.Configuration
"""


def run(program: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_no_generated_class_is_loaded() -> None:
    assert run(LIGHT) == (0, "")


def test_the_whole_client_can_be_imported_after() -> None:
    assert run(WHOLE_AFTER) == (0, "")


def test_a_client_that_is_there_already_is_used() -> None:
    assert run(WHOLE_BEFORE) == (0, "")

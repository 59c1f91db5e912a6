"""First paint before any client: looking for a target must not load one."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import ztui.settings, ztui.sources.target, ztui.sources.credentials, ztui.sources.http
loaded = {name.partition(".")[0] for name in sys.modules}
heavy = loaded & {"aiohttp", "kubernetes", "pydantic", "cryptography", "requests", "textual"}
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""


def test_no_client_is_loaded_before_the_first_request() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (0, "")

"""How long the evidence of a workload of twenty pods takes, from the command to the file: the shell's own program on the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import table
from tests.evidence.test_capture import demo, deployment
from ztui.demo.server import DemoThread

RUNS = 5
__all__ = ["demo"]  # the fixture


def test_a_bundle_of_twenty_pods(demo: DemoThread, home: dict[str, str], tmp_path: Path) -> None:
    demo.objects.put(deployment())
    config = demo.write_kubeconfig(tmp_path / "kubeconfig")
    figures: dict[str, list[float]] = {}
    for run in range(RUNS):
        before, began_s = os.times(), time.monotonic()
        file = tmp_path / f"bundle-{run}.tar.gz"
        asked = ("--kubeconfig", str(config), "bundle", "deployment/shop/many", "--output", str(file))
        subprocess.run([sys.executable, "-m", "ztui", *asked], env=home, check=True, capture_output=True, timeout=120)
        after = os.times()
        figures.setdefault("from the command to its end", []).append(time.monotonic() - began_s)
        figures.setdefault("CPU of the program", []).append(after.children_user - before.children_user)
        assert file.stat().st_size > 10_000
    table("evidence of twenty pods", figures, "s")

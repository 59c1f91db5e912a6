"""What `ztui check` costs on 10,000 pods and 3,500 other objects."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from tests.bench.figures import table
from tests.servers.kube import KubeServer

RUNS = 5
# The child says its own peak: the parent's counter keeps the largest of all runs, and the child's starts at the parent's.
PROGRAM = """
import sys
from ztui.cli import main
status = main(["check"])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
sys.stderr.write(f"peak {int(peak.split()[1]) / 1024:.1f}")
sys.exit(status)
"""


def test_check(busy: KubeServer, home: dict[str, str]) -> None:
    table("ztui check, 10,000 pods", measured(busy, home), "as named")


def test_check_of_a_small_cluster(small: KubeServer, home: dict[str, str]) -> None:
    table("ztui check, 1,000 pods", measured(small, home), "as named")


def measured(server: KubeServer, home: dict[str, str]) -> dict[str, list[float]]:
    """So many runs, each a process of its own."""
    found: dict[str, list[float]] = {"wall, s": [], "CPU, s": [], "peak RSS, MB": []}
    for _ in range(RUNS):
        before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        env = home | {"KUBECONFIG": str(server.kubeconfig())}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)
        wall_s, after = time.monotonic() - started_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "ZT1-AUTH-001" in done.stdout or "P1.AUTH" in done.stdout, done.stderr
        found["wall, s"].append(wall_s)
        found["CPU, s"].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        found["peak RSS, MB"].append(float(done.stderr.rpartition("peak ")[2]))
    return found

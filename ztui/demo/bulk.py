"""Many more pods, for large worlds: plain tenants of 50 pods each."""

from __future__ import annotations

from ztui.demo import workloads
from ztui.demo.reconcile import Controllers
from ztui.demo.telling import tell


def add(run: Controllers, pods: int) -> None:
    """Adds namespaces `team-0000` and up until that many pods exist beside the story's."""
    number = 0
    while pods > 0:
        name = f"team-{number:04d}"
        tell(run.store, workloads.namespace(name, {"labels": {"team": name}}))
        for app in ("api", "web", "worker", "cache", "jobs"):
            count = min(10, pods)
            pods -= count
            if count:
                ports = {"http": 8080}
                work = {"replicas": count, "image": f"{name}/{app}:1.{number % 40}.0", "ports": ports}
                for obj in workloads.of_namespace(name, {"workloads": {app: work}}):
                    tell(run.store, obj)
        run.settle()
        number += 1

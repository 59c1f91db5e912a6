"""Jobs of the demo cluster: those that CronJobs have run before, those that run once, those that only wait for their deadline."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.store import merge, stamp
from ztui.demo.telling import tell

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers


def cron_job(run: Controllers, cron: Obj) -> None:
    """A CronJob of the story has run before: one finished Job of it is kept. It knows when the last one went well."""
    ended = [at for job in run.children(cron, "jobs") if (at := (job.get("status") or {}).get("completionTime"))]
    if run.is_live and ended and max(ended) > (cron.get("status") or {}).get("lastSuccessfulTime", ""):
        run.update(cron, {"status": {"lastSuccessfulTime": max(ended)}})
    if not ended and not run.is_live and not run.children(cron, "jobs"):
        meta = cron["metadata"]
        labels = dict(cron["spec"]["jobTemplate"].get("metadata", {}).get("labels") or {})
        name = f"{meta['name']}-{29_300_000 + run.rng.randrange(9999)}"
        made = {"name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": [pods.owner_reference(cron)]}
        spec = {"parallelism": 1, "completions": 1, "backoffLimit": 6, **cron["spec"]["jobTemplate"]["spec"]}
        tell(run.store, {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": spec, "status": {}})


def run_job(run: Controllers, job: Obj) -> None:
    """A Job runs a pod once; one that is suspended, or asks for none, has no pod."""
    if job["spec"].get("suspend"):
        for pod in run.children(job, "pods"):
            if pod["status"]["phase"] not in {"Succeeded", "Failed"}:
                run.drop(pod)
        return
    if job["spec"].get("parallelism") == 0:
        _wait(run, job)
        return
    if not run.children(job, "pods"):
        template = merge(
            job["spec"]["template"],
            {
                "metadata": {
                    "labels": {"job-name": job["metadata"]["name"], "batch.kubernetes.io/job-name": job["metadata"]["name"]}
                }
            },
        )
        run.create_pod(
            job, merge(template, {"spec": {"restartPolicy": "Never"}}), f"{job['metadata']['name']}-{pods.suffix(run.rng)}"
        )
        return
    for pod in run.children(job, "pods"):
        if pod["status"]["phase"] == "Running":
            run.store.put(pods.finish(pod, run.store.now()))
            return
    now = stamp(run.store.now())
    if (job.get("status") or {}).get("succeeded"):
        return
    done = [{"type": "Complete", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}]
    run.update(job, {"status": {"succeeded": 1, "startTime": now, "completionTime": now, "conditions": done, "ready": 0}})


def _wait(run: Controllers, job: Obj) -> None:
    """A Job without pods: it fails at its deadline, and goes away with what it owns where it asks to be gone at once."""
    deadline = job["spec"].get("activeDeadlineSeconds")
    began = datetime.fromisoformat(str(job["metadata"]["creationTimestamp"]))
    if deadline is None or job["spec"].get("ttlSecondsAfterFinished") != 0:
        return
    left = (began + timedelta(seconds=deadline) - run.store.now()).total_seconds()

    def look() -> None:
        now = run.again(job)
        if now is not None and now["spec"].get("activeDeadlineSeconds") == deadline:  # else another look is due
            run.drop(now)

    run.later(look, max(left, 0.0))

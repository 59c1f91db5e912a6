"""What the operator of backups makes: Velero, the place that it writes to, and backups that are done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.operands.base import line, of, ready, spec_of, start
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_KEPT = timedelta(days=30)


def _application(run: Controllers, obj: Obj) -> None:
    """Velero, and a storage location for each that is told."""
    name, place = obj["metadata"]["name"], obj["metadata"]["namespace"]
    start(run, place, {"velero": line("adaptive.yaml", "openshift-adp", "velero")})
    for number, told in enumerate(spec_of(obj, "backupLocations", default=()), 1):
        meta = {"name": f"{name}-{number}", "namespace": place, "ownerReferences": [pods.owner_reference(obj)]}
        head = {"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": meta}
        done = {"phase": "Available", "lastSyncedTime": stamp(run.store.now()), "lastValidationTime": stamp(run.store.now())}
        run.bring({**head, "spec": told.get("velero") or {}, "status": done})
    ready(run, obj, None, "Reconciled")


def _schedule(run: Controllers, obj: Obj) -> None:
    """A schedule waits for its hour."""
    run.update(obj, {"status": {"phase": "Enabled"}})


def _backup(run: Controllers, obj: Obj) -> None:
    """A backup goes to the default place, where there is one."""
    now = run.store.now()
    places = [item for item in run.store.of("backupstoragelocations.velero.io") if spec_of(item, "default")]
    if not places and not spec_of(obj, "storageLocation"):
        errors = ["an existing backup storage location was not specified at backup creation time and the default was not found"]
        run.update(obj, {"status": {"phase": "FailedValidation", "validationErrors": errors}})
        return
    times = {"startTimestamp": stamp(now), "completionTimestamp": stamp(now), "expiration": stamp(now + _KEPT)}
    where = spec_of(obj, "storageLocation") or places[0]["metadata"]["name"]
    run.update(obj, {"spec": {"storageLocation": where}, "status": {"phase": "Completed", "version": 1, **times}})


def _restore(run: Controllers, obj: Obj) -> None:
    """A restore brings back what a backup has."""
    now = stamp(run.store.now())
    run.update(obj, {"status": {"phase": "Completed", "startTimestamp": now, "completionTimestamp": now}})


OPERANDS = {
    ("oadp.openshift.io", "dataprotectionapplications"): of("redhat-oadp-operator", _application),
    ("velero.io", "schedules"): of("redhat-oadp-operator", _schedule),
    ("velero.io", "backups"): of("redhat-oadp-operator", _backup),
    ("velero.io", "restores"): of("redhat-oadp-operator", _restore),
}

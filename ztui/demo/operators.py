"""Operators of the demo cluster: what the platform and its add-ons make of a changed setting, after a moment as real ones do.

Only changes of a live cluster are answered: what the story tells is told as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ztui.demo import workloads
from ztui.demo.answers import Obj
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_OPERATORS = ("kubeapiservers", "openshiftapiservers", "authentications")
_PROFILES = {"Old": "VersionTLS10", "Modern": "VersionTLS13"}
_DURATION = re.compile(r"(\d+)h")
_USUAL_HOURS = 2160
_RESCAN = "compliance.openshift.io/rescan"


def condition(run: Controllers, obj: Obj, kind: str, status: str, reason: str, message: str = "") -> list[Obj]:
    """The conditions of an object with one of them set; its time moves where its status does."""
    held = [dict(item) for item in (obj.get("status") or {}).get("conditions") or ()]
    old = next((item for item in held if item["type"] == kind), None)
    now = stamp(run.store.now())
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else now
    made = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
    return [*(item for item in held if item["type"] != kind), made]


def oauth(run: Controllers, obj: Obj) -> None:
    """The login server restarts."""
    if run.moved(obj):
        _roll(run, ["authentication"])


def api_server(run: Controllers, obj: Obj) -> None:
    """The API servers restart, and write everything anew where the encryption is another."""
    if not run.moved(obj):
        return
    kind = (obj["spec"].get("encryption") or {}).get("type") or "identity"
    wanted = ("False", "EncryptionDisabled") if kind == "identity" else ("True", "EncryptionCompleted")
    told = next((item for item in _encrypted(run)), None)
    if told is not None and told["reason"] != wanted[1]:
        _say_encrypted(run, "False", "EncryptionInProgress")
    _roll(run, ["kube-apiserver", "openshift-apiserver", "authentication"], lambda: _say_encrypted(run, *wanted))


def ingress_controller(run: Controllers, obj: Obj) -> None:
    """The routers are replaced by ones with the new settings."""
    if not run.moved(obj):
        return
    profile = obj["spec"].get("tlsSecurityProfile") or {}
    custom = (profile.get("custom") or {}).get("minTLSVersion")
    version = custom or _PROFILES.get(profile.get("type", ""), "VersionTLS12")
    _roll(run, ["ingress"], lambda: run.renew(obj, {"status": {"tlsProfile": {"minTLSVersion": version}}}))


def cluster_operator(run: Controllers, obj: Obj) -> None:
    """The whole cluster can go on to the next minor release as soon as every part of it can."""
    if not run.is_live:
        return
    held = [(item["metadata"]["name"], found) for item in parts(run) if (found := held_up(item)) is not None]
    for version in run.store.of("clusterversions.config.openshift.io"):
        if (held_up(version) is not None) is bool(held):
            continue
        if held:
            why = f"Cluster operator {held[0][0]} should not be upgraded between minor versions: {held[0][1]['message']}"
            told = condition(run, version, "Upgradeable", "False", held[0][1]["reason"], why)
        else:
            told = [item for item in version["status"]["conditions"] if item["type"] != "Upgradeable"]
        run.update(version, {"status": {"conditions": told}})


def parts(run: Controllers) -> list[Obj]:
    """The cluster operators."""
    return run.store.of("clusteroperators.config.openshift.io")


def held_up(obj: Obj) -> Obj | None:
    """The condition by which something holds up the next minor release."""
    told = (obj.get("status") or {}).get("conditions") or ()
    return next((dict(item) for item in told if (item["type"], item["status"]) == ("Upgradeable", "False")), None)


def remediation(run: Controllers, obj: Obj) -> None:
    """What a remediation makes is made, or taken away."""
    if run.moved(obj):
        state = "Applied" if obj["spec"].get("apply") else "NotApplied"
        run.later(lambda: run.renew(obj, {"status": {"applicationState": state}}))


def scan(run: Controllers, obj: Obj) -> None:
    """A scan that is asked to run again takes the request away, and runs."""
    if not run.is_live or _RESCAN not in (obj["metadata"].get("annotations") or {}):
        return
    run.update(obj, {"metadata": {"annotations": {_RESCAN: None}}, "status": {"phase": "RUNNING", "result": "NOT-AVAILABLE"}})
    result = obj["status"].get("result", "COMPLIANT")
    run.later(lambda: run.renew(obj, {"status": {"phase": "DONE", "result": result, "endTimestamp": stamp(run.store.now())}}))


def certificate(run: Controllers, obj: Obj) -> None:
    """A certificate that is being issued is issued."""
    told = (obj.get("status") or {}).get("conditions") or ()
    if run.is_live and any(item["type"] == "Issuing" and item["status"] == "True" for item in told):
        run.later(lambda: _issued(run, obj))


def _issued(run: Controllers, obj: Obj) -> None:
    found = run.again(obj)
    if found is None or not any(item["type"] == "Issuing" for item in found["status"].get("conditions") or ()):
        return
    now = run.store.now()
    hours = _DURATION.match(found["spec"].get("duration") or "")
    lasts = timedelta(hours=int(hours[1]) if hours else _USUAL_HOURS)
    held = condition(run, found, "Ready", "True", "Ready", "Certificate is up to date and has not expired")
    status = {
        "notBefore": stamp(now),
        "notAfter": stamp(now + lasts),
        "renewalTime": stamp(now + lasts * 2 / 3),
        "revision": int(found["status"].get("revision") or 0) + 1,
        "conditions": [item for item in held if item["type"] != "Issuing"],
    }
    run.update(found, {"status": status})
    meta = found["metadata"]
    about = {"type": "kubernetes.io/tls", "keys": ["tls.crt", "tls.key", "ca.crt"]}
    notes = {"annotations": {"cert-manager.io/certificate-name": meta["name"]}}
    run.bring(workloads.secret(meta["namespace"], found["spec"]["secretName"], {**about, **notes}))


def balancer(run: Controllers, obj: Obj) -> None:
    """A cloud takes the address back of what is no load balancer any more, and gives one to what becomes one."""
    given = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    wants = obj["spec"].get("type") == "LoadBalancer"
    if not run.is_live or wants is bool(given):
        return
    meta = obj["metadata"]
    address = [{"hostname": f"{meta['name']}-{run.store.new_uid()[:8]}.elb.demo.example"}] if wants else None
    run.update(obj, {"status": {"loadBalancer": {"ingress": address}}})


def _roll(run: Controllers, names: Sequence[str], then: Callable[[], None] | None = None) -> None:
    """Cluster operators are busy for a moment."""
    _progress(run, names, "True", "RollingOut")

    def ended() -> None:
        if then is not None:
            then()
        _progress(run, names, "False", "AsExpected")

    run.later(ended)


def _progress(run: Controllers, names: Sequence[str], status: str, reason: str) -> None:
    for obj in parts(run):
        if obj["metadata"]["name"] in names:
            run.update(obj, {"status": {"conditions": condition(run, obj, "Progressing", status, reason)}})


def _encrypted(run: Controllers) -> list[Obj]:
    held = [obj for plural in _OPERATORS for obj in run.store.of(f"{plural}.operator.openshift.io")]
    told = [item for obj in held for item in (obj.get("status") or {}).get("conditions") or ()]
    return [item for item in told if item["type"] == "Encrypted"]


def _say_encrypted(run: Controllers, status: str, reason: str) -> None:
    for plural in _OPERATORS:
        for obj in run.store.of(f"{plural}.operator.openshift.io"):
            run.update(obj, {"status": {"conditions": condition(run, obj, "Encrypted", status, reason)}})

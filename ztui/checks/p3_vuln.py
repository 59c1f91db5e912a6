"""Row P3.VULN: what runs was scanned, is scanned again, and has no old weakness that somebody already mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ztui.checks.base import (
    Bands,
    Evidence,
    Finding,
    Reason,
    Status,
    check,
    cluster_ref,
    fail,
    na,
    ok,
    reason,
    seen,
    unknown,
    warn,
)
from ztui.engines.acs import ACS_WHERE_SERVED, acs
from ztui.engines.scans import (
    EXPOSURE,
    EXPOSURE_WHERE_SERVED,
    SCANS_WHERE_SERVED,
    Image,
    exposed_pods,
    images,
)
from ztui.engines.tenancy import user_namespaces
from ztui.kinds.base import Kind, instant
from ztui.kinds.node import ComplianceCheckResult
from ztui.kinds.platform import ClusterVersion
from ztui.kinds.scan import ComplianceScan, Report, ScanSetting, ScanSettingBinding, Vulnerability, VulnerabilityReport
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

SCANNED = reason("scanned", "runs in {pods}, and was scanned by {scanner}")
BY_TAG = reason(
    "scanned-by-tag",
    "an image of this name and tag was scanned, of another digest than the one that runs in {pods}",
    next="Pin the image by digest, or scan it again",
)
NOT_SCANNED = reason(
    "not-scanned", "runs in {pods}, and no report is about it", next="Let the scanner watch this namespace and registry"
)
NO_SCANNER = reason(
    "no-scanner", "runs in {pods}, and no scanner is installed", next="Install an image scanner: the guide shows three"
)
IN_ACS = reason("in-acs", "runs in {pods}; ACS may have scanned it, and is not asked", next="Connect ACS once this release can")
NOTHING_RUNS = reason("no-images", "no user workload runs here")
NO_BACKLOG = reason("no-backlog", "{total} scanned images carry no weakness that could be mended and should have been")
OLD_EXPOSED = reason(
    "old-critical-exposed",
    "can be reached from outside and carries {ids}, critical, mended elsewhere, known and running for {days} days",
    next="Rebuild the image on the mended packages and roll it out",
)
OLD_CRITICAL = reason(
    "old-critical",
    "carries {ids}, critical, mended elsewhere, known and running for {days} days",
    next="Rebuild the image on the mended packages and roll it out",
)
FRESH_CRITICAL = reason(
    "critical-in-time",
    "carries {ids}, critical, mended elsewhere; not shown to be known and running for more than {limit} days",
    next="Rebuild the image before the time is up",
)
OLD_HIGH = reason(
    "old-high",
    "carries {ids}, high, mended elsewhere, known and running for {days} days",
    next="Rebuild the image on the mended packages",
)
TOO_FEW = reason(
    "too-few-scanned",
    "{count} of {total} images have a report: what the others carry is not known",
    next="Scan what runs first",
)
FEW_IN_ACS = reason(
    "rest-in-acs",
    "{count} of {total} images have a report here; ACS may know the others",
    next="Connect ACS once this release can",
)
FRESH = reason("refreshed", "{count} of {total} reports on running images are of the last {days} days")
AGING = reason(
    "aging", "{count} of {total} reports on running images are of the last 7 days", next="Let the scanner scan again each day"
)
STALE = reason(
    "stale-reports",
    "{old} of {total} reports on running images are older than 30 days, such as {image}",
    next="Find out why the scanner stopped",
)
NO_REPORTS = reason(
    "no-reports", "images run and no report is about any of them", next="Install an image scanner: the guide shows three"
)

SCANS_KEPT = reason("platform-scanned", "platform and nodes are scanned by a schedule, and nothing of weight was left open")
NO_COMPLIANCE = reason(
    "no-compliance", "nothing scans the platform and its nodes", next="Install the compliance operator: the guide shows how"
)
NO_SCHEDULE = reason(
    "no-schedule", "no scan of the platform comes by itself", next="Bind profiles to a ScanSetting with a schedule"
)
NOT_BOTH = reason(
    "scan-half", "no profile for the {what} is bound", next="Bind the profile as well: its name ends in -node for nodes"
)
OLD_SCAN = reason("scan-old", "the last scan ended {when}", next="Look at the pods of the compliance operator")
OPEN_HIGH = reason(
    "high-open", "rules of high severity that fail: {count}, one of them known for {days} days", next="Read {rule} and mend it"
)
OPEN_MEDIUM = reason("medium-open", "rules of medium severity that fail: {count}", next="Read {rule} and mend it")
UNVERIFIED = reason(
    "release-unverified",
    "the release {version} was installed without a look at its signature",
    next="Find out who forced it, and update to a verified release",
    stands=True,
)
BEHIND = reason(
    "release-behind", "{version} was installed {days} days ago, and newer releases are offered", next="Update the cluster"
)

_DAY: Final = timedelta(days=1)
CRITICAL_DAYS: Final = 14
HIGH_DAYS: Final = 30
ENOUGH: Final = 0.95
"""Below this share of scanned images, those without a report could turn a verdict."""
TOLERATED: Final = 0.05
"""The share of images with old critical weaknesses that are reachable from inside only."""
_SEVERITY: Final = "compliance.openshift.io/check-severity"
_WORST: Final = frozenset({"CRITICAL", "DEFCON1"})


class Backlog(msgspec.Struct, frozen=True):
    """What the images of one namespace carry: findings on those that carry something, and how many were looked at."""

    exposed: tuple[Finding, ...] = ()
    old: tuple[Finding, ...] = ()
    mild: tuple[Finding, ...] = ()
    scanned: int = 0
    total: int = 0


@check(
    "ZT3-VULN-001",
    "Running images are scanned",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(Pod,),
    where_served=(*SCANS_WHERE_SERVED, *ACS_WHERE_SERVED),
    beyond=ACS_WHERE_SERVED,
    ratio=Bands(0.95, 0.80, any_fail=False),
    maps=("CISA Apps", "800-53 RA-5", "800-53 SI-2"),
)
def scanned(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each image that runs was looked at by a scanner.

    Why: what was never scanned is unknown, and an intruder scans it too.
    How: an old library in an image that nobody looked at is a door that nobody locked.
    Rule: of the images that run in user namespaces, by digest: pass from 95 % scanned, warn from 80 %, fail below, and without a
    scanner. A report on another digest of the same name and tag does not count as scanned. Where ACS is installed, what it
    alone may have scanned is unknown.
    Traps: a runtime may report the digest of the list of manifests or of one platform: both count; init, sidecar and ephemeral
    containers run too; a pod that has not pulled its images has none yet.
    Source: v1 Pod, status.containerStatuses[].imageID, status.initContainerStatuses[].imageID,
    status.ephemeralContainerStatuses[].imageID, spec.containers[].image; aquasecurity.github.io/v1alpha1 VulnerabilityReport,
    report.artifact.digest, report.artifact.tag; secscan.quay.redhat.com/v1alpha1 ImageManifestVuln, spec.manifest.
    Verify: kubectl get vulnerabilityreports,imagemanifestvulns -A
    """
    central = acs(view)
    scanner = central is not None or not all(view.absent(kind) for kind in SCANS_WHERE_SERVED)
    for image in view.derive(images, namespace.name):
        words = {"image": image.name, "pods": _pods(image)}
        facts: list[Kind | Evidence] = [seen(pod, "status.containerStatuses[].imageID", image.name) for pod in image.pods]
        if image.report is not None and not image.by_tag:
            facts.append(seen(image.report, _digest_path(image.report), image.report.digest))
            yield ok(image.ref, SCANNED, seen=facts, scanner=_scanner(image.report), **words)
        elif central is not None:
            yield unknown(image.ref, IN_ACS, Why.NOT_CONNECTED, "acs", seen=[*facts, central], **words)
        elif image.report is not None:
            yield warn(image.ref, BY_TAG, seen=[*facts, image.report], **words)
        else:
            yield fail(image.ref, NOT_SCANNED if scanner else NO_SCANNER, seen=facts, **words)


@check(
    "ZT3-VULN-002",
    "No exploitable backlog",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Namespace, Pod, *EXPOSURE),
    where_served=(*SCANS_WHERE_SERVED, *EXPOSURE_WHERE_SERVED, *ACS_WHERE_SERVED),
    maps=("800-53 RA-5", "800-53 SI-2"),
)
def no_backlog(view: View) -> Iterator[Finding]:
    """Nothing runs on with a critical weakness that was mended elsewhere.

    Why: a weakness with a fix has a public exploit sooner than later; old and mendable is neglect.
    How: whoever reads the advisory knows how to get in, and the image is still the old one.
    Rule: a critical weakness with a fix, public and running for more than 14 days, fails if the image can be reached from
    outside, or if more than 5 % of the scanned images carry one; otherwise it warns, as does a high one after 30 days and a
    critical one before its time. Unknown while fewer than 95 % of the images have a report.
    Traps: scanners do not tell when they saw a weakness first; here it counts from the day it was published or the oldest pod
    began, whichever is later. A container security operator tells no day: its critical findings warn.
    Source: aquasecurity.github.io/v1alpha1 VulnerabilityReport, report.vulnerabilities[].severity,
    report.vulnerabilities[].fixedVersion, report.vulnerabilities[].publishedDate, report.vulnerabilities[].vulnerabilityID;
    secscan.quay.redhat.com/v1alpha1 ImageManifestVuln, spec.features[].vulnerabilities[].severity,
    spec.features[].vulnerabilities[].fixedby; v1 Pod, metadata.creationTimestamp.
    Verify: kubectl get vulnerabilityreports -A --sort-by=.report.summary.criticalCount -o wide
    """
    found = [view.derive(backlog, name) for name in view.derive(user_namespaces)]
    total, known = sum(item.total for item in found), sum(item.scanned for item in found)
    if not total:
        yield na(cluster_ref(), NOTHING_RUNS)
        return
    old = [finding for item in found for finding in item.old]
    exposed = [finding for item in found for finding in item.exposed]
    many = known > 0 and (len(old) + len(exposed)) / known > TOLERATED
    yield from exposed
    yield from (_worse(finding) for finding in old) if many else old
    yield from (finding for item in found for finding in item.mild)
    if known / total < ENOUGH:
        central = acs(view)
        if central is not None:
            yield unknown(central, FEW_IN_ACS, Why.NOT_CONNECTED, "acs", seen=[central], count=known, total=total)
        else:
            yield unknown(cluster_ref(), TOO_FEW, Why.PARTIAL, f"{known}/{total}", count=known, total=total)
    elif not old and not exposed and not any(item.mild for item in found):
        yield ok(cluster_ref(), NO_BACKLOG, total=known)


@check(
    "ZT3-VULN-003",
    "Scanning is continuous",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Namespace, Pod),
    where_served=(*SCANS_WHERE_SERVED, *ACS_WHERE_SERVED),
    maps=("800-53 RA-5(2)", "800-53 CA-7"),
)
def continuous(view: View) -> Iterator[Finding]:
    """Reports on what runs are renewed.

    Why: most weaknesses are found after the image was deployed.
    How: a report of last year knows nothing of this year's holes.
    Rule: of the reports on running images, pass if nine of ten are of the last 7 days, warn if of the last 30, fail otherwise,
    and if there is none.
    Traps: operators make their report objects anew, so an object's age is not the age of its scan; a report on an image that no
    longer runs proves nothing.
    Source: aquasecurity.github.io/v1alpha1 VulnerabilityReport, report.updateTimestamp; secscan.quay.redhat.com/v1alpha1
    ImageManifestVuln, status.lastUpdate; v1 Pod, status.containerStatuses[].imageID.
    Verify: kubectl get vulnerabilityreports -A -o custom-columns=NAME:.metadata.name,AT:.report.updateTimestamp
    """
    running = [told for name in view.derive(user_namespaces) for told in view.derive(_reported, name)]
    if not running:
        yield na(cluster_ref(), NOTHING_RUNS)
        return
    pairs = sorted(
        ((_age(view, report), name, report) for name, report in running if report), key=lambda told: -told[0].total_seconds()
    )
    central = acs(view)
    if not pairs:
        if central is not None:
            yield unknown(central, FEW_IN_ACS, Why.NOT_CONNECTED, "acs", seen=[central], count=0, total=len(running))
        else:
            yield fail(cluster_ref(), NO_REPORTS)
        return
    facts = [seen(report, _time_path(report), report.updated) for _, _, report in pairs]
    week, month = (sum(age <= days * _DAY for age, _, _ in pairs) for days in (7, 30))
    words = {"count": week, "total": len(pairs), "days": 7}
    if week >= 0.9 * len(pairs):
        yield ok(cluster_ref(), FRESH, seen=facts, **words)
    elif month >= 0.9 * len(pairs):
        yield warn(cluster_ref(), AGING, seen=facts, **words)
    else:
        yield fail(cluster_ref(), STALE, seen=facts, old=len(pairs) - month, total=len(pairs), image=pairs[0][1])


def _reported(view: View, namespace: str) -> tuple[tuple[str, Report | None], ...]:
    """The images of a namespace with their reports: the same for as long as other pods run the same images."""
    return tuple((item.name, item.report) for item in view.derive(images, namespace))


@check(
    "ZT3-VULN-004",
    "Platform and nodes are scanned and patched",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(),
    where_served=(ScanSetting, ScanSettingBinding, ComplianceScan, ComplianceCheckResult, ClusterVersion),
    variants=("ocp",),
    recipes=("R-COMP-APPLY", "R-COMP-RESCAN"),
    maps=("800-53 RA-5", "800-53 CM-6", "800-53 SI-2"),
)
def platform_scanned(view: View) -> Iterator[Finding]:
    """The platform and its nodes are looked at by a schedule, what fails is mended, and releases are followed.

    Why: the node is part of what runs.
    How: a setting that a benchmark forbids, or an old kernel, is how a container becomes its node.
    Rule: pass if profiles of platform and nodes are scanned by a schedule, within 7 days, no rule of high severity fails for
    more than 30 days, and the release is verified and at most 60 days behind; warn for less, and where nothing scans; fail
    without a schedule, for a high one of more than 90 days, and for a release that was not verified.
    Traps: a result keeps no history: its object's age stands for the time that its rule has been known; a setting that is
    suspended schedules nothing.
    Source: compliance.openshift.io/v1alpha1 ScanSettingBinding, settingsRef; compliance.openshift.io/v1alpha1 ScanSetting,
    schedule, suspend; compliance.openshift.io/v1alpha1 ComplianceScan, spec.scanType, status.phase, status.endTimestamp;
    compliance.openshift.io/v1alpha1 ComplianceCheckResult, status, metadata.labels; config.openshift.io/v1 ClusterVersion,
    status.history[].verified, status.history[].completionTime, status.availableUpdates.
    Verify: oc get scansettingbindings,compliancescans -A; oc get clusterversion
    """
    found = [*_scans(view), *_release(view)]
    yield from found or [ok(cluster_ref(), SCANS_KEPT)]


def _scans(view: View) -> Iterator[Finding]:
    """What is wrong with the scans of the platform."""
    bindings = sorted(view.all(ScanSettingBinding), key=lambda item: (item.namespace, item.name))
    if not bindings:
        yield warn(cluster_ref(), NO_COMPLIANCE)
        return
    settings = {(item.namespace, item.name): item for item in view.all(ScanSetting)}
    used = [settings.get((item.namespace, item.settings_ref.name if item.settings_ref else "default")) for item in bindings]
    if not any(item is not None and item.schedule and not item.suspend for item in used):
        yield fail(bindings[0], NO_SCHEDULE, seen=[seen(bindings[0], "settingsRef"), *(item for item in used if item)])
    scans = sorted(view.all(ComplianceScan), key=lambda item: (item.namespace, item.name))
    for what in ("Platform", "Node"):
        if not any(scan.spec.scan_type == what for scan in scans):
            yield warn(
                bindings[0],
                NOT_BOTH,
                seen=[seen(item, "spec.scanType", item.spec.scan_type) for item in scans],
                what=what.lower(),
            )
    ends = [(instant(scan.status.end_timestamp), scan) for scan in scans if scan.status.phase == "DONE"]
    fresh = [at for at, _ in ends if at is not None and view.now - at <= 7 * _DAY]
    if not fresh:
        latest = max((scan.status.end_timestamp for _, scan in ends), default="")
        yield warn(bindings[0], OLD_SCAN, seen=scans, when=latest or "never")
    yield from _failing(view)


def _failing(view: View) -> Iterator[Finding]:
    """The rules that fail, by severity."""
    results = [item for item in view.all(ComplianceCheckResult) if item.status == "FAIL"]
    results.sort(key=lambda item: (item.metadata.creation_timestamp or "", item.name))
    high = [item for item in results if item.labels.get(_SEVERITY) == "high"]
    medium = [item for item in results if item.labels.get(_SEVERITY) == "medium"]
    if high:
        made = high[0].created
        days = (view.now - made).days if made else 0
        facts = [seen(item, "status", "FAIL") for item in high]
        if days > HIGH_DAYS:
            make = fail if days > 3 * HIGH_DAYS else warn
            yield make(high[0], OPEN_HIGH, seen=facts, count=len(high), days=days, rule=high[0].name)
    if medium:
        facts = [seen(item, "status", "FAIL") for item in medium]
        yield warn(medium[0], OPEN_MEDIUM, seen=facts, count=len(medium), rule=medium[0].name)


def _release(view: View) -> Iterator[Finding]:
    """What is wrong with the release."""
    for item in view.all(ClusterVersion):
        now = next(iter(item.status.history or ()), None)
        if now is None:
            continue
        if not now.verified and now.state == "Completed":
            yield fail(item, UNVERIFIED, seen=[seen(item, "status.history[0].verified", "false")], version=now.version)
        at = instant(now.completion_time)
        if item.status.available_updates and at is not None and view.now - at > 60 * _DAY:
            fact = seen(item, "status.history[0].completionTime", now.completion_time or "")
            yield warn(item, BEHIND, seen=[fact], version=now.version, days=(view.now - at).days)


def backlog(view: View, namespace: str) -> Backlog:
    """What the scanned images of one namespace carry."""
    running = view.derive(images, namespace)
    outside = exposed_pods(view, namespace) if running else frozenset()
    exposed, old, mild, known = [], [], [], 0
    for image in running:
        if image.report is None or image.by_tag:
            continue
        known += 1
        critical, high = _of(image.report, critical=True), _of(image.report, critical=False)
        late = [item for item in critical if _days(view, image, item) > CRITICAL_DAYS]
        late_high = [item for item in high if _days(view, image, item) > HIGH_DAYS]
        if late and any(pod.name in outside for pod in image.pods):
            exposed.append(_carries(view, image, OLD_EXPOSED, late, failing=True))
        elif late:
            old.append(_carries(view, image, OLD_CRITICAL, late))
        elif critical:
            mild.append(_carries(view, image, FRESH_CRITICAL, critical))
        elif late_high:
            mild.append(_carries(view, image, OLD_HIGH, late_high))
    return Backlog(tuple(exposed), tuple(old), tuple(mild), known, len(running))


def _carries(view: View, image: Image, because: Reason, what: list[Vulnerability], *, failing: bool = False) -> Finding:
    assert image.report is not None  # noqa: S101  callers have looked
    names = sorted(item.id for item in what)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    facts: list[Kind | Evidence] = [
        seen(image.report, _severity_path(image.report), f"{item.id} {item.severity}") for item in what
    ]
    facts += image.pods
    days = max(_days(view, image, item) for item in what)
    make = fail if failing else warn
    return make(image.ref, because, seen=facts, image=image.name, ids=", ".join(names[:3]) + more, days=days, limit=CRITICAL_DAYS)


def _worse(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, status=Status.FAIL)


def _of(report: Report, *, critical: bool) -> list[Vulnerability]:
    return [item for item in report.severe if (item.severity.upper() in _WORST) is critical]


def _days(view: View, image: Image, what: Vulnerability) -> int:
    """For how many days a weakness has been both public and running at least; 0 where that is not told."""
    times: tuple[datetime | None, datetime | None] = (instant(what.published), image.since)
    known = [item for item in times if item]
    return (view.now - max(known)).days if len(known) == len(times) else 0


def _age(view: View, report: Report) -> timedelta:
    """How old a scan is; one without a time is as old as can be."""
    at = instant(report.updated)
    return view.now - at if at else timedelta.max


def _pods(image: Image) -> str:
    names = [pod.name for pod in image.pods]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _scanner(report: Report) -> str:
    return "Trivy" if isinstance(report, VulnerabilityReport) else "the container security operator"


def _digest_path(report: Report) -> str:
    return "report.artifact.digest" if isinstance(report, VulnerabilityReport) else "spec.manifest"


def _time_path(report: Report) -> str:
    return "report.updateTimestamp" if isinstance(report, VulnerabilityReport) else "status.lastUpdate"


def _severity_path(report: Report) -> str:
    where = "report" if isinstance(report, VulnerabilityReport) else "spec.features[]"
    return f"{where}.vulnerabilities[].severity"

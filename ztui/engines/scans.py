"""Which images run, which of them were scanned, and what was found: joined by digest.

A pod names an image twice: as it asked for it (maybe by the digest of a list of manifests) and as its node reports it (maybe by
the digest of one platform). Both are compared. Source: v1 Pod status.*ContainerStatuses[].imageID, spec containers' image.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, entry_points
from ztui.kinds.base import Kind, Ref
from ztui.kinds.network import Service
from ztui.kinds.scan import ImageManifestVuln, Report, VulnerabilityReport
from ztui.kinds.workload import Pod
from ztui.view import View

SCANS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (VulnerabilityReport, ImageManifestVuln)
"""What ``images`` reads besides pods."""

EXPOSURE: Final[tuple[type[Kind], ...]] = (*ENTRIES, Service)
EXPOSURE_WHERE_SERVED: Final[tuple[type[Kind], ...]] = ENTRIES_WHERE_SERVED
"""What ``exposed_pods`` reads besides pods."""


class Image(msgspec.Struct, frozen=True):
    """An image that runs in a namespace.

    ``name`` is ``repo@sha256:…``; ``since`` is when the oldest of its live pods was made; ``by_tag`` marks a report that was
    found by name and tag alone.
    """

    name: str
    namespace: str
    pods: tuple[Pod, ...]
    since: datetime | None
    report: Report | None = None
    by_tag: bool = False

    @property
    def ref(self) -> Ref:
        """The image as the subject of a finding."""
        return Ref("", "Image", self.namespace, self.name)


def images(view: View, namespace: str) -> tuple[Image, ...]:
    """The images that run in a namespace, by name; each container of a live pod counts, init and ephemeral ones too."""
    running: dict[str, list[Pod]] = {}
    asked: dict[str, set[str]] = {}
    for pod in view.within(Pod, namespace):
        if pod.is_live and not pod.is_mirror:
            for wanted, image_id in started(pod):
                if name := normalised(image_id, wanted):
                    running.setdefault(name, []).append(pod)
                    asked.setdefault(name, set()).add(wanted)
    by_digest, by_tag = _reports(view, namespace)
    found = []
    for name in sorted(running):
        digests = (digest_of(name), *(digest_of(item) for item in sorted(asked[name])))
        exact = next((by_digest[item] for item in digests if item in by_digest), None)
        loose = next((by_tag[item] for item in sorted(asked[name]) if item in by_tag), None)
        pods = {pod.name: pod for pod in running[name]}
        since = min((item for pod in pods.values() if (item := pod.created)), default=None)
        found.append(
            Image(name, namespace, tuple(pods.values()), since, exact or loose, by_tag=exact is None and loose is not None)
        )
    return tuple(found)


def normalised(image_id: str, wanted: str = "") -> str:
    """``repo@sha256:…`` from what a runtime reports; empty where it reports no digest of a manifest."""
    name = image_id.rpartition("://")[2]
    if "@" in name:
        return name
    if name.startswith("sha256:") and wanted:
        return f"{_repository(wanted)}@{name}"
    return ""


def digest_of(reference: str) -> str:
    """``sha256:…``, empty where a reference has none."""
    return reference.rpartition("@")[2] if "@" in reference else ""


def exposed_pods(view: View, namespace: str) -> frozenset[str]:
    """The names of pods that can be called from outside: through an admitted entry, or a Service with a door of its own."""
    selectors = [selector for selector, _ in view.derive(ways_in, namespace)]
    return frozenset(
        pod.name for pod in view.within(Pod, namespace) if any(selector.items() <= pod.labels.items() for selector in selectors)
    )


def ways_in(view: View, namespace: str) -> tuple[tuple[dict[str, str], tuple[Ref, ...]], ...]:
    """The labels of pods that can be called from outside, each with what opens the way: its first entry, and the Service."""
    behind: dict[str, tuple[Ref, ...]] = {}
    for entry in view.derive(entry_points, namespace):
        if entry.admitted:
            for name in entry.services:
                behind.setdefault(name, (entry.ref, *entry.parents))
    found = []
    for service in sorted(view.within(Service, namespace), key=lambda item: item.name):
        if service.spec.selector and service.name in behind:
            found.append((service.spec.selector, (*behind[service.name], service.ref)))
        elif service.spec.selector and service.spec.type in {"NodePort", "LoadBalancer"}:
            found.append((service.spec.selector, (service.ref,)))
    return tuple(found)


def started(pod: Pod, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """(image as asked for, image as reported) of each container that has started, ``but`` for those of these names."""
    asked = {item.name: item.image for item in pod.containers}
    status = pod.status
    groups = (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses)
    for item in (item for group in groups for item in group or ()):
        if item.image_id and item.name not in but:
            yield asked.get(item.name, ""), item.image_id


def _reports(view: View, namespace: str) -> tuple[dict[str, Report], dict[str, Report]]:
    """The newest report by digest and by tagged name."""
    reports: list[Report] = [*view.within(VulnerabilityReport, namespace), *view.within(ImageManifestVuln, namespace)]
    reports.sort(key=lambda item: (item.updated, item.name))
    by_digest = {item.digest: item for item in reports if item.digest}
    return by_digest, {item.reference: item for item in reports if item.reference}


def _repository(reference: str) -> str:
    """An image's name without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"

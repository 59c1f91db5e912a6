"""What scanners of images and of the platform found. Of a report only its counts and the fixable worst are kept.

Source: aquasecurity.github.io/v1alpha1, secscan.quay.redhat.com/v1alpha1, compliance.openshift.io/v1alpha1, field paths as in
their CRDs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Kind, shared

SEVERE: Final = frozenset({"CRITICAL", "HIGH", "DEFCON1"})


_MOST_VALUES: Final = 12
_LONGEST: Final = 80
_DEEPEST: Final = 8


class Vulnerability(msgspec.Struct, frozen=True, gc=False):
    """A known weakness: who it is, how bad, since when the public knows, and the version that mends it (empty: none does)."""

    id: str = msgspec.field(default="", name="vulnerabilityID")
    severity: str = ""
    fixed: str = msgspec.field(default="", name="fixedVersion")
    published: str = msgspec.field(default="", name="publishedDate")
    modified: str = msgspec.field(default="", name="lastModifiedDate")


class Artifact(msgspec.Struct, frozen=True, gc=False):
    """The image that was scanned."""

    repository: str = ""
    tag: str = ""
    digest: str = ""


class Registry(msgspec.Struct, frozen=True, gc=False):
    """Where the image came from."""

    server: str = ""


class TrivyReport(msgspec.Struct, frozen=True, rename="camel"):
    """What Trivy says of one image. Only what is severe and can be mended is kept of the list.

    ``newest`` is the latest day in the list: the definitions that were used are not older.
    """

    artifact: Artifact = Artifact()
    registry: Registry = Registry()
    update_timestamp: str = ""
    vulnerabilities: tuple[Vulnerability, ...] | None = None
    newest: str = ""

    def __post_init__(self) -> None:
        """Keep what is judged, and the newest day that any entry of hundreds speaks of."""
        days = (day for item in self.vulnerabilities or () for day in (item.published, item.modified))
        force_setattr(self, "newest", max(days, default=""))
        kept = tuple(item for item in self.vulnerabilities or () if item.fixed and item.severity.upper() in SEVERE)
        force_setattr(self, "vulnerabilities", shared(kept))


class VulnerabilityReport(Kind, frozen=True):
    """A report of the Trivy operator about one container of a workload."""

    GROUP = "aquasecurity.github.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "vulnerabilityreports"
    KIND = "VulnerabilityReport"

    report: TrivyReport = TrivyReport()

    @property
    def digest(self) -> str:
        """``sha256:…`` of the image, empty where it is not told."""
        return self.report.artifact.digest

    @property
    def reference(self) -> str:
        """``server/repository:tag``, empty without a tag."""
        artifact, server = self.report.artifact, self.report.registry.server
        where = f"{server}/{artifact.repository}" if server else artifact.repository
        return f"{where}:{artifact.tag}" if artifact.tag else ""

    @property
    def updated(self) -> str:
        """When the image was last scanned."""
        return self.report.update_timestamp

    @property
    def severe(self) -> tuple[Vulnerability, ...]:
        """What is severe and can be mended."""
        return self.report.vulnerabilities or ()


class QuayVulnerability(msgspec.Struct, frozen=True, gc=False):
    """A weakness of a feature."""

    name: str = ""
    severity: str = ""
    fixedby: str = ""


class QuayFeature(msgspec.Struct, frozen=True):
    """A package of an image and its weaknesses; only the severe ones that can be mended are kept."""

    vulnerabilities: tuple[QuayVulnerability, ...] | None = None

    def __post_init__(self) -> None:
        """Keep what is judged."""
        kept = tuple(item for item in self.vulnerabilities or () if item.fixedby and item.severity.upper() in SEVERE)
        force_setattr(self, "vulnerabilities", shared(kept))


class QuayManifest(msgspec.Struct, frozen=True):
    """The image and its packages that have weaknesses."""

    image: str = ""
    manifest: str = ""
    features: tuple[QuayFeature, ...] | None = None

    def __post_init__(self) -> None:
        """Keep the features that have something left."""
        force_setattr(self, "features", tuple(item for item in self.features or () if item.vulnerabilities))


class QuayStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """When the image was last looked up."""

    last_update: str = ""


class ImageManifestVuln(Kind, frozen=True):
    """What the container security operator knows of one image. It does not tell since when."""

    GROUP = "secscan.quay.redhat.com"
    VERSIONS = ("v1alpha1",)
    PLURAL = "imagemanifestvulns"
    KIND = "ImageManifestVuln"

    spec: QuayManifest = QuayManifest()
    status: QuayStatus = QuayStatus()

    @property
    def digest(self) -> str:
        """``sha256:…`` of the manifest."""
        return self.spec.manifest

    @property
    def reference(self) -> str:
        """Empty: the operator names images by their digest alone."""
        return ""

    @property
    def updated(self) -> str:
        """When the image was last looked up."""
        return self.status.last_update

    @property
    def severe(self) -> tuple[Vulnerability, ...]:
        """What is severe and can be mended."""
        found = (item for feature in self.spec.features or () for item in feature.vulnerabilities or ())
        return tuple(Vulnerability(item.name, item.severity, item.fixedby) for item in found)


Report = VulnerabilityReport | ImageManifestVuln


class ScanSetting(Kind, frozen=True, rename="camel"):
    """How often the compliance operator scans."""

    GROUP = "compliance.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "scansettings"
    KIND = "ScanSetting"

    schedule: str = ""
    suspend: bool = False


class SettingRef(msgspec.Struct, frozen=True, gc=False):
    """A profile or setting by name."""

    name: str = ""
    kind: str = ""


class ScanSettingBinding(Kind, frozen=True, rename="camel"):
    """Which profiles are scanned with which setting."""

    GROUP = "compliance.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "scansettingbindings"
    KIND = "ScanSettingBinding"

    profiles: tuple[SettingRef, ...] | None = None
    settings_ref: SettingRef | None = None


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """The object that a remediation makes: what it is, and its values by path as text."""

    kind: str = ""
    name: str = ""
    values: tuple[tuple[str, str], ...] = ()


def _rendered(told: object) -> Rendered:
    """What a person must see of an object before it is made: its first values, each in short."""
    if isinstance(told, Rendered) or not isinstance(told, dict):
        return told if isinstance(told, Rendered) else Rendered()
    if isinstance(told.get("values"), list) and set(told) == set(Rendered.__struct_fields__):
        return msgspec.convert(told, Rendered)
    meta = told.get("metadata")
    name = str(meta.get("name") or "") if isinstance(meta, dict) else ""
    rest = {key: value for key, value in told.items() if key not in {"apiVersion", "kind", "metadata", "status"}}
    return Rendered(str(told.get("kind") or ""), name, tuple(islice(_values(rest, "", _DEEPEST), _MOST_VALUES)))


def _values(told: object, path: str, deep: int) -> Iterator[tuple[str, str]]:
    if isinstance(told, dict) and told and deep:
        for key, value in told.items():
            yield from _values(value, f"{path}.{key}" if path else str(key), deep - 1)
    elif isinstance(told, list) and told and deep:
        for item in told:
            yield from _values(item, f"{path}[]", deep - 1)
    else:
        text = told if isinstance(told, str) else msgspec.json.encode(told).decode()
        yield path, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


class CurrentObject(msgspec.Struct, frozen=True):
    """The object as it would be made."""

    object: Any = None

    def __post_init__(self) -> None:
        """Keep what a person must see."""
        force_setattr(self, "object", _rendered(self.object))


class RemediationSpec(msgspec.Struct, frozen=True):
    """Whether a remediation is applied, and what it makes."""

    apply: bool = False
    current: CurrentObject = CurrentObject()


class RemediationStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How far a remediation is: ``Applied``, ``NotApplied``, ``MissingDependencies`` and others."""

    application_state: str = ""
    error_message: str = ""


class ComplianceRemediation(Kind, frozen=True):
    """What mends one failing rule; it is named after the result of the rule."""

    GROUP = "compliance.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "complianceremediations"
    KIND = "ComplianceRemediation"

    spec: RemediationSpec = RemediationSpec()
    status: RemediationStatus = RemediationStatus()


class ScanSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What a scan looks at: ``Platform`` or ``Node``."""

    scan_type: str = "Platform"


class ScanStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How a scan ended, and when."""

    phase: str = ""
    result: str = ""
    end_timestamp: str = ""


class ComplianceScan(Kind, frozen=True):
    """A scan of the platform or of one pool of nodes."""

    GROUP = "compliance.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "compliancescans"
    KIND = "ComplianceScan"

    spec: ScanSpec = ScanSpec()
    status: ScanStatus = ScanStatus()

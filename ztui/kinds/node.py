"""Machines below the nodes: what they are configured with, how they boot, and what scans found.

Source: machineconfiguration.openshift.io/v1, machine.openshift.io/v1beta1, metal3.io/v1alpha1, compliance.openshift.io/v1alpha1,
field paths as in their CRDs. The files and units of a machine never get past this module, only what they do to SELinux.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind, Meta

SELINUX_FILE: Final = "/etc/selinux/config"
_LINE: Final = re.compile(r"^\s*SELINUX\s*=\s*([A-Za-z]+)\s*$", re.MULTILINE)
_SETENFORCE: Final = re.compile(r"\bsetenforce\s+(?:0|permissive)\b", re.IGNORECASE)
_INFLATED_LIMIT: Final = 65_536
UNREADABLE: Final = "?"


class Ignition(msgspec.Struct, frozen=True):
    """What a machine's files and units do to SELinux.

    ``selinux`` is the mode that ``/etc/selinux/config`` is overridden with, empty where it is not, ``?`` where that cannot be
    read. ``setenforce`` names the units that switch enforcing off.
    """

    selinux: str = ""
    setenforce: tuple[str, ...] = ()


def _ignition(told: object) -> Ignition:
    """The facts of an Ignition config. Source: Ignition spec 3.x storage.files, storage.links, systemd.units."""
    if isinstance(told, Ignition):
        return told
    storage, systemd = _dict(_dict(told).get("storage")), _dict(_dict(told).get("systemd"))
    mode = ""
    for file in _dicts(storage.get("files")):
        if file.get("path") == SELINUX_FILE:
            mode = _mode_of(file) or mode
    if any(link.get("path") == SELINUX_FILE for link in _dicts(storage.get("links"))):
        mode = UNREADABLE
    units = (item for item in _dicts(systemd.get("units")) if item.get("mask") is not True)
    return Ignition(mode, tuple(str(item.get("name", "")) for item in units if _SETENFORCE.search(_unit_text(item))))


def _mode_of(file: dict[str, Any]) -> str:
    """The mode that a file sets, the last line that does; ``?`` where its text is elsewhere or cannot be read."""
    parts = [file.get("contents"), *_dicts(file.get("append"))]
    texts = [_text(_dict(part)) for part in parts if part]
    if not texts or any(text is None for text in texts):
        return UNREADABLE
    found = _LINE.findall("\n".join(text or "" for text in texts))
    return str(found[-1]).lower() if found else UNREADABLE


def _text(contents: dict[str, Any]) -> str | None:
    """The text behind a data URL (RFC 2397); ``None`` for any other source."""
    head, comma, body = str(contents.get("source") or "").partition(",")
    if not comma or not head.startswith("data:"):
        return None
    try:
        raw = base64.b64decode(unquote_to_bytes(body), validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
        if contents.get("compression") == "gzip":
            raw = zlib.decompressobj(wbits=31).decompress(raw, _INFLATED_LIMIT)
        return raw.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return None


def _unit_text(unit: dict[str, Any]) -> str:
    dropins = (str(item.get("contents") or "") for item in _dicts(unit.get("dropins")))
    return "\n".join((str(unit.get("contents") or ""), *dropins))


def _dict(told: object) -> dict[str, Any]:
    return told if isinstance(told, dict) else {}


def _dicts(told: object) -> Iterator[dict[str, Any]]:
    yield from (item for item in told if isinstance(item, dict)) if isinstance(told, list) else ()


class MachineConfigSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Kernel arguments, and what files and units do to SELinux."""

    kernel_arguments: tuple[str, ...] | None = None
    config: Any = None

    def __post_init__(self) -> None:
        """Keep the facts, drop the files."""
        force_setattr(self, "config", _ignition(self.config))


class MachineConfig(Kind, frozen=True):
    """The configuration of nodes, as written or as rendered for a pool."""

    GROUP = "machineconfiguration.openshift.io"
    PLURAL = "machineconfigs"
    KIND = "MachineConfig"
    NAMESPACED = False

    spec: MachineConfigSpec = MachineConfigSpec()

    def argument(self, name: str) -> str:
        """The value of a kernel argument, the last one where it is given twice; empty where it is not given."""
        words = [word for item in self.spec.kernel_arguments or () for word in item.split()]
        found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
        return found[-1] if found else ""


class ConfigSource(msgspec.Struct, frozen=True, gc=False):
    """One of the configurations that a rendered one is made of."""

    name: str = ""


class PoolConfig(msgspec.Struct, frozen=True):
    """The rendered configuration of a pool, and what it is made of."""

    name: str = ""
    source: tuple[ConfigSource, ...] | None = None


class CertExpiry(msgspec.Struct, frozen=True, gc=False):
    """When a certificate that the pool hands to its nodes ends."""

    bundle: str = ""
    subject: str = ""
    expiry: str | None = None


class PoolSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a pool is stopped from rolling out, what it is to roll out, and how many nodes may be away at once."""

    paused: bool = False
    configuration: PoolConfig = PoolConfig()
    max_unavailable: int | str | None = None


class PoolStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far a pool is."""

    conditions: tuple[Condition, ...] | None = None
    configuration: PoolConfig = PoolConfig()
    machine_count: int = 0
    updated_machine_count: int = 0
    degraded_machine_count: int = 0
    cert_expirys: tuple[CertExpiry, ...] | None = None


class PoolMeta(Meta, frozen=True):
    """Metadata of a pool, with the time at which whoever set ``spec.paused`` last wrote: it has been set since then at least."""

    managed_fields: Any = None

    def __post_init__(self) -> None:
        """Keep the time, drop the lists."""
        super().__post_init__()
        force_setattr(self, "managed_fields", _written(self.managed_fields))


def _written(told: object) -> str:
    """The last time at which an owner of ``spec.paused`` wrote; empty where nobody is known to own it."""
    if isinstance(told, str):
        return told
    owners = (item for item in _dicts(told) if "f:paused" in _dict(_dict(item.get("fieldsV1")).get("f:spec")))
    return max((str(item.get("time") or "") for item in owners), default="")


class MachineConfigPool(Kind, frozen=True):
    """Nodes that are configured alike."""

    GROUP = "machineconfiguration.openshift.io"
    PLURAL = "machineconfigpools"
    KIND = "MachineConfigPool"
    NAMESPACED = False

    metadata: PoolMeta
    spec: PoolSpec = PoolSpec()
    status: PoolStatus = PoolStatus()


class MachineRef(msgspec.Struct, frozen=True, gc=False):
    """An object by name."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class BootProvider(msgspec.Struct, frozen=True):
    """What the provider is told about the boot, and nothing else of it.

    ``secure_boot`` is its word (``Enabled``, ``Disabled``), empty where the settings are there and do not say, ``None`` where
    there are none. ``path`` is where that stands.
    """

    kind: str = ""
    secure_boot: str | None = None
    path: str = ""


class ProviderSpec(msgspec.Struct, frozen=True):
    """The provider's part of a machine."""

    value: Any = None

    def __post_init__(self) -> None:
        """Keep how it boots."""
        force_setattr(self, "value", _boot(self.value))


_GCP: Final = "shieldedInstanceConfig"
_AZURE: Final = ("trustedLaunch", "confidentialVM")


def _boot(told: object) -> BootProvider:
    """How a machine boots. Source: machine.openshift.io/v1beta1 GCPMachineProviderSpec, AzureMachineProviderSpec."""
    if isinstance(told, BootProvider):
        return told
    value = _dict(told)
    kind = str(value.get("kind") or "")
    if isinstance(shielded := value.get(_GCP), dict):
        return BootProvider(kind, str(shielded.get("secureBoot") or ""), f"{_GCP}.secureBoot")
    settings = _dict(_dict(value.get("securityProfile")).get("settings"))
    for name in _AZURE:
        if isinstance(found := settings.get(name), dict):
            word = str(_dict(found.get("uefiSettings")).get("secureBoot") or "")
            return BootProvider(kind, word, f"securityProfile.settings.{name}.uefiSettings.secureBoot")
    return BootProvider(kind)


class MachineSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a machine is made as."""

    provider_spec: ProviderSpec = ProviderSpec()


class MachineStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Which node a machine became."""

    node_ref: MachineRef | None = None


class Machine(Kind, frozen=True):
    """A machine that the cluster made."""

    GROUP = "machine.openshift.io"
    VERSIONS = ("v1beta1",)
    PLURAL = "machines"
    KIND = "Machine"

    spec: MachineSpec = MachineSpec()
    status: MachineStatus = MachineStatus()


class HostSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How a host boots, and whom it serves."""

    boot_mode: str = ""
    consumer_ref: MachineRef | None = None


class BareMetalHost(Kind, frozen=True):
    """A physical host."""

    GROUP = "metal3.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "baremetalhosts"
    KIND = "BareMetalHost"

    spec: HostSpec = HostSpec()


class ComplianceCheckResult(Kind, frozen=True):
    """What one rule of a compliance scan found. Its labels name the scan, its annotations the rule and the time."""

    GROUP = "compliance.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "compliancecheckresults"
    KIND = "ComplianceCheckResult"

    status: str = ""

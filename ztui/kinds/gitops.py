"""Operators and delivery: what OLM installed. Source: operators.coreos.com/v1alpha1."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.base import Kind


class CSVStatus(msgspec.Struct, frozen=True, gc=False):
    """How far an operator's installation is."""

    phase: str = ""
    reason: str = ""


class ClusterServiceVersion(Kind, frozen=True):
    """An installed operator. Copies that OLM makes in every namespace carry the label ``olm.copiedFrom``."""

    GROUP: ClassVar[str] = "operators.coreos.com"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    PLURAL: ClassVar[str] = "clusterserviceversions"
    KIND: ClassVar[str] = "ClusterServiceVersion"

    status: CSVStatus = CSVStatus()

    @property
    def is_copy(self) -> bool:
        """Whether this is only OLM's copy for a watched namespace."""
        return "olm.copiedFrom" in self.labels or self.status.reason == "Copied"

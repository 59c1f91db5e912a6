"""What a node said of itself when it was asked, by commands that only read: words that are known, and nothing else of its answer.

Source: getenforce (libselinux), mokutil --sb-state, /proc/sys/crypto/fips_enabled, /proc/cmdline.
"""

from __future__ import annotations

import re
from typing import Final

from ztui.kinds.base import Kind, Meta


class NodeReport(Kind, frozen=True):
    """What a node said of itself when it was asked, at ``taken``. Of its answer only words that are judged or shown are kept.

    ``selinux`` is enforcing, permissive, disabled or empty; ``secure_boot`` and ``fips`` are None where the node did not tell.
    """

    GROUP = "nodes"
    PLURAL = "nodereports"
    KIND = "NodeReport"
    NAMESPACED = False
    SOURCE = "node"

    taken: str = ""
    selinux: str = ""
    secure_boot: bool | None = None
    fips: bool | None = None
    arguments: tuple[str, ...] = ()


_MODES: Final = frozenset({"enforcing", "permissive", "disabled"})
_ARGUMENT: Final = re.compile(r"(?:selinux|enforcing|fips|lockdown|module\.sig_enforce|audit)(?:=[a-z0-9_,]{1,40})?")
"""Kernel arguments that say something about security; others may carry what is nobody's business."""


def node_report(node: str, text: str, taken: str) -> NodeReport | None:
    """Read what the node printed, line by line; ``None`` where nothing of it is what was asked for."""
    told = dict(line.split("=", 1) for line in text[:65_536].splitlines() if "=" in line[:20])
    mode = told.get("selinux", "").strip().lower()
    fips = {"1": True, "0": False}.get(told.get("fips", "").strip())
    arguments = tuple(word for word in told.get("cmdline", "").split() if _ARGUMENT.fullmatch(word))
    boot = _boot(told.get("secureboot", "").strip().lower())
    if mode not in _MODES and fips is None and boot is None:
        return None
    meta = Meta(name=node, uid="", resource_version="")
    return NodeReport(meta, taken, mode if mode in _MODES else "", boot, fips, arguments)


_OFF: Final = ("secureboot disabled", "doesn't support secure boot", "efi variables are not supported")


def _boot(said: str) -> bool | None:
    """What mokutil says: on, off, or a firmware that has no such thing."""
    if said == "secureboot enabled":
        return True
    return False if any(words in said for words in _OFF) else None


def lines(report: NodeReport) -> list[str]:
    """What a node said, for people."""
    known = {True: "on", False: "off", None: "not told"}
    return [
        f"node         {report.name}, asked at {report.taken}",
        f"SELinux      {report.selinux or 'not told'}",
        f"Secure Boot  {known[report.secure_boot]}",
        f"FIPS         {known[report.fips]}",
        f"kernel       {' '.join(report.arguments) or 'no argument about security'}",
    ]

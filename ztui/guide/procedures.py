"""The steps by which each check is mended: written down once, filled in with the names of what was found.

Data is in the YAML files beside this one. A name from a cluster gets into a command only quoted for the shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from ztui.checks.base import CheckId, Finding
from ztui.health import Health
from ztui.kinds.base import Ref
from ztui.text import clean

RiskClass = Literal["safe", "disruptive", "destructive"]
FILES: Final = ("phase1.yaml", "phase2.yaml", "phase3.yaml", "phase4.yaml", "foundations.yaml")
_ID: Final = re.compile(r"\b[GR](?:-[A-Z0-9]+)+\b")
_BLANK: Final = re.compile(r"<(namespace|name|kind|account|subject|service|source|ingress|cluster|server)>")


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step: what is done and why, the commands, and the check that turns green by it (empty: none does yet)."""

    text: str
    run: str = ""
    proof: str = ""


class Procedure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"checks": "for", "risk_class": "class"}):
    """A way to mend something. ``minutes`` of a person's work, ``reboots`` says that nodes restart.

    ``after`` names checks that must not be open any more: before them it would lock people out, or break what runs. ``kinds``
    are those of the objects that it mends; empty, any.
    """

    id: str
    title: str
    checks: tuple[str, ...]
    minutes: int
    steps: tuple[Step, ...]
    risk_class: RiskClass = "safe"
    reboots: bool = False
    after: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def subject(self, found: Sequence[Finding]) -> Finding | None:
        """The first of what was found that it mends."""
        return next((item for item in found if not self.kinds or item.on.kind in self.kinds), None)


class Names(msgspec.Struct, frozen=True):
    """What is known of the cluster itself and may be filled in."""

    cluster: str = ""
    server: str = ""


def names_of(health: Health | None) -> Names:
    """What a connection tells of its cluster."""
    return Names(health.context, health.server) if health is not None else Names()


@cache
def procedures() -> tuple[Procedure, ...]:
    """All procedures, in the order of the phases."""
    folder = resources.files("ztui.guide")
    found = [item for name in FILES for item in msgspec.yaml.decode((folder / name).read_bytes(), type=tuple[Procedure, ...])]
    return tuple(found)


@cache
def ways(check_id: CheckId) -> tuple[Procedure, ...]:
    """The procedures that mend a check, the cheapest first."""
    found = [item for item in procedures() if check_id in item.checks]
    return tuple(sorted(found, key=lambda item: (_CLASSES.index(item.risk_class), item.minutes)))


def fitting(known: Sequence[Procedure], found: Sequence[Finding]) -> tuple[Procedure, ...]:
    """Those of the ways that mend some of what was found; all, where nothing was, or none of them does."""
    return tuple(way for way in known if way.subject(found) is not None) or tuple(known)


def named(known: Sequence[Procedure]) -> tuple[Procedure, ...]:
    """The procedures that the steps of others send to by their ids."""
    texts = " ".join(step.text for way in known for step in way.steps)
    ids = dict.fromkeys(_ID.findall(texts))
    return tuple(item for name in ids for item in procedures() if item.id == name and item not in known)


def filled(text: str, finding: Finding | None, names: Names) -> str:
    """A command with the names of a finding and of the cluster; what is not known stays a ``<word>``."""
    on = finding.on if finding is not None else None
    values = dict(finding.values) if finding is not None else {}
    known = {
        "namespace": (on.name if on.kind == "Namespace" else on.namespace) if on else "",
        "name": on.name if on and on.kind != "Cluster" else "",
        "kind": _kind_of(on) if on and on.kind != "Cluster" else "",
        "account": values.get("account", ""),
        "subject": values.get("subject", ""),
        "service": values.get("service", "").rpartition("/")[2],
        "source": values.get("source", ""),
        "ingress": values.get("fix", "").rpartition("/")[2] if values.get("fix", "").startswith("ingress/") else "",
        "cluster": names.cluster,
        "server": names.server,
    }
    text = _BLANK.sub(lambda match: shlex.quote(clean(known[match[1]])) if known[match[1]] else match[0], text)
    if on is not None and on.kind != "Cluster" and not known["namespace"]:  # of a cluster, a person has to say which
        text = text.replace(" -n <namespace>", "")
    return text


def _kind_of(on: Ref) -> str:
    """A kind as kubectl takes it: with its group where that is not Kubernetes' own, since two groups may have the same."""
    own = "." not in on.group or on.group.endswith("k8s.io")
    return on.kind.lower() if own else f"{on.kind.lower()}.{on.group}"


_CLASSES: Final[tuple[RiskClass, ...]] = ("safe", "disruptive", "destructive")

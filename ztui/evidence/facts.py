"""What is known of one thing without asking anybody: its blast radius, identity, mTLS, images and roles of Vaults. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ztui.board import CellOf
from ztui.engines.blast import Centre, centre_of
from ztui.engines.scans import digest_of
from ztui.engines.vaultlogins import logins_of
from ztui.evidence.manifest import Missing
from ztui.evidence.scrub import json_bytes
from ztui.panes import identity, mtls
from ztui.panes.blast import as_text, document, lines_of, parts
from ztui.panes.blastheld import images_of
from ztui.panes.blastnear import Changed
from ztui.panes.facts import logins_unseen
from ztui.panes.workloads import rows
from ztui.text import clean
from ztui.view import View
from ztui.words import gap_text

SAID: Final = "read from the cluster and judged here"


class Item(msgspec.Struct, frozen=True):
    """One file for a bundle: its path there, its content, where it is from, and what was left out of it."""

    path: str
    data: bytes
    source: str = ""
    note: str = ""


class Facts(msgspec.Struct, frozen=True):
    """The centre, what is said of it, and what could not be seen."""

    centre: Centre
    items: tuple[Item, ...]
    missing: tuple[Missing, ...]


def facts_of(view: View, cell_of: CellOf, target: str, namespace: str, changed: Changed | None) -> Facts:
    """Everything. Raises NoSuchCentreError."""
    centre = centre_of(view, target, namespace)
    sections = parts(view, cell_of, centre, changed)
    missing = [Missing(f"blast: {item.title}", clean(text)) for item in sections for text in item.unknown]
    found = {
        "blast.txt": as_text(lines_of(view, cell_of, centre, changed)).encode(errors="backslashreplace"),
        "blast.json": json_bytes(document(view, cell_of, centre, changed)),
        "vault.json": json_bytes(_vault(view, centre)),
        "images.json": json_bytes(_images(view, centre)),
    }
    roots = {unit.root for unit in centre.units}
    places = sorted({unit.root.namespace for unit in centre.units})
    if roots and centre.sort != "node":
        mine = [row for place in places for row in view.derive(rows, cell_of, place) if row.unit in roots]
        found["identity.json"] = json_bytes(identity.document(mine))
        ports = [row for place in places for row in view.derive(mtls.ports_in, cell_of, place) if row.unit in roots]
        found["mtls.json"] = json_bytes(mtls.document(ports))
    missing += [
        Missing("vault.json", clean(gap_text(gap))) for place, _ in centre.accounts if (gap := logins_unseen(view, place))
    ]
    return Facts(centre, tuple(Item(name, data, SAID) for name, data in sorted(found.items())), tuple(dict.fromkeys(missing)))


def _vault(view: View, centre: Centre) -> list[dict[str, Any]]:
    """The roles that let its accounts in."""
    return [
        {
            "account": clean(f"{place}/{name}"),
            "role": clean(login.role),
            "vault": clean(login.at),
            "policies": [clean(item) for item in login.policies],
            "by_pattern": login.wide,
            "use": login.use,
            "by": [clean(str(ref)) for ref in login.by],
        }
        for place, name in centre.accounts
        for login in logins_of(view, place, name, [pod for pod in centre.pods if (pod.namespace, pod.account) == (place, name)])
    ]


def _images(view: View, centre: Centre) -> list[dict[str, Any]]:
    """The images of its pods by digest, and the severe weaknesses that a newer version mends."""
    return [
        {
            "image": clean(item.name),
            "digest": clean(digest_of(item.name)),
            "namespace": clean(place),
            "pods": [clean(pod.name) for pod in item.pods],
            "report": clean(str(item.report.ref)) if item.report is not None else None,
            "severe": [
                {"id": clean(one.id), "severity": clean(one.severity)} for one in (item.report.severe if item.report else ())
            ],
        }
        for place in sorted({pod.namespace for pod in centre.pods})
        for item in images_of(view, centre, place)
    ]

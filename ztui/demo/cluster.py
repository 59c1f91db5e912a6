"""The parts of one demo cluster, together, for the modules that answer requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from ztui.demo.catalogue import Catalogue
from ztui.demo.faults import Faults
from ztui.demo.identity import Identities
from ztui.demo.rbac import Authorizer
from ztui.demo.store import Store


@dataclass
class Cluster:
    """State of the server; one per DemoServer."""

    catalogue: Catalogue
    store: Store
    authorizer: Authorizer
    identities: Identities
    faults: Faults
    logs: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """What containers have written, by namespace, pod and container, where it is not the usual."""


def new_cluster(seed: int) -> Cluster:
    """An empty cluster: everything is served, nothing is stored."""
    catalogue = Catalogue()
    store = Store(catalogue, seed=seed)
    return Cluster(catalogue, store, Authorizer(store), Identities(store, seed), Faults())

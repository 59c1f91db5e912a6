"""Which logs leave the nodes, where to, and whether anybody on the way may read or bend them.

Source: observability.openshift.io/v1 ClusterLogForwarder (and its predecessor in logging.openshift.io/v1); apps/v1 DaemonSet for
collectors that no operator manages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines.coverage import COVERAGE, sees_the_node
from ztui.kinds.base import Kind, condition
from ztui.kinds.logging import ClusterLogForwarder, LogFilter, LogOutput, OldClusterLogForwarder
from ztui.kinds.workload import DaemonSet
from ztui.view import View

LOGS: Final[tuple[type[Kind], ...]] = COVERAGE
LOGS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (ClusterLogForwarder, OldClusterLogForwarder)
"""What this engine reads."""

TYPES: Final = ("application", "infrastructure", "audit")
AUDIT: Final = frozenset({"kubeAPI", "openshiftAPI", "ovn"})
"""The audit sources that say who did what; the nodes' own auditd comes on top."""

_BOTH: Final = frozenset({"container", "node"})
_SERVICES: Final = frozenset({"cloudwatch", "azureMonitor", "azureLogsIngestion", "googleCloudLogging", "s3"})
"""Outputs that are services of a cloud: outside, and over TLS unless a URL says otherwise."""
_SAFE: Final = frozenset({"https", "tls", "tcps", "ssl"})
_SHIPPERS: Final = (
    "fluent-bit",
    "fluentbit",
    "fluentd",
    "vector",
    "otel",
    "opentelemetry-collector",
    "promtail",
    "alloy",
    "filebeat",
)

Forwarder = ClusterLogForwarder | OldClusterLogForwarder


class Flow(msgspec.Struct, frozen=True):
    """One pipeline into one output that works.

    ``whole`` are the types of logs that it takes completely, ``part`` those of which it leaves something out; ``sources`` are the
    audit sources it takes.
    """

    forwarder: Forwarder
    output: LogOutput
    whole: frozenset[str]
    part: frozenset[str]
    sources: frozenset[str]
    filters: tuple[LogFilter, ...] = ()

    @property
    def types(self) -> frozenset[str]:
        """Everything it takes at least in part."""
        return self.whole | self.part

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody on the way can read along or stand in for the receiver."""
        output = self.output
        if output.tls is not None and output.tls.insecure_skip_verify:
            return False
        if output.type == "lokiStack" or (output.type in _SERVICES and not output.endpoints):
            return True
        ends = output.endpoints
        return bool(ends) and all(_is_safe(item, output.type) for item in ends)

    @property
    def is_outside(self) -> bool:
        """Whether it leaves the cluster: an intruder with its rights cannot follow there."""
        if self.output.type in _SERVICES:
            return True
        ends = self.output.endpoints
        return bool(ends) and not any(_is_inside(item) for item in ends)


def forwarders(view: View) -> tuple[Forwarder, ...]:
    """The forwarders of both generations, by place and name."""
    found: list[Forwarder] = [*view.all(ClusterLogForwarder), *view.all(OldClusterLogForwarder)]
    return tuple(sorted(found, key=lambda item: (item.namespace, item.name, item.GROUP)))


def flows(view: View) -> tuple[Flow, ...]:
    """Every pipeline into an output that works."""
    found: list[Flow] = []
    for forwarder in view.derive(forwarders):
        found += _of(forwarder)
    return tuple(found)


def missing(found: Iterable[Flow]) -> tuple[frozenset[str], frozenset[str]]:
    """(types of logs that no flow takes, types that the flows together take only in part)."""
    items = tuple(found)
    types = frozenset().union(*(item.types for item in items)) if items else frozenset()
    whole = frozenset().union(*(item.whole for item in items)) if items else frozenset()
    if frozenset().union(*(item.sources for item in items)) >= AUDIT if items else False:
        whole |= {"audit"}
    return frozenset(TYPES) - types, (types - whole) & frozenset(TYPES)


def is_settled(forwarder: Forwarder) -> bool:
    """Whether a forwarder says that it works, or says nothing yet."""
    state = condition(forwarder.status.conditions, "Ready")
    return state is not None and state.status == "True"


def collectors(view: View) -> tuple[DaemonSet, ...]:
    """The DaemonSets that read the nodes' logs: those of forwarders, and others known by their images."""
    named = {(item.namespace, name) for item in view.derive(forwarders) for name in (item.name, "collector")}
    found = [
        item
        for item in view.all(DaemonSet)
        if ((item.namespace, item.name) in named or _ships(item)) and view.derive(_reaches, item.namespace, item.name)
    ]
    return tuple(sorted(found, key=lambda item: (item.namespace, item.name)))


def _reaches(view: View, namespace: str, name: str) -> bool:
    item = view.get(DaemonSet, name, namespace)
    return item is not None and sees_the_node(view, item)


def _ships(item: DaemonSet) -> bool:
    images = [box.image.rpartition("/")[2] for box in item.spec.template.spec.containers or ()]
    return any(image.startswith(_SHIPPERS) for image in images)


def _of(forwarder: Forwarder) -> Iterable[Flow]:
    spec = forwarder.spec
    if not is_settled(forwarder):
        return
    outputs = {item.name: item for item in spec.outputs or ()}
    if isinstance(forwarder, OldClusterLogForwarder):
        outputs.setdefault("default", LogOutput("default", "lokiStack"))
    filters = {item.name: item for item in spec.filters or ()}
    for pipeline in spec.pipelines or ():
        whole, part, sources = _inputs(forwarder, pipeline.input_refs or ())
        used = tuple(filters[name] for name in pipeline.filter_refs or () if name in filters)
        for name in pipeline.output_refs or ():
            if name in outputs and not _is_broken(forwarder, name):
                yield Flow(forwarder, outputs[name], whole, part, sources, used)


def _inputs(forwarder: Forwarder, refs: Iterable[str]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    own = {item.name: item for item in forwarder.spec.inputs or ()}
    whole: set[str] = set()
    part: set[str] = set()
    sources: set[str] = set()
    for name in refs:
        if name in TYPES and name not in own:
            whole.add(name)
            sources |= AUDIT if name == "audit" else set()
        elif name in own and own[name].kind in TYPES:
            kind, narrows = own[name].kind, own[name].narrows
            told = {word for item in narrows if item.startswith("sources=") for word in item.removeprefix("sources=").split(",")}
            others = [item for item in narrows if not item.startswith("sources=")]
            wanted = AUDIT if kind == "audit" else _BOTH
            (whole if not others and (not told or told >= wanted) else part).add(kind)
            if kind == "audit" and not others:
                sources |= told or AUDIT
    return frozenset(whole), frozenset(part), frozenset(sources)


def _is_broken(forwarder: Forwarder, output: str) -> bool:
    """Whether the operator refuses the output."""
    states = forwarder.status.output_conditions or ()
    return any(item.type.rpartition("/")[2] == f"ValidOutput-{output}" and item.status == "False" for item in states)


def _is_safe(endpoint: str, kind: str) -> bool:
    scheme = endpoint.partition("://")[0]
    return scheme in _SAFE or (not scheme and kind in _SERVICES)


def _is_inside(endpoint: str) -> bool:
    host = endpoint.rpartition("://")[2].partition(":")[0]
    return "." not in host or host.endswith((".svc", ".local"))

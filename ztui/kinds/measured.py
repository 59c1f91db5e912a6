"""What a metrics store measured and how alerts are routed, as kinds like any other: joins are ordinary functions.

Source: Istio's standard metrics (``connection_security_policy``), Prometheus ``up``, the network observability operator, counters
of the log collector, Vault's telemetry, counts of a log store, and Alertmanager's configuration (receivers and routes, of which
no URL and no secret is kept).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, Self

from ztui.kinds.base import Kind, Meta

Sample = tuple[str, dict[str, str], float]
"""Which question, the labels of a series, its value."""

HOURS: Final = 24
"""So many full hours are looked back."""

CONFIG_LIMIT: Final = 1024 * 1024
_PATTERN_LIMIT: Final = 200
_SEVERITY: Final = "severity"
_CRITICAL: Final = "critical"
_POLICY: Final = "connection_security_policy"
_MUTUAL: Final = "mutual_tls"
_PLAIN: Final = "none"
"""What a sidecar says of a connection without TLS of the mesh; a ztunnel says ``unknown`` of it."""


class MeasuredKind(Kind, frozen=True):
    """What is counted, by namespace and name."""

    GROUP: ClassVar[str] = "metrics"
    SOURCE: ClassVar[Literal["cluster", "session", "vault", "metrics", "records"]] = "metrics"
    PROFILE: ClassVar[str] = "M"

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """The objects that these samples are about, sorted."""
        raise NotImplementedError


class TrafficSecurity(MeasuredKind, frozen=True):
    """What one workload was sent in the last hour, and how much of it over mutual TLS: requests, and connections."""

    PLURAL = "trafficsecurity"
    KIND = "TrafficSecurity"

    http: float = 0.0
    http_mutual: float = 0.0
    tcp: float = 0.0
    tcp_mutual: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Counts by destination; series without a destination say nothing."""
        sums: defaultdict[tuple[str, str], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for question, labels, value in samples:
            at = _called(labels)
            if at is None:
                continue
            sums[at][question] += value
            if labels.get(_POLICY) == _MUTUAL:
                sums[at][f"{question}_mutual"] += value
        return [cls(_meta(*at), **sums[at]) for at in sorted(sums)]


class ScrapeTarget(MeasuredKind, frozen=True):
    """How many targets of a Service, or of a job, answer when they are scraped."""

    PLURAL = "scrapetargets"
    KIND = "ScrapeTarget"

    up: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Sums by Service; a target without one goes by its job."""
        sums: defaultdict[tuple[str, str], float] = defaultdict(float)
        for _, labels, value in samples:
            name = labels.get("service") or labels.get("job", "")
            if name and labels.get("namespace"):
                sums[labels["namespace"], name] += value
        return [cls(_meta(*at), up=sums[at]) for at in sorted(sums)]


class ObservedFlow(MeasuredKind, frozen=True):
    """A namespace into which flows were observed in the last quarter of an hour."""

    PLURAL = "observedflows"
    KIND = "ObservedFlow"
    NAMESPACED = False

    count: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Sums by namespace, those of nothing left out."""
        sums: defaultdict[str, float] = defaultdict(float)
        for _, labels, value in samples:
            name = labels.get("DstK8S_Namespace") or labels.get("destination_workload_namespace", "")
            if name not in {"", "unknown"}:
                sums[name] += value
        return [cls(_meta("", name), count=sums[name]) for name in sorted(sums) if sums[name] > 0]


class ObservedCall(MeasuredKind, frozen=True):
    """Calls that were seen in the last day from one workload to another. In the namespace of the called, named after both.

    ``mutual`` of ``count`` came over mutual TLS and ``plain`` in plaintext, as far as the mesh counted them: of the rest it does
    not tell. ``measured_tls`` is false where only flows of the network were counted, which never do.
    """

    PLURAL = "observedcalls"
    KIND = "ObservedCall"

    source_namespace: str = ""
    source: str = ""
    target: str = ""
    count: float = 0.0
    mutual: float = 0.0
    measured_tls: bool = False
    plain: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Sums by the two ends; a call whose ends are not both known names nobody. What the mesh counts is not counted twice."""
        told: defaultdict[tuple[str, str, str, str], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        flows: defaultdict[tuple[str, str, str, str], float] = defaultdict(float)
        for _, labels, value in samples:
            ends = _ends(labels)
            if value > 0 and not {"", "unknown"}.intersection(ends):
                policy = labels.get(_POLICY)
                if policy:
                    told[ends][policy] += value
                else:
                    flows[ends] += value
        found = []
        for ends in sorted({*told, *flows}):
            (space, source, place, target), by = ends, told.get(ends)
            meta = _meta(place, f"{space}/{source}>{target}")
            if by is None:
                found.append(cls(meta, space, source, target, flows[ends]))
            else:
                count, mutual, plain = sum(by.values()), by.get(_MUTUAL, 0.0), by.get(_PLAIN, 0.0)
                found.append(cls(meta, space, source, target, count, mutual, measured_tls=True, plain=plain))
        return found


class DayTraffic(MeasuredKind, frozen=True):
    """What one workload was sent in the last day, as far as a mesh counted it, and what of that in plaintext.

    ``nameless`` of ``plain`` came from callers that the mesh has no name for: whoever is outside of it often has none. ``before``
    and ``plain_before`` are the same counts of the day before.
    """

    PLURAL = "daytraffic"
    KIND = "DayTraffic"

    count: float = 0.0
    mutual: float = 0.0
    plain: float = 0.0
    nameless: float = 0.0
    before: float = 0.0
    plain_before: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Counts by destination; series without a destination say nothing."""
        sums: defaultdict[tuple[str, str], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for question, labels, value in samples:
            at = _called(labels)
            if value <= 0 or at is None:
                continue
            policy, told = labels.get(_POLICY), sums[at]
            if question.startswith("nameless"):
                told["nameless"] += value if policy == _PLAIN else 0.0
            elif question.startswith("before"):
                told["before"] += value
                told["plain_before"] += value if policy == _PLAIN else 0.0
            else:
                told["count"] += value
                told["mutual"] += value if policy == _MUTUAL else 0.0
                told["plain"] += value if policy == _PLAIN else 0.0
        return [cls(_meta(*at), **sums[at]) for at in sorted(sums)]


class HourTraffic(MeasuredKind, frozen=True):
    """What one workload was sent in each of the last full hours, oldest first, as far as a mesh counted it.

    Of ``calls``, ``mutual`` came over mutual TLS and ``plain`` in plaintext; of the rest the mesh does not tell. Hours in which
    nothing was counted are 0.
    """

    PLURAL = "hourtraffic"
    KIND = "HourTraffic"

    calls: tuple[float, ...] = ()
    mutual: tuple[float, ...] = ()
    plain: tuple[float, ...] = ()

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Sums by destination and hour; the question of a sample is its hour, counted from 1970."""
        sums: defaultdict[tuple[str, str], defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0] * 3))
        last = 0
        for question, labels, value in samples:
            hour, at = int(question), _called(labels)
            last = max(last, hour)
            if value > 0 and at is not None:
                for place, counts in enumerate((True, labels.get(_POLICY) == _MUTUAL, labels.get(_POLICY) == _PLAIN)):
                    sums[at][hour][place] += value if counts else 0.0
        hours = range(last - HOURS + 1, last + 1)
        told = {at: [by.get(hour, (0.0, 0.0, 0.0)) for hour in hours] for at, by in sums.items()}
        return [cls(_meta(*at), *(tuple(values) for values in zip(*told[at], strict=True))) for at in sorted(told)]


def _called(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """Namespace and name of the workload that a mesh says was called; ``None`` where it has no name for it."""
    found = (labels.get("destination_workload_namespace", ""), labels.get("destination_workload", ""))
    return None if {"", "unknown"}.intersection(found) else found


def _ends(labels: Mapping[str, str]) -> tuple[str, str, str, str]:
    """The namespaces and names of caller and called: by the mesh's labels, else by those of the network's flows."""
    if "destination_workload" in labels:
        names = ("source_workload_namespace", "source_workload", "destination_workload_namespace", "destination_workload")
    else:
        names = ("SrcK8S_Namespace", "SrcK8S_OwnerName", "DstK8S_Namespace", "DstK8S_OwnerName")
    first, second, third, fourth = (labels.get(name, "") for name in names)
    return first, second, third, fourth


class LogDelivery(MeasuredKind, frozen=True):
    """What the collectors of a namespace sent to one output in the last hour, and how often that went wrong.

    Named after the component of the collector's configuration, which is named after the output: ``output_my_siem``.
    """

    PLURAL = "logdeliveries"
    KIND = "LogDelivery"

    sent: float = 0.0
    errors: float = 0.0

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """Sums by namespace and component."""
        sums: defaultdict[tuple[str, str], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for question, labels, value in samples:
            at = (labels.get("namespace", ""), labels.get("component_id", ""))
            if all(at):
                sums[at][question] += value
        return [cls(_meta(*at), **sums[at]) for at in sorted(sums)]

    @staticmethod
    def component(output: str) -> str:
        """The component of an output, as the logging operator names it (MakeOutputID of its generator)."""
        return "output_" + output.lower().translate({ord(mark): "_" for mark in " -."})


class LeaseCount(MeasuredKind, frozen=True):
    """How many leases the Vault of a namespace has open; ``before`` is a day ago, None where nobody counted then."""

    PLURAL = "leasecounts"
    KIND = "LeaseCount"
    NAMESPACED = False

    now: float = 0.0
    before: float | None = None

    @classmethod
    def measured(cls, samples: Iterable[Sample]) -> list[Self]:
        """By namespace; a count of yesterday alone is of a Vault that is gone."""
        told: dict[str, dict[str, float]] = {"now": {}, "before": {}}
        for question, labels, value in samples:
            told[question][labels.get("namespace") or "outside"] = value
        return [cls(_meta("", name), told["now"][name], told["before"].get(name)) for name in sorted(told["now"])]


class StoredRecords(MeasuredKind, frozen=True):
    """How many records a tenant of the log store got in the last quarter of an hour."""

    PLURAL = "storedrecords"
    KIND = "StoredRecords"
    NAMESPACED = False

    count: float = 0.0

    @classmethod
    def of(cls, tenant: str, count: float) -> Self:
        """The count of one tenant."""
        return cls(_meta("", tenant), count)


class AlertRouting(Kind, frozen=True):
    """Who is told of an alert.

    ``reached`` are receivers with an integration that critical alerts get to, ``idle`` those with one that they do not, ``empty``
    those without any.
    """

    GROUP = "metrics"
    SOURCE = "metrics"
    PROFILE = "M"
    PLURAL = "alertroutings"
    KIND = "AlertRouting"
    NAMESPACED = False

    reached: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def alert_routing(text: str) -> AlertRouting:
    """Who is told, from a configuration's text. Raises ValueError where it is none."""
    import yaml  # noqa: PLC0415  only this text needs it

    if len(text) > CONFIG_LIMIT:
        raise ValueError("longer than 1 MiB")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("not YAML") from error
    root = next(iter(_dicts([found.get("route")] if isinstance(found, dict) else [])), None)
    if root is None:
        raise ValueError("no route")
    receivers = {str(item.get("name")): _integrates(item) for item in _dicts(found.get("receivers"))}
    told = _told(root, str(root.get("receiver") or ""), 0)
    return AlertRouting(
        _meta("", "alertmanager"),
        reached=tuple(sorted(name for name, real in receivers.items() if real and name in told)),
        idle=tuple(sorted(name for name, real in receivers.items() if real and name not in told)),
        empty=tuple(sorted(name for name, real in receivers.items() if not real)),
    )


def _told(route: dict[str, Any], above: str, depth: int) -> set[str]:
    """The receivers that every critical alert gets to; routes that ask for other labels are some alerts' matter."""
    mine = str(route.get("receiver") or above)
    if depth > 50:
        raise ValueError("routes are nested too deeply")
    found: set[str] = set()
    for child in _dicts(route.get("routes")):
        if _takes_critical(child):
            found |= _told(child, mine, depth + 1)
            if child.get("continue") is not True:
                return found
    return found or {mine}


def _takes_critical(route: dict[str, Any]) -> bool:
    """Whether a route takes every critical alert: nothing but the severity is asked for, and this one fits."""
    wanted: list[tuple[str, str, str]] = []
    for key, how in (("match", "="), ("match_re", "=~")):
        told = route.get(key)
        wanted += [(str(name), how, str(value)) for name, value in told.items()] if isinstance(told, dict) else []
    matchers = route.get("matchers")
    for item in matchers if isinstance(matchers, list) else ():
        parsed = re.fullmatch(r'\s*"?([A-Za-z_][\w.]*)"?\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*', str(item)[:1000])
        if parsed is None:
            return False
        wanted.append((parsed[1], parsed[2], parsed[3]))
    return all(name == _SEVERITY and _fits(how, value) for name, how, value in wanted)


def _fits(how: str, value: str) -> bool:
    if how in {"=", "!="}:
        return (value == _CRITICAL) is (how == "=")
    # A pattern of plain words is all that is read: anything else may be meant to hang whoever tries it.
    words = value.strip("^$()").split("|") if re.fullmatch(r"\^?\(?[\w|-]{1,200}\)?\$?", value[: _PATTERN_LIMIT + 10]) else []
    return (_CRITICAL in words) is (how == "=~") if words else False


def _integrates(receiver: dict[str, Any]) -> bool:
    return any(str(key).endswith("_configs") and bool(value) for key, value in receiver.items())


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _meta(namespace: str, name: str) -> Meta:
    return Meta(name=name, uid="", resource_version="", namespace=namespace)

"""Where logs go. Of outputs only the type, the endpoint and the switches of TLS are kept, of filters what they take away.

Source: observability.openshift.io/v1 and logging.openshift.io/v1 ClusterLogForwarder, field paths as in their CRDs.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind


class LogInput(msgspec.Struct, frozen=True):
    """A choice of logs. ``partial`` says that it leaves some of its type out."""

    name: str
    type: str = ""
    application: Any = None
    infrastructure: Any = None
    audit: Any = None

    def __post_init__(self) -> None:
        """Keep of each choice whether it narrows, and the audit sources."""
        for of in ("application", "infrastructure", "audit"):
            force_setattr(self, of, _narrowing(getattr(self, of)))

    @property
    def kind(self) -> str:
        """``application``, ``infrastructure`` or ``audit``; by the part that is there where no type is written."""
        return self.type or next((of for of in ("application", "infrastructure", "audit") if getattr(self, of) is not None), "")

    @property
    def narrows(self) -> tuple[str, ...]:
        """What narrows it: names of fields, and ``sources=…``."""
        found: tuple[str, ...] = getattr(self, self.kind, None) or ()
        return found


class OutputTLS(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether the server's certificate is looked at."""

    insecure_skip_verify: bool = False


class LogOutput(msgspec.Struct, frozen=True, rename="camel"):
    """A place to send to: ``endpoints`` are scheme, host and port, without paths and logins."""

    name: str
    type: str = ""
    tls: OutputTLS | None = None
    url: str = ""
    splunk: Any = None
    syslog: Any = None
    http: Any = None
    kafka: Any = None
    loki: Any = None
    elasticsearch: Any = None
    otlp: Any = None
    cloudwatch: Any = None
    azure_logs_ingestion: Any = None
    azure_monitor: Any = None
    s3: Any = None

    def __post_init__(self) -> None:
        """Keep the endpoints: the rest of an output may hold credentials."""
        force_setattr(self, "url", _endpoint(self.url))
        for of in _OUTPUTS:
            force_setattr(self, of, _endpoints(getattr(self, of)))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it sends to; empty for services that are known by their type."""
        found = tuple(item for of in _OUTPUTS for item in getattr(self, of) or ())
        return found or ((self.url,) if self.url else ())


class Pipeline(msgspec.Struct, frozen=True, rename="camel"):
    """Inputs, filters and outputs by name."""

    name: str = ""
    input_refs: tuple[str, ...] | None = None
    output_refs: tuple[str, ...] | None = None
    filter_refs: tuple[str, ...] | None = None


class Prune(msgspec.Struct, frozen=True, rename="camel"):
    """Fields that are taken away, or all but those that stay."""

    in_: tuple[str, ...] | None = msgspec.field(default=None, name="in")
    not_in: tuple[str, ...] | None = None


class LogFilter(msgspec.Struct, frozen=True, rename="camel"):
    """What a filter takes away or adds; of the labels that it adds only the names are kept."""

    name: str
    type: str = ""
    prune: Prune | None = None
    openshift_labels: Any = None

    def __post_init__(self) -> None:
        """Keep the names of labels."""
        labels = self.openshift_labels
        names = labels if isinstance(labels, tuple) else tuple(sorted(map(str, labels))) if isinstance(labels, dict) else ()
        force_setattr(self, "openshift_labels", names)


class ForwarderSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What goes where."""

    management_state: str = "Managed"
    inputs: tuple[LogInput, ...] | None = None
    outputs: tuple[LogOutput, ...] | None = None
    pipelines: tuple[Pipeline, ...] | None = None
    filters: tuple[LogFilter, ...] | None = None


class ForwarderStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Whether it works, as a whole and output by output."""

    conditions: tuple[Condition, ...] | None = None
    output_conditions: tuple[Condition, ...] | None = None


class ClusterLogForwarder(Kind, frozen=True):
    """A forwarder of OpenShift Logging 6."""

    GROUP = "observability.openshift.io"
    PLURAL = "clusterlogforwarders"
    KIND = "ClusterLogForwarder"

    spec: ForwarderSpec = ForwarderSpec()
    status: ForwarderStatus = ForwarderStatus()


class OldStatus(msgspec.Struct, frozen=True):
    """Whether it works."""

    conditions: tuple[Condition, ...] | None = None

    output_conditions: tuple[Condition, ...] | None = None


class OldClusterLogForwarder(Kind, frozen=True):
    """A forwarder of OpenShift Logging 5."""

    GROUP = "logging.openshift.io"
    PLURAL = "clusterlogforwarders"
    KIND = "ClusterLogForwarder"

    spec: ForwarderSpec = ForwarderSpec()
    status: OldStatus = OldStatus()


_OUTPUTS = (
    "splunk",
    "syslog",
    "http",
    "kafka",
    "loki",
    "elasticsearch",
    "otlp",
    "cloudwatch",
    "azure_logs_ingestion",
    "azure_monitor",
    "s3",
)


def _narrowing(choice: Any) -> tuple[str, ...] | None:
    """What of an input's choice leaves something out; ``None`` where there is no choice."""
    if choice is None or isinstance(choice, tuple):
        return choice
    if not isinstance(choice, dict):
        return ("?",)
    found = [name for name in ("includes", "excludes", "selector", "namespaces") if choice.get(name)]
    sources = choice.get("sources")
    if isinstance(sources, list):
        found.append("sources=" + ",".join(sorted(str(item) for item in sources)))
    return tuple(found)


def _endpoints(output: Any) -> tuple[str, ...] | None:
    if output is None or isinstance(output, tuple):
        return output
    if not isinstance(output, dict):
        return ()
    brokers = output.get("brokers")
    texts = [output.get("url"), output.get("host"), *(brokers if isinstance(brokers, list) else ())]
    return tuple(found for text in texts if isinstance(text, str) and (found := _endpoint(text)))


def _endpoint(text: str) -> str:
    """``scheme://host:port`` of a URL; empty where it is none."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{f':{port}' if port else ''}" if host else ""

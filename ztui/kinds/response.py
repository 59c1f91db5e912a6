"""What answers events: listeners, what they start, and who calls them. Of URLs only the host is kept.

Source: triggers.tekton.dev/v1beta1, tekton.dev/v1, monitoring.coreos.com/v1alpha1 AlertmanagerConfig.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind


class Named(msgspec.Struct, frozen=True, gc=False):
    """Something by name."""

    name: str = ""
    kind: str = ""


class InterceptorParam(msgspec.Struct, frozen=True, rename="camel"):
    """A parameter by name; ``value`` only says whether a secret is referred to."""

    name: str = ""
    value: Any = None

    def __post_init__(self) -> None:
        """Parameters may hold anything: nothing of them is kept but that they are there."""
        force_setattr(self, "value", bool(self.value))


class Interceptor(msgspec.Struct, frozen=True):
    """What a request must pass: its kind by ``ref``, and its parameters by name."""

    ref: Named | None = None
    params: tuple[InterceptorParam, ...] | None = None

    @property
    def proves(self) -> bool:
        """Whether it looks at a signature or a secret: what the shipped interceptors do where they are told a secret."""
        name = self.ref.name if self.ref else ""
        told = any(item.name == "secretRef" and item.value for item in self.params or ())
        return name not in {"", "cel"} and (told or name not in {"github", "gitlab", "bitbucket", "slack"})


class TemplateRef(msgspec.Struct, frozen=True, gc=False):
    """The template that a trigger starts."""

    ref: str | None = None
    spec: Any = None

    def __post_init__(self) -> None:
        """Of a template that is written in place only that it is there is kept."""
        force_setattr(self, "spec", self.spec is not None and self.spec is not False)


class TriggerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Interceptors and template; inside a listener also a reference to a Trigger."""

    template: TemplateRef | None = None
    interceptors: tuple[Interceptor, ...] | None = None
    service_account_name: str = ""


class ListenerTrigger(TriggerSpec, frozen=True, rename="camel"):
    """One trigger of a listener."""

    name: str = ""
    trigger_ref: str = ""


class TriggerGroup(msgspec.Struct, frozen=True):
    """Interceptors before triggers that are chosen by labels."""

    name: str = ""
    interceptors: tuple[Interceptor, ...] | None = None


class ListenerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Who a listener is and what it starts."""

    service_account_name: str = ""
    triggers: tuple[ListenerTrigger, ...] | None = None
    trigger_groups: tuple[TriggerGroup, ...] | None = None


class Address(msgspec.Struct, frozen=True, gc=False):
    """Where a listener answers."""

    url: str = ""


class ListenerConfiguration(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The name of the Service and the Deployment that a listener made."""

    generated_name: str = ""


class ListenerStatus(msgspec.Struct, frozen=True):
    """Whether a listener is ready, and where."""

    conditions: tuple[Condition, ...] | None = None
    address: Address | None = None
    configuration: ListenerConfiguration = ListenerConfiguration()


class EventListener(Kind, frozen=True):
    """A listener of Tekton Triggers."""

    GROUP = "triggers.tekton.dev"
    VERSIONS = ("v1beta1", "v1alpha1")
    PLURAL = "eventlisteners"
    KIND = "EventListener"

    spec: ListenerSpec = ListenerSpec()
    status: ListenerStatus = ListenerStatus()

    @property
    def service(self) -> str:
        """The name of its Service."""
        return self.status.configuration.generated_name or f"el-{self.name}"


class Trigger(Kind, frozen=True):
    """A trigger that listeners refer to."""

    GROUP = "triggers.tekton.dev"
    VERSIONS = ("v1beta1", "v1alpha1")
    PLURAL = "triggers"
    KIND = "Trigger"

    spec: TriggerSpec = TriggerSpec()


class TriggerTemplate(Kind, frozen=True):
    """What a trigger starts; that it is there is what counts."""

    GROUP = "triggers.tekton.dev"
    VERSIONS = ("v1beta1", "v1alpha1")
    PLURAL = "triggertemplates"
    KIND = "TriggerTemplate"
    METADATA_ONLY = True


class WebhookReceiver(msgspec.Struct, frozen=True, gc=False):
    """A URL that is called: its host alone, since paths and queries hold tokens."""

    url: str | None = None

    def __post_init__(self) -> None:
        """Keep the host."""
        force_setattr(self, "url", _host(self.url or ""))


class AlertReceiver(msgspec.Struct, frozen=True, rename="camel"):
    """A receiver of alerts; only its webhooks are kept."""

    name: str = ""
    webhook_configs: tuple[WebhookReceiver, ...] | None = None


class AlertSpec(msgspec.Struct, frozen=True):
    """The receivers of a configuration."""

    receivers: tuple[AlertReceiver, ...] | None = None


class AlertmanagerConfig(Kind, frozen=True):
    """A tenant's part of the alerting configuration."""

    GROUP = "monitoring.coreos.com"
    VERSIONS = ("v1beta1", "v1alpha1")
    PLURAL = "alertmanagerconfigs"
    KIND = "AlertmanagerConfig"

    spec: AlertSpec = AlertSpec()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that its webhooks call."""
        return tuple(hook.url for item in self.spec.receivers or () for hook in item.webhook_configs or () if hook.url)


def _host(text: str) -> str:
    """The host alone, also of a text without a scheme: what stands around it may be a login or a token."""
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""

"""Who extends the API server: admission webhooks and aggregated API services.

Source: admissionregistration.k8s.io/v1, apiregistration.k8s.io/v1. CA bundles have no place here.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.base import Kind


class ServiceTarget(msgspec.Struct, frozen=True, gc=False):
    """The service that an extension points at."""

    namespace: str = ""
    name: str = ""


class WebhookClient(msgspec.Struct, frozen=True):
    """How a webhook is reached."""

    service: ServiceTarget | None = None


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """One webhook of a configuration."""

    name: str = ""
    client_config: WebhookClient = WebhookClient()
    failure_policy: str = "Fail"


class ValidatingWebhookConfiguration(Kind, frozen=True):
    """Validating webhooks."""

    GROUP: ClassVar[str] = "admissionregistration.k8s.io"
    PLURAL: ClassVar[str] = "validatingwebhookconfigurations"
    KIND: ClassVar[str] = "ValidatingWebhookConfiguration"
    NAMESPACED: ClassVar[bool] = False

    webhooks: tuple[Webhook, ...] | None = None


class MutatingWebhookConfiguration(Kind, frozen=True):
    """Mutating webhooks."""

    GROUP: ClassVar[str] = "admissionregistration.k8s.io"
    PLURAL: ClassVar[str] = "mutatingwebhookconfigurations"
    KIND: ClassVar[str] = "MutatingWebhookConfiguration"
    NAMESPACED: ClassVar[bool] = False

    webhooks: tuple[Webhook, ...] | None = None


class APIServiceSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Where an aggregated API is served and whether its certificate is verified."""

    service: ServiceTarget | None = None
    insecure_skip_tls_verify: bool = msgspec.field(default=False, name="insecureSkipTLSVerify")


class APIService(Kind, frozen=True):
    """An API group version, built in or aggregated."""

    GROUP: ClassVar[str] = "apiregistration.k8s.io"
    PLURAL: ClassVar[str] = "apiservices"
    KIND: ClassVar[str] = "APIService"
    NAMESPACED: ClassVar[bool] = False

    spec: APIServiceSpec = APIServiceSpec()

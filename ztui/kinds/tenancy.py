"""What bounds tenants: quotas, limits, project templates. Source: core/v1, quota.openshift.io/v1, template.openshift.io/v1."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


class ResourceQuota(Kind, frozen=True):
    """A quota; that it is there is what counts."""

    PLURAL = "resourcequotas"
    KIND = "ResourceQuota"
    METADATA_ONLY = True


class LimitRange(Kind, frozen=True):
    """Default and greatest sizes; that it is there is what counts."""

    PLURAL = "limitranges"
    KIND = "LimitRange"
    METADATA_ONLY = True


class QuotaNamespace(msgspec.Struct, frozen=True):
    """A namespace that a cluster quota covers."""

    namespace: str = ""


class ClusterQuotaStatus(msgspec.Struct, frozen=True):
    """Where a cluster quota applies."""

    namespaces: tuple[QuotaNamespace, ...] | None = None


class ClusterResourceQuota(Kind, frozen=True):
    """A quota over several namespaces."""

    GROUP = "quota.openshift.io"
    PLURAL = "clusterresourcequotas"
    KIND = "ClusterResourceQuota"
    NAMESPACED = False

    status: ClusterQuotaStatus = ClusterQuotaStatus()


class TemplateRef(msgspec.Struct, frozen=True):
    """The name of a template in ``openshift-config``."""

    name: str = ""


class ProjectSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How new projects are made."""

    project_request_template: TemplateRef = TemplateRef()


class ProjectConfig(Kind, frozen=True):
    """``Project/cluster`` of config.openshift.io: how new projects are made."""

    GROUP = "config.openshift.io"
    PLURAL = "projects"
    KIND = "Project"
    NAMESPACED = False

    spec: ProjectSpec = ProjectSpec()


class TemplateObject(msgspec.Struct, frozen=True):
    """What an object of a template is; its content has no place here."""

    kind: str = ""


class Template(Kind, frozen=True):
    """A template for new projects; the kinds of its objects are what counts."""

    GROUP = "template.openshift.io"
    PLURAL = "templates"
    KIND = "Template"
    ONLY_IN = "openshift-config"

    objects: tuple[TemplateObject, ...] | None = None

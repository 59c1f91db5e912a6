"""Whether new tenants are born isolated, and those that exist are bounded."""

from __future__ import annotations

from typing import Final

from ztui.engines import units
from ztui.kinds.base import Kind
from ztui.kinds.tenancy import ClusterResourceQuota, LimitRange, ProjectConfig, ResourceQuota, Template
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

TENANCY: Final[tuple[type[Kind], ...]] = (Namespace, ResourceQuota, LimitRange)
TENANCY_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (ProjectConfig, Template, ClusterResourceQuota)
CONFIG_NAMESPACE: Final = "openshift-config"
BORN_AT: Final = 0.9


def born_isolated(view: View) -> bool:
    """Whether every new project gets a NetworkPolicy and a quota, and nine of ten of today's namespaces are bounded."""
    kinds = template_kinds(view)
    return {"NetworkPolicy", "ResourceQuota"} <= kinds and bounded_share(view) >= BORN_AT


def template_kinds(view: View) -> frozenset[str]:
    """The kinds of the objects that a new project starts with; empty where no template is set."""
    config = view.get(ProjectConfig, "cluster")
    name = config.spec.project_request_template.name if config else ""
    template = view.get(Template, name, CONFIG_NAMESPACE) if name else None
    return frozenset(item.kind for item in (template.objects if template else None) or ())


def user_namespaces(view: View) -> tuple[str, ...]:
    """The namespaces of tenants, sorted."""
    classes = view.derive(units.namespace_classes, frozenset())
    return tuple(name for name, kind in classes.items() if kind == "user")


def runs_pods(view: View, namespace: str) -> bool:
    """Whether a live pod is in the namespace; derived, so that the thousandth pod changes nothing for who asks."""
    return any(item.is_live for item in view.within(Pod, namespace))


def has_quota(view: View, namespace: str) -> bool:
    """Whether a quota bounds the namespace."""
    return bool(view.within(ResourceQuota, namespace)) or namespace in view.derive(_covered)


def _covered(view: View) -> frozenset[str]:
    """The namespaces that a quota over several of them bounds."""
    return frozenset(item.namespace for quota in view.all(ClusterResourceQuota) for item in quota.status.namespaces or ())


def bounded_share(view: View, *, limits: bool = True) -> float:
    """The share of user namespaces with a quota (and, if asked, limits); 1.0 where there are none."""
    names = view.derive(user_namespaces)
    good = [name for name in names if has_quota(view, name) and (not limits or view.within(LimitRange, name))]
    return len(good) / len(names) if names else 1.0

"""Who may do what: roles and bindings. Source: rbac.authorization.k8s.io/v1."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind, Selector


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """One rule of a role: what it names may be done; nothing else is implied."""

    verbs: tuple[str, ...] | None = None
    api_groups: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    resource_names: tuple[str, ...] | None = None
    non_resource_urls: tuple[str, ...] | None = msgspec.field(default=None, name="nonResourceURLs")


class Subject(msgspec.Struct, frozen=True, rename="camel"):
    """Whom a binding names. ``kind`` is ``User``, ``Group`` or ``ServiceAccount``."""

    kind: str
    name: str
    namespace: str = ""
    api_group: str = ""


class RoleRef(msgspec.Struct, frozen=True, rename="camel"):
    """The role that a binding grants."""

    kind: str
    name: str
    api_group: str = ""


class Aggregation(msgspec.Struct, frozen=True, rename="camel"):
    """Which ClusterRoles an aggregated one is made of."""

    cluster_role_selectors: tuple[Selector, ...] | None = None


class Role(Kind, frozen=True):
    """Rules for one namespace."""

    GROUP = "rbac.authorization.k8s.io"
    PLURAL = "roles"
    KIND = "Role"

    rules: tuple[Rule, ...] | None = None


class ClusterRole(Kind, frozen=True):
    """Rules for the whole cluster, or for the namespace of a RoleBinding that names them."""

    GROUP = "rbac.authorization.k8s.io"
    PLURAL = "clusterroles"
    KIND = "ClusterRole"
    NAMESPACED = False

    rules: tuple[Rule, ...] | None = None
    aggregation_rule: Aggregation | None = None


class RoleBinding(Kind, frozen=True):
    """Grants a role in its namespace."""

    GROUP = "rbac.authorization.k8s.io"
    PLURAL = "rolebindings"
    KIND = "RoleBinding"

    role_ref: RoleRef
    subjects: tuple[Subject, ...] | None = None


class ClusterRoleBinding(Kind, frozen=True):
    """Grants a ClusterRole everywhere."""

    GROUP = "rbac.authorization.k8s.io"
    PLURAL = "clusterrolebindings"
    KIND = "ClusterRoleBinding"
    NAMESPACED = False

    role_ref: RoleRef
    subjects: tuple[Subject, ...] | None = None

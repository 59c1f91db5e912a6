"""Row P1.AUTH, anonymous access: what a caller without any login may do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ztui.checks.base import Finding, Status, check, fail, ok, reason, seen, warn
from ztui.engines.grants import ACCESS, role_rules
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding, Rule
from ztui.kinds.workload import Namespace
from ztui.view import View

DISCOVERY = reason("public-discovery", "{role} only shows public information to callers without a login")
LEGACY = reason(
    "legacy-default",
    "{subject} still holds {role}, as releases before 4.16 shipped it",
    next="Remove the subject: oc adm policy remove-cluster-role-from-group {role} system:unauthenticated",
)
PULLER = reason(
    "anonymous-pull",
    "anybody may pull images of {namespace} without a login",
    next="Remove the subject from the RoleBinding unless the images are meant to be public",
)
GRANTED = reason(
    "anonymous-grant",
    "{subject} holds {role}: a caller without a login may {what}",
    next="Remove {subject} from the binding; annotate a shipped binding with autoupdate=false or it returns",
    stands=True,
    waivable=False,
)

ANONYMOUS: Final = {("Group", "system:unauthenticated"), ("User", "system:anonymous")}
PUBLIC: Final = frozenset({"system:public-info-viewer", "system:openshift:public-info-viewer"})

_REVIEWS: Final = {"selfsubjectaccessreviews": {"create"}, "selfsubjectrulesreviews": {"create"}}

# What the legacy roles ship with: verbs by resource. Source: bootstrap policy of kubernetes and openshift.
SHIPPED: Final[dict[str, dict[str, set[str]]]] = {
    "self-access-reviewer": _REVIEWS,
    "system:oauth-token-deleter": {"oauthaccesstokens": {"delete"}, "oauthauthorizetokens": {"delete"}},
    "system:scope-impersonation": {"userextras/scopes.authorization.openshift.io": {"impersonate"}},
    "system:webhook": {"buildconfigs/webhooks": {"get", "create"}},
    "system:openshift:discovery": {},
    "system:discovery": {},
    "system:basic-user": {**_REVIEWS, "selfsubjectreviews": {"create"}},
    "cluster-status": {"clusterstatuses": {"get"}},
}
PULLS: Final = {"imagestreams/layers": {"get"}}

# The paths of discovery, in any release, with or without what is below them. /metrics and /debug are not among them.
PATHS: Final = frozenset(
    {
        *("", "api", "apis", "oapi", "osapi", "openapi", "swagger.json", "swagger-2.0.0.pb-v1", "swaggerapi", ".well-known"),
        *("healthz", "livez", "readyz", "version", "controllers"),
    }
)


@check(
    "ZT1-AUTH-001",
    "No anonymous permissions beyond public discovery",
    severity="critical",
    gate="R",
    grain="both",
    needs=ACCESS,
    scope="all",
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("CISA Identity", "800-53 AC-3", "800-53 AC-14", "CIS-OCP 1.2.1", "NSA authentication"),
)
def no_anonymous_access(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """No binding gives a caller without a login more than public discovery.

    Why: an unauthenticated caller must not reach any resource; whoever finds the API address is such a caller.
    How: a binding to system:unauthenticated or system:anonymous is used with a plain HTTP client, without leaving a name.
    Rule: pass if the role only shows public paths; warn for the roles that old releases shipped, unchanged, and for anonymous
    image pulls; fail for anything else, and for a shipped role that has gained a rule.
    Traps: a path such as /metrics is not discovery; RoleBindings can name system:unauthenticated too; shipped bindings come
    back unless autoupdate is off.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1
    ClusterRole, Role, rules.
    Verify: kubectl get clusterrolebindings,rolebindings -A -o wide | grep -E 'system:(unauthenticated|anonymous)'
    """
    bindings: Iterable[ClusterRoleBinding | RoleBinding]
    bindings = view.all(ClusterRoleBinding) if namespace is None else view.within(RoleBinding, namespace.name)
    for binding in bindings:
        for at, subject in enumerate(binding.subjects or ()):
            if (subject.kind, subject.name) in ANONYMOUS:
                yield _judge(view, binding, at)


def _judge(view: View, binding: ClusterRoleBinding | RoleBinding, at: int) -> Finding:
    subject = (binding.subjects or ())[at]
    role = binding.role_ref.name
    rules = role_rules(view, binding.role_ref, binding.namespace)
    facts = [seen(binding, f"subjects[{at}]", f"{subject.kind} {subject.name}"), seen(binding, "roleRef.name", role)]
    if role in PUBLIC and _only_paths(rules):
        return ok(binding, DISCOVERY, seen=facts, role=role)
    if role in SHIPPED and _unchanged(rules, SHIPPED[role]):
        return warn(binding, LEGACY, seen=facts, role=role, subject=subject.name)
    if role == "system:image-puller" and binding.namespace and _unchanged(rules, PULLS):
        return warn(binding, PULLER, seen=facts, namespace=binding.namespace)
    return fail(binding, GRANTED, seen=facts, role=role, subject=subject.name, what=in_words(rules))


def in_words(rules: Iterable[Rule]) -> str:
    """The first rules of a role as people say them."""
    said = []
    for rule in rules:
        what = rule.resources or rule.non_resource_urls or ()
        said.append(f"{'/'.join((rule.verbs or ())[:4])} {', '.join(what[:4])}")
    more = f" and {len(said) - 2} more" if len(said) > 2 else ""
    return "; ".join(said[:2]) + more if said else "use a role that is not there yet"


def _only_paths(rules: tuple[Rule, ...]) -> bool:
    return all(rule.non_resource_urls and not rule.resources for rule in rules) and _unchanged(rules, {})


def _unchanged(rules: tuple[Rule, ...], shipped: Mapping[str, set[str]]) -> bool:
    """Whether every resource has no verb beyond the shipped ones, and every path is one of discovery, to be read."""
    for rule in rules:
        verbs = set(rule.verbs or ())
        if any(not verbs <= shipped.get(resource, set()) for resource in rule.resources or ()):
            return False
        if any(not (verbs <= {"get", "head"} and _is_discovery(path)) for path in rule.non_resource_urls or ()):
            return False
    return True


def _is_discovery(path: str) -> bool:
    return path != "/*" and path.startswith("/") and path.removeprefix("/").partition("/")[0].rstrip("*") in PATHS

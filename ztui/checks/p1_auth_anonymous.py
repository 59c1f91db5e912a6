"""Row P1.AUTH, anonymous access: what a caller without any login may do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
)

ANONYMOUS: Final = {("Group", "system:unauthenticated"), ("User", "system:anonymous")}
PUBLIC: Final = frozenset({"system:public-info-viewer", "system:openshift:public-info-viewer"})

# What the legacy roles ship with, as (verbs, resources). Source: bootstrap policy of kubernetes and openshift.
SHIPPED: Final[dict[str, frozenset[str]]] = {
    "self-access-reviewer": frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"}),
    "system:oauth-token-deleter": frozenset({"oauthaccesstokens", "oauthauthorizetokens"}),
    "system:scope-impersonation": frozenset({"userextras/scopes.authorization.openshift.io"}),
    "system:webhook": frozenset({"buildconfigs/webhooks"}),
    "system:openshift:discovery": frozenset(),
    "system:discovery": frozenset(),
    "system:basic-user": frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}),
    "cluster-status": frozenset({"clusterstatuses"}),
}


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
    Traps: RoleBindings can name system:unauthenticated too; shipped bindings come back unless autoupdate is off.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding subjects and roleRef; the rules of the role.
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
    if role == "system:image-puller" and binding.namespace:
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
    reads = {"get", "head"}
    return all(rule.non_resource_urls and not rule.resources and set(rule.verbs or ()) <= reads for rule in rules)


def _unchanged(rules: tuple[Rule, ...], shipped: frozenset[str]) -> bool:
    resources = {item for rule in rules for item in rule.resources or ()}
    reads = all(set(rule.verbs or ()) <= {"get", "head"} for rule in rules if rule.non_resource_urls)
    return resources <= shipped and reads and not any("*" in (rule.verbs or ()) for rule in rules)

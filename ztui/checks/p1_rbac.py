"""Row P1.RBAC, what is granted: superusers, wildcards, ways up, readers of Secrets, broad groups, self-provisioning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Evidence, Finding, Reason, Status, check, fail, of_addon, ok, reason, seen, unknown, warn
from ztui.checks.p1_auth_anonymous import in_words
from ztui.engines import tenancy, units
from ztui.engines.escalation import primitives, privileged_sccs
from ztui.engines.grants import ACCESS, BROAD, Grant, Question, allows, cluster_grants, grants_in, is_broad, server_minor
from ztui.engines.holders import Holder, holder, is_default_account, is_full_admin
from ztui.kinds.base import Ref
from ztui.kinds.identity import Group
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.session import Session
from ztui.kinds.workload import Namespace
from ztui.view import View, Why

UNBIND: Final = "Remove the subject from {binding}, or grant a narrower role in a namespace"

ADMIN_TO_ALL = reason("admin-to-everyone", "{subject} may do everything, by {binding}", next=UNBIND, stands=True)
ADMIN_ACCOUNT = reason("admin-account", "the account {subject} may do everything, by {binding}", next=UNBIND)
ADMIN_USER = reason("admin-user", "{subject} is cluster-admin by name, not by a group: {binding}", next="Grant it to a group")
ADMIN_GROUP = reason("admin-group", "{subject} ({size} people) is cluster-admin by {binding}")
ADMINS_MANY = reason(
    "too-many-admins",
    "{count} people can do everything; {limit} is the limit",
    next="Take cluster-admin from those who do not need it",
)
WILDCARD = reason(
    "wildcard",
    "{subject} may do * on * in {scope}, by {role}",
    next="Write a Role with the verbs and resources in use",
    stands=True,
)
HALF_WILDCARD = reason(
    "half-wildcard", "{role} gives {subject} * on one side in {scope}", next="Name the verbs and resources that are needed"
)
FROM_OPERATOR = reason("wildcard-from-operator", "{role} comes from an operator and gives {subject} a wildcard in {scope}")
WAY_UP = reason("way-up", "{subject} can {what} in {scope}, by {binding}", next=UNBIND, stands=True)
WAY_UP_PEOPLE = reason("way-up-people", "{subject} can {what} in {scope}, by {binding}", next=UNBIND)
READS_SECRETS = reason(
    "reads-secrets", "{subject} can {verb} every Secret of the cluster, by {binding}", next=UNBIND, stands=True
)
READS_SECRETS_PEOPLE = reason(
    "people-read-secrets",
    "{subject} can {verb} every Secret of the cluster, by {binding}",
    next="Grant it per namespace, or just in time",
)
BROAD_DEFAULT = reason("shipped-default", "{subject} holds {role}, as shipped")
BROAD_READ = reason("broad-read", "{subject} holds {role}: everybody may {what}", next=UNBIND)
BROAD_WRITE = reason("broad-write", "{subject} holds {role}: everybody may {what}", next=UNBIND, stands=True)
PROVISION_NOBODY = reason("nobody-provisions", "no broad group may create projects")
PROVISION_ISOLATED = reason("isolated-projects", "{subject} may create projects, and each is born isolated")
PROVISION_FREE = reason(
    "free-projects",
    "{subject} may create projects, and they are not born isolated",
    next="Remove the subject, or set a project template",
)
UNPROVEN = reason(
    "unproven-account",
    "whether {subject} belongs to the platform could not be read",
    next="Let ztui read ClusterOperators",
)
FINE = reason("bounded", "{subject} holds nothing of this kind by {binding}")

SECRETS: Final = tuple(Question(verb, "", "secrets") for verb in ("get", "list", "watch"))
READ_VERBS: Final = frozenset({"get", "list", "watch", "head"})
# What broad groups ship with. Source: bootstrap policy of kubernetes and openshift.
BROAD_SHIPPED: Final = frozenset(
    {
        "basic-user",
        "self-access-reviewer",
        "cluster-status",
        "system:oauth-token-deleter",
        "system:webhook",
        "system:openshift:discovery",
        "system:discovery",
        "system:basic-user",
        "system:public-info-viewer",
        "system:openshift:public-info-viewer",
        "system:scope-impersonation",
        "system:build-strategy-docker",
        "system:build-strategy-source",
        "system:build-strategy-jenkinspipeline",
        "system:service-account-issuer-discovery",
        "helm-chartrepos-viewer",
        "console-extensions-reader",
        "shared-resource-viewer",
        "self-provisioner",
    }
)


@check(
    "ZT1-RBAC-001",
    "Cluster-admin is rare and group-granted",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(ClusterRole, Role, ClusterRoleBinding),
    where_served=(Group,),
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("CISA Identity", "800-53 AC-6", "800-53 AC-6(5)", "CIS-OCP 5.1.1"),
)
def few_admins(view: View) -> Iterator[Finding]:
    """Few people can do everything, and they can by a group.

    Why: standing superusers defeat isolation: one stolen login is the whole cluster.
    How: the token of one careless admin, or of a pod whose account is bound to cluster-admin, is used.
    Rule: fail for a broad group, a default account, or more than twice the limit of people; warn for any other account, a user
    bound by name, or more people than the limit. Roles are judged by their rules, whatever they are called.
    Traps: the same person by user and by group counts once; certificates of system:masters are not visible in RBAC.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1 ClusterRole,
    rules, aggregationRule; user.openshift.io/v1 Group, users.
    Verify: kubectl get clusterrolebindings -o wide | grep cluster-admin
    """
    people: set[str] = set()
    for grant, who in _cluster(view):
        if not is_full_admin(grant) or who == "platform":
            continue
        facts = _facts(view, grant)
        if who == "broad" or is_default_account(grant):
            yield mark(view, who, fail(grant.binding, ADMIN_TO_ALL, seen=facts, **_words(grant)))
        elif who in {"automation", "addon", "unproven"}:
            yield mark(view, who, warn(grant.binding, ADMIN_ACCOUNT, seen=facts, **_words(grant)))
        elif grant.subject.kind == "User":
            people.add(grant.subject.name)
            yield warn(grant.binding, ADMIN_USER, seen=facts, **_words(grant))
        else:
            group = view.get(Group, grant.subject.name)
            people.update((group.users or ()) if group else (f"group {grant.subject.name}",))
            size = str(len((group.users or ()) if group else ()) or 1)
            yield ok(grant.binding, ADMIN_GROUP, seen=facts, size=size, **_words(grant))
    if len(people) > view.limits.max_cluster_admins:
        found = fail if len(people) > 2 * view.limits.max_cluster_admins else warn
        first = next(grant.binding for grant, who in _cluster(view) if who == "human" and is_full_admin(grant))
        yield found(first, ADMINS_MANY, count=len(people), limit=view.limits.max_cluster_admins)


@check(
    "ZT1-RBAC-002",
    "No wildcard roles in tenant reach",
    severity="high",
    gate="R",
    grain="both",
    needs=ACCESS,
    scope="all",
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("800-53 AC-6", "CIS-OCP 5.1.3"),
)
def no_wildcards(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """No role that people or workloads hold says * on *.

    Why: a wildcard also grants what does not exist yet, every future API included.
    How: an attacker with the account uses a resource that nobody thought of when the role was written.
    Rule: fail where verbs and resources are both *; warn where one of them is, or where an operator brought the role. Grants of
    everything at cluster scope are judged by ZT1-RBAC-001 and not a second time here.
    Traps: admin, edit and view are not wildcards; roles that nobody holds are not judged.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1
    ClusterRole, Role, rules.
    Verify: kubectl get clusterroles,roles -A -o json | jq '.items[] | select(.rules[]?.verbs[]? == "*") | .metadata.name'
    """
    for grant, who in _here(view, namespace):
        if who == "platform" or (namespace is None and is_full_admin(grant)):
            continue
        worst = _wildcard(view, grant)
        facts = _facts(view, grant)
        if worst is None:
            yield mark(view, who, ok(grant.binding, FINE, seen=(), **_words(grant)))
        else:
            yield mark(view, who, (fail if worst is WILDCARD else warn)(grant.binding, worst, seen=facts, **_words(grant)))


@check(
    "ZT1-RBAC-003",
    "No escalation primitives in tenant reach",
    severity="critical",
    gate="R",
    grain="both",
    needs=ACCESS,
    where_served=(SecurityContextConstraints,),
    may=(Session,),
    scope="all",
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("800-53 AC-6", "800-53 AC-6(1)", "800-53 AC-3", "CIS-OCP 5.1.4", "CIS-OCP 5.2.10"),
)
def no_ways_up(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """Nobody in a tenant's reach holds a right that leads to cluster-admin.

    Why: these verbs turn a small grant into cluster-admin.
    How: bind a role to oneself, impersonate an admin, mint a token, exec into a privileged pod, sign a certificate.
    Rule: fail where an account or a broad group holds one at cluster scope, or a default account anywhere; warn where people
    hold it at cluster scope, or an account in a namespace. People who hold everything are judged by ZT1-RBAC-001.
    Traps: get on pods/exec and nodes/proxy looks read-only and is not; admin and edit in a namespace are bound by the server; an
    SCC is privileged by its fields, not its name, and may list its users itself.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1
    ClusterRole, rules, aggregationRule; security.openshift.io/v1 SecurityContextConstraints, users, groups,
    allowPrivilegedContainer.
    Verify: ztui who-can impersonate users; ztui who-can create serviceaccounts/token
    """
    for grant, who in _here(view, namespace):
        if who == "platform" or (who == "human" and (grant.namespace or is_full_admin(grant))):
            continue
        ways = () if _is_bounded(grant) else primitives(grant, server_minor(view), view.derive(privileged_sccs))
        words = {**_words(grant), "what": ", ".join(ways[:3])}
        if not ways:
            yield mark(view, who, ok(grant.binding, FINE, seen=(), **words))
        elif is_default_account(grant) or (not grant.namespace and who != "human"):
            yield mark(view, who, fail(grant.binding, WAY_UP, seen=_facts(view, grant), **words))
        else:
            yield mark(view, who, warn(grant.binding, WAY_UP_PEOPLE, seen=_facts(view, grant), **words))
    if namespace is None:
        yield from _listed_in_sccs(view)


@check(
    "ZT1-RBAC-004",
    "Secret readers are bounded",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(ClusterRole, Role, ClusterRoleBinding),
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("CISA Data", "800-53 AC-6", "800-53 SC-28", "CIS-OCP 5.1.2"),
)
def secret_readers(view: View) -> Iterator[Finding]:
    """Nobody outside the secret operators reads every Secret.

    Why: read access to Secrets is the theft of credentials in one call.
    How: one list call returns every database password and every token of the cluster.
    Rule: fail for an account or a broad group that reads Secrets at cluster scope; warn for people. Accounts of add-ons are
    shown, not scored: secret operators need it. People who hold everything are judged by ZT1-RBAC-001.
    Traps: list and watch leak values as get does; cluster-reader has no Secrets; names make a rule bounded.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1 ClusterRole,
    rules, aggregationRule.
    Verify: ztui who-can list secrets
    """
    for grant, who in _cluster(view):
        verbs = [item.verb for item in SECRETS if allows(grant, item)]
        if not verbs or who == "platform" or (who == "human" and is_full_admin(grant)):
            continue
        words = {**_words(grant), "verb": verbs[0]}
        if who == "human":
            yield warn(grant.binding, READS_SECRETS_PEOPLE, seen=_facts(view, grant), **words)
        elif who == "addon":
            yield of_addon(warn(grant.binding, READS_SECRETS, seen=_facts(view, grant), **words))
        else:
            yield mark(view, who, fail(grant.binding, READS_SECRETS, seen=_facts(view, grant), **words))


@check(
    "ZT1-RBAC-005",
    "Broad groups hold only shipped defaults",
    severity="high",
    gate="R",
    grain="both",
    needs=ACCESS,
    where_served=(SecurityContextConstraints,),
    may=(Session,),
    scope="all",
    empty=Status.PASS,
    recipes=("R-UNBIND",),
    maps=("800-53 AC-6", "800-53 AC-3"),
)
def broad_groups(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """What everybody holds is what the platform ships.

    Why: system:authenticated includes every account and every federated user.
    How: any login, and any stolen token of any pod, is enough.
    Rule: pass for shipped roles and for image pulls inside one namespace; warn for more reading; fail for writing, for Secrets
    and for ways up.
    Traps: self-provisioner is judged by ZT1-RBAC-006; anonymous groups by ZT1-AUTH-001; a shipped name with more in it, or a
    Role of that name in a namespace, is not shipped.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1
    ClusterRole, Role, rules.
    Verify: kubectl get clusterrolebindings,rolebindings -A -o wide | grep -E 'system:(authenticated|serviceaccounts)'
    """
    for grant in _grants(view, namespace):
        if is_broad(grant.subject) and grant.subject.name != "system:unauthenticated":
            yield _broad(view, grant)


@check(
    "ZT1-RBAC-006",
    "Project self-provisioning is governed",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(ClusterRole, Role, ClusterRoleBinding, *tenancy.TENANCY),
    where_served=tenancy.TENANCY_WHERE_SERVED,
    variants=("ocp",),
    recipes=("R-SELFPROV",),
    maps=("800-53 AC-2", "800-53 AC-6"),
)
def provisioning(view: View) -> Iterator[Finding]:
    """Not everybody creates projects, or every project is born isolated.

    Why: unrestricted creation of namespaces escapes onboarding.
    How: a fresh project has no policy and no quota; work hides there.
    Rule: pass if no broad group holds self-provisioner; warn if one does and new projects are born isolated; fail otherwise.
    Traps: the shipped binding returns at the next start of the API server unless autoupdate is off.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, subjects, roleRef; config.openshift.io/v1 Project,
    spec.projectRequestTemplate.name; template.openshift.io/v1 Template, objects[].kind; v1 ResourceQuota, LimitRange,
    metadata.namespace.
    Verify: oc describe clusterrolebinding self-provisioners
    """
    found = False
    for binding in view.all(ClusterRoleBinding):
        if binding.role_ref.name != "self-provisioner":
            continue
        for subject in binding.subjects or ():
            if subject.kind == "Group" and subject.name in BROAD:
                found = True
                isolated = tenancy.born_isolated(view)
                words = {"subject": subject.name}
                facts = [seen(binding, "subjects", subject.name)]
                if isolated:
                    yield warn(binding, PROVISION_ISOLATED, seen=facts, **words)
                else:
                    yield fail(binding, PROVISION_FREE, seen=facts, **words)
    if not found:
        role = view.get(ClusterRole, "self-provisioner")
        yield ok(role.ref if role else _SELF_PROVISIONER, PROVISION_NOBODY)


_SELF_PROVISIONER: Final = Ref("rbac.authorization.k8s.io", "ClusterRole", "", "self-provisioner")


def _grants(view: View, namespace: Namespace | None) -> tuple[Grant, ...]:
    return view.derive(cluster_grants) if namespace is None else view.derive(grants_in, namespace.name)


def _here(view: View, namespace: Namespace | None) -> Iterator[tuple[Grant, Holder]]:
    for grant in _grants(view, namespace):
        yield grant, holder(view, grant)


def _cluster(view: View) -> Iterator[tuple[Grant, Holder]]:
    yield from _here(view, None)


def _words(grant: Grant) -> dict[str, str]:
    scope = f"namespace {grant.namespace}" if grant.namespace else "the whole cluster"
    return {"subject": grant.key, "binding": str(grant.binding), "role": grant.role.name, "scope": scope}


def _facts(view: View, grant: Grant) -> list[Evidence]:
    where, name = grant.binding.namespace, grant.binding.name
    binding = view.get(RoleBinding, name, where) if where else view.get(ClusterRoleBinding, name)
    where, name = grant.role.namespace, grant.role.name
    role = view.get(Role, name, where) if where else view.get(ClusterRole, name)
    facts: list[Evidence] = []
    if binding is not None:
        facts.append(seen(binding, "subjects", grant.key))
    if role is not None:
        facts.append(seen(role, "rules", in_words(grant.rules)))
    facts += [seen(role, "aggregationRule", f"from {name}") for name in grant.sources if role is not None]
    return facts


def mark(view: View, who: Holder, finding: Finding) -> Finding:
    """Put a finding where its holder belongs: the bucket of add-ons, or unknown where that is not proven."""
    if who == "unproven" and finding.status in {Status.FAIL, Status.WARN}:
        gap = view.gap(ClusterOperator)
        why, detail = (gap.why, gap.detail) if gap else (Why.PARTIAL, "clusteroperators")
        return unknown(finding.on, UNPROVEN, why, detail, seen=(), subject=dict(finding.values).get("subject", ""))
    return of_addon(finding) if who == "addon" else finding


def _listed_in_sccs(view: View) -> Iterator[Finding]:
    """Whom privileged SCCs list themselves: no binding names them."""
    for name in view.derive(privileged_sccs):
        scc = view.get(SecurityContextConstraints, name)
        if scc is None:
            continue
        people = [Subject("User", item) for item in scc.users or ()] + [Subject("Group", item) for item in scc.groups or ()]
        for subject in people:
            grant = Grant(subject, "", scc.ref, scc.ref, ())
            who = holder(view, grant)
            if who == "platform":
                continue
            words = {**_words(grant), "what": "use a privileged SCC"}
            facts = [seen(scc, "users" if subject.kind == "User" else "groups", subject.name)]
            if who == "human":
                yield warn(scc, WAY_UP_PEOPLE, seen=facts, **words)
            else:
                yield mark(view, who, fail(scc, WAY_UP, seen=facts, **words))


def _wildcard(view: View, grant: Grant) -> Reason | None:
    worst: Reason | None = None
    for rule in grant.rules:
        verbs, resources = "*" in (rule.verbs or ()), "*" in (rule.resources or ())
        if verbs and resources:
            worst = WILDCARD
        elif (verbs or resources) and worst is None:
            worst = HALF_WILDCARD
    if worst is WILDCARD and not grant.role.namespace:
        role = view.get(ClusterRole, grant.role.name)
        if role is not None and "olm.owner" in role.labels:
            return FROM_OPERATOR
    return worst


def _broad(view: View, grant: Grant) -> Finding:
    words = {**_words(grant), "subject": grant.subject.name, "what": in_words(grant.rules)}
    own = grant.subject.name == f"system:serviceaccounts:{grant.namespace}"
    verbs = {verb for rule in grant.rules for verb in rule.verbs or ()}
    strong = any(allows(grant, item) for item in SECRETS) or bool(
        primitives(grant, server_minor(view), view.derive(privileged_sccs))
    )
    shipped = grant.role.kind == "ClusterRole" and (
        grant.role.name in BROAD_SHIPPED or (grant.role.name == "system:image-puller" and own)
    )
    if shipped and not strong and _wildcard(view, grant) is None:
        return ok(grant.binding, BROAD_DEFAULT, seen=(), **words)
    if verbs <= READ_VERBS and not strong:
        if view.derive(_is_platform, grant.namespace):
            return ok(grant.binding, BROAD_DEFAULT, seen=(), **words)
        return warn(grant.binding, BROAD_READ, seen=_facts(view, grant), **words)
    return fail(grant.binding, BROAD_WRITE, seen=_facts(view, grant), **words)


def _is_bounded(grant: Grant) -> bool:
    """Whether it is one of the roles for tenants, in a namespace, where the server's escalation prevention bounds them."""
    return bool(grant.namespace) and grant.role.kind == "ClusterRole" and grant.role.name in {"admin", "edit", "view"}


def _is_platform(view: View, namespace: str) -> bool:
    return bool(namespace) and view.derive(units.namespace_class, namespace) == "platform"

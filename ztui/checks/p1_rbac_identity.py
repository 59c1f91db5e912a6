"""Row P1.RBAC, who holds it: one identity for each workload; grants in namespaces, to subjects that exist."""

from __future__ import annotations

from collections.abc import Iterator

from ztui.checks.base import Bands, Finding, aside, check, fail, ok, reason, seen, warn
from ztui.checks.p1_rbac import mark
from ztui.engines.escalation import primitives
from ztui.engines.grants import ACCESS, Grant, all_grants, cluster_grants, grants_in
from ztui.engines.holders import account_of, holder, is_full_admin
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.rbac import Role, RoleBinding
from ztui.kinds.workload import Namespace, Pod, ServiceAccount
from ztui.view import View

DEDICATED = reason("dedicated", "runs as {account}")
DEFAULT_BOUND = reason(
    "default-with-grants",
    "runs as default, and default holds {role}",
    next="Give the workload an account of its own and take the grant from default",
    stands=True,
)
SHARED = reason(
    "shared-identity",
    "shares the account {account}, which holds {role}, with {other}",
    next="Give each application an account of its own",
    stands=True,
)
DEFAULT_TOKEN = reason(
    "default-token", "runs as default with a token mounted", next="Set automountServiceAccountToken: false, or use an own account"
)
IDLE_TOKEN = reason(
    "idle-token",
    "mounts a token of {account}, which holds nothing",
    next="Set automountServiceAccountToken: false on the account",
)
NAMESPACED = reason("namespaced", "{subject} holds {role} in its namespace only")
EVERYWHERE = reason("cluster-wide", "{subject} holds {role} everywhere", next="Grant it by a RoleBinding where it is needed")
DANGLING = reason(
    "dangling", "{subject} does not exist, and holds {role}", next="Remove the subject: whoever may create it inherits it"
)
DANGLING_POWER = reason(
    "dangling-power",
    "{subject} does not exist, and holds {role}: whoever creates it inherits that",
    next="Remove the subject from {binding}",
)

_STRONG = frozenset({"admin", "edit", "cluster-admin"})


@check(
    "ZT1-RBAC-007",
    "One workload, one identity",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(*WORKLOADS, ServiceAccount, *ACCESS),
    where_served=WORKLOADS_WHERE_SERVED,
    beyond=(Role, RoleBinding),
    recipes=("R-SA-NOAUTOMOUNT",),
    maps=("CISA Identity", "CISA Apps", "800-53 IA-9", "800-53 AC-6", "CIS-OCP 5.1.5", "CIS-OCP 5.1.6", "NSA"),
)
def one_identity(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each workload runs as an account of its own, and has a token only if it needs one.

    Why: shared or default identities cannot be verified or revoked one by one.
    How: a stolen token of a shared account is good for every workload that shares it.
    Rule: fail if it runs as default and default holds anything, or if two applications share an account that holds something;
    warn if default has a token mounted, or a token is mounted that grants nothing.
    Traps: the pod's setting wins over the account's; a mesh's own projected token is no automount.
    Source: v1 Pod, spec.serviceAccountName, spec.automountServiceAccountToken; v1 ServiceAccount,
    automountServiceAccountToken; rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects.
    Verify: kubectl get pods -A -o custom-columns=NS:.metadata.namespace,POD:.metadata.name,SA:.spec.serviceAccountName
    """
    held = view.derive(_held_in, namespace.name)
    units = view.derive(workloads, namespace.name)
    for unit in units:
        if unit.root.kind == "Pod" and not unit.pods:
            continue
        yield _identity(view, unit, units, held)


@check(
    "ZT1-RBAC-008",
    "Grants are namespaced and not dangling",
    severity="medium",
    gate="S",
    grain="both",
    needs=(*ACCESS, ServiceAccount),
    ratio=Bands(0.80, 0.50),
    recipes=("R-UNBIND",),
    maps=("800-53 AC-2", "800-53 AC-6"),
)
def namespaced_grants(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """People are granted rights in namespaces, and no grant waits for somebody who is gone.

    Why: RoleBindings isolate; a dangling subject can be created again by an attacker.
    How: whoever may create ServiceAccounts in the namespace creates the missing one and inherits its grants.
    Rule: the share of people's grants made by RoleBinding: pass from 80 %, warn from 50 %; fail if an account that is gone still
    holds admin, edit or a way up; warn if it holds anything else.
    Traps: groups that come as claims exist nowhere in the cluster, so people's existence is not judged.
    Source: rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects, roleRef; v1 ServiceAccount,
    metadata.name; v1 Namespace, metadata.name.
    Verify: kubectl get rolebindings -A -o wide
    """
    grants = view.derive(cluster_grants) if namespace is None else view.derive(grants_in, namespace.name)
    for grant in grants:
        who = holder(view, grant)
        words = {"subject": grant.key, "role": grant.role.name, "binding": str(grant.binding)}
        if who == "human":
            yield (
                ok(grant.binding, NAMESPACED, seen=(), **words)
                if grant.namespace
                else warn(grant.binding, EVERYWHERE, seen=(), **words)
            )
        elif who in {"automation", "addon", "unproven"} and _is_gone(view, grant):
            strong = grant.role.name in _STRONG or is_full_admin(grant) or bool(primitives(grant))
            judge, why = (fail, DANGLING_POWER) if strong else (warn, DANGLING)
            yield aside(mark(view, who, judge(grant.binding, why, seen=(), **words)))


def _identity(view: View, unit: Workload, units: tuple[Workload, ...], held: dict[str, Grant]) -> Finding:
    account, pod = unit.account, unit.pods[0]
    facts = [seen(pod, "spec.serviceAccountName", account)]
    grant = held.get(account)
    if account == "default" and grant is not None:
        return fail(unit.root, DEFAULT_BOUND, seen=facts, role=grant.role.name)
    other = next((item for item in units if item.account == account and item.app != unit.app), None)
    if grant is not None and other is not None:
        return fail(unit.root, SHARED, seen=facts, account=account, role=grant.role.name, other=str(other.root))
    if not _mounts_token(view, pod) or (grant is not None and account != "default"):
        return ok(unit.root, DEDICATED, seen=facts, account=account)
    if account == "default":
        return warn(unit.root, DEFAULT_TOKEN, seen=facts)
    return warn(unit.root, IDLE_TOKEN, seen=facts, account=account)


def _mounts_token(view: View, pod: Pod) -> bool:
    """The pod's own word, else its account's, else yes."""
    if pod.spec.automount_service_account_token is not None:
        return pod.spec.automount_service_account_token
    account = view.get(ServiceAccount, pod.account, pod.namespace)
    return account is None or account.automount_service_account_token is not False


def _held_in(view: View, namespace: str) -> dict[str, Grant]:
    """The first grant of each account of a namespace, wherever it holds."""
    return view.derive(_held_by_account).get(namespace, {})


def _held_by_account(view: View) -> dict[str, dict[str, Grant]]:
    """The first grant of each account, by namespace of the account; what everybody holds does not count."""
    found: dict[str, dict[str, Grant]] = {}
    for grant in all_grants(view):
        account = account_of(grant)
        if account is not None and grant.rules:
            found.setdefault(account[0], {}).setdefault(account[1], grant)
    return found


def _is_gone(view: View, grant: Grant) -> bool:
    account = account_of(grant)
    if account is None or view.get(Namespace, account[0]) is None or view.gap(ServiceAccount, account[0]) is not None:
        return False
    return view.get(ServiceAccount, account[1], account[0]) is None

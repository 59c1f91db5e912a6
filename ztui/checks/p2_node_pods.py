"""Row P2.NODE, the pods: what tenants run stays in its container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Evidence, Finding, check, fail, ok, reason, warn
from ztui.engines import units
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.workload import Capabilities, Namespace, Pod, SecurityContext
from ztui.view import View

CONFINED = reason("confined", "stays in its container")
FREE = reason(
    "unconfined",
    "gets out to its node: {what}",
    next="Preview the security context of the workload; what really needs the node belongs in a namespace of the platform",
    stands=True,
)
LOOSE = reason("loosely-confined", "is confined, with room: {what}", next="Preview the security context of the workload")

_GRAVE: Final = frozenset({"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN"})
_SHOWN: Final = 3
MAY_BE_ROOT: Final = "may run as root"

Told = tuple[str, str, str]
"""What is wrong in words, the field that says so, its value."""


@check(
    "ZT2-NODE-005",
    "User pods stay confined",
    severity="high",
    gate="S",
    grain="namespace",
    needs=WORKLOADS,
    where_served=(*WORKLOADS_WHERE_SERVED, SecurityContextConstraints),
    recipes=("R-SECCTX",),
    maps=("CISA Apps", "CISA Devices", "800-53 AC-6", "800-53 CM-7", "800-53 SC-39", "CIS-OCP 5.2", "CIS-OCP 5.7.2"),
)
def pods_confined(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No workload of a tenant has a way out of its container, and none has more room than it needs.

    Why: a privileged pod is a login on the node.
    How: one exploited process mounts the node's disk and is every pod that runs there.
    Rule: fail if a container is privileged, has the node's processes or IPC, writes to a path of the node, runs as spc_t, with an
    unmasked /proc, unconfined by seccomp, or with a capability that amounts to root; warn if it may be root, may gain privileges,
    has NET_RAW or no seccomp profile, or reads a path of the node.
    Traps: init and ephemeral containers count; values of the pod are defaults for its containers; a user namespace makes its root
    nobody on the node; OpenShift's runtime gives NET_RAW only to who asks for it. The node's network is judged by ZT2-NET-007.
    Source: v1 Pod, spec.hostPID, spec.hostIPC, spec.hostUsers, spec.securityContext, spec.containers[].securityContext,
    spec.initContainers, spec.ephemeralContainers, spec.volumes[].hostPath, metadata.annotations[openshift.io/scc];
    security.openshift.io/v1 SecurityContextConstraints, runAsUser.type.
    Verify: kubectl get pods -n NAMESPACE -o jsonpath='{.items[*].spec.containers[*].securityContext}'
    """
    for unit in view.derive(workloads, namespace.name):
        yield _judge(view, unit)


def _judge(view: View, unit: Workload) -> Finding:
    """The worst of a workload's pods."""
    loose: Finding | None = None
    for pod in unit.pods:
        ways = list(_ways_out(pod))
        if ways:
            return fail(unit.root, FREE, seen=_facts(pod, ways), what=_words(ways))
        if loose is None and (room := list(_room(view, pod))):
            loose = warn(unit.root, LOOSE, seen=[*_bounds(view, pod), *_facts(pod, room)], what=_words(room))
    return loose or ok(unit.root, CONFINED, seen=[*_bounds(view, unit.pods[0]), *unit.pods])


def _ways_out(pod: Pod) -> Iterator[Told]:
    """What lets a pod out to its node."""
    spec = pod.spec
    if spec.host_pid:
        yield "the node's processes", "spec.hostPID", "true"
    if spec.host_ipc:
        yield "the node's IPC", "spec.hostIPC", "true"
    for container in pod.containers:
        context = container.security_context or SecurityContext()
        at = f"spec.containers[{container.name}].securityContext"
        if context.privileged:
            yield f"{container.name} is privileged", f"{at}.privileged", "true"
        if context.proc_mount == "Unmasked":
            yield f"{container.name} has an unmasked /proc", f"{at}.procMount", "Unmasked"
        if _selinux(pod, context) == "spc_t":
            yield f"{container.name} runs as spc_t", f"{at}.seLinuxOptions.type", "spc_t"
        if _seccomp(pod, context) == "Unconfined":
            yield f"{container.name} has no seccomp filter", f"{at}.seccompProfile.type", "Unconfined"
        if grave := sorted(_added(context) & _GRAVE):
            yield f"{container.name} has {', '.join(grave)}", f"{at}.capabilities.add", ", ".join(grave)
    for path in sorted(_node_paths(pod, writes=True)):
        yield f"writes {path} of the node", "spec.volumes[].hostPath.path", path


def _room(view: View, pod: Pod) -> Iterator[Told]:
    """What a pod has more than it needs."""
    own_users = pod.spec.host_users is False
    ranged = _bounding_scc(view, pod) is not None
    keeps_raw = view.derive(units.platform).variant == "k8s"
    for container in pod.containers:
        context = container.security_context or SecurityContext()
        at = f"spec.containers[{container.name}].securityContext"
        if not own_users and (root := _root(pod, context, ranged=ranged)):
            yield (
                f"{container.name} {root}",
                f"{at}.runAsUser",
                str(_user(pod, context) if _user(pod, context) is not None else ""),
            )
        if context.allow_privilege_escalation is not False:
            yield f"{container.name} may gain privileges", f"{at}.allowPrivilegeEscalation", "not false"
        if "NET_RAW" in _added(context) or (keeps_raw and not _dropped(context) & {"ALL", "NET_RAW"}):
            yield f"{container.name} has NET_RAW", f"{at}.capabilities", "NET_RAW"
        if not _seccomp(pod, context):
            yield f"{container.name} has no seccomp profile", f"{at}.seccompProfile.type", ""
    for path in sorted(_node_paths(pod, writes=False)):
        yield f"reads {path} of the node", "spec.volumes[].hostPath.path", path


def _root(pod: Pod, context: SecurityContext, *, ranged: bool) -> str:
    """Whether a container is root, or may be by its image; empty where neither."""
    user = _user(pod, context)
    if user == 0:
        return "runs as root"
    defaults = pod.spec.security_context
    non_root = context.run_as_non_root
    if non_root is None and defaults is not None:
        non_root = defaults.run_as_non_root
    return MAY_BE_ROOT if user is None and non_root is not True and not ranged else ""


def _user(pod: Pod, context: SecurityContext) -> int | None:
    defaults = pod.spec.security_context
    return context.run_as_user if context.run_as_user is not None else (defaults.run_as_user if defaults else None)


def _bounding_scc(view: View, pod: Pod) -> SecurityContextConstraints | None:
    """The SCC that admitted the pod, where it gave it a user that is not root."""
    name = pod.annotations.get("openshift.io/scc", "")
    scc = view.get(SecurityContextConstraints, name) if name else None
    return scc if scc is not None and scc.run_as_user.type in {"MustRunAs", "MustRunAsRange", "MustRunAsNonRoot"} else None


def _bounds(view: View, pod: Pod) -> list[Evidence]:
    """The SCC, where it alone keeps a container of the pod from being root."""
    scc = _bounding_scc(view, pod)
    containers = (item.security_context or SecurityContext() for item in pod.containers)
    if scc is None or not any(_root(pod, item, ranged=False) == MAY_BE_ROOT for item in containers):
        return []
    return [Evidence(scc.ref, "runAsUser.type", scc.run_as_user.type, scc.metadata.resource_version)]


def _selinux(pod: Pod, context: SecurityContext) -> str:
    found = context.se_linux_options or (pod.spec.security_context.se_linux_options if pod.spec.security_context else None)
    return found.type if found else ""


def _seccomp(pod: Pod, context: SecurityContext) -> str:
    found = context.seccomp_profile or (pod.spec.security_context.seccomp_profile if pod.spec.security_context else None)
    return found.type if found else ""


def _added(context: SecurityContext) -> frozenset[str]:
    return _plain((context.capabilities or Capabilities()).add)


def _dropped(context: SecurityContext) -> frozenset[str]:
    return _plain((context.capabilities or Capabilities()).drop)


def _plain(names: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(name.upper().removeprefix("CAP_") for name in names or ())


def _node_paths(pod: Pod, *, writes: bool) -> frozenset[str]:
    """The paths of the node that any container mounts, to write or only to read."""
    paths = {item.name: item.host_path.path for item in pod.spec.volumes or () if item.host_path}
    return frozenset(
        paths[mount.name]
        for container in pod.containers
        for mount in container.volume_mounts or ()
        if mount.name in paths and mount.read_only is not writes
    )


def _facts(pod: Pod, told: list[Told]) -> list[Evidence]:
    return [Evidence(pod.ref, path, value, pod.metadata.resource_version) for _, path, value in told]


def _words(told: list[Told]) -> str:
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(words for words, _, _ in told[:_SHOWN]) + more

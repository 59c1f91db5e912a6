"""Pod Security admission, as far as changing a namespace's enforce label shows it: warnings that name violating pods."""

from __future__ import annotations

from collections.abc import Iterator

from ztui.demo.answers import Obj
from ztui.demo.store import Store

LABEL = "pod-security.kubernetes.io/enforce"
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "image",
}  # fmt: skip


def warnings(store: Store, old: Obj | None, new: Obj) -> list[str]:
    """What the API server warns of when a namespace starts to enforce a level that living pods violate."""
    level = (new["metadata"].get("labels") or {}).get(LABEL, "privileged")
    before = ((old or new)["metadata"].get("labels") or {}).get(LABEL, "privileged")
    if old is None or level == before or level not in ("baseline", "restricted"):
        return []
    name = new["metadata"]["name"]
    found: dict[tuple[str, ...], list[str]] = {}
    for pod in store.of("pods", name):
        wrong = tuple(dict.fromkeys(violations(pod, level)))
        if wrong:
            found.setdefault(wrong, []).append(pod["metadata"]["name"])
    if not found:
        return []
    said = [f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "{level}:latest"']
    for wrong, pods in sorted(found.items(), key=lambda entry: entry[1]):
        more = f" (and {len(pods) - 1} other pod{'s' if len(pods) > 2 else ''})" if len(pods) > 1 else ""
        said.append(f"{pods[0]}{more}: {', '.join(wrong)}")
    return said


def violations(pod: Obj, level: str) -> Iterator[str]:
    """Names of the Pod Security controls a pod breaks at a level, baseline ones first."""
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    contexts = [container.get("securityContext") or {} for container in containers]
    whole = spec.get("securityContext") or {}
    if any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")):
        yield "host namespaces"
    if any("hostPath" in volume for volume in spec.get("volumes") or ()):
        yield "hostPath volumes"
    if any(port.get("hostPort") for container in containers for port in container.get("ports") or ()):
        yield "hostPort"
    if any(context.get("privileged") for context in contexts):
        yield "privileged"
    added = {name for context in contexts for name in (context.get("capabilities") or {}).get("add") or ()}
    if added - _BASELINE_CAPABILITIES:
        yield "non-default capabilities"
    if level == "restricted":
        yield from _restricted(spec, contexts, whole, added)


def _restricted(spec: Obj, contexts: list[Obj], whole: Obj, added: set[str]) -> Iterator[str]:
    if any(context.get("allowPrivilegeEscalation") is not False for context in contexts):
        yield "allowPrivilegeEscalation != false"
    dropped = ["ALL" in ((context.get("capabilities") or {}).get("drop") or ()) for context in contexts]
    if not all(dropped) or added - {"NET_BIND_SERVICE"}:
        yield "unrestricted capabilities"
    if any(not _RESTRICTED_VOLUMES & set(volume) for volume in spec.get("volumes") or ()):
        yield "restricted volume types"
    if any(context.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True for context in contexts):
        yield "runAsNonRoot != true"
    kinds = [(context.get("seccompProfile") or whole.get("seccompProfile") or {}).get("type") for context in contexts]
    if any(kind not in ("RuntimeDefault", "Localhost") for kind in kinds):
        yield "seccompProfile"

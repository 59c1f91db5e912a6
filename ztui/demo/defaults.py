"""What the API server fills in as it decodes: the defaults of the built-in kinds.

Whoever creates an object by a plain write manages them too. Source: the defaults.go of
k8s.io/kubernetes/pkg/apis. What a strategy adds later (cluster addresses, a status) is in `strategy`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from ztui.demo.answers import Obj

RBAC = "rbac.authorization.k8s.io"
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def fill(obj: Obj) -> Obj:
    """Completes a new or changed object; the caller hands it over."""
    wanted = _KINDS.get(obj["kind"])
    if wanted:
        wanted(obj)
    return obj


def _set(obj: Obj, **defaults: Any) -> None:
    for name, value in defaults.items():
        obj.setdefault(name, value)


def _each(obj: Obj, name: str) -> Iterable[Obj]:
    return obj.get(name) or ()


def _namespace(obj: Obj) -> None:
    meta = obj["metadata"]
    if meta.get("name"):
        meta["labels"] = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        _set(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10_800}})
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _set(spec, allocateLoadBalancerNodePorts=True)
    if spec["type"] != "ExternalName":
        _set(spec, internalTrafficPolicy="Cluster")
    for port in _each(spec, "ports"):
        port["protocol"] = port.get("protocol") or "TCP"
        port["targetPort"] = port.get("targetPort") or port.get("port")


def _deployment(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec["strategy"] = dict(spec.get("strategy") or {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxUnavailable": "25%", "maxSurge": "25%", **(strategy.get("rollingUpdate") or {})}
    _template(spec)


def _replicated(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, replicas=1)
    _template(spec)


def _stateful_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _set(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    strategy = spec["updateStrategy"] = dict(spec.get("updateStrategy") or {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": 0, **(strategy.get("rollingUpdate") or {})}
    _template(spec)


def _daemon_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, revisionHistoryLimit=10)
    strategy = spec["updateStrategy"] = dict(spec.get("updateStrategy") or {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxUnavailable": 1, "maxSurge": 0, **(strategy.get("rollingUpdate") or {})}
    _template(spec)


def _job(obj: Obj) -> None:
    _job_spec(obj.setdefault("spec", {}), alone=True)


def _job_spec(spec: Obj, *, alone: bool) -> None:
    if alone:  # the template of a CronJob gets these only once it is a Job
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        _set(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
        _set(spec, podReplacementPolicy="TerminatingOrFailed")
    _template(spec)


def _cron_job(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _job_spec(spec.get("jobTemplate", {}).get("spec") or {}, alone=False)


def _template(spec: Obj) -> None:
    _pod_spec((spec.get("template") or {}).get("spec") or {})


def _pod(obj: Obj) -> None:
    spec = obj.get("spec") or {}
    _set(spec, enableServiceLinks=True)
    for container in (*_each(spec, "containers"), *_each(spec, "initContainers")):
        resources = container.get("resources") or {}
        if resources.get("limits"):  # what is limited and not requested is requested in full
            container["resources"] = {**resources, "requests": {**resources["limits"], **(resources.get("requests") or {})}}
    _pod_spec(spec)


def _pod_spec(spec: Obj) -> None:
    _set(spec, dnsPolicy="ClusterFirst", restartPolicy="Always", terminationGracePeriodSeconds=30, securityContext={})
    _set(spec, schedulerName="default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:  # the second is the deprecated name of the first
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in (*_each(spec, "containers"), *_each(spec, "initContainers"), *_each(spec, "ephemeralContainers")):
        _container(container)
    for volume in _each(spec, "volumes"):
        _volume(volume)


def _container(container: Obj) -> None:
    image = str(container.get("image", ""))
    latest = "@" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"))
    _set(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={})
    _set(container, imagePullPolicy="Always" if latest else "IfNotPresent")
    for port in _each(container, "ports"):
        port["protocol"] = port.get("protocol") or "TCP"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            container[name] = {**_PROBE, **container[name]}
            _handler(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        _handler(handler)
    for variable in _each(container, "env"):
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            _set(reference, apiVersion="v1")


def _handler(handler: Obj) -> None:
    if handler.get("httpGet"):
        _set(handler["httpGet"], path="/", scheme="HTTP")


def _volume(volume: Obj) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for kind in ("secret", "configMap", "downwardAPI", "projected"):
        if volume.get(kind):
            _set(volume[kind], defaultMode=420)
    if "hostPath" in volume:
        _set(volume["hostPath"], type="")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken"):
            _set(source["serviceAccountToken"], expirationSeconds=3600)
        _downward(source.get("downwardAPI") or {})
    _downward(volume.get("downwardAPI") or {})


def _downward(source: Obj) -> None:
    for item in _each(source, "items"):
        if item.get("fieldRef"):
            _set(item["fieldRef"], apiVersion="v1")


def _secret(obj: Obj) -> None:
    _set(obj, type="Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()


def _binding(obj: Obj) -> None:
    role = obj.setdefault("roleRef", {})
    role["apiGroup"] = role.get("apiGroup") or RBAC
    for subject in _each(obj, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            _set(subject, apiGroup=RBAC)


def _policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, podSelector={}, policyTypes=["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    for rule in (*_each(spec, "ingress"), *_each(spec, "egress")):
        for port in _each(rule, "ports"):
            _set(port, protocol="TCP")


def _webhooks(obj: Obj) -> None:
    for hook in _each(obj, "webhooks"):
        _set(hook, failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={}, timeoutSeconds=10)
        if obj["kind"].startswith("Mutating"):
            _set(hook, reinvocationPolicy="Never")
        for rule in _each(hook, "rules"):
            _set(rule, scope="*")
        if (hook.get("clientConfig") or {}).get("service"):
            _set(hook["clientConfig"]["service"], port=443)


def _admission_policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, failurePolicy="Fail")
    _matched(spec.get("matchConstraints"))


def _admission_binding(obj: Obj) -> None:
    _matched((obj.get("spec") or {}).get("matchResources"))


def _matched(told: Obj | None) -> None:
    if told is not None:
        _set(told, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        for rule in (*_each(told, "resourceRules"), *_each(told, "excludeResourceRules")):
            _set(rule, scope="*")


def _definition(obj: Obj) -> None:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    if names.get("kind"):
        _set(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    _set(spec, conversion={"strategy": "None"})


def _storage_class(obj: Obj) -> None:
    _set(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _route(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, wildcardPolicy="None")
    to = spec.setdefault("to", {})
    _set(to, kind="Service", weight=100)


_KINDS: dict[str, Callable[[Obj], None]] = {
    "Namespace": _namespace,
    "Service": _service,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replicated,
    "ReplicationController": _replicated,
    "Job": _job,
    "CronJob": _cron_job,
    "Pod": _pod,
    "Secret": _secret,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "NetworkPolicy": _policy,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
    "ValidatingAdmissionPolicy": _admission_policy,
    "ValidatingAdmissionPolicyBinding": _admission_binding,
    "CustomResourceDefinition": _definition,
    "StorageClass": _storage_class,
    "HorizontalPodAutoscaler": lambda obj: _set(obj.get("spec") or {}, minReplicas=1),
    "PersistentVolumeClaim": lambda obj: _set(obj.get("spec") or {}, volumeMode="Filesystem"),
    "PriorityClass": lambda obj: _set(obj, preemptionPolicy="PreemptLowerPriority"),
    "Route": _route,
    "DeploymentConfig": lambda obj: _template(obj.get("spec") or {}),
}

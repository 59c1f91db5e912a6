"""Manifests from the one-line workloads, namespaces and nodes of the story."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.catalogue import Catalogue
from ztui.demo.store import merge

PROXY = "istio-proxy"
REGISTRY = "registry.demo.example"
_APPS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "DeploymentConfig": "apps.openshift.io/v1"}
_SAFE_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(name: str, space: Obj) -> Obj:
    """A Namespace with the annotations OpenShift gives each one."""
    number = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) % 900
    notes = {
        "openshift.io/sa.scc.mcs": f"s0:c{number % 30},c{number % 25}",
        "openshift.io/sa.scc.supplemental-groups": f"1000{number:03d}0000/10000",
        "openshift.io/sa.scc.uid-range": f"1000{number:03d}0000/10000",
        **(space.get("annotations") or {}),
    }
    meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name, **(space.get("labels") or {})}, "annotations": notes}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def of_namespace(name: str, space: Obj) -> Iterator[Obj]:
    """ServiceAccounts, controllers, Services and Secrets of a namespace's short forms."""
    common = space.get("common") or {}
    accounts: dict[str, Obj] = {account: {} for account in space.get("accounts") or ()}
    made: list[Obj] = []
    for called, line in (space.get("workloads") or {}).items():
        work = merge(common, line or {})
        account = work.get("sa", called)
        if account and account != "default":
            accounts.setdefault(account, {})
            if "automount" in work:
                accounts[account]["automountServiceAccountToken"] = work["automount"]
        made += controllers(name, called, work)
    for account, more in accounts.items():
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name}, **more}
    yield from made
    for called, kind in (space.get("secrets") or {}).items():
        yield secret(name, called, kind)


def secret(namespace_name: str, called: str, told: Any) -> Obj:
    """A Secret; the values are placeholders that say so."""
    told = told if isinstance(told, dict) else {"type": told}
    keys = told.get("keys", ["password"])
    meta: Obj = {"name": called, "namespace": namespace_name}
    for key in ("labels", "annotations", "ownerReferences", "creationTimestamp"):
        if told.get(key):
            meta[key] = told[key]
    data = {key: "eyJhdXRocyI6e319" if key == ".dockerconfigjson" else "bm90LWEtcmVhbC1zZWNyZXQ=" for key in keys}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": told.get("type") or "Opaque", "data": data}


def controllers(space: str, called: str, work: Obj) -> Iterator[Obj]:
    """The controller of a workload line and the Service in front of it."""
    kind = work.get("kind", "Deployment")
    labels = {"app.kubernetes.io/name": called, **(work.get("labels") or {})}
    selector = work.get("selector") or {"app.kubernetes.io/name": called}
    labels = {key: value for key, value in labels.items() if value}
    if not selector.items() <= labels.items():
        labels |= selector
    template = {
        "metadata": {"labels": labels, "annotations": dict(work.get("podAnnotations") or {})},
        "spec": pod_spec(called, work),
    }
    template["metadata"]["labels"] |= work.get("podLabels") or {}
    meta: Obj = {"name": called, "namespace": space, "labels": dict(labels)}
    if work.get("annotations"):
        meta["annotations"] = work["annotations"]
    if work.get("gitops"):
        tracked = f"{work['gitops']}:{_APPS[kind].partition('/')[0]}/{kind}:{space}/{called}"
        meta["annotations"] = {**meta.get("annotations", {}), "argocd.argoproj.io/tracking-id": tracked}
    if work.get("owner"):
        meta["ownerReferences"] = [work["owner"]]
    if kind == "Mirror":
        yield from _mirrors(called, template, meta)
    elif kind == "Pod":
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**meta, **template["metadata"]},
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
    elif kind == "CronJob":
        job = {"spec": {"template": merge(template, {"spec": {"restartPolicy": "OnFailure"}})}}
        spec = {
            "schedule": work.get("schedule", "0 3 * * *"),
            "concurrencyPolicy": "Forbid",
            "suspend": False,
            "jobTemplate": job,
        }
        spec |= {"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1}
        yield {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": meta,
            "spec": spec,
            "status": {"lastScheduleTime": "@-6h", "lastSuccessfulTime": "@-6h"},
        }
    else:
        spec = _controller_spec(kind, space, called, work, template, selector)
        yield {"apiVersion": _APPS[kind], "kind": kind, "metadata": meta, "spec": spec, "status": {}}
    if work.get("ports") and work.get("service", True) is not False:
        yield service(space, called, work, labels, selector)


def _controller_spec(kind: str, space: str, called: str, work: Obj, template: Obj, selector: Obj) -> Obj:
    spec: Obj = {"template": template, "replicas": work.get("replicas", 1), "selector": {"matchLabels": selector}}
    match kind:
        case "DeploymentConfig":
            spec |= {"selector": selector, "strategy": {"type": "Rolling"}, "triggers": [{"type": "ConfigChange"}]}
        case "DaemonSet":
            del spec["replicas"]
            if space.startswith(("openshift-", "istio-")):
                template["spec"]["tolerations"] = [{"operator": "Exists"}]
        case "StatefulSet":
            spec |= {"serviceName": called, "podManagementPolicy": "OrderedReady"}
        case _:
            limits = {"maxSurge": "25%", "maxUnavailable": "25%"}
            spec |= {"strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}
            spec |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
    return spec


def service(space: str, called: str, work: Obj, labels: Obj, selector: Obj) -> Obj:
    """The Service of a workload; `service:` of the line overrides its spec."""
    told = work.get("service") if isinstance(work.get("service"), dict) else {}
    number = int(hashlib.sha256(f"{space}/{called}".encode()).hexdigest()[:4], 16)
    headless = work.get("kind") == "StatefulSet" and not (told or {}).get("type")
    address = "None" if headless else f"172.30.{number // 256}.{number % 254 + 1}"
    ports = [
        {
            "name": port,
            "port": target if target < 1024 else work.get("expose", {}).get(port, target),
            "targetPort": port,
            "protocol": "TCP",
        }
        for port, target in work["ports"].items()
    ]
    spec: Obj = {
        "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "selector": selector, "ports": ports,
        "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
    }  # fmt: skip
    meta: Obj = {"name": called, "namespace": space, "labels": dict(labels)}
    if work.get("serviceAnnotations"):
        meta["annotations"] = work["serviceAnnotations"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": merge(spec, told or {}),
        "status": {"loadBalancer": {}},
    }


def pod_spec(called: str, work: Obj) -> Obj:
    """The pod spec of a workload line: one container, the mesh proxy where told, `pod:` merged over it."""
    image = work.get("image", f"{called}:1.0.0")
    container: Obj = {
        "name": work.get("container", called),
        "image": image if image.startswith(REGISTRY) else f"{REGISTRY}/{image}",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if work.get("ports"):
        container["ports"] = [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in work["ports"].items()]
        first = next(iter(work["ports"]))
        container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": first, "scheme": "HTTP"}, "periodSeconds": 10}
    if work.get("env"):
        container["env"] = work["env"]
    if work.get("secure", True):
        container["securityContext"] = dict(_SAFE_CONTAINER)
    container = merge(container, work.get("main") or {})
    spec: Obj = {
        "serviceAccountName": work.get("sa", called) or "default",
        "containers": [container, *(work.get("sidecars") or ())],
    }
    if work.get("proxy"):
        spec["containers"].append(_oauth_proxy())
    if work.get("mesh") == "sidecar":
        spec["initContainers"] = [mesh_proxy()]
    if "automountPod" in work:
        spec["automountServiceAccountToken"] = work["automountPod"]
    if work.get("spread"):
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": called}},
            }
        ]  # fmt: skip
    if work.get("masters"):
        spec["nodeSelector"] = {"node-role.kubernetes.io/master": ""}
        spec["tolerations"] = [{"key": "node-role.kubernetes.io/master", "operator": "Exists", "effect": "NoSchedule"}]
    found: Obj = merge(spec, work.get("pod") or {})
    return found


def mesh_proxy() -> Obj:
    """The mesh's native sidecar."""
    return {
        "name": PROXY,
        "image": f"{REGISTRY}/openshift-service-mesh/istio-proxyv2-rhel9@sha256:{'4c' * 32}",
        "restartPolicy": "Always",
        "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
        "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}],
        "securityContext": {**_SAFE_CONTAINER, "readOnlyRootFilesystem": True, "runAsUser": 1337},
    }


def _oauth_proxy() -> Obj:
    return {
        "name": "oauth-proxy",
        "image": f"{REGISTRY}/openshift/oauth-proxy:4.20",
        "args": ["--provider=openshift", "--https-address=:8443", "--upstream=http://localhost:8080"],
        "ports": [{"name": "public", "containerPort": 8443, "protocol": "TCP"}],
        "securityContext": dict(_SAFE_CONTAINER),
    }


def nodes(told: Iterable[Obj]) -> Iterator[Obj]:
    """Nodes from `{name, role, ip, zone}`."""
    for node in told:
        role = node["role"]
        labels = {
            "kubernetes.io/hostname": node["name"], "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux", "node.openshift.io/os_id": "rhel",
            "topology.kubernetes.io/zone": node["zone"], "topology.kubernetes.io/region": node["zone"].rpartition("-")[0],
            "node.kubernetes.io/instance-type": node.get("type", "m6i.2xlarge"),
            f"node-role.kubernetes.io/{role}": "", **(node.get("labels") or {}),
        }  # fmt: skip
        if role == "master":
            labels["node-role.kubernetes.io/control-plane"] = ""
        config = node.get("config", f"rendered-{role}-{'7a1c' if role == 'master' else '93be'}{'0d4f' * 7}")
        notes = {
            "machineconfiguration.openshift.io/currentConfig": config,
            "machineconfiguration.openshift.io/desiredConfig": node.get("desired", config),
            "machineconfiguration.openshift.io/state": "Done" if node.get("desired", config) == config else "Working",
            "machine.openshift.io/machine": f"openshift-machine-api/{node['name'].split('.')[0]}",
            "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        }
        ready = {"Ready": ("True", "KubeletReady", "kubelet is posting ready status")}
        pressure = {
            f"{kind}Pressure": ("False", f"KubeletHasSufficient{kind}", f"kubelet has sufficient {kind}")
            for kind in ("Memory", "Disk", "PID")
        }
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": text,
                "lastHeartbeatTime": "@-1m",
                "lastTransitionTime": "@-40d",
            }
            for kind, (status, reason, text) in {**pressure, **ready}.items()
        ]
        spec: Obj = {"providerID": f"aws:///{node['zone']}/i-0{hashlib.sha256(node['name'].encode()).hexdigest()[:16]}"}
        if role == "master":
            spec["taints"] = [{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}]
        size = {"cpu": "8", "memory": "32450312Ki", "pods": "250", "ephemeral-storage": "125238252Ki"}
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node["name"], "labels": labels, "annotations": notes},
            "spec": spec,
            "status": {
                "addresses": [{"type": "InternalIP", "address": node["ip"]}, {"type": "Hostname", "address": node["name"]}],
                "capacity": size,
                "allocatable": size,
                "conditions": conditions,
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
                "nodeInfo": {
                    "architecture": "amd64", "operatingSystem": "linux", "kernelVersion": "5.14.0-570.49.1.el9_6.x86_64",
                    "osImage": "Red Hat Enterprise Linux CoreOS 9.6.20251015-1 (Plow)", "kubeletVersion": "v1.33.5",
                    "kubeProxyVersion": "v1.33.5", "containerRuntimeVersion": "cri-o://1.33.5-3.rhaos4.20.gitd0ea985.el9",
                    "machineID": hashlib.sha256(node["name"].encode()).hexdigest()[:32], "bootID": "", "systemUUID": "",
                },
            },
        }  # fmt: skip


MASTERS = ("cp-0.demo.example", "cp-1.demo.example", "cp-2.demo.example")


def _mirrors(called: str, template: Obj, meta: Obj) -> Iterator[Obj]:
    """The mirror pods of a static pod, one per control plane node."""
    for node in MASTERS:
        digest = hashlib.sha256(f"{called}{node}".encode()).hexdigest()[:32]
        notes = {
            "kubernetes.io/config.mirror": digest,
            "kubernetes.io/config.hash": digest,
            "kubernetes.io/config.source": "file",
        }
        reference = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": digest, "controller": True}
        named = {"name": f"{called}-{node}", "annotations": notes, "ownerReferences": [reference]}
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**meta, **template["metadata"], **named},
            "spec": {**template["spec"], "nodeName": node},
            "status": {"phase": "Pending"},
        }


def cluster_operator(name: str, related: list[str], told: Obj) -> Obj:
    """A ClusterOperator: healthy but for what is told; `related` are its namespaces."""
    usual = {
        "Available": ("True", "AsExpected", "All is well"),
        "Progressing": ("False", "AsExpected", "All is well"),
        "Degraded": ("False", "AsExpected", "All is well"),
        "Upgradeable": ("True", "AsExpected", "All is well"),
    }
    conditions = []
    for kind, (status, reason, message) in usual.items():
        plain = {"status": status, "reason": reason, "message": message, **(told.get(kind) or {})}
        conditions.append({"type": kind, "lastTransitionTime": "@-26d", **plain})
    return {
        "apiVersion": "config.openshift.io/v1",
        "kind": "ClusterOperator",
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "conditions": conditions,
            "versions": [{"name": "operator", "version": "4.20.3"}],
            "relatedObjects": [{"group": "", "resource": "namespaces", "name": space} for space in related],
            "extension": None,
        },
    }


def api_service(catalogue: Catalogue, group: str, version: str) -> Obj:
    """The APIService of a served version: local, or the aggregated server behind it."""
    behind = {resource.origin for resource in catalogue.of_version(group, version)} == {"agg"}
    spec: Obj = {"group": group, "version": version, "groupPriorityMinimum": 9900 if behind else 17000, "versionPriority": 15}
    reason, message = "Local", "Local APIServices are always available"
    if behind:
        oauth = group in ("oauth.openshift.io", "user.openshift.io")
        place = "openshift-oauth-apiserver" if oauth else "openshift-apiserver"
        spec |= {"service": {"namespace": place, "name": "api", "port": 443}, "caBundle": "LS0tLS1CRUdJTi0tLS0t"}
        reason, message = "Passed", "all checks passed"
    condition = {"type": "Available", "status": "True", "reason": reason, "message": message, "lastTransitionTime": "@-26d"}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": spec,
        "status": {"conditions": [condition]},
    }

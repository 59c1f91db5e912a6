"""What the operators of GitOps and of pipelines make: Argo CD and what it syncs, Tekton, listeners, runs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.operands.base import line, made_of, of, ready, refuses, spec_of, start, told
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_STORY = "adaptive.yaml"
_GITOPS, _PIPELINES = "openshift-gitops", "openshift-pipelines"
_MANAGED = "argocd.argoproj.io/managed-by"
_REFRESH_S: Final = 180.0
_WEBHOOK = "tekton-pipelines-webhook"
_RBAC = "rbac.authorization.k8s.io"


def _argo_cd(run: Controllers, obj: Obj) -> None:
    """The parts of an instance, and its project for everybody."""
    place = obj["metadata"]["namespace"]
    parts = ("application-controller", "repo-server", "server")
    start(run, place, {f"{_GITOPS}-{part}": line(_STORY, _GITOPS, f"{_GITOPS}-{part}") for part in parts})
    everything = {"sourceRepos": ["*"], "destinations": [{"namespace": "*", "server": "*"}]}
    everything["clusterResourceWhitelist"] = [{"group": "*", "kind": "*"}]
    projects = run.cluster.catalogue.named("appprojects.argoproj.io")
    if run.store.find(projects, "default", place) is None:
        head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default", "namespace": place}}
        run.bring({**head, "spec": everything})
    run.update(obj, {"status": {"phase": "Available", "server": "Running", "applicationController": "Running"}})


def namespace(run: Controllers, space: Obj) -> None:
    """A namespace that says by which instance it is managed: that one may write there, and looks at what waits for it."""
    place, name = (space["metadata"].get("labels") or {}).get(_MANAGED), space["metadata"]["name"]
    if not place or not run.is_live:
        return
    account = f"{_GITOPS}-argocd-application-controller"
    bindings = run.cluster.catalogue.named(f"rolebindings.{_RBAC}")
    if run.store.find(run.cluster.catalogue.named("namespaces"), place) is None or run.store.find(bindings, account, name):
        return
    meta = {"name": account, "namespace": name}
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    run.bring({"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": place}
    role = {"apiGroup": _RBAC, "kind": "Role", "name": account}
    run.bring({"apiVersion": f"{_RBAC}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]})
    for app in run.store.of("applications.argoproj.io", place):
        if spec_of(app, "destination", "namespace") == name:
            _sync(run, app)


def _sync(run: Controllers, obj: Obj) -> None:
    """An application is compared, and synced where it may write and its project lets it; it is looked at again all the time."""
    place = obj["metadata"]["namespace"]
    projects = run.cluster.catalogue.named("appprojects.argoproj.io")
    to = spec_of(obj, "destination", "namespace", default="")
    space = run.store.find(run.cluster.catalogue.named("namespaces"), to)
    now = stamp(run.store.now())
    bad = ""
    if run.store.find(projects, spec_of(obj, "project", default="default"), place) is None:
        bad = f"application references project {spec_of(obj, 'project')} which does not exist"
    elif space is None or (space["metadata"].get("labels") or {}).get(_MANAGED) != place:
        bad = f'Namespace "{to}" for this Application is not managed'
    if bad:
        unknown = {"sync": {"status": "Unknown"}, "health": {"status": "Unknown"}, "reconciledAt": now}
        why = [{"type": "InvalidSpecError", "message": bad, "lastTransitionTime": now}]
        run.update(obj, {"status": {**unknown, "conditions": why}})
        return
    done = told(run, _STORY, "Application", "shop", _GITOPS)["status"]
    run.update(obj, {"status": {**done, "reconciledAt": now, "conditions": None}})
    run.later(lambda: made_of(run, obj, _sync), _REFRESH_S)


def _tekton(run: Controllers, obj: Obj) -> None:
    """The controllers of pipelines, of triggers and, where they are wanted, of signatures."""
    place = spec_of(obj, "targetNamespace", default=_PIPELINES)
    names = ["tekton-pipelines-controller"]
    if not spec_of(obj, "chain", "disabled", default=False):
        names.append("tekton-chains-controller")
    lines = {name: line(_STORY, _PIPELINES, name) for name in names}
    lines["tekton-triggers-controller"] = {"image": "pipelines/triggers:1.20"}
    ports = {"ports": {"https-webhook": 8443}, "expose": {"https-webhook": 443}}
    lines[_WEBHOOK] = {"image": "pipelines/webhook:1.20", **ports}
    start(run, place, lines)
    refuses(run, "validation.webhook.pipeline.tekton.dev", (place, _WEBHOOK, "/resource-validation"), ["tekton.dev"], ["*"])
    ready(run, obj, {"version": "1.20.0"})


def _listener(run: Controllers, obj: Obj) -> None:
    """A Deployment and a Service that wait for events."""
    name, place = obj["metadata"]["name"], obj["metadata"]["namespace"]
    called = f"el-{name}"
    account = spec_of(obj, "serviceAccountName", default="default")
    labels = {"eventlistener": name, "app.kubernetes.io/part-of": "Triggers", "app.kubernetes.io/managed-by": "EventListener"}
    sink = line(_STORY, _PIPELINES, "el-quarantine", {"sa": account, "labels": labels, "owner": pods.owner_reference(obj)})
    replicas = spec_of(obj, "resources", "kubernetesResource", "replicas", default=1)
    start(run, place, {called: {**sink, "replicas": replicas}})
    url = f"http://{called}.{place}.svc.cluster.local:8080"
    where = {"address": {"url": url}, "configuration": {"generatedName": called}}
    ready(run, obj, where, "Available", "Deployment", "Service", "Ready")


def _run(run: Controllers, obj: Obj) -> None:
    """A run goes well, and one that builds tells the digest; what it makes is signed where signatures are wanted."""
    now = stamp(run.store.now())
    done = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": now}
    changes: Obj = {"status": {"startTime": now, "completionTime": now, "conditions": [done]}}
    if spec_of(obj, "taskRef", "name") == "buildah":
        digest = hashlib.sha256(obj["metadata"]["uid"].encode()).hexdigest()
        changes["status"]["results"] = [{"name": "IMAGE_DIGEST", "type": "string", "value": f"sha256:{digest}"}]
    if any(_signs(run, item) for item in run.store.of("tektonconfigs.operator.tekton.dev")):
        changes["metadata"] = {"annotations": {"chains.tekton.dev/signed": "true"}}
    run.update(obj, changes)


def _signs(run: Controllers, config: Obj) -> bool:
    """Whether what is built is signed: that is wanted, and there is a key to do it with."""
    chain = spec_of(config, "chain", default={})
    place = spec_of(config, "targetNamespace", default=_PIPELINES)
    key = run.store.find(run.cluster.catalogue.named("secrets"), "signing-secrets", place)
    return not chain.get("disabled") and bool(chain.get("generateSigningSecret") or key)


OPERANDS = {
    ("argoproj.io", "argocds"): of("openshift-gitops-operator", _argo_cd),
    ("argoproj.io", "applications"): of("openshift-gitops-operator", _sync),
    ("operator.tekton.dev", "tektonconfigs"): of("openshift-pipelines-operator-rh", _tekton),
    ("triggers.tekton.dev", "eventlisteners"): of("openshift-pipelines-operator-rh", _listener),
    ("tekton.dev", "pipelineruns"): of("openshift-pipelines-operator-rh", _run),
    ("tekton.dev", "taskruns"): of("openshift-pipelines-operator-rh", _run),
}

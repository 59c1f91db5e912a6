"""Row P4.PAC, the way in: only verified images run, and changes are checked before they reach the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, aside, attested, check, cluster_ref, fail, ok, reason, seen, warn
from ztui.engines import tenancy
from ztui.engines.gates import Gate, deploys, gates_of
from ztui.engines.signatures import IMAGES, IMAGES_WHERE_SERVED, is_pinned, nested_under, verified_by
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.admission import ImagePolicy
from ztui.kinds.base import Kind, instant
from ztui.kinds.gitops import Application
from ztui.kinds.pipeline import CHECKERS, Pipeline, Task
from ztui.kinds.workload import Namespace
from ztui.view import View

VERIFIED = reason("image-verified", "its images are refused unless signed ({by})")
PINNED = reason(
    "image-pinned",
    "{image} is named by its digest, and nobody asks for a signature",
    next="Sign it, and put its repository into the scope of a ClusterImagePolicy",
)
UNVERIFIED = reason(
    "image-unverified",
    "{image} runs whatever its tag points to, and nobody asks for a signature",
    next="Name it by digest; sign it, and put its repository into the scope of a ClusterImagePolicy",
)
NESTED = reason(
    "image-policy-ignored",
    "its scope {scope} lies below that of {by}, so nodes ignore it",
    next="Put it into the cluster-wide policy, or take the scope out of that",
)
CHECKED = reason("checked-first", "is checked by {by} before it deploys")
LATE = reason(
    "checked-too-late",
    "has a check ({by}) that cannot stop the deployment by {task}",
    next="Let the deployment run after the check, and let the check fail the run",
)
UNCHECKED = reason(
    "unchecked-pipeline",
    "deploys by {task}, and nothing checks before",
    next="Add a task of conftest, kyverno or trivy, and let the deployment run after it",
)
HOOKED = reason("checked-by-hook", "is checked by the PreSync hook {by}")
VOUCHED = reason("ci-vouched", "was checked in its repository on {when}, says {by}")
VOUCHED_ONLY = reason(
    "ci-vouched-without-result",
    "is checked in its repository, says {by}, and no result of the last 30 days is named",
    next="Let the pipeline write ztui.io/ci-gate-passed with the time of its last result",
)
UNCHECKED_APP = reason(
    "unchecked-application",
    "is synced as it is: no hook checks it, and nobody vouches for its repository",
    next="Check manifests in the repository's pipeline, and annotate the Application with ztui.io/ci-gate",
)
NOTHING_CHECKS = reason(
    "no-delivery",
    "neither a pipeline nor Argo CD delivers, so nothing can check before",
    next="Deliver by a pipeline or by Argo CD, with a policy check before the deployment",
)

_GATE: Final = "ztui.io/ci-gate"
_PASSED: Final = "ztui.io/ci-gate-passed"
_RECENT: Final = timedelta(days=30)


@check(
    "ZT4-PAC-004",
    "Only verified images run",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(*WORKLOADS, *IMAGES),
    where_served=(*WORKLOADS_WHERE_SERVED, *IMAGES_WHERE_SERVED),
    ratio=Bands(pass_at=0.95, warn_at=0.7, any_fail=False, weak=True),
    maps=("800-53 SI-7(15)", "800-53 CM-14", "800-53 SR-11", "CIS-OCP 5.5.1"),
)
def images_verified(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Every image of a tenant is refused unless somebody signed it.

    Why: provenance closes the supply-chain path.
    How: whoever can push to the registry, or move a tag, runs code in the cluster.
    Rule: a workload passes if a policy in force asks for a signature of each of its images, warns if what is left is named by
    digest, and fails otherwise; the check passes from 95 % that pass, and warns from 70 % that pass or warn.
    Traps: the platform's own policy covers release images only, so the scope is compared image by image; a namespace's policy
    below the scope of a cluster-wide one is ignored; a policy of Sigstore needs the label on the namespace; init containers
    count.
    Source: config.openshift.io/v1 ClusterImagePolicy, ImagePolicy, spec.scopes; policy.sigstore.dev/v1beta1 ClusterImagePolicy,
    spec.images[].glob, spec.authorities[].static.action, spec.mode; kyverno.io/v1 ClusterPolicy, spec.rules[].verifyImages;
    policies.kyverno.io/v1 ImageValidatingPolicy, spec.matchImageReferences[].glob; v1 Pod, spec.containers[].image.
    Verify: oc get clusterimagepolicies -o custom-columns=NAME:.metadata.name,SCOPES:.spec.scopes
    """
    for unit in view.derive(workloads, namespace.name):
        yield _unit(view, unit, namespace.name)
    for policy in sorted(view.within(ImagePolicy, namespace.name), key=_name):
        for scope in policy.spec.scopes or ():
            wider = nested_under(view, scope)
            if wider is not None:
                yield aside(warn(policy, NESTED, seen=[seen(policy, "spec.scopes[]", scope)], scope=scope, by=str(wider)))


@check(
    "ZT4-PAC-005",
    "Changes are checked before they reach the cluster",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Namespace,),
    where_served=(Pipeline, Task, Application),
    scope="all",
    maps=("CISA Apps", "CISA Gov", "800-53 CM-3(2)", "800-53 SA-11", "800-53 CM-4"),
)
def checked_before(view: View) -> Iterator[Finding]:
    """Whatever delivers to a tenant's namespace is checked by policy before, and a check that fails stops it.

    Why: the cheapest denial is before merge.
    How: what no check stops is found by the one who exploits it.
    Rule: pass if each pipeline that deploys has a policy check that runs before and can fail it, and each application of Argo CD
    has such a hook or an owner who vouches for its repository with a result of the last 30 days; warn if the check comes too
    late, cannot fail, or is only vouched for; fail if there is none, or nothing delivers at all.
    Traps: a task that runs beside the deployment or in finally checks nothing; onError: continue swallows the result; tools are
    known by the names of tasks, images and commands, so an own script has to be named after what it runs.
    Source: tekton.dev/v1 Pipeline, spec.tasks[].taskRef, spec.tasks[].runAfter, spec.tasks[].onError, spec.finally; tekton.dev/v1
    Task, spec.steps; argoproj.io/v1alpha1 Application, status.operationState.syncResult.resources[].hookType,
    metadata.annotations.
    Verify: kubectl get pipelines -A -o jsonpath='{.items[*].spec.tasks[*].taskRef.name}'
    """
    found: list[Finding] = []
    for pipeline in sorted(view.all(Pipeline), key=lambda item: (item.namespace, item.name)):
        gates = gates_of(view, pipeline)
        found += [_pipeline(pipeline, task, gates) for task in deploys(view, pipeline)[:1]]
    tenants = view.derive(tenancy.user_namespaces)
    for app in sorted(view.all(Application), key=lambda item: (item.namespace, item.name)):
        if app.spec.destination.is_here and app.spec.destination.namespace in tenants:
            found.append(_application(view, app))
    yield from found or [fail(cluster_ref(), NOTHING_CHECKS)]


def _unit(view: View, unit: Workload, namespace: str) -> Finding:
    """The worst of a workload's images: unverified, then pinned, then verified."""
    images = sorted({item.image for pod in unit.pods for item in pod.containers})
    by = {image: verified_by(view, namespace, image) for image in images}
    loose = [image for image in images if by[image] is None]
    facts = [Evidence(unit.root, "spec.containers[].image", image) for image in loose or images]
    unpinned = [image for image in loose if not is_pinned(image)]
    if unpinned:
        return fail(unit.root, UNVERIFIED, seen=facts, image=unpinned[0])
    if loose:
        return warn(unit.root, PINNED, seen=facts, image=loose[0])
    return ok(unit.root, VERIFIED, seen=facts, by=", ".join(sorted({str(item) for item in by.values()})))


def _pipeline(pipeline: Pipeline, task: str, gates: tuple[Gate, ...]) -> Finding:
    """Whether a check stands before the task that deploys."""
    facts = [seen(pipeline, f"spec.tasks[{item.task}]", ", ".join(item.tools)) for item in gates] or [
        seen(pipeline, "spec.tasks")
    ]
    before = [item for item in gates if task in item.holds]
    if before:
        return ok(pipeline, CHECKED, seen=facts, by=before[0].task)
    if gates:
        return warn(pipeline, LATE, seen=facts, by=gates[0].task, task=task)
    return fail(pipeline, UNCHECKED, seen=facts, task=task)


def _application(view: View, app: Application) -> Finding:
    for item in app.status.hooks:
        if item.hook_type == "PreSync" and item.hook_phase == "Succeeded" and CHECKERS & set(item.name.split("-")):
            return ok(
                app, HOOKED, seen=[seen(app, "status.operationState.syncResult.resources[].hookType", item.name)], by=item.name
            )
    who = app.annotations.get(_GATE, "").strip()
    at = instant(app.annotations.get(_PASSED))
    facts = [
        seen(app, f"metadata.annotations[{_GATE}]", who),
        seen(app, f"metadata.annotations[{_PASSED}]", app.annotations.get(_PASSED, "")),
    ]
    if who and at is not None and view.now - at <= _RECENT:
        return attested(ok(app, VOUCHED, seen=facts, by=who, when=at.date().isoformat()))
    if who:
        return attested(warn(app, VOUCHED_ONLY, seen=facts, by=who))
    return fail(app, UNCHECKED_APP, seen=facts)


def _name(of: Kind) -> str:
    return of.name

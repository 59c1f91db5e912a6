"""Policy as code: what the API server, Kyverno, Gatekeeper and Sigstore refuse, where, and what is exempt.

Source: admissionregistration.k8s.io/v1; kyverno.io/v1 and v2; policies.kyverno.io; constraints, config and templates of
gatekeeper.sh; policy.sigstore.dev; config.openshift.io/v1, field paths as in their CRDs. Patterns,
expressions and keys have no place here.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class Present(msgspec.Struct, frozen=True, gc=False):
    """That something is set; what it is has no place here."""


class MatchResources(msgspec.Struct, frozen=True, rename="camel"):
    """Where a policy of the API server applies. What it applies to is left to its author."""

    namespace_selector: Selector | None = None
    object_selector: Selector | None = None


class AdmissionPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a policy fails closed, and where it applies."""

    failure_policy: str = "Fail"
    match_constraints: MatchResources | None = None
    validations: tuple[Present, ...] | None = None


class TypeChecking(msgspec.Struct, frozen=True, rename="camel"):
    """What the server finds odd in the expressions of a policy."""

    expression_warnings: tuple[Present, ...] | None = None


class AdmissionPolicyStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the expressions of a policy fit what it matches."""

    type_checking: TypeChecking | None = None


class ValidatingAdmissionPolicy(Kind, frozen=True):
    """A policy that the API server itself evaluates; it does nothing without a binding."""

    GROUP = "admissionregistration.k8s.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "validatingadmissionpolicies"
    KIND = "ValidatingAdmissionPolicy"
    NAMESPACED = False

    spec: AdmissionPolicySpec = AdmissionPolicySpec()
    status: AdmissionPolicyStatus = AdmissionPolicyStatus()

    @property
    def type_warnings(self) -> int:
        """How many of its expressions do not fit."""
        return len((self.status.type_checking.expression_warnings if self.status.type_checking else None) or ())


class PolicyBindingSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which policy is bound, where, and what a violation leads to."""

    policy_name: str = ""
    validation_actions: tuple[str, ...] | None = None
    match_resources: MatchResources | None = None


class ValidatingAdmissionPolicyBinding(Kind, frozen=True):
    """What puts a policy of the API server in force."""

    GROUP = "admissionregistration.k8s.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "validatingadmissionpolicybindings"
    KIND = "ValidatingAdmissionPolicyBinding"
    NAMESPACED = False

    spec: PolicyBindingSpec = PolicyBindingSpec()


class ResourceFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Which resources a rule of Kyverno matches."""

    kinds: tuple[str, ...] | None = None
    name: str = ""
    names: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    namespace_selector: Selector | None = None
    selector: Present | None = None
    annotations: Present | None = None


class MatchFilter(msgspec.Struct, frozen=True, rename="camel"):
    """One filter of a rule: resources, and who asks."""

    resources: ResourceFilter | None = None
    subjects: tuple[Present, ...] | None = None
    roles: tuple[str, ...] | None = None
    cluster_roles: tuple[str, ...] | None = None

    @property
    def is_broad(self) -> bool:
        """Whether it takes everything of a namespace: no name, label, annotation or person narrows it."""
        found = self.resources or ResourceFilter()
        narrowed = (found.name, found.names, found.selector, found.annotations, self.subjects, self.roles, self.cluster_roles)
        return not any(narrowed)


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """The filters of a rule: any of them, all of them, or one as older policies write it."""

    any: tuple[MatchFilter, ...] | None = None
    all: tuple[MatchFilter, ...] | None = None
    resources: ResourceFilter | None = None
    subjects: tuple[Present, ...] | None = None


class ActionOverride(msgspec.Struct, frozen=True, rename="camel"):
    """Another action for some namespaces."""

    action: str = ""
    namespaces: tuple[str, ...] | None = None
    namespace_selector: Selector | None = None


class PodSecurity(msgspec.Struct, frozen=True):
    """A rule that checks a whole level of pod security, but for what it leaves out."""

    level: str = ""
    exclude: tuple[Present, ...] | None = None


class Validate(msgspec.Struct, frozen=True, rename="camel"):
    """What a validating rule does with a violation; the rule itself is left to its author."""

    failure_action: str = ""
    failure_action_overrides: tuple[ActionOverride, ...] | None = None
    pod_security: PodSecurity | None = None


class VerifyImages(msgspec.Struct, frozen=True, rename="camel"):
    """Which images a rule verifies."""

    image_references: tuple[str, ...] | None = None
    skip_image_references: tuple[str, ...] | None = None
    image: str = ""
    required: bool = True
    failure_action: str = ""


class KyvernoRule(msgspec.Struct, frozen=True, rename="camel"):
    """One rule of a policy."""

    name: str = ""
    match: Match = Match()
    exclude: Match | None = None
    validate: Validate | None = None
    verify_images: tuple[VerifyImages, ...] | None = None


class WebhookSettings(msgspec.Struct, frozen=True, rename="camel"):
    """How the webhook of a policy fails."""

    failure_policy: str = ""


class KyvernoSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Rules, and what a violation leads to unless a rule says otherwise."""

    admission: bool = True
    failure_policy: str = ""
    webhook_configuration: WebhookSettings | None = None
    validation_failure_action: str = "Audit"
    validation_failure_action_overrides: tuple[ActionOverride, ...] | None = None
    rules: tuple[KyvernoRule, ...] | None = None


class ReadyStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a policy is loaded."""

    conditions: tuple[Condition, ...] | None = None


class ClusterPolicy(Kind, frozen=True):
    """A policy of Kyverno for the whole cluster."""

    GROUP = "kyverno.io"
    PLURAL = "clusterpolicies"
    KIND = "ClusterPolicy"
    NAMESPACED = False

    spec: KyvernoSpec = KyvernoSpec()
    status: ReadyStatus = ReadyStatus()


class Policy(Kind, frozen=True):
    """A policy of Kyverno for its own namespace."""

    GROUP = "kyverno.io"
    PLURAL = "policies"
    KIND = "Policy"

    spec: KyvernoSpec = KyvernoSpec()
    status: ReadyStatus = ReadyStatus()


class ImageReference(msgspec.Struct, frozen=True, gc=False):
    """Images by a pattern, or by an expression that is not looked into."""

    glob: str = ""
    expression: str = ""


class EvaluationPart(msgspec.Struct, frozen=True, gc=False):
    """Whether requests are judged."""

    enabled: bool = True


class Evaluation(msgspec.Struct, frozen=True):
    """When a policy is evaluated."""

    admission: EvaluationPart = EvaluationPart()


class CELPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """What the newer policies of Kyverno share; violations are denied unless they say otherwise."""

    failure_policy: str = "Fail"
    validation_actions: tuple[str, ...] | None = None
    match_constraints: MatchResources | None = None
    match_image_references: tuple[ImageReference, ...] | None = None
    evaluation: Evaluation | None = None


class ValidatingPolicy(Kind, frozen=True):
    """A newer policy of Kyverno, in the language of the API server's own."""

    GROUP = "policies.kyverno.io"
    VERSIONS = ("v1", "v1beta1", "v1alpha1")
    PLURAL = "validatingpolicies"
    KIND = "ValidatingPolicy"
    NAMESPACED = False

    spec: CELPolicySpec = CELPolicySpec()


class NamespacedValidatingPolicy(Kind, frozen=True):
    """The same for its own namespace."""

    GROUP = "policies.kyverno.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "namespacedvalidatingpolicies"
    KIND = "NamespacedValidatingPolicy"

    spec: CELPolicySpec = CELPolicySpec()


class ImageValidatingPolicy(Kind, frozen=True):
    """A newer policy of Kyverno that verifies images."""

    GROUP = "policies.kyverno.io"
    VERSIONS = ("v1", "v1beta1", "v1alpha1")
    PLURAL = "imagevalidatingpolicies"
    KIND = "ImageValidatingPolicy"
    NAMESPACED = False

    spec: CELPolicySpec = CELPolicySpec()


class ExceptionSpec(msgspec.Struct, frozen=True):
    """What an exception of Kyverno takes out."""

    match: Match = Match()


class PolicyException(Kind, frozen=True):
    """An exception from policies of Kyverno."""

    GROUP = "kyverno.io"
    VERSIONS = ("v2", "v2beta1")
    PLURAL = "policyexceptions"
    KIND = "PolicyException"

    spec: ExceptionSpec = ExceptionSpec()


class CELExceptionSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What an exception from the newer policies takes out, and until when."""

    match_conditions: tuple[Present, ...] | None = None
    images: tuple[str, ...] | None = None
    expires_at: str | None = None


class CELPolicyException(Kind, frozen=True):
    """An exception from the newer policies of Kyverno."""

    GROUP = "policies.kyverno.io"
    VERSIONS = ("v1", "v1beta1", "v1alpha1")
    PLURAL = "policyexceptions"
    KIND = "PolicyException"

    spec: CELExceptionSpec = CELExceptionSpec()


class ExcludedNamespaces(msgspec.Struct, frozen=True, rename="camel"):
    """Namespaces that Gatekeeper leaves alone, by name or pattern, in some of its processes."""

    excluded_namespaces: tuple[str, ...] | None = None
    processes: tuple[str, ...] | None = None


class GatekeeperConfigSpec(msgspec.Struct, frozen=True):
    """What Gatekeeper leaves alone."""

    match: tuple[ExcludedNamespaces, ...] | None = None


class GatekeeperConfig(Kind, frozen=True):
    """The settings of Gatekeeper."""

    GROUP = "config.gatekeeper.sh"
    VERSIONS = ("v1alpha1",)
    PLURAL = "configs"
    KIND = "Config"

    spec: GatekeeperConfigSpec = GatekeeperConfigSpec()


class EnforcementPoint(msgspec.Struct, frozen=True, gc=False):
    """Where an action is taken; ``*`` is everywhere."""

    name: str = ""


class ScopedAction(msgspec.Struct, frozen=True, rename="camel"):
    """An action at some points."""

    action: str = ""
    enforcement_points: tuple[EnforcementPoint, ...] | None = None


class ConstraintMatch(msgspec.Struct, frozen=True, rename="camel"):
    """Where a constraint applies."""

    namespaces: tuple[str, ...] | None = None
    excluded_namespaces: tuple[str, ...] | None = None
    namespace_selector: Selector | None = None
    label_selector: Selector | None = None
    name: str = ""


class ConstraintSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a violation leads to, and where."""

    enforcement_action: str = "deny"
    scoped_enforcement_actions: tuple[ScopedAction, ...] | None = None
    match: ConstraintMatch = ConstraintMatch()

    @property
    def denies(self) -> bool:
        """Whether requests that violate it are refused."""
        if self.enforcement_action != "scoped":
            return self.enforcement_action == "deny"
        denied = (item.enforcement_points or () for item in self.scoped_enforcement_actions or () if item.action == "deny")
        return any(point.name in {"*", "validation.gatekeeper.sh"} for points in denied for point in points)


class ConstraintStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What the audit of stored objects counted; absent before it ran."""

    total_violations: int | None = None


class Constraint(Kind, frozen=True):
    """What the constraints of Gatekeeper share. Their kinds are made by templates: those of its standard library are known."""

    GROUP: ClassVar[str] = "constraints.gatekeeper.sh"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta1",)
    NAMESPACED: ClassVar[bool] = False

    spec: ConstraintSpec = ConstraintSpec()
    status: ConstraintStatus = ConstraintStatus()


class PrivilegedContainer(Constraint, frozen=True):
    """No privileged containers."""

    PLURAL = "k8spspprivilegedcontainer"
    KIND = "K8sPSPPrivilegedContainer"


class HostNamespace(Constraint, frozen=True):
    """No namespaces of the node."""

    PLURAL = "k8spsphostnamespace"
    KIND = "K8sPSPHostNamespace"


class AllowedUsers(Constraint, frozen=True):
    """No root."""

    PLURAL = "k8spspallowedusers"
    KIND = "K8sPSPAllowedUsers"


class PrivilegeEscalation(Constraint, frozen=True):
    """No gain of privileges."""

    PLURAL = "k8spspallowprivilegeescalationcontainer"
    KIND = "K8sPSPAllowPrivilegeEscalationContainer"


class CapabilitiesConstraint(Constraint, frozen=True):
    """Bounded capabilities."""

    PLURAL = "k8spspcapabilities"
    KIND = "K8sPSPCapabilities"


class AllowedRepos(Constraint, frozen=True):
    """Images of these registries only."""

    PLURAL = "k8sallowedrepos"
    KIND = "K8sAllowedRepos"


class ImageDigests(Constraint, frozen=True):
    """Images by digest only."""

    PLURAL = "k8simagedigests"
    KIND = "K8sImageDigests"


class ContainerLimits(Constraint, frozen=True):
    """Limits for every container."""

    PLURAL = "k8scontainerlimits"
    KIND = "K8sContainerLimits"


class RequiredResources(Constraint, frozen=True):
    """Requests and limits for every container."""

    PLURAL = "k8srequiredresources"
    KIND = "K8sRequiredResources"


class AutomountToken(Constraint, frozen=True):
    """No token where none is needed."""

    PLURAL = "k8spspautomountserviceaccounttokenpod"
    KIND = "K8sPSPAutomountServiceAccountTokenPod"


class RequiredLabels(Constraint, frozen=True):
    """Labels that must be there."""

    PLURAL = "k8srequiredlabels"
    KIND = "K8sRequiredLabels"


class HttpsOnly(Constraint, frozen=True):
    """TLS for every Ingress."""

    PLURAL = "k8shttpsonly"
    KIND = "K8sHttpsOnly"


class RootOfTrust(msgspec.Struct, frozen=True, rename="camel"):
    """By what signatures are verified; the keys have no place here."""

    policy_type: str = ""


class ImageTrust(msgspec.Struct, frozen=True, rename="camel"):
    """How images are verified."""

    root_of_trust: RootOfTrust = RootOfTrust()


class ImagePolicySpec(msgspec.Struct, frozen=True):
    """Which images must be signed, and by what."""

    scopes: tuple[str, ...] | None = None
    policy: ImageTrust = ImageTrust()


class ClusterImagePolicy(Kind, frozen=True):
    """Signatures that nodes ask for. The policy ``openshift`` is the platform's own."""

    GROUP = "config.openshift.io"
    PLURAL = "clusterimagepolicies"
    KIND = "ClusterImagePolicy"
    NAMESPACED = False

    spec: ImagePolicySpec = ImagePolicySpec()


class ImagePolicy(Kind, frozen=True):
    """Signatures that nodes ask for in one namespace; ignored below the scope of a cluster-wide one."""

    GROUP = "config.openshift.io"
    PLURAL = "imagepolicies"
    KIND = "ImagePolicy"

    spec: ImagePolicySpec = ImagePolicySpec()


class StaticAuthority(msgspec.Struct, frozen=True, gc=False):
    """An authority that verifies nothing: it passes, or it fails."""

    action: str = ""


class Authority(msgspec.Struct, frozen=True):
    """Who must have signed."""

    static: StaticAuthority | None = None


class SigstorePolicySpec(msgspec.Struct, frozen=True):
    """Which images must be signed; ``warn`` only says so."""

    images: tuple[ImageReference, ...] | None = None
    authorities: tuple[Authority, ...] | None = None
    mode: str = ""


class SigstorePolicy(Kind, frozen=True):
    """Signatures that Sigstore's policy controller asks for, in namespaces that are labelled for it."""

    GROUP = "policy.sigstore.dev"
    VERSIONS = ("v1beta1", "v1alpha1")
    PLURAL = "clusterimagepolicies"
    KIND = "ClusterImagePolicy"
    NAMESPACED = False

    spec: SigstorePolicySpec = SigstorePolicySpec()


class ImportRegistry(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A registry that images may be imported from."""

    domain_name: str = ""
    insecure: bool = False


class RegistrySources(msgspec.Struct, frozen=True, rename="camel"):
    """Which registries nodes pull from."""

    allowed_registries: tuple[str, ...] | None = None
    blocked_registries: tuple[str, ...] | None = None
    insecure_registries: tuple[str, ...] | None = None


class ImageConfigSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Where images may come from."""

    allowed_registries_for_import: tuple[ImportRegistry, ...] | None = None
    registry_sources: RegistrySources = RegistrySources()


class ImageConfig(Kind, frozen=True):
    """``Image/cluster`` of config.openshift.io: where images may come from."""

    GROUP = "config.openshift.io"
    PLURAL = "images"
    KIND = "Image"
    NAMESPACED = False

    spec: ImageConfigSpec = ImageConfigSpec()

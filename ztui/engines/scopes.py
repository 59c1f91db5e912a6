"""Which resources have no namespace, as far as access is concerned: a RoleBinding grants nothing on them."""

from __future__ import annotations

from typing import Final

# Plural names of Kubernetes and OpenShift. A resource that is not named here is taken to have a namespace. ``namespaces`` and
# ``projects`` are absent on purpose: the server asks about one of them in the namespace of that name.
_CLUSTER_SCOPED: Final = frozenset(
    {
        *("nodes", "persistentvolumes", "componentstatuses", "clusterroles", "clusterrolebindings"),
        *("customresourcedefinitions", "apiservices", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
        *("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies"),
        *("mutatingadmissionpolicybindings", "storageclasses", "csidrivers", "csinodes", "volumeattachments"),
        *("priorityclasses", "ingressclasses", "runtimeclasses", "certificatesigningrequests", "signers", "tokenreviews"),
        *("subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"),
        *("flowschemas", "prioritylevelconfigurations", "securitycontextconstraints", "oauthclients", "oauthaccesstokens"),
        *("oauthauthorizetokens", "useroauthaccesstokens", "clusteroperators", "clusterversions", "infrastructures"),
        *("clusterresourcequotas", "machineconfigs", "machineconfigpools", "projectrequests", "uids", "userextras", "users"),
        *("groups", "identities", "useridentitymappings"),
    }
)

# ``use`` of an SCC and ``bind`` of a ClusterRole are asked about in the namespace of the pod or of the RoleBinding.
_IN_NAMESPACE: Final = frozenset({"use", "bind"})


def has_no_namespace(verb: str, resource: str) -> bool:
    """Whether a request for this verb on this resource (with its subresource) never is about one namespace."""
    return verb not in _IN_NAMESPACE and resource.partition("/")[0] in _CLUSTER_SCOPED

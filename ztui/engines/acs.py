"""Whether Red Hat Advanced Cluster Security is there: what it knows is behind its own API, which is not connected.

Source: platform.stackrox.io/v1alpha1 SecuredCluster and Central, the webhook and the operator that they come with.
"""

from __future__ import annotations

from typing import Final

from ztui.kinds.acs import Central, SecuredCluster
from ztui.kinds.base import Kind
from ztui.kinds.gitops import ClusterServiceVersion
from ztui.kinds.policy import ValidatingWebhookConfiguration
from ztui.view import View

ACS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (SecuredCluster, Central)
"""What ``acs`` reads besides what every check may read."""


def acs(view: View) -> Kind | None:
    """What proves that ACS watches this cluster; ``None`` where nothing does."""
    for kind in (SecuredCluster, Central):
        found: list[SecuredCluster | Central] = sorted(view.all(kind), key=lambda item: (item.namespace, item.name))
        if found:
            return found[0]
    hook = view.get(ValidatingWebhookConfiguration, "stackrox")
    if hook is not None:
        return hook
    installed = [item for item in view.all(ClusterServiceVersion) if not item.is_copy and item.status.phase == "Succeeded"]
    return next((item for item in sorted(installed, key=lambda one: one.name) if item.name.startswith("rhacs-operator")), None)

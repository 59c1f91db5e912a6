"""Which namespaces are judged as a tenant's."""

from __future__ import annotations

from typing import Any, Final

from tests.worlds import view_of
from ztui.engines.units import namespace_classes

Obj = dict[str, Any]
WATCHED: Final[Obj] = {"openshift.io/cluster-monitoring": "true"}


def space(name: str, labels: Obj | None = None) -> Obj:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}


def test_a_reserved_name_that_the_platform_watches_is_an_add_on() -> None:
    told = [space("openshift-gitops", WATCHED), space("openshift-extras"), space("shop", WATCHED), space("openshift-operators")]
    found = namespace_classes(view_of(told))
    assert found == {"openshift-gitops": "addon", "openshift-extras": "user", "shop": "user", "openshift-operators": "addon"}

"""Which central secret managers the cluster is connected to, whether they work, and who really gets secrets by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.kinds.base import CLUSTER, Kind, Ref, condition
from ztui.kinds.secretmanager import (
    ClusterSecretStore,
    CSIDriver,
    ExternalSecret,
    SecretProviderClass,
    SecretProviderClassPodStatus,
    SecretStore,
    StoreRef,
    VaultAuth,
    VaultConnection,
    VaultDynamicSecret,
    VaultPKISecret,
    VaultStaticSecret,
)
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

VaultSecret = VaultStaticSecret | VaultDynamicSecret | VaultPKISecret

SOURCES: Final[tuple[type[Kind], ...]] = (Namespace, Pod, CSIDriver)
SOURCES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    SecretStore,
    ClusterSecretStore,
    ExternalSecret,
    VaultConnection,
    VaultAuth,
    VaultStaticSecret,
    VaultDynamicSecret,
    VaultPKISecret,
    SecretProviderClass,
    SecretProviderClassPodStatus,
)

LOCAL_PROVIDERS: Final = frozenset({"kubernetes", "fake", "webhook"})
"""Providers that are no central store: the cluster itself, made-up values, and whatever answers a request."""

CSI_DRIVER: Final = "secrets-store.csi.k8s.io"
_INJECT: Final = "vault.hashicorp.com/agent-inject"
_INJECTED: Final = "vault.hashicorp.com/agent-inject-status"


class Source(msgspec.Struct, frozen=True):
    """One connection to a manager: what says so, whether it works, whether it is a manager at all, how many use it."""

    on: Ref
    path: str
    value: str
    works: bool
    central: bool = True
    users: int = 0


def sources(view: View) -> tuple[Source, ...]:
    """Every connection to a secret manager, those that are in use first."""
    found = (*_stores(view), *_operator_logins(view), *_mounts(view), *_agents(view))
    return tuple(sorted(found, key=lambda item: (not (item.works and item.central and item.users), item.on)))


def auth_of(secret: VaultSecret) -> tuple[str, str]:
    """Namespace and name of the login that a secret is read by; the namespace is empty for the operator's default one."""
    name = secret.spec.vault_auth_ref
    place, slash, rest = name.partition("/")
    if slash:
        return place, rest
    return (secret.namespace, name) if name else (CLUSTER, "default")


def _stores(view: View) -> Iterator[Source]:
    used = view.derive(_used_stores)
    stores: list[SecretStore | ClusterSecretStore] = [*view.all(SecretStore), *view.all(ClusterSecretStore)]
    for store in stores:
        ready = condition(store.status.conditions, "Ready")
        users = used.get((StoreRef(store.name, store.KIND), store.namespace), 0)
        name = store.spec.provider.name
        works = ready is not None and ready.status == "True"
        value = f"{ready.status if ready else 'no condition'} ({name})"
        yield Source(store.ref, "status.conditions[type=Ready].status", value, works, name not in LOCAL_PROVIDERS, users)


def _used_stores(view: View) -> dict[tuple[StoreRef, str], int]:
    """Store, with the namespace that it is in -> how many ExternalSecrets are synced from it."""
    found: dict[tuple[StoreRef, str], int] = {}
    for secret in view.all(ExternalSecret):
        ready = condition(secret.status.conditions, "Ready")
        if ready is None or ready.status != "True":
            continue
        for store in secret.stores:
            key = (store, CLUSTER if store.kind == "ClusterSecretStore" else secret.namespace)
            found[key] = found.get(key, 0) + 1
    return found


def _operator_logins(view: View) -> Iterator[Source]:
    secrets: list[VaultSecret] = [
        *view.all(VaultStaticSecret),
        *view.all(VaultDynamicSecret),
        *view.all(VaultPKISecret),
    ]
    used = [auth_of(item) for item in secrets]
    broken = {(item.namespace, item.name) for item in view.all(VaultConnection) if item.status.valid is False}
    for auth in view.all(VaultAuth):
        place, slash, name = auth.spec.vault_connection_ref.partition("/")
        connection = (place, name) if slash else (auth.namespace, place or "default")
        works = auth.status.valid is True and connection not in broken
        users = sum(name == auth.name and place in {auth.namespace, CLUSTER} for place, name in used)
        yield Source(auth.ref, "status.valid", str(auth.status.valid).lower(), works, users=users)


def _mounts(view: View) -> Iterator[Source]:
    driver = view.get(CSIDriver, CSI_DRIVER)
    mounted = [item for item in view.all(SecretProviderClassPodStatus) if item.status.mounted]
    for found in view.all(SecretProviderClass):
        users = sum(
            item.namespace == found.namespace and item.status.secret_provider_class_name == found.name for item in mounted
        )
        yield Source(found.ref, "spec.provider", found.spec.provider, driver is not None, users=users)


def _agents(view: View) -> Iterator[Source]:
    for namespace in view.all(Namespace):
        asked = view.derive(_asks_for_agent, namespace.name)
        if asked is not None:
            pod, injected = asked
            yield Source(
                pod, f"metadata.annotations[{_INJECTED}]", "injected" if injected else "", bool(injected), users=injected
            )


def _asks_for_agent(view: View, namespace: str) -> tuple[Ref, int] | None:
    """The first live pod of a namespace that asks for Vault's agent, and in how many it was put; ``None`` where none asks."""
    asking = sorted(
        (pod for pod in view.within(Pod, namespace) if pod.is_live and pod.annotations.get(_INJECT) == "true"),
        key=lambda pod: pod.name,
    )
    if not asking:
        return None
    injected = [pod for pod in asking if pod.annotations.get(_INJECTED) == "injected"]
    return (injected or asking)[0].ref, len(injected)

"""A change as commands for a shell: for whoever may not, or will not, make it from here."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final

import msgspec

from ztui.changes.preview import Preview, Step, emitted
from ztui.changes.writer import SUBRESOURCES, pinned
from ztui.kinds.base import Kind
from ztui.kinds.told import ActiveViolation, AlertSilence
from ztui.kinds.vault import VaultToken
from ztui.kinds.vaultgiven import VaultCredentials, VaultEntity

_AMTOOL: Final = (
    "oc -n openshift-monitoring exec alertmanager-main-0 -c alertmanager -- amtool --alertmanager.url=http://localhost:9093"
)


def as_commands(preview: Preview, version: Callable[[type[Kind]], str]) -> str:
    """One command for each write, in order; names are quoted for the shell."""
    return "\n".join(_command(step, version(step.write.kind)) for step in preview.steps) + "\n"


def _command(step: Step, version: str) -> str:
    write, ref = step.write, step.write.ref
    if write.kind.SOURCE == "vault":
        return _vault_command(step)
    if write.kind.SOURCE == "beside":
        return _command_beside(step)
    if ref.is_hashed:
        return f"# {write.verb} one {write.kind.PLURAL}: names of logins are not copied"
    group = f".{write.kind.GROUP}" if write.kind.GROUP else ""
    what = f"{write.kind.PLURAL}{group}/{shlex.quote(ref.name)}"
    place = f" -n {shlex.quote(ref.namespace)}" if ref.namespace else ""
    if write.verb == "apply":
        manager = shlex.quote(write.manager)
        return f"kubectl apply --server-side --field-manager={manager} -f - <<'END'\n{emitted(write, version)}END"
    if write.verb == "delete":
        return f"kubectl delete {what}{place}"
    if write.verb == "label":
        labels = " ".join(shlex.quote(f"{key}={value}" if value is not None else f"{key}-") for key, value in write.body.items())
        return f"kubectl label --overwrite {what}{place} {labels}"
    sub = f" --subresource={write.verb}" if write.verb in SUBRESOURCES else ""
    merges = write.verb in {"merge", "scale"}
    body, form = (write.body, "merge") if merges else (pinned(write.body, step.live), "json")
    return f"kubectl patch {what}{place}{sub} --type={form} -p {shlex.quote(msgspec.json.encode(body).decode())}"


def _command_beside(step: Step) -> str:
    """The same for the tool in the alert manager's own pod, and for Central's API, which has no tool for it."""
    write, ref = step.write, step.write.ref
    if write.kind is not AlertSilence:
        kind, workload, policy = (shlex.quote(part) for part in ActiveViolation.parts(ref.name))
        told = f"# for the ID of each violation of {policy} by {kind} {workload} in {shlex.quote(ref.namespace)}:\n"
        return (
            f'{told}curl -X PATCH -H "Authorization: Bearer $ROX_API_TOKEN" -d {{}} "https://$ROX_ENDPOINT/v1/alerts/$ID/resolve"'
        )
    amtool = f"{_AMTOOL} silence"
    if write.verb == "delete":
        return f"{amtool} expire {shlex.quote(ref.uid)}"
    matchers = " ".join(shlex.quote(f"{name}={value}") for name, value in (("alertname", ref.name), ("namespace", ref.namespace)))
    return f"{amtool} add {matchers} --duration={write.body['hours']}h --comment=ztui"


def _vault_command(step: Step) -> str:
    """The same for the vault command: what is left out of a body keeps its value, where the Vault itself keeps it."""
    write, ref = step.write, step.write.ref
    space = ref.namespace.partition("/")[2]
    vault = f"vault write -namespace={shlex.quote(space)}" if space else "vault write"
    if write.kind is VaultToken:
        return f"# {vault} auth/token/revoke-accessor accessor=ACCESSOR, of which the beginning is {shlex.quote(ref.typed)}"
    if write.kind is VaultCredentials:
        return f"{vault} {shlex.quote(f'sys/leases/revoke-prefix/{ref.name}')} sync=false"
    path = f"identity/entity/id/{step.live.uid if step.live else 'ID'}" if write.kind is VaultEntity else ref.name
    return f"{vault} {shlex.quote(path)} - <<'END'\n{msgspec.json.encode(write.body['data']).decode()}\nEND"

"""The verbs of the command line: each takes the parsed options and the settings, prints, and returns the exit status."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ztui import __version__, report, roles
from ztui.checks.base import Check, CheckId, catalogue
from ztui.checks.rows import row
from ztui.core import Core
from ztui.errors import SettingsError, ZtuiError
from ztui.explain import explanation
from ztui.formats.junit import as_junit
from ztui.formats.page import as_html
from ztui.formats.sarif import as_sarif
from ztui.formats.sheet import as_csv
from ztui.frame import Frame
from ztui.panes.health import side_words, vault_words
from ztui.paneverbs import admission, blast, bundle, can_reach, identity, ladder, mtls, who_can
from ztui.printing import as_json, out
from ztui.settings import Settings, cache_dir, config_path, settings_schema, state_dir
from ztui.settling import assess, is_judged, not_assessed, own_core, settled, shows_login, warn_unreadable
from ztui.targets import records_folder, target_finder
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.kinds.vault import VaultMount
    from ztui.sources.vaulttarget import VaultTarget

EXIT_THRESHOLD: Final = 1
EXIT_USAGE: Final = 2
BASELINE_LIMIT_BYTES: Final = 256 * 1024 * 1024


def check(found: argparse.Namespace, settings: Settings) -> int:
    """Assess once and print."""
    scope = _scope(found, settings)
    known = _baseline(found)
    if found.watch:
        return _watch(found, settings, scope)
    # All checks, whatever part of the report is asked for: a row is judged by all of its checks.
    frame = assess(found, settings, catalogue())
    if not is_judged(frame):
        return not_assessed(frame)
    out(report.as_plain(frame, catalogue(), scope) if settings.plain else _formatted(frame, scope, found.output))
    warn_unreadable(frame)
    if found.fail_under is not None and frame.board is not None and frame.board.phase < found.fail_under:
        return EXIT_THRESHOLD
    return EXIT_THRESHOLD if known is not None and _tell_new(frame, scope, known) else 0


def _baseline(found: argparse.Namespace) -> frozenset[str] | None:
    """What was known to fail; ``None`` where nobody asks for what is new. Read first: a wrong file must not cost a run."""
    if found.fail_on is None and found.baseline is None:
        return None
    if found.fail_on is None or found.baseline is None:
        msg = "--fail-on new and --baseline FILE belong together"
        raise SettingsError(msg, where="ztui check")
    from ztui.formats.baseline import baseline  # noqa: PLC0415  only pipelines need it

    path = Path(found.baseline)
    try:
        size = path.stat().st_size if path.is_file() else -1
        raw = path.read_bytes() if 0 <= size <= BASELINE_LIMIT_BYTES else b""
    except OSError as error:
        msg = "the baseline cannot be read"
        raise SettingsError(msg, where=clean(str(path)), why=clean(str(error))) from error
    return baseline(raw, str(path))


def _tell_new(frame: Frame, scope: report.Scope, known: frozenset[str]) -> bool:
    """Name on stderr what fails and did not before; returns whether there is any."""
    from ztui.formats.baseline import new_since  # noqa: PLC0415  only pipelines need it
    from ztui.formats.listing import place  # noqa: PLC0415  only pipelines need it

    new = new_since(report.document(frame, catalogue(), scope), known)
    for item, finding in new:
        sys.stderr.write(f"ztui: new: {item.check['id']} {place(finding)}: {finding['message']}\n")
    return bool(new)


def plain_report(found: argparse.Namespace, settings: Settings) -> int:
    """What a terminal that cannot show the console gets instead."""
    found.output, found.fail_under, found.phase, found.row, found.check, found.watch = "table", None, None, None, [], False
    found.fail_on, found.baseline = None, None
    return check(found, settings)


def explain(found: argparse.Namespace, settings: Settings) -> int:
    """Print what a check is for and how it judges; without an id, list all."""
    del settings
    if found.id is None:
        out("".join(f"{card.id}  {card.severity:<8}  {card.title}\n" for card in catalogue().values()))
        return 0
    out(explanation(_card(found.id)))
    return 0


def fix(found: argparse.Namespace, settings: Settings) -> int:
    """Print what would mend a finding and what that would do; with ``--apply`` ask, and do it."""
    from ztui.fixing import run  # noqa: PLC0415  only this verb needs it

    card = _card(found.id)
    with target_finder(found, settings) as (finder, mine):
        text, status = run(found, mine, finder, card)
    out(text)
    return status


def node(found: argparse.Namespace, settings: Settings) -> int:
    """Ask a node itself, and print what it says."""
    from ztui.kinds.nodereport import lines  # noqa: PLC0415  only this verb needs them
    from ztui.kinds.workload import Node  # noqa: PLC0415  as above

    async def ask(core: Core, wait_s: float) -> int:
        async with core.open():
            frame = await core.settled(wait_s)
            problem = frame.problem or (frame.health.problem if frame.health else None)
            if problem is not None:
                raise problem
            if frame.state.gap(Node) is None and found.name not in frame.state.objects.get(Node, {}).get("", {}):
                msg = f"there is no node {found.name}"
                raise SettingsError(msg, where="ztui node", next="kubectl get nodes lists them")
            report = await core.ask_node(found.name)
            out("".join(f"{clean(line)}\n" for line in lines(report)))
            return 0

    with target_finder(found, settings) as (finder, mine):
        return asyncio.run(ask(Core(mine, finder, cards={}, also=frozenset({Node})), mine.wait_s))


def waive(found: argparse.Namespace, settings: Settings) -> int:
    """Accept a finding for a time, list what is accepted, or take it back."""
    from ztui.records import Records  # noqa: PLC0415  only this verb writes them
    from ztui.waive import covered, listed, new_waiver, told  # noqa: PLC0415  the same

    card = _card(found.id) if found.id not in {"list", "drop"} else None
    frame = assess(found, settings, catalogue())
    health, board, now = frame.health, frame.board, frame.state.now
    if health is None or board is None or health.problem is not None:
        return not_assessed(frame)
    folder = records_folder(settings, os.environ)
    if folder is None:
        msg = "the demo keeps nothing"
        raise SettingsError(msg, where="ztui waive", next="Waive in the console of the demo, or on a cluster of your own")
    records = Records(folder / "records", health.cluster_id or health.server)
    try:
        if card is None and found.id == "list":
            out(listed(records.waivers(), board, now))
        elif card is None:
            if not records.drop(found.object or ""):
                msg = f"there is no waiver {found.object or ''}"
                raise SettingsError(msg, where="ztui waive drop", next="`ztui waive list` names them")
        else:
            fields = {"owner": found.owner or "", "reason": found.reason or "", "ticket": found.ticket or ""}
            fields |= {"target": found.object or "", "namespace_glob": found.within or "*"}
            waiver = new_waiver(card, now, found.days, **fields)
            records.waive(waiver)
            out(told(waiver, covered(board, card, waiver)))
    finally:
        records.close()
    return 0


def incident(found: argparse.Namespace, settings: Settings) -> int:
    """What goes on now."""
    if found.what == "respond":
        from ztui.responding import respond  # noqa: PLC0415  only this verb needs it

        return respond(found, settings)
    from ztui.incidentverb import incident as run  # noqa: PLC0415  only this verb needs it

    return run(found, settings)


def journal(found: argparse.Namespace, settings: Settings) -> int:
    """Show, verify, export or accept what was changed from here."""
    if found.what == "undo":
        return _undo(found, settings)
    from ztui.journalverb import journal as run  # noqa: PLC0415  only this verb needs it

    return run(found, settings)


def _undo(found: argparse.Namespace, settings: Settings) -> int:
    from ztui.fixing import undo  # noqa: PLC0415  only this verb needs it
    from ztui.rewinding import undo_session  # noqa: PLC0415  the same

    if bool(found.id) == bool(found.session):
        raise SettingsError("what is to be taken back?", where="ztui journal undo", next="Name a change, or --session ID|last")
    with target_finder(found, settings) as (finder, mine):
        text, status = (undo_session if found.session else undo)(found, mine, finder)
    out(text)
    return status


def guide(found: argparse.Namespace, settings: Settings) -> int:
    """Print where the walkthrough stands and its next step, or the whole way as a runbook."""
    from ztui.guide import runbook  # noqa: PLC0415  only this verb needs it
    from ztui.guide.procedures import names_of  # noqa: PLC0415  the same
    from ztui.guide.route import route, skipped_in  # noqa: PLC0415  the same

    frame = assess(found, settings, catalogue())
    board = frame.board
    if board is None or not is_judged(frame):
        return not_assessed(frame)
    goal = found.to if found.to is not None else (4 if found.export else min(board.phase + 1, 4))
    stops = route(board, catalogue(), to=goal, skipped=skipped_in(frame.state))
    write = {"md": runbook.as_markdown, "html": runbook.as_html, None: runbook.as_text}[found.export]
    out(write(board, catalogue(), stops, goal, names_of(frame.health)))
    return 0


def print_roles(found: argparse.Namespace, settings: Settings) -> int:
    """Print the rights of a profile."""
    if found.profile == "vault" or found.profile in roles.WRITERS:
        return _print_vault_policy(found, settings)
    if found.exact:
        msg = "--exact belongs to `ztui roles vault` and its kin"
        raise SettingsError(msg, where=f"ztui roles {found.profile}")
    documents = roles.role_documents(found.profile, catalogue().values())
    if found.bind is not None:
        documents += roles.bindings(documents, found.bind)
    out(roles.as_yaml(documents, found.profile))
    return 0


def _print_vault_policy(found: argparse.Namespace, settings: Settings) -> int:
    """Print a policy for a Vault; with ``--exact`` for the mounts of the one that is connected."""
    if found.bind is not None:
        msg = "a Vault policy is not bound here"
        raise SettingsError(msg, where="--bind", next="vault token create -policy=ztui-assess")
    writes = found.profile in roles.WRITERS

    def policy(mounts: list[VaultMount] | None = None) -> str:
        return roles.vault_writer_policy(found.profile, mounts) if writes else roles.vault_policy(mounts)

    if not found.exact:
        out(policy())
        return 0
    from ztui.sources.vaulttarget import find_vaults  # noqa: PLC0415  only this verb needs it

    targets = find_vaults(settings, settings.context or "", os.environ)
    if not targets:
        msg = "no Vault is configured"
        raise SettingsError(msg, where="--exact", next="Set VAULT_ADDR, or name a Vault in the settings")
    for target in targets:
        for namespace, mounts in asyncio.run(_mounts(target, settings)):
            out(f"# {clean(target.key(namespace))} at {clean(target.address)}\n{policy(mounts)}")
    return 0


async def _mounts(target: VaultTarget, settings: Settings) -> list[tuple[str, list[VaultMount]]]:
    """The mounts of a Vault; somebody at a terminal can log in to it first."""
    from ztui.clock import SystemClock  # noqa: PLC0415  only this verb needs them
    from ztui.sources.vault import read_mounts  # noqa: PLC0415  as above

    return await read_mounts(target, SystemClock(), settings.request_timeout_s, show=shows_login())


def demo(found: argparse.Namespace, settings: Settings) -> int:
    """Run the demo cluster in the foreground."""
    del settings
    from ztui.demo.server import DemoServer  # noqa: PLC0415  only a demo pays for its server

    options = {name: getattr(found, name) for name in ("scenario", "seed", "scale", "port") if hasattr(found, name)}

    async def serve() -> None:
        server = DemoServer(**options)
        await server.start()
        try:
            with tempfile.TemporaryDirectory(prefix="ztui-demo-") as folder:
                path = server.write_kubeconfig(Path(folder) / "kubeconfig")
                authority, _ = server.write_vault(path.parent)
                out(f"export KUBECONFIG={path}\n")
                out(f"export VAULT_ADDR={server.vault.url} VAULT_TOKEN={server.vault.token} VAULT_CACERT={authority}\n")
                sys.stderr.write(f"The demo cluster answers at {server.url}; Ctrl-C ends it.\n")
                await asyncio.Event().wait()
        finally:
            await server.stop()

    try:
        asyncio.run(serve())
    except OSError as error:
        msg = "the demo cluster cannot listen"
        raise SettingsError(msg, where=f"port {found.port}", why=str(error), next="Choose another --port") from error
    return 0


def info(found: argparse.Namespace, settings: Settings) -> int:
    """Print every path, version and limit in force, and what the cluster says of us; or the schema of the settings file."""
    if found.schema:
        out(as_json(settings_schema()))
        return 0
    environ = os.environ
    lines = [
        f"ztui       {__version__}, catalogue of {len(catalogue())} checks",
        f"python     {sys.version.split()[0]}",
        f"settings   {config_path(environ)}",
        f"state      {state_dir(environ)}",
        f"cache      {cache_dir(environ)}",
        f"timeout    {settings.request_timeout_s:g} s a request, {settings.wait_s:g} s to load",
        f"mode       {'read-only' if settings.read_only else 'read-only (this release changes nothing)'}",
    ]
    try:
        with target_finder(found, settings) as (finder, mine):
            frame = settled(lambda: own_core(mine, finder), mine.wait_s, quiet=True)
        lines += _connection_lines(frame) + _vault_lines(frame) + _side_lines(frame)
    except ZtuiError as error:
        lines.append(f"cluster    {error}")
    out("\n".join(lines) + "\n")
    return 0


def version(found: argparse.Namespace, settings: Settings) -> int:
    """Print the version."""
    del found, settings
    out(f"ztui {__version__}\n")
    return 0


def completion(found: argparse.Namespace, settings: Settings) -> int:
    """Print a completion script for the shell."""
    del settings
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415  only this verb needs it

    out(shellcode(["ztui", "kubectl-ztui"], shell=found.shell))
    return 0


_FILES: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "junit": as_junit,
    "sarif": as_sarif,
    "html": as_html,
    "csv": as_csv,
}

VERBS: Final[dict[str, Callable[[argparse.Namespace, Settings], int]]] = {
    "check": check,
    "explain": explain,
    "who-can": who_can,
    "identity": identity,
    "node": node,
    "can-reach": can_reach,
    "admission": admission,
    "ladder": ladder,
    "blast": blast,
    "bundle": bundle,
    "mtls": mtls,
    "waive": waive,
    "guide": guide,
    "incident": incident,
    "journal": journal,
    "fix": fix,
    "roles": print_roles,
    "demo": demo,
    "info": info,
    "version": version,
    "completion": completion,
}


def _watch(found: argparse.Namespace, settings: Settings, scope: report.Scope) -> int:
    """Assess, then print a line for each verdict that changes, until somebody ends it."""
    with target_finder(found, settings) as (finder, mine):
        settled(lambda: Core(mine, finder, cards={}), mine.wait_s, quiet=True)  # asks for a login program's yes, if need be
        return asyncio.run(_changes(own_core(mine, finder), mine.wait_s, scope, as_json=found.output == "json"))


async def _changes(core: Core, wait_s: float, scope: report.Scope, *, as_json: bool) -> int:
    async with core.open():
        frame = await core.settled(wait_s)
        if frame.board is None or not is_judged(frame):
            return not_assessed(frame)
        sys.stderr.write(f"{report.headline(frame.board, scope.namespace)}\n")
        before = frame.board
        async for frame in core.frames():
            if frame.board is not None and frame.board is not before:
                out(report.as_changes(before, frame, core.cards, scope, as_json=as_json))
                before = frame.board
    return 0


def _scope(found: argparse.Namespace, settings: Settings) -> report.Scope:
    if found.row is not None and row(found.row) is None:
        msg = f"there is no row {found.row}"
        raise SettingsError(msg, where="--row", next="`ztui check -o short` lists the rows")
    checks = tuple(_card(item).id for item in found.check)
    return report.Scope(found.phase, found.row.upper() if found.row else None, checks, settings.namespace)


def _card(check_id: str) -> Check:
    found = catalogue().get(CheckId(check_id.upper()))
    if found is None:
        msg = f"there is no check {check_id}"
        raise SettingsError(msg, next="`ztui explain` lists all")
    return found


def _formatted(frame: Frame, scope: report.Scope, form: str) -> str:
    ascii_only = not _writes("✔")
    if form in {"table", "wide"}:
        return report.as_table(frame, catalogue(), scope, wide=form == "wide", ascii_only=ascii_only)
    if form == "short":
        return report.as_short(frame, catalogue(), scope, ascii_only=ascii_only)
    if form in _FILES:
        return _FILES[form](report.document(frame, catalogue(), scope))
    return report.FORMATS[form](frame, catalogue(), scope)


def _writes(glyph: str) -> bool:
    try:
        glyph.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _vault_lines(frame: Frame) -> list[str]:
    lines = []
    for link in frame.vaults:
        lines.append(f"vault      {clean(link.name)}: {clean(vault_words(link), limit=300)}")
        lines += [f"warning    {clean(item)}" for item in link.warnings]
        if link.problem is not None:
            lines.append(f"vault      {link.problem}")
    return lines


def _side_lines(frame: Frame) -> list[str]:
    lines = []
    for link in frame.sides:
        lines.append(f"{link.name:<10} {clean(side_words(link), limit=300)}")
        lines += [f"{link.name:<10} {link.problem}"] if link.problem is not None else []
    return lines


def _connection_lines(frame: Frame) -> list[str]:
    health = frame.health
    problem = frame.problem or (health.problem if health else None)
    if health is None or problem is not None:
        return [f"cluster    {problem}"]
    lines = [
        f"cluster    {clean(health.context)} at {clean(health.server)}, {clean(health.server_version)}",
        f"user       {clean(health.user)} ({', '.join(clean(item) for item in health.groups)})",
        *(f"warning    {clean(item)}" for item in health.warnings),
        "rights",
    ]
    for kind in sorted(health.kinds, key=lambda item: (item.group, item.plural, item.scope)):
        name = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        where = f" in {clean(kind.scope)}" if kind.scope else ""
        lines.append(f"  {'no ' if kind.state == 'blocked' else 'yes'} {name}{where}  {clean(kind.note)}".rstrip())
    return lines

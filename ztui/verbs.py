"""The verbs of the command line: each takes the parsed options and the settings, prints, and returns the exit status."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ztui import __version__, report, roles
from ztui.checks.base import Check, CheckId, Status, catalogue
from ztui.checks.rows import row
from ztui.core import Core
from ztui.errors import ConnectError, SettingsError, ZtuiError
from ztui.explain import explanation
from ztui.frame import Frame
from ztui.settings import Settings, cache_dir, config_path, state_dir
from ztui.targets import target_finder
from ztui.text import clean, plain
from ztui.words import gap_text

EXIT_THRESHOLD: Final = 1
EXIT_USAGE: Final = 2
EXIT_NOT_ASSESSED: Final = 3


def check(found: argparse.Namespace, settings: Settings) -> int:
    """Assess once and print."""
    scope = _scope(found, settings)
    # All checks, whatever part of the report is asked for: a row is judged by all of its checks.
    frame = _assess(found, settings, catalogue())
    if not _judged(frame):
        return _not_assessed(frame)
    out(report.as_plain(frame, catalogue(), scope) if settings.plain else _formatted(frame, scope, found.output))
    _warn_unreadable(frame)
    if found.fail_under is not None and frame.board is not None and frame.board.phase < found.fail_under:
        return EXIT_THRESHOLD
    return 0


def plain_report(found: argparse.Namespace, settings: Settings) -> int:
    """What a terminal that cannot show the console gets instead."""
    found.output, found.fail_under, found.phase, found.row, found.check = "table", None, None, None, []
    return check(found, settings)


def explain(found: argparse.Namespace, settings: Settings) -> int:
    """Print what a check is for and how it judges; without an id, list all."""
    del settings
    if found.id is None:
        out("".join(f"{card.id}  {card.severity:<8}  {card.title}\n" for card in catalogue().values()))
        return 0
    out(explanation(_card(found.id)))
    return 0


def who_can(found: argparse.Namespace, settings: Settings) -> int:
    """Print who may do something, and by which path."""
    from ztui.whocan import KINDS, answer  # noqa: PLC0415  only this verb needs it

    with target_finder(found, settings) as (finder, mine):
        frame = asyncio.run(_settle(Core(mine, finder, cards={}, also=KINDS), mine.wait_s, quiet=True))
    problem = frame.problem or (frame.health.problem if frame.health else None)
    if problem is not None:
        raise problem
    text, complete = answer(frame.state, found.verb, found.resource, found.name, settings.namespace, found.output)
    out(text)
    if not complete:
        sys.stderr.write("ztui: not all roles and bindings could be read: there may be more\n")
        return EXIT_NOT_ASSESSED
    return 0


def print_roles(found: argparse.Namespace, settings: Settings) -> int:
    """Print the rights of a profile."""
    del settings
    documents = roles.role_documents(found.profile, catalogue().values())
    if found.bind is not None:
        documents += roles.bindings(documents, found.bind)
    out(roles.as_yaml(documents, found.profile))
    return 0


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
                out(f"export KUBECONFIG={path}\n")
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
    """Print every path, version and limit in force, and what the cluster says of us."""
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
            frame = asyncio.run(_settle(Core(mine, finder), mine.wait_s, quiet=True))
        lines += _connection_lines(frame)
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


VERBS: Final[dict[str, Callable[[argparse.Namespace, Settings], int]]] = {
    "check": check,
    "explain": explain,
    "who-can": who_can,
    "roles": print_roles,
    "demo": demo,
    "info": info,
    "version": version,
    "completion": completion,
}


def out(text: str) -> None:
    """Write data to stdout, whatever its encoding."""
    sys.stdout.write(plain(text, sys.stdout.encoding))
    sys.stdout.flush()


def _assess(found: argparse.Namespace, settings: Settings, cards: Mapping[CheckId, Check]) -> Frame:
    with target_finder(found, settings) as (finder, mine):
        return asyncio.run(_settle(Core(mine, finder, cards=cards), mine.wait_s, quiet=not sys.stderr.isatty()))


async def _settle(core: Core, wait_s: float, *, quiet: bool) -> Frame:
    async with core.open():
        progress = None if quiet else asyncio.ensure_future(_progress(core))
        try:
            return await core.settled(wait_s)
        finally:
            if progress is not None:
                progress.cancel()
                await asyncio.gather(progress, return_exceptions=True)
                sys.stderr.write("\r\x1b[K")


async def _progress(core: Core) -> None:
    async for frame in core.frames():
        sys.stderr.write(f"\rreading {frame.loaded} of {frame.kinds} kinds\x1b[K")
        sys.stderr.flush()
        await asyncio.sleep(0.1)


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
    return report.FORMATS[form](frame, catalogue(), scope)


def _writes(glyph: str) -> bool:
    try:
        glyph.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _judged(frame: Frame) -> bool:
    """Whether at least one check has a verdict."""
    none = {Status.UNKNOWN, Status.ERROR}
    return frame.board is not None and any(item.status not in none for item in frame.board.verdicts.values())


def _not_assessed(frame: Frame) -> int:
    problem = frame.problem or (frame.health.problem if frame.health else None)
    if problem is None and frame.board is not None:
        gaps = dict.fromkeys(gap_text(gap) for item in frame.board.verdicts.values() for _, gap in item.gaps)
        why = "; ".join(list(gaps)[:5])
        problem = ConnectError("not one check could be judged", why=why, next="`ztui roles viewer` prints the rights needed")
    sys.stderr.write(f"ztui: {problem}\n")
    return EXIT_NOT_ASSESSED


def _warn_unreadable(frame: Frame) -> None:
    problem = frame.health.problem if frame.health else None
    if problem is not None:
        sys.stderr.write(f"ztui: {problem}\n")


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

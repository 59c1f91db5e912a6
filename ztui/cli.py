"""The command line: argv in, exit status out. The verbs themselves live in ``verbs``; the console is imported late, by name.

0 fine, 1 a threshold is not met, 2 wrong usage or settings, 3 could not assess, 70 a bug.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from ztui.errors import SettingsError, ZtuiError
from ztui.settings import Settings, duration_s, load_settings, namespace_problem
from ztui.text import clean

EXIT_USAGE: Final = 2
Run = Callable[[argparse.Namespace, Settings], int]


class _Parser(argparse.ArgumentParser):
    """One line for a wrong option, cleaned: it may quote a hostile name."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {clean(message, limit=300)}; see {self.prog} --help\n")
        raise SystemExit(EXIT_USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _keep_private()
    try:
        return _run(arguments)
    except ZtuiError as error:
        return _tell(error)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else EXIT_USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough; the interpreter must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:  # noqa: BLE001  the fatal handler
        from ztui.fatal import EXIT_BUG, known, report, say, trace  # noqa: PLC0415

        ours = known(error)
        if ours is not None:
            return _tell(ours)
        if "--debug" in arguments:
            say("\n".join(trace(error)))
        say(report(error, os.environ))
        return EXIT_BUG


def _keep_private() -> None:
    """No core dump with tokens in it, and no file of ours for others to read."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog=_program(), description="The Zero Trust console for OpenShift and Kubernetes")
    _connection(top)
    _console(top)
    top.set_defaults(run="console")
    verbs = top.add_subparsers(title="commands", metavar="COMMAND")
    check = _verb(verbs, "check", "assess once and print the verdicts")
    check.add_argument("--phase", type=int, choices=(0, 1, 2, 3, 4), help="only this phase (0: the foundations)")
    check.add_argument("--row", help="only this row, such as P1.RBAC")
    check.add_argument("--check", action="append", default=[], metavar="ID", help="only this check; may be given again")
    check.add_argument("-o", "--output", default="table", choices=("table", "wide", "json", "yaml", "short"))
    check.add_argument("--fail-under", type=int, choices=(0, 1, 2, 3, 4), metavar="PHASE", help="exit 1 below this phase")
    check.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")
    explain = _verb(verbs, "explain", "why a check exists, how it is judged, what it needs", connects=False)
    explain.add_argument("id", nargs="?", help="a check id; without one, all are listed")
    who = _verb(verbs, "who-can", "who may do this, and by which path")
    who.add_argument("verb", help="get, list, create, ... or * for any")
    who.add_argument("resource", help="pods, pods/exec, deployments.apps, or /metrics")
    who.add_argument("name", nargs="?", help="one object's name")
    who.add_argument("-o", "--output", default="table", choices=("table", "json", "yaml"))
    who.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s")
    roles = _verb(verbs, "roles", "the exact rights that ztui uses, as YAML", connects=False)
    roles.add_argument("profile", choices=("viewer", "secrets", "oauth", "metrics", "nodes", "fixer", "responder"))
    roles.add_argument("--bind", metavar="TO", help="add bindings for USER, group:G or sa:NAMESPACE/NAME")
    demo = _verb(verbs, "demo", "run the demo cluster as a server, for kubectl and others", connects=False)
    _demo_options(demo)
    demo.add_argument("--scale", type=int, default=0, metavar="PODS", help="so many pods more")
    demo.add_argument("--port", type=int, default=0, help="loopback port; any free one by default")
    _verb(verbs, "info", "paths, versions, limits and rights in force")
    _verb(verbs, "version", "the version", connects=False)
    completion = _verb(verbs, "completion", "a completion script: source <(ztui completion bash)", connects=False)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return top


def _run(arguments: list[str]) -> int:
    top = parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete  # noqa: PLC0415  only while the shell asks for completions

        argcomplete.autocomplete(top)
    found = top.parse_args(arguments)
    settings = _settings(found)
    for problem in settings.problems:
        sys.stderr.write(f"{top.prog}: {clean(problem)}\n")
    if found.run == "console":
        return _open_console(found, settings)
    from ztui import verbs  # noqa: PLC0415  the console's first paint must not pay for the verbs

    return verbs.VERBS[found.run](found, settings)


def _open_console(found: argparse.Namespace, settings: Settings) -> int:
    """Open the console, or print the plain report where the terminal cannot show one."""
    if not _shows_console() or settings.plain:
        from ztui import verbs  # noqa: PLC0415

        return verbs.plain_report(found, settings)
    here = Path(__file__).resolve().parent.parent
    for name in ("screens", "widgets"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve().parent.parent if spec and spec.origin else None
        if origin != here:
            msg = f"the package `{name}` beside ztui is hidden by another of that name"
            raise SettingsError(msg, where=str(origin or "not found"), next="Install ztui in an environment of its own")
    _tame_framework()
    from screens.app import run_console  # noqa: PLC0415  the one import of the console, by name

    return run_console(found, settings)


def _tame_framework() -> None:
    """Drop the framework's debug switches, which could write what is shown into a file; be sparing on slow links.

    They are read when the framework is imported, so this comes before.
    """
    allowed = {"TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS", "TEXTUAL_FPS", "TEXTUAL_DISABLE_KITTY_KEY"}
    for name in [name for name in os.environ if name.startswith("TEXTUAL_") and name not in allowed]:
        del os.environ[name]
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def _shows_console() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _settings(found: argparse.Namespace) -> Settings:
    names = ("kubeconfig", "context", "namespace", "as_user", "as_groups", "request_timeout_s", "all_namespaces", "wait_s")
    switches = ("read_only", "allow_insecure_read", "debug", "plain", "no_mouse", "theme")
    flags = {name: getattr(found, name, None) for name in (*names, *switches)}
    if flags["namespace"] is not None:
        problem = namespace_problem(flags["namespace"])
        if problem:
            raise SettingsError(problem, where="-n/--namespace")
    if flags.pop("no_mouse", None):
        flags["mouse"] = False
    if found.run == "console" and getattr(found, "demo", False):
        flags["context"] = flags["context"] or "demo"
    return load_settings({name: value for name, value in flags.items() if value not in (None, [])}, os.environ)


def _connection(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("connection")
    group.add_argument("--kubeconfig", default=argparse.SUPPRESS, metavar="FILE")
    group.add_argument("--context", default=argparse.SUPPRESS, metavar="NAME")
    group.add_argument("-n", "--namespace", default=argparse.SUPPRESS, help="judge only this namespace")
    group.add_argument("-A", "--all-namespaces", dest="all_namespaces", action="store_true", default=argparse.SUPPRESS)
    group.add_argument("--as", dest="as_user", default=argparse.SUPPRESS, metavar="USER", help="impersonate")
    group.add_argument("--as-group", dest="as_groups", action="append", default=argparse.SUPPRESS, metavar="GROUP")
    group.add_argument("--request-timeout", dest="request_timeout_s", type=_duration, default=argparse.SUPPRESS, metavar="30s")
    group.add_argument("--allow-insecure-read", action="store_true", default=argparse.SUPPRESS)
    group.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help="no way to change anything")
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    group.add_argument("--plain", action="store_true", default=argparse.SUPPRESS, help="full sentences, no glyphs")
    group.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help="use the built-in demo cluster")
    _demo_options(group)


def _demo_options(to: argparse._ActionsContainer) -> None:
    to.add_argument("--scenario", default=argparse.SUPPRESS, metavar="NAME", help="of the demo")
    to.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of the demo")


def _console(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("console")
    group.add_argument("--no-mouse", action="store_true", default=argparse.SUPPRESS, help="leave the mouse to the terminal")
    group.add_argument("--theme", default=argparse.SUPPRESS, metavar="NAME")


def _verb(verbs: argparse._SubParsersAction[_Parser], name: str, about: str, *, connects: bool = True) -> _Parser:
    found = verbs.add_parser(name, help=about, description=about)
    found.set_defaults(run=name)
    if connects:
        _connection(found)
    return found


def _duration(text: str) -> float:
    try:
        return duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _program() -> str:
    return "kubectl ztui" if Path(sys.argv[0]).name == "kubectl-ztui" else "ztui"


def _tell(error: ZtuiError) -> int:
    from ztui.fatal import say  # noqa: PLC0415

    say(f"ztui: {error}")
    return error.exit_code

"""The command line: argv in, exit status out. The verbs themselves live in ``verbs``; the console is imported late, by name.

0 fine, 1 a threshold is not met, 2 wrong usage or settings, 3 could not assess, 70 a bug.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from ztui.demo import scenarios
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
    _collect_rarely()
    _give_way_soon()
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


def _collect_rarely() -> None:
    """Look for cycles less often: what is read from a cluster has none, and looking was half the time of the first judgement."""
    gc.set_threshold(10_000, 10, 10)


def _give_way_soon() -> None:
    """The judge's thread gives way after a millisecond, not five: a key waits for it more than once on its way to the screen."""
    sys.setswitchinterval(0.001)


OUTPUTS: Final = ("table", "wide", "json", "yaml", "short", "junit", "sarif", "html", "csv")


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
    check.add_argument("-o", "--output", default="table", choices=OUTPUTS)
    check.add_argument("--fail-on", choices=("new",), help="exit 1 where something fails that --baseline does not have failing")
    check.add_argument("--baseline", metavar="FILE", help="a report that `ztui check -o json` printed before")
    check.add_argument("--fail-under", type=int, choices=(0, 1, 2, 3, 4), metavar="PHASE", help="exit 1 below this phase")
    check.add_argument("--watch", action="store_true", help="go on, and print a line for each verdict that changes")
    check.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")
    explain = _verb(verbs, "explain", "why a check exists, how it is judged, what it needs", connects=False)
    explain.add_argument("id", nargs="?", help="a check id; without one, all are listed")
    _questions(verbs)
    guide = _verb(verbs, "guide", "where the walkthrough stands, and the next step")
    guide.add_argument("--to", type=int, choices=(0, 1, 2, 3, 4), help="the way to this phase (0: the foundations)")
    guide.add_argument("--export", choices=("md", "html"), help="the whole way as a runbook")
    guide.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s")
    waive = _verb(verbs, "waive", "accept a finding for a time; `waive list`, `waive drop NAME`")
    waive.add_argument("id", help="a check id, or list, or drop")
    waive.add_argument("object", nargs="?", help="only this object, such as pod/shop/api; with drop, the waiver's name")
    waive.add_argument("--reason", help="why, in at least ten characters")
    waive.add_argument("--owner", help="who answers for it")
    waive.add_argument("--days", type=int, default=30, help="for how long (30; at most 180, 30 for critical checks)")
    waive.add_argument("--in", dest="within", metavar="GLOB", help="only in namespaces of this pattern")
    waive.add_argument("--ticket", help="where it is discussed")
    waive.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s")
    _journal(verbs)
    _incident(verbs)
    _fix(verbs)
    _roles(verbs)
    demo = _verb(verbs, "demo", "run the demo cluster as a server, for kubectl and others", connects=False)
    _demo_options(demo)
    demo.add_argument("--scale", type=int, default=0, metavar="PODS", help="so many pods more")
    demo.add_argument("--port", type=int, default=0, help="loopback port; any free one by default")
    info = _verb(verbs, "info", "paths, versions, limits and rights in force")
    info.add_argument("--schema", action="store_true", help="print the JSON schema of the settings file instead")
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
    told = f"of the demo: {', '.join(scenarios.NAMES)}"
    to.add_argument("--scenario", default=argparse.SUPPRESS, choices=scenarios.NAMES, metavar="NAME", help=told)
    to.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of the demo")


def _console(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("console")
    group.add_argument("--no-mouse", action="store_true", default=argparse.SUPPRESS, help="leave the mouse to the terminal")
    group.add_argument("--theme", default=argparse.SUPPRESS, metavar="NAME")


def _questions(verbs: argparse._SubParsersAction[_Parser]) -> None:
    """Verbs that answer one question."""
    who = _verb(verbs, "who-can", "who may do this, and by which path")
    who.add_argument("verb", help="get, list, create, ... or * for any")
    who.add_argument("resource", help="pods, pods/exec, deployments.apps, or /metrics")
    who.add_argument("name", nargs="?", help="one object's name")
    who.add_argument("--steps", action="store_true", help="also who gets there by becoming somebody else first")
    reach = _verb(verbs, "can-reach", "whether one workload may talk to another, and which rule decides")
    reach.add_argument("src", metavar="FROM", help="NAMESPACE/WORKLOAD, NAMESPACE/KIND/NAME, or an address outside")
    reach.add_argument("dst", metavar="TO[:PORT]", help="the same, or a Service; without a port all that it has")
    reach.add_argument("port", nargs="?", default="", help="a number, or 53/udp")
    admission = _verb(verbs, "admission", "what looks at requests, where it refuses, and what is exempt")
    admission.add_argument("place", metavar="NAMESPACE", nargs="?", default="", help="only what touches this one")
    ladder = _verb(verbs, "ladder", "how far each namespace is from learning to enforcing, and which step is next")
    ladder.add_argument("place", metavar="NAMESPACE", nargs="?", default="", help="only this one")
    for verb in (who, reach, admission, ladder):
        verb.add_argument("-o", "--output", default="table", choices=("table", "json", "yaml"))
        verb.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")
    _add_panes(verbs)
    _incident_response(verbs)
    node = _verb(verbs, "node", "ask a node itself: SELinux, Secure Boot, FIPS; by a debug pod of oc that is deleted again")
    node.add_argument("name", help="the node")


def _incident_response(verbs: argparse._SubParsersAction[_Parser]) -> None:
    """Verbs for the first minutes after something was taken over."""
    target = "deployment/NS/NAME, NS/NAME, serviceaccount/NS/NAME, node/NAME, user/NAME or group/NAME"
    blast = _verb(verbs, "blast", "everything that one workload, account, node or user can touch, and what can touch it")
    blast.add_argument("target", help=target)
    blast.add_argument("-o", "--output", default="text", choices=("text", "json"))
    bundle = _verb(verbs, "bundle", "capture the evidence about one workload, account, node or user; or look into a bundle")
    bundle.add_argument("target", nargs="?", help=target)
    bundle.add_argument("--output", metavar="FILE", help="where to; the state folder's bundles by default")
    bundle.add_argument("--show", metavar="FILE", help="verify a bundle and list what is in it; no cluster is asked")
    bundle.add_argument("--page", metavar="NAME", help="with --show: print this file of it")
    for verb in (blast, bundle):
        verb.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")


def _journal(verbs: argparse._SubParsersAction[_Parser]) -> None:
    """What was changed from here; ``ztui journal`` alone shows it."""
    journal = _verb(verbs, "journal", "what was changed from here, by whom, and how it ended", connects=False)
    whats = journal.add_subparsers(title="commands", metavar="COMMAND")
    show = whats.add_parser("show", help="all changes (what `ztui journal` does), or one with its steps")
    show.add_argument("change", nargs="?", help="the id of a change, or how it begins")
    verify = whats.add_parser("verify", help="check every record; exit 1 where one is not what was written")
    export = whats.add_parser("export", help="take the records along, as they are or to read")
    export.add_argument("-o", "--output", default="jsonl", choices=("jsonl", "md"))
    accept = whats.add_parser("accept", help="go on after damage: the damaged file is kept, the records that hold stay")
    accept.add_argument("--reason", required=True, help="why, in at least ten characters; it is recorded")
    for verb, what in ((journal, "show"), (show, "show"), (verify, "verify"), (export, "export"), (accept, "accept")):
        verb.set_defaults(what=what)
        verb.add_argument("--context", default=argparse.SUPPRESS, metavar="NAME", help="the journal of this context")
        verb.add_argument(
            "--cluster", default=argparse.SUPPRESS, metavar="ID", help="the journal of this cluster, or how its id begins"
        )
    for verb in (journal, show):
        verb.add_argument("-o", "--output", default=argparse.SUPPRESS, choices=("table", "json", "yaml", "csv"))
    undo = whats.add_parser("undo", help="what taking a change or a session back would do; --apply asks, and does it")
    undo.set_defaults(what="undo")
    undo.add_argument("id", nargs="?", help="the id of a change")
    undo.add_argument(
        "--session", metavar="ID|last", help="all that a session made: its id or that of one of its changes, or how it begins"
    )
    _connection(undo)
    _agreeing(undo)


def _incident(verbs: argparse._SubParsersAction[_Parser]) -> None:
    """What goes on; ``ztui incident`` alone lists it."""
    from ztui.kinds.incident import PHASES  # noqa: PLC0415  the names alone

    incident = _verb(verbs, "incident", "what goes on now, by workload; exit 1 where a high or critical one is open")
    whats = incident.add_subparsers(title="commands", metavar="COMMAND")
    listed = whats.add_parser("list", help="all of them, worst first (what `ztui incident` does)")
    show = whats.add_parser("show", help="one in full: what was seen, what was done")
    state = whats.add_parser("state", help="bring one to a state")
    note = whats.add_parser("note", help="write something down about one")
    handover = whats.add_parser("handover", help="one as a note in Markdown, for whoever comes next")
    bundle = whats.add_parser("bundle", help="capture the evidence about one into a file")
    notify = whats.add_parser("notify", help="tell the webhook of the settings (notify_file) of one")
    respond = whats.add_parser("respond", help="start a pipeline about one; shows it, --apply asks, and starts it")
    for verb in (show, state, note, handover, bundle, notify, respond):
        verb.add_argument("id", help="the id of an incident, or how it begins")
    state.add_argument("phase", choices=PHASES)
    state.add_argument("words", nargs="*", help="why")
    note.add_argument("words", nargs="+", help="what is to be kept")
    for verb in (handover, bundle):
        verb.add_argument("--output", dest="output_file", metavar="FILE", help="write it there, for its owner only")
    whole = {"list": listed, "show": show, "state": state, "note": note, "handover": handover, "bundle": bundle}
    respond.add_argument("--pipeline", metavar="NAMESPACE/NAME", help="which Pipeline (else respond_pipeline of the settings)")
    whole |= {"notify": notify, "respond": respond}
    for verb, what in ((incident, "list"), *((verb, what) for what, verb in whole.items())):
        verb.set_defaults(what=what)
        if verb is not incident:
            _connection(verb)
    for verb in (incident, listed, show):
        verb.add_argument("-o", "--output", default="table", choices=("table", "json", "yaml"))
    _agreeing(respond)
    incident.add_argument("--from", dest="bundle_file", metavar="BUNDLE", help="show the incident of a bundle, without a cluster")
    incident.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")


def _fix(verbs: argparse._SubParsersAction[_Parser]) -> None:
    fix = _verb(verbs, "fix", "what would mend a finding, and what that would do; --apply asks, and does it")
    fix.add_argument("id", help="a check id")
    fix.add_argument("object", nargs="?", help="the object that the finding is on, such as namespace/shop")
    fix.add_argument("--recipe", metavar="ID", help="which one, where several mend it")
    fix.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a value that the recipe asks for")
    _agreeing(fix)


def _agreeing(to: argparse.ArgumentParser) -> None:
    """How a change is agreed to on the shell."""
    to.add_argument("--apply", action="store_true", help="ask, and apply")
    to.add_argument("--yes", action="store_true", help="with --apply, do not ask; for safe changes only")
    to.add_argument("--emit", metavar="DIR", help="write the change as a manifest for a repository; nothing is sent")
    to.add_argument("-o", "--output", default="table", choices=("table", "json", "yaml"))
    to.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")


_PROFILES = ("viewer", "secrets", "oauth", "metrics", "nodes", "fixer", "responder")


def _roles(verbs: argparse._SubParsersAction[_Parser]) -> None:
    roles = _verb(verbs, "roles", "the exact rights that ztui uses, as YAML or as a Vault policy", connects=False)
    roles.add_argument("profile", choices=(*_PROFILES, "vault", "vault-fixer", "vault-responder"))
    roles.add_argument("--exact", action="store_true", help="vault: ask the connected Vault for its mounts, and name each")
    roles.add_argument("--bind", metavar="TO", help="add bindings for USER, group:G or sa:NAMESPACE/NAME")


def _add_panes(verbs: argparse._SubParsersAction[_Parser]) -> None:
    """The verbs that print what a pane shows."""
    identity = _verb(verbs, "identity", "who each workload is, what it may do, how much is at risk; or the users")
    identity.add_argument("workload", nargs="?", help="only this one, such as shop/api or shop/statefulset/db; a user or a group")
    identity.add_argument("--users", action="store_true", help="users and groups: how they log in, what they hold, who is stale")
    mtls = _verb(
        verbs, "mtls", "what each port accepts, and by which object; of one workload, who calls it and what STRICT would break"
    )
    mtls.add_argument("workload", nargs="?", help="only this one, such as shop/api")
    for verb in (identity, mtls):
        verb.add_argument("-o", "--output", default="table", choices=("table", "json", "yaml"))
        verb.add_argument("--wait", dest="wait_s", type=_duration, metavar="60s", help="how long to wait for data")


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

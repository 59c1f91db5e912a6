"""The verbs that print what a pane shows: each reads once, prints its answer, and says by its exit status whether it is whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ztui.checks.base import catalogue
from ztui.errors import SettingsError
from ztui.frame import Frame
from ztui.kinds.base import Kind
from ztui.kinds.workload import Namespace
from ztui.printing import as_columns, as_data, out
from ztui.settings import Settings
from ztui.settling import EXIT_NOT_ASSESSED, assess, is_judged, not_assessed, read, warn_unreadable
from ztui.targets import target_finder
from ztui.text import clean
from ztui.view import View


def who_can(found: argparse.Namespace, settings: Settings) -> int:
    """Print who may do something, and by which path."""
    from ztui.whocan import KINDS, STEPS, answer  # noqa: PLC0415  only this verb needs it

    kinds = KINDS | STEPS if found.steps else KINDS
    frame = read(found, settings, kinds)
    text, complete = answer(
        frame.state, found.verb, found.resource, found.name, settings.namespace, found.output, steps=found.steps
    )
    out(text)
    if not complete:
        sys.stderr.write("ztui: not everything that grants rights could be read: there may be more\n")
        return EXIT_NOT_ASSESSED
    return 0


def can_reach(found: argparse.Namespace, settings: Settings) -> int:
    """Print whether one end may talk to another, and what decides on each side."""
    from ztui.canreach import KINDS, answer  # noqa: PLC0415  only this verb needs it
    from ztui.engines.reachask import NoSuchEndError  # noqa: PLC0415  the same
    from ztui.panes.reach import split_question  # noqa: PLC0415  the same

    src, dst, port = split_question(f"{found.src} {found.dst} {found.port}") or (found.src, found.dst, found.port)
    frame = read(found, settings, KINDS)
    try:
        text, known = answer(frame.state, src, dst, port, settings.namespace or "", found.output)
    except NoSuchEndError as error:
        raise SettingsError(clean(str(error), limit=300), where="ztui can-reach", next="NAMESPACE/WORKLOAD names one") from error
    out(text)
    return 0 if known else EXIT_NOT_ASSESSED


def admission(found: argparse.Namespace, settings: Settings) -> int:
    """Print what looks at requests before they are stored."""
    from ztui.engines.admission import ADMISSION, ADMISSION_WHERE_SERVED  # noqa: PLC0415  only this verb needs it
    from ztui.engines.policyreports import REPORTED_BY  # noqa: PLC0415  the same
    from ztui.panes.admission import TITLES_ON_SHELL, admission_lines, document  # noqa: PLC0415  the same

    view = View(read(found, settings, frozenset((*ADMISSION, *ADMISSION_WHERE_SERVED, *REPORTED_BY))).state)
    place = found.place or settings.namespace or ""
    if place and view.get(Namespace, place) is None and view.gap(Namespace) is None:
        msg = f"there is no namespace {place}"
        raise SettingsError(msg, where="ztui admission")
    told = document(view, place)
    rows = [[cell.text.strip() for cell in line.cells] for line in admission_lines(view, place)]
    out(as_columns(TITLES_ON_SHELL, rows) if found.output == "table" else as_data(told, found.output))
    return EXIT_NOT_ASSESSED if any(item["served"] for item in told["unseen"]) else 0


def ladder(found: argparse.Namespace, settings: Settings) -> int:
    """Print how far each namespace has come from learning to enforcing."""
    from ztui.engines.ladder import LADDER, LADDER_WHERE_SERVED  # noqa: PLC0415  only this verb needs it
    from ztui.engines.ladder import ladder as standings  # noqa: PLC0415  the same
    from ztui.panes.ladder import TITLES, document, ladder_lines  # noqa: PLC0415  the same

    view = View(read(found, settings, frozenset((*LADDER, *LADDER_WHERE_SERVED))).state)
    place = found.place or settings.namespace or ""
    if place and view.get(Namespace, place) is None and view.gap(Namespace) is None:
        msg = f"there is no namespace {place}"
        raise SettingsError(msg, where="ztui ladder")
    told = view.derive(standings, place)
    rows = [[cell.text.strip() for cell in line.cells] for line in ladder_lines(told)]
    data = {"schema": "ztui.ladder", "version": 1, "namespace": clean(place), "standings": document(told)}
    out(as_columns((*TITLES, "why"), rows) if found.output == "table" else as_data(data, found.output))
    return EXIT_NOT_ASSESSED if any(item.stage == "unknown" for item in told) else 0


def blast(found: argparse.Namespace, settings: Settings) -> int:
    """Print everything that one workload, account, node or user can touch, and what can touch it."""
    from ztui.capturing import blast as run  # noqa: PLC0415  only this verb needs it
    from ztui.engines.plaintext import COUNTED_CALLS  # noqa: PLC0415  the same

    frame = assess(found, settings, catalogue(), frozenset(COUNTED_CALLS))
    if not is_judged(frame):
        return not_assessed(frame)
    text, complete = run(frame, found.target, settings, found.output)
    out(text)
    warn_unreadable(frame)
    return 0 if complete else EXIT_NOT_ASSESSED


def bundle(found: argparse.Namespace, settings: Settings) -> int:
    """Capture evidence into a file, or show what is in one."""
    from ztui.capturing import run, show  # noqa: PLC0415  only this verb needs it

    if found.show is not None:
        text, status = show(found.show, found.page)
        out(text)
        return status
    if not found.target or found.page:
        msg = "a bundle is of something" if not found.target else "--page belongs to --show"
        raise SettingsError(msg, where="ztui bundle", next="Name it as in deployment/shop/api, or --show FILE")
    with target_finder(found, settings) as (finder, mine):
        text, status = run(found.target, found.output, mine, finder)
    out(text)
    return status


def identity(found: argparse.Namespace, settings: Settings) -> int:
    """Print who each workload is, or the whole chain of one; or the users and groups."""
    from ztui import answers  # noqa: PLC0415  only this verb needs it

    return _answered(found, settings, answers.users if found.users else answers.identity)


def mtls(found: argparse.Namespace, settings: Settings) -> int:
    """Print what each port accepts, or everything about the ports of one workload."""
    from ztui import answers  # noqa: PLC0415  only this verb needs it
    from ztui.engines.plaintext import COUNTED_CALLS  # noqa: PLC0415  the same

    return _answered(found, settings, answers.mtls, also=frozenset(COUNTED_CALLS))


def _answered(
    found: argparse.Namespace,
    settings: Settings,
    answer: Callable[[Frame, str | None, str | None, str], str],
    also: frozenset[type[Kind]] = frozenset(),
) -> int:
    """Assess once, reading these kinds besides, and print what a pane says."""
    frame = assess(found, settings, catalogue(), also)
    if not is_judged(frame):
        return not_assessed(frame)
    out(answer(frame, found.workload, settings.namespace, found.output))
    warn_unreadable(frame)
    return 0

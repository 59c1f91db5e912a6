"""One table of commands and keys: the ``:`` line, the palette, the footer and the help all come from it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Command(msgspec.Struct, frozen=True):
    """A command: what is typed after ``:``, the key that does the same, what it does, and the action that runs.

    ``takes`` says in words what an argument is; empty where there is none. ``action`` is a method of the App without its
    ``action_`` prefix; ``argument`` is given to it where the user types none.
    """

    name: str
    about: str
    action: str
    key: str = ""
    takes: str = ""
    argument: str = ""


COMMANDS: tuple[Command, ...] = (
    Command("overview", "Where the cluster stands and what to do next", "overview", "o"),
    Command("phase", "The checklist of a phase", "phase", takes="0-4", argument="1"),
    Command("phase 1", "Phase 1: Identify & Isolate", "phase", "1", argument="1"),
    Command("phase 2", "Phase 2: Enforce Access Policies", "phase", "2", argument="2"),
    Command("phase 3", "Phase 3: Monitor & Automate", "phase", "3", argument="3"),
    Command("phase 4", "Phase 4: Adaptive", "phase", "4", argument="4"),
    Command("phase 0", "The foundations", "phase", "0", argument="0"),
    Command("explain", "Why a check exists and how it judges", "explain", "e", takes="ID"),
    Command("contexts", "The clusters of the kubeconfig", "contexts", "c"),
    Command("ctx", "Switch to another context", "ctx", takes="NAME"),
    Command("ns", "Judge one namespace only; `:ns` alone judges all again", "ns", takes="NAME"),
    Command("health", "Connection, ages, rights, errors", "health", "H"),
    Command("retry", "Try again now what waits", "retry", "r"),
    Command("demo", "Open the built-in demo cluster", "demo", "D"),
    Command("theme", "Change the colours", "theme", takes="NAME"),
    Command("mouse", "Leave the mouse to the terminal, or take it back", "mouse", takes="on|off"),
    Command("save", "Save the screen as a picture", "save_screen", "ctrl+s"),
    Command("help", "The keys of this screen", "help", "question_mark"),
    Command("quit", "Leave ztui", "quit_now"),
)


def shortcuts() -> Iterable[tuple[str, str, str]]:
    """``(key, action with its argument, what it does)`` of all commands that have a key."""
    for command in COMMANDS:
        if command.key:
            call = f"{command.action}({command.argument!r})" if command.argument else command.action
            yield command.key, call, command.about


def parse(text: str) -> tuple[Command, str] | str:
    """The command that was typed and its argument, or why there is none.

    A unique beginning of a name is enough.
    """
    words = text.strip().removeprefix(":").split(maxsplit=1)
    if not words:
        return "type a command; Tab completes it, ? lists the keys"
    name, argument = words[0].lower(), words[1].strip() if len(words) > 1 else ""
    simple = [command for command in COMMANDS if " " not in command.name]
    exact = [command for command in simple if command.name == name]
    found = exact or [command for command in simple if command.name.startswith(name)]
    if not found:
        return f"there is no command {name!r}"
    if len(found) > 1:
        return f"{name!r} could be {', '.join(command.name for command in found)}"
    command = found[0]
    if argument and not command.takes:
        return f"{command.name} takes nothing"
    return command, argument or command.argument


def suggestions(checks: Iterable[str], contexts: Iterable[str], namespaces: Iterable[str], themes: Iterable[str]) -> list[str]:
    """Everything that may be typed, for completion."""
    plain = [command.name for command in COMMANDS]
    return [
        *plain,
        *(f"explain {item}" for item in checks),
        *(f"ctx {item}" for item in contexts),
        *(f"ns {item}" for item in namespaces),
        *(f"theme {item}" for item in themes),
        "mouse on",
        "mouse off",
    ]

"""One table of commands and keys: the ``:`` line, the palette, the footer and the help all come from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from textual.binding import Binding


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
    Command("guide", "One step at a time to the next phase", "main", "g", argument="guide"),
    Command("identity", "Who workloads and users are, and what they may do", "identity", "w", takes="workloads|users"),
    Command("mtls", "What each port accepts, who decides, and what STRICT would break", "main", "m", argument="mtls"),
    Command("vault", "Roles and the workloads they let in, policies, secrets by age", "main", "v", argument="vault"),
    Command("explain", "Why a check exists and how it judges", "explain", "e", takes="ID"),
    Command("policy", "Who may reach whom, do what, is refused what", "policy", "p", takes="reach|who-can|admission|mesh"),
    Command("ladder", "How far each namespace is from learning to enforcing", "main", "R", argument="ladder"),
    Command("trust", "Everything between two workloads on one page", "trust", takes="A B"),
    Command("blast", "Everything that one thing can touch, and what can touch it", "blast", takes="KIND/NS/NAME"),
    Command("bundle", "Capture the evidence about one thing into a file", "bundle", takes="KIND/NS/NAME"),
    Command("can-reach", "Whether A may reach B, and which rule decides", "can_reach", takes="A B [PORT]"),
    Command("who-can", "Who may do something, and by which path", "who_can", takes="VERB RESOURCE [NAME]"),
    Command("incidents", "What goes on now, by workload, and what was done about it", "main", "i", argument="incidents"),
    Command("state", "Bring an incident to a state", "state", takes="ID STATE [WORDS]"),
    Command("note", "Write something down about an incident", "note", takes="ID WORDS"),
    Command("fix", "Mend the finding under the cursor, after a look at what that does", "fix", "f", takes="ID"),
    Command("journal", "What was changed from here, and take it back", "main", "J", argument="journal"),
    Command("waive", "Accept a finding for a time", "waive", "W", takes="ID OBJECT|all DAYS OWNER REASON"),
    Command("node", "Ask a node itself: SELinux, Secure Boot, FIPS", "node", takes="NAME"),
    Command("columns", "Which columns of this list are shown, in which order", "columns", takes="NAME … | usual"),
    Command("contexts", "The clusters of the kubeconfig", "main", "c", argument="contexts"),
    Command("ctx", "Switch to another context", "ctx", takes="NAME"),
    Command("ns", "Judge one namespace only; `:ns` alone judges all again", "ns", takes="NAME"),
    Command("health", "Connection, ages, rights, errors", "main", "H", argument="health"),
    Command("retry", "Try again now what waits", "retry", "r"),
    Command("approve", "Show the login program that waits for a yes, and ask", "approve", "a"),
    Command("vault-login", "Log in to a Vault that waits for a browser", "vault_login"),
    Command("login", "Leave the terminal to the login program", "login_here", "exclamation_mark"),
    Command("demo", "Open the built-in demo cluster", "demo", "D"),
    Command("theme", "Change the colours", "theme", takes="NAME"),
    Command("mouse", "Leave the mouse to the terminal, or take it back", "mouse", takes="on|off"),
    Command("save", "Save the screen as a picture", "save_screen", "ctrl+s"),
    Command("back", "The main screen before this one", "history", "left_square_bracket", argument="-1"),
    Command("forward", "The main screen after this one", "history", "right_square_bracket", argument="1"),
    Command("copy", "Copy what the cursor is on, by the terminal", "copy", "C"),
    Command("help", "The keys of this screen", "help", "question_mark"),
    Command("quit", "Leave ztui", "quit_now"),
)


def shortcuts() -> Iterable[tuple[str, str, str, str]]:
    """``(key, action with its argument, what it does, id for keymaps)`` of all commands that have a key."""
    for command in COMMANDS:
        if command.key:
            call = f"{command.action}({command.argument!r})" if command.argument else command.action
            yield command.key, call, command.about, command.name.replace(" ", "-")


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
    return command, (argument if command.takes else "") or command.argument


def key_ids(bindings: Iterable[object]) -> dict[str, str]:
    """The keys of bindings by the id that a keymap calls them by."""
    found = (item for item in bindings if isinstance(item, Binding) and item.id)
    return {item.id: item.key for item in found if item.id}


_SIGNS: Final = {
    "question_mark": "?",
    "exclamation_mark": "!",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "colon": ":",
    "vertical_line": "|",
    "space": "Space",
    "minus": "-",
    "plus": "+",
    "enter": "Enter",
    "escape": "Esc",
}


def sign(key: str) -> str:
    """A key as keyboards show it."""
    return _SIGNS.get(key, key)


def shown_key(key: str, keymap: Mapping[str, str], known: Mapping[str, str]) -> str:
    """A key after the user's keymap; one that the keymap does not touch stays as it is."""
    for name, keys in keymap.items():
        if key in {sign(item) for item in known.get(name, "").split(",")}:
            return " ".join(sign(item) for item in keys.split(","))
    return key


def keymap_problem(keymap: Mapping[str, str], known: Mapping[str, str]) -> str:
    """What is wrong with a keymap: a name that nothing has, or a key that two things would have; empty where nothing is."""
    strange = [name for name in keymap if name not in known]
    if strange:
        import difflib  # noqa: PLC0415  only for somebody who mistyped

        near = difflib.get_close_matches(strange[0], known, n=1)
        return f"keymap: there is no {strange[0]}" + (f"; did you mean {near[0]}?" if near else "; ? lists all")
    keys = Counter(key for name, listed in known.items() for key in keymap.get(name, listed).split(","))
    twice = [key for name in keymap for key in keymap[name].split(",") if keys[key] > 1]
    return f"keymap: {twice[0]} would have two meanings" if twice else ""


def suggestions(checks: Iterable[str], contexts: Iterable[str], namespaces: Iterable[str], themes: Iterable[str]) -> list[str]:
    """Everything that may be typed, for completion."""
    plain = [command.name for command in COMMANDS]
    return [
        *plain,
        *(f"explain {item}" for item in checks),
        *(f"ctx {item}" for item in contexts),
        *(f"ns {item}" for item in namespaces),
        *(f"theme {item}" for item in themes),
        *(f"who-can {verb} {item}" for item in ("secrets", "pods/exec", "pods", "rolebindings") for verb in ("get", "create")),
        "identity users",
        "policy reach",
        "policy who-can",
        "policy admission",
        "policy mesh",
        "mouse on",
        "mouse off",
    ]

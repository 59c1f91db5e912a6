"""``:node NAME``: ask a node itself, by a debug pod. Its name is typed, for the pod is a privileged one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.help import TextScreen
from ztui.errors import ZtuiError
from ztui.kinds.nodereport import lines
from ztui.kinds.workload import Node
from ztui.panes.base import Line, prose
from ztui.text import clean

if TYPE_CHECKING:
    from screens.app import ZtuiApp
    from ztui.core import Core


def ask(app: ZtuiApp, name: str) -> None:
    """Begin asking; the answer opens by itself, and the checks of that node are judged again."""
    known = app.frame.state.objects.get(Node, {}).get("", {})
    if not name:
        app.tell("name the node, as in `:node worker-0`: a debug pod asks it, and is deleted again")
    elif app.core is None or name not in known:
        app.tell(f"there is no node {name}")
    else:
        app.tell(f"{name} is asked: this may take a minute")
        app.run_worker(_answer(app, app.core, name), name=f"ask {name}", group="node", exclusive=True)


async def _answer(app: ZtuiApp, core: Core, name: str) -> None:
    try:
        told = lines(await core.ask_node(name))
    except ZtuiError as error:
        told = [str(error)]
    app.push_screen(TextScreen("Node", [Line(f"node:{at}", (prose(clean(text, limit=600)),)) for at, text in enumerate(told)]))

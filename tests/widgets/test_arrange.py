"""How lines are arranged: which columns have room, headings with counts, marks under every heading."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from widgets.arrange import Column, chosen, counted, fitting, in_order, thing, under_headings, usual, widths
from ztui.panes.base import Line, cell

COLUMNS = (
    Column("workload", flex=3, least=20, fixed=True),
    Column("token", 12, wide=160),
    Column("Vault roles", flex=2, least=10),
    Column("risk", 14),
)


def line(key: str, *, namespace: str = "", nodes: tuple[str, ...] = (), status: str = "") -> Line:
    return Line(key, (cell(key), cell(status)), namespace=namespace, nodes=nodes, status=status)


def test_a_narrow_table_shows_what_is_usual_for_its_width() -> None:
    assert usual(COLUMNS, 80) == (0, 2, 3)
    assert usual(COLUMNS, 160) == (0, 1, 2, 3)


def test_what_was_chosen_stands_in_the_order_chosen_behind_what_is_fixed() -> None:
    assert chosen(COLUMNS, ["risk", "nothing", "vault-roles", "risk"]) == (0, 3, 2)


def test_columns_without_room_are_left_out_from_the_right() -> None:
    assert fitting(COLUMNS, (0, 3, 1, 2), 50) == (0, 3, 1)
    assert fitting(COLUMNS, (0, 3), 5) == (0,)


@given(st.permutations(range(4)), st.integers(min_value=10, max_value=300))
def test_what_fits_is_never_wider_than_the_table(places: list[int], width: int) -> None:
    fit = fitting(COLUMNS, places, width)
    told = widths(COLUMNS, fit, width)
    assert list(fit) == places[: len(fit)]
    assert len(fit) == 1 or sum(told) + len(fit) <= width


def test_headings_count_lines_faults_and_marks() -> None:
    lines = [line("a", namespace="shop", status="fail"), line("b", namespace="shop"), line("c")]
    found = under_headings(lines, lambda item: item.namespace.split(), frozenset(), {"b"})
    assert [item.cells[0].text for item in found] == ["none  1", "c", "shop  2, 1 at fault, 1 marked", "a", "b"]
    assert [item.depth for item in found] == [0, 1, 0, 1, 1]


def test_a_folded_heading_keeps_its_count() -> None:
    found = under_headings([line("a", namespace="shop")], lambda item: [item.namespace], {"shop"}, frozenset())
    assert [(item.cells[0].text, item.is_open) for item in found] == [("shop  1", False)]


def test_a_line_stands_under_every_node_and_is_marked_once() -> None:
    lines = [line("ds", nodes=("n1", "n2")), line("one", nodes=("n2",))]
    found = under_headings(lines, lambda item: item.nodes, frozenset(), {"ds"})
    assert [thing(item.key) for item in found] == ["heading:n1", "ds", "heading:n2", "ds", "one"]
    assert len({item.key for item in found}) == len(found)
    assert list(counted(found, {"ds"})) == ["ds"]


def test_a_tree_keeps_its_order() -> None:
    tree = [Line("b", (cell("b"),)), Line("a", (cell("a"),), depth=1)]
    assert in_order(tree, 0) == tree
    assert [item.key for item in in_order([line("b"), line("a")], 0)] == ["a", "b"]

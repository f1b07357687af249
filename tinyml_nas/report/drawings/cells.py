"""A searched cell as a drawing, and the alphas of its edges as small multiples.

States are numbered as in the genotype: first the cell's inputs, then its nodes.  Every kept
operation has a row of its own, one column to the right of what it reads, so that no line ever runs
through a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_nas.report.drawings.axes import Frame
from tinyml_nas.results.search import Cells

BOX_WIDTH, BOX_HEIGHT = 148, 34
STATE_WIDTH = 74
GAP, ROW = 48, 50
MARGIN = 8
SMALL_WIDTH, SMALL_HEIGHT = 168, 76


@dataclass(frozen=True)
class Box:
    """A rectangle with a name and a note; ``tone`` is its class in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    text: str
    note: str
    tone: str


@dataclass(frozen=True)
class CellDrawing:
    """Boxes and the ``d`` attributes of the lines between them."""

    title: str
    boxes: tuple[Box, ...]
    wires: tuple[str, ...]
    width: float
    height: float


@dataclass(frozen=True)
class EdgePlot:
    """The alphas of one edge over the epochs: the strongest one stands out."""

    title: str
    winner: str
    share: float
    kept: bool
    others: tuple[str, ...]
    line: str
    chosen_x: float
    width: int = SMALL_WIDTH
    height: int = SMALL_HEIGHT


@dataclass(frozen=True)
class _Kept:
    """One kept operation: which state it reads and which state it feeds."""

    op: str
    source: int
    node: int


def input_count(cells: Cells) -> int:
    """Number of inputs of a cell, which is the state number of its first node."""
    return max(1, sum(node == 0 for _, node in cells.edges))


def kept_operations(cells: Cells, cell: Sequence[tuple[str, int]]) -> list[_Kept]:
    """The genotype's entries with the node that each feeds."""
    first = input_count(cells)
    nodes = len({node for _, node in cells.edges}) or len(cell)
    per_node = max(1, len(cell) // nodes)
    return [_Kept(op, source, first + i // per_node) for i, (op, source) in enumerate(cell)]


def draw_cells(cells: Cells) -> list[CellDrawing]:
    """The normal and the reduction cell, where the genotype has them."""
    kinds = (("Normal cell", cells.genotype.normal), ("Reduction cell", cells.genotype.reduce))
    return [_draw_cell(title, cells, cell) for title, cell in kinds if cell]


def _draw_cell(title: str, cells: Cells, cell: Sequence[tuple[str, int]]) -> CellDrawing:
    kept = kept_operations(cells, cell)
    columns = _columns(kept, input_count(cells))
    rows: dict[int, list[int]] = {}
    for row, item in enumerate(kept):
        rows.setdefault(item.node, []).append(row)
    height = max(len(kept), input_count(cells)) * ROW
    boxes = [_input_box(state, height, input_count(cells)) for state in range(input_count(cells))]
    wires = []
    for row, item in enumerate(kept):
        x, y = _left(columns[item.node]), _middle(row)
        boxes.append(_box(x, y, item.op, f"node {item.node}", "op"))
        source = _exit(item.source, columns, rows, height, input_count(cells))
        wires.append(_wire(source, (x, y)))
    concat_x = _left(max(columns.values(), default=0) + 1)
    concat = cells.genotype.concat or sorted(rows)
    for node in (n for n in concat if n in rows):
        wires += [
            _wire((_right(columns[node]), _middle(r)), (concat_x, _middle(r))) for r in rows[node]
        ]
    boxes.append(
        Box(concat_x, MARGIN, STATE_WIDTH, height - 2 * MARGIN, "concat", "output", "state")
    )
    return CellDrawing(title, tuple(boxes), tuple(wires), concat_x + STATE_WIDTH + MARGIN, height)


def _columns(kept: Sequence[_Kept], inputs: int) -> dict[int, int]:
    """Column of every state: one to the right of the furthest state that it reads."""
    columns = dict.fromkeys(range(inputs), 0)
    for item in kept:
        column = columns.get(item.source, 0) + 1
        columns[item.node] = max(columns.get(item.node, 1), column)
    return columns


def _middle(row: int) -> float:
    return row * ROW + ROW / 2


def _left(column: int) -> float:
    return MARGIN + (STATE_WIDTH + GAP + (column - 1) * (BOX_WIDTH + GAP) if column else 0)


def _right(column: int) -> float:
    return _left(column) + (BOX_WIDTH if column else STATE_WIDTH)


def _exit(
    state: int, columns: dict[int, int], rows: dict[int, list[int]], height: float, inputs: int
) -> tuple[float, float]:
    """Where the lines that leave ``state`` begin."""
    if state in rows:
        return _right(columns[state]), _middle(rows[state][0])
    return _right(0), height * (2 * state + 1) / (2 * inputs)


def _box(x: float, middle: float, text: str, note: str, tone: str) -> Box:
    return Box(x, middle - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, text, note, tone)


def _input_box(state: int, height: float, inputs: int) -> Box:
    share = height / inputs
    text = "input" if inputs == 1 else f"input {state}"
    return Box(
        MARGIN,
        state * share + MARGIN,
        STATE_WIDTH,
        share - 2 * MARGIN,
        text,
        f"state {state}",
        "state",
    )


def _wire(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A line that changes rows in the gap just right of its start."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:
        return f"M{x0} {y0}H{x1}"
    turn = x0 + GAP / 2
    return f"M{x0} {y0}C{turn + 8} {y0} {turn - 8} {y1} {x0 + GAP} {y1}H{x1}"


def edge_plots(cells: Cells, kind: str) -> list[EdgePlot]:
    """One plot per edge of the ``normal`` or ``reduce`` cell."""
    epochs = cells.alphas.get(kind, [])
    if not epochs or not cells.primitives:
        return []
    cell = cells.genotype.normal if kind == "normal" else cells.genotype.reduce
    kept = {(item.source, item.node): item.op for item in kept_operations(cells, cell)}
    top = max(p for epoch in epochs for edge in epoch for p in edge)
    frame = Frame(0, len(epochs) - 1, 0, top, 4, 4, SMALL_WIDTH - 4, SMALL_HEIGHT - 4)
    chosen = chosen_index(cells, len(epochs))
    return [
        _edge_plot(cells.primitives, frame, edge, [e[i] for e in epochs], kept.get(edge), chosen)
        for i, edge in enumerate(
            (source, node + input_count(cells)) for source, node in cells.edges
        )
    ]


def chosen_index(cells: Cells, epochs: int) -> int:
    """Index of the epoch whose genotype was taken; the last one where that is not on record."""
    numbers = [epoch.epoch for epoch in cells.history]
    if len(numbers) == epochs and cells.best_epoch in numbers:
        return numbers.index(cells.best_epoch)
    return epochs - 1


def _edge_plot(
    primitives: Sequence[str],
    frame: Frame,
    edge: tuple[int, int],
    epochs: Sequence[Sequence[float]],
    kept: str | None,
    chosen: int,
) -> EdgePlot:
    final = epochs[chosen]
    strongest = max(range(len(final)), key=final.__getitem__)
    winner = primitives.index(kept) if kept in primitives else strongest
    xs = range(len(epochs))
    paths = [frame.path(xs, [e[i] for e in epochs]) for i in range(len(primitives))]
    return EdgePlot(
        f"{edge[0]} → {edge[1]}",
        primitives[winner],
        final[winner],
        kept is not None,
        tuple(path for i, path in enumerate(paths) if i != winner),
        paths[winner],
        frame.x(chosen),
    )

"""Geometry of the drawings: ticks, lines with gaps, cells, alphas, the maps of RAM and flash."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_results import sample_cell_results, sample_results

from tinyml_nas.report.drawings.axes import (
    Series,
    epoch_ticks,
    line_chart,
    nice_ticks,
)
from tinyml_nas.report.drawings.cells import BOX_WIDTH, draw_cells, edge_plots
from tinyml_nas.report.drawings.flash_map import flash_map
from tinyml_nas.report.drawings.memory_map import memory_map
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import Results
from tinyml_nas.results.search import Cells

pytestmark = pytest.mark.fast


def cells_of(record: dict[str, Any]) -> Cells:
    """The checked cells of a record."""
    search = Results.model_validate(record).search
    assert search is not None
    assert search.cells is not None
    return search.cells


FINITE = st.floats(-1e12, 1e12, allow_nan=False).map(lambda v: round(v, 6))


@settings(max_examples=100)
@given(st.lists(FINITE, min_size=1, max_size=20))
def test_ticks_enclose_the_values(values: list[float]) -> None:
    ticks = nice_ticks(values)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert ticks[0] <= min(values) + slack
    assert ticks[-1] >= max(values) - slack
    assert 2 <= len(ticks) <= 8
    assert all(a < b for a, b in pairwise(ticks))


@settings(max_examples=100)
@given(st.integers(0, 3), st.integers(1, 500))
def test_epoch_ticks_are_few_and_reach_both_ends(first: int, length: int) -> None:
    epochs = range(first, first + length)
    ticks = epoch_ticks(epochs)
    assert ticks[0] == epochs[0]
    assert ticks[-1] == epochs[-1]
    assert len(ticks) <= 10
    assert all(a < b for a, b in pairwise(ticks))


def test_missing_values_leave_a_gap() -> None:
    chart = line_chart("Loss", [1, 2, 3, 4], [Series("a", [3.0, None, 2.0, 1.0], "accent")], str)
    assert chart is not None
    assert [part[0] for part in chart.lines[0].path.split() if part[0] in "ML"] == ["M", "M", "L"]


def test_a_chart_without_values_is_none() -> None:
    assert line_chart("Loss", [1, 2], [Series("a", [None, float("inf")], "accent")], str) is None


def test_a_chart_of_zeros_is_drawn() -> None:
    chart = line_chart("Skips", [1, 2], [Series("a", [0.0, 0.0], "accent")], str)
    assert chart is not None
    assert len(chart.lines) == 1


def test_every_kept_operation_has_a_box_and_no_boxes_overlap() -> None:
    found = cells_of(sample_cell_results())
    for cell, genes in zip(
        draw_cells(found), (found.genotype.normal, found.genotype.reduce), strict=True
    ):
        ops = [box for box in cell.boxes if box.tone == "op"]
        assert [box.text for box in ops] == [op for op, _ in genes]
        assert [box.note for box in ops] == ["node 1", "node 2", "node 3", "node 4"]
        assert len({box.y for box in ops}) == len(ops)
        assert all(box.x + box.width <= cell.width for box in cell.boxes)
        assert len(cell.wires) == len(genes) + len(found.genotype.concat)


def test_an_operation_stands_right_of_what_it_reads() -> None:
    found = cells_of(sample_cell_results())
    ops = [box for box in draw_cells(found)[0].boxes if box.tone == "op"]
    for box, (_, source) in zip(ops, found.genotype.normal, strict=True):
        assert source == 0 or box.x > ops[source - 1].x + BOX_WIDTH


def test_two_inputs_and_two_edges_a_node_are_drawn() -> None:
    results = sample_cell_results()
    record = results["search"]["cells"]
    record["edges"] = [[source, node] for node in range(2) for source in range(node + 2)]
    genes = [["skip_connect", 0], ["skip_connect", 1], ["skip_connect", 0], ["skip_connect", 2]]
    record.update(genotype={"normal": genes, "reduce": [], "concat": [2, 3]}, alphas={})
    cell = draw_cells(cells_of(results))[0]
    assert [box.text for box in cell.boxes if box.tone == "state"] == [
        "input 0",
        "input 1",
        "concat",
    ]
    assert [box.note for box in cell.boxes if box.tone == "op"] == [
        f"node {n}" for n in (2, 2, 3, 3)
    ]


def test_alphas_mark_the_edges_that_were_kept() -> None:
    found = cells_of(sample_cell_results())
    plots = edge_plots(found, "normal")
    assert len(plots) == 10
    assert [p.title for p in plots if p.kept] == ["0 → 1", "0 → 2", "1 → 3", "3 → 4"]
    assert plots[0].winner == "conv_bn_relu_5x1"
    assert plots[0].share == found.alphas["normal"][16][0][5]  # epoch 17, the one taken


def test_the_memory_map_keeps_to_scale() -> None:
    model = Results.model_validate(sample_results()).models[0]
    drawing = memory_map(model)
    assert drawing is not None
    scales = {
        round(block.height / buffer.size_bytes, 2)
        for block, buffer in zip(drawing.blocks, model.memory, strict=True)
    }
    assert len(scales) == 1
    assert [b.at_peak for b in drawing.blocks[:3]] == [True, True, False]
    assert drawing.sentence.startswith("Most bytes are alive at layer 0 (conv0): 1,336,")
    assert "lost" not in drawing.sentence


def test_bytes_that_an_output_takes_over_from_its_input_count_once() -> None:
    model = Results.model_validate(sample_results()).models[0]
    source, target = model.memory[:2]
    overlapping = target.model_copy(update={"offset": 0})
    moved = source.model_copy(update={"offset": 100})
    drawing = memory_map(model.model_copy(update={"memory": [moved, overlapping]}))
    assert drawing is not None
    needed = max(100 + source.size_bytes, target.size_bytes)
    shared = source.size_bytes + target.size_bytes - needed
    assert f"{needed:,}, in" in drawing.sentence
    assert f"that share {shared:,} B" in drawing.sentence


def test_numbers_read_well() -> None:
    assert fmt.count(1234) == "1,234"
    assert fmt.count(None) == "–"
    assert [fmt.size(n) for n in (980, 12_345, 2_000_000)] == ["980 B", "12.3 kB", "2.0 MB"]
    assert [fmt.capacity(n) for n in (131072, 1 << 20, 1000)] == ["128 KiB", "1 MiB", "1.0 kB"]
    assert fmt.percent(0.9521) == "95.2 %"
    assert Metric("accuracy").difference(-0.02) == "−2.0"
    assert [fmt.seconds(s) for s in (4.21, 187.0)] == ["4.2 s", "3 min 07 s"]
    assert [fmt.milliseconds(n, 10**6) for n in (12, 3000, 123_456)] == [
        "0.0120 ms",
        "3.00 ms",
        "123 ms",
    ]
    assert [fmt.core_title(c) for c in ("cortex-m4", "cortex-m0plus", "c28x", "riscv32imc")] == [
        "Cortex-M4",
        "Cortex-M0+",
        "C28x",
        "RV32IMC",
    ]


def test_the_flash_map_shows_every_byte_once() -> None:
    record = sample_results()
    model = Results.model_validate(record).models[0]
    drawn = flash_map(model)
    assert drawn is not None
    assert [strip.cores for strip in drawn.strips] == ["Cortex-M0", "Cortex-M4", "Cortex-M33"]
    per_byte = []
    for strip, linked in zip(drawn.strips, model.linked.values(), strict=True):
        assert strip.total == fmt.size(linked.flash_bytes)
        for blocks in (strip.groups, strip.symbols):
            assert all(abs(a.x + a.width - b.x) < 0.05 for a, b in pairwise(blocks))
            end = blocks[-1].x + blocks[-1].width
            per_byte.append((end - blocks[0].x) / linked.flash_bytes)
            assert end <= drawn.width
    assert max(per_byte) - min(per_byte) < 1e-4  # one scale for all cores
    for column, linked in enumerate(model.linked.values()):
        sizes = {(b.section, b.group): b.sizes[column] for b in drawn.branches}
        code = sum(size or 0 for (section, _), size in sizes.items() if section == "code")
        assert code == linked.text_bytes
        assert sum(size or 0 for size in sizes.values()) == linked.flash_bytes
        for branch in drawn.branches:
            if branch.group != "filling":
                assert branch.sizes[column] == sum(s[column] or 0 for s in branch.symbols.values())


def test_cores_with_the_same_flash_share_a_strip() -> None:
    record = sample_results()
    symbols = record["models"][0]["flash_symbols"]
    symbols["cortex-m33"] = symbols["cortex-m4"]
    symbols["cortex-m0"] = symbols["cortex-m0"][:-1]
    drawn = flash_map(Results.model_validate(record).models[0])
    assert drawn is not None
    assert [strip.cores for strip in drawn.strips] == ["Cortex-M0", "Cortex-M4, M33"]
    filling = drawn.branches[-1]
    assert (filling.section, filling.group, filling.sizes) == ("constants", "filling", (None, 3))


def test_without_symbols_there_is_no_flash_map() -> None:
    record = sample_results()
    record["models"][0]["flash_symbols"] = {}
    assert flash_map(Results.model_validate(record).models[0]) is None

"""The search and the comparison on the page: budget, refusals, front, genome, contenders."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_results import sample_cell_results, sample_results
from sample_search import chain_search

from tinyml_nas.report.drawings.axes import axis, log_ticks
from tinyml_nas.report.drawings.front import (
    TITLED,
    front_chart,
    front_charts,
    staircase,
)
from tinyml_nas.report.drawings.labels import (
    CHARACTER_WIDTH,
    LINE_HEIGHT,
    Disc,
    Label,
    Rectangle,
    place_labels,
)
from tinyml_nas.report.drawings.versus import versus
from tinyml_nas.report.genome import genome_words
from tinyml_nas.report.resources import binding_text, budget_lines, refusals
from tinyml_nas.report.search_page import search_context
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import Results, parse_results
from tinyml_nas.results.search import Search

pytestmark = pytest.mark.fast

CANVAS = Rectangle(0, 0, 300, 200)

ACCURACY = Metric("accuracy")


def checked(record: dict[str, Any]) -> Search:
    search = Results.model_validate({**sample_results(), "search": record}).search
    assert search is not None
    return search


def searched(candidates: int = 90, seed: int = 3) -> Search:
    return checked(chain_search(random.Random(seed), candidates))


def test_the_budget_compares_the_chosen_one_with_its_limits() -> None:
    record = chain_search(random.Random(1))
    chosen = next(p for p in record["points"] if p["id"] == record["chosen"])
    chosen.update(flash_bytes=7600, ram_bytes=2400)
    record.update(binding=["flash_bytes", "ram_bytes"])
    record["budget_from"]["latency_seconds"] = "device"
    lines = {line.title: line for line in budget_lines(checked(record))}
    assert list(lines) == ["Flash", "RAM", "MACs", "Latency"]
    assert (lines["Flash"].used, lines["Flash"].limit) == ("7.6 kB", "8.0 kB")
    assert (lines["Flash"].share, lines["Flash"].binds) == (0.95, True)
    assert lines["RAM"].share == 1.2
    assert (lines["MACs"].limit, lines["MACs"].share) == ("no limit", None)
    assert lines["Latency"].origin == "all that the device has"
    assert binding_text(checked(record)) == "flash and RAM bind"


def test_refusals_are_named_and_ordered() -> None:
    named = [(r.reason, r.count) for r in refusals(searched())]
    assert named == [
        ("RAM over the budget", 2211),
        ("flash over the budget", 1604),
        ("not a network", 37),
    ]


def test_every_candidate_is_a_dot_that_says_what_it_is() -> None:
    search = searched()
    for chart, resource in zip(
        front_charts(search, ACCURACY), ("flash_bytes", "latency_seconds"), strict=True
    ):
        assert {dot.title.split(":")[0] for dot in chart.dots} == {p.id for p in search.points}
        by_id = {dot.title.split(":")[0]: dot for dot in chart.dots}
        assert {i for i, dot in by_id.items() if dot.tone == "front"} == {
            p.id for p in search.front
        }
        assert all((by_id[p.id].tone == "full") <= p.comparable for p in search.points)
        assert {dot.tone for dot in chart.dots} == {"front", "full", "early", "low"}
        costs = sorted(search.points, key=lambda p: getattr(p, resource))
        assert all(by_id[a.id].x <= by_id[b.id].x for a, b in pairwise(costs))
        assert chart.chosen is by_id[search.chosen or ""]


def test_larger_dots_mean_more_ram() -> None:
    search = searched()
    dots = {dot.title.split(":")[0]: dot for dot in front_charts(search, ACCURACY)[0].dots}
    front = sorted(search.front, key=lambda p: p.ram_bytes)
    assert all(dots[a.id].radius <= dots[b.id].radius for a, b in pairwise(front))
    assert dots[front[0].id].radius < dots[front[-1].id].radius


def test_poor_candidates_stand_on_the_edge_and_are_counted() -> None:
    record = chain_search(random.Random(4))
    for point in record["points"][:2]:
        point.update(score=0.01, epochs=3)
    chart = front_charts(checked(record), ACCURACY)[0]
    low = [dot for dot in chart.dots if dot.tone == "low"]
    number = int(chart.note.split()[0])
    assert number == len(low) >= 2
    assert len({dot.y for dot in low}) == 1


def test_the_staircase_rises_and_nothing_of_the_front_is_above_it() -> None:
    search = searched(200)
    for resource in ("flash_bytes", "macs"):
        stairs = staircase(search.front, resource)
        assert all(a.score < b.score for a, b in pairwise(stairs))
        assert all(getattr(a, resource) < getattr(b, resource) for a, b in pairwise(stairs))
        for point in search.front:
            cheaper = [s for s in stairs if getattr(s, resource) <= getattr(point, resource)]
            assert cheaper[-1].score >= point.score


def test_without_latency_the_second_picture_is_about_macs() -> None:
    record = chain_search(random.Random(5))
    record["points"][0]["latency_seconds"] = None
    charts = front_charts(checked(record), ACCURACY)
    assert [chart.x_title for chart in charts] == ["flash", "MACs"]


def test_a_front_of_one_point_is_drawn() -> None:
    chart = front_charts(searched(1), ACCURACY)[0]
    assert [label.text for label in chart.labels] == ["c0"]
    assert len(chart.dots) == 1
    assert len(chart.x_ticks) > 1
    assert len(chart.y_ticks) > 1


def test_a_chosen_one_beside_the_front_is_marked_and_named() -> None:
    record = chain_search(random.Random(6))
    front = {p["id"] for p in record["front"]}
    record["chosen"] = next(p["id"] for p in record["points"] if p["id"] not in front)
    chart = front_charts(checked(record), ACCURACY)[0]
    assert chart.chosen is not None
    assert record["chosen"] in {label.text for label in chart.labels}


def test_thousands_of_candidates_stay_a_small_picture() -> None:
    search = searched(1500)
    chart = front_chart(search, "flash_bytes", ACCURACY)
    assert len(chart.dots) == TITLED + len(search.front)
    assert len(chart.dots) + chart.dust.count("M") == 1500


def test_a_search_without_points_has_no_picture() -> None:
    assert front_charts(checked({"strategy": "darts"}), ACCURACY) == []


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), min_size=1, max_size=40))
def test_labels_never_cover_each_other_or_a_dot(spots: list[tuple[float, float]]) -> None:
    discs = [Disc(x, y, 4.0) for x, y in spots]
    labels = place_labels([f"c{i}" for i in range(len(discs))], discs, CANVAS)
    boxes = [extent(label) for label in labels]
    assert all(CANVAS.left - 0.1 <= b.left and b.right <= CANVAS.right + 0.1 for b in boxes)
    assert not any(shrunk(a).meets(shrunk(b)) for a, b in combinations(boxes, 2))
    for disc in discs:
        dot = Rectangle(disc.x - 4, disc.y - 4, disc.x + 4, disc.y + 4)
        assert not any(shrunk(box).meets(shrunk(dot)) for box in boxes)


def extent(label: Label) -> Rectangle:
    bottom = label.y + 3
    right = label.x + len(label.text) * CHARACTER_WIDTH
    return Rectangle(label.x, bottom - LINE_HEIGHT, right, bottom)


def shrunk(box: Rectangle) -> Rectangle:
    """The same box less what rounding to tenths can add."""
    return Rectangle(box.left + 0.2, box.top + 0.2, box.right - 0.2, box.bottom - 0.2)


def test_a_lonely_dot_has_its_label_off_the_lines() -> None:
    disc, line = Disc(100, 100, 4), Rectangle(0, 80, 100, 98)
    plain, shy = (place_labels(["c7"], [disc], CANVAS, lines) for lines in ((), (line,)))
    assert extent(plain[0]).meets(line)
    assert not extent(shy[0]).meets(line)


@settings(max_examples=100)
@given(st.floats(1e-6, 1e9), st.floats(1.0, 1e6))
def test_log_ticks_enclose_the_values(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert ticks[0] <= low * (1 + 1e-9)
    assert ticks[-1] >= low * ratio * (1 - 1e-9)
    assert all(a < b for a, b in pairwise(ticks))
    assert len(ticks) <= 14


def test_an_axis_is_logarithmic_only_over_more_than_a_decade() -> None:
    assert axis([100, 5000], str).log
    assert not axis([1000, 5000], str).log
    assert not axis([0, 5000], str).log


def test_a_chain_is_told_in_words() -> None:
    genome = searched().points[0].genome | {
        "stem": "dwsep",
        "stem_stride": 2,
        "stages": 3,
        "learning_rate": 2.0,
    }
    assert genome_words(genome) == [
        ("stem", "depthwise and pointwise convolution, kernel 7, stride 2, 16 channels"),
        ("stage 1", "depthwise and pointwise convolution, kernel 5, 8 channels"),
        ("stage 2", "max pooling by 2, then convolution, kernel 5, 16 channels"),
        ("stage 3", "convolution added to its input, kernel 5"),
        ("head", "average and maximum over time, 16 hidden units, then the outputs"),
        ("augmentation", "0.5 × the configured one"),
        ("learning rate", "2.0 × the configured one"),
    ]


@pytest.mark.parametrize(
    ("reach", "words"),
    [
        (0.0, []),
        (0.25, [("reach", "about a quarter of the window, by dilation")]),
        (0.5, [("reach", "about half of the window, by dilation")]),
        (1.0, [("reach", "all of the window, by dilation")]),
    ],
)
def test_the_reach_of_a_dilated_chain_is_told(reach: float, words: list[tuple[str, str]]) -> None:
    genome = searched().points[0].genome
    told = genome_words(genome | {"reach": reach})
    assert [line for line in told if line not in genome_words(genome)] == words


def test_the_genes_of_a_cell_are_told_node_by_node() -> None:
    genome = {"normal0_op": "avg_pool_3x1", "normal1_op": "skip_connect", "normal1_from": 1}
    assert genome_words(genome | {"augmentation": 2.0}) == [
        ("normal, node 1", "avg_pool_3x1 from 0"),
        ("normal, node 2", "skip_connect from 1"),
        ("augmentation", "2.0 × the configured one"),
    ]


def test_a_genome_of_another_space_is_told_choice_by_choice() -> None:
    assert genome_words({"normal_op_1": "skip_connect", "width": 8}) == [
        ("normal op 1", "skip_connect"),
        ("width", "8"),
    ]


def test_contenders_share_one_scale() -> None:
    results = Results.model_validate(sample_results())
    assert results.comparison is not None
    rows = versus(results.comparison, results.verdicts, ACCURACY).rows
    assert [row.contender.kind for row in rows] == ["searched", "random", "zoo"]
    assert [row.verdict for row in rows] == [
        "",
        "−0.3 to +1.5: no difference shown",
        "+1.5 to +3.7: better",
    ]
    assert [row.difference for row in rows] == ["", "+0.6", "+2.6"]
    for row in rows:
        assert row.low < row.mean < row.high
        by_score = sorted(zip(row.contender.scores, row.seeds, strict=True))
        assert [x for _, x in by_score] == sorted(row.seeds)
    assert rows[0].mean > rows[1].mean > rows[2].mean


def test_one_seed_has_no_whisker() -> None:
    record = sample_results()
    for side in (record["comparison"]["searched"], *record["comparison"]["others"]):
        side.update(scores=side["scores"][:1], sd=None)
    results = Results.model_validate(record)
    assert results.comparison is not None
    rows = versus(results.comparison, [], ACCURACY).rows  # as of a run before verdicts
    assert [row.verdict for row in rows] == ["", "", ""]
    assert all(row.low == row.mean == row.high for row in rows)


def test_the_budget_is_a_line_in_the_charts_of_expected_cost() -> None:
    charts = {chart.title: chart for chart in cell_charts(sample_cell_results())}
    costs = ["Parameters", "RAM", "MACs"]  # the latency is 0 throughout: not known
    others = ["Entropy", "Skip connections", "Score"]
    assert list(charts) == ["Loss", "Validation accuracy", *costs, *others]
    assert [line.label for line in charts["RAM"].lines][-1] == "budget"
    assert [line.label for line in charts["MACs"].lines] == [
        "expected in the supernet",
        "derived network",
    ]


def test_a_limit_far_above_the_cost_does_not_flatten_its_chart() -> None:
    record = sample_cell_results()
    record["search"]["budget"]["ram_bytes"] = 32768
    chart = next(chart for chart in cell_charts(record) if chart.title == "RAM")
    assert len(chart.lines) == 2


def cell_charts(record: dict[str, Any]) -> list[Any]:
    charts: list[Any] = search_context(parse_results(record))["cell_charts"]
    return charts


def test_axis_labels_are_short() -> None:
    assert [fmt.short_size(v) for v in (500, 2500, 2e6)] == ["500 B", "2.5 kB", "2 MB"]
    assert [fmt.thousands(v) for v in (500, 25_000)] == ["500", "25 k"]
    assert fmt.short_latency(0.0025) == "2.5 ms"
    assert fmt.latency(None) == "–"
    assert ACCURACY.spread(0.948, 0.003, 3) == "94.8 ± 0.3 % (3 seeds)"
    assert ACCURACY.spread(0.948, None) == "94.8 %"
    assert ACCURACY.spread(None, None) == "–"

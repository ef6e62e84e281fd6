"""Pictures of plain numbers: what is drawn, in which colours, and the files that come of it."""

import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sweeps.report.figures.bands import Series, curves, effects
from sweeps.report.figures.bars import bars
from sweeps.report.figures.clouds import Cloud, cost, pareto
from sweeps.report.figures.files import FORMATS, file_of, svg_of
from sweeps.report.figures.matrix import MAX_CELLS, shown_cells, squares
from sweeps.report.figures.parallel import Scale, parallel
from sweeps.report.figures.ranks import alike, critical_differences
from sweeps.report.figures.style import PALETTE, PALETTE_DARK, PAPER, PAPER_DARK, shortened
from sweeps.report.figures.timeline import Bar, load, timeline, unit_of

NASTY = "<b>a</b> & $x_1$ 深"
LINE = Series(name="cnn", x=[0, 1, 2], mean=[0.2, 0.5, 0.7], low=[0.1, 0.4, 0.6], high=[0.3, 0.6, 0.8])
Y = Scale(name="y", places=[1, 0], ticks=[])
OTHER = Series(name="dense", x=[0, 1, 2], mean=[0.1, 0.3, 0.4])

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> NDArray[np.float64]:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return light[1] / light[0]


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(("palette", "paper"), [(PALETTE, PAPER), (PALETTE_DARK, PAPER_DARK)])
def test_the_colours_stand_out_and_are_told_apart_by_all_eyes(palette: tuple[str, ...], paper: str) -> None:
    assert min(contrast(colour, paper) for colour in palette) >= 3  # WCAG 1.4.11
    for kind, matrix in BLINDNESS.items():
        seen = [lab(np.array(matrix) @ linear(colour)) for colour in palette]
        closest = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
        assert closest > 25, kind  # a difference of 10 is seen at a glance


def drawn() -> dict[str, Figure]:
    return {
        "curves": curves([LINE, OTHER], "epoch", NASTY),
        "effects": effects([LINE], NASTY, "test/acc"),
        "pareto": pareto([Cloud(name="a", x=[1, 2, 0], y=[2, 1, 0], labels=[NASTY, "", ""])], "x", "y", ("max", "max")),
        "cost": cost([Cloud(name="a", x=[10, 1000], y=[1, 2])], "parameters", "acc"),
        "parallel": parallel([Scale(name=NASTY, places=[0, 1], ticks=[(0, "a")]), Y], [0]),
        "squares": squares([[3, 1], [0, 2]], [NASTY, "b"], NASTY),
        "bars": bars({"lr": 0.75, NASTY: 0.25}, "share"),
        "timeline": timeline([Bar(lane=0, start_s=0, end_s=90, state="failed", number=7)], ["host 1, slot 1"]),
        "load": load([0, 1, 2], [0, 2, 0]),
        "ranks": critical_differences({"a": 1.2, "b": 1.9, "c": 2.9}, 1.0, 7),
    }  # fmt: skip


def test_each_picture_is_as_wide_as_a_column_or_two_and_nothing_of_it_is_small() -> None:
    for kind, figure in drawn().items():
        assert file_of(figure, "png").startswith(b"\x89PNG")
        width_mm = figure.get_figwidth() * 25.4
        assert width_mm == pytest.approx(174 if kind in ("parallel", "timeline", "load") else 85)
        smallest = min(text.get_fontsize() for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")))
        assert smallest >= 5.5, kind


def test_labels_of_a_front_do_not_lie_on_one_another() -> None:
    cloud = Cloud(name="a", x=[0, 0.5, 0.52, 1], y=[1, 0.51, 0.5, 0], labels=["p", "q", "r", "s"])
    texts = pareto([cloud], "x", "y", ("max", "max")).axes[0].texts
    assert [text.get_text() for text in texts] == ["p", "q", "s"]


def test_a_square_is_as_dark_as_its_share_and_holds_its_count() -> None:
    axes = squares([[3, 1], [0, 2]], ["a", "b"], "digit").axes[0]
    assert [text.get_text() for text in axes.texts] == ["2", "3", "1"]
    alphas = {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)): p.get_alpha() for p in axes.patches}  # type: ignore[attr-defined]
    assert alphas == {(1, 1): 0.6, (0, 0): pytest.approx(0.45), (1, 0): pytest.approx(0.15)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("digit, predicted", "digit, true")
    assert axes.get_ylim() == (1.5, -0.5)  # the first class is above


def test_of_many_classes_the_largest_shares_are_drawn_without_numbers() -> None:
    counts = [[100 if i == j else 1 for j in range(100)] for i in range(100)]
    cells = shown_cells(counts)
    assert len(cells) == MAX_CELLS and all(i == j for i, j, _ in cells[:100])
    figure = squares(counts, [f"class {i}" for i in range(100)], "label")
    assert not figure.axes[0].texts and len(figure.axes[0].get_xticks()) == 20
    assert len(svg_of(figure, "m")) < 400_000


def test_the_same_numbers_give_the_same_bytes() -> None:
    for format in FORMATS:
        one, other = (file_of(curves([LINE, OTHER], "epoch", "acc"), format) for _ in range(2))
        assert one == other and len(one) > 1000, format


def test_rules_of_the_user_change_nothing_and_stay() -> None:
    one = file_of(curves([LINE, OTHER], "epoch", "acc"), "svg")
    theirs = {
        "text.usetex": True,
        "savefig.bbox": "tight",
        "path.sketch": (1, 100, 2),
        "font.size": 20,
        "axes.grid": False,
    }
    with matplotlib.rc_context(theirs):
        assert file_of(curves([LINE, OTHER], "epoch", "acc"), "svg") == one
        assert matplotlib.rcParams["font.size"] == 20


def test_a_pdf_has_its_fonts_as_truetype() -> None:
    pdf = file_of(drawn()["curves"], "pdf")
    assert b"/FontFile2" in pdf and b"/CIDFontType2" in pdf and b"/Type3" not in pdf


def test_on_the_page_text_is_text_and_colours_are_those_of_the_page() -> None:
    for kind, figure in drawn().items():
        svg = svg_of(figure, kind)
        root = ElementTree.fromstring(svg)
        assert (
            root.tag.endswith("svg") and "<script" not in svg and "http://" not in svg.replace("http://www.w3.org", "")
        )
        assert re.findall(r"#[0-9a-f]{6}\b", re.sub(r'(href|id)="[^"]*"|url\(#\w+\)', "", svg)) == [], kind
        assert "currentColor" in svg
    svg = svg_of(drawn()["curves"], "a")
    texts = [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")
    ]
    assert NASTY in texts and {"cnn", "dense", "epoch"} <= set(texts)
    assert "var(--series-0)" in svg and "var(--series-1)" in svg and "var(--series-2)" not in svg


def test_figures_of_one_page_share_no_name() -> None:
    names = [set(re.findall(r'id="([^"]+)"', svg_of(drawn()["curves"], name))) for name in ("a", "b")]
    assert names[0] and not names[0] & names[1]


def test_a_band_is_drawn_between_its_ends_and_each_result_as_a_point() -> None:
    single = [([0.0, 0.0], [0.3, 0.4])]
    one = Series(name="a", x=[0, 1], mean=[0.35, 0.5], low=[0.2, 0.4], high=[0.5, 0.6], single=single)
    figure = effects([one], "w", "acc")
    (axes,) = figure.axes
    points, line = axes.lines
    assert points.get_ydata().tolist() == [0.3, 0.4] and line.get_ydata().tolist() == [0.35, 0.5]
    (band,) = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert {(0, 0.2), (0, 0.5), (1, 0.4), (1, 0.6)} <= corners


@pytest.mark.parametrize(
    ("ways", "corners"),
    [(("max", "max"), [(1, 3), (2, 2), (3, 1)]), (("min", "min"), [(0, 0)]), (("min", "max"), [(0, 0), (1, 3)])],
)
def test_the_front_is_what_no_point_beats(ways: tuple[str, str], corners: list[tuple[float, float]]) -> None:
    cloud = Cloud(name="a", x=[2, 1, 3, 0, 1], y=[2, 3, 1, 0, 1])
    front = pareto([cloud], "x", "y", ways).axes[0].lines[-1]
    assert [tuple(point) for point in front.get_xydata().tolist()] == corners


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.129, 0.38, 4.0], ["0.2", "0.5", "1", "2"]), ([1e3, 1e5, 1e7], ["1000", "10000", "100000", "1e+06", "1e+07"])],
)
def test_a_wide_range_has_plain_numbers_that_do_not_overlap(values: list[float], expected: list[str]) -> None:
    line = Series(name="a", x=values, mean=[0.1, 0.2, 0.3])
    for figure in (effects([line], "x", "y"), cost([Cloud(name="a", x=values, y=[0.1, 0.2, 0.3])], "x", "y")):
        [axes] = figure.axes
        figure.canvas.draw()
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticklabels(which="both") if low <= tick.get_position()[0] <= high]
        texts = [tick.get_text() for tick in ticks]
        assert [text for text in texts if text in expected] == expected and not any("$" in text for text in texts)
        boxes = sorted((tick.get_window_extent() for tick in ticks if tick.get_text()), key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("way", ["max", "min"])
def test_a_label_of_a_front_stays_beside_the_axes_numbers(way: str) -> None:
    x = [0.89, 0.92, 1.0]
    y = [2.1, 1.8, 3.0] if way == "min" else [3.0, 2.0, 1.0]
    figure = pareto([Cloud(name="a", x=x, y=y, labels=["1.29 1.29 0.129 1.29"] * 3)], "x", "y", (way, way))
    [axes] = figure.axes
    figure.canvas.draw()
    inside = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert boxes and all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes)


def test_methods_within_the_critical_difference_are_joined() -> None:
    assert alike([1.0, 1.5, 1.9, 3.5], 1.0) == [(0, 2)]
    assert alike([1.0, 1.8, 2.5, 3.5], 1.0) == [(0, 1), (1, 2)]
    assert alike([1.0, 2.0], 1.0) == []


def test_times_have_a_unit_that_fits() -> None:
    assert [unit_of(seconds)[1] for seconds in (30, 600, 20_000, 400_000)] == ["seconds", "minutes", "hours", "days"]
    axes = timeline([Bar(lane=0, start_s=60, end_s=600, state="completed", number=3)], ["a"]).axes[0]
    assert axes.get_xlabel() == "minutes since the start" and [text.get_text() for text in axes.texts] == ["3"]
    assert (axes.patches[0].get_x(), axes.patches[0].get_width()) == (1, 9)


def test_of_a_long_label_the_ends_stay() -> None:
    assert shortened("a" * 30 + "b" * 30, 11) == "aaaaa\u2026bbbbb" and shortened("a\nb") == "a b"

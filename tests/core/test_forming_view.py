"""How an ability forms, drawn: the present point marked in every curve, patterns as given, runs apart."""

import numpy as np
import pytest

from mtp_edu.experiments.statistics import mean_interval
from mtp_edu.views.forming import forming, runs_apart

POINTS = [1, 10, 20, 30]
CURVES = {"accuracy": [0.0, 0.1, 0.7, 0.9], "score": [0.2, 0.3, 0.35, 1.0]}
WORDS = list("ABCAB")


def patterns():
    rng = np.random.default_rng(0)
    weights = np.tril(rng.random((2, 4, 5, 5)) + 0.01)
    weights /= weights.sum(-1, keepdims=True)
    return {"layer 0, head 1": weights[0], "layer 1, head 0": weights[1]}


def test_the_present_point_is_marked_and_its_patterns_shown():
    given = patterns()
    fig = forming(POINTS, CURVES, given, WORDS, at=2)
    *heads, below = [axes for axes in fig.axes if axes.get_title(loc="left")]
    for axes, (title, weights) in zip(heads, given.items(), strict=True):
        drawn = axes.images[0].get_array()
        assert axes.get_title(loc="left") == title and axes.images[0].get_clim() == (0, 1)
        assert np.array_equal(drawn.filled(0), weights[2])
        assert np.array_equal(drawn.mask, np.triu(np.ones((5, 5), dtype=bool), 1)), "what comes later is left out"
        assert [label.get_text() for label in axes.get_xticklabels()] == WORDS
    assert below.get_title(loc="left") == "after 20 of 30 optimizer steps"
    for name, values in CURVES.items():
        (upto,) = [line for line in below.lines if line.get_label() == name]
        assert list(upto.get_xdata()) == POINTS[:3] and list(upto.get_ydata()) == values[:3]
        marked = [
            line for line in below.lines if list(line.get_xdata()) == [20] and list(line.get_ydata()) == [values[2]]
        ]
        assert len(marked) == 1
    assert fig.get_label() == "After 20 optimizer steps: accuracy 0.70, score 0.35"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"at": 4}, "at=4 is no point: use 0 to 3"),
        ({"at": -1}, "at=-1 is no point"),
        ({"curves": {}}, "0 curves, 2 patterns"),
        ({"patterns": {}}, "2 curves, 0 patterns"),
        ({"curves": {"accuracy": [0.1]}}, "'accuracy' has 1 values for 4 points"),
        ({"words": list("ABCA")}, r"has shape \(4, 5, 5\): give \(points, T, T\), here \(4, 4, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    given = {"points": POINTS, "curves": CURVES, "patterns": patterns(), "words": WORDS, "at": 0} | changed
    with pytest.raises(ValueError, match=message):
        forming(**given)


def test_runs_apart_draws_every_run_and_the_ends_of_all():
    runs = {1: [[0.0, 0.2, 0.6, 0.9], [0.0, 0.4, 0.6, 0.7], [0.0, 0.1, 0.2, 0.3]], 2: [[0.1, 0.1, 0.1, 0.1]]}
    fig = runs_apart(POINTS, runs, at=0.5)
    left, right = fig.axes
    lines = [tuple(line.get_ydata()) for line in left.lines if len(line.get_xdata()) == 4]
    assert sorted(lines) == sorted(tuple(curve) for of_n in runs.values() for curve in of_n)
    marks = [list(line.get_xdata()) for line in left.lines if line.get_linestyle() == "None"]
    assert marks == [pytest.approx([10 + 10 * 0.3 / 0.4, 10 + 10 * 0.1 / 0.2]), []]
    interval = mean_interval([0.9, 0.7, 0.3])
    drawn = [list(line.get_xdata()) for line in right.lines]
    assert drawn == [
        pytest.approx([interval.low, interval.high]),
        [0.9, 0.7, 0.3],
        pytest.approx([19 / 30]),
        [0.1],
        [0.1],
    ]
    assert [label.get_text() for label in right.get_yticklabels()] == ["n = 1", "n = 2"]
    assert "n = 1: 2 of 3 runs passed 0.5, mean at the end 0.63; n = 2: 0 of 1 runs" in fig.get_label()
    for wrong in ({}, {1: []}, {1: [[0.1]]}):
        with pytest.raises(ValueError, match="at least one run of each n, with one number for each point: 4"):
            runs_apart(POINTS, wrong, at=0.5)

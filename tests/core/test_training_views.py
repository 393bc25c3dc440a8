"""The plots of lesson 4: what stands where, and in which words."""

from types import SimpleNamespace

import pytest

from mtp_edu.views import style
from mtp_edu.views.training import run_curves, run_inside


def events(n=1, steps=30, every=10, end=2.0, seconds=0.5):
    """A run that measures its held-out loss every so many steps and ends at `end`."""
    return [
        SimpleNamespace(
            step=step,
            losses=(end + 0.1,) * n,
            validation=(end + (steps - step) / 10,) * n if every and step % every == 0 else None,
            learning_rate=1e-3 * step,
            gradient_norm=4.0 / step,
            tokens=100 * step,
            tokens_per_second=200.0,
            seconds=seconds * step,
        )
        for step in range(1, steps + 1)
    ]


def test_runs_are_drawn_against_tokens_and_seconds():
    runs = {"n = 1": events(1), "n = 4": events(4, end=2.5, seconds=1.0), "n = 1, longer": events(1, steps=60)}
    figure = run_curves(runs)
    tokens, seconds = figure.axes
    drawn = [line for line in tokens.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in drawn][:2] == [[1000, 2000, 3000]] * 2
    drawn = [line for line in seconds.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in drawn][:2] == [[5, 10, 15], [10, 20, 30]]
    assert list(drawn[1].get_ydata()) == [4.5, 3.5, 2.5]
    assert [line.get_color() for line in drawn] == [style.colour(n) for n in (1, 4, 1)]
    assert len({line.get_marker() for line in drawn}) == len({str(line.get_linestyle()) for line in drawn}) == 3
    assert "n = 4 2.500 after 3,000 tokens, 30 s" in figure.get_label()


def test_end_labels_stand_apart_inside_the_axes_and_beside_their_mark():
    runs = {f"run {i}": events(1, end=2.0 + 0.001 * i) for i in range(4)}
    axes = run_curves(runs, ("step",)).axes[0]
    places = [text.get_position()[1] for text in axes.texts]
    assert min(places) >= 0 and max(places) <= 1
    assert min(b - a for a, b in zip(places, places[1:])) >= 0.08
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    curves = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [mark.get_ydata()[0] for mark in marks] == places
    assert [mark.get_marker() for mark in marks] == [curve.get_marker() for curve in curves]
    assert [text.get_text() for text in axes.texts] == [f"run {i}: {2 + 0.001 * i:.3f}" for i in range(4)]


@pytest.mark.parametrize(
    ("runs", "against", "named"),
    [
        ({}, ("step",), "any run"),
        ({"good": events(), "blind": events(every=0)}, ("step",), "of blind:"),
        ({"good": events()}, ("hours",), "hours"),
        ({"good": events()}, (), "step, tokens, seconds"),
    ],
)
def test_run_curves_refuses(runs, against, named):
    with pytest.raises(ValueError, match=named):
        run_curves(runs, against)


def test_the_inside_of_a_run():
    figure = run_inside(events(steps=20))
    assert [list(axes.lines[0].get_ydata())[-1] for axes in figure.axes] == [1e-3 * 20, 4 / 20, 200.0]
    assert [axes.get_title(loc="left")[:8] for axes in figure.axes] == ["learning", "gradient", "tokens p"]
    assert "gradient norm, before clipping 4 -> 0.2, at most 4" in figure.get_label()
    with pytest.raises(ValueError, match="no training events"):
        run_inside([])

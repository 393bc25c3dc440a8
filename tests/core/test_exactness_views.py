"""The pictures of exactness say what was counted and computed, and the panel draws with the rule that was chosen."""

import math
import re

import pytest
from core.figure_reader import Reader
from core.small_models import loud_model

from mtp_edu import continuations
from mtp_edu.continuations import compare
from mtp_edu.decode import accept_lossless, draw
from mtp_edu.views import exactness
from mtp_edu.views.exactness import RulePanel, continuation_bars, gap_curve, near_tie, sigma_bars

CHANCES = {(0, 0): 0.4, (0, 1): 0.3, (1, 0): 0.2, (1, 1): 0.1}
RIGHT = {(0, 0): 410, (0, 1): 290, (1, 0): 205, (1, 1): 95}
WRONG = {(0, 0): 300, (0, 1): 300, (1, 0): 200, (1, 1): 200}


def heights(figure):
    """Of the bars, text by text: (exact, drawn) in pixels."""
    found = [
        float(re.search(r"height:([\d.]+)px", attrs["style"])[1])
        for tag, attrs in Reader(figure).elements
        if tag == "span" and "height" in attrs.get("style", "")
    ]
    return list(zip(found[::2], found[1::2]))


def test_bars_are_as_high_as_the_counts():
    figure = continuation_bars(RIGHT, CHANCES, "a rule")
    pixel = 110 / 410
    assert heights(figure) == [
        pytest.approx((1000 * chance * pixel, RIGHT[text] * pixel), abs=0.06) for text, chance in CHANCES.items()
    ]
    titles = [attrs["title"] for tag, attrs in Reader(figure).elements if tag == "td"]
    assert titles[:4] == titles[4:] and titles[1] == "text 0 1: drawn 290, expected 300.0, -0.6 standard errors"
    assert figure.text.startswith("a rule: no difference seen\n1,000 draws, 4 texts:")


def test_the_verdict_and_the_largest_deviation():
    figure = continuation_bars(WRONG, CHANCES)
    assert figure.text.startswith("NOT the distribution of plain sampling")
    assert "Largest deviation: text 1 1, +10.0 standard errors." in figure.text
    deviations = [
        int(re.search(r"height:(\d+)px", attrs["style"])[1])
        for tag, attrs in Reader(figure).elements
        if attrs.get("style", "").startswith("width:7px")
    ]
    assert deviations == [20, 0, 0, 40]  # four pixels for each standard error
    strong = [
        attrs["class"] == "mtp-full"
        for _, attrs in Reader(figure).elements
        if attrs.get("style", "").startswith("width:7px") and "class" in attrs
    ]
    assert strong == [True, True]


def test_many_texts_and_impossible_ones():
    chances = {(i,): 0.01 for i in range(100)} | {(100,): 0.0}
    figure = continuation_bars({(i,): 50 for i in range(100)}, chances)
    assert len(heights(figure)) == exactness.MOST and "The 81 likeliest of 101 texts are drawn." in figure.text
    figure = continuation_bars({(0,): 500, (1,): 499, (2,): 1}, {(0,): 0.5, (1,): 0.5, (2,): 0.0})
    assert "Largest deviation: text 2, +inf" in figure.text and "NOT" in figure.text


def test_pictures_need_no_scripts_and_survive_without_svg():
    page = Reader(continuation_bars(RIGHT, CHANCES, "<b>"))
    assert not {"script", "svg", "link", "img", "canvas", "b"} & {tag for tag, _ in page.elements}
    assert "<b>: no difference seen" in page.text


# ---- the panel


def panel(**options):
    shape = {"vocab_size": 3, "n_future": 2, "n_layers": 3, "dim": 8, "n_attention_heads": 1, "n_kv_heads": 1}
    model = loud_model(seed=1, **shape)
    seen = []

    def never(target, source, drafts, uniform):
        seen.append(len(drafts))
        return drafts[:, 0] * 0, draw(target[:, -1], uniform[:, -1])

    rules = {"right": "lossless", "the same": accept_lossless, "wrong": never}
    return RulePanel(model, [2, 0], rules, count=3, **options), seen


def test_every_press_draws_anew_with_the_chosen_rule():
    one, seen = panel(draws=1000)
    assert one.static().text.startswith("right: no difference seen\n1,000 draws") and not seen
    first = one.static().text
    one.button.click()
    second = one.static().text
    assert second.startswith("right: no difference seen") and second != first
    one.rule.value = "wrong"
    assert one.static().text == second  # nothing is drawn before the button is pressed
    one.draws.value = 3000
    one.button.click()
    assert sum(seen) >= 3000 and "3,000 draws" in one.static().text
    assert one.static().text.startswith("wrong: NOT the distribution")
    assert not one.button.disabled and "NOT the distribution" in one.output.value


def test_the_panel_counts_against_the_exact_probabilities():
    one, _ = panel(draws=1000)
    assert one.chances == continuations.exact(one.model, [2, 0], 3) and len(heights(one.static())) == 27


def test_a_rule_that_fails_is_named_in_the_panel():
    one, _ = panel(draws=1000)
    one.rules = {name: (lambda *given: 1 / 0) for name in one.rules}
    one.button.click()
    assert "ZeroDivisionError" in one.static().text and not one.button.disabled


def test_the_panel_leaves_a_static_twin():
    bundle = panel(draws=1000)[0]._repr_mimebundle_()
    assert "mtp-memory" in bundle["text/html"] and bundle["text/plain"].startswith("right: ")


# ---- the charts


def test_sigma_bars_show_what_was_compared():
    results = {"right": compare(RIGHT, CHANCES), "wrong": compare(WRONG, CHANCES)}
    figure = sigma_bars(results)
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == [max(0, one.sigmas) for one in results.values()]
    assert [bar.get_width() for bar in right.patches] == [one.total_variation for one in results.values()]
    assert [label.get_text() for label in left.get_yticklabels()] == ["right", "wrong"]
    assert [bool(bar.get_hatch()) for bar in left.patches] == [True, False]  # told by more than colour
    assert "right: " in figure.get_label() and "wrong: 9.3 sigmas, NOT the distribution" in figure.get_label()
    with pytest.raises(ValueError, match="nothing to show"):
        sigma_bars({})


def test_a_near_tie_on_the_ruler():
    figure = near_tie({"exact": (1.01, 1.0), "plain": (1.0, 1.0), "in a block": (1.0, 1.0625)}, ("␣a", "␣b"), 0.0625)
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert [float(line.get_xdata()[0]) for line in marks] == [1.01, 1.0, 1.0, 1.0, 1.0, 1.0625]
    ruler = {float(line.get_xdata()[0]) for line in axes.lines} - {1.01}
    assert {0.9375, 1.0, 1.0625, 1.125} <= ruler
    assert [text.get_text() for text in axes.texts] == ["'␣a' by 0.16 ulp", "a tie", "'␣b' by 1 ulp"]
    assert "in a block: '␣a' 1.00000, '␣b' 1.06250, '␣b' by 1 ulp" in figure.get_label()
    with pytest.raises(ValueError, match="no near tie"):
        near_tie({"exact": (9.0, 1.0)}, ("a", "b"), 0.0625)


def test_the_curve_of_gaps_and_where_precisions_stand_on_it():
    gaps = [0.01 * i for i in range(1, 101)]
    figure = gap_curve(gaps, density=1.0, noise={"coarse": 0.02, "fine": 2e-13})
    (axes,) = figure.axes
    measured, carried = axes.lines[:2]
    assert list(measured.get_xdata())[-1] == 1.0 and list(measured.get_ydata())[-1] == 1.0
    assert carried.get_ydata()[-1] == pytest.approx(0.01)
    points = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines[2:]]
    assert points == [pytest.approx((0.02, 0.01)), pytest.approx((2e-13, 1e-13))]
    assert "coarse: 1 token in 100; fine: 1 token in 10^13. From 100 places" in figure.get_label()
    assert math.isclose(axes.get_ylim()[1], 3)
    for nothing in (([], {"a": 1.0}), (gaps, {})):
        with pytest.raises(ValueError, match="nothing to draw"):
            gap_curve(nothing[0], 1.0, nothing[1])

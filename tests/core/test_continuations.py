"""The enumeration, and the test that judges draws: what it reports, how often it errs, what it can see."""

import math
from collections import Counter
from statistics import NormalDist

import pytest
import torch
from core.small_models import loud_model

import mtp_edu as mtp
from mtp_edu import continuations
from mtp_edu.continuations import LEVEL, compare, draws_needed, power


def tiny(**shape):
    shape = {"vocab_size": 3, "n_future": 2, "n_layers": 3, "dim": 8, "n_attention_heads": 1, "n_kv_heads": 1} | shape
    return loud_model(seed=1, **shape)


def thrown(chances, draws, seed=0):
    """Draws from a table of probabilities."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor(list(chances.values())).multinomial(draws, replacement=True, generator=generator)
    texts = list(chances)
    return Counter({texts[i]: int(count) for i, count in enumerate(ids.bincount(minlength=len(texts)))})


def dice(sides=50):
    return {(side,): 1 / sides for side in range(sides)}


def pushed(chances, variation):
    """The same probabilities, with so much moved from the odd texts to the even ones, evenly."""
    step = variation / (len(chances) / 2)
    return {text: chance + (-step if i % 2 else step) for i, (text, chance) in enumerate(chances.items())}


# The enumeration ----------------------------------------------------------------------------------------------------


def test_probabilities_are_products_along_each_text():
    model, prompt = tiny(), [2, 0]
    chances = continuations.exact(model, prompt, 3)
    assert len(chances) == 27 and sum(chances.values()) == pytest.approx(1, abs=1e-12)
    for text in ((0, 0, 0), (2, 1, 0), (1, 2, 2)):
        with torch.no_grad():
            p = model(torch.tensor([[*prompt, *text]]))[0, 1:-1, 0].softmax(-1)  # (3, V)
        assert chances[text] == pytest.approx(math.prod(float(p[i, token]) for i, token in enumerate(text)), rel=1e-12)


def test_sampling_options_shape_the_probabilities():
    chances = continuations.exact(tiny(), [2, 0], 2, temperature=0.5, top_k=2)
    assert sum(chances.values()) == pytest.approx(1) and sum(chance > 0 for chance in chances.values()) == 4
    greedy = continuations.exact(tiny(), [2, 0], 4, temperature=0.0)
    out = mtp.generate(tiny(), [2, 0], 4)
    assert {text for text, chance in greedy.items() if chance} == {tuple(out.tokens)}


def test_a_model_in_low_precision_is_enumerated_in_float64():
    model = tiny().bfloat16()
    chances = continuations.exact(model, [2, 0], 3)
    assert chances == continuations.exact(model.double(), [2, 0], 3)
    assert abs(sum(chances.values()) - 1) < 1e-12


def test_draws_are_as_many_as_asked_for_and_repeat_with_their_seed(monkeypatch):
    found = continuations.drawn(tiny(), [2, 0], 3, 250, seed=7)
    assert found.total() == 250 and set(map(len, found)) == {3}
    monkeypatch.setattr(continuations, "ROWS", 100)
    assert continuations.drawn(tiny(), [2, 0], 3, 250, seed=7) == found
    assert continuations.drawn(tiny(), [2, 0], 3, 250, seed=8) != found
    assert len(continuations.drawn(tiny(), [2, 0], 3, 50, temperature=0.0)) == 1


@pytest.mark.parametrize("count", [0, -1, 12])
def test_too_few_or_too_many_texts_are_refused(count):
    with pytest.raises(ValueError, match=f"count={count} "):
        continuations.exact(tiny(), [0], count)


# The test -----------------------------------------------------------------------------------------------------------


def test_by_hand():
    chances = {(0,): 0.5, (1,): 0.25, (2,): 0.25}
    found = compare({(0,): 60, (1,): 20, (2,): 20}, chances)
    # (10^2 / 50 + 5^2 / 25 + 5^2 / 25) = 4 with two degrees of freedom: p = exp(-2)
    assert found.p == pytest.approx(math.exp(-2)) and found.total_variation == pytest.approx(0.1)
    assert (found.draws, found.texts, found.differs) == (100, 3, False)
    assert found.sigmas == pytest.approx(NormalDist().inv_cdf(1 - math.exp(-2)), abs=0.02)
    assert "100 draws, 3 texts: 1.1 sigmas, p = 0.14, total variation 0.100" in repr(found)


def test_right_draws_give_every_p_equally_often():
    chances, values = dice(), []
    for seed in range(600):
        values.append(compare(thrown(chances, 2000, seed), chances).p)
    for share in (0.05, 0.5, 0.95):
        assert sum(p < share for p in values) / 600 == pytest.approx(share, abs=0.07)
    assert not any(compare(thrown(chances, 2000, seed), chances).differs for seed in range(600))


def test_the_distance_by_chance_is_what_right_draws_show():
    chances = dice()
    found = [compare(thrown(chances, 3000, seed), chances) for seed in range(100)]
    mean = sum(one.total_variation for one in found) / 100
    assert mean == pytest.approx(found[0].by_chance, rel=0.03)


def test_the_mean_deviation_is_that_of_a_count():
    def slow(draws, chance):
        share = [math.comb(draws, i) * chance**i * (1 - chance) ** (draws - i) for i in range(draws + 1)]
        return sum(p * abs(i - draws * chance) for i, p in enumerate(share))

    for draws, chance in ((1, 0.5), (7, 0.3), (40, 0.01), (40, 0.25), (40, 0.99), (300, 1e-6)):
        assert continuations._mean_deviation(draws, chance) == pytest.approx(slow(draws, chance), rel=1e-9)
    assert continuations._mean_deviation(5, 1.0) == 0
    most = 10**9
    assert continuations._mean_deviation(most, 0.5) == pytest.approx((most / 4 * 2 / math.pi) ** 0.5, rel=1e-4)
    for mean in (0.02, 2.5, 20.5):  # Poisson's, of rare texts
        whole = math.floor(mean)
        poisson = 2 * math.exp(-mean) * mean ** (whole + 1) / math.factorial(whole)
        assert continuations._mean_deviation(most, mean / most) == pytest.approx(poisson, rel=1e-4)


def test_rare_texts_are_no_further_off_by_chance_than_they_can_be():
    chances = {(-1,): 0.5} | {text: chance / 2 for text, chance in dice(4000).items()}  # each a tenth of a draw
    found = [compare(thrown(chances, 800, seed), chances) for seed in range(30)]
    mean = sum(one.total_variation for one in found) / 30
    assert mean == pytest.approx(found[0].by_chance, rel=0.005)


def test_power_is_how_often_a_difference_is_seen():
    chances, level = dice(), 0.001
    wrong = pushed(chances, 0.05)  # moved evenly: the least that this total variation can do to the statistic
    draws = draws_needed(50, 0.05, wanted=0.8, level=level)
    assert power(draws, 50, 0.05, level) == pytest.approx(0.8, abs=1e-3)
    seen = sum(compare(thrown(wrong, draws, seed), chances).p < level for seed in range(400)) / 400
    assert seen == pytest.approx(0.8, abs=0.06)
    assert power(draws, 50, 0.0, level) == pytest.approx(level, rel=1e-3)


def test_draws_needed():
    assert draws_needed(243, 0.02) == pytest.approx(124_000, rel=0.01)  # noncentrality 198.6
    assert draws_needed(243, 0.01) == pytest.approx(4 * draws_needed(243, 0.02), rel=1e-4)
    assert power(draws_needed(243, 0.02), 243, 0.02) >= 0.99
    assert draws_needed(81, 0.05, level=0.01) < draws_needed(81, 0.05)


def test_a_single_text_that_cannot_be_settles_it():
    found = compare({(0,): 500, (1,): 500, (2,): 1}, {(0,): 0.5, (1,): 0.5, (2,): 0.0})
    assert found.p == 0 and found.sigmas == math.inf and found.differs
    assert found.total_variation == pytest.approx(1 / 1001)
    assert compare({(1,): 500}, {(0,): 1.0, (1,): 0.0}).differs  # where only one text is possible, too


def test_rare_texts_count_together():
    chances = {(0,): 0.5, (1,): 0.497, (2,): 0.001, (3,): 0.001, (4,): 0.001}
    assert compare(thrown(chances, 1000), chances).texts == 2  # the three rare ones together are still rare
    assert compare(thrown(chances, 2000), chances).texts == 3
    assert compare(thrown(chances, 20_000), chances).texts == 5
    with pytest.raises(ValueError, match="3 draws are too few for 5 possible texts"):
        compare({(0,): 3}, chances)


def test_far_apart_is_a_number_where_p_is_none():
    found = compare({(0,): 90_000, (1,): 10_000}, {(0,): 0.5, (1,): 0.5})
    assert found.p == 0 < LEVEL and 50 < found.sigmas < math.inf

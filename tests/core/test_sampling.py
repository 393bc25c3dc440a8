"""Sampled speculation has the distribution of plain sampling, whatever the batch; and this test can fail.

All continuations of n + 2 tokens are enumerated in float64 from the model's plain forward and compared with what
generate draws, by a chi-square test at level 1e-6 with enough draws to see a total variation of 0.02 with power 0.99.
Each classic mistake, planted, is caught.
"""

from collections import Counter

import pytest
import torch
from core.small_models import loud_model, riddle, trained_model

import mtp_edu as mtp
from mtp_edu.decode import Sampling, accept_lossless, accept_typical, draw, step

ORDERS = ["parallel", "causal", "anticausal"]
PROMPT = [0, 2, 1, 1]
SIGMAS = 4.75  # one-sided level 1e-6


def tiny(order="parallel"):
    """Three tokens, three heads: what comes next depends much on what was drawn, and nothing is near certain."""
    model = loud_model(seed=1, vocab_size=3, n_future=3, n_layers=4, dim=16, n_attention_heads=2, head_order=order)
    with torch.no_grad():
        model.unembeddings[0].weight *= 0.2
    return model


def exact(model, sampling, count):
    """Probability of every continuation of PROMPT by `count` tokens, from plain forwards over whole texts."""
    chances = {(): 1.0}
    for _ in range(count):
        texts = torch.tensor([[*PROMPT, *text] for text in chances])
        with torch.no_grad():
            p = sampling.distribution(model(texts, n_future=1)[:, -1, 0])  # (N, V)
        chances = {
            (*text, token): chance * float(row[token])
            for (text, chance), row in zip(chances.items(), p, strict=True)
            for token in range(len(row))
        }
    assert abs(sum(chances.values()) - 1) < 1e-9
    return chances


def draws(model, rows, count, seed=0, **options):
    """How often each continuation came, in batches."""
    found = Counter()
    for start in range(0, rows, 4000):
        size = min(4000, rows - start)
        out = mtp.generate(model, [PROMPT] * size, count, seed=seed + start, **options)
        found.update(map(tuple, out.tokens))
    return found


def sigmas(found, chances):
    """Chi-square over all continuations, rare ones pooled, as deviations of a normal (Wilson and Hilferty 1931)."""
    total = sum(found.values())
    assert all(chances[text] > 0 for text in found), "a text that cannot be"
    cells = [(found[text], total * chance) for text, chance in chances.items() if chance > 0]
    rare = [cell for cell in cells if cell[1] < 5]
    cells = [cell for cell in cells if cell[1] >= 5] + ([tuple(map(sum, zip(*rare)))] if rare else [])
    free = len(cells) - 1
    square = sum((seen - expected) ** 2 / expected for seen, expected in cells if expected > 0)
    spread = 2 / (9 * free)
    return ((square / free) ** (1 / 3) - (1 - spread)) / spread**0.5


@pytest.mark.parametrize("order", ORDERS)
def test_the_distribution_is_that_of_plain_sampling(order):
    model, options = tiny(order), {"temperature": 1.0}
    chances = exact(model, Sampling(**options), 5)
    assert len(chances) == 243 and max(chances.values()) < 0.06
    # A total variation of 0.02 has a noncentrality of at least N (2 * 0.02)^2; with 242 degrees of freedom a power of
    # 0.99 at this level takes 205.
    rows = 132_000 if order == "parallel" else 30_000
    assert sigmas(draws(model, rows, 5, **options), chances) < SIGMAS


def test_temperature_top_p_and_top_k_are_part_of_it():
    model, options = tiny(), {"temperature": 0.7, "top_p": 0.9, "top_k": 2}
    chances = exact(model, Sampling(**options), 5)
    assert sum(chance == 0 for chance in chances.values()) > 20  # some texts cannot be
    found = draws(model, 15_000, 5, **options)
    assert sigmas(found, chances) < SIGMAS
    for other in ({"temperature": 0.9}, {"top_p": 1.0, "top_k": None}):
        wrong = exact(model, Sampling(**(options | other)), 5)
        possible = Counter({text: count for text, count in found.items() if wrong[text] > 0})
        assert sigmas(possible, wrong) > SIGMAS


# Classic mistakes ---------------------------------------------------------------------------------------------------


def q_is_not_what_was_sampled(monkeypatch):
    """Drafts are the heads' first choices, the rule is told that they were drawn from the whole distribution."""
    original = step.BlockDecoder._draft

    def faulty(self, latents, uniform):
        _, source = original(self, latents, uniform)
        return source.argmax(-1), source

    monkeypatch.setattr(step.BlockDecoder, "_draft", faulty)


def refused_drafts_are_redrawn_from_p(monkeypatch):
    def faulty(target, source, drafts, uniform):
        kept, _ = accept_lossless(target, source, drafts, uniform)
        return kept, draw(target[torch.arange(len(kept)), kept], uniform[:, -1])

    monkeypatch.setattr(step, "accept_lossless", faulty)


def accepted_with_chance_p(monkeypatch):
    def faulty(target, source, drafts, uniform):
        q = source.gather(-1, drafts[..., None])[..., 0]  # the rule compares uniform * q with p
        return accept_lossless(target, source, drafts, torch.cat([uniform[:, :-1] / q, uniform[:, -1:]], dim=1))

    monkeypatch.setattr(step, "accept_lossless", faulty)


def one_number_serves_twice(monkeypatch):
    """The number that accepted a draft also draws what follows it."""

    def faulty(target, source, drafts, uniform):
        return accept_lossless(target, source, drafts, torch.cat([uniform[:, :-1], uniform[:, :1]], dim=1))

    monkeypatch.setattr(step, "accept_lossless", faulty)


def the_bonus_token_comes_from_a_place_too_early(monkeypatch):
    def faulty(target, source, drafts, uniform):
        shifted = torch.cat([target[:, :-1], target[:, -2:-1]], dim=1)
        return accept_lossless(shifted, source, drafts, uniform)

    monkeypatch.setattr(step, "accept_lossless", faulty)


def the_source_is_one_step_old(monkeypatch):
    original, before = step.BlockDecoder.step, {}

    def faulty(self, block, start, source=None, uniform=None):
        old = before.get(id(self), source)
        before[id(self)] = source
        return original(self, block, start, old, uniform)

    monkeypatch.setattr(step.BlockDecoder, "step", faulty)


@pytest.mark.parametrize(
    "plant",
    [
        q_is_not_what_was_sampled,
        refused_drafts_are_redrawn_from_p,
        accepted_with_chance_p,
        one_number_serves_twice,
        the_bonus_token_comes_from_a_place_too_early,
        the_source_is_one_step_old,
    ],
    ids=lambda plant: plant.__name__,
)
def test_classic_mistakes_are_caught(plant, monkeypatch):
    model, options = tiny(), {"temperature": 1.0}
    chances = exact(model, Sampling(**options), 5)
    plant(monkeypatch)
    assert sigmas(draws(model, 20_000, 5, **options), chances) > SIGMAS


def test_typical_acceptance_keeps_more_and_shifts_the_distribution():
    model, options = tiny(), {"temperature": 1.0}
    chances = exact(model, Sampling(**options), 5)
    assert sigmas(draws(model, 20_000, 5, acceptance="typical", **options), chances) > SIGMAS
    trained, kept = trained_model(), {}
    for acceptance in ("lossless", "typical"):
        out = mtp.generate(trained, beginnings(40), 40, seed=0, acceptance=acceptance, temperature=0.6)
        kept[acceptance] = out.tokens_per_forward
    assert kept["typical"] > 1.02 * kept["lossless"]
    greedy = mtp.generate(trained, beginnings(4), 40)
    assert mtp.generate(trained, beginnings(4), 40, acceptance="typical").tokens == greedy.tokens


def test_typical_acceptance_follows_its_formula():
    p = torch.tensor([[[0.5, 0.3, 0.1, 0.1], [0.97, 0.01, 0.01, 0.01], [0.25, 0.25, 0.25, 0.25]]]).double()
    entropy = -(p * p.log()).sum(-1)
    assert 0.3 * float((-entropy[0, 0]).exp()) == pytest.approx(0.0932, abs=1e-3)  # above epsilon, so 0.09 counts
    one = torch.zeros(1, 3)
    assert accept_typical(p, torch.tensor([[2, 0]]), one)[0].tolist() == [2]  # 0.1 > 0.09
    assert accept_typical(p, torch.tensor([[2, 1]]), one)[0].tolist() == [1]  # 0.01 is not
    assert accept_typical(p, torch.tensor([[2, 0]]), one, epsilon=0.2, delta=0.5)[0].tolist() == [0]


def test_the_rule_keeps_all_of_equal_distributions_and_none_of_disjoint_ones():
    p = torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(100, 3, 4).double()
    q, uniform = p[:, :2], torch.rand(100, 3, dtype=torch.float64)
    drafts = draw(q, torch.rand(100, 2, dtype=torch.float64))
    kept, following = accept_lossless(p, q, drafts, uniform)
    assert kept.eq(2).all() and following.lt(2).all()
    kept, following = accept_lossless(p, q.flip(-1), drafts + 2, uniform)
    assert kept.eq(0).all() and following.lt(2).all()


def test_drawing_never_gives_what_cannot_be():
    p = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]])
    for uniform, token in ((0.0, 1), (0.2999, 1), (0.3001, 3), (1 - 1e-16, 3), (1.0, 3)):
        assert draw(p, torch.tensor([uniform], dtype=torch.float64)).tolist() == [token]


# Rows ---------------------------------------------------------------------------------------------------------------


def beginnings(count):
    return [riddle(1, 3 + 5 * i % 11, seed=i)[0].tolist() for i in range(count)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_row_is_the_same_alone_and_in_any_batch(order, temperature):
    model, prompts, ended = trained_model(order), beginnings(7), Counter()
    for k in (1, 2, 4):
        options = {"n_future": k, "temperature": temperature, "stop_ids": (3,)}
        batch = mtp.generate(model, prompts, 40, seed=10, **options)
        for row, prompt in enumerate(prompts):
            alone = mtp.generate(model, prompt, 40, seed=10 + row, **options)
            assert batch.tokens[row] == alone.tokens and batch.stopped[row] == alone.stopped
            own = [step for step in batch.steps if step.row == row]
            assert [step.tokens for step in own] == [step.tokens for step in alone.steps]
            assert [step.drafts for step in own] == [step.drafts for step in alone.steps]
            ended[len(own)] += 1
            if k == 4 and temperature == 0:
                plain = mtp.generate(model, prompt, 40, method="autoregressive", stop_ids=(3,))
                assert batch.tokens[row] == plain.tokens
        few = mtp.generate(model, prompts[2:5], 40, seed=[12, 13, 14], **options)
        assert few.tokens == batch.tokens[2:5]
        assert batch.forwards == max(step.forward for step in batch.steps) + 1
    assert len(ended) > 5  # rows did end at different times


def test_a_seed_reproduces_and_another_differs():
    model, prompt = trained_model(), beginnings(1)[0]
    one, again, other = (mtp.generate(model, prompt, 60, temperature=1.0, seed=s).tokens for s in (5, 5, 6))
    assert one == again != other
    unseeded = [mtp.generate(model, prompt, 60, temperature=1.0).tokens for _ in range(2)]
    assert unseeded[0] != unseeded[1]


def test_what_is_counted_over_rows():
    model = trained_model()
    out = mtp.generate(model, beginnings(3), 30)
    assert [len(row) for row in out.tokens] == [30, 30, 30] and out.stopped == [False] * 3
    assert out.tokens_per_forward == pytest.approx(3 * 29 / len(out.steps))
    assert out.forwards < 29 and "3 rows" in repr(out)
    assert out.seconds == pytest.approx(sum({s.forward: s.seconds for s in out.steps}.values()))
    plain = mtp.generate(model, beginnings(3), 30, method="autoregressive")
    assert plain.tokens_per_forward == 1 and plain.forwards == 29

"""Sampled speculation has the distribution of plain sampling, in chains and in trees, whatever the batch; and these
tests can fail.

All continuations of n + 2 tokens are enumerated in float64 from the model's plain forward and compared with what
generate draws, by a chi-square test at level 1e-6 (mtp_edu/continuations.py), with enough draws to see a total
variation of 0.02 with power 0.99. Each classic mistake is planted at each depth alone, and caught.
"""

import copy
import gc
import sys
from collections import Counter

import pytest
import torch
from core.small_models import loud_model, riddle, trained_model

import mtp_edu as mtp
from mtp_edu import continuations
from mtp_edu.decode import BlockDecoder, DraftTree, Sampling, TreeDecoder, accept_lossless, accept_typical, draw
from mtp_edu.decode.sampling import exact_dtype

ORDERS = ["parallel", "causal", "anticausal"]
CPU = torch.device("cpu")
PROMPT = [0, 2, 1, 1]
COUNT = 5  # n + 2 tokens: the first, a full block, and what follows it
TREE = {"method": "tree", "tree": DraftTree([(0,), (1,), (0, 0), (0, 1)])}  # leaves at both depths; a draft left out
WAYS = {"chain": {}, "tree": TREE}


@pytest.fixture(autouse=True)
def no_search_for_cycles():
    """Thousands of rows are thousands of small objects; looking for cycles among them takes a third of the time."""
    gc.disable()
    yield
    gc.enable()


def tiny(order="parallel"):
    """Three tokens, three heads that differ: what comes next depends much on what was drawn, and nothing is certain.

    It draws in float32, which is faster; its probabilities are enumerated in float64.
    """
    shape = {"vocab_size": 3, "n_future": 3, "n_layers": 4, "dim": 8, "n_attention_heads": 1, "n_kv_heads": 1}
    model = loud_model(seed=1, **shape, head_order=order)
    with torch.no_grad():
        model.unembeddings[0].weight *= 0.2
        for parameter in model.heads.parameters():
            if parameter.dim() == 2:
                parameter *= 3
    return model.float()


def drawn(model, draws, **options):
    return continuations.drawn(model, PROMPT, COUNT, draws, **options)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("way", WAYS)
def test_the_distribution_is_that_of_plain_sampling(way, order):
    model, chances = tiny(order), continuations.exact(tiny(order), PROMPT, COUNT)
    assert len(chances) == 243 and max(chances.values()) < 0.1
    draws, seen = (132_000, 0.02) if order == "parallel" else (20_000, 0.05)
    assert continuations.power(draws, 243, seen) > 0.99
    found = continuations.compare(drawn(model, draws, **WAYS[way]), chances)
    assert not found.differs, found
    accepted = Counter(step.accepted for step in mtp.generate(model, [PROMPT] * 500, 5, temperature=1.0, seed=0).steps)
    assert min(accepted[kept] for kept in range(3)) > 50, accepted


@pytest.mark.parametrize("way", WAYS)
def test_temperature_top_p_and_top_k_are_part_of_it(way):
    model, options = tiny(), {"temperature": 0.7, "top_p": 0.9, "top_k": 2}
    chances = continuations.exact(model, PROMPT, COUNT, **options)
    assert sum(chance == 0 for chance in chances.values()) > 20  # some texts cannot be
    found = drawn(model, 10_000, **options, **WAYS[way])
    right = continuations.compare(found, chances)
    assert not right.differs, right
    for other in ({"temperature": 0.9}, {"top_p": 1.0}, {"top_k": None, "top_p": 1.0}):
        wrong = continuations.exact(model, PROMPT, COUNT, **(options | other))
        assert continuations.compare(found, wrong).differs
        assert continuations.compare(drawn(model, 2000, **(options | other), **WAYS[way]), chances).differs


def test_a_rule_of_ones_own_takes_the_place_of_the_lossless_one():
    assert drawn(tiny(), 500, acceptance=accept_lossless) == drawn(tiny(), 500)


# Classic mistakes, at draft (chain) or depth (tree) d alone -----------------------------------------------------------


def drafts_are_first_choices_but_q_says_drawn(monkeypatch, d):
    original = BlockDecoder._draft

    def faulty(self, latents, uniform):
        drafts, source = original(self, latents, uniform)
        drafts[:, d - 1] = source[:, d - 1].argmax(-1)
        return drafts, source

    monkeypatch.setattr(BlockDecoder, "_draft", faulty)
    return {}


def the_source_is_one_step_old(monkeypatch, d):
    original, before = BlockDecoder.step, {}

    def faulty(self, block, start, source=None, uniform=None):
        mixed = source.clone()
        mixed[:, d - 1] = before.pop(self, source)[:, d - 1]
        before[self] = source
        return original(self, block, start, mixed, uniform)

    monkeypatch.setattr(BlockDecoder, "step", faulty)
    return {}


def a_refused_draft_is_redrawn_from_p(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        kept, following = accept_lossless(target, source, drafts, uniform)
        return kept, torch.where(kept == d - 1, draw(target[:, d - 1], uniform[:, -1]), following)

    return {"acceptance": rule}


def the_residual_is_not_made_to_sum_to_1(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        kept, following = accept_lossless(target, source, drafts, uniform)
        below = (target[:, d - 1] - source[:, d - 1]).clamp(min=0).cumsum(-1)
        token = (below <= uniform[:, -1:]).sum(-1).clamp(max=2)  # what is missing falls to the last token
        return kept, torch.where(kept == d - 1, token, following)

    return {"acceptance": rule}


def accepted_with_chance_p(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        q = source[:, d - 1].gather(1, drafts[:, d - 1, None])[:, 0]
        uniform[:, d - 1] /= q  # the rule compares uniform * q with p
        return accept_lossless(target, source, drafts, uniform)

    return {"acceptance": rule}


def the_number_that_judged_also_draws_what_follows(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        uniform[:, -1] = uniform[:, d - 1]
        return accept_lossless(target, source, drafts, uniform)

    return {"acceptance": rule}


def one_number_judges_two_drafts(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        uniform[:, d - 1] = uniform[:, d - 2]
        return accept_lossless(target, source, drafts, uniform)

    return {"acceptance": rule}


def what_follows_d_drafts_comes_from_a_place_too_early(monkeypatch, d):
    def rule(target, source, drafts, uniform):
        kept, _ = accept_lossless(target, source, drafts, uniform)
        early = target.clone()
        early[:, d] = target[:, d - 1]
        return kept, torch.where(kept == d, follow(early, source, kept, uniform), follow(target, source, kept, uniform))

    return {"acceptance": rule}


def follow(target, source, kept, uniform):
    """What follows the kept drafts, as the lossless rule draws it."""
    padded = torch.cat([source, torch.zeros_like(source[:, :1])], dim=1)  # (B, k, V): behind the last draft all of p
    rows = torch.arange(len(kept))
    return draw((target[rows, kept] - padded[rows, kept]).clamp(min=0), uniform[:, -1])


def judge(monkeypatch, change):
    """Plant in the tree's verdicts: change(decoder, logits, block, uniform, original)."""
    original = TreeDecoder._judge
    monkeypatch.setattr(TreeDecoder, "_judge", lambda self, *given: change(self, *given, original.__get__(self)))
    return TREE


def descends_although_the_child_carries_another_token(monkeypatch, d):
    def change(decoder, logits, block, uniform, original):
        chosen, kept, even = original(logits, block, uniform)
        first = torch.tensor([node == (0,) * d for node in [(), *decoder.tree.nodes]])
        return chosen, kept | first, even

    return judge(monkeypatch, change)


def the_choice_is_drawn_from_the_parents_distribution(monkeypatch, d):
    def change(decoder, logits, block, uniform, original):
        there = decoder.depths == d
        logits[:, there] = logits[:, decoder.parents[there]]
        return original(logits, block, uniform)

    return judge(monkeypatch, change)


def one_number_serves_two_depths(monkeypatch, d):
    def change(decoder, logits, block, uniform, original):
        uniform[:, d] = uniform[:, d - 1]
        return original(logits, block, uniform)

    return judge(monkeypatch, change)


def candidates_are_preferred(monkeypatch, d):
    """Where a node at depth d - 1 has children, one of them is taken."""

    def change(decoder, logits, block, uniform, original):
        parents = decoder.parents[1:]
        carried = torch.zeros_like(logits, dtype=torch.bool)
        rows = torch.arange(len(block))[:, None]
        carried[rows, parents, block[:, 1:]] = True
        asked = carried.any(-1) & (decoder.depths == d - 1)
        return original(logits.masked_fill(asked[..., None] & ~carried, -torch.inf), block, uniform)

    return judge(monkeypatch, change)


def what_follows_is_drawn_from_the_draft_head(monkeypatch, d):
    latents, last = TreeDecoder.latents, {}

    def noted(self, *given):
        last["latents"] = latents(self, *given)
        return last["latents"]

    def change(decoder, logits, block, uniform, original):
        other = decoder.model.unembed(last["latents"][1], 1)  # head 2's logits (B, N, V)
        return original(torch.where((decoder.depths == d)[:, None], other, logits), block, uniform)

    monkeypatch.setattr(TreeDecoder, "latents", noted)
    return judge(monkeypatch, change)


MISTAKES = {
    drafts_are_first_choices_but_q_says_drawn: (1, 2),
    the_source_is_one_step_old: (1, 2),
    a_refused_draft_is_redrawn_from_p: (1, 2),
    the_residual_is_not_made_to_sum_to_1: (1, 2),
    accepted_with_chance_p: (1, 2),
    the_number_that_judged_also_draws_what_follows: (1, 2),
    one_number_judges_two_drafts: (2,),
    what_follows_d_drafts_comes_from_a_place_too_early: (1, 2),
    descends_although_the_child_carries_another_token: (1, 2),
    the_choice_is_drawn_from_the_parents_distribution: (1, 2),
    one_number_serves_two_depths: (1, 2),
    candidates_are_preferred: (1, 2),
    what_follows_is_drawn_from_the_draft_head: (0, 1, 2),
}


@pytest.mark.parametrize(
    ("plant", "d"),
    [(plant, d) for plant, depths in MISTAKES.items() for d in depths],
    ids=lambda value: value if isinstance(value, int) else value.__name__,
)
def test_a_classic_mistake_at_one_depth_is_caught(plant, d, monkeypatch):
    model, found = tiny(), Counter()
    chances = continuations.exact(model, PROMPT, COUNT)
    options = plant(monkeypatch, d)
    for seed in range(0, 20_000, 2000):  # most show at once
        found += drawn(model, 2000, seed=seed, **options)
        result = continuations.compare(found, chances)
        if result.differs:
            return
    pytest.fail(f"not seen: {result}")


# Typical acceptance ---------------------------------------------------------------------------------------------------


def test_typical_acceptance_keeps_more_and_shifts_the_distribution():
    chances = continuations.exact(tiny(), PROMPT, COUNT)
    assert continuations.compare(drawn(tiny(), 4000, acceptance="typical"), chances).differs
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
    assert accept_typical(p, None, torch.tensor([[2, 0]]), one)[0].tolist() == [2]  # 0.1 > 0.09
    assert accept_typical(p, None, torch.tensor([[2, 1]]), one)[0].tolist() == [1]  # 0.01 is not
    assert accept_typical(p, None, torch.tensor([[2, 0]]), one, epsilon=0.2, delta=0.5)[0].tolist() == [0]


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
@pytest.mark.parametrize("way", ["self-speculative", "tree"])
def test_a_row_is_the_same_alone_and_in_any_batch(way, order, temperature):
    model, prompts, ended = trained_model(order), beginnings(7), Counter()
    for k in (1, 2, 4) if way == "self-speculative" else (2, 4):
        options = {"method": way, "n_future": k, "temperature": temperature, "stop_ids": (3,)}
        batch = mtp.generate(model, prompts, 40, seed=10, **options)
        for row, prompt in enumerate(prompts):
            alone = mtp.generate(model, prompt, 40, seed=10 + row, **options)
            assert batch.tokens[row] == alone.tokens and batch.stopped[row] == alone.stopped
            own = [step for step in batch.steps if step.row == row]
            assert [step.tokens for step in own] == [step.tokens for step in alone.steps]
            assert [step.drafts for step in own] == [step.drafts for step in alone.steps]
            assert [step.path for step in own] == [step.path for step in alone.steps]
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


def test_a_tiny_temperature_is_greedy_and_equal_distributions_leave_no_residual():
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    for least in ({"temperature": 1e-40}, {"temperature": 1e-300}, {"top_p": 1e-300}):
        assert Sampling(**least).on(CPU)(logits).tolist() == [[0.0, 1.0, 0.0]]
    certain = torch.tensor([[[0.0, 1.0, 0.0]] * 2])  # p = q, and a number so near 1 that rounding refuses the draft
    uniform = torch.tensor([[1.0, 0.5]])
    kept, following = accept_lossless(certain, certain[:, :1], torch.tensor([[1]]), uniform)
    assert kept.tolist() == [0] and following.tolist() == [1]


# Numbers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_numbers_of_sampling_are_tensors_that_compute_as_numbers_do(dtype):
    logits = 3 * torch.randn(4, 7, 100, dtype=dtype, generator=torch.Generator().manual_seed(0))
    for temperature in (0.3, 1.0, 1.7):
        scaled = (logits - logits.amax(-1, keepdim=True)) / temperature
        assert torch.equal(Sampling(temperature).on(CPU)(logits), scaled.softmax(-1))
        for top_k in (1, 3, 64, 65, 100, 999):
            least = scaled.topk(min(top_k, 100)).values[..., -1:]
            p = scaled.masked_fill(scaled < least, float("-inf")).softmax(-1)
            assert torch.equal(Sampling(temperature, top_k=top_k).on(CPU)(logits), p)
            ordered, order = p.sort(descending=True)
            kept = torch.zeros_like(p, dtype=torch.bool).scatter(-1, order, ordered.cumsum(-1) - ordered < 0.6)
            p = p.where(kept, 0)
            assert torch.equal(Sampling(temperature, 0.6, top_k).on(CPU)(logits), p / p.sum(-1, keepdim=True))


def test_tokens_that_tie_with_the_last_of_top_k_are_all_kept():
    p = Sampling(top_k=2).on(CPU)(torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0]))
    assert (p > 0).tolist() == [True, False, True, True, True] and p[0] == p[3] == p[4]


def test_where_float64_is_missing_a_float32_model_writes_the_same(monkeypatch):
    """As on MPS; the uniform numbers and those of sampling are then float32 as soon as they are tensors."""
    assert [exact_dtype(torch.device(name)) for name in ("cpu", "cuda", "mps")] == [*[torch.float64] * 2, torch.float32]
    model, step, seen = copy.deepcopy(trained_model()).float(), BlockDecoder.step, set()

    def watched(self, block, start, source, uniform):
        seen.update({uniform.dtype, *(number.dtype for number in self.distribution.args[:3])})
        return step(self, block, start, source, uniform)

    monkeypatch.setattr(BlockDecoder, "step", watched)
    options = {"temperature": 0.9, "top_p": 0.93, "top_k": 7, "seed": 3}
    right = mtp.generate(model, beginnings(5), 40, **options)
    assert seen == {torch.float64}
    seen.clear()
    for module in ("generate", "sampling"):
        monkeypatch.setattr(sys.modules[f"mtp_edu.decode.{module}"], "exact_dtype", lambda device: torch.float32)
    assert mtp.generate(model, beginnings(5), 40, **options).tokens == right.tokens
    assert seen == {torch.float32}

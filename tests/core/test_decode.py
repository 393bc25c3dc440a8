"""Self-speculative decoding gives the text of plain greedy decoding, in fewer forwards; and this test can fail.

The reference is the slowest decoder there is: the whole text through the model again for every token, no cache.
Planted faults show that a wrong cache is noticed; the counts show that what must be covered was covered.
"""

import copy
from collections import Counter

import pytest
import torch
from core.small_models import loud_model, riddle, trained_model

import mtp_edu as mtp
from mtp_edu import probe
from mtp_edu.decode import BlockDecoder, accept_greedy
from mtp_edu.trunk import KVCache

ORDERS = ["parallel", "causal", "anticausal"]
PROMPTS = [riddle(1, 3 + i % 7, seed=1000 + i)[0].tolist() for i in range(16)]
LIMIT = 60


def slow_greedy(model, prompt, count):
    """Every token from a forward over the whole text: (tokens, all heads' choices after each prefix)."""
    text, choices = list(prompt), []
    with torch.no_grad():
        for _ in range(count):
            choices.append(model(torch.tensor([text]))[0, -1].argmax(-1).tolist())  # (n,)
            text.append(choices[-1][0])
    return text[len(prompt) :], choices


@pytest.mark.parametrize("head_order", ORDERS)
@pytest.mark.parametrize("kind", ["trained", "loud"])
def test_speculative_equals_plain_greedy(kind, head_order):
    model = trained_model(head_order) if kind == "trained" else loud_model(n_future=4, head_order=head_order)
    accepted = Counter()
    for prompt in PROMPTS[:12] if kind == "trained" else [[t % 11 for t in p] for p in PROMPTS[:4]]:
        expected, choices = slow_greedy(model, prompt, LIMIT)
        plain = mtp.generate(model, prompt, LIMIT, method="autoregressive")
        assert plain.tokens == expected
        assert plain.tokens_per_forward == 1.0
        for k in range(1, 5):
            out = mtp.generate(model, prompt, LIMIT, n_future=k)
            assert out.tokens == expected, f"n_future={k}"
            assert out.tokens == [out.steps[0].block[0]] + [t for step in out.steps for t in step.tokens]
            assert out.forwards <= plain.forwards
            for step in out.steps:
                # What a wrong draft cache would change is the drafts alone, never the text: so they are compared too.
                place = step.position - len(prompt) + 1 + step.accepted
                if place < LIMIT:
                    assert list(step.drafts) == choices[place][1:k]
                if k == 4:
                    accepted[step.accepted] += 1
    if kind == "trained":
        assert min(accepted[length] for length in range(4)) >= 3, accepted
        assert accepted.total() < 0.7 * (LIMIT - 1) * len(PROMPTS)


def test_linear_heads_decode_too():
    model = trained_model("parallel", "linear")
    for prompt in PROMPTS[:4]:
        expected, _ = slow_greedy(model, prompt, LIMIT)
        out = mtp.generate(model, prompt, LIMIT)
        assert out.tokens == expected and out.tokens_per_forward > 1.05


def test_stop_ids_inside_an_accepted_run():
    model, inside = trained_model(), 0
    for prompt in PROMPTS:
        full = mtp.generate(model, prompt, LIMIT).tokens
        for stop in range(12):
            if stop not in full:
                continue
            out = mtp.generate(model, prompt, LIMIT, stop_ids=[stop])
            assert out.tokens == full[: full.index(stop) + 1] and out.stopped
            plain = mtp.generate(model, prompt, LIMIT, method="autoregressive", stop_ids=[stop])
            assert plain.tokens == out.tokens
            if out.steps:
                inside += len(out.steps[-1].tokens) < out.steps[-1].accepted + 1
    assert inside >= 5
    assert not mtp.generate(model, PROMPTS[0], LIMIT).stopped


def test_length_limits_and_the_end_of_the_cache():
    model, cut = trained_model(), 0
    prompt = PROMPTS[0]
    room = model.cfg.max_seq_len - len(prompt)
    full = mtp.generate(model, prompt, room).tokens
    assert len(full) == room
    assert full == slow_greedy(model, prompt, room)[0]
    for limit in range(1, 25):
        out = mtp.generate(model, prompt, limit)
        assert out.tokens == full[:limit]
        cut += bool(out.steps) and len(out.steps[-1].tokens) < out.steps[-1].accepted + 1
    assert cut >= 3
    assert mtp.generate(model, prompt, 1).steps == []


def test_streaming_yields_the_steps_of_generate():
    model = trained_model()
    steps = list(mtp.stream(model, PROMPTS[1], LIMIT))
    out = mtp.generate(model, PROMPTS[1], LIMIT)
    assert [s.tokens for s in steps] == [s.tokens for s in out.steps]
    assert [s.block for s in steps] == [s.block for s in out.steps]


@pytest.mark.parametrize(
    ("drafts", "verdicts", "expected"),
    [([5, 6, 7], [5, 6, 7, 8], 3), ([5, 6, 7], [5, 0, 7, 8], 1), ([5, 6, 7], [0, 6, 7, 8], 0), ([], [4], 0)],
)
def test_only_the_leading_right_drafts_are_accepted(drafts, verdicts, expected):
    drafts = torch.tensor([drafts], dtype=torch.long)
    assert accept_greedy(drafts, torch.tensor([verdicts])).tolist() == [expected]


# Planted faults -----------------------------------------------------------------------------------------------------


def first_place_alone(monkeypatch):
    """The keys and values of drafts are not written."""
    write = KVCache.write

    def faulty(self, positions, keys, values):
        if positions.shape[1] == 4:
            write(self, positions[:, :1], keys[:, :, :1], values[:, :, :1])
            return self.keys, self.values
        return write(self, positions, keys, values)

    monkeypatch.setattr(KVCache, "write", faulty)


def position_off_by_one(monkeypatch):
    step = BlockDecoder.step
    monkeypatch.setattr(BlockDecoder, "step", lambda self, block, start, *more: step(self, block, start + 1, *more))


def stale_row(monkeypatch):
    """A row keeps what an earlier text has left in the cache: nothing is written over it."""
    write = KVCache.write

    def faulty(self, positions, keys, values):
        index = positions[:, None, :, None].expand_as(keys)
        old_keys, old_values = self.keys.gather(2, index), self.values.gather(2, index)
        taken = old_keys != 0
        return write(self, positions, keys.where(~taken, old_keys), values.where(~taken, old_values))

    monkeypatch.setattr(KVCache, "write", faulty)


def head_cache_skipped(monkeypatch):
    """Head 1 sees the block alone, nothing of what it cached before."""
    latents = BlockDecoder.latents

    def faulty(self, tokens, positions):
        for cache in self.head_caches[0]:
            cache.keys.zero_()
            cache.values.zero_()
        return latents(self, tokens, positions)

    monkeypatch.setattr(BlockDecoder, "latents", faulty)


def one_draft_too_many(monkeypatch):
    monkeypatch.setattr(
        "mtp_edu.decode.step.accept_greedy", lambda drafts, v: (accept_greedy(drafts, v) + 1).clamp(max=drafts.shape[1])
    )


@pytest.mark.parametrize(
    "fault", [first_place_alone, position_off_by_one, stale_row, head_cache_skipped, one_draft_too_many]
)
def test_planted_faults_are_caught(monkeypatch, fault):
    model = trained_model()
    expected = [mtp.generate(model, prompt, LIMIT).tokens for prompt in PROMPTS]
    fault(monkeypatch)
    assert [mtp.generate(model, prompt, LIMIT).tokens for prompt in PROMPTS] != expected


def test_a_fault_in_a_drafting_heads_cache_is_caught_by_its_drafts(monkeypatch):
    model = trained_model()
    clean = [mtp.generate(model, prompt, LIMIT) for prompt in PROMPTS]
    latents = BlockDecoder.latents

    def faulty(self, tokens, positions):
        for cache in self.head_caches[1]:
            cache.keys.zero_()
        return latents(self, tokens, positions)

    monkeypatch.setattr(BlockDecoder, "latents", faulty)
    broken = [mtp.generate(model, prompt, LIMIT) for prompt in PROMPTS]
    assert [b.tokens for b in broken] == [c.tokens for c in clean]  # the text cannot show it
    assert [[s.drafts for s in b.steps] for b in broken] != [[s.drafts for s in c.steps] for c in clean]


# Lower precision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_lower_precision_only_near_ties_may_differ(dtype):
    model = copy.deepcopy(trained_model()).to(dtype)
    for prompt in PROMPTS:
        found = probe.exactness(model, prompt, mtp.generate(model, prompt, LIMIT))
        assert found.tokens == LIMIT
        assert found.largest_gap <= min(2 * found.spread, 64)  # 0 where both shapes round alike, as some processors do


def test_the_report_of_ulps_notices_a_wrong_text_and_a_wrong_block(monkeypatch):
    model = trained_model()
    right = mtp.generate(model, PROMPTS[0], LIMIT)
    assert probe.exactness(model, PROMPTS[0], right).not_the_largest == 0
    wrong = mtp.Generation(
        [*right.tokens[:-1], (right.tokens[-1] + 5) % 12], right.steps, 0.0, False, right.method, right.n_future
    )
    found = probe.exactness(model, PROMPTS[0], wrong)
    assert found.not_the_largest == 1 and found.largest_gap > 1e6
    position_off_by_one_latents = BlockDecoder.latents
    monkeypatch.setattr(
        BlockDecoder, "latents", lambda self, tokens, places: position_off_by_one_latents(self, tokens, places + 1)
    )
    assert probe.exactness(model, PROMPTS[0], right).spread > 1e6


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "options", "named"),
    [
        ([], {}, "prompt is empty"),
        ([1, 12], {}, "token id 12"),
        ([1] * 96, {"max_new_tokens": 1}, "96 tokens.*at most 0"),
        ([1] * 90, {"max_new_tokens": 10}, "at most 6"),
        ([1], {"max_new_tokens": 0}, "max_new_tokens=0"),
        ([1], {"n_future": 5}, "n_future=5"),
        ([1], {"method": "magic"}, "'magic'"),
        ([[1], 2], {}, "mixes ids and lists"),
        ([[1], []], {}, "prompt 1 of the batch is empty"),
        ([[1], [99]], {}, "99"),
        (["a text"], {}, "the prompt is text"),
        ([1], {"acceptance": "hopeful"}, "acceptance='hopeful'"),
        ([1], {"temperature": -0.1}, "temperature=-0.1"),
        ([1], {"temperature": 1.0, "top_p": 0.0}, "top_p=0.0"),
        ([1], {"temperature": 1.0, "top_p": 1.5}, "top_p=1.5"),
        ([1], {"temperature": 1.0, "top_k": 0}, "top_k=0"),
        ([[1], [2]], {"temperature": 1.0, "seed": [1, 2, 3]}, "3 seeds for 2 prompts"),
    ],
)
def test_bad_input_is_named(prompt, options, named):
    with pytest.raises(ValueError, match=named):
        mtp.generate(trained_model(), prompt, **({"max_new_tokens": 4} | options))

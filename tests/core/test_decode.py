"""Self-speculative decoding gives the text of plain greedy decoding, in fewer forwards; and this test can fail.

The reference is the slowest decoder there is: the whole text through the model again for every token, no cache. Every
step's accepted drafts and next drafts are compared too, since a wrong draft cache changes no text.
Planted faults show that a wrong cache is noticed; the counts show that what must be covered was covered.
"""

import copy
import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from core import slow_decoding
from core.small_models import riddle, trained_model

import mtp_edu as mtp
from mtp_edu import probe
from mtp_edu.decode import BlockDecoder, accept_greedy
from mtp_edu.decode.generate import _Run
from mtp_edu.trunk import KVCache

PROMPTS = [riddle(1, 3 + i % 7, seed=1000 + i)[0].tolist() for i in range(16)]
LIMIT = 60


# A thousand random cases --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_random_cases_give_the_plain_greedy_text_and_the_steps_that_follow_from_it():
    """Chains and trees, every kind, order and unembedding of the heads, one row and several, stop ids, all limits."""
    events = Counter()
    for case in slow_decoding.random_cases(1000):
        assert not slow_decoding.differences(case, events), case
    for method in ("chain", "tree"):
        for event in (
            *(f"{accepted} accepted" for accepted in range(4)),
            "a stop id inside an accepted run",
            "the limit inside an accepted run",
            "a row finishes before another",
            "the text fills max_seq_len",
        ):
            assert events[f"{method}: {event}"] >= 50, events


@pytest.mark.parametrize("name", slow_decoding.RANDOM_MODELS)
def test_the_random_models_attend_to_their_whole_context(name):
    """A token changed anywhere before the last one changes what a head says, in a tenth of the cases at least."""
    model, _ = slow_decoding.subject(name)
    contexts = torch.randint(0, 5, (400, 24))
    changed, rows = contexts.clone(), torch.arange(400)
    changed[rows, torch.randint(0, 23, (400,))] += torch.randint(1, 5, (400,))
    with torch.no_grad():
        before, after = (model(tokens)[:, -1].argmax(-1) for tokens in (contexts, changed % 5))  # (400, n)
    assert (before != after).double().mean(0).min() > 0.1


def test_the_reference_written_in_a_batch_is_that_of_each_prompt_alone():
    for name in (slow_decoding.TRAINED_MODEL, "anticausal linear tied"):
        model, pool = slow_decoding.subject(name)
        for written in pool[::3]:
            text = list(written.prompt)
            while len(text) < model.cfg.max_seq_len:
                with torch.no_grad():
                    logits = model(torch.tensor([text]))[0, -1]  # (n, V)
                assert logits.argsort(-1, descending=True).tolist() == written.candidates[len(text) - 1]
                text.append(int(logits[0].argmax()))
            assert text == written.text[: len(text)]


def test_fewer_forwards_than_plain_decoding():
    model, prompt = trained_model(), PROMPTS[0]
    plain = mtp.generate(model, prompt, LIMIT, method="autoregressive")
    assert plain.tokens_per_forward == 1.0 and plain.forwards == LIMIT - 1
    for k in range(1, 5):
        out = mtp.generate(model, prompt, LIMIT, n_future=k)
        assert out.tokens == plain.tokens
        assert out.tokens_per_forward == (LIMIT - 1) / out.forwards
        assert (out.tokens_per_forward > 1.2) == (k > 1)
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


def drafts_not_written(monkeypatch):
    """Of a block only the first token's keys and values are written."""
    slow_decoding.write_in_steps(
        monkeypatch,
        BlockDecoder,
        lambda write, cache, slots, k, v: write(cache, slots[:, :1], k[:, :, :1], v[:, :, :1]),
    )


def one_place_too_far(monkeypatch):
    step = BlockDecoder.step
    monkeypatch.setattr(BlockDecoder, "step", lambda self, block, start, *more: step(self, block, start + 1, *more))


def stale_row(monkeypatch):
    """A row keeps what an earlier text has left in the cache: nothing is written over it."""
    write = KVCache.write

    def faulty(self, slots, keys, values):
        index = slots[:, None, :, None].expand_as(keys)
        old_keys, old_values = self.keys.gather(2, index), self.values.gather(2, index)
        taken = old_keys != 0
        return write(self, slots, keys.where(~taken, old_keys), values.where(~taken, old_values))

    monkeypatch.setattr(KVCache, "write", faulty)


def head_1_forgets(monkeypatch):
    """Head 1 sees the block alone, nothing of what it cached before."""
    slow_decoding.forgetful_head(monkeypatch, 0)


def later_drafts_are_seen(monkeypatch):
    """Every token of a block sees the whole block."""
    latents = BlockDecoder.latents

    def faulty(self, tokens, positions, slots=None, mask=None):
        every = torch.arange(self.trunk_caches[0].keys.shape[2])
        mask = (every <= positions.amax(1)[:, None, None]).expand(-1, positions.shape[1], -1).unsqueeze(1)
        return latents(self, tokens, positions, slots, mask)

    step = BlockDecoder.step

    def step_with_it(self, *block):
        with monkeypatch.context() as inside:
            inside.setattr(BlockDecoder, "latents", faulty)
            return step(self, *block)

    monkeypatch.setattr(BlockDecoder, "step", step_with_it)


def one_draft_too_many(monkeypatch):
    monkeypatch.setattr(
        "mtp_edu.decode.step.accept_greedy", lambda drafts, v: (accept_greedy(drafts, v) + 1).clamp(max=drafts.shape[1])
    )


def right_drafts_behind_a_wrong_one(monkeypatch):
    """All drafts that agree are counted, not the leading ones."""
    monkeypatch.setattr(
        "mtp_edu.decode.step.accept_greedy", lambda drafts, verdicts: (drafts == verdicts[:, :-1]).sum(1)
    )


def another_rows_start(monkeypatch):
    starts = _Run.starts
    monkeypatch.setattr(_Run, "starts", lambda self: starts(self).roll(1))


def start_not_advanced(monkeypatch):
    """A row's start goes on by one, however many drafts were accepted."""
    starts = _Run.starts

    def faulty(self):
        self.before = starts(self).clamp(max=getattr(self, "before", starts(self)) + 1)
        return self.before

    monkeypatch.setattr(_Run, "starts", faulty)


def padding_is_read(monkeypatch):
    """A short prompt of a batch is continued behind its padding."""
    prefill = BlockDecoder.prefill
    monkeypatch.setattr(
        BlockDecoder, "prefill", lambda self, prompt, lengths, uniform: prefill(self, prompt, None, uniform)
    )


def stop_id_inside_a_run_ignored(monkeypatch):
    """Only the last token of a run is looked at."""

    def faulty(self, row, tokens):
        kept = tokens[: self.limit - len(self.tokens[row])]
        self.stopped[row] = kept[-1] in self.stop_ids
        self.tokens[row] += kept
        return kept

    monkeypatch.setattr(_Run, "commit", faulty)


def limit_inside_a_run_ignored(monkeypatch):
    commit = _Run.commit

    def faulty(self, row, tokens):
        limit, self.limit = self.limit, self.limit + 9
        kept = commit(self, row, tokens)
        self.limit = limit
        return kept

    monkeypatch.setattr(_Run, "commit", faulty)


@pytest.mark.parametrize(
    "fault",
    [
        drafts_not_written, one_place_too_far, stale_row, head_1_forgets, later_drafts_are_seen, one_draft_too_many,
        right_drafts_behind_a_wrong_one, another_rows_start, start_not_advanced, padding_is_read,
        stop_id_inside_a_run_ignored, limit_inside_a_run_ignored,
    ],
)  # fmt: skip
def test_planted_faults_change_the_text(monkeypatch, fault):
    cases = list(slow_decoding.random_cases(100, seed=1, methods=("chain",)))
    fault(monkeypatch)
    assert any("text" in slow_decoding.differences(case) for case in cases)


def a_drafting_head_forgets(monkeypatch):
    slow_decoding.forgetful_head(monkeypatch, 1)


def a_drafting_head_does_not_see_the_drafts(monkeypatch):
    """Head 2 writes the first place of a block alone."""

    def faulty(write, cache, slots, keys, values):
        if any(cache is own for own in faulty.decoder.head_caches[1]):
            slots, keys, values = slots[:, :1], keys[:, :, :1], values[:, :, :1]
        write(cache, slots, keys, values)

    slow_decoding.write_in_steps(monkeypatch, BlockDecoder, faulty)


def drafts_from_a_place_too_early(monkeypatch):
    """The next drafts are made where the first draft was judged, not where the last one was accepted."""
    latents = BlockDecoder.latents

    def faulty(self, tokens, *more):
        first, *others = latents(self, tokens, *more)
        return [first, *(latent[:, :1].expand_as(latent) for latent in others)]

    monkeypatch.setattr(BlockDecoder, "latents", faulty)


@pytest.mark.parametrize(
    "fault", [a_drafting_head_forgets, a_drafting_head_does_not_see_the_drafts, drafts_from_a_place_too_early]
)
def test_planted_faults_of_the_drafts_change_the_steps_alone(monkeypatch, fault):
    slow_decoding.check_that_drafts_alone_differ(monkeypatch, fault, "chain")


# Lower precision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_lower_precision_only_near_ties_may_differ(dtype):
    model = copy.deepcopy(trained_model()).to(dtype)
    for prompt in PROMPTS:
        found = probe.exactness(model, prompt, mtp.generate(model, prompt, LIMIT))
        assert found.tokens == LIMIT
        assert found.largest_gap <= min(2 * found.spread, 64)  # 0 where both shapes round alike, as some processors do


def test_the_spread_is_that_of_the_blocks_that_were_decoded():
    """Its own blocks, replayed, explain every token that a plain forward would not have chosen."""
    model, tok = mtp.load_pretrained("stories-nano")
    model.to(torch.bfloat16)
    prompt, differ = tok.encode("Once upon a time there was a little cat"), 0
    for k in (2, 4):
        found = probe.exactness(model, prompt, mtp.generate(model, prompt, 160, n_future=k))
        assert found.largest_gap <= 2 * found.spread <= 128
        differ += found.spread > 0
    assert differ


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


def test_the_generation_of_a_batch_is_refused_and_one_row_of_it_is_not():
    model = trained_model()
    both = mtp.generate(model, PROMPTS[:2], 10)
    with pytest.raises(ValueError, match=r"2 rows: give one row's prompt.*tokens=generation.tokens\[row\]"):
        probe.exactness(model, PROMPTS[0], both)
    row = dataclasses.replace(both, tokens=both.tokens[1])
    assert probe.exactness(model, PROMPTS[1], row).not_the_largest == 0


# Input ----------------------------------------------------------------------------------------------------------------


def test_numpys_numbers_and_arrays_are_taken():
    model, how = trained_model(), {"temperature": 1.0, "n_future": 2}
    out = mtp.generate(model, PROMPTS[0], 20, stop_ids=3, seed=255, **how)
    for ends in (np.int64(3), np.array([3, 3]), (np.uint8(3),), torch.tensor([3])):
        same = mtp.generate(model, np.array(PROMPTS[0]), np.int32(20), stop_ids=ends, seed=np.uint8(255), **how)
        assert same.tokens == out.tokens and same.stopped == out.stopped
    rows = mtp.generate(model, np.array([[1, 2], [3, 4]]), 20, seed=np.uint8(255), **how)
    for seed in ([255, 256], np.array([255, 256]), torch.tensor([255, 256])):
        assert mtp.generate(model, [[1, 2], np.array([3, 4])], 20, seed=seed, **how).tokens == rows.tokens
    one = mtp.generate(model, [1, 2], 20, seed=255, **how)
    assert mtp.generate(model, list(torch.tensor([1, 2])), 20, seed=255, **how).tokens == one.tokens == rows.tokens[0]


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "options", "named"),
    [
        ([], {}, "prompt is empty"),
        ([1, 12], {}, "token id 12"),
        ([1] * 96, {"max_new_tokens": 1}, "96 tokens.*max_seq_len=96: cut the prompt"),
        ([1] * 90, {"max_new_tokens": 10}, "at most 6"),
        ([1], {"max_new_tokens": 0}, "max_new_tokens=0"),
        ([1], {"n_future": 5}, "n_future=5"),
        ([1], {"n_future": 2.0}, "n_future=2.0 must be from 1 to 4, an int"),
        ([1], {"n_future": True}, "n_future=True"),
        ([1], {"temperature": 1.0, "seed": -1}, "seed=-1 is no whole number: give an int, at least 0"),
        ([1], {"method": "magic"}, "'magic'"),
        ([[1], 2], {}, "mixes ids and lists"),
        ([[1], []], {}, "prompt 1 of the batch is empty"),
        ([[1], [99]], {}, "99"),
        (["a text"], {}, "the prompt is text"),
        ([1], {"acceptance": "hopeful"}, "acceptance='hopeful'"),
        ([1], {"temperature": -0.1}, "temperature=-0.1"),
        ([1], {"acceptance": len}, "temperature above 0"),
        ([1], {"temperature": 1.0, "top_p": 0.0}, "top_p=0.0"),
        ([1], {"temperature": 1.0, "top_p": 1.5}, "top_p=1.5"),
        ([1], {"temperature": 1.0, "top_k": 0}, "top_k=0"),
        ([1], {"temperature": 1.0, "top_k": 2.5}, "top_k=2.5 must be a whole number"),
        ([[1], [2]], {"temperature": 1.0, "seed": [1, 2, 3]}, "3 seeds for 2 prompts"),
        ([1], {"temperature": 1.0, "seed": 1.5}, "seed=1.5 is no whole number: give an int"),
        ([[1], [2]], {"temperature": 1.0, "seed": [1, "2"]}, "seed='2' is no whole number"),
        ([1], {"max_new_tokens": 4.0}, "max_new_tokens=4.0 is no whole number: give an int"),
        ([1], {"stop_ids": 2.0}, "stop_ids=2.0 is no whole number"),
        ([1], {"stop_ids": [3, 1.5]}, "stop_ids=1.5 is no whole number"),
        ([1], {"stop_ids": "</s>"}, "stop_ids='<' is no whole number"),
    ],
)
def test_bad_input_is_named(prompt, options, named):
    with pytest.raises(ValueError, match=named):
        mtp.generate(trained_model(), prompt, **({"max_new_tokens": 4} | options))

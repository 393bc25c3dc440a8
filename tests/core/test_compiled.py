"""Compiled decoding is the same decoding: the same texts in float64, no second compilation, and never old weights.

Every shape takes seconds to compile. So the whole way down to C++ is gone with models of one layer and linear heads;
heads with caches go through the same capture, and torch's own kernels run what was captured.
"""

import functools

import pytest
import torch
from core.small_models import attentive_model
from torch._dynamo.utils import counters

import mtp_edu as mtp
from mtp_edu import compiling, probe
from mtp_edu.decode import BlockDecoder, DraftTree
from mtp_edu.device import compiler_problem

PROBLEM = compiler_problem(torch.device("cpu"))
needs_compiler = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))
PROMPTS, OTHERS = [[1], [0, 3, 2, 4], [4, 4, 1]], [[2, 2], [3], [0, 1, 2, 0]]
SAMPLED = {"temperature": 0.8, "top_p": 0.9, "seed": 3}
TREE = {"method": "tree", "tree": DraftTree([(0,), (1,)])}
BUSHY = {"method": "tree", "tree": DraftTree([(0,), (1,), (0, 0), (1, 0), (1, 2)])}


def smallest(seed: int = 3) -> mtp.MultiTokenModel:
    return attentive_model(seed, n_layers=1, n_future=2, head_type="linear", max_seq_len=64)


def compilations() -> int:
    return counters["stats"]["unique_graphs"]


def compare(model, options):
    """Two texts of one shape, compiled, after comparing them with the eager ones."""
    options, before, texts = {"max_new_tokens": 20, "stop_ids": (2,)} | options, compilations(), []
    for prompts in (PROMPTS, OTHERS):
        eager = mtp.generate(model, prompts, **options)
        texts.append(mtp.generate(model, prompts, compile=True, **options))
        assert compilations() == before + 1
        assert texts[-1].tokens == eager.tokens and texts[-1].stopped == eager.stopped
        for part in ("row", "forward", "position", "block", "accepted", "tokens", "drafts", "path"):
            assert [getattr(step, part) for step in texts[-1].steps] == [getattr(step, part) for step in eager.steps]
        assert eager.compile_seconds == 0.0
    return texts


@pytest.fixture(autouse=True)
def without_vector_instructions():
    """Code that is compiled in less time; the arithmetic is the same."""
    with torch._inductor.config.patch({"cpp.simdlen": 1}):
        yield


@needs_compiler
@pytest.mark.parametrize(
    "options", [{"method": "autoregressive"}, {}, SAMPLED, TREE], ids=["plain", "chain", "sampled chain", "tree"]
)
def test_compiled_text_is_the_eager_text(options):
    first, second = compare(smallest(), options)
    assert first.prefill_seconds + first.seconds < 0.5 * first.compile_seconds  # counted apart
    assert second.compile_seconds < 0.1 * first.compile_seconds


@pytest.fixture
def without_code(monkeypatch):
    """Steps are captured as they are for a compiler, and torch's own kernels run them."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr(compiling, "compiler_problem", lambda device: None)
    compiling._compiled.cache_clear()
    yield
    compiling._compiled.cache_clear()


@pytest.mark.parametrize(
    ("order", "options"),
    [
        ("parallel", {}),
        ("causal", SAMPLED),
        ("anticausal", BUSHY | SAMPLED | {"acceptance": "typical"}),
    ],
)
def test_captured_steps_give_the_eager_text(without_code, order, options):
    compare(attentive_model(head_order=order, n_future=3, max_seq_len=64), options)


def test_texts_that_are_written_in_turns_keep_their_own_code(without_code):
    model = attentive_model(n_future=3, max_seq_len=64)
    ways = [SAMPLED, {}, {"method": "tree"}, SAMPLED | {"temperature": 1.1}]
    alone = [[step.tokens for step in mtp.stream(model, PROMPTS[1], 20, **way)] for way in ways]
    streams, together = [mtp.stream(model, PROMPTS[1], 20, compile=True, **way) for way in ways], [[] for _ in ways]
    for _ in range(24):  # two steps of each in a row
        for stream, own in zip(streams, together, strict=True):
            own += [step.tokens for step in (next(stream, None), next(stream, None)) if step]
    assert together == alone and max(map(len, alone)) < 48


@pytest.mark.parametrize("options", [{}, TREE], ids=["chain", "tree"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_other_numbers_of_a_way_of_sampling_need_no_other_code(without_code, dtype, options):
    model, before, texts = smallest().to(dtype), compilations(), set()
    for i, (temperature, top_p, top_k) in enumerate([(0.8, 0.9, 3), (1.3, 0.7, 4), (2, 0.999, 64), (1e-30, 0.1, 1)]):
        numbers = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": i}
        out = mtp.generate(model, PROMPTS, 20, compile=True, **numbers, **options)
        assert out.tokens == mtp.generate(model, PROMPTS, 20, **numbers, **options).tokens
        texts.add(str(out.tokens))
    assert len(texts) == 4 and compilations() == before + 1


def test_caches_of_shapes_in_turn_are_kept_and_only_a_few():
    """A CUDA graph stays where its cache is; here on the CPU, by which cache a text is given."""
    model, caches = smallest(), {}

    def text(rows):
        decoder = BlockDecoder(model, 2, rows, 64)
        compiling._take_cache(decoder)
        new = decoder.trunk_caches is not caches.get(rows)
        caches[rows] = decoder.trunk_caches
        assert not any(cache.keys.any() for cache in decoder.caches())
        decoder.trunk_caches[0].keys.normal_()
        compiling._leave_cache(decoder)
        return new

    assert [text(rows) for rows in (1, 2, 1, 2)] == [True, True, False, False]
    assert [text(rows) for rows in (3, 4, 1, 5)] == [True, True, False, True]
    assert [text(rows) for rows in (1, 3, 4, 5, 2)] == [False, False, False, False, True]  # the longest idle went


@needs_compiler
def test_frozen_weights_are_never_old_ones(monkeypatch):
    """bfloat16 weights are constants of the code: training on, in place or through .data, makes other code."""
    model, other, prompt = smallest(3).bfloat16(), smallest(4).bfloat16(), [1, 2]

    def text(of):
        return mtp.generate(of, prompt, 40, compile=True)

    def gap(of, out):
        """Ulps by which a chosen logit falls short of the largest: few where only the rounding differs."""
        return probe.exactness(of, prompt, out).largest_gap

    old, first = [parameter.detach().clone() for parameter in model.parameters()], text(model)
    assert gap(model, first) < 64
    version = compiling._weights_version(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(torch.empty_like(parameter).uniform_(-1, 1))  # in place, as an optimizer does
    with monkeypatch.context() as planted:  # the fault that this test is about
        planted.setattr(compiling, "_weights_version", lambda model: version)
        stale = text(model)
    second = text(model)
    assert gap(model, second) < 64 < min(gap(model, first), gap(model, stale))
    for parameter, was in zip(model.parameters(), old, strict=True):
        parameter.data.copy_(was)  # torch's version counters do not see this
    third, before = text(model), compilations()
    assert third.tokens == first.tokens
    of_other = text(other)
    assert compilations() == before + 1
    assert gap(other, of_other) < 64 < gap(model, of_other)
    assert text(model).tokens == first.tokens and text(other).tokens == of_other.tokens
    assert compilations() == before + 1


def test_without_a_compiler_a_warning_and_the_eager_text(monkeypatch):
    monkeypatch.setattr(compiling, "compiler_problem", lambda device: "no C++ compiler was found; running eager")
    model, before = smallest(), compilations()
    with pytest.warns(UserWarning, match="compile=True: no C\\+\\+ compiler was found; running eager") as caught:
        out = mtp.generate(model, PROMPTS, 20, compile=True)
    assert caught[0].filename == __file__
    assert out.tokens == mtp.generate(model, PROMPTS, 20).tokens
    assert out.compile_seconds == 0.0 and compilations() == before


def test_a_text_that_ends_with_its_first_token_compiles_nothing(without_code):
    before = compilations()
    assert mtp.generate(smallest(), PROMPTS, 1, compile=True).compile_seconds == 0.0
    assert compilations() == before


def test_caches_are_rounded_so_that_few_lengths_are_compiled():
    assert [compiling.rounded_places(wanted, 1000) for wanted in (1, 64, 65, 128, 129, 600)] == [
        64, 64, 128, 128, 256, 1000,
    ]  # fmt: skip


def test_blocks_of_more_shapes_than_torch_keeps_by_default_stay_compiled():
    with torch._dynamo.config.patch(recompile_limit=8, accumulated_recompile_limit=8):
        compiling.CompiledBlocks(smallest())
        assert min(torch._dynamo.config.recompile_limit, torch._dynamo.config.accumulated_recompile_limit) >= 64

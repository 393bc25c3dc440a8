"""The proofs of tests/core on a CUDA device: gradients, decoding, training, resuming. Skipped where there is none."""

import pytest
import torch
from core.small_models import loud_model, riddle, trained_model
from core.test_backward import TOLERANCE, assert_equal_gradients, gradients
from core.test_decode import LIMIT, PROMPTS
from core.test_meter import KINDS, training_step
from core.test_train import CONFIG, small, weights
from torch._dynamo.utils import counters

import mtp_edu as mtp
from mtp_edu import meter, probe
from mtp_edu.backward import _add_product, _adds_widely
from mtp_edu.decode import BlockDecoder, DraftTree, Sampling, TreeDecoder

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
CUDA = torch.device("cuda")
ORDERS = ["parallel", "causal", "anticausal"]


@pytest.fixture(autouse=True)
def no_tf32():
    torch.backends.cuda.matmul.allow_tf32 = False


@pytest.mark.parametrize("head_order", ORDERS)
@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_both_modes_agree_in_float64(n, head_order):
    model = loud_model(n_future=n, n_layers=n + 2, head_order=head_order).to(CUDA)
    tokens = torch.randint(0, 11, (3, 20), device=CUDA)
    targets = mtp.future_targets(tokens, n, (torch.rand(3, 20, device=CUDA) < 0.2).long().cumsum(1))
    _, naive = gradients(model, tokens, targets, mode="naive")
    naive = {name: g.clone() for name, g in naive.items()}
    for options in ({}, {"token_chunk": 7}):
        _, own = gradients(model, tokens, targets, **options)
        assert_equal_gradients(naive, own, TOLERANCE)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_errs_no_more_than_the_naive_mode(dtype):
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=50, dim=64, n_layers=7)).double().to(CUDA)
    tokens = torch.randint(0, 50, (4, 24), device=CUDA)
    targets = mtp.future_targets(tokens, 4)
    _, exact = gradients(model, tokens, targets)
    exact = {name: g.clone() for name, g in exact.items()}
    model.float()
    errors = {}
    for mode in ("naive", "memory-efficient"):
        with torch.autocast("cuda", dtype):
            _, rounded = gradients(model, tokens, targets, mode=mode)
        errors[mode] = sum(float((rounded[name] - g).square().sum()) for name, g in exact.items()) ** 0.5
    assert 0 < errors["memory-efficient"] <= 1.1 * errors["naive"]


def peak_bytes(n, mode):
    cfg = mtp.ModelConfig(vocab_size=16_000, dim=64, n_layers=n + 2, n_future=n)
    model = mtp.MultiTokenModel(cfg).to(CUDA)
    tokens = torch.randint(0, 16_000, (8, 128), device=CUDA)
    targets = mtp.future_targets(tokens, n)
    mtp.forward_backward(model, tokens, targets, mode=mode)  # gradients exist from here on
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    mtp.forward_backward(model, tokens, targets, mode=mode)
    return torch.cuda.max_memory_allocated() - before


def test_peak_memory_does_not_grow_with_n_but_naively_it_does():
    assert peak_bytes(8, "memory-efficient") < 1.1 * peak_bytes(1, "memory-efficient")
    assert peak_bytes(8, "naive") > 3 * peak_bytes(1, "naive")


@pytest.mark.parametrize("mode", ["naive", "memory-efficient"])
def test_the_meter_reads_the_allocator(mode):
    model = training_step()[0].to(CUDA)
    step = cuda_step(model, mode)
    step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    timeline = meter.memory(step, model)
    assert timeline.peak == pytest.approx(torch.cuda.max_memory_allocated() - before, rel=0.01)
    owners = {a.owner for a in timeline.allocations if a.kind == "logits"}
    assert owners >= {"head 1", "head 2", "head 3", "head 4"}
    with meter.limit(float("inf")) as used:
        step()
    assert used.peak == pytest.approx(timeline.peak, rel=0.05)  # the allocator rounds up


def cuda_step(model, mode, dtype=None, token_chunk=None):
    cfg = model.cfg
    tokens = torch.randint(0, cfg.vocab_size, (3, 64 + cfg.n_future), device=CUDA)
    targets = mtp.future_targets(tokens, cfg.n_future)[:, :64]

    def step():
        with torch.autocast("cuda", dtype, enabled=dtype is not None):
            mtp.forward_backward(model, tokens[:, :64], targets, mode=mode, token_chunk=token_chunk)

    return step


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_closed_form_is_within_5_percent_of_the_allocator(kind, dtype):
    name = "float32" if dtype is None else "bfloat16"
    for mode, chunk in (("naive", None), ("memory-efficient", None), ("memory-efficient", 24)):
        model = training_step(n=4, **kind)[0].to(CUDA)
        step = cuda_step(model, mode, dtype, chunk)
        with meter.limit(float("inf")) as used:
            step()
        own = meter.estimate(model.cfg, 3, 64, mode, chunk, name, "cuda")
        assert own.peak == pytest.approx(used.peak, rel=0.05), (mode, chunk)


def test_products_of_narrow_numbers_are_added_to_wide_ones_in_place():
    total, one = torch.ones(64, 32, device=CUDA), torch.randn(64, 16, device=CUDA, dtype=torch.bfloat16)
    other = torch.randn(16, 32, device=CUDA, dtype=torch.bfloat16)
    expected = 1 + one.double() @ other.double()
    _add_product(total, one, other)
    assert _adds_widely("cuda", torch.bfloat16, torch.float32)
    assert torch.allclose(total.double(), expected, rtol=1e-5, atol=1e-5)  # float32 sums of exact products


@pytest.mark.parametrize("head_order", ORDERS)
def test_speculative_equals_plain_greedy_in_float64(head_order):
    model = trained_model(head_order).to(CUDA)
    try:
        accepted = set()
        for prompt in PROMPTS:
            plain = mtp.generate(model, prompt, LIMIT, method="autoregressive")
            assert mtp.generate(model, prompt, LIMIT, method="tree").tokens == plain.tokens
            for k in range(1, 5):
                out = mtp.generate(model, prompt, LIMIT, n_future=k)
                assert out.tokens == plain.tokens
                accepted |= {step.accepted for step in out.steps if k == 4}
        assert accepted == {0, 1, 2, 3}
    finally:
        model.cpu()  # the model is shared between tests


DECODING = {
    "plain": {"method": "autoregressive"},
    "speculative": {},
    "tree": {"method": "tree"},
    "sampled": {"temperature": 0.8, "seed": 3},
    "sampled tree": {"method": "tree", "temperature": 0.8, "seed": 3},
}


@pytest.mark.parametrize("options", DECODING.values(), ids=DECODING)
def test_compiled_decoding_is_one_graph_and_writes_the_same_text(options):
    model = trained_model().to(CUDA)
    try:
        eager = mtp.generate(model, PROMPTS, LIMIT, **options)
        counters["inductor"].clear()
        first = mtp.generate(model, PROMPTS, LIMIT, compile=True, **options)
        assert counters["inductor"]["cudagraph_skips"] == 0
        again = mtp.generate(model, PROMPTS, LIMIT, compile=True, **options)  # in the memory of the first
        alone = mtp.generate(model, PROMPTS[0], LIMIT, compile=True, **options)  # another shape
        assert eager.tokens == first.tokens == again.tokens
        assert alone.tokens == eager.tokens[0]
        assert again.compile_seconds < 0.2 * first.compile_seconds
    finally:
        model.cpu()


@pytest.mark.parametrize("sampling", [None, Sampling(0.8, top_p=0.9, top_k=5)])
def test_a_step_never_waits_for_the_host(sampling):
    model = loud_model(n_future=4).to(CUDA)
    tree = DraftTree.full([3, 2, 1])
    for decoder in (BlockDecoder(model, 4, 3, 40, sampling), TreeDecoder(model, tree, 3, 40, sampling)):
        uniform = None if sampling is None else torch.rand(3, decoder.uniforms, device=CUDA, dtype=torch.float64)
        tokens, start = torch.randint(0, 11, (3, 9), device=CUDA), torch.full((3,), 9, device=CUDA)
        before = decoder.prefill(tokens, None, uniform)
        block = torch.cat([before.verdicts, before.drafts], dim=1)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            decoder.step(block, start, before.source, uniform)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_cached_forward_equals_uncached():
    model = loud_model(n_future=3).to(CUDA)
    tokens = torch.randint(0, 11, (2, 30), device=CUDA)
    decoder = BlockDecoder(model, 3, rows=2, places=30)
    pieces = []
    for start, end in ((0, 11), (11, 20), (20, 30)):
        positions = torch.arange(start, end, device=CUDA).expand(2, -1)
        latents = decoder.latents(tokens[:, start:end], positions)
        pieces.append(torch.stack([model.unembed(x, head) for head, x in enumerate(latents)], dim=2))
    assert torch.allclose(torch.cat(pieces, dim=1), model(tokens), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_lower_precision_only_near_ties_may_differ(dtype):
    model, tok = mtp.load_pretrained("stories-nano", CUDA)
    model.to(dtype)
    for start in ("Once upon a time", "Do you know", "Far away, in a little house"):
        prompt = tok.encode(start)
        found = probe.exactness(model, prompt, mtp.generate(model, prompt, 120))
        print(dtype, found)
        assert found.largest_gap <= min(2 * found.spread, 64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_training_learns_in_every_format(dtype):
    model, dataset = small()
    config = mtp.TrainConfig(steps=60, batch_size=8, learning_rate=5e-3, device="cuda", dtype=dtype)
    events = list(mtp.train(model, dataset, config))
    assert all(last < first - 0.8 for first, last in zip(events[0].losses, events[-1].losses))


def test_a_resumed_run_reaches_the_same_loss(tmp_path):
    config = mtp.TrainConfig(**CONFIG.to_dict() | {"checkpoint_every": 5, "device": "cuda", "dtype": "float64"})
    model, dataset = small()
    list(mtp.train(model, dataset, config, quiet=True))
    stopped, _ = small()
    events = mtp.train(stopped, dataset, config, folder=tmp_path, quiet=True)
    for event in events:
        if event.step == 7:
            events.close()
    again, _ = small()
    list(mtp.train(again, dataset, config, folder=tmp_path, resume=True, quiet=True))
    assert torch.allclose(weights(again), weights(model), rtol=0, atol=1e-9)


def test_head_predictions_come_back_to_the_cpu():
    model = loud_model(n_future=2).to(CUDA)
    found = probe.head_predictions(model, riddle(1, 9, 0)[0].tolist())
    assert found.top_ids.device.type == "cpu" and found.target_rank.shape == (9, 2)

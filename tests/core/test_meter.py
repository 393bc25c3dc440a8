"""The meter: what it records is what happened, its limit is the same peak, and its closed form agrees with both."""

import contextlib
import gc

import pytest
import torch

import mtp_edu as mtp
from mtp_edu import meter

KINDS = (
    {"head_type": "linear"},
    {"head_type": "linear", "head_order": "causal"},
    {"head_order": "parallel"},
    {"head_order": "causal"},
    {"head_order": "anticausal"},
    {"layers_per_head": 2},
    {"replicated_unembedding": True},
    {"n_kv_heads": 1},
)
OPTIONS = ({"mode": "naive"}, {}, {"token_chunk": 24})


def training_step(n=4, vocab_size=3001, dim=64, length=64, batch=3, dtype="float32", options=(), **kind):
    """A model with its gradients in place, and one forward and backward of it as a function."""
    layers = 2 if kind.get("head_type") == "linear" else 2 + kind.get("layers_per_head", 1)
    cfg = mtp.ModelConfig(
        vocab_size=vocab_size,
        dim=dim,
        n_layers=layers,
        n_attention_heads=4,
        n_future=n,
        keep_trunk_depth=True,
        max_seq_len=length,
        **kind,
    )
    model = mtp.MultiTokenModel(cfg)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    tokens = torch.randint(0, vocab_size, (batch, length + n))
    targets = mtp.future_targets(tokens, n)[:, :length]
    narrow = {"bfloat16": torch.bfloat16}.get(dtype)

    def step():
        with torch.autocast("cpu", narrow) if narrow else contextlib.nullcontext():
            mtp.forward_backward(model, tokens[:, :length], targets, **dict(options))

    return model, step


def peak_under_limit(step):
    gc.collect()
    with meter.limit(float("inf")) as used:
        step()
    return used.peak


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_closed_form_is_within_5_percent_of_the_measured_peak(kind, dtype):
    for n in (1, 4):
        for options in OPTIONS:
            model, step = training_step(n, dtype=dtype, options=options, **kind)
            mode, chunk = options.get("mode", "memory-efficient"), options.get("token_chunk")
            own = meter.estimate(model.cfg, 3, 64, mode, chunk, dtype)
            # the limit does not see what a kernel takes for itself, such as a wide copy of narrow numbers
            measured = peak_under_limit(step) if dtype == "float32" else meter.memory(step, model).peak
            assert own.peak == pytest.approx(measured, rel=0.05), (n, options)


def test_mixed_formats_need_no_second_matrix_of_the_unembedding_s_size():
    options = {"token_chunk": 24}
    model, step = training_step(vocab_size=60_000, dtype="bfloat16", options=options)
    measured, matrix = meter.memory(step, model).peak, 60_000 * model.cfg.dim
    assert meter.estimate(model.cfg, 3, 64, token_chunk=24, dtype="bfloat16").peak == pytest.approx(measured, rel=0.02)
    logits = 24 * 60_000 * (2 + 4)
    assert 2 * matrix + logits < measured < (2 + 4) * matrix + logits  # the rounded weights and parts of the product


def test_the_closed_form_holds_where_something_else_than_logits_is_largest():
    for shape in ({"vocab_size": 257, "length": 128}, {"vocab_size": 9000, "length": 16, "batch": 1}):
        for options in OPTIONS:
            model, step = training_step(options=options, **shape)
            size = shape.get("batch", 3), shape["length"]
            own = meter.estimate(model.cfg, *size, options.get("mode", "memory-efficient"), options.get("token_chunk"))
            assert own.peak == pytest.approx(peak_under_limit(step), rel=0.05), (shape, options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_profiler_and_the_limit_see_the_same_peak(options):
    model, step = training_step(options=options)
    step()
    assert meter.memory(step, model).peak == pytest.approx(peak_under_limit(step), rel=1e-4)  # but for some scalars


def test_a_timeline_says_whose_and_what_every_byte_is():
    model, step = training_step(n=3)
    timeline = meter.memory(step, model)
    rows, cfg = 3 * 64, model.cfg
    phases = [name for name, _, _ in timeline.phases]
    heads = [f"head {k} {part}" for k in (1, 2, 3) for part in ("forward", "loss", "backward")]
    assert phases == ["trunk forward", *heads, "trunk backward"]  # Fig 2 with three heads
    assert timeline.before == {"parameter": 4 * cfg.parameters(), "gradient": 4 * cfg.parameters()}
    logits = [a for a in timeline.allocations if a.kind == "logits"]
    assert [(a.owner, a.bytes) for a in logits] == [(f"head {k}", rows * cfg.vocab_size * 4) for k in (1, 2, 3)]
    assert max(timeline.live("logits")) == rows * cfg.vocab_size * 4  # one head's at a time
    blocks = meter.estimate(cfg, 3, 64).activation_bytes - 2 * rows * cfg.dim * 4  # less two gradients of latents
    at_peak = timeline.alive_at(timeline.peak_event)
    kept = sum(a.bytes for a in at_peak if a.kind == "activation" and "forward" in a.phase)
    assert kept == pytest.approx(blocks, rel=0.01)
    assert {"trunk", "head 1", "head 2", "head 3"} <= {a.owner for a in timeline.allocations}
    assert sum(timeline.composition().values()) == timeline.peak
    assert timeline.phase_at(timeline.peak_event) in ("head 2 loss", "head 3 loss")
    assert timeline.live()[-1] < 1000  # nothing stays but the losses


def test_gradients_that_are_made_are_told_from_what_passes():
    model, step = training_step(n=2)
    model.zero_grad(set_to_none=True)
    timeline = meter.memory(step, model)
    made = sum(a.bytes for a in timeline.allocations if a.kind == "gradient")
    assert made == 4 * model.cfg.parameters()
    assert timeline.before["gradient"] == 0


def test_under_autocast_rounded_matrices_are_not_taken_for_logits():
    model, step = training_step(n=2, dtype="bfloat16", options={"token_chunk": 24})
    rows = 24 * model.cfg.vocab_size
    assert max(meter.memory(step, model).live("logits")) == rows * (2 + 4)  # rounded, and in float32


def test_naive_logits_wait_for_each_other():
    model, step = training_step(n=4, options={"mode": "naive"})
    one = 3 * 64 * model.cfg.vocab_size * 4
    assert max(meter.memory(step, model).live("logits")) == 5 * one  # a gradient per head, and the last one's logits


def test_a_timeline_survives_json():
    import json

    model, step = training_step(n=2)
    timeline = meter.memory(step, model)
    assert meter.MemoryTimeline.from_dict(json.loads(json.dumps(timeline.to_dict()))) == timeline


def test_a_function_without_phases_or_model():
    timeline = meter.memory(lambda: torch.ones(1000).sum())
    assert timeline.peak >= 4000 and {a.owner for a in timeline.allocations} == {"all"}
    assert meter.memory(lambda: None).peak == 0


def test_the_history_of_a_gpu_is_read():
    trace = [
        {"action": "segment_alloc", "addr": 1, "size": 2097152, "time_us": 1},
        {"action": "alloc", "addr": 1, "size": 512, "time_us": 2},
        {"action": "free_requested", "addr": 1, "size": 512, "time_us": 3},
        {"action": "free_completed", "addr": 1, "size": 512, "time_us": 4},
    ]
    assert meter.cuda_changes(trace) == [(2000, 1, 512), (4000, 1, -512)]


def test_the_limit_stops_the_naive_backward_and_lets_the_other_pass():
    _, naive = training_step(n=4, options={"mode": "naive"})
    _, lean = training_step(n=4)
    allowed = peak_under_limit(lean)
    with meter.limit(allowed) as used:
        lean()
    assert used.peak == allowed
    with pytest.raises(meter.MemoryLimitExceeded, match="bytes"), meter.limit(allowed):
        naive()
    with pytest.raises(meter.MemoryLimitExceeded), meter.limit(allowed - 1):
        lean()


def test_the_limit_counts_what_is_alive_and_only_what_is_new():
    old = torch.ones(1000)
    with meter.limit(10_000) as used:
        for _ in range(10):  # each is released before the next but one is made
            new = old + 1
        assert used.live == 4000 and used.peak == 8000
        old.add_(1)
        view = new[:10].view(2, 5)
        assert used.live == 4000
        del new
        assert used.live == 4000  # the view holds all of it
        del view
        assert used.live == 0
    with meter.limit(10_000) as used:
        filled = torch.tensor([0.0] * 1000)
        assert used.live == 4000
        del filled
        torch.empty(10**9, device="meta")
        torch.eye(3).to_sparse()
        assert used.live == 0 and used.peak == 4000
    with pytest.raises(ValueError, match="bytes=0"):
        meter.limit(0)


@pytest.mark.parametrize("order", ["causal", "anticausal"])
def test_a_chain_keeps_exactly_one_block_more_per_head(order):
    peaks = [peak_under_limit(training_step(n, head_order=order, options={"token_chunk": 24})[1]) for n in (1, 2, 3)]
    cfg = training_step(1)[0].cfg
    d, f = cfg.dim, cfg.ffn_dim
    block = 3 * 64 * 4 * (8 * d + 2 * d + 4 * f + cfg.n_attention_heads)  # the last: log-sum-exp of the attention
    assert peaks[1] - peaks[0] == pytest.approx(block, rel=0.01)
    assert peaks[2] - peaks[1] == pytest.approx(block, rel=0.01)
    matched = mtp.ModelConfig(vocab_size=3001, dim=64, n_layers=5, n_attention_heads=4, n_future=1, max_seq_len=64)
    assert peaks[2] <= 1.02 * meter.estimate(matched, 3, 64, token_chunk=24).peak


@pytest.mark.parametrize("kind", [{}, {"head_type": "linear"}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_heads_on_the_trunk_need_no_more_with_n(kind, dtype):
    one, many = (peak_under_limit(training_step(n, dtype=dtype, **kind)[1]) for n in (1, 8))
    casts = 0 if dtype == "float32" or kind else 7 * 2 * 4 * (64 * 64 + 3 * 64 * 168 // 4)  # rounded weights, autocast
    assert many - casts <= 1.02 * one


def test_what_fits_grows_with_the_machine_and_with_thrift():
    batches = {name: {fit.preset: fit.batch for fit in meter.what_fits(name)} for name in meter.MACHINES}
    assert batches["laptop, 8 GB"]["nano"] > 0 and batches["laptop, 8 GB"]["1B"] == 0
    assert all(batches["H200, 141 GB"][preset] > 0 for preset in batches["H200, 141 GB"])
    assert batches["A100, 80 GB"]["300M"] > batches["T4, 16 GB"]["300M"]
    naive = {fit.preset: fit.batch for fit in meter.what_fits("T4, 16 GB", mode="naive")}
    assert naive["100M"] < batches["T4, 16 GB"]["100M"]
    for fit in meter.what_fits("A100, 80 GB"):
        room = meter.MACHINES[fit.machine][0] * meter.USABLE
        assert fit.batch == 4096 or fit.bytes <= room
        if 0 < fit.batch < 4096:
            cfg = mtp.ModelConfig.preset(fit.preset, vocab_size=32_000, max_seq_len=1024)
            more = meter.estimate(cfg, fit.batch + 1, 1024, "memory-efficient", 1024, "bfloat16", "cuda")
            assert more.total > room


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda cfg: meter.estimate(cfg, 1, 8, mode="quick"), "'quick'"),
        (lambda cfg: meter.estimate(cfg, 1, 8, dtype="int8"), "'int8'"),
        (lambda cfg: meter.estimate(cfg, 0, 8), "batch=0"),
        (lambda cfg: meter.estimate(cfg, 1, 8, token_chunk=0), "token_chunk=0"),
        (lambda cfg: meter.estimate(cfg, 1, 8, device="tpu"), "'tpu'"),
        (lambda cfg: meter.what_fits("abacus"), "'abacus'"),
        (lambda cfg: meter.what_fits("T4, 16 GB", n_future=0), "n_future=0"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call(mtp.ModelConfig(vocab_size=11))

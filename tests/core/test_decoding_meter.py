"""What a decode step must cost, against what the model holds and torch counts; and the choice of n_future by it."""

import pytest
import torch
from core.small_models import loud_model
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import mtp_edu as mtp
from mtp_edu import meter
from mtp_edu.bench import paper_decoding
from mtp_edu.decode import BlockDecoder, DraftTree, TreeDecoder
from mtp_edu.meter import decoding

CPU = torch.device("cpu")
KINDS = (
    {},
    {"head_order": "causal"},
    {"head_order": "anticausal"},
    {"head_type": "linear"},
    {"layers_per_head": 2},
    {"replicated_unembedding": True},
    {"tie_embeddings": True},
    {"n_kv_heads": 1},
)
SIZES = {"7B": (32_000, 4096, 32, 32), "16 layers": (257, 160, 16, 5), "8 layers": (257, 64, 8, 4)}


def small(**kind):
    shape = {"vocab_size": 300, "dim": 32, "n_layers": 10, "n_attention_heads": 4, "n_future": 4, "max_seq_len": 64}
    return mtp.ModelConfig(**(shape | kind))


def deep(name, n_future=4):
    vocab_size, dim, layers, heads = SIZES[name]
    return mtp.ModelConfig(vocab_size=vocab_size, dim=dim, n_layers=layers, n_attention_heads=heads, n_future=n_future)


def numbers(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_weights_read_are_the_parameters_of_what_runs(kind):
    cfg = small(**kind)
    model = mtp.MultiTokenModel(cfg)
    for k in range(1, 5):
        heads = [model.heads[i] for i in cfg.heads_run(range(k))]
        drafts = [model.unembedding(i) for i in range(1, k)] if cfg.replicated_unembedding else [model.unembedding(0)]
        read = numbers(model.trunk, *heads, model.norm, model.unembedding(0), *(drafts if k > 1 else []))
        assert meter.step_cost(cfg, k, bytes_per_value=2).weight_bytes == 2 * read
    beyond = 0 if cfg.replicated_unembedding else cfg.vocab_size * cfg.dim  # read again for the drafts
    embedding = 0 if cfg.tie_embeddings else cfg.vocab_size * cfg.dim
    assert meter.step_cost(cfg, 4).weight_bytes == 4 * (cfg.parameters() - embedding + beyond)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bytes_of_the_cache_and_flops_are_those_of_a_real_step(kind):
    model, rows, places = mtp.MultiTokenModel(small(**kind)), 3, 20
    for k, tree in ((1, None), (2, None), (4, None), (4, DraftTree.full((3, 2, 1)))):
        decoder = TreeDecoder(model, tree, rows, places) if tree else BlockDecoder(model, k, rows, places)
        block = len(tree) if tree else k
        slots = decoder.trunk_caches[0].keys.shape[2]
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
            decoder.step(torch.zeros(rows, block, dtype=torch.long), torch.full((rows,), places - 1))
        cost = meter.step_cost(model.cfg, k, rows, slots - block, nodes=block if tree else None)
        assert cost.flops == counted.get_total_flops()
        assert cost.cache_bytes == sum(each.keys.nbytes + each.values.nbytes for each in decoder.caches())
        assert cost.tokens == rows * block and cost.bytes == cost.weight_bytes + cost.cache_bytes


@pytest.mark.parametrize(("name", "factor"), [("8 layers", 0.61), ("16 layers", 0.80), ("7B", 0.89)])
def test_the_bound_is_tokens_per_forward_by_the_ratio_of_bytes(name, factor):
    cfg = deep(name)
    assert meter.bound(cfg, 1.0, 4) == pytest.approx(factor, abs=0.005)
    assert meter.bound(cfg, 2.5, 4) == pytest.approx(2.5 * meter.bound(cfg, 1.0, 4))
    assert meter.bound(cfg, 1.0, 1) == 1
    assert meter.bound(cfg, 2.0, 2) > meter.bound(cfg, 2.0, 4) > meter.bound(cfg, 2.0, 4, context=512, nodes=64)


def test_the_papers_speed_ups_lie_at_the_bound():
    """Table S2: batch 42, on average 768 tokens of text, 16-bit numbers. So its decoder waits for memory alone."""
    for rows in paper_decoding.TABLE_S2.values():
        for k, (speed_up, tokens_per_forward) in rows.items():
            bound = meter.bound(deep("7B"), tokens_per_forward, k, batch=42, context=768, bytes_per_value=2)
            assert 0.95 < speed_up / bound < 1.01, (k, speed_up, bound)


def test_a_plain_step_of_anticausal_heads_saves_no_head():
    plain, all_heads = (meter.step_cost(small(head_order="anticausal"), k).weight_bytes for k in (1, 4))
    assert all_heads - plain == 4 * 300 * 32  # the drafts' unembedding alone


def test_the_roofline_of_a_data_sheet():
    h200 = meter.Roofline(bandwidth=4.8e12, peak=989e12, bytes_per_value=2)
    assert h200.ridge == pytest.approx(206, abs=0.1)
    cfg = deep("7B", n_future=1)
    one, many, more = (h200.seconds(meter.step_cost(cfg, 1, batch, 0, 2)) for batch in (1, 128, 1024))
    assert one == pytest.approx(2.79e-3, rel=0.02)
    assert many < 1.05 * one  # below the ridge more tokens cost hardly more
    assert more == pytest.approx(2 * h200.seconds(meter.step_cost(cfg, 1, 512, 0, 2)), rel=0.01)  # beyond, each its own
    assert more > 4 * one


def test_bandwidth_is_measured_once():
    first = meter.bandwidth(CPU)
    assert 1e9 < first < 1e13 and meter.bandwidth(CPU) == first
    found = meter.roofline(CPU, torch.float32)
    assert found.bandwidth == first and found.bytes_per_value == 4 and found.ridge > 0


def test_numbers_out_of_range_are_refused():
    cfg = small()
    for wrong in ({"n_future": 5}, {"n_future": 0}, {"n_future": 3, "nodes": 2}):
        with pytest.raises(ValueError, match="4 heads"):
            meter.step_cost(cfg, **wrong)
    for wrong in ({"batch": 0}, {"context": -1}, {"bytes_per_value": 0}):
        with pytest.raises(ValueError, match="out of range"):
            meter.step_cost(cfg, **wrong)


def test_a_step_can_be_repeated():
    model = loud_model(n_future=3)
    tree = DraftTree.full((2, 1))
    for options in ({"n_future": 1}, {"n_future": 3}, {"n_future": 3, "tree": tree}):
        step = meter.decode_step(model, batch=2, context=40, **options)
        first = step()
        assert first == step() and len(first) == 2
        drafts = len(tree) - 1 if "tree" in options else options["n_future"] - 1
        assert len(first[0]) == 1 + options["n_future"] + drafts  # accepted, verdicts, drafts


# ---- the choice of n_future


@pytest.fixture
def clocked(monkeypatch):
    """draft_length on a clock of our own: the seconds of each n_future's step, and the machine."""

    def clock(seconds, bandwidth=1e9, peak=1e12):
        monkeypatch.setattr(decoding, "take_turns", lambda steps, *_: {name: [seconds[name]] * 3 for name in steps})
        machine = meter.Roofline(bandwidth, peak, 8)
        monkeypatch.setattr(decoding, "roofline", lambda *_: machine)

    return clock


def test_the_best_n_future_has_the_most_tokens_per_second(clocked):
    model = loud_model(n_future=4)
    clocked({"1": 0.010, "2": 0.011, "3": 0.012, "4": 0.020})
    found = meter.draft_length(model, (0.5, 0.3, 0.2), batch=2, context=40)
    assert found.tokens_per_forward == pytest.approx([1, 1.5, 1.8, 2.0])
    assert found.tokens_per_second() == pytest.approx([200, 2 * 1.5 / 0.011, 2 * 1.8 / 0.012, 200])
    assert found.best == 3 and "Use n_future=3 for 2 rows, eager: 1.50 times" in repr(found)
    assert "A step costs 1.20 plain ones" in repr(found)
    lines = found.markdown().splitlines()
    assert lines[4].startswith("| 3 (best) | 1.80 | 12 | 1.20 | 300 |") and found.sentence() in lines[-1]


def test_a_busy_machine_changes_nothing_as_long_as_one_turn_was_free():
    """Other programs make turns slower, of some steps most of them."""
    turns = [[0.050, 0.010, 0.080], [0.011, 0.012, 0.011], [0.030, 0.040, 0.012], [0.020, 0.021, 0.070]]
    found = meter.DraftLength([1.0, 1.5, 1.8, 2.0], turns, [1.0] * 4, 2, 40, False, 9.0)
    assert found.fastest == [0.010, 0.011, 0.012, 0.020] and found.best == 3
    assert "1.50 times plain" in found.sentence() and "costs 1.20 plain ones" in found.sentence()
    assert "| 3 (best) | 1.80 | 12 | 1.20 | 300 |" in found.markdown()


def test_without_acceptance_plain_decoding_is_best(clocked):
    clocked({"1": 0.010, "2": 0.0101})
    found = meter.draft_length(loud_model(n_future=2), (0.0,), context=40)
    assert found.best == found.predicted == 1


def test_the_roofline_has_its_own_opinion(clocked):
    """Where reading is all, more drafts are nearly free; where computing is, none is."""
    model, same = loud_model(n_future=4, n_layers=24), {"1": 1.0, "2": 1.0, "3": 1.0, "4": 1.0}
    clocked(same, bandwidth=1e6, peak=1e15)
    found = meter.draft_length(model, (0.9, 0.8, 0.7), context=40)
    assert found.predicted == found.best == 4 and "below the ridge" in found.sentence()
    clocked(same, bandwidth=1e15, peak=1e6)
    found = meter.draft_length(model, (0.1, 0.05, 0.01), context=40)
    assert found.predicted == 1 and found.best == 4 and "beyond the ridge of 0" in found.sentence()


def test_draft_length_measures_here():
    found = meter.draft_length(loud_model(n_future=3), (0.6,), context=40, turns=2, steps=1)
    assert len(found.step_seconds) == 2 and all(len(turns) == 2 and min(turns) > 0 for turns in found.step_seconds)
    assert found.context == 40 and not found.compiled and found.best in (1, 2)


@pytest.mark.parametrize("accepted", [(), (0.5, 0.6), (1.2,), (0.5, -0.1), (0.9, 0.5, 0.1), (float("nan"),)])
def test_shares_that_are_no_cumulative_acceptance_are_refused(accepted):
    with pytest.raises(ValueError, match="accepted="):
        meter.draft_length(loud_model(n_future=3), accepted, context=40)

"""The memory-efficient backward against the naive one and against a slow reference, in float64."""

import weakref

import pytest
import torch
from core.small_models import loud_model, model_configs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

import mtp_edu as mtp
from mtp_edu import backward

TOLERANCE = 1e-12  # relative, float64


def gradients(model, tokens, targets, **options):
    model.zero_grad()
    losses = mtp.forward_backward(model, tokens, targets, **options)
    return losses, {name: p.grad for name, p in model.named_parameters()}


def reference(model, tokens, targets, weights):
    """The definition, term by term: every head, row and position on its own, from the model's plain logits."""
    model.zero_grad()
    log_p = model(tokens).log_softmax(-1)  # (B, T, n, V)
    total, losses = 0.0, []
    for k in range(targets.shape[2]):
        terms = [
            -log_p[b, t, k, targets[b, t, k]]
            for b in range(tokens.shape[0])
            for t in range(tokens.shape[1])
            if targets[b, t, k] != -100
        ]
        mean = torch.stack(terms).sum() / len(terms) if terms else torch.zeros((), dtype=torch.float64)
        losses.append(mean.detach())
        total = total + weights[k] * mean
    if isinstance(total, torch.Tensor) and total.requires_grad:
        total.backward()
    return torch.stack(losses), {name: p.grad for name, p in model.named_parameters()}


def assert_equal_gradients(one, other, tolerance=TOLERANCE):
    """Relative to the largest gradient of each weight; a missing gradient counts as zero.

    Some gradients are zero but for rounding (of wq, where a head has one target at the first position): these are
    compared with a thousandth of the model's largest.
    """
    present = [float(g.abs().max()) for g in one.values() if g is not None]
    floor = 1e-3 * max(present, default=1.0)
    for name, first in one.items():
        second = other[name]
        first, second = (torch.zeros(1) if g is None else g for g in (first, second))
        error = float((first - second).abs().max())
        assert error <= tolerance * max(float(first.abs().max()), floor), f"{name}: {error}"


@pytest.mark.parametrize("n", range(1, 9))
def test_both_modes_equal_the_definition(n):
    model = loud_model(n_future=n, n_layers=n + 2, seed=n)
    tokens = torch.randint(0, 11, (3, 14))
    documents = (torch.rand(3, 14) < 0.2).long().cumsum(1)
    padding = torch.zeros(3, 14, dtype=torch.bool)
    padding[1, 9:] = True
    targets = mtp.future_targets(tokens, n, documents, padding)
    weights = [1.0 / (k + 1) for k in range(n)]
    losses, expected = reference(model, tokens, targets, weights)
    expected = {name: g.clone() if g is not None else None for name, g in expected.items()}
    for options in ({"mode": "naive"}, {}, {"token_chunk": 5}):
        own_losses, own = gradients(model, tokens, targets, head_weights=weights, **options)
        assert torch.allclose(own_losses, losses, rtol=1e-12, atol=0)
        assert_equal_gradients(expected, own)


@settings(max_examples=40)
@given(model_configs(), st.data())
def test_any_model_any_options(cfg, data):
    model = mtp.MultiTokenModel(cfg, seed=data.draw(st.integers(0, 99))).double()
    n = data.draw(st.integers(1, cfg.n_future))
    tokens = torch.randint(0, cfg.vocab_size, (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))))
    targets = mtp.future_targets(tokens, n)
    targets[torch.rand(targets.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))] = -100
    weights = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=n, max_size=n))
    chunk = data.draw(st.none() | st.integers(1, 40))
    naive_losses, naive = gradients(model, tokens, targets, mode="naive", head_weights=weights)
    losses, own = gradients(model, tokens, targets, token_chunk=chunk, head_weights=weights)
    assert torch.allclose(losses, naive_losses, rtol=1e-12, atol=1e-14)
    assert {k for k, g in own.items() if g is None} == {k for k, g in naive.items() if g is None}
    assert_equal_gradients(naive, own)


@pytest.mark.parametrize("mode", ["naive", "memory-efficient"])
def test_accumulation_with_global_counts_equals_one_batch(mode):
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (4, 10))
    targets = mtp.future_targets(tokens, 3)
    targets[0, 2:, 1] = -100  # rows of the batch have different numbers of targets
    losses, whole = gradients(model, tokens, targets, mode=mode)
    whole = {name: g.clone() for name, g in whole.items()}
    counts = (targets != -100).sum((0, 1))
    model.zero_grad()
    parts = [
        mtp.forward_backward(model, tokens[i : i + 1], targets[i : i + 1], mode=mode, target_counts=counts)
        for i in range(4)
    ]
    assert torch.allclose(sum(parts), losses, rtol=1e-12, atol=0)
    assert_equal_gradients(whole, {name: p.grad for name, p in model.named_parameters()})


def test_a_head_without_targets_has_no_loss_and_no_gradient():
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (2, 6))
    targets = mtp.future_targets(tokens, 3)
    targets[..., 1] = -100
    losses, own = gradients(model, tokens, targets)
    assert losses[1] == 0 and (losses[[0, 2]] > 0).all()
    assert all(g is None for name, g in own.items() if name.startswith("heads.1."))
    assert all(g is not None for name, g in own.items() if not name.startswith("heads.1."))


def test_a_frozen_trunk_gets_no_backward():
    model = loud_model(n_future=2)
    model.embedding.requires_grad_(False)
    model.trunk.requires_grad_(False)
    tokens = torch.randint(0, 11, (2, 8))
    targets = mtp.future_targets(tokens, 2)
    _, naive = gradients(model, tokens, targets, mode="naive")
    naive = {name: g.clone() for name, g in naive.items() if g is not None}
    ran = []
    model.trunk.register_full_backward_hook(lambda *_: ran.append("trunk"))
    _, own = gradients(model, tokens, targets)
    assert not ran
    assert_equal_gradients(naive, {name: g for name, g in own.items() if g is not None})
    assert not any(name.startswith(("trunk", "embedding")) for name in naive)


def test_gradients_are_added_to_what_is_there_in_place():
    """One (V, D) matrix for the unembedding's gradient, whatever n: the one that `.grad` holds."""
    model = loud_model(n_future=4)
    tokens = torch.randint(0, 11, (2, 8))
    targets = mtp.future_targets(tokens, 4)
    _, once = gradients(model, tokens, targets)
    once = {name: g.clone() for name, g in once.items()}
    held = model.unembeddings[0].weight.grad
    mtp.forward_backward(model, tokens, targets, token_chunk=3)
    assert model.unembeddings[0].weight.grad is held
    assert_equal_gradients({name: 2 * g for name, g in once.items()}, {n: p.grad for n, p in model.named_parameters()})


def test_a_frozen_unembedding_passes_gradients_on_and_keeps_none():
    model = loud_model(n_future=2)
    model.unembeddings.requires_grad_(False)
    tokens = torch.randint(0, 11, (2, 8))
    targets = mtp.future_targets(tokens, 2)
    _, naive = gradients(model, tokens, targets, mode="naive")
    naive = {name: g.clone() for name, g in naive.items() if g is not None}
    _, own = gradients(model, tokens, targets, token_chunk=5)
    assert own["unembeddings.0.weight"] is None
    assert_equal_gradients(naive, {name: g for name, g in own.items() if g is not None})


def test_autocast_leaves_float64_alone():
    model = loud_model(n_future=2)
    tokens = torch.randint(0, 11, (2, 8))
    targets = mtp.future_targets(tokens, 2)
    _, exact = gradients(model, tokens, targets)
    exact = {name: g.clone() for name, g in exact.items()}
    for mode in ("naive", "memory-efficient"):
        with torch.autocast("cpu", torch.bfloat16):
            _, own = gradients(model, tokens, targets, mode=mode)
        assert_equal_gradients(exact, own)


def test_a_scaler_scales_to_rounding_in_float64():
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (3, 7))
    targets = mtp.future_targets(tokens, 3)
    _, exact = gradients(model, tokens, targets, head_weights=[0.3, 0.7, 1.1])
    exact = {name: 2.0**16 * g for name, g in exact.items()}
    scaler = torch.amp.GradScaler("cpu")
    for options in ({"mode": "naive"}, {"token_chunk": 4}):
        _, own = gradients(model, tokens, targets, head_weights=[0.3, 0.7, 1.1], grad_scaler=scaler, **options)
        assert_equal_gradients(exact, own)


def test_inference_mode_is_refused():
    model = loud_model(n_future=2)
    tokens = torch.randint(0, 11, (2, 8))
    with torch.inference_mode(), pytest.raises(RuntimeError, match="inference_mode"):
        mtp.forward_backward(model, tokens, mtp.future_targets(tokens, 2))


def test_logits_of_any_size_and_scale_give_finite_losses():
    """exp of a logit may overflow, its difference to the largest does not; a far lower target has a finite loss."""
    model = loud_model(n_future=2).float()
    with torch.no_grad():
        model.unembeddings[0].weight *= 1e4
    tokens = torch.randint(0, 11, (2, 8))
    targets = mtp.future_targets(tokens, 2)
    losses, own = gradients(model, tokens, targets)
    naive_losses, _ = gradients(model, tokens, targets, mode="naive")
    assert losses.isfinite().all() and losses.max() > 1e3
    assert torch.allclose(losses, naive_losses, rtol=1e-5)
    assert all(g.isfinite().all() for g in own.values())


class LogitsAlive(TorchDispatchMode):
    """Counts tensors of the size of one head's logits that are alive at the same time."""

    def __init__(self, size):
        self.size, self.alive, self.most = size, {}, 0
        super().__init__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.numel() == self.size:
                storage = tensor.untyped_storage()
                self.alive[storage.data_ptr()] = weakref.ref(storage)
        self.alive = {p: ref for p, ref in self.alive.items() if ref() is not None}
        self.most = max(self.most, len(self.alive))
        return out


def most_logits_alive(n, mode):
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=1009, dim=16, n_layers=n + 2, n_future=n))
    tokens = torch.randint(0, 1009, (2, 9))
    targets = mtp.future_targets(tokens, n)
    with LogitsAlive(2 * 9 * 1009) as count:
        mtp.forward_backward(model, tokens, targets, mode=mode)
    return count.most


def test_logits_alive_do_not_grow_with_n_but_naively_they_do():
    efficient = [most_logits_alive(n, "memory-efficient") for n in (1, 2, 4, 8)]
    naive = [most_logits_alive(n, "naive") for n in (1, 2, 4, 8)]
    assert len(set(efficient)) == 1, efficient
    assert naive[-1] >= 8 and naive == sorted(set(naive)), naive


def test_validation_losses_are_the_training_losses():
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (2, 9))
    targets = mtp.future_targets(tokens, 3)
    sums = mtp.head_losses(model, tokens, targets, token_chunk=4)
    losses, _ = gradients(model, tokens, targets)
    assert torch.allclose(sums / (targets != -100).sum((0, 1)), losses, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [{}, {"head_order": "causal"}, {"head_type": "linear"}], ids=str)
def test_autocast_errs_no_more_than_the_naive_mode(shape, dtype):
    """With float16 under a gradient scaler, as it is used."""
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=50, dim=64, n_layers=7, **shape)).double()
    tokens = torch.randint(0, 50, (4, 24))
    targets = mtp.future_targets(tokens, 4)
    targets[:2, 5:, 2] = -100  # uneven
    weights = [1.0, 0.5, 0.25, 2.0]
    _, exact = gradients(model, tokens, targets, head_weights=weights)
    exact = {name: g.clone() for name, g in exact.items()}
    model.float()
    errors = {}
    for name, options in (
        ("naive", {"mode": "naive"}),
        ("whole", {}),
        ("chunks", {"token_chunk": 17}),
    ):
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12) if dtype == torch.float16 else None
        model.zero_grad()
        with torch.autocast("cpu", dtype):
            mtp.forward_backward(model, tokens, targets, head_weights=weights, grad_scaler=scaler, **options)
        if scaler:
            optimizer = torch.optim.SGD(model.parameters())
            scaler.unscale_(optimizer)
        rounded = {key: p.grad for key, p in model.named_parameters()}
        errors[name] = sum(float((rounded[key] - g).square().sum()) for key, g in exact.items()) ** 0.5
    size = sum(float(g.square().sum()) for g in exact.values()) ** 0.5
    assert 0 < errors["naive"] < 0.05 * size
    assert errors["whole"] <= 1.1 * errors["naive"] and errors["chunks"] <= 1.1 * errors["naive"], errors


def test_a_product_is_added_in_parts_where_formats_differ(monkeypatch):
    one, other = torch.randn(50, 8).bfloat16(), torch.randn(8, 6).bfloat16()
    monkeypatch.setattr(backward, "_adds_widely", lambda *_: False)
    monkeypatch.setattr(backward, "ADDED_AT_ONCE", 7 * 6)
    parts = []
    monkeypatch.setattr(torch.Tensor, "split", lambda *a, own=torch.Tensor.split: parts.append(own(*a)) or parts[-1])
    total = torch.randn(50, 6)
    expected = total + one @ other
    backward._add_product(total, one, other)
    assert torch.equal(total, expected) and [len(split) for split in parts] == [8, 8]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"targets": torch.zeros(2, 5, 2, dtype=torch.long)}, r"shape \(B, T, n\) over tokens of \(2, 6\)"),
        ({"targets": torch.zeros(2, 6, 2)}, "torch.float32"),
        ({"targets": torch.full((2, 6, 2), 11)}, "found 11"),
        ({"targets": torch.full((2, 6, 2), -5)}, "found -5"),
        ({"targets": torch.zeros(2, 6, 4, dtype=torch.long)}, "n_future=4"),
        ({"mode": "quick"}, "'quick'"),
        ({"token_chunk": 0}, "token_chunk=0"),
        ({"head_weights": [1.0]}, "head_weights"),
        ({"head_weights": [1.0, -1.0]}, "head_weights"),
        ({"target_counts": [1, 1]}, "target_counts"),
        ({"target_counts": [float("nan"), 99]}, "target_counts"),
        ({"tokens": torch.full((2, 6), 77), "targets": torch.full((2, 6, 2), -100)}, "77"),
    ],
)
def test_bad_input_is_named(change, named):
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (2, 6))
    options = {"tokens": tokens, "targets": mtp.future_targets(tokens, 2)} | change
    with pytest.raises(ValueError, match=named):
        mtp.forward_backward(model, **options)
    assert all(p.grad is None for p in model.parameters())

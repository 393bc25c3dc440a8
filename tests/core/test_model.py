"""The forward: shapes, causality, windows, the cache; and bad input refused by name."""

import pytest
import torch
from core.small_models import loud_model

import mtp_edu as mtp
from mtp_edu.decode import BlockDecoder
from mtp_edu.trunk import rope_table, rotate

ORDERS = ["parallel", "causal", "anticausal"]


def test_logits_of_all_heads_and_of_the_first_alone():
    model = loud_model(n_future=3)
    tokens = torch.randint(0, 11, (2, 9))
    logits = model(tokens)
    assert logits.shape == (2, 9, 3, 11)
    assert torch.equal(model(tokens, n_future=1), logits[:, :, :1])


@pytest.mark.parametrize("head_order", ORDERS)
def test_no_position_sees_the_future_and_every_one_sees_the_past(head_order):
    model = loud_model(n_future=3, head_order=head_order)
    tokens = torch.randint(0, 11, (1, 12))
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 11
    difference = (model(tokens) - model(changed)).abs().amax(dim=(0, 2, 3))  # (T,)
    assert torch.equal(difference[:5], torch.zeros(5, dtype=torch.float64))
    assert (difference[5:] > 1e-3).all()


def test_rotary_positions_depend_on_distance_alone():
    cfg = mtp.ModelConfig(vocab_size=5, dim=16, n_attention_heads=2, n_layers=6)
    rope = rope_table(cfg, 50)  # (2, 50, E)
    q, k = torch.randn(2, 1, 1, 1, cfg.head_dim, dtype=torch.float64)

    def score(i, j):
        return (rotate(q, rope[:, i : i + 1]) * rotate(k, rope[:, j : j + 1])).sum()

    assert torch.allclose(score(7, 3), score(44, 40), atol=1e-12)
    assert not torch.allclose(score(7, 3), score(7, 4), atol=1e-3)


@pytest.mark.parametrize("head_type", ["transformer", "linear"])
@pytest.mark.parametrize("head_order", ORDERS)
def test_cached_forward_equals_uncached(head_order, head_type):
    model = loud_model(n_future=3, head_order=head_order, head_type=head_type)
    tokens = torch.randint(0, 11, (2, 30))
    decoder = BlockDecoder(model, 3, rows=2, places=30)
    pieces = []
    for start, end in ((0, 11), (11, 12), (12, 20), (20, 30)):
        positions = torch.arange(start, end).expand(2, -1)
        latents = decoder.latents(tokens[:, start:end], positions)
        pieces.append(torch.stack([model.unembed(x, head) for head, x in enumerate(latents)], dim=2))
    assert torch.allclose(torch.cat(pieces, dim=1), model(tokens), rtol=0, atol=1e-11)


def test_grouped_keys_equal_repeated_ones():
    grouped = loud_model(n_kv_heads=2)
    full = loud_model(n_kv_heads=4)
    weights = grouped.state_dict()
    for name, tensor in weights.items():
        if "wk" in name or "wv" in name:  # each of the two key heads serves two query heads in a row
            weights[name] = tensor.view(2, 8, 32).repeat_interleave(2, dim=0).reshape(32, 32)
    full.load_state_dict(weights)
    tokens = torch.randint(0, 11, (2, 15))
    assert torch.allclose(grouped(tokens), full(tokens), rtol=0, atol=1e-11)


def test_initial_weights_follow_the_seed():
    cfg = mtp.ModelConfig(vocab_size=9)
    one, same, other = (mtp.MultiTokenModel(cfg, seed=seed).embedding.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_the_embedding_alone_begins_with_its_own_standard_deviation():
    shape = {"vocab_size": 999, "dim": 64, "n_layers": 3, "n_future": 2}
    usual, large = (dict(mtp.MultiTokenModel(mtp.ModelConfig(**shape, embedding_std=std)).named_parameters())
                    for std in (None, 1.0))  # fmt: skip
    assert abs(usual["embedding.weight"].std() - 64**-0.5) < 0.01 and abs(large["embedding.weight"].std() - 1) < 0.01
    assert all(torch.equal(usual[name], large[name]) for name in usual if name != "embedding.weight")


def test_bad_input_is_named():
    model = loud_model(n_future=2)
    with pytest.raises(ValueError, match="token id 11 is outside the vocabulary of 11"):
        model(torch.tensor([[3, 11]]))
    with pytest.raises(ValueError, match="token id -1"):
        model(torch.tensor([[-1, 3]]))
    with pytest.raises(ValueError, match="97 tokens.*max_seq_len=96"):
        model(torch.zeros(1, 97, dtype=torch.long))
    with pytest.raises(ValueError, match=r"shape \(B, T\)"):
        model(torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="float"):
        model(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="uint8"):  # bytes read from a file, say
        model(torch.zeros(1, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="n_future=3 must be from 1 to 2"):
        model(torch.zeros(1, 4, dtype=torch.long), n_future=3)

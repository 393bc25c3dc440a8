"""Attention heads: patterns against the model's own output, scores against slow recounts, ablation."""

import copy
import functools

import pytest
import torch
from core.small_models import loud_model
from einops import rearrange

import mtp_edu as mtp
from mtp_edu import attention_heads
from mtp_edu.attention_heads import AttentionHead, ablated, attention_patterns, head_1_blocks
from mtp_edu.tasks import RepeatTask
from mtp_edu.tasks.induction import Item

KINDS = {
    "plain": {"n_kv_heads": 4},
    "grouped": {"n_kv_heads": 2},
    "one for all": {"n_kv_heads": 1},
    "anticausal": {"n_future": 3, "head_order": "anticausal", "layers_per_head": 2},
    "linear": {"n_future": 2, "head_type": "linear"},
}


def random_tokens(rows=2, length=17):
    return torch.randint(0, 11, (rows, length), generator=torch.Generator().manual_seed(1))


def recorded(modules, run):
    """Inputs and outputs of modules while `run` runs."""
    seen = []
    hooks = [module.register_forward_hook(lambda _, args, out: seen.append((args[0], out))) for module in modules]
    run()
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_give_the_models_own_output(kind):
    model, tokens = loud_model(**KINDS[kind]), random_tokens()
    patterns = attention_patterns(model, tokens)
    blocks = head_1_blocks(model)
    seen = recorded([block.attention for block in blocks], lambda: model(tokens, n_future=1))
    assert len(patterns) == len(blocks) == len(seen)
    for block, pattern, (x, out) in zip(blocks, patterns, seen):
        v = rearrange(block.attention.wv(x), "b t (h e) -> b h t e", e=8).repeat_interleave(
            4 // model.cfg.n_kv_heads, dim=1
        )
        mine = block.attention.wo(rearrange(pattern @ v, "b h t e -> b t (h e)"))
        assert torch.allclose(mine, out, rtol=0, atol=1e-12)
        assert torch.allclose(pattern.sum(-1), torch.ones(2, 4, 17, dtype=torch.float64), rtol=0, atol=1e-12)
        assert (pattern.triu(1) == 0).all() and (pattern >= 0).all()
        assert pattern[:, :, 5:].std() > 0.05, "attention that ignores its text proves nothing"


def test_layers_are_the_blocks_on_the_way_of_head_1():
    model = loud_model(n_future=3, head_order="anticausal")
    assert head_1_blocks(model) == [*model.trunk, *model.heads[2], *model.heads[1], *model.heads[0]]
    for order in ("parallel", "causal"):
        model = loud_model(n_future=3, head_order=order)
        assert head_1_blocks(model) == [*model.trunk, *model.heads[0]]
    model = loud_model(n_future=3, head_type="linear")
    assert head_1_blocks(model) == [*model.trunk]


def test_prefix_matching_against_a_slow_recount():
    model, length = loud_model(), 9
    drawn = []
    model.register_forward_pre_hook(lambda _, args: drawn.append(args[0]))
    scores = attention_heads.prefix_matching(model, ids=range(1, 11), rows=3, length=length, seed=4)
    tokens = drawn[0]
    assert tokens.shape == (3, 18) and scores.shape == (4, 4) and 0 not in tokens
    for row in tokens.tolist():
        assert row[:length] == row[length:] and len({*row}) == length
    for layer, pattern in enumerate(attention_patterns(model, tokens)):
        for head in range(4):
            weights = [
                float(pattern[b, head, t, s])
                for b, row in enumerate(tokens.tolist())
                for t in range(length, 2 * length)
                for s in range(1, t + 1)
                if row[s - 1] == row[t] and s - 1 < t
            ]
            assert len(weights) == 3 * length
            assert float(scores[layer, head]) == pytest.approx(sum(weights) / len(weights))
    again = attention_heads.prefix_matching(model, ids=range(1, 11), rows=3, length=length, seed=4)
    other = attention_heads.prefix_matching(model, ids=range(1, 11), rows=3, length=length, seed=5)
    assert torch.equal(scores, again) and not torch.equal(scores, other)


def looking_back(monkeypatch, *distances):
    """From now on head h of the one layer looks distances[h] places back."""

    def patterns(_model, tokens):
        rows, places = tokens.shape
        one = torch.zeros(rows, len(distances), places, places)
        for head, distance in enumerate(distances):
            for t in range(places):
                one[:, head, t, max(0, t - distance)] = 1
        return [one]

    monkeypatch.setattr(attention_heads, "attention_patterns", patterns)


def test_a_match_one_place_off_scores_nothing(monkeypatch):
    model = loud_model()
    looking_back(monkeypatch, 7, 6, 8, 1, 0)  # the right place, the one after, the same token, just before, itself
    scores = attention_heads.prefix_matching(model, length=8, rows=2)
    assert scores.tolist() == [[1, 0, 0, 0, 0]]


def test_a_head_that_looks_just_before(monkeypatch):
    looking_back(monkeypatch, 0, 1, 2)
    found = attention_heads.previous_token(loud_model(), length=9)[0]
    assert found.tolist() == [0, 1, pytest.approx(1 / 8)]  # the second token can look no further back than the first


def test_matching_in_stories_adds_what_followed_every_earlier_mention(monkeypatch):
    # 8 9 is a name, 7 9 another one that shares its second token
    #         0  1  2  3  4  5  6  7  8  9  10
    tokens = (7, 9, 8, 9, 1, 8, 9, 2, 3, 8, 9)
    looking_back(monkeypatch, 2, 3, 6, 4, 7)
    items = [Item(tokens, (6, 10)), Item(tokens[:7], (6,))]
    # From the name at 5 the token after its first mention stands 2 back; from the one at 9 they stand 3 and 6 back.
    assert attention_heads.name_matching(loud_model(), items)[0].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0, 0])
    with pytest.raises(ValueError, match="no items"):
        attention_heads.name_matching(loud_model(), [])


@pytest.mark.parametrize(("sign", "score"), [(1, 1), (-1, 0)])
def test_copying_of_a_head_that_writes_what_it_attends_to_or_its_opposite(sign, score):
    cfg = mtp.ModelConfig(vocab_size=32, dim=32, n_layers=2, n_attention_heads=1, n_future=1, tie_embeddings=True)
    model = mtp.MultiTokenModel(cfg).double()
    with torch.no_grad():
        torch.nn.init.orthogonal_(model.embedding.weight)
        model.trunk[0].attention.wv.weight.copy_(torch.eye(32))
        model.trunk[0].attention.wo.weight.copy_(sign * torch.eye(32))
    assert attention_heads.copying(model, length=16)[0].tolist() == pytest.approx([score], abs=1e-9)


def test_copying_against_a_slow_recount():
    model, length = loud_model(), 6
    with torch.no_grad():
        model.norm.weight.copy_(torch.rand(32))
    drawn = []
    model.register_forward_pre_hook(lambda _, args: drawn.append(args[0]))
    scores = attention_heads.copying(model, ids=range(2, 11), rows=2, length=length)
    tokens = drawn[0]
    seen = recorded([block.attention for block in head_1_blocks(model)], lambda: model(tokens, n_future=1))
    for layer, (block, (x, _)) in enumerate(zip(head_1_blocks(model), seen)):
        for head in range(4):
            values = block.attention.wv(x)[..., 8 * (head // 2) : 8 * (head // 2) + 8]
            own = raised = 0.0
            for b, row in enumerate(tokens.tolist()):
                for t in range(length):
                    written = block.attention.wo.weight[:, 8 * head : 8 * head + 8] @ values[b, t]
                    logits = model.unembeddings[0].weight[row] @ (model.norm.weight * written)
                    up = (logits - logits.mean()).clamp(min=0)
                    own, raised = own + up[t].item(), raised + up.sum().item()
            assert float(scores[layer, head]) == pytest.approx(own / raised)


def test_scores_of_an_untrained_model_are_near_chance():
    cfg = mtp.ModelConfig(vocab_size=64, dim=64, n_layers=4, n_attention_heads=4, n_future=1)
    model = mtp.MultiTokenModel(cfg)
    for score, chance in ((attention_heads.prefix_matching, 0.022), (attention_heads.copying, 1 / 32)):
        found = score(model)
        assert found.shape == (4, 4)
        assert (found - chance).abs().max() < 0.03 and float(found.mean()) == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 12}, "length=12 must be from 2 to 11"),
        ({"ids": [3, 3, 4], "length": 3}, "length=3 must be from 2 to 2"),
        ({"length": 1}, "length=1"),
    ],
)
def test_random_rows_need_enough_ids(arguments, message):
    for score in (attention_heads.prefix_matching, attention_heads.previous_token, attention_heads.copying):
        with pytest.raises(ValueError, match=message):
            score(loud_model(), **arguments)


def test_a_head_at_zero_is_a_head_whose_output_matrix_is_zero():
    model, tokens = loud_model(n_future=2), random_tokens()
    heads = [AttentionHead(0, 1), AttentionHead(3, 0), AttentionHead(3, 2), AttentionHead(5, 3)]
    cut = copy.deepcopy(model)
    with torch.no_grad():
        for layer, head in heads:
            head_1_blocks(cut)[layer].attention.wo.weight[:, 8 * head : 8 * head + 8] = 0
    with ablated(model, heads, to="zero") as same:
        assert same is model
        found = model(tokens, n_future=1)
    assert torch.allclose(found, cut(tokens, n_future=1), rtol=0, atol=1e-10)
    assert not torch.allclose(found, model(tokens, n_future=1), atol=0.1)


def test_without_any_head_a_block_is_its_feed_forward():
    model, tokens = loud_model(), random_tokens()
    block, x = model.trunk[1], torch.randn(2, 17, 32, dtype=torch.float64)
    with ablated(model, [AttentionHead(1, head) for head in range(4)], to="zero"):
        found = block(x, model.context(tokens))
    assert torch.allclose(found, x + block.feed_forward(block.ffn_norm(x)), rtol=0, atol=1e-12)


def test_the_mean_is_over_this_calls_batch_and_positions():
    model, tokens = loud_model(), random_tokens()
    wo = model.trunk[0].attention.wo
    ((before, _),) = recorded([wo], lambda: model(tokens))
    with ablated(model, [AttentionHead(0, 2)]):
        ((after, _),) = recorded([wo], lambda: model(tokens))
        ((fewer, _),) = recorded([wo], lambda: model(tokens[:1, :5]))
    mean = before[..., 16:24].mean((0, 1))
    assert torch.allclose(after[..., 16:24], mean.expand(2, 17, 8), rtol=0, atol=1e-12)
    assert torch.equal(after[..., :16], before[..., :16]) and torch.equal(after[..., 24:], before[..., 24:])
    assert torch.allclose(fewer[..., 16:24], before[:1, :5, 16:24].mean((0, 1)).expand(1, 5, 8), rtol=0, atol=1e-12)
    assert mean.abs().max() > 1e-3 and not torch.allclose(after, before, atol=1e-3)


def hooks_of(model):
    return [module for module in model.modules() if module._forward_pre_hooks or module._forward_hooks]


def test_nothing_is_left_behind():
    model, tokens = loud_model(), random_tokens()
    before = model(tokens)
    with pytest.raises(ZeroDivisionError), ablated(model, [AttentionHead(0, 0), AttentionHead(2, 1)]):
        assert len(hooks_of(model)) == 2
        raise ZeroDivisionError
    assert not hooks_of(model) and torch.equal(model(tokens), before)
    with pytest.raises(ValueError, match="int64 or int32"):
        attention_patterns(model, tokens.float())
    with pytest.raises(ValueError, match="there is no attention head"):
        ablated(model, [AttentionHead(0, 0), AttentionHead(7, 0)]).__enter__()
    assert not hooks_of(model)


def test_gradients_pass_through_the_heads_that_are_left():
    model, tokens = loud_model(), random_tokens()
    with ablated(model, [AttentionHead(0, 0)], to="zero"):
        model(tokens, n_future=1).square().mean().backward()
    gradient = model.trunk[0].attention.wq.weight.grad
    assert (gradient[:8] == 0).all() and (gradient[8:].abs().sum(1) > 0).all()


@pytest.mark.parametrize("head", [(7, 0), (0, 4), (-1, 0), (0, -1)])
def test_heads_that_do_not_exist_are_refused(head):
    message = f"no attention head {head[1]} in layer {head[0]}: .* layers 0 to 3 with heads 0 to 3"
    with pytest.raises(ValueError, match=message), ablated(loud_model(n_future=4), [AttentionHead(*head)]):
        pass


def test_another_replacement_is_refused():
    with pytest.raises(ValueError, match="to='noise'"), ablated(loud_model(), [], to="noise"):
        pass


def test_the_best_heads_and_random_others():
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.2, 0.9]])
    best = attention_heads.induction_heads(scores, 3)
    assert best == [(0, 1), (1, 2), (1, 0)] and best[0].layer == 0 and best[0].head == 1
    sets = attention_heads.other_heads(scores, best, 2, draws=40)
    assert len(sets) == 40 and {head for drawn in sets for head in drawn} == {(0, 0), (0, 2), (1, 1)}
    assert all(len({*drawn}) == 2 for drawn in sets) and len({tuple(drawn) for drawn in sets}) == 3
    assert sets == attention_heads.other_heads(scores, best, 2, draws=40)
    assert sets != attention_heads.other_heads(scores, best, 2, draws=40, seed=1)
    for count in (0, 7):
        with pytest.raises(ValueError, match=f"count={count} must be from 1 to 6"):
            attention_heads.induction_heads(scores, count)
    for count, draws in ((4, 1), (0, 1), (1, 0)):
        with pytest.raises(ValueError, match=f"count={count}, draws={draws}: .* 1 to 3 heads"):
            attention_heads.other_heads(scores, best, count, draws)


REPEATS = RepeatTask(shortest=4)


@functools.cache
def trained():
    """Two layers of two heads that have learnt to repeat; in float64, so that all machines walk the same way."""
    cfg = mtp.ModelConfig(vocab_size=32, dim=32, n_layers=2, n_attention_heads=2, max_seq_len=32, n_future=1)
    config = mtp.TrainConfig(
        steps=600, batch_size=32, learning_rate=8e-3, warmup_steps=20, decay_ratio=1.0, clip_norm=1e3,
        weight_decay=0.01, device="cpu", dtype="float64",
    )  # fmt: skip
    model = mtp.MultiTokenModel(cfg, seed=0)
    for event in mtp.train(model, REPEATS.windows(600 * 32), config, quiet=True):
        if event.step % 50 == 0 and REPEATS.accuracy(model) > 0.98:
            return model
    raise AssertionError("no induction after 600 steps")


def test_a_trained_models_induction_heads_are_found_and_needed():
    model = trained()
    matching = attention_heads.prefix_matching(model, length=16)
    before = attention_heads.previous_token(model, length=16)
    best, second = attention_heads.induction_heads(matching, 2)
    (helper,) = attention_heads.induction_heads(before, 1)
    assert matching[best] > 0.5 and best.layer == 1
    assert attention_heads.prefix_matching(model, length=11)[best] > 0.5, "whatever the distance"
    assert before[helper] > 0.5 and helper.layer == 0, "it takes a head that looks one token back"
    assert attention_heads.copying(model, length=16)[best] > 4 / 16
    whole = REPEATS.accuracy(model)
    for to in ("mean", "zero"):
        found = []
        for heads in [[best], [best, second], *attention_heads.other_heads(matching, [best, helper], 1, draws=6)]:
            with ablated(model, heads, to):
                found.append(whole - REPEATS.accuracy(model))
        one, both, *others = found
        assert one > 0.3 and both > 0.8, "ablating the induction heads must hurt"
        assert max(others) < one / 2, "ablating another must not"
    assert REPEATS.accuracy(model) == whole > 0.98

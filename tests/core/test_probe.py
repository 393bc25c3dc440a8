"""What the probes say, against slow recounts."""

import math

import pytest
import torch
from core.small_models import riddle, trained_model

import mtp_edu as mtp
from mtp_edu import probe
from mtp_edu.decode import DraftTree


def windows_of_riddles():
    tokens = riddle(6, 44, seed=77)
    return mtp.corpus.Windows(tokens.flatten().numpy(), length=40, n_future=4, vocab_size=12, eos_id=11)


def test_acceptance_against_a_slow_recount():
    model, dataset = trained_model(), windows_of_riddles()
    found = probe.acceptance(model, dataset)
    counts = {"main": [0] * 3, "text": [0] * 3, "main all": [0] * 3, "text all": [0] * 3}
    places = 0
    for i in range(len(dataset)):
        tokens, targets = dataset.batch([i])
        logits = model(tokens)[0]
        for t in range(40 - 3):
            if (targets[0, t] == -100).any():
                continue
            places += 1
            for kind in ("main", "text"):
                good = True
                for k in (2, 3, 4):
                    draft = int(logits[t, k - 1].argmax())
                    truth = int(logits[t + k - 1, 0].argmax()) if kind == "main" else int(targets[0, t, k - 1])
                    counts[f"{kind} all"][k - 2] += draft == truth
                    good = good and draft == truth
                    counts[kind][k - 2] += good
    assert found.places == places > 50
    for kind, own in (("main", found.main), ("text", found.text)):
        assert own.cumulative == pytest.approx([c / places for c in counts[kind]])
        assert own.alone == pytest.approx([c / places for c in counts[f"{kind} all"]])
        assert own.tokens_per_forward == pytest.approx(1 + sum(counts[kind]) / places)
        assert own.conditional[0] == own.cumulative[0]
        assert own.conditional[1] == pytest.approx(own.cumulative[1] / own.cumulative[0])
    assert 0.2 < found.main.cumulative[0] < 1 and found.main != found.text


def test_teacher_forced_acceptance_is_what_decoding_along_the_text_commits():
    """Along the model's own greedy text both truths are the same, and every place drafts as decoding would there."""
    model = trained_model()
    prompt = riddle(1, 4, seed=3)[0].tolist()
    text = prompt + mtp.generate(model, prompt, 80).tokens
    dataset = mtp.corpus.Windows(torch.tensor(text).numpy(), length=80, n_future=4, vocab_size=12, eos_id=11)
    found = probe.acceptance(model, dataset)
    assert found.accuracy[0] > 0.95
    assert found.main.tokens_per_forward == pytest.approx(found.text.tokens_per_forward, abs=0.1)


class WithoutFloat64(torch.Tensor):
    """A tensor as on MPS: what is computed from it is one, too, until it has come back to the CPU."""

    def double(self):
        raise TypeError("no float64 here")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_devices_without_float64_are_measured_on_the_cpu(monkeypatch):
    model, prompt, dataset = trained_model(), riddle(1, 4, seed=3)[0].tolist(), windows_of_riddles()
    out = mtp.generate(model, prompt, 20)

    def measured():
        return probe.exactness(model, prompt, out), probe.acceptance(model, dataset), probe.draft_ranks(model, dataset)

    right, unembed = measured(), mtp.MultiTokenModel.unembed
    monkeypatch.setattr(
        mtp.MultiTokenModel, "unembed", lambda self, *latents: unembed(self, *latents).as_subclass(WithoutFloat64)
    )
    assert isinstance(model(torch.tensor([prompt])), WithoutFloat64)
    *found, ranks = measured()
    assert found == list(right[:2]) and torch.equal(ranks, right[2])


def test_head_predictions_are_the_models():
    model = trained_model()
    tokens = riddle(1, 20, seed=5)[0].tolist()
    found = probe.head_predictions(model, tokens, top_k=3)
    p = model(torch.tensor([tokens]))[0].softmax(-1)
    assert found.top_ids.shape == (20, 4, 3)
    for t in range(20):
        for k in range(1, 5):
            own = p[t, k - 1].detach()
            assert found.top_ids[t, k - 1, 0] == own.argmax()
            assert float(found.entropy[t, k - 1]) == pytest.approx(-float((own * own.log()).sum()), rel=1e-4)
            if t + k < 20:
                true = tokens[t + k]
                assert int(found.target_rank[t, k - 1]) == int((own > own[true]).sum())
                assert float(found.surprise[t, k - 1]) == pytest.approx(-math.log(float(own[true])), rel=1e-4, abs=1e-5)
            else:
                assert found.target_rank[t, k - 1] == -1 and math.isnan(found.surprise[t, k - 1])
    with pytest.raises(ValueError, match="empty"):
        probe.head_predictions(model, [])


def test_repeated_share():
    assert probe.repeated_share(list(range(50))) == 0
    assert probe.repeated_share([1, 2] * 30, size=8) == pytest.approx(1 - 2 / 53)
    assert probe.repeated_share([1, 2]) == 0


def test_report_counts_bytes_and_bits():
    cfg = mtp.ModelConfig(vocab_size=257, n_layers=4, n_future=2)
    report = probe.report(mtp.MultiTokenModel(cfg), mtp.ByteTokenizer(), ["some text, é, " * 40], length=32, prompts=2)
    assert report.bytes_per_token == pytest.approx(15 * 40 / (15 * 40 + 1))
    assert report.losses[0] == pytest.approx(math.log(257), rel=0.2)
    assert report.bits_per_byte == pytest.approx(report.losses[0] / math.log(2) * 601 / 600)
    assert "bits per byte" in report.markdown() and report.markdown().count("\n| 2 |") == 1


def test_draft_ranks_and_overlap_against_a_slow_recount():
    model, dataset = trained_model(), windows_of_riddles()
    ranks, overlaps = [], []
    for i in range(len(dataset)):
        tokens, targets = dataset.batch([i])
        p = model(tokens)[0].softmax(-1)
        for t in range(40 - 3):
            if (targets[0, t] == -100).any():
                continue
            ranks.append([])
            overlaps.append([])
            for k in (2, 3, 4):
                main, head = p[t + k - 1, 0], p[t, k - 1]
                ranks[-1].append(head.argsort(descending=True).tolist().index(int(main.argmax())))
                overlaps[-1].append(sum(min(float(a), float(b)) for a, b in zip(main, head, strict=True)))
    found = probe.draft_ranks(model, dataset)
    assert found.tolist() == ranks
    accepted = probe.acceptance(model, dataset)
    assert accepted.overlap == pytest.approx([sum(column) / len(column) for column in zip(*overlaps, strict=True)])
    # The line of first choices is the tree of one candidate per head.
    line = DraftTree.full([1, 1, 1])
    assert line.tokens_per_forward(found) == pytest.approx(accepted.main.tokens_per_forward)
    best = DraftTree.sparse(found, budget=16)
    assert best.tokens_per_forward(found) > 1.1 * line.tokens_per_forward(found)


def test_a_head_that_says_what_the_main_head_says_is_always_kept():
    """Overlap 1 where q = p: a model with one head judged by itself one place on."""
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=12, n_layers=3, n_future=2, max_seq_len=64)).double()
    with torch.no_grad():
        model.unembeddings[0].weight.zero_()  # every head holds all tokens equally likely
    tokens = riddle(2, 44, seed=1).flatten().numpy()
    found = probe.acceptance(model, mtp.corpus.Windows(tokens, length=40, n_future=2, vocab_size=12, eos_id=11))
    assert found.overlap == pytest.approx([1.0])


def test_no_place_to_judge_is_refused():
    ends = torch.full((84,), 11).numpy()  # every token ends a document
    dataset = mtp.corpus.Windows(ends, length=40, n_future=4, vocab_size=12, eos_id=11)
    for measure in (probe.acceptance, probe.draft_ranks):
        with pytest.raises(ValueError, match="inside one document"):
            measure(trained_model(), dataset)


def test_free_running_is_reported_greedily_and_drawn():
    cfg = mtp.ModelConfig(vocab_size=257, n_layers=4, n_future=2)
    report = probe.report(mtp.MultiTokenModel(cfg), mtp.ByteTokenizer(), ["some text, é, " * 40] * 3, length=64)
    greedy, drawn = report.free
    assert (greedy.temperature, drawn.temperature) == (0.0, 0.8)
    assert 1 <= drawn.tokens_per_forward <= 2 and greedy.repetition >= drawn.repetition
    assert "temperature 0.8, 3 prompts" in report.markdown()

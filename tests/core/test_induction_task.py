"""Induction: names are two tokens wherever they stand, held-out pairs stay held out, and every later mention counts."""

import collections
import re

import pytest
import torch
from core.small_models import loud_model

import mtp_edu as mtp
from mtp_edu import stories
from mtp_edu.tasks import InductionTask
from mtp_edu.tasks.induction import Item, accuracy, name_parts

TASK = InductionTask(seed=1)
SPLITS = ("train", "validation", "test")


def names_in(text: str, task: InductionTask = TASK) -> list[str]:
    """The two-part names of a text, found in its letters alone."""
    firsts, seconds = name_parts(task.parts)
    return re.findall(rf"(?:{'|'.join(firsts)})(?:{'|'.join(seconds)})", text)


def first_names_in(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Z]\w+", text) if word in stories.NAMES]


def test_a_name_is_exactly_two_tokens_wherever_it_stands():
    tok = TASK.tokenizer
    assert tok.vocab_size == 1024
    frames = ("NAME", " NAME ran", "said NAME.", '"NAME! NAME!"', "Aunt NAME's hat", "\n\nNAME", "xNAMEx", "NAMENAME")
    for i, first in enumerate(name_parts(64)[0]):
        second = name_parts(64)[1][i * 5 % 64]
        for frame in frames:
            text = frame.replace("NAME", first + second)
            assert tok.decode(tok.encode(text)) == text
            pieces = [tok.token_text(token) for token in tok.encode(text)]
            assert pieces.count(first) == pieces.count(second) == frame.count("NAME")
            assert all(pieces[t + 1] == second for t, piece in enumerate(pieces) if piece == first)
    for name in stories.CHARACTER_NAMES:
        assert len(tok.encode(name)) == 1


def test_the_stories_own_text_holds_no_part_of_a_name():
    low = TASK.tokenizer.vocab_size - 2 * TASK.parts
    for document in InductionTask(share=0).stories(600):
        assert max(TASK.tokenizer.encode(document.text)) < low
        assert not any(part in document.text.lower() for half in name_parts(64) for part in map(str.lower, half))


@pytest.mark.parametrize("parts", [16, 50, 64])
def test_pairs_are_disjoint_and_tokens_are_shared(parts):
    task = InductionTask(parts=parts, seed=parts)
    sets = {split: set(task.pairs[split]) for split in SPLITS}
    assert len(set.union(*sets.values())) == sum(map(len, sets.values())) == parts**2
    for split, pairs in sets.items():
        for half in (0, 1):
            counts = collections.Counter(pair[half] for pair in pairs)
            assert set(counts) == set(name_parts(parts)[half])
            assert len(set(counts.values())) == 1, f"{split}: some token occurs more often than another"
    assert task.pairs["train"] != InductionTask(parts=parts, seed=parts + 1).pairs["train"]


def test_stories_use_the_names_of_their_split_and_are_else_unchanged():
    kept = 0
    for k, split in enumerate(SPLITS):
        allowed = {first + second for first, second in TASK.pairs[split]}
        for i, document in enumerate(TASK.stories(150, split)):
            names, original = names_in(document.text), stories.story(3 * TASK.seed + k, i)
            if split == "train" and not names:
                assert document.text == original
                kept += 1
                continue
            assert set(names) <= allowed and not first_names_in(document.text)
            before = first_names_in(original)
            assert len(before) == len(names)
            renamed = dict(zip(before, names))  # the same character, the same name; another one, another first token
            assert [renamed[name] for name in before] == names
            assert len({name[:3] for name in renamed.values()}) == len(renamed)
            for old, new in zip(before, names):
                original = re.sub(rf"\b{old}\b", new, original, count=1)
            assert document.text == original
    assert 100 < kept < 140  # 4 of 5


@pytest.mark.parametrize(("share", "low", "high"), [(0, 0, 0), (0.05, 0.01, 0.1), (0.5, 0.4, 0.6), (1, 1, 1)])
def test_share_of_stories_with_two_token_names(share, low, high):
    texts = [document.text for document in InductionTask(share=share).stories(300)]
    assert low <= sum(bool(names_in(text)) for text in texts) / 300 <= high
    assert all(bool(names_in(text)) != bool(first_names_in(text)) for text in texts)


def test_without_pronouns_names_come_back_twice_as_often():
    plain, named = InductionTask(share=1), InductionTask(share=1, pronouns=False)
    assert plain.pairs == named.pairs
    counts = [sum(len(item.positions) for item in task.items(50)) for task in (plain, named)]
    assert counts[1] > 2 * counts[0]


def test_fresh_pairs_or_a_fixed_list():
    fresh, fixed = InductionTask(share=1), InductionTask(share=1, fixed_pairs=128)
    used = {
        task: collections.Counter(name for d in task.stories(300) for name in set(names_in(d.text)))
        for task in (fresh, fixed)
    }
    assert len(used[fresh]) > 500  # of some 700 characters, by chance from 3,072 pairs
    assert len(used[fixed]) > 120
    assert set(used[fixed]) <= {first + second for first, second in fixed.pairs["train"][:128]}
    for half in (slice(0, 3), slice(3, 6)):
        assert len({name[half] for name in used[fixed]}) == 64  # every token is trained
    assert fixed.pairs == fresh.pairs and fixed.items(3) == fresh.items(3)  # the test is the same


def test_everything_follows_from_the_fields():
    again = InductionTask(seed=1)
    assert again.stories(5) == TASK.stories(12)[:5]
    assert again.items(3) == TASK.items(5)[:3]
    assert InductionTask(seed=2).stories(5) != TASK.stories(5)
    assert {d.text for d in TASK.stories(50)}.isdisjoint(d.text for d in TASK.stories(50, "test"))
    assert TASK.stories(1, "test")[0].name == "stories/induction/seed-1/test/00000"


@pytest.mark.parametrize("length", [None, 120])
def test_positions_are_those_of_the_later_mentions(length):
    """Recounted in the text: a name's every mention but the first, as far as the cut."""
    items = TASK.items(60, length=length)
    assert len(items) == 60
    found = {}
    for document in TASK.stories(200, "test"):
        found[tuple(TASK.tokenizer.encode(document.text))[:length]] = document.text
    places = 0
    for item in items:
        assert length is None or len(item.tokens) <= length
        text = TASK.tokenizer.decode(item.tokens)
        counts = collections.Counter(names_in(text))
        assert found[item.tokens].startswith(text.rstrip("\ufffd"))
        assert len(item.positions) == sum(counts.values()) - len(counts) > 0
        seen = [names_in(TASK.tokenizer.decode(item.tokens[: t + 1])) for t in item.positions]
        for t, names in zip(item.positions, seen):
            assert names[-1] in names[:-1]
            assert TASK.tokenizer.decode(item.tokens[t - 1 : t + 1]) == names[-1]
        places += len(item.positions)
    assert places > 60 * (3 if length is None else 1)


def test_windows_are_the_stories():
    dataset = TASK.windows(20, length=64, n_future=3)
    expected = [*(TASK.tokenizer.encode(TASK.stories(1)[0].text)), TASK.tokenizer.eos_id]
    assert dataset.ids[: len(expected)].tolist() == expected
    targets = dataset.batch([0])[1]
    assert targets[0, :, 2].tolist() == dataset.ids[3:67].tolist()
    assert (dataset.length, dataset.n_future, dataset.vocab_size) == (64, 3, 1024)


class Copier(torch.nn.Module):
    """Says what followed the last time this token stood there: perfect induction. `late`: one place too late."""

    def __init__(self, late: bool = False):
        super().__init__()
        self.late, self.norm = late, torch.nn.LayerNorm(1)
        self.cfg = mtp.ModelConfig(vocab_size=1024, n_future=2, max_seq_len=1024)

    def forward(self, tokens, n_future):
        assert n_future == 1
        logits = torch.zeros(*tokens.shape, 1, 1024)
        for row, own in enumerate(tokens.tolist()):
            followed = {}
            for t, token in enumerate(own):
                if t:
                    followed[own[t - 1]] = token
                if token in followed and t + self.late < len(own):
                    logits[row, t + self.late, 0, followed[token]] = 1
        return logits


def test_perfect_induction_scores_one():
    items = TASK.items(20)
    score = accuracy(Copier(), items, batch_size=7)
    assert score.accuracy == 1 and score.right == score.places == tuple(len(item.positions) for item in items)
    assert accuracy(Copier(late=True), items).accuracy < 0.1


def test_accuracy_against_a_slow_recount():
    """Texts that a model has written itself, with every third token changed: right at some places, wrong at others,
    and the same in every batch."""
    model, draw = loud_model(n_future=2), torch.Generator().manual_seed(0)
    items = []
    for length in (9, 30, 70, 31, 12, 55):
        tokens = [1, length % 7, *mtp.generate(model, [1, length % 7], length, method="autoregressive").tokens]
        tokens[3::3] = torch.randint(0, 11, (len(tokens[3::3]),), generator=draw).tolist()
        items.append(Item(tuple(tokens), tuple(range(2, len(tokens), 2))))
    right = tuple(
        sum(int(model(torch.tensor([item.tokens[:t]]))[0, -1, 0].argmax()) == item.tokens[t] for t in item.positions)
        for item in items
    )
    score = accuracy(model, items, batch_size=4)
    assert score == accuracy(model, items) and score.right == right
    assert score.places == tuple(len(item.positions) for item in items)
    assert 0.1 < score.accuracy == sum(right) / sum(score.places) < 0.9


def test_a_checkpoint_keeps_the_tokenizer(tmp_path):
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=1024, n_layers=3, n_future=2))
    mtp.save(model, tmp_path, tokenizer=TASK.tokenizer)
    text = TASK.stories(1, "test")[0].text
    assert mtp.load(tmp_path)[1].encode(text) == TASK.tokenizer.encode(text)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: InductionTask(share=1.5), "share=1.5"),
        (lambda: InductionTask(parts=8), "parts=8"),
        (lambda: InductionTask(parts=200), "parts=200: there are .* free syllables"),
        (lambda: InductionTask(fixed_pairs=3), "fixed_pairs=3 must lie from 16"),
        (lambda: InductionTask(fixed_pairs=5000), "fixed_pairs=5000"),
        (lambda: InductionTask(vocab_size=500).tokenizer, "vocab_size=500 with"),
        (lambda: TASK.stories(0), "n=0"),
        (lambda: TASK.stories(1, "dev"), "split='dev'"),
        (lambda: TASK.items(0), "count=0"),
        (lambda: TASK.items(5, length=10), "length=10 is too short"),
        (lambda: accuracy(Copier(), []), "no items"),
        (lambda: accuracy(Copier(), [Item((1,) * 1025, (3,))]), r"items\(length=1024\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

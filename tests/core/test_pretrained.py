"""The models that ship: small enough, with a card, and never judged by text that they have learnt from."""

import platform
import re

import pytest
import torch
from safetensors import safe_open

import mtp_edu as mtp
from mtp_edu import checkpoint, corpus, recipes

SHELF = mtp.paths.data_dir() / "pretrained"
MODELS = sorted(folder.name for folder in SHELF.iterdir() if folder.is_dir())
MIB = 2**20


def card(name):
    return (SHELF / name / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def documents():
    """All text of each kind; the first stories of a seed are the same however many are asked for."""
    return {"python": corpus.python_source(), "stories": corpus.stories(1500)}


def test_they_are_small_enough_to_travel():
    sizes = {name: (SHELF / name / checkpoint.MODEL_FILE).stat().st_size / MIB for name in MODELS}
    assert set(sizes) <= set(recipes.RECIPES)
    assert max(sizes.values()) <= 12 and sum(sizes.values()) <= 32, sizes


@pytest.mark.parametrize("name", MODELS)
def test_each_is_what_its_recipe_makes(name):
    recipe, (model, tokenizer) = recipes.RECIPES[name], mtp.load_pretrained(name)
    expected = mtp.ModelConfig(vocab_size=recipe.vocab_size or mtp.ByteTokenizer().vocab_size, **recipe.model)
    assert model.cfg == expected and tokenizer.vocab_size == model.cfg.vocab_size
    info = checkpoint.info(SHELF / name)
    made_with, wanted = info["train_config"], recipe.train.to_dict()
    assert {field: made_with[field] for field in ("steps", "batch_size", "learning_rate", "seed")} == {
        field: wanted[field] for field in ("steps", "batch_size", "learning_rate", "seed")
    }
    with safe_open(SHELF / name / checkpoint.MODEL_FILE, framework="pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.bfloat16}


@pytest.mark.parametrize("name", MODELS)
def test_each_card_says_how_it_was_made_and_what_it_can_do(name):
    text, info = card(name), checkpoint.info(SHELF / name)
    for part in (f"mtp-edu train --recipe {name}", f"{info['tokens']:,} tokens", "seed", "bits per byte", "held out"):
        assert part in text
    heads = re.findall(r"^\| (\d) \| (\d\.\d+) \|", text, re.MULTILINE)
    assert [int(head) for head, _loss in heads] == list(range(1, mtp.load_pretrained(name)[0].cfg.n_future + 1))
    losses = [float(loss) for _head, loss in heads]
    assert losses == sorted(losses)  # further ahead is harder
    assert "(a) along the text" in text and "temperature 0.8" in text and "(c) along the text" in text


@pytest.mark.parametrize("name", MODELS)
def test_held_out_text_was_not_learnt(name, documents):
    """By the record that ships. Files drawn by their name are held out in every Python; their relatives in the same."""
    training, held_out = corpus.split(documents[recipes.RECIPES[name].data])
    seen = checkpoint.seen(SHELF / name, held_out)
    if recipes.RECIPES[name].data == "stories" or f"Python {platform.python_version()}" in card(name):
        assert seen == []
    assert not [own for own in seen if corpus._name_hash(own.name) < 0.05]
    remembered = checkpoint.seen(SHELF / name, training)
    assert len(remembered) > 0.9 * len(training)  # so the record is of this text


@pytest.mark.parametrize("name", [name for name in MODELS if name != "python-1"])  # it has nothing to draft with
def test_each_writes_the_same_text_in_fewer_forwards(name, documents):
    model, tokenizer = mtp.load_pretrained(name)
    held_out = corpus.split(documents[recipes.RECIPES[name].data])[1]
    prompt = tokenizer.encode(held_out[0].text)[:40]
    plain = mtp.generate(model.double(), prompt, 100, method="autoregressive")
    out = mtp.generate(model, prompt, 100)
    assert out.tokens == plain.tokens
    assert out.tokens_per_forward > 1.2
    assert mtp.probe.repeated_share(out.tokens) < 0.7


def test_text_that_was_learnt_is_recognised_by_its_words_and_by_its_name(tmp_path):
    learnt = [corpus.Document("a.py", "one"), corpus.Document("b\n.py", "two")]
    checkpoint.record_documents(tmp_path, learnt)
    first = (tmp_path / checkpoint.DOCUMENTS_FILE).read_bytes()
    same_text, same_name = corpus.Document("c.py", "one"), corpus.Document("b\n.py", "three")
    others = [corpus.Document("d.py", "four"), corpus.Document("e.py", "")]
    assert checkpoint.seen(tmp_path, [*others, same_text, same_name]) == [same_text, same_name]
    checkpoint.record_documents(tmp_path, learnt)
    assert (tmp_path / checkpoint.DOCUMENTS_FILE).read_bytes() == first
    assert checkpoint.seen(tmp_path / "no record", learnt) == []


def test_a_finished_trial_does_not_pass_for_the_whole_run(tmp_path, monkeypatch):
    shape = {"dim": 16, "n_layers": 3, "n_attention_heads": 2, "n_future": 2}
    whole = mtp.TrainConfig(steps=4, batch_size=1)
    recipe = recipes.Recipe("toy", "stories", vocab_size=None, length=32, model=shape, train=whole, stories=400)
    monkeypatch.setitem(recipes.RECIPES, "toy", recipe)
    assert recipes.make("toy", tmp_path / "run", tmp_path / "trial", steps=2)
    with pytest.raises(ValueError, match="a finished run of 2 steps, this one has 4"):
        recipes.make("toy", tmp_path / "run", tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()
    assert recipes.make("toy", tmp_path / "run", tmp_path / "again", resume=True, steps=2)
    with pytest.raises(ValueError, match="trial holds another model"):  # of two steps
        recipes.make("toy", tmp_path / "other", tmp_path / "trial")
    model, again = (mtp.load(tmp_path / name)[0] for name in ("trial", "again"))
    assert all(map(torch.equal, model.parameters(), again.parameters()))


def test_a_recipe_that_would_be_judged_by_its_training_text_is_refused(tmp_path, monkeypatch):
    shape = {"dim": 16, "n_layers": 3, "n_attention_heads": 2, "n_future": 2}
    once = mtp.TrainConfig(steps=1, batch_size=1)
    recipe = recipes.Recipe("toy", "stories", vocab_size=None, length=32, model=shape, train=once, stories=40)
    monkeypatch.setitem(recipes.RECIPES, "toy", recipe)
    monkeypatch.setattr(corpus, "split", lambda documents: (documents, documents[:2]))
    with pytest.raises(ValueError, match="2 held-out documents are in the training data"):
        recipes.make("toy", tmp_path / "run", tmp_path / "out")

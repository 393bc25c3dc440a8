"""The head explorer: views, pages, two models, texts that are too long, foreign or odd."""

import math
from types import SimpleNamespace

import pytest
import torch
from core.figure_reader import Reader

import mtp_edu as mtp
from mtp_edu import probe, views

CODE = "def read(self, size=-1):\n    if self.closed:\n        raise ValueError('closed file')\n    return size\n"
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα."
CHINESE = "人人生而自由，在尊严和权利上一律平等。"
FRENCH = "Le comité se réunira jeudi pour décider si la proposition doit être acceptée, et ce qu'elle coûterait."
PROSE = "The committee will meet on Thursday to discuss whether the proposal should be accepted, and what it costs."


class Counted:
    """A model that counts its forwards."""

    def __init__(self, model):
        self.model, self.cfg, self.norm, self.forwards = model, model.cfg, model.norm, 0

    def __call__(self, tokens):
        self.forwards += 1
        return self.model(tokens)


def byte_model(n=3, window=64, seed=0):
    cfg = mtp.ModelConfig(vocab_size=257, dim=16, n_layers=n + 1, n_attention_heads=2, n_future=n, max_seq_len=window)
    return Counted(mtp.MultiTokenModel(cfg, seed=seed))


@pytest.fixture(scope="module")
def python_4():
    return mtp.load_pretrained("python-4")


def test_the_view_changes_without_asking_the_model_again():
    model = byte_model()
    panel = views.HeadExplorer(model, mtp.ByteTokenizer(), "the fox ran over the hill")
    assert model.forwards == 1 and Reader(panel.static()).with_class("mtp-wrong")
    panel.view.value = "surprise"
    page = Reader(panel.static())
    assert page.with_class("mtp-surprise") and not page.with_class("mtp-wrong") and "of the true token" in page.text
    panel.view.value = "entropy"
    assert Reader(panel.static()).with_class("mtp-entropy") and model.forwards == 1
    panel.text.value = "another text"
    assert "fox" in panel.static().text  # until the button is pressed
    panel.button.click()
    assert "another" in panel.static().text and model.forwards == 2


def test_the_bits_are_those_of_the_model():
    model, tokens = byte_model(), list(b"the fox ran over the hill")
    panel = views.HeadExplorer(model, mtp.ByteTokenizer(), bytes(tokens).decode())
    log_p = model(torch.tensor([tokens]))[0].detach().log_softmax(-1) / math.log(2)  # (T, n, V)
    for head in (1, 2, 3):
        own = [-float(log_p[t, head - 1, tokens[t + head]]) for t in range(len(tokens) - head)]
        entropy = -(log_p.exp2() * log_p).sum(-1)[: len(own), head - 1].mean()
        line = next(line for line in panel.static().text.splitlines() if line.startswith(f"head {head}: "))
        assert f"mean surprise {sum(own) / len(own):.2f} bits, mean entropy {entropy:.2f} bits" in line
    third = Reader(panel.static()).with_class("mtp-token")[3][1]["aria-label"]
    assert f"head 1 wrong, {-float(log_p[2, 0, tokens[3]]):.1f} bits" in third


def test_a_long_text_has_pages():
    model = byte_model(window=600)
    panel = views.HeadExplorer(model, mtp.ByteTokenizer(), "words and lines\n" * 36)
    assert panel.page.max == 3 and panel.page.layout.display != "none" and "Page 1 of 3" in panel.static().text
    first = panel.static().html
    panel.page.value = 2
    assert "Page 2 of 3" in panel.static().text and panel.static().html != first and model.forwards == 1
    panel.text.value = "short"
    panel.button.click()
    assert panel.page.max == panel.page.value == 1 and panel.page.layout.display == "none"
    assert "short" in panel.static().text.splitlines()[0]


def test_few_heads_leave_room_for_longer_pages():
    model = byte_model(n=1, window=600)
    panel = views.HeadExplorer(model, mtp.ByteTokenizer(), "words and lines\n" * 36)
    for page in range(1, panel.page.max + 1):
        panel.page.value = page
        assert f"Page {page} of {panel.page.max}" in panel.static().text


def test_after_an_error_any_control_shows_the_mended_text():
    panel = views.HeadExplorer(byte_model(window=600), mtp.ByteTokenizer(), "words and lines\n" * 36)
    panel.text.value = ""
    panel.button.click()
    assert panel.page.max == 1
    panel.text.value = "words and lines\n" * 36
    panel.view.value = "surprise"
    assert panel.page.max == 3 and panel.page.layout.display != "none"


def test_a_text_shorter_than_the_heads_reach_has_no_scores_for_them():
    panel = views.HeadExplorer(byte_model(n=8), mtp.ByteTokenizer(), "Once")
    lines = panel.static().text.splitlines()
    assert [f"head {head}: the text is too short" in lines for head in range(1, 9)] == 3 * [False] + 5 * [True]
    shares = Reader(panel.static()).text.split("in the top 5", 2)[-1]
    assert "100%" not in shares and "nan" not in panel.static().text


def test_another_models_tokenizer_is_refused():
    cfg = mtp.ModelConfig(vocab_size=97, dim=16, n_layers=2, n_attention_heads=2, n_future=1)
    with pytest.raises(ValueError, match="the tokenizer has 257 tokens and the model 97"):
        views.HeadExplorer(mtp.MultiTokenModel(cfg), mtp.ByteTokenizer(), "the fox")


def test_the_first_token_of_two_models_is_called_that():
    tok = mtp.ByteTokenizer()
    panel = views.HeadExplorer(byte_model(), tok, "the fox", compare=("b", byte_model(seed=1), tok))
    labels = [own["aria-label"] for _, own in Reader(panel.static()).with_class("mtp-token")]
    assert labels[0] == "t: the first token" and labels[1].startswith("h: first, head 1")


def test_a_page_of_a_thousand_tokens_and_eight_heads_stays_light():
    generator = torch.Generator().manual_seed(0)
    length, n, top_k = 1000, 8, 5
    shape, draw = (length, n), {"generator": generator}
    found = probe.HeadPredictions(
        tokens=torch.randint(97, 123, (length,), **draw).tolist(),
        n_future=n,
        top_ids=torch.randint(97, 123, (*shape, top_k), **draw),
        top_probabilities=torch.rand((*shape, top_k), **draw),
        target_rank=torch.randint(0, 20, shape, **draw),
        entropy=torch.rand(shape, **draw),
        surprise=torch.rand(shape, **draw),
    )
    for view in ("predictions", "surprise", "entropy"):
        figure = views.head_view(found, mtp.ByteTokenizer().token_text, view)
        assert len(figure.html) < 300_000  # all at once would be more than 2 MB
        assert 8 * len(Reader(figure).with_class("mtp-col")) <= 600


def test_a_text_longer_than_the_window_is_cut_where_it_says():
    panel = views.HeadExplorer(byte_model(window=16), mtp.ByteTokenizer(), "0123456789abcdefghij")
    page = Reader(panel.static())
    assert "The text was cut behind …abcdef: the model's window holds 16 of its 20 tokens." in page.text
    assert len(page.with_class("mtp-col")) == 16
    whole = views.HeadExplorer(byte_model(window=20), mtp.ByteTokenizer(), "0123456789abcdefghij")
    assert "was cut" not in Reader(whole.static()).text


def test_the_empty_text_is_refused_in_words():
    panel = views.HeadExplorer(byte_model(), mtp.ByteTokenizer(), "a")
    assert "at least two tokens" in panel.static().text
    panel.text.value = "\ud800"
    panel.button.click()
    assert "lone surrogate" in panel.static().text
    panel.text.value = "fine"
    panel.button.click()
    assert "text   fine" in panel.static().text


def test_odd_texts_are_shown_literally():
    text = "<script>alert(1)</script> 🦊 שלום e\u0301 \u202e &amp;"
    panel = views.HeadExplorer(byte_model(window=100), mtp.ByteTokenizer(), text)
    html = panel.static().html
    assert "<script" not in html and "\u202e" not in html and "&amp;" in html
    assert Reader(panel.static()).with_class("mtp-col")  # nested properly: the reader checks


def test_two_models_stand_above_each_other():
    first, second = byte_model(3), byte_model(1, window=12, seed=1)
    tok = mtp.ByteTokenizer()
    panel = views.HeadExplorer(first, tok, "the fox ran over", compare=("other", second, tok), name="mine")
    figure = panel.static()
    assert "A mine: head 3:" in figure.text and "B other: head 1:" in figure.text
    assert first.forwards == second.forwards == 1
    assert "holds 12 of its 16 tokens" in Reader(figure).text  # the smaller window


def test_models_with_different_tokenizers_are_not_compared(python_4):
    with pytest.raises(ValueError, match="first and python-4 have different tokenizers"):
        views.HeadExplorer(byte_model(), mtp.ByteTokenizer(), "a text", compare=("python-4", *python_4))
    with pytest.raises(ValueError, match="both models are called 'first'"):
        tok = mtp.ByteTokenizer()
        views.HeadExplorer(byte_model(), tok, "a text", compare=("first", byte_model(), tok))


@pytest.mark.parametrize(
    "text, kind",
    [(CODE, None), (PROSE, None), (GREEK, "script"), (CHINESE, "script"), (FRENCH, "language"), ("αβ", None)],
)
def test_what_a_model_has_not_learnt_is_recognised(python_4, text, kind):
    model, tok = python_4
    assert probe.unfamiliar(tok, probe.head_predictions(model, tok.encode(text))) == kind


def test_a_script_that_a_model_knows_is_not_foreign():
    tok = mtp.ByteTokenizer()
    tokens, ones = tok.encode(GREEK), torch.ones(len(tok.encode(GREEK)), 2)
    found = SimpleNamespace(tokens=tokens, surprise=1.0 * ones, entropy=1.0 * ones)
    assert probe.unfamiliar(tok, found) is None  # bytes beyond ASCII, but no surprise
    found.surprise += 8 * math.log(2)
    assert probe.unfamiliar(tok, found) == "script"
    found.entropy += 7 * math.log(2)
    assert probe.unfamiliar(tok, found) is None  # as uncertain as surprised: untrained


def test_the_panel_says_that_a_script_is_new(python_4):
    panel = views.HeadExplorer(*python_4, GREEK)
    assert "This script is new to the model" in Reader(panel.static()).text
    panel.text.value = CODE
    panel.button.click()
    assert not Reader(panel.static()).with_class("mtp-notice")
    panel.text.value = FRENCH
    panel.button.click()
    assert "This is far from what the model has learnt" in Reader(panel.static()).text

"""The decoding race: every rival runs, and what is said of the result is true."""

import re
from types import SimpleNamespace

import pytest
from core.figure_reader import Reader
from core.small_models import attentive_model

import mtp_edu as mtp
from mtp_edu import views
from mtp_edu.views import race_panel


class FiveLetters:
    """A tokenizer of a b c d e, and an end that no model writes."""

    vocab_size, eos_id = 5, 99

    def encode(self, text):
        return ["abcde".index(letter) for letter in text]

    def token_text(self, token):
        return "abcde"[token]


@pytest.fixture(scope="module")
def model():
    return attentive_model(max_seq_len=48)


def timed(tokens, seconds, accepted=0, k=1, method="autoregressive"):
    """A generation of some tokens in equal steps."""
    per_step, steps = accepted + 1, []
    for at in range(1, len(tokens), per_step):
        steps.append(SimpleNamespace(accepted=accepted, tokens=tuple(tokens[at : at + per_step]), seconds=0.0))
    for step in steps:
        step.seconds = seconds / len(steps)
    per_forward = (len(tokens) - 1) / len(steps) if steps else 1.0
    return SimpleNamespace(tokens=tokens, steps=steps, seconds=seconds if steps else 0.0, forwards=len(steps),
                           tokens_per_forward=per_forward, n_future=k, method=method)  # fmt: skip


def letter(token):
    return chr(token)


@pytest.mark.parametrize("rival", race_panel._HOW)
def test_every_rival_runs(model, rival):
    panel = views.DecodingRace(model, FiveLetters(), "abcab", max_new_tokens=12, rival=rival)
    text = panel.static().text
    assert f"\n{rival}, 4 heads" in text and "12 tokens in" in text, text
    drawn = "acceptance" in race_panel._HOW[rival]
    assert (panel.temperature.layout.display == "none") != drawn and ("temperature 0.8" in text) == drawn
    if not drawn:
        assert "Both wrote the same text." in text
    elif "typical" in rival:
        assert "Typical acceptance changes the distribution" in text
    else:
        assert "drawn from the same distribution" in text


def test_the_rival_can_be_changed_and_the_race_runs_again(model):
    panel = views.DecodingRace(model, FiveLetters(), "abcab", max_new_tokens=10)
    panel.rival.value = race_panel.SAMPLED
    assert panel.temperature.layout.display != "none"
    panel.temperature.value, panel.heads.value, panel.length.value = 1.3, 3, 14
    panel.button.click()
    text = panel.static().text
    assert "self-speculative, sampled, 3 heads, temperature 1.3" in text and "14 tokens in" in text
    assert not panel.button.disabled
    panel.prompt.value = ""
    panel.button.click()
    assert "The prompt is empty" in panel.static().text and not panel.button.disabled


def test_refusals(model):
    with pytest.raises(ValueError, match="rival = 'lookahead'"):
        views.DecodingRace(model, FiveLetters(), "abc", rival="lookahead")
    plain = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=5, dim=8, n_layers=2, n_attention_heads=2, n_future=1))
    with pytest.raises(ValueError, match="drafts nothing"):
        views.DecodingRace(plain, FiveLetters(), "abc")


@pytest.mark.parametrize(
    "seconds, noise, words",
    [
        (0.5, 0.0, "2.00 times as fast. One of its forwards took 1.00 times as long as a plain one."),
        (1.25, 0.0, "0.80 times as fast: speculation was slower. One of its forwards took 2.50 times"),
        (1.0, 0.0, "1.00 times as fast: a tie, since runs differ by 5% anyway"),
        (0.96, 0.0, "1.04 times as fast: a tie"),
        (1.04, 0.0, "0.96 times as fast: a tie"),
        (0.8, 0.3, "1.25 times as fast: a tie, since runs differ by 30% anyway"),
        (0.8, 0.2, "1.25 times as fast. One of"),
    ],
)
def test_a_tie_is_no_win_and_a_loss_is_said(seconds, noise, words):
    tokens = list(b"abcdefghi")
    plain, quick = timed(tokens, 1.0), timed(tokens, seconds, accepted=1, k=2, method="self-speculative")
    figure = views.race(plain, quick, letter, noise=noise)
    assert f"2.00 tokens per forward, {words}" in figure.text
    assert words.split(":")[0] in Reader(figure).text


def test_texts_of_different_length_are_compared_by_their_rates():
    plain, quick = timed(list(b"abcdefghi"), 1.0), timed(list(b"abcde"), 0.5, accepted=1, k=2)
    text = views.race(plain, quick, letter, same="distribution").text
    assert "1.00 times as fast: a tie" in text  # half the time for half the tokens
    nothing = timed([97], 0.0)
    assert "nothing to compare" in views.race(nothing, nothing, letter).text and "nan" not in repr(nothing)


def test_the_table_states_rates():
    tokens = list(b"abcdefghi")
    plain, quick = timed(tokens, 1.0), timed(tokens, 0.5, accepted=1, k=2)
    cells = re.findall(r"<td>([^<]*)</td>", views.race(plain, quick, letter).html)
    assert cells == ["9", "8", "1.00", "125.0", "8", "1.00", "9", "4", "2.00", "125.0", "16", "0.50"]


def test_the_replay_has_keys_that_need_no_kernel():
    tokens = list(b"abcdefghi")
    plain, quick = timed(tokens, 1.0), timed(tokens, 0.5, accepted=1, k=2)
    one = Reader(views.race(plain, quick, letter))
    inputs = [attrs for tag, attrs in one.elements if tag == "input"]
    assert [own["class"] for own in inputs] == ["mtp-pause", "mtp-again", "mtp-slow", "mtp-same", "mtp-fast"]
    names = {own["name"] for own in inputs if own["type"] == "radio"}
    other = Reader(views.race(plain, timed(tokens, 0.7, accepted=1, k=2), letter))
    assert len(names) == 1 and names.isdisjoint(attrs.get("name") for _, attrs in other.elements)
    keys = one.with_class("mtp-keys")[0][1]
    assert keys["style"] == "display:none" and keys["aria-label"] == "replay"
    flows = [attrs["aria-label"] for _, attrs in one.with_class("mtp-flow")]
    assert flows[0] == "one token per forward wrote: abcdefghi" and flows[1].endswith("2 heads wrote: abcdefghi")

"""The explorer of attention heads shows what attention_heads measures, for every head, checkpoint and cut."""

import copy
import re
import time
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from core.small_models import attentive_model
from matplotlib.image import imread

from mtp_edu import views
from mtp_edu.attention_heads import AttentionHead, ablated, attention_patterns, prefix_matching, previous_token
from mtp_edu.model import MultiTokenModel
from mtp_edu.tasks import RepeatTask
from mtp_edu.views.one_head import Cut, Guess, one_head

LETTERS = "ABCDEFGHIJK"
TEXT = "CADBEFCADBEFCAD"
TASK = RepeatTask(vocab_size=11, length=24, shortest=4, longest=8)
SHAPE = {"vocab_size": 11, "n_layers": 2, "n_future": 1, "dim": 16, "n_attention_heads": 2, "n_kv_heads": 2}


def models(steps=(0, 10, 30)):
    return {step: attentive_model(seed, max_seq_len=96, **SHAPE) for seed, step in enumerate(steps)}


def accuracy(model):
    return TASK.accuracy(model, rows=8)


def first_weight(model):
    return model.embedding.weight[0, 0].item()


def explorer(**changes):
    given = {"checkpoints": models(), "tokenizer": views.Alphabet(LETTERS), "text": TEXT, "accuracy": accuracy}
    return views.InductionExplorer(**(given | {"at": 1, "length": 8} | changes))


# ---- one head on one text


def flat(length=6):
    return np.tril(np.ones((length, length))) / np.arange(1, length + 1)[:, None]


def drawn(weights=None, words=tuple("ABCABC"), t=4, points=(1, 10), at=1, **more):
    given = {"curves": {"accuracy": [0.1, 0.9]}, "others": [[0.0, 0.2]], "cut": Cut(0.9)} | more
    weights = flat(len(words)) if weights is None else weights
    guess = given.pop("guess", Guess("C", 0.5, "C"))
    return one_head(weights, words, t, AttentionHead(1, 0), guess, points, at, **given)


def words_of(figure):
    """(classes, weight, text) of every token of the text."""
    html = figure if isinstance(figure, str) else figure.html
    body = html.split('class="mtp-flow"')[1].split('class="mtp-key"')[0]
    found = re.findall(r'<span class="(mtp-word[^"]*)"( style="--mtp-w:[\d.]+")?>(.*?)</span>', body)
    return [(kind, float(look[16:-1]) if look else 0.0, text) for kind, look, text in found]


def picture_of(figure):
    """The pixels of a figure's picture, (rows, columns, 3)."""
    source = re.search(r'<img src="data:image/png;base64,([^"]*)"', figure.html)[1]
    return imread(BytesIO(b64decode(source)), format="png")[..., :3]


def test_tokens_are_shaded_by_what_one_of_them_gives_and_numbers_say_the_same():
    weights = flat()
    weights[4, :5] = 0.01, 0.02, 0.9, 0.04, 0.03
    found = words_of(drawn(weights))
    assert [weight for _, weight, _ in found] == [0.01, 0.02, 0.9, 0.04, 0.03, 0.0]
    assert [text for _, _, text in found] == ["A", "B", "C<sub>0.90</sub>", "A", "B", "C"]
    kinds = [kind.split()[1:] for kind, _, _ in found]
    assert kinds == [[], [], ["mtp-copy"], [], ["mtp-looks"], ["mtp-later"]]  # C followed the first B
    assert "token 4 (B) looks most at token 2 (C), with 0.90; 0.90 on what followed it before" in drawn(weights).text
    assert "it has not come before" in drawn(weights, t=2).text


def test_the_picture_is_the_pattern():
    figure = drawn(np.eye(6), t=3)
    pixels = picture_of(figure)[2::4, 2::4]
    assert pixels.shape == (6, 6, 3)
    dark, light = pixels[0, 0], pixels[1, 0]
    for t in range(6):
        assert np.array_equal(pixels[t, t], dark) and all(np.array_equal(pixels[t, s], light) for s in range(t))
        assert all(np.array_equal(pixels[t, s], pixels[0, 1]) for s in range(t + 1, 6)), "what comes later is grey"
    assert dark.sum() < 1 < 2.7 < light.sum() and len({*map(float, pixels[0, 1])}) == 1
    assert "top:50.000%" in figure.html and "Attention of L1H0 on 6 tokens" in figure.html


def test_large_weights_survive_in_the_picture_of_a_long_text():
    weights = np.zeros((1000, 1000))
    weights[:, 0] = 1.0
    weights[777, :] = 0
    weights[777, 333] = 1.0
    figure = drawn(weights, words=["x"] * 1000, t=777)
    pixels = picture_of(figure)
    assert pixels.shape == (500, 500, 3) and np.array_equal(pixels[388, 166], pixels[100, 0])


def test_long_texts_are_coloured_by_the_root_and_say_so():
    short, long = (drawn(np.full((size, size), 0.25), words=["x"] * size, t=3) for size in (100, 101))
    half = drawn(np.full((100, 100), 0.5), words=["x"] * 100, t=3)
    assert np.array_equal(picture_of(long)[9, 0], picture_of(half)[36, 0])
    assert not np.array_equal(picture_of(long)[9, 0], picture_of(short)[36, 0])
    assert "square root" in long.html and "square root" not in short.html


def test_a_long_text_ends_soon_behind_the_token_that_looks():
    words = [f"w{i}" for i in range(1000)]
    figure = drawn(words=words, t=700)
    found = words_of(figure)
    assert [text for _, _, text in found] == words[:761] and "mtp-looks" in found[700][0]
    assert "… and 239 later tokens" in figure.html and "later token" not in drawn(words=words, t=939).html
    assert "… and 1 later token<" in drawn(words=words, t=938).html
    assert "looks most at token 0 (w0), with less than 0.01" in figure.text


def test_curves_pass_through_their_numbers_and_the_point_is_marked():
    curves = {"accuracy": [0.0, 0.5, 1.0], "L1H0 prefix matching": [0.2, 0.2, 0.8]}
    figure = drawn(points=(0, 50, 100), at=1, curves=curves, others=[[0.1, 0.1, 0.1]] * 3)
    lines = re.findall(r'<polyline points="([^"]*)"', figure.html)
    places = [[tuple(map(float, pair.split(","))) for pair in line.split()] for line in lines]
    assert len(places) == 5
    (x0, low), (x1, middle), (x2, high) = places[3]
    assert x1 - x0 == x2 - x1 and middle == pytest.approx((low + high) / 2, abs=0.11) and high < low
    assert f'cx="{x1:.1f}" cy="{middle:.1f}"' in figure.html
    assert ">0.50 accuracy<" in figure.html and ">0.20 L1H0 prefix matching<" in figure.html
    assert "with all heads" in drawn(cut=Cut(0.9, (AttentionHead(0, 0),), 0.5)).html and "with all" not in figure.html
    assert "accuracy 0.50" in figure.text and "L1H0 prefix matching 0.20" in figure.text
    assert len({*re.findall(r'stroke-dasharray="([^"]*)"', figure.html)}) >= 3, "curves differ by more than colour"


def test_what_silencing_does_is_a_bar_and_a_number():
    cut = Cut(0.9, (AttentionHead(1, 0), AttentionHead(0, 1)), 0.1, (0.8, 0.6), (AttentionHead(0, 0),))
    figure = drawn(cut=cut)
    widths = [int(width) for width in re.findall(r"width:(\d+)px;background-color:#777", figure.html)]
    assert widths == [108, 12, 84]
    assert "without L0H1 and L1H0 0.10; without 2 others, at random 0.70 (0.60 to 0.80)" in figure.text
    assert "Never drawn: the silenced heads, and L0H0, which look one token back." in figure.html
    assert "too few other heads" in drawn(cut=Cut(0.9, (AttentionHead(0, 0),), 0.5)).html
    assert "silence this head" in drawn().html


def test_a_wrong_expectation_says_what_the_text_has():
    assert "expects D (0.50) ✕ the text has C" in drawn(guess=Guess("D", 0.5, "C")).text
    assert drawn(guess=Guess("D", 0.5, None)).text.count("the text has") == 0


def test_text_is_escaped():
    figure = drawn(words=["<script>", "&", '"', "\u202e", "\n", "<b>"], guess=Guess("<i>", 0.5, "<u>"))
    assert not re.search(r"<(script|b|i|u)>", figure.html) and "\u202e" not in figure.html


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": np.ones((5, 6))}, r"shape \(5, 6\) for 6 tokens"),
        ({"t": 6}, "t=6, at=1: use a token from 0 to 5"),
        ({"at": 2}, "a point from 0 to 1"),
        ({"curves": {"accuracy": [0.1]}}, "'accuracy' has 1 values for 2 points"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        drawn(**changed)


def test_a_thousand_tokens_are_drawn_in_less_than_a_tenth_of_a_second():
    weights, words, times = flat(1000), ["word "] * 1000, []
    for t in (100, 500, 999):
        start = time.process_time()  # other programs may run beside
        drawn(weights, words=words, t=t)
        times.append(time.process_time() - start)
    assert min(times) < 0.1, times


# ---- the panel


def test_every_button_holds_the_score_of_its_head_and_chooses_it():
    panel, own = explorer(), models()
    scores = prefix_matching(own[10], length=8)
    assert {head: button.description.strip("▸ ") for head, button in panel.buttons.items()} == {
        AttentionHead(i, j): f"{scores[i, j]:.2f}" for i in range(2) for j in range(2)
    }
    patterns = attention_patterns(own[10], torch.tensor([views.Alphabet(LETTERS).encode(TEXT)]))
    for head, button in panel.buttons.items():
        button.click()
        assert panel.head == head and button.description.startswith("▸")
        assert sum("▸" in one.description for one in panel.buttons.values()) == 1
        row = patterns[head.layer][0, head.head, panel.token.value]
        shown = [weight for _, weight, _ in words_of(panel.output.value)]
        assert shown == pytest.approx([w if w >= 0.005 else 0 for w in row.tolist()], abs=0.006)
    panel.which.value = "one token back"
    back = previous_token(own[10], length=8)
    assert panel.buttons[AttentionHead(0, 1)].description.endswith(f"{back[0, 1]:.2f}")
    assert "one token back" in panel.buttons[AttentionHead(0, 1)].tooltip


def test_checkpoints_move_and_nothing_is_measured_twice():
    calls = []

    def counted(model):
        calls.append(model)
        return accuracy(model)

    panel, own = explorer(accuracy=counted), models()
    assert len(calls) == 3  # the curve holds every checkpoint
    panel.forth.click()
    panel.forth.click()
    assert panel.at.value == 2 and "after 30 of 30 optimizer steps" in repr(panel)
    assert f"accuracy {accuracy(own[30]):.2f}" in repr(panel)
    for _ in range(3):
        panel.back.click()
    assert panel.at.value == 0 and len(calls) == 3


def test_silencing_changes_everything_that_is_shown():
    panel, own = explorer(at=2), models()[30]
    cut = [AttentionHead(0, 0)]
    before = panel.output.value
    panel.buttons[cut[0]].click()
    panel.silence.value = True
    with ablated(own, cut):
        without, back = accuracy(own), f"{previous_token(own, length=8)[1, 1]:.2f}"
    assert panel.cut == {*cut} and f"without L0H0 {without:.2f}" in repr(panel) and panel.output.value != before
    panel.which.value = "one token back"
    assert panel.buttons[AttentionHead(1, 1)].description.strip("▸ ") == back
    assert back != f"{previous_token(own, length=8)[1, 1]:.2f}", "it reads what the silent head has written"
    assert panel.buttons[cut[0]].description.startswith("▸ ✕") and "silenced" in panel.buttons[cut[0]].tooltip
    panel.choose((1, 1))
    assert not panel.silence.value and panel.cut == {*cut}, "another head is chosen, the cut stays"
    panel.silence.value = True
    assert panel.cut == {*cut, AttentionHead(1, 1)}
    panel.silence.value = False
    assert panel.cut == {*cut}
    panel.all_speak.click()
    assert not panel.cut and "✕" not in panel.buttons[cut[0]].description and panel.all_speak.disabled
    assert f"accuracy {accuracy(own):.2f}" in repr(panel)


def test_the_control_draws_other_heads_and_spares_the_helper():
    panel, own = explorer(at=2), models()[30]
    (helper,) = {divmod(int(previous_token(own, length=8).argmax()), 2)}
    cut = next(head for head in panel.buttons if head != helper)
    panel.silence_heads([cut])
    rest = [head for head in panel.buttons if head not in (cut, helper)]
    expected = []
    for head in rest:
        with ablated(own, [head]):
            expected.append(accuracy(own))
    control = panel._ablation(2)
    assert sorted(control.others) == pytest.approx(sorted(expected)) and control.kept_out == (helper,)
    panel.silence_heads(list(panel.buttons)[:3])
    assert panel._ablation(2).others == () and "too few other heads" in panel.output.value


def test_the_learners_own_text_is_read():
    panel = explorer()
    panel.text.value = "KABKAB KAB"
    assert "KABKAB" not in panel.output.value, "not before it is asked to"
    panel.read.click()
    assert panel.tokens == tuple(LETTERS.index(one) for one in "KABKABKAB") and panel.token.max == 8
    assert panel.token.value == 7  # the last that repeats and is followed by another
    panel.text.value = "KX<Y"
    panel.read.click()
    assert "&lt;XY&#x27; is not in the alphabet: use ABCDEFGHIJK" in panel.output.value
    panel.at.value = 0
    assert len(words_of(panel.output.value)) == 9, "the text that was read last is still there"
    for text, words in (("K", "at least two tokens"), ("KA" * 60, "120 tokens, the model takes 96")):
        panel.text.value = text
        panel.read.click()
        assert words in panel.output.value


def test_heads_are_silenced_in_a_copy():
    """The learner may be training or measuring the same model in a cell meanwhile."""
    own, seen = models(), []
    panel = explorer(checkpoints=own, accuracy=lambda model: seen.append(model) or accuracy(model))
    panel.at.value = 0
    assert seen and not {id(model) for model in seen} & {id(model) for model in own.values()}


def test_weights_are_loaded_into_a_copy_of_the_model():
    own, model = models(), attentive_model(9, max_seq_len=96, **SHAPE)
    before = copy.deepcopy(model.state_dict())
    panel = explorer(checkpoints=[(step, one.state_dict()) for step, one in own.items()], model=model, at=0)
    whole = explorer(at=0)
    for at in (2, 0, 1):
        panel.at.value = whole.at.value = at
        assert repr(panel) == repr(whole)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_it_begins_where_the_accuracy_rises_most_with_the_best_head():
    own = models((0, 10, 20, 30))
    by_weights = dict(zip(map(first_weight, own.values()), (0.1, 0.2, 0.9, 1.0)))
    panel = explorer(checkpoints=own, accuracy=lambda model: by_weights[first_weight(model)], at=None)
    assert panel.at.value == 2
    assert panel.head == divmod(int(prefix_matching(own[30], length=8).argmax()), 2)


def test_the_static_twin_is_a_picture_of_the_present_state():
    panel = explorer(at=2)
    bundle = panel._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/plain", "image/png"}
    assert bundle["text/plain"] == repr(panel)
    figure = panel.static()
    assert figure.get_label().startswith("After 30 optimizer steps: accuracy")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert f"layer {panel.head.layer}, head {panel.head.head}" in titles
    panel.silence_heads([(0, 1)])
    assert any("L0H1 silenced" in axes.get_title(loc="left") for axes in panel.static().axes)


def test_more_scores_stand_beside_the_three():
    panel = explorer(scores={"mine": lambda model: torch.full((2, 2), 0.25)})
    panel.which.value = "mine"
    assert {button.description.strip("▸ ") for button in panel.buttons.values()} == {"0.25"}
    assert "mine 0.25" in repr(panel)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"checkpoints": {}}, "there are no checkpoints"),
        ({"checkpoints": [(0, {})]}, "weights alone: pass model="),
        ({"at": 3}, "at=3 is no checkpoint: use 0 to 2"),
        ({"text": "A"}, "at least two tokens"),
        ({"text": "ÄB"}, "'Ä' is not in the alphabet"),
    ],
)
def test_bad_arguments_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        explorer(**changed)


def test_an_alphabet_spells_tokens():
    alphabet = views.Alphabet("xyz")
    assert alphabet.encode("zy\n x") == [2, 1, 0] and alphabet.decode([2, 0]) == "zx" and alphabet.token_text(1) == "y"
    for letters in ("", "xx"):
        with pytest.raises(ValueError, match="at least one character, and each once"):
            views.Alphabet(letters)


def test_moving_takes_less_than_a_tenth_of_a_second_once_measured():
    """1,000 tokens: everything but the model's own forwards."""
    model = attentive_model(0, **SHAPE, max_seq_len=1000)
    panel, times = explorer(checkpoints={0: model}, text=("CADBEF" * 167)[:1000], at=0), []
    assert isinstance(panel.measured.model(0), MultiTokenModel)
    for t in (100, 600, 998, 300):
        start = time.process_time()
        panel.token.value = t
        times.append(time.process_time() - start)
    assert min(times) < 0.1, times

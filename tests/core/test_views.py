"""The views: what their HTML and text say, their colours, and the panels' behaviour on the kernel's side."""

import ast
import math
import re
import signal
import sys
from itertools import pairwise
from math import exp, log
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from core.figure_reader import Reader

from mtp_edu import views
from mtp_edu.views import monitor, panels, style
from mtp_edu.views.html import tag, visible
from mtp_edu.views.losses import _smooth, spread

FOX = "The quick brown fox jumps over the lazy dog".split()
NASTY = ["<script>alert(1)</script>", 'a"b', "it's", "&amp;", "🦊", "\ud800", "\n", " "]


def letter(token: int) -> str:
    return "<eos>" if token == 256 else chr(token)


def predictions(text="the fox ran", n=3, top_k=4):
    """Head 1 always right; head 2 has the right token second; head 3 never finds it."""
    tokens = [ord(character) for character in text]
    length = len(tokens)
    ids = torch.full((length, n, top_k), ord("q"))
    rank = torch.full((length, n), -1)
    for t in range(length):
        for k in range(1, n + 1):
            if t + k < length:
                rank[t, k - 1] = (0, 1, 50)[k - 1]
                if k < 3:
                    ids[t, k - 1, k - 1] = tokens[t + k]
    share = torch.tensor([0.5, 0.25, 0.15, 0.1]).expand(length, n, top_k)
    loss = torch.full((length, n), float("nan"))
    loss[rank >= 0] = (torch.arange(n) + 1.0).expand(length, n)[rank >= 0] * log(2)  # head k: k bits
    return SimpleNamespace(tokens=tokens, n_future=n, top_ids=ids, top_probabilities=share, target_rank=rank,
                           surprise=loss, entropy=torch.full((length, n), 2.5 * log(2)))  # fmt: skip


def generation(text, blocks, seconds, k, method):
    """A generation of `text`: its first token from the prompt, then steps that accept blocks[i] drafts each."""
    tokens, steps, at = [ord(character) for character in text], [], 1
    for accepted in blocks:
        verdicts = (tokens[at : at + k] + [ord("z")] * k)[:k]
        drafts = [verdict if place < accepted else ord("q") for place, verdict in enumerate(verdicts[: k - 1])]
        steps.append(
            SimpleNamespace(
                position=at - 1,
                block=(tokens[at - 1], *drafts),
                verdicts=tuple(verdicts),
                accepted=accepted,
                tokens=tuple(tokens[at : at + accepted + 1]),
                drafts=(),
                seconds=seconds,
            )
        )
        at += accepted + 1
    assert at == len(tokens)
    return SimpleNamespace(
        tokens=tokens,
        steps=steps,
        forwards=len(steps) + 1,
        seconds=seconds * len(steps),
        prefill_seconds=0.1,
        tokens_per_forward=(len(tokens) - 1) / len(steps),
        stopped=False,
        method=method,
        n_future=k,
    )


def both():
    text = "a fox ran!\n"
    plain = generation(text, [0] * 10, 0.01, 1, "autoregressive")
    return plain, generation(text, [2, 0, 1, 2, 0], 0.015, 3, "self-speculative")


def events(steps=40, n=2, interrupted_at=None, error_at=None):
    for step in range(1, steps + 1):
        if step == error_at:
            raise KeyboardInterrupt
        losses = tuple(1 + 0.5 * k + 4 * exp(-step / 8) for k in range(n))
        yield SimpleNamespace(
            step=step,
            steps=steps,
            losses=losses,
            validation=losses if step % 10 == 0 else None,
            learning_rate=1e-3,
            gradient_norm=1.0,
            tokens=step * 100,
            tokens_per_second=1000.0,
            flops_utilisation=None,
            seconds=float(step),
            seconds_left=float(steps - step),
            checkpoint=None,
            interrupted=step == interrupted_at,
        )
        if step == interrupted_at:
            return


# ---- colours


def linear(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def contrast(a, b):
    light = sorted(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour))) for colour in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("head", range(1, 9))
def test_head_colours_can_be_read(head, dark):
    assert contrast(style.colour(head, dark), style.PAPER_DARK if dark else style.PAPER) >= 4.5
    assert contrast(style.tint(head, dark), style.INK_DARK if dark else style.INK) >= 7


@pytest.mark.parametrize("dark", [False, True])
def test_ink_can_be_read_on_everything_that_lies_under_it(dark):
    """JupyterLab's page and its second layer (tips), the stripes of its tables, our neutral chips."""
    ink, muted = (style.INK_DARK, "#b3b3b3") if dark else (style.INK, style.MUTED)
    pages = ("#111111", "#212121") if dark else ("#ffffff", "#f5f5f5")
    neutral = style.NEUTRAL_DARK if dark else style.NEUTRAL
    for page in (*pages, neutral):
        assert contrast(ink, page) >= 7 and contrast(muted, page) >= 4.5
    for head in range(1, 9):
        assert min(contrast(style.colour(head, dark), page) for page in pages[: 1 + dark]) >= 4.5
        assert contrast(style.colour(head, dark), style.tint(head, dark)) >= 3, "the edge of a chip"


HEX = r"(#[0-9a-f]{6}|#[0-9a-f]{3})\b"


def test_every_pair_of_colours_that_is_written_down_can_be_read():
    """Rules of the style sheet and inline styles with a background and a text colour of their own."""
    folder = Path(style.__file__).parent
    rules = re.findall(r"\{([^{}]*)\}", (folder / "style.css").read_text(encoding="utf-8"))
    texts = [line for path in folder.glob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    seen = 0
    for text in [*rules, *texts]:
        under = re.search(rf"background(?:-color)?:\s*{HEX}", text)
        ink = re.search(rf"(?<![-\w])color:\s*{HEX}", text)
        if under and ink:
            pair = [one if len(one) == 7 else "#" + "".join(2 * c for c in one[1:]) for one in (under[1], ink[1])]
            assert contrast(*pair) >= 4.5, text
            seen += 1
    assert seen >= 3


def test_the_keyboard_s_place_is_seen_and_motion_can_be_switched_off():
    focus = re.search(r"([^{}]*:focus-visible[^{}]*)\{([^}]*)\}", style.CSS)
    assert "button" in focus[1] and ".noUi-handle" in focus[1] and "outline: 2px solid" in focus[2]
    calm = re.search(r"@media \(prefers-reduced-motion: reduce\) \{\s*([^@]*?)\}\s*\}", style.CSS)[1]
    assert ".mtp-panel *" in calm and ".mtp-fig *" in calm and "animation: none !important" in calm


def test_contrast_formula_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
BLINDNESS = {
    "protanopia": [(0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)],
    "deuteranopia": [(0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)],
    "tritanopia": [(1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)],
}


def oklab(rgb):
    r, g, b = (max(0.0, c) for c in rgb)
    cone = (
        0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
        0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
        0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    )
    x, y, z = (c ** (1 / 3) for c in cone)
    return (
        0.2104542553 * x + 0.793617785 * y - 0.0040720468 * z,
        1.9779984951 * x - 2.428592205 * y + 0.4505937099 * z,
        0.0259040371 * x + 0.7827717662 * y - 0.808675766 * z,
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_first_four_heads_stay_apart_for_colour_blind_readers(kind, dark):
    seen = []
    for head in range(1, 5):
        rgb = linear(style.colour(head, dark))
        seen.append(oklab([sum(m * c for m, c in zip(row, rgb)) for row in BLINDNESS[kind]]))
    gaps = [sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5 for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 0.08  # about four times a just noticeable difference of colour


def test_every_head_has_marks_of_its_own():
    heads = range(1, 9)
    assert len({style.mark(head) for head in heads}) == len(set(style.HEAD_MARKERS)) == 8
    assert len({str(line) for line in style.HEAD_LINESTYLES}) == len({style.colour(head) for head in heads}) == 8
    assert style.mark(1) == "①" and style.mark(25) == "(25)" and style.colour(9) == style.colour(1)


# ---- HTML


def test_tag_escapes_attributes_only():
    assert tag("td", "<b>x</b>", class_="a", title='"<', style="") == '<td class="a" title="&quot;&lt;"><b>x</b></td>'


def test_target_table_shifts_and_ends():
    figure = views.target_table(FOX, 4, highlight=2)
    lines = [line.split("\t") for line in figure.text.splitlines()]
    assert lines[0] == ["t", "token", "head 1", "head 2", "head 3", "head 4"]
    assert lines[3] == ["2*", "brown", "fox", "jumps", "over", "the"]
    assert lines[7] == ["6", "the", "lazy", "dog", style.ENDED, style.ENDED]
    assert "26 targets" in lines[-1][0]  # 8 + 7 + 6 + 5
    page = Reader(figure)
    assert len(page.with_class("mtp-h3")) == 6 and len(page.with_class("mtp-here")) == 5
    assert sum(attrs.get("title", "").startswith("the text has ended") for _, attrs in page.elements) == 10
    assert ("td", "standing at brown, head 3 must say over") in [(t, a.get("title")) for t, a in page.elements]


def test_target_table_across_holds_the_same_cells():
    down, across = (Reader(views.target_table(FOX, 3, 1, across)) for across in (False, True))
    titles = [sorted(a["title"] for tag, a in page.elements if tag == "td" and "title" in a) for page in (down, across)]
    assert titles[0] == titles[1] and len(titles[0]) == 36


@pytest.mark.parametrize("arguments, word", [(([], 2), "empty"), ((FOX, 0), "n = 0"), ((FOX, 2, 9), "highlight = 9")])
def test_target_table_refuses(arguments, word):
    with pytest.raises(ValueError, match=word):
        views.target_table(*arguments)


def test_tokens_are_escaped_everywhere():
    table = views.target_table(NASTY, 3)
    data = predictions("abcdefgh")
    view = views.head_view(data, lambda token: NASTY[token % len(NASTY)])
    race = views.race(*both(), lambda token: NASTY[token % len(NASTY)], prompt="<script>")
    steps = views.step_table(both()[1], lambda token: NASTY[token % len(NASTY)])
    for figure in (table, view, race, steps):
        page = Reader(figure)
        assert "<script" not in figure.html and "\ud800" not in figure.html
        assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in page.elements}
        assert not [key for _, attrs in page.elements for key in attrs if key.startswith("on")]
    assert "🦊" in table.html and "alert(1)" in Reader(table).text


def test_nothing_is_loaded_from_elsewhere():
    figures = [views.target_table(FOX, 2), views.head_view(predictions(), letter), views.race(*both(), letter)]
    assert all(not re.search(r"https?:|url\(|@import|\ssrc=", figure.html) for figure in figures)


def test_visible_white_space():
    assert visible(" a\tb\n") == "␣a⇥b↵" and visible("") == "∅"


def test_head_view_says_right_near_wrong():
    figure = views.head_view(predictions(), letter)
    page = Reader(figure)
    assert [len(page.with_class(f"mtp-{kind}")) for kind in ("right", "near", "wrong")] == [10, 9, 8]
    right, near, wrong = (page.with_class(f"mtp-{kind}")[0][1]["style"] for kind in ("right", "near", "wrong"))
    assert style.tint(1) in right and "dashed" in near and "line-through" in wrong  # told by line as well as by colour
    lines = figure.text.splitlines()
    assert lines[0] == "text   the␣fox␣ran" and lines[1] == "head 1  " + "✓" * 10 and lines[2] == "head 2   " + "≈" * 9
    bits = "mean surprise {}.00 bits, mean entropy 2.50 bits"
    assert f"head 1: 100% right, 100% in the top 4, {bits.format(1)}" in lines
    assert f"head 2: 0% right, 100% in the top 4, {bits.format(2)}" in lines
    assert f"head 3: 0% right, 0% in the top 4, {bits.format(3)}" in lines


def test_head_view_panels_are_hidden_without_the_style_sheet():
    page = Reader(views.head_view(predictions(), letter))
    tips, tokens = page.with_class("mtp-tip"), page.with_class("mtp-token")
    assert len(tips) == len(tokens) == 11
    assert all(attrs["style"] == "display:none" for _, attrs in tips)
    assert all(attrs["tabindex"] == "0" and attrs["role"] == "group" for _, attrs in tokens)
    assert tokens[0][1]["aria-label"] == "t: the first token"
    assert tokens[2][1]["aria-label"] == "e: head 1 right, 1.0 bits, head 2 near, 2.0 bits"
    assert "h\xa050%" in page.text and "the text had not begun" in page.text


@pytest.mark.parametrize("view, bits", [("surprise", (1, 2, 3)), ("entropy", (2.5, 2.5, 2.5))])
def test_head_view_draws_bits_as_bars(view, bits):
    figure = views.head_view(predictions(), letter, view, vocab_size=4)  # a full bar is 2 bits
    page = Reader(figure)
    assert not page.with_class("mtp-right") and not page.with_class("mtp-wrong")
    inside = {head: page.with_class("mtp-bits", f"mtp-ink{head}") for head in (2, 3)}  # head 1's are in the legend too
    assert [len(inside[head]) for head in (2, 3)] == [9, 8]
    for head in (2, 3):
        look = inside[head][0][1]["style"]
        assert f"border-bottom:21px solid {style.colour(head)}" in look
        assert ("dotted" in look) == (bits[head - 1] > 2)  # a cut bar says so
    half = views.head_view(predictions(), letter, view, vocab_size=2**10)
    look = Reader(half).with_class("mtp-bits", "mtp-ink2")[0][1]["style"]
    assert look.startswith(f"border-bottom:{round(2.1 * bits[1])}px")
    assert half.text.splitlines()[2] == "head 2   " + {"surprise": "▂", "entropy": "▃"}[view] * 9


def test_head_view_has_pages_that_end_at_words():
    long = predictions("word " * 40)
    shown = []
    for page in (1, 2, 3, 4):
        figure = views.head_view(long, letter, page=page, max_tokens=63)
        lines = [line.removeprefix("text   ") for line in figure.text.splitlines() if line.startswith("text")]
        shown.append("".join(lines))
        assert all(line.endswith("␣") for line in lines) and len(shown[-1]) == len(Reader(figure).with_class("mtp-col"))
    assert "".join(shown) == "word␣" * 40 and list(map(len, shown)) == [60, 60, 60, 20]
    assert "Page 4 of 4: tokens 180 to 199 of 200" in figure.html and "100% right" in figure.text
    assert len(Reader(figure).with_class("mtp-right")) == 20  # the heads of the page before are asked too
    with pytest.raises(ValueError, match="page = 5"):
        views.head_view(long, letter, page=5, max_tokens=63)
    with pytest.raises(ValueError, match="1 tokens"):
        views.head_view(predictions("x"), letter)
    with pytest.raises(ValueError, match="view = 'loss'"):
        views.head_view(long, letter, view="loss")


def test_head_view_keeps_words_and_lines_together():
    page = Reader(views.head_view(predictions("if a:\n  go"), letter))
    assert len(page.with_class("mtp-word")) == 5 and len(page.with_class("mtp-end")) == 1  # if| |a:| | |go
    unbroken = Reader(views.head_view(predictions("x" * 60), letter))
    assert len(unbroken.with_class("mtp-word")) == 3  # 24, 24, 12


def test_head_view_compares_two_models_on_the_same_tokens():
    figure = views.head_view({"big": predictions(), "<small>": predictions(n=1)}, letter)
    page = Reader(figure)
    column = len(page.with_class("mtp-right")), len(page.with_class("mtp-h1", "mtp-right"))
    assert column == (20, 20)
    assert "A big: head 3: 0% right" in figure.text and "B <small>: head 1: 100% right" in figure.text
    assert "<small>" not in figure.html and "B①" in page.text and "A③" in page.text and "B②" not in page.text
    with pytest.raises(ValueError, match="on the same tokens"):
        views.head_view({"a": predictions(), "b": predictions("another")}, letter)


def test_tokens_that_show_nothing_or_turn_the_line_are_written_out():
    assert visible("\u202e") == r"\u202e" and visible("\x00a") == r"\x00a" and visible("\xa0") == r"\xa0"
    assert visible("\u0301") == "◌\u0301" and visible("e\u0301") == "e\u0301" and visible("שלום") == "שלום"
    assert visible("👩‍👧") == r"👩\u200d👧" and visible("🦊") == "🦊"


def test_race_keeps_times_origins_and_counts():
    plain, speculative = both()
    figure = views.race(plain, speculative, letter, speed=0.5)
    page = Reader(figure)
    boxes = page.with_class("mtp-step")
    times = [float(attrs["style"].split("--mtp-at:")[1]) for _, attrs in boxes]
    assert times[:11] == [20 * i for i in range(11)] and times[11:] == [30 * i for i in range(6)]  # at half speed
    written = [attrs["class"].split()[1] for _, attrs in page.with_class("mtp-written")]
    assert written[:11] == ["mtp-h0"] + ["mtp-h1"] * 10
    assert written[11:] == ["mtp-h0", *"mtp-h2 mtp-h3 mtp-h1 mtp-h1 mtp-h2 mtp-h1 mtp-h2 mtp-h3 mtp-h1 mtp-h1".split()]
    signs = re.findall(r"<sub>(.)</sub>", figure.html)
    assert signs[:11] == ["p", *"1" * 10] and signs[11:] == [*"p23+12123+1"]  # + where every draft of a block was kept
    assert "2.00 tokens per forward, 1.33 times as fast. One of its forwards took 1.50 times" in figure.text
    assert figure.text.splitlines()[2].endswith("Both wrote the same text.")
    assert "one token per forward: 1.00 tokens per forward, 11 tokens in 0.10 s" in figure.text
    assert "replayed 2 times slower" in figure.html and "drafted by head 3" in page.text
    bars = [re.search(r"width:([\d.]+)%", attrs["style"])[1] for _, attrs in page.with_class("mtp-bar")]
    assert bars == ["100.0", "75.0"]


def test_race_says_where_texts_part_and_refuses_nonsense():
    plain, speculative = both()
    speculative.tokens = speculative.tokens[:4] + [ord("?")] + speculative.tokens[5:]
    assert "agree for 4 tokens" in views.race(plain, speculative, letter).text
    with pytest.raises(ValueError, match="speed = 0"):
        views.race(plain, speculative, letter, speed=0)
    plain.tokens = []
    with pytest.raises(ValueError, match="no token"):
        views.race(plain, speculative, letter)


def test_race_chooses_its_own_speed():
    plain, speculative = both()
    page = Reader(views.race(plain, speculative, letter, speed=None))
    slowest = max(float(attrs["style"].split("--mtp-at:")[1]) for _, attrs in page.with_class("mtp-bar"))
    assert 4000 <= slowest <= 8000 and "replayed 64 times slower" in page.text


def test_step_table_shows_verdicts():
    figure = views.step_table(both()[1], letter, first=2)
    lines = figure.text.splitlines()
    assert lines[0] == "step 1: after a | ␣ ✓ | f ✓ | head 1: o | 3 tokens, 15.0 ms"
    assert lines[1] == "step 2: after o | q ✕ head 1: x | (q) | 1 token, 15.0 ms"
    assert "first 2 of 5 steps" in lines[2] and len([t for t, _ in Reader(figure).elements if t == "tr"]) == 3
    with pytest.raises(ValueError, match="first = 0"):
        views.step_table(both()[1], letter, first=0)


# ---- curves


def test_loss_curves_draw_every_head_with_its_look():
    figure = views.loss_curves(list(events(n=3)), "A run")
    axes = figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert [text[:8] for text in texts] == ["① head 1", "② head 2", "③ head 3"]
    assert "A run" in axes.get_title(loc="left") and "held-out" in axes.get_title(loc="left")
    solid = [line for line in axes.lines if line.get_linewidth() == 2]
    assert [line.get_color() for line in solid] == list(style.HEAD_COLOURS[:3])
    assert len({line.get_linestyle() for line in solid}) == 3
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert [list(line.get_xdata()) for line in marks] == [[10, 20, 30, 40]] * 3
    assert len({line.get_marker() for line in marks}) == 3
    with pytest.raises(ValueError, match="no training events"):
        views.loss_curves([])


def test_end_labels_do_not_overlap():
    placed = spread([1.0, 1.01, 3.0, 1.02], 0.5)
    assert min(b - a for a, b in pairwise(sorted(placed))) >= 0.5 - 1e-6
    assert placed[0] < placed[1] < placed[3] < placed[2]


def test_loss_svg_is_small_and_follows_the_loss():
    svg = views.loss_svg(list(events(steps=5000, n=4)))
    assert len(svg) < 20_000 and svg.count("<polyline") == 4 and "④ head 4" in svg
    heights = [float(point.split(",")[1]) for point in re.search(r'points="([^"]+)"', svg)[1].split()]
    assert heights[-1] > heights[0]  # y runs downwards: the loss fell
    assert views.loss_svg(list(events(steps=1, n=1))).count("NaN") == 0


def test_loss_svg_rings_the_held_out_losses():
    """On the curve, since these events' held-out losses are their losses; the last one at the curve's end."""
    svg = views.loss_svg(list(events(steps=40, n=2)))
    rings = re.findall(r'd="([^"]+)"', svg)
    assert [one.count("M") for one in rings] == [4, 4]
    curves = re.findall(r'points="([^"]+)"', svg)
    for one, curve in zip(rings, curves):
        x, y = map(float, re.findall(r"M([\d.]+),([\d.]+)a3", one)[0])  # the last check comes first
        end = [float(number) for number in curve.split()[-1].split(",")]
        assert x + 3 == pytest.approx(end[0], abs=0.11) and y == pytest.approx(end[1], abs=0.11)
    assert " d=" not in views.loss_svg(list(events(steps=5)))


def test_a_head_that_was_off_leaves_a_gap_and_no_number():
    """A curriculum: head 2 joins after the first ten steps, head 3 never does."""
    off = float("nan")
    run = list(events(n=3))
    for event in run:
        event.losses = (event.losses[0], event.losses[1] if event.step > 10 else off, off)
    axes = views.loss_curves(run).axes[0]
    labels = [text.get_text() for text in axes.texts]
    assert labels[1] == f"② head 2: {run[-1].losses[1]:.2f}" and labels[2] == "③ head 3: off"
    svg = views.loss_svg(run)
    assert "nan" not in svg and svg.count("head 3: off") == 1
    assert "nan" not in views.loss_sentence(run) and views.loss_sentence(run).startswith("next-token loss")
    for event in run:
        event.losses = (off, *event.losses[:1], off)
    assert views.loss_sentence(run).startswith("head 2's loss 4.53 -> 1.03 in 40 steps")


def test_the_thick_line_is_the_mean_around_each_step():
    off = math.nan
    assert _smooth([1.0, 2.0, 6.0, off, 4.0], 1) == pytest.approx([1.5, 3.0, 4.0, off, 4.0], nan_ok=True)
    assert _smooth([3.0, 1.0], 0) == [3.0, 1.0]


def test_a_resumed_run_tells_its_own_steps():
    text = views.loss_sentence(list(events(steps=40))[30:])
    assert "in steps 31 to 40" in text


def test_held_out_text_may_have_fewer_targets_than_the_model_has_heads():
    """train() takes such windows; their losses end early."""
    run = list(events(steps=40, n=2))
    for event in run:
        event.validation = event.validation and event.validation[:1]
    rings = [one.count("M") for one in re.findall(r'd="([^"]+)"', views.loss_svg(run))]
    assert rings == [4]
    marks = [line for line in views.loss_curves(run).axes[0].lines if line.get_linestyle() == "None"]
    assert [sum(map(math.isfinite, line.get_ydata())) for line in marks] == [4, 0]


def test_race_curves_end_at_the_measured_time():
    plain, speculative = both()
    axes = views.race_curves(plain, speculative).axes[0]
    ends = [(round(line.get_xdata()[-1], 6), line.get_ydata()[-1]) for line in axes.lines if len(line.get_xdata()) > 1]
    assert ends == [(0.1, 11), (0.075, 11)]


def test_no_pyplot_and_no_scripts():
    for path in Path(views.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        names += [
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        assert not [name for name in names if "pyplot" in name], path


# ---- the training monitor


def test_monitor_passes_events_on_and_prints_outside_notebooks(capsys):
    watched = list(views.TrainingMonitor(events(), quiet_seconds=0))
    lines = capsys.readouterr().out.splitlines()
    assert [event.step for event in watched] == list(range(1, 41))
    assert len(lines) == 41 and lines[0].startswith("step 1 of 40, 1,000 tokens per second, 39 s left: head 1 ")
    assert re.fullmatch(r"loss 4\.78 -> 1\.28 in 40 steps \(head 1 4\.53 -> 1\.03, head 2 5\.03 -> 1\.53\)", lines[-1])


def test_monitor_survives_an_interrupt(capsys):
    watch = views.TrainingMonitor(events(error_at=13))
    assert len(watch.run()) == 12 and watch.interrupted
    assert "in 12 steps" in watch.sentence() and watch.sentence().endswith("interrupted")
    assert watch.static().axes and "interrupted" in capsys.readouterr().out
    clean = views.TrainingMonitor()
    assert len(clean.run(events(interrupted_at=5))) == 5 and clean.interrupted
    assert clean.sentence().endswith("interrupted, 40 were planned")


def test_monitor_closes_when_the_loop_body_breaks(capsys):
    watch = views.TrainingMonitor(events())
    for event in watch:
        if event.step == 3:
            break
    assert len(watch.history) == 3 and "in 3 steps" in capsys.readouterr().out


def test_a_loop_left_early_gives_ctrl_c_back():
    """train() holds Ctrl-C while it runs, so its generator must not stay open."""
    closed = []

    def run():
        try:
            yield from events()
        finally:
            closed.append(True)

    watch = views.TrainingMonitor(run())
    for event in watch:
        if event.step == 3:
            break
    assert closed == [True]


def test_a_monitor_watches_one_run_at_a_time(capsys):
    watch = views.TrainingMonitor()
    watch.run(events(steps=6))
    watch.stop()  # too late for that run, and not meant for the next
    watch.run(events(steps=4))
    assert [event.step for event in watch.history] == [1, 2, 3, 4] and not watch.interrupted


def test_monitor_takes_samples_and_says_what_held_out_text_costs(capsys):
    sample = {"sample": lambda: f"text {len(watch.history)}", "sample_every": 15}
    watch = views.TrainingMonitor(events(), quiet_seconds=0, **sample)
    watch.run()
    assert watch.samples == [(1, "text 1"), (15, "text 15"), (30, "text 30"), (40, "text 40")]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["--- it writes:", "text 1"]
    assert "step 10 of 40" in lines[11] and lines[11].endswith("held-out text: head 1 2.146, head 2 2.646")
    assert [step for step, _ in samples_of(events(steps=3))] == [1, 2, 3]
    assert [step for step, _ in samples_of(events(interrupted_at=9))] == [1, 8]
    with pytest.raises(ValueError, match="sample_every=0"):
        views.TrainingMonitor(sample_every=0)


def samples_of(some):
    watch = views.TrainingMonitor(sample=lambda: "x")
    watch.run(some)
    return watch.samples


def test_stop_does_what_an_interrupt_does(tmp_path):
    """The step in progress ends, the checkpoint is written, and the run can go on: here with a real training run."""
    import mtp_edu as mtp

    cfg = mtp.ModelConfig(vocab_size=257, dim=16, n_layers=3, n_attention_heads=2, max_seq_len=16, n_future=2)
    text = [mtp.corpus.Document("a", "the quick brown fox jumps over the lazy dog " * 9)]
    data = mtp.corpus.windows(text, mtp.ByteTokenizer(), length=8, n_future=2)
    config = mtp.TrainConfig(steps=30, batch_size=2)

    def watch():
        run = mtp.train(mtp.MultiTokenModel(cfg), data, config, folder=tmp_path, resume=True, quiet=True)
        return views.TrainingMonitor(run)

    stopped, before = watch(), signal.getsignal(signal.SIGINT)
    for event in stopped:
        if event.step == 4:
            stopped.stop()
    assert stopped.interrupted and [event.step for event in stopped.history] == [1, 2, 3, 4, 4]
    assert stopped.history[-1].checkpoint and "interrupted, 30 were planned" in stopped.sentence()
    assert signal.getsignal(signal.SIGINT) is before
    assert [event.step for event in watch().run()][::25] == [5, 30]
    plain = views.TrainingMonitor(events())  # any other iterable stops there and then
    for event in plain:
        if event.step == 3:
            plain.stop()
    assert plain.interrupted and len(plain.history) == 3
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a shell's background job
    try:
        deaf = views.TrainingMonitor(events())
        for _ in deaf:
            deaf.stop()
    finally:
        signal.signal(signal.SIGINT, before)
    assert deaf.interrupted and len(deaf.history) == 1


class Screen:
    """Stands in for IPython's display: keeps what was shown."""

    def __init__(self):
        self.frames = []

    def __call__(self, bundle, raw, metadata, display_id):
        assert raw and display_id
        self.frames.append(bundle)
        return self

    def update(self, bundle, raw, metadata):
        self.frames.append(bundle)


@pytest.fixture
def screen(monkeypatch):
    """A notebook whose clock runs 20 ms per look at it."""
    import IPython.display

    screen, clock = Screen(), iter(i * 0.02 for i in range(10_000))
    monkeypatch.setattr(IPython.display, "display", screen)
    monkeypatch.setattr(monitor, "in_notebook", lambda: True)
    monkeypatch.setattr(monitor.time, "monotonic", lambda: next(clock))
    return screen


def test_monitor_updates_one_output_and_leaves_a_picture(screen, monkeypatch):
    monkeypatch.setattr(monitor, "clicks_while_busy", lambda: False)
    views.TrainingMonitor(events(steps=100)).run()
    live, last = screen.frames[:-1], screen.frames[-1]
    assert 5 <= len(live) <= 25 and all("<svg" in frame["text/html"] for frame in live)
    assert set(last) == {"image/png", "text/plain"} and last["text/plain"].startswith("loss 4.78 -> 1.25 in 100 steps")
    assert last["image/png"].startswith("iVBORw0KGgo")


def test_monitor_has_a_stop_button_where_it_can_be_heard(screen, monkeypatch, capsys):
    monkeypatch.setattr(monitor, "clicks_while_busy", lambda: True)
    watch = views.TrainingMonitor(events(steps=100), sample=lambda: "<b>", sample_every=50)
    frames = []
    for event in watch:
        frames.append(watch._picture.value)
        if event.step == 60:
            (button,) = [each for each in widgets_shown(screen.frames[0]) if "mtp-stop" in each._dom_classes]
            button.click()
    assert len(screen.frames) == 2 and {"image/png", "text/plain"} == set(screen.frames[1])  # in its place
    assert 5 <= len(set(frames)) <= 25 and "held-out text: head 1" in frames[-1] and "&lt;b&gt;" in frames[-1]
    assert len(watch.history) == 60 and "interrupted" in screen.frames[1]["text/plain"]
    assert capsys.readouterr().out == "--- after 1 step:\n<b>\n\n--- after 50 steps:\n<b>\n\n"


def widgets_shown(bundle):
    from ipywidgets.widgets import widget

    registry = vars(widget).get("_instances") or widget.Widget.widgets  # ipywidgets 8, 7
    box = registry[bundle["application/vnd.jupyter.widget-view+json"]["model_id"]]
    return box.children


def test_clicks_are_heard_from_ipykernel_7_on(monkeypatch):
    for version, heard in (((6, 17, 1), False), ((7, 4, 0), True)):
        monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace(version_info=version))
        assert monitor.clicks_while_busy() == heard
    monkeypatch.delitem(sys.modules, "ipykernel")
    assert not monitor.clicks_while_busy()


# ---- panels


def test_targets_panel_follows_its_sliders():
    panel = views.TargetsPanel(FOX, n=1, n_max=4)
    before = panel.output.value
    assert "head 2" not in panel.static().text
    panel.n.value = 3
    assert panel.output.value != before and "head 3" in panel.static().text and "head 4" not in panel.static().text
    panel.position.value = 5
    assert "\n5*\tover" in panel.static().text
    assert "mtp-slider-n" in panel.n._dom_classes and "mtp-output" in panel.output._dom_classes


def test_panels_leave_a_static_twin():
    bundle = views.TargetsPanel("a b c")._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert "<table" in bundle["text/html"] and bundle["text/plain"].startswith("t\ttoken\thead 1")


def test_targets_panel_refuses_an_empty_text():
    with pytest.raises(ValueError, match="empty"):
        views.TargetsPanel("")
    with pytest.raises(ValueError, match="n = 5"):
        views.TargetsPanel("a b", n=5)


def test_panel_says_what_went_wrong_and_recovers():
    class Moody(panels.Panel):
        problem = ValueError("Type <something> first.")

        def make(self):
            if self.problem:
                raise self.problem
            return views.target_table(FOX, 1)

    panel = Moody([])
    panel.update()
    assert "Type &lt;something&gt; first." in panel.output.value and 'role="alert"' in panel.output.value
    panel.problem = KeyError("k")
    panel.update()
    assert "KeyError" in repr(panel)
    panel.problem = None
    panel.update()
    assert "alert" not in panel.output.value and not panel._lock.locked()


def test_panels_compute_one_at_a_time():
    import threading
    import time

    class Slow(panels.Panel):
        running = most = 0

        def make(self):
            self.running += 1
            self.most = max(self.most, self.running)
            time.sleep(0.02)
            self.running -= 1
            return views.target_table(FOX, 1)

    panel = Slow([])
    threads = [threading.Thread(target=panel.update) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert panel.most == 1

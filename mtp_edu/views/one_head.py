"""One attention head on one text, at one point of training: where it looks, how it came to that, what it is needed for.

HTML that is made in milliseconds, for texts of up to about a thousand tokens: a small picture of the whole pattern, the
text shaded by where one token looks, the scores over training as SVG, and the accuracy without some heads. Letters:
`T` tokens of the text; a head is an attention head here, written L1H0 for head 0 of layer 1.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.image import imsave

from mtp_edu.attention_heads import AttentionHead
from mtp_edu.views import style
from mtp_edu.views.attention import _UNSEEN, _WEIGHT
from mtp_edu.views.html import HtmlFigure, escape, figure, note, printable, table, tag, visible
from mtp_edu.views.losses import spread

_SIDE = 340  # pixels of the pattern's picture
_LABELLED = 40  # tokens that have room for names beside the picture
_LONG = 100  # tokens; the pictures of longer texts are coloured by the square root of the weights
_FINEST = 500  # rows and columns of the picture; of longer texts each stands for the largest of several weights
_SAID = 0.05  # weights below are shaded, but not written out
_AHEAD = 60  # tokens that are shown behind the one that looks: it cannot see them anyway
_COLOURS = (_WEIGHT(np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
_GREY = np.array([int(_UNSEEN[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.uint8)


@dataclass(frozen=True)
class Guess:
    """What the model expects behind a token: its first choice, how likely, and what the text has (None at its end)."""

    expected: str
    probability: float
    actual: str | None


@dataclass(frozen=True)
class Cut:
    """Accuracy intact, without the silenced heads, and without as many others, one number for each random draw."""

    intact: float
    heads: tuple[AttentionHead, ...] = ()
    without: float | None = None
    others: tuple[float, ...] = ()
    kept_out: tuple[AttentionHead, ...] = ()  # of the draw: they belong to the ability as well


def head_word(head: AttentionHead) -> str:
    """'L1H0', as the field writes it."""
    return f"L{head.layer}H{head.head}"


def one_head(
    weights: np.ndarray,
    words: Sequence[str],
    t: int,
    head: AttentionHead,
    guess: Guess,
    points: Sequence[int],
    at: int,
    curves: Mapping[str, Sequence[float]],
    others: Sequence[Sequence[float]],
    cut: Cut,
    against: str = "optimizer steps",
) -> HtmlFigure:
    """weights: (T, T), the head's pattern on the text, row t what token t looks at. words: the T tokens. t: the token
    that looks. points, at: where the run was measured, and which of it this is. curves: name -> a number from 0 to 1
    for every point, at most six; others: the same of heads that stay in the background.

    Raises ValueError for sizes that do not fit each other, and a token or point that does not exist.
    """
    weights, length = np.asarray(weights), len(words)
    if weights.shape != (length, length):
        raise ValueError(f"weights of shape {weights.shape} for {length} tokens: give ({length}, {length})")
    if not 0 <= t < length or not 0 <= at < len(points):
        raise ValueError(f"t={t}, at={at}: use a token from 0 to {length - 1} and a point from 0 to {len(points) - 1}")
    for name, values in curves.items():
        if len(values) != len(points):
            raise ValueError(f"{name!r} has {len(values)} values for {len(points)} points: give one for each")
    shown, row = [visible(word) for word in words], weights[t, : t + 1]
    copied = [s for s in range(1, t + 1) if words[s - 1] == words[t]]  # what followed an earlier copy of this token
    on_copies, most = float(row[copied].sum()), int(row.argmax())
    name = head_word(head)
    silent = f", without {_named(cut.heads)}" if cut.heads else ""
    title = f"{name} after {points[at]:,} of {points[-1]:,} {against}{silent}"
    looks = f"token {t} ({shown[t]}) looks most at token {most} ({shown[most]}), with {_share(row[most])}"
    rule = f"{_share(on_copies)} on what followed it before" if copied else "it has not come before"
    expects = f"the model expects {visible(guess.expected)} ({guess.probability:.2f})"
    if guess.actual is not None:
        mark = style.RIGHT if guess.expected == guess.actual else f"{style.WRONG} the text has {visible(guess.actual)}"
        expects += f" {mark}"
    values = ", ".join(f"{key} {value[at]:.2f}" for key, value in curves.items())
    alt = f"Attention of {name} on {length} tokens: {looks}"
    drawn = _curves(points, at, curves, others, values, against, bool(cut.heads))
    columns = [_map(weights, shown, t, most, alt), drawn + _accuracy(cut)]
    parts = [
        tag("div", escape(title), class_="mtp-title"),
        tag("div", *(tag("div", column, class_="mtp-col") for column in columns), class_="mtp-cols"),
        _text(words, row, t, copied),
        tag("div", f"{escape(looks)}; {escape(rule)}. Behind it {escape(expects)}.", class_="mtp-key"),
    ]
    says = [title, f"{looks}; {rule}", f"behind it {expects}", values, _accuracy_words(cut)]
    return figure("".join(parts), "\n".join(says), "mtp-onehead")


def _share(weight: float) -> str:
    return f"{weight:.2f}" if weight >= 0.005 or not weight else "less than 0.01"


def _named(heads: Sequence[AttentionHead]) -> str:
    return " and ".join(map(head_word, sorted(heads)))


def _map(weights: np.ndarray, shown: Sequence[str], t: int, most: int, alt: str) -> str:
    """The whole pattern as a picture, a row per token that looks; row t framed, with what it looks at most."""
    length = len(shown)
    block = -(-length // _FINEST)
    side = -(-length // block)
    levels = np.zeros((side * block, side * block), dtype=np.uint8)
    # one weight among many tokens is small: without the root the picture of a long text would be blank
    np.multiply(np.sqrt(weights) if length > _LONG else weights, 255, out=levels[:length, :length], casting="unsafe")
    parts = [levels[i::block, j::block] for i in range(block) for j in range(block)]
    pixels = _COLOURS[np.maximum.reduce(parts) if block > 1 else levels]
    pixels[~np.tri(side, dtype=bool)] = _GREY  # what comes later is not seen
    if length <= _LONG:  # large enough to stay sharp in viewers that smooth
        pixels = pixels.repeat(4, 0).repeat(4, 1)
    buffer = BytesIO()
    imsave(buffer, pixels, format="png", pil_kwargs={"compress_level": 1})
    source = "data:image/png;base64," + b64encode(buffer.getvalue()).decode("ascii")
    picture = tag("img", src=source, alt=alt, width=str(_SIDE), height=str(_SIDE)).removesuffix("</img>")
    one = 100 / length
    frame = f"left:0;width:{(t + 1) * one:.3f}%;top:{t * one:.3f}%;height:{max(one, 0.9):.3f}%"
    spot = f"left:{most * one:.3f}%;width:{max(one, 0.9):.3f}%;top:{t * one:.3f}%;bottom:0"
    over = tag("div", class_="mtp-frame", style=frame) + tag("div", class_="mtp-spot", style=spot)
    names = ""
    if length <= _LABELLED:
        labels = [
            tag("div", ("▸" if i == t else "") + escape(word[:7]), class_="mtp-here" * (i == t))
            for i, word in enumerate(shown)
        ]
        names = tag("div", *labels, class_="mtp-names", style=f"height:{_SIDE}px")
    board = tag("div", picture, over, class_="mtp-board", style=f"width:{_SIDE}px;height:{_SIDE}px")
    scale = "; colour: square root of the weight" * (length > _LONG)
    foot = tag("div", f"down: token that looks; right: token looked at{scale}", class_="mtp-mute mtp-foot")
    return tag("div", names, board, class_="mtp-map") + foot


def _curves(
    points: Sequence[int], at: int, curves: Mapping, others: Sequence, alt: str, against: str, cut: bool
) -> str:
    """Scores over training as SVG: the named ones with their look, the others thin; the present point marked."""
    width, height = 520, 220
    left, right, top, bottom = 30, width - 205, 10, height - 34
    first, last = points[0], max(points[-1], points[0] + 1)

    def place(point: int, value: float) -> tuple[float, float]:
        return left + (right - left) * (point - first) / (last - first), bottom - (bottom - top) * min(1.0, value)

    def line(values: Sequence[float], **look: str) -> str:
        drawn = " ".join("{:.1f},{:.1f}".format(*place(*pair)) for pair in zip(points, values))
        return tag("polyline", points=drawn, fill="none", **look)

    parts = []
    for value in (0, 0.5, 1):
        y = place(first, value)[1]
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="rgba(128,128,128,.35)"/>'
            f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end" fill="currentColor">{value:g}</text>'
        )
    parts += [line(values, stroke="rgba(128,128,128,.75)", stroke_width="1") for values in others]
    x = place(points[at], 0)[0]
    parts.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="currentColor" stroke-dasharray="2 3"/>'
        f'<text x="{x:.1f}" y="{height - 19}" text-anchor="middle" fill="currentColor">{points[at]:,}</text>'
        f'<text x="{right}" y="{height - 4}" text-anchor="end" fill="currentColor">{escape(against)}</text>'
    )
    labels = spread([place(first, values[at])[1] for values in curves.values()], 17)
    shift = max(0.0, top + 4 - min(labels)) - max(0.0, max(labels) - bottom)
    labels = [y + shift for y in labels]
    if cut:
        parts.append(f'<text x="{left + 6}" y="{top + 14}" fill="currentColor">with all heads</text>')
    for k, ((name, values), y) in enumerate(zip(curves.items(), labels), start=1):
        dash = ("", "7 3", "8 3 2 3", "2 3")[(k - 1) % 4]
        here = place(points[at], values[at])
        dot = f'<circle cx="{here[0]:.1f}" cy="{here[1]:.1f}" r="4.5" fill="currentColor"/>'
        sample = (
            f'<line x1="{right + 8}" x2="{right + 32}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            f'stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        word = tag("text", escape(f"{values[at]:.2f} {name}"), x=str(right + 38), y=f"{y + 4:.1f}", fill="currentColor")
        drawn = line(values, stroke="currentColor", stroke_width="2", stroke_dasharray=dash)
        parts.append(tag("g", drawn, dot, sample, word, class_=style.ink_class(k), style=f"color:{style.colour(k)}"))
    box = f'<svg viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%" font-size="12" role="img" '
    return f'{box}aria-label="{escape(f"over {against}, now: {alt}")}">{"".join(parts)}</svg>'


def _text(words: Sequence[str], row: np.ndarray, t: int, copied: Sequence[int]) -> str:
    """The text, each token shaded by the weight that token t gives it; the numbers stand below the larger ones.

    A long text has a box of its own, which opens at its end: it ends soon behind t.
    """
    right, spans = {*copied}, []
    for s, word in enumerate(words[: t + 1 + _AHEAD]):
        kind, look, weight = "mtp-word", "", float(row[s]) if s <= t else 0.0
        if s == t:
            kind += " mtp-looks"
        elif s > t:
            kind += " mtp-later"
        if s in right:
            kind += " mtp-copy"
        if weight >= 0.005:
            look = f' style="--mtp-w:{weight:.2f}"'
        number = f"<sub>{weight:.2f}</sub>" if weight >= _SAID else ""
        token = escape(printable(word).replace("\n", "↵").replace("\t", "⇥"))
        spans.append(f'<span class="{kind}"{look}>{token}{number}</span>' + "<br>" * word.endswith("\n"))
    if left_out := len(words) - len(spans):
        spans.append(tag("span", f" … and {left_out:,} later token{'s' * (left_out > 1)}", class_="mtp-mute"))
    key = (
        '<span class="mtp-word mtp-looks">framed</span> the token that looks, '
        '<span class="mtp-word" style="--mtp-w:1">shaded</span> by the weight it gives, '
        '<span class="mtp-word mtp-copy">dashed</span> what followed it before, where an induction head looks'
    )
    return tag("div", tag("div", *spans), class_="mtp-flow") + tag("div", key, class_="mtp-key")


def _accuracy(cut: Cut) -> str:
    """The accuracy as bars: intact, without the silenced heads, and without as many others."""
    if not cut.heads:
        return note(f"Accuracy {cut.intact:.2f}, no head silenced: silence this head to see whether it is needed.")
    rows = [("intact", cut.intact, ""), (f"without {_named(cut.heads)}", cut.without, "")]
    if cut.others:
        few, many = min(cut.others), max(cut.others)
        spread_ = f"{few:.2f} to {many:.2f} in {len(cut.others)} draw{'s' * (len(cut.others) > 1)}"
        rows.append((_control_name(cut), sum(cut.others) / len(cut.others), spread_))
    lines = []
    for name, value, more in rows:
        look = f"display:inline-block;height:12px;width:{120 * value:.0f}px;background-color:#777"
        bar = tag("div", tag("span", class_="mtp-fill", style=look), class_="mtp-track")
        cells = (escape(name), bar, f"{value:.2f}", more)
        lines.append("".join(tag("td", cell, class_="mtp-left") for cell in cells))
    names = "".join(tag("th", word, class_="mtp-left") for word in ("accuracy", "", "", ""))
    small = (
        f"Never drawn: the silenced heads{_besides(cut)}." if cut.others else "There are too few other heads to draw."
    )
    return table(lines, names, "mtp-cut") + note(small)


def _control_name(cut: Cut) -> str:
    return f"without {len(cut.heads)} other{'s' * (len(cut.heads) > 1)}, at random"


def _besides(cut: Cut) -> str:
    return f", and {_named(cut.kept_out)}, which look one token back" if cut.kept_out else ""


def _accuracy_words(cut: Cut) -> str:
    words = f"accuracy {cut.intact:.2f}"
    if cut.heads:
        words += f"; without {_named(cut.heads)} {cut.without:.2f}"
    if cut.others:
        words += f"; {_control_name(cut)} {sum(cut.others) / len(cut.others):.2f}"
        words += f" ({min(cut.others):.2f} to {max(cut.others):.2f})"
    return words

"""The per-head view: a text with, under each token, what every head predicted for it from where that head stood.

Nothing but HTML and CSS: columns of one token each flow like words, so a line is as long as the page is wide. Head
k = 1 is the next token; surprise and entropy are in bits.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, head_name, legend, table, tag, visible

VIEWS = ("predictions", "surprise", "entropy")
CELLS, TOKENS = 600, 300  # the most guesses on a page, and the most tokens: more make the page slow
_MARKS = {"right": style.RIGHT, "near": style.NEAR, "wrong": style.WRONG, "none": " "}
_BLOCKS = "▁▂▃▄▅▆▇█"
_FULL = 21  # pixels of the largest bar
_LETTERS = 8  # of a guess under its token, if the token is no longer; the panel has all of it


class _Guesses:
    """The predictions of one model, by the token they are about: head k's guess for position t was made at t-k.

    where: the positions that are asked about; `score` alone is of the whole text.
    """

    def __init__(self, predictions, shown: Callable[[int], str], where: range):
        self.n, self.top_k = predictions.n_future, predictions.top_ids.shape[2]
        self.heads, self._found, self._shown = range(1, self.n + 1), predictions, shown
        # as lists, and no more of them than the page needs: a long text's would keep the garbage collector busy
        self._from = max(0, where.start - self.n)
        kept = slice(self._from, where.stop)
        self._ids, self._probabilities, self._ranks = (
            part[kept].tolist()
            for part in (predictions.top_ids, predictions.top_probabilities, predictions.target_rank)
        )
        self._bits = {"surprise": (predictions.surprise[kept] / math.log(2)).tolist(),
                      "entropy": (predictions.entropy[kept] / math.log(2)).tolist()}

    def kind(self, t: int, head: int) -> str:
        """'right' (the first choice), 'near' (among the top_k), 'wrong', or 'none' before the text began."""
        if t < head:
            return "none"
        rank = self._ranks[t - head - self._from][head - 1]
        return "right" if rank == 0 else "near" if rank < self.top_k else "wrong"

    def bits(self, t: int, head: int, view: str) -> float:
        """Surprise of the true token, or entropy of what was expected there."""
        return self._bits[view][t - head - self._from][head - 1]

    def first(self, t: int, head: int) -> str:
        return self._shown(self._ids[t - head - self._from][head - 1][0])

    def choices(self, t: int, head: int) -> str:
        """'fox 62% · dog 20% · ...' as HTML, the true token underlined."""
        at, words = t - head - self._from, []
        for place, (token, p) in enumerate(zip(self._ids[at][head - 1], self._probabilities[at][head - 1])):
            word = f"{escape(self._shown(token))}&nbsp;{_percent(p)}"
            words.append(f"<u>{word}</u>" if place == self._ranks[at][head - 1] else word)
        return " · ".join(words)

    def score(self, head: int) -> tuple[float, float, float, float]:
        """Over the whole text: shares right and in the top_k, mean surprise of the true token, mean entropy."""
        own = self._found
        places = (slice(0, max(0, len(self._found.tokens) - head)), head - 1)  # as far as the text goes
        rank = own.target_rank[places]
        parts = (rank == 0, rank < self.top_k, own.surprise[places] / math.log(2), own.entropy[places] / math.log(2))
        return tuple(float(part.double().mean()) for part in parts)  # nan where the text is too short for the head


def _short(token: str) -> str:
    """A token for display, long runs of spaces counted: '␣×8'."""
    return re.sub("␣{4,}", lambda run: f"␣×{len(run[0])}", visible(token))


def _percent(p: float) -> str:
    return f"{100 * p:.0f}%" if p >= 0.01 else "&lt;1%"


def _ends_word(tokens: Sequence[str], t: int) -> bool:
    """Whether a line may break behind position t: pieces carry their space in front, bytes have it behind."""
    following = tokens[t + 1] if t + 1 < len(tokens) else ""
    return tokens[t].endswith((" ", "\n")) or (following.startswith(" ") and len(following) > 1)


def _words(tokens: Sequence[str], where: range) -> Iterator[range]:
    """Cut positions into words, which no line should break: at line ends and spaces, in any case after 24 letters."""
    start, width = where.start, 0
    for t in where:
        width += len(tokens[t])
        if t + 1 == where.stop or width >= 24 or _ends_word(tokens, t):
            yield range(start, t + 1)
            start, width = t + 1, 0


def pages(tokens: Sequence[str], guesses: int, max_tokens: int = TOKENS) -> list[range]:
    """Cut positions into pages of at most max_tokens tokens, fewer if each has many guesses: at the last line end of a
    page's second half, or at the last word's."""
    cuts, size = [0], max(2, min(max_tokens, CELLS // guesses))
    while len(tokens) - cuts[-1] > size:
        half = range(cuts[-1] + size - 1, cuts[-1] + size // 2, -1)
        lines, words = (t for t in half if tokens[t].endswith("\n")), (t for t in half if _ends_word(tokens, t))
        cuts.append(1 + next(lines, next(words, half.start)))
    return [range(a, b) for a, b in zip(cuts, [*cuts[1:], len(tokens)])]


def _tip(models: Mapping[str, _Guesses], shown: list[str], t: int) -> str:
    """All that every head said about one token: hidden, until the token is pointed at or focused."""
    cells = [f"<b>position {t}: <code>{escape(shown[t])}</code></b>"]
    cells += [f"<i>{word}</i>" for word in ("surprise", "entropy", "read up to", "likeliest, with probabilities")]
    for name, guesses in models.items():
        if len(models) > 1:
            cells.append(f"<h6>{escape(name)}</h6>")
        for head in guesses.heads:
            kind = guesses.kind(t, head)
            verdict = "" if kind == "none" else f" {_MARKS[kind]} {kind}"
            cells.append(f'<b class="{style.ink_class(head)}">{style.mark(head)} head {head}{verdict}</b>')
            if kind == "none":
                cells.append("<i></i><i></i><i></i><i>the text had not begun</i>")
                continue
            cells += [f"<i>{guesses.bits(t, head, view):.1f}</i>" for view in VIEWS[1:]]
            cells += [f"<code>{escape(shown[t - head])}</code>", f"<code>{guesses.choices(t, head)}</code>"]
    # hidden inline: without the style sheet the panels must not spill into the text
    return tag("div", *cells, class_="mtp-tip", style="display:none")


@cache
def _look(kind: str, head: int) -> str:
    """Class and style of a guess: told by background, by line and by the line through it."""
    classes, look = {
        "right": (style.chip_class(head), style.chip_style(head)),
        "near": (style.ink_class(head), f"border-bottom:2px dashed {style.colour(head)}"),
        "wrong": (style.chip_class(0), style.chip_style(0) + ";text-decoration:line-through"),
    }[kind]
    return f'class="mtp-{kind} {classes}" style="{look}"'


def _guess(guesses: _Guesses, t: int, head: int, room: int) -> str:
    """What stands under a token in the view of predictions."""
    first = guesses.first(t, head)
    first = first if len(first) <= room else first[: room - 1] + "…"
    return f"<div {_look(guesses.kind(t, head), head)}>{escape(first)}</div>"


def _bar(bits: float, full: float, head: int) -> str:
    """A bar for some bits; one that is cut has a dotted top. Its edges are borders, which untrusted notebooks keep."""
    height = round(_FULL * min(1, bits / full))
    top = f";border-top:2px dotted {style.colour(head)}" if bits > full else ""
    look = f"border-bottom:{height}px solid {style.colour(head)}{top}"
    return f'<div class="mtp-bits {style.ink_class(head)}" style="{look}"></div>'


def _column(models: Mapping[str, _Guesses], shown: list[str], t: int, view: str, full: float) -> str:
    """A token, what every head made of it, and the panel with the rest."""
    below, said = [], []
    for name, guesses in models.items():
        if len(models) > 1 and t > 0:  # head 1 has something to say
            said.append(name)
        for head in guesses.heads:
            kind = guesses.kind(t, head)
            if kind == "none":
                below.append("<div></div>")
                continue
            bits = guesses.bits(t, head, "surprise" if view == "predictions" else view)
            said.append(f"head {head} {kind}, {bits:.1f} bits")
            if view == "predictions":
                below.append(_guess(guesses, t, head, max(_LETTERS, len(shown[t]))))
            else:
                below.append(_bar(bits, full, head))
    label = f"{shown[t]}: {', '.join(said) or 'the first token'}"
    token = tag("div", escape(shown[t]), class_="mtp-token", tabindex="0", role="group", aria_label=label)
    return tag("div", token, *below, _tip(models, shown, t), class_="mtp-col", style="display:inline-block")


def _gutter(models: Mapping[str, _Guesses], lines: int) -> str:
    """The heads' marks at the left of every line: the same block again and again, cut where the text ends."""
    block = ["<div></div>"]
    for letter, guesses in zip("AB", models.values()):
        letter = letter if len(models) > 1 else ""
        block += [tag("div", letter + style.mark(head), class_=style.ink_class(head)) for head in guesses.heads]
    return tag("div", tag("div", *block) * lines, class_="mtp-gutter", style="display:none", aria_hidden="true")


def _scores(models: Mapping[str, _Guesses]) -> tuple[str, list[str]]:
    """A table of every head's scores over the whole text, and the same in words."""
    most, lines, rows = max(guesses.n for guesses in models.values()), [], []
    for letter, (name, guesses) in zip("AB", models.items()):
        scores = [guesses.score(head) for head in guesses.heads]
        prefix = f"{letter} {name}: " if len(models) > 1 else ""
        names = ("right", f"in the top {guesses.top_k}", "surprise, bits", "entropy, bits")
        forms = ("{:.0%}", "{:.0%}", "{:.2f}", "{:.2f}")
        for i, (word, form) in enumerate(zip(names, forms)):
            cells = [form.format(own[i]) if own[i] == own[i] else style.ENDED for own in scores]
            cells += [""] * (most - len(cells))
            rows.append(tag("th", escape(prefix + word), class_="mtp-left") + "".join(tag("td", own) for own in cells))
        for head, own in zip(guesses.heads, scores):
            said = (f"{own[0]:.0%} right, {own[1]:.0%} in the top {guesses.top_k}, "
                    f"mean surprise {own[2]:.2f} bits, mean entropy {own[3]:.2f} bits")
            lines.append(f"{prefix}head {head}: {said if own[0] == own[0] else 'the text is too short'}")
    heads = "".join(tag("th", head_name(head, short=most > 4)) for head in range(1, most + 1))
    return table(rows, tag("th", "over the whole text", class_="mtp-left") + heads), lines


def _key(view: str, models: Mapping[str, _Guesses], full: float) -> str:
    """What the signs mean."""
    top_k = next(iter(models.values())).top_k
    if view == "predictions":
        line = f"border-bottom:2px dashed {style.colour(1)}"
        near = tag("span", "near", class_=f"mtp-code {style.ink_class(1)}", style=line)
        entries = [f"{chip('right', 1)} first choice", f"{near} in the top {top_k}",
                   f"{chip('wrong', 0, struck=True)} not in the top {top_k}"]
    else:
        what = {"surprise": "−log₂ p of the true token", "entropy": "of what the head expected there"}[view]
        samples = [(bits, f"{bits:.0f}") for bits in (1, round(full / 2))]
        samples += [(full, f"{full:.0f}: an even guess among all tokens"), (full + 1, "more")]
        bars = [tag("span", _bar(bits, full, 1) + " " + word, class_="mtp-sample") for bits, word in samples]
        entries = [f"<b>{view}</b> in bits, {what}", *bars[: 3 if view == "entropy" else 4]]
    if len(models) > 1:
        entries += [f"<b>{letter}</b> {escape(name)}" for letter, name in zip("AB", models)]
    return legend(entries)


def _in_words(
    models: Mapping[str, _Guesses], tokens: list[str], shown: list[str], where: range, view: str, full: float
) -> list[str]:
    """The page as lines of text and, under each, lines of marks or of small bars."""
    lines, start, width = [], where.start, 0
    for word in _words(tokens, where):
        width += sum(len(shown[t]) for t in word)
        if width < 64 and not tokens[word[-1]].endswith("\n") and word.stop < where.stop:
            continue
        line = range(start, word.stop)
        lines.append("text   " + "".join(shown[t] for t in line))
        for letter, guesses in zip("AB", models.values()):
            for head in guesses.heads:
                signs = []
                for t in line:
                    kind = guesses.kind(t, head)
                    sign = _MARKS[kind]
                    if view != "predictions" and kind != "none":
                        sign = _BLOCKS[min(7, int(8 * guesses.bits(t, head, view) / full))]
                    signs.append(sign.ljust(len(shown[t])))
                lines.append(f"head {head}{letter if len(models) > 1 else ' '}" + "".join(signs))
        start, width = word.stop, 0
    return lines


def head_view(
    predictions,
    token_text: TokenText,
    view: str = "predictions",
    page: int = 1,
    max_tokens: int = TOKENS,
    vocab_size: int = 2048,
    notes: Sequence[str] = (),
) -> HtmlFigure:
    """A text with, under each token, what every head predicted for it from where that head stood.

    predictions: probe.HeadPredictions, or {name: HeadPredictions} of two models on the same tokens, shown one above
    the other. Head k's guess for the token at position t was made at t-k, so the column under a token holds n guesses
    made from less and less text. view: "predictions" (right, the first choice; near, among the top_k; wrong: told by
    background and by line), "surprise" of the true token or "entropy" of the prediction, as bars. Point at a column,
    or reach its token with Tab, for the likeliest tokens and the bits. page: numbered from 1; a page holds at most
    max_tokens tokens and CELLS guesses. vocab_size: a full bar is the entropy of an even guess among so many tokens.
    notes: HTML above the text. Raises ValueError for a text shorter than two tokens, two models on different tokens,
    an unknown view, or a page that is not there.
    """
    named = dict(predictions) if isinstance(predictions, Mapping) else {"": predictions}
    first, *others = named.values()
    total = len(first.tokens)
    if total < 2:
        raise ValueError(f"the text has {total} tokens: give at least two, so that there is something to predict")
    if len(named) > 2 or any(own.tokens != first.tokens for own in others):
        raise ValueError(f"{', '.join(named)}: compare two models, on the same tokens")
    if view not in VIEWS:
        raise ValueError(f"view = {view!r} must be one of {VIEWS}")
    shown_as = cache(lambda token: _short(token_text(token)))
    tokens = [token_text(token) for token in first.tokens]
    shown = [visible(token) for token in tokens]
    per_token = sum(own.n_future for own in named.values())
    cut = pages(tokens, per_token, max_tokens)
    if not 1 <= page <= len(cut):
        raise ValueError(f"page = {page}: there are pages 1 to {len(cut)}")
    where, full = cut[page - 1], math.log2(vocab_size)
    models = {name: _Guesses(own, shown_as, where) for name, own in named.items()}
    flow, lines = [], 2
    for word in _words(tokens, where):
        flow.append(tag("span", *(_column(models, shown, t, view, full) for t in word), class_="mtp-word"))
        lines += 1 + sum(len(shown[t]) for t in word) // 24  # at most: no line is shorter than a word
        if tokens[word[-1]].endswith("\n"):
            flow.append('<div class="mtp-end"></div>')
    scores, in_words = _scores(models)
    small = f"Page {page} of {len(cut)}: tokens {where.start} to {where.stop - 1} of {total}. " if len(cut) > 1 else ""
    hint = small + "Point at a token, or reach it with Tab, to see what each head expected there."
    columns = tag("div", _gutter(models, lines), *flow, class_=f"mtp-columns mtp-{view}")
    body = [*notes, _key(view, models, full), columns, tag("div", hint, class_="mtp-note"), scores]
    words = _in_words(models, tokens, shown, where, view, full) + in_words + [small.strip()] * bool(small)
    rows = per_token + 2 * len(others)  # of a panel
    return figure("".join(body), "\n".join(words), "mtp-heads", f"--mtp-n:{rows}")

"""The per-head view: a text with, under each token, what every head predicted for it from where that head stood."""

from collections.abc import Iterator

from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, head_name, legend, note, table, tag, visible

_MARKS = {"right": style.RIGHT, "near": style.NEAR, "wrong": style.WRONG, "none": " "}


class _Guesses:
    """The predictions, asked by the token they are about: head k's guess for position t was made at t-k."""

    def __init__(self, predictions, token_text: TokenText, length: int):
        self.n, self.top_k = predictions.n_future, predictions.top_ids.shape[2]
        self.tokens = [token_text(token) for token in predictions.tokens[:length]]
        self.shown = [visible(token) for token in self.tokens]
        self._token_text = token_text
        self._ids, self._ranks = predictions.top_ids.tolist(), predictions.target_rank.tolist()
        self._probabilities = predictions.top_probabilities.tolist()

    def kind(self, t: int, head: int) -> str:
        """'right' (the first choice), 'near' (among the top_k), 'wrong', or 'none' before the text began."""
        if t < head:
            return "none"
        rank = self._ranks[t - head][head - 1]
        return "right" if rank == 0 else "near" if rank < self.top_k else "wrong"

    def first(self, t: int, head: int) -> str:
        return visible(self._token_text(self._ids[t - head][head - 1][0]))

    def choices(self, t: int, head: int, first: int | None = None) -> str:
        """'fox 62% · dog 20% · ...', the best `first` or all."""
        pairs = zip(self._ids[t - head][head - 1][:first], self._probabilities[t - head][head - 1])
        return " · ".join(f"{visible(self._token_text(token))} {100 * p:.0f}%" for token, p in pairs)

    def score(self, head: int) -> str:
        kinds = [self.kind(t, head) for t in range(head, len(self.tokens))]
        right, near = (100 * kinds.count(kind) / max(1, len(kinds)) for kind in ("right", "near"))
        return f"{right:.0f} % right, {right + near:.0f} % in the top {self.top_k}"


def _lines(guesses: _Guesses, columns: int) -> Iterator[range]:
    """Cut the positions into display lines of about `columns` characters: at line breaks and, if it can, at spaces."""
    start, width, shown = 0, 0, guesses.shown
    for t, text in enumerate(shown):
        width += len(text)
        last = t == len(shown) - 1
        space = text.endswith("␣") or (not last and len(shown[t + 1]) > 1 and shown[t + 1].startswith("␣"))
        if last or guesses.tokens[t].endswith("\n") or width >= columns or (space and width >= columns - 8):
            yield range(start, t + 1)
            start, width = t + 1, 0


def _token_cell(guesses: _Guesses, t: int) -> str:
    """The token, which can be pointed at or focused, and its panel with all heads' choices."""
    heads = range(1, guesses.n + 1)
    rows = [f"position {t}: {tag('code', escape(guesses.shown[t]))}"]
    for head in heads:
        kind = guesses.kind(t, head)
        said = "the text had not begun"
        if kind != "none":
            choices = tag("code", escape(guesses.choices(t, head)))
            said = f"{_MARKS[kind]} after {tag('code', escape(guesses.shown[t - head]))}: {choices}"
        rows.append(tag("b", f"{style.mark(head)} head {head}", class_=style.ink_class(head)) + f" {said}")
    # hidden inline: without the style sheet the panels must not spill into the text
    tip = tag("div", *(tag("div", row) for row in rows), class_="mtp-tip", style="display:none")
    verdicts = ", ".join(f"head {head} {guesses.kind(t, head)}" for head in heads if t >= head)
    title = f"{guesses.shown[t]}: {verdicts}"  # what is left of the panel without the style sheet
    return tag("td", escape(guesses.shown[t]), tip, class_="mtp-token", tabindex="0", title=title)


def _guess_cell(guesses: _Guesses, t: int, head: int) -> str:
    kind = guesses.kind(t, head)
    if kind == "none":
        return "<td></td>"
    classes, look = {
        "right": (style.chip_class(head), style.chip_style(head)),
        "near": (style.ink_class(head), f"border-bottom:2px dashed {style.colour(head)}"),
        "wrong": (style.chip_class(0), style.chip_style(0) + ";text-decoration:line-through"),
    }[kind]
    title = f"head {head} at {guesses.shown[t - head]}, {kind}: {guesses.choices(t, head, 3)}"
    return tag("td", escape(guesses.first(t, head)), class_=f"mtp-{kind} {classes}", style=look, title=title)


def head_view(predictions, token_text: TokenText, columns: int = 52, max_tokens: int = 300) -> HtmlFigure:
    """A text with, under each token, what every head predicted for it from where that head stood.

    predictions: probe.HeadPredictions. Head k's guess for the token at position t was made at t-k, so the column under
    a token holds n guesses made from less and less text. Right (first choice), near (among the top_k) and wrong differ
    by background and by line. Point at a token, or reach it with Tab, for the probabilities. columns: characters per
    line. Raises ValueError if the text is shorter than two tokens.
    """
    total = len(predictions.tokens)
    if total < 2:
        raise ValueError(f"the text has {total} tokens: give at least two, so that there is something to predict")
    length = min(total, max_tokens)
    guesses = _Guesses(predictions, token_text, length)
    heads = range(1, guesses.n + 1)
    tables, words = [], []
    for line in _lines(guesses, columns):
        rows = ["<th></th>" + "".join(_token_cell(guesses, t) for t in line)]
        words.append("text   " + "".join(guesses.shown[t] for t in line))
        for head in heads:
            name = tag("th", head_name(head, short=True), title=f"head {head}")
            rows.append(name + "".join(_guess_cell(guesses, t, head) for t in line))
            marks = (_MARKS[guesses.kind(t, head)].ljust(len(guesses.shown[t])) for t in line)
            words.append(f"head {head} " + "".join(marks))
        tables.append(table(rows, class_="mtp-line"))
    scores = [f"{head_name(head)}: {guesses.score(head)}" for head in heads]
    words += [f"head {head}: {guesses.score(head)}" for head in heads]
    near = tag("span", "near", class_="mtp-code", style=f"border-bottom:2px dashed {style.colour(1)}")
    key = [f"{chip('right', 1)} first choice", f"{near} in the top {guesses.top_k}",
           f"{chip('wrong', 0, struck=True)} not in the top {guesses.top_k}"]
    body = [legend(scores), legend(key), *tables]
    if length < total:
        body.append(note(f"The first {length} of {total} tokens are shown."))
    hint = "Point at a token in a top row, or reach it with Tab, to see what each head expected there."
    body.append(tag("div", hint, class_="mtp-hint mtp-note"))
    return figure("".join(body), "\n".join(words), "mtp-heads", f"--mtp-n:{guesses.n}")

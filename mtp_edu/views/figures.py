"""Tables as pure functions from data to HTML: shifted targets, and the steps of a self-speculative generation.

No scripts, nothing loaded from elsewhere: the same string serves a cell's output, a widget and a saved notebook.
Head k = 1 is the next token.
"""

from collections.abc import Sequence

from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, code, escape, figure, head_name, note, table, tag, visible


def _target_cell(tokens: Sequence[str], t: int, head: int, here: bool) -> str:
    """The cell of position t: the token itself (head 0) or head k's target t+k."""
    mark = " mtp-here" if here else ""
    if t + head >= len(tokens):
        title = f"the text has ended: no target for head {head}"
        return tag("td", style.ENDED, class_="mtp-cell mtp-mute" + mark, title=title)
    title = f"the token at position {t}"
    if head:
        title = f"standing at {tokens[t]}, head {head} must say {tokens[t + head]}"
    classes = f"mtp-cell {style.chip_class(head)}{mark}"
    return tag("td", escape(tokens[t + head]), class_=classes, style=style.chip_style(head), title=title)


def target_table(tokens: Sequence[str], n: int, highlight: int | None = None, across: bool = False) -> HtmlFigure:
    """The shifted targets: at position t, head k is asked for token t+k (the loss of section 2 of the paper).

    tokens: the text's tokens as strings. n: number of heads. highlight: a position to point out. across: positions run
    to the right and heads downwards, as the text is read; otherwise one row per position. Where the text has ended
    there is no target (-100 in the tensor). Raises ValueError for an empty text, n < 1 or a highlight outside the text.
    """
    length = len(tokens)
    if not length:
        raise ValueError("the text is empty: give at least one token")
    if n < 1:
        raise ValueError(f"n = {n}: there must be at least one head")
    if highlight is not None and not 0 <= highlight < length:
        raise ValueError(f"highlight = {highlight} is outside the text: use 0 to {length - 1}")
    shown = [visible(token) for token in tokens]
    cells = [[_target_cell(shown, t, head, t == highlight) for head in range(n + 1)] for t in range(length)]
    if across:
        names = ["token t"] + [f"{head_name(head)}: t+{head}" for head in range(1, n + 1)]
        rows = [tag("th", name, class_="mtp-left") + "".join(row) for name, row in zip(names, zip(*cells))]
        numbers = "".join(tag("td", str(t) if t % 5 == 0 else "", class_="mtp-mute") for t in range(length))
        picture = table([tag("th", "position", class_="mtp-left") + numbers, *rows], class_="mtp-across")
    else:
        names = ["t", "token t"] + [f"{head_name(head)}<br>token t+{head}" for head in range(1, n + 1)]
        rows = [tag("td", str(t), class_="mtp-mute") + "".join(row) for t, row in enumerate(cells)]
        picture = table(rows, "".join(tag("th", name) for name in names))
    asked = sum(max(0, length - head) for head in range(1, n + 1))
    small = f"{length} tokens, {asked} targets for {n} head{'s' * (n > 1)}; {style.ENDED} means: the text has ended"
    lines = ["\t".join(["t", "token"] + [f"head {head}" for head in range(1, n + 1)])]
    for t in range(length):
        words = [shown[t + head] if t + head < length else style.ENDED for head in range(n + 1)]
        lines.append("\t".join([f"{t}{'*' * (t == highlight)}", *words]))
    return figure(picture + note(small), "\n".join([*lines, small]))


def _places(step, token_text: TokenText) -> tuple[list[str], list[str]]:
    """What happened at each place of a step's block, as HTML cells and as words."""
    cells, words = [], []
    for place in range(1, len(step.block)):
        draft, verdict = visible(token_text(step.block[place])), visible(token_text(step.verdicts[place - 1]))
        head = place + 1
        if place <= step.accepted:
            cells.append(chip(f"{draft} {style.RIGHT}", head, f"head {head} drafted it, head 1 agrees"))
            words.append(f"{draft} {style.RIGHT}")
        elif place == step.accepted + 1:
            own = chip(verdict, 1, "head 1's own token ends the step")
            cells.append(f"{chip(draft, head, f'head 1 says {verdict}', struck=True)} {style.WRONG} {own}")
            words.append(f"{draft} {style.WRONG} head 1: {verdict}")
        else:
            why = "dropped: an earlier draft was wrong"
            cells.append(tag("span", f"({escape(draft)})", class_="mtp-mute", title=why))
            words.append(f"({draft})")
    if step.accepted == len(step.block) - 1:
        own = visible(token_text(step.verdicts[-1]))
        cells.append(chip(own, 1, "all drafts were right: head 1's own token comes on top"))
        words.append(f"head 1: {own}")
    return cells, words


def step_table(generation, token_text: TokenText, first: int = 8) -> HtmlFigure:
    """The first steps of a self-speculative generation: drafts, head 1's verdicts, what was kept.

    generation: decode.Generation. The draft at place j of a block came from head j+1 of the step before; it is kept if
    head 1, which sees the drafts before it, names the same token. The first disagreement ends the step with head 1's
    own token, so each step commits at least one (blockwise parallel decoding; section 3.2 of the paper).
    """
    if first < 1:
        raise ValueError(f"first = {first}: show at least one step")
    steps = generation.steps[:first]
    width = max((len(step.block) for step in steps), default=1)
    rows, lines = [], []
    for number, step in enumerate(steps, start=1):
        cells, words = _places(step, token_text)
        after = visible(token_text(step.block[0]))
        committed = visible("".join(token_text(token) for token in step.tokens))
        count, milliseconds = len(step.tokens), f"{1000 * step.seconds:.1f}"
        rows.append(tag("td", str(number), class_="mtp-mute") + tag("td", chip(after, 0))
                    + "".join(tag("td", cell, class_="mtp-left") for cell in cells + [""] * (width - len(cells)))
                    + tag("td", code(committed), class_="mtp-left") + tag("td", str(count))
                    + tag("td", milliseconds, class_="mtp-mute"))
        gained = f"{count} token{'s' * (count != 1)}, {milliseconds} ms"
        lines.append(f"step {number}: after {after} | {' | '.join(words)} | {gained}")
    drafts = [head_name(place + 1) for place in range(1, width)]
    names = ["step", "after", *drafts, "on top", "committed", "tokens", "ms"]
    small = (f"the first {len(steps)} of {len(generation.steps)} steps; {style.RIGHT} kept, {style.WRONG} corrected by "
             f"head 1, ( ) dropped; {generation.tokens_per_forward:.2f} tokens per forward in all")
    picture = table(rows, "".join(tag("th", name) for name in names))
    return figure(picture + note(small), "\n".join([*lines, small]))

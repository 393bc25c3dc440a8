"""One step of self-speculative decoding as a picture: what went in, what head 1 said, what was kept, what is cached.

HTML without scripts: the text so far, the table or the tree of the block (step_tables.py), what every forward gave. A
step can be shown up to one of its PHASES, for a reader who wants to guess first. Head k = 1 is the next token; the head
0 of a chip is "no head".
"""

from collections.abc import Callable, Sequence

from mtp_edu.decode import DecodeStep, DraftTree, Generation
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, note, tag, visible
from mtp_edu.views.race import _written
from mtp_edu.views.step_facts import (
    CACHE,
    COMMIT,
    DRAFT,
    GONE,
    KEPT,
    PHASES,
    VERIFY,
    Odds,
    cache_before,
    cache_states,
    origins,
)
from mtp_edu.views.step_tables import line_body, tree_body

_SHOWN = 48  # tokens of the text before the step


def step_view(
    prompt: Sequence[int],
    generation: Generation,
    at: int,
    token_text: TokenText,
    tree: DraftTree | None = None,
    before: int = 3,
    phase: str | None = None,
    odds: Odds | None = None,
) -> HtmlFigure:
    """Step `at` (from 0) of a generation from a prompt (a list of ids): drafts, head 1's verdicts, what was kept.

    tree: the tree that was drafted, for method "tree". before: positions of earlier text in the table. phase: one of
    PHASES, the last that is shown, with a sentence on it; None: the whole step. odds: what a sampled step weighed, from
    `recording`.
    Raises ValueError for a generation of many prompts, without steps or without its tree, for a step outside of it, and
    for another phase.
    """
    if generation.tokens and isinstance(generation.tokens[0], list):
        raise ValueError("the generation has many rows: decode one prompt to step through it")
    if not generation.steps:
        if generation.stopped:
            raise ValueError("the model ended the text with its first token: take a prompt that leaves more to say")
        raise ValueError("the generation has no step after the prompt's own: ask for at least 2 new tokens")
    if not 0 <= at < len(generation.steps):
        raise ValueError(f"step {at} is outside the generation: use 0 to {len(generation.steps) - 1}")
    if (generation.method == "tree") != (tree is not None) or (tree and len(tree) != len(generation.steps[at].block)):
        raise ValueError("a generation with method='tree' is drawn with the same tree, and any other without one")
    if phase not in (None, *PHASES):
        raise ValueError(f"phase={phase!r} must be one of {PHASES}, or None for the whole step")
    step, last = generation.steps[at], at == len(generation.steps) - 1
    shown = len(PHASES) if phase is None else PHASES.index(phase)
    text = [*prompt, generation.tokens[0], *(token for one in generation.steps[:at] for token in one.tokens)]

    def show(token: int) -> str:
        return visible(token_text(token))

    found = cache_before(generation.steps, at, tree is not None)
    if tree:
        body, words = tree_body(step, tree, show, last, shown)
    else:
        body, words = line_body(step, text, show, last, before, shown, found, odds)
    drafts = _many(len(step.verdicts) - 1, "draft")
    done = f"{step.accepted} of {drafts} kept, {_many(len(step.tokens), 'token')} committed"
    end = "; the text ends here" if last and shown >= CACHE else ""
    title = f"step {at + 1} of {len(generation.steps)}: {done if shown >= COMMIT else drafts}{end}"
    says = tag("div", _happens(step, tree, show, last, shown, found, odds), class_="mtp-says") if phase else ""
    settled = generation.steps[: at + (shown >= COMMIT)]
    new = sum(len(one.tokens) for one in settled)
    small = f"so far {_many(new + 1, 'token')}: 1 by the prompt’s own forward"
    if settled:
        small += f", {new} by {_many(len(settled), 'forward')} after it ({new / len(settled):.2f} tokens per forward)"
    ms = f". This forward took {1000 * step.seconds:.1f} ms."
    flow = _flow(prompt, generation, at, token_text, shown, tree is not None)
    parts = [flow, tag("div", title, class_="mtp-title"), says, *body, _pace(generation, at, shown), note(small + ms)]
    written = "".join(token_text(token) for token in step.tokens) if shown >= COMMIT else "?"
    lines = [f"text: {''.join(map(token_text, text))}[{written}]", title, *words, small]
    return figure("".join(parts), "\n".join(lines), "mtp-steps")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _happens(step: DecodeStep, tree, show: Callable, last: bool, shown: int, found: dict[int, str], odds) -> str:
    """What the present phase does, in a sentence or two of HTML."""
    k, accepted, first = len(step.verdicts), step.accepted, chip(show(step.block[0]), 0)
    if shown == DRAFT:
        stale = list(found.values()).count(GONE)
        over = f" It writes over {_entries(stale)} that the step before has left void."
        what = _many(len(step.block) - 1, "candidate" if tree else "draft")
        who = f", from head{'s 2 to ' + str(k) if k > 2 else ' 2'} in the forward before"
        behind = f" and behind it {what}{who}" if k > 1 else ""
        return f"One forward reads {first}, the last committed token,{behind}.{over * bool(stale)}"
    if shown == VERIFY:
        if k == 1:
            return "Nothing was drafted: head 1 says what comes next, and that is all."
        if tree:
            return f"Head 1 names what follows {first}; the branch that has it is taken, and so on, {accepted} deep."
        all_, some = f"all {k - 1} are", f"{accepted} {'is' if accepted == 1 else 'are'}"
        whole = f"{all_ if accepted == k - 1 else some} kept" + "; what has read a refused draft is worth nothing" * (
            accepted < k - 2
        )
        if odds is None:
            return f"The same forward tells what head 1 itself would write behind each token. Of the drafts {whole}."
        rule = "u &lt; p/q" if odds.acceptance == "lossless" else "p is above what the rule asks"
        return f"A draft is kept while {rule}. Of the drafts {whole}."
    if shown == COMMIT:
        own = chip(show(step.tokens[-1]), origins(step)[-1])
        if len(step.tokens) <= accepted:
            return f"The text ends inside the accepted drafts, with {own}."
        drawn = f"{_many(accepted, 'draft')} and " * bool(accepted) + f"head 1’s own token {own}"
        drawn += "" if k == 1 else " on top" if accepted == k - 1 else " in place of the refused one"
        if odds is not None:
            drawn += f", drawn from {'what p has more than q' if odds.residual else 'p'} (chance {odds.own:.2f})"
        return f"To the text go {drawn}: {_many(len(step.tokens), 'token')} from one forward."
    states = list(cache_states(step, tree is not None).values())
    kept, void = states.count(KEPT), states.count(GONE)
    next_ = f"The next block begins at position {step.position + len(step.tokens)}"
    ends = "The text ends here." if last else next_ + (" and writes over what is void." if void else ".")
    return f"Keys and values: {_entries(kept)} kept, {void} void. {ends}"


def _pace(generation: Generation, at: int, shown: int) -> str:
    """How many tokens every forward gave, as bars with numbers; what is still to come is empty."""
    bars = []
    for i, step in enumerate(generation.steps):
        count = len(step.tokens) if i < at + (shown >= COMMIT) else 0
        word, here = str(count) if count else "·", i == at
        look = f"display:inline-block;min-width:15px;text-align:center;height:{14 + 5 * count}px;border:1px solid #888"
        title = f"step {i + 1}: {_many(count, 'token')}" if count else f"step {i + 1}"
        bars.append(tag("span", word, class_="mtp-bar" + " mtp-now" * here, style=look, title=title))
    return tag("div", tag("span", "tokens of each forward", class_="mtp-label"), *bars, class_="mtp-pace")


def _signed(step: DecodeStep) -> list[tuple[int, str, int]]:
    """(head, sign, token) of what a step has committed; + is head 1's own token behind drafts that were all kept."""
    own = "+" if step.accepted == len(step.verdicts) - 1 > 0 else "1"
    return [(head, own if head == 1 else str(head), token) for head, token in zip(origins(step), step.tokens)]


def _flow(prompt: Sequence[int], generation: Generation, at: int, token_text: TokenText, shown: int, tree: bool) -> str:
    """The text so far, token over mark, and in a box what this step adds, or until then its drafts."""
    sources = [(-1, "", token) for token in prompt] + [(0, "p", generation.tokens[0])]
    for one in generation.steps[:at]:
        sources += _signed(one)
    hidden = max(0, len(sources) - _SHOWN)
    sources = sources[hidden:]
    plain = "".join(token_text(token) for head, _, token in sources if head < 0)
    flow = [tag("span", escape("… " * bool(hidden) + plain), class_="mtp-mute")]
    flow += [_written(head, sign, token_text(token)) for head, sign, token in sources if head >= 0]
    step = generation.steps[at]
    if shown >= COMMIT:
        new = [_written(head, sign, token_text(token)) for head, sign, token in _signed(step)]
    elif tree or len(step.block) == 1:
        new = [tag("span", "?", class_="mtp-mute")]
    else:
        new = []
        for j, draft in enumerate(step.block[1:]):
            token = _written(j + 2, str(j + 2), token_text(draft))
            new.append(tag("s", token) if shown >= VERIFY and j >= step.accepted else token)
    look = f"border:1px {'solid' if shown >= COMMIT else 'dashed'} #999"
    flow.append(tag("span", *new, class_="mtp-step" + " mtp-guess" * (shown < COMMIT), style=look))
    return tag("div", *flow, class_="mtp-flow")

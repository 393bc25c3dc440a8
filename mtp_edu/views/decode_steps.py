"""One step of self-speculative decoding as a picture: what went in, what head 1 said, what was kept, what is cached.

HTML without scripts. Columns are positions of the text, so that a draft stands above head 1's word on it, and the next
block above the cache entries that it will overwrite. A step can be shown up to one of its PHASES, for a reader who
wants to guess first. Head k = 1 is the next token; the head 0 of a chip is "no head".
Letters: `k` tokens in a block (the last committed one and k-1 drafts), `p` position of its first token; of a sampled
step, p(x) and q(x) are a draft's probabilities by head 1 and by the head that drew it, u a uniform number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtp_edu.decode import DecodeStep, DraftTree, Generation
from mtp_edu.decode.sampling import ACCEPTANCES, accept_typical, typical_threshold
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, head_name, legend, note, table, tag, visible
from mtp_edu.views.race import _written

PHASES = ("draft", "verify", "commit", "cache")  # what a step does, in this order, within one forward
DRAFT, VERIFY, COMMIT, CACHE = range(4)
OLD, KEPT, GONE, EMPTY = "old", "kept", "gone", "empty"
# of a cache entry: its mark, its words, and how it looks without the style sheet
_CACHE = {
    OLD: ("▪", "from earlier", f"background-color:#c9c9c9;color:{style.INK}"),
    KEPT: (style.RIGHT, "written now, kept", f"background-color:#4a4a4a;color:{style.PAPER}"),
    GONE: (
        "↺",
        "void, to be overwritten",
        f"background-color:#ededed;color:{style.INK};border:1px dashed #6b6b6b",
    ),
    EMPTY: ("·", "empty", "border:1px solid #b5b5b5"),
}
_UNSEEN = "skipped"  # behind a refused draft: nobody looks at it
_SHOWN = 48  # tokens of the text before the step


@dataclass(frozen=True)
class Odds:
    """What a sampled step weighed (decode/sampling.py). Per draft: p(x) by head 1, q(x) that it was drawn with, what
    the rule asks, and the uniform number u. Lossless keeps a draft where u < p/q, typical where p > asked.

    own: the probability of head 1's own token in what it was drawn from; residual: that was what p has more than q.
    """

    acceptance: str
    p: tuple[float, ...]
    q: tuple[float, ...]
    asked: tuple[float, ...]
    u: tuple[float, ...]
    own: float
    residual: bool


def recording(acceptance: str, into: list[Odds]) -> Callable:
    """The rule of that name ("lossless", "typical") for `generate(acceptance=...)` and one prompt: it decides as ever
    and appends what every step weighed.
    """
    rule = ACCEPTANCES[acceptance]

    def watched(target, source, drafts, uniform):
        kept, following = rule(target, source, drafts, uniform)
        places, accepted = drafts.unsqueeze(-1), int(kept[0])
        p, q = (of.gather(-1, places)[0, :, 0] for of in (target[:, :-1], source))  # (k-1,)
        asked = typical_threshold(target[0, :-1]) if rule is accept_typical else uniform[0, :-1] * q
        drawn_from, residual = target[0, accepted], rule is not accept_typical and accepted < len(p)
        if residual:
            left = (drawn_from - source[0, accepted]).clamp(min=0)
            drawn_from = left / left.sum() if left.any() else drawn_from
        numbers = (tuple(of.tolist()) for of in (p, q, asked, uniform[0]))
        into.append(Odds(acceptance, *numbers, float(drawn_from[following[0]]), residual))
        return kept, following

    return watched


def cache_states(step: DecodeStep, tree: bool = False) -> dict[int, str]:
    """Position -> what the step has left in the text's cache there: KEPT or GONE. Before its block all is OLD, behind
    it EMPTY. The token that head 1 adds at the end is not in it: it is the next block's first.

    tree: the accepted path was copied to the text, and copies of its last node behind it.
    """
    width = max(2, len(step.verdicts)) if tree else len(step.block)
    kept = 1 + min(step.accepted, len(step.tokens))
    return {step.position + j: KEPT if j < kept else GONE for j in range(width)}


def cache_before(steps: Sequence[DecodeStep], at: int, tree: bool = False) -> dict[int, str]:
    """Position -> what step `at` finds in the text's cache from its own position on: GONE where the step before has
    left void entries. The rest is EMPTY, and all before it is OLD.
    """
    left = cache_states(steps[at - 1], tree) if at else {}
    return {position: state for position, state in left.items() if position >= steps[at].position}


def origins(step: DecodeStep) -> list[int]:
    """For each token that a step has committed, the head it came from: the draft of head j+1, or head 1's own."""
    return [place + 2 if place < step.accepted else 1 for place in range(len(step.tokens))]


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
        body, words = _tree_body(step, tree, show, last, shown)
    else:
        body, words = _line_body(step, text, show, last, before, shown, found, odds)
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


def _cache_cell(state: str, where: str) -> str:
    mark, words, look = _CACHE[state]
    look = f"display:inline-block;min-width:22px;text-align:center;{look}"
    return tag("span", mark, class_=f"mtp-entry mtp-{state}", style=look, title=f"{where}: {words}")


def _cache_legend(states: Sequence[str]) -> str:
    entries = [_cache_cell(state, "cache") + f" {_CACHE[state][1]}" for state in states]
    return legend(["cache:", *entries])


def _sees(state: str, token: str, head: int) -> str:
    """A verdict of head 1, or a draft, as a chip that tells by more than colour what became of it."""
    if state == "void":
        return tag("span", f"({escape(token)})", class_="mtp-mute mtp-code")
    return chip(token, head, struck=state == "refused")


def _line_body(
    step: DecodeStep,
    text: Sequence[int],
    show: Callable,
    last: bool,
    before: int,
    shown: int,
    found: dict[int, str],
    odds: Odds | None,
) -> tuple[list[str], list[str]]:
    """The table of a line of drafts and the same in words, both up to a phase."""
    k, p, accepted = len(step.block), step.position, step.accepted
    first, end = max(0, p - before), p + max(2 * k, k + 1)  # the longest next block ends before `end`
    states = cache_states(step)
    columns = range(first, end)
    following = p + len(step.tokens)  # where the next block begins
    says = "draws" if odds else "says"
    weighed = _weighed(odds, accepted) if odds else {}
    phases = {
        "position": -1,
        "the block": DRAFT,
        "drafted by": DRAFT,
        **dict.fromkeys(weighed, VERIFY),
        says: VERIFY,
        "so it is": VERIFY,
        "committed": COMMIT,
        "next block": CACHE,
        "cache before": DRAFT,
        "cache after": CACHE,
    }
    rows: dict[str, list[str]] = {name: [] for name in phases}
    words = []
    for position in columns:
        j = position - p
        cell = dict.fromkeys(phases, "")
        if j < 0:
            cell["the block"] = tag("span", escape(show(text[position])), class_="mtp-mute mtp-code")
        elif j == 0:
            cell["the block"], cell["drafted by"] = chip(show(step.block[0]), 0), "in the<br>text"
        elif j < k:
            state = "kept" if j <= accepted else "refused" if j == accepted + 1 else "void"
            draft, verdict = show(step.block[j]), show(step.verdicts[j - 1])
            cell["the block"] = _sees(state if shown >= VERIFY else "kept", draft, j + 1)
            cell["drafted by"] = head_name(j + 1).replace("&nbsp;head", "<br>head")  # narrow columns
            if not (odds and state == "kept"):  # a draft that was kept is not drawn again
                cell[says] = _sees("void" if state == "void" else "kept", verdict, 1)
            cell["so it is"] = {"kept": f"{style.RIGHT} kept", "refused": f"{style.WRONG} refused", "void": _UNSEEN}[
                state
            ]
            for name, numbers in weighed.items():
                cell[name] = numbers[j - 1]
            said = {"kept": style.RIGHT, "refused": f"{style.WRONG} head 1: {verdict}", "void": _UNSEEN}[state]
            if odds and state != "void":
                said += " (" + ", ".join(f"{name} {numbers[j - 1]}" for name, numbers in weighed.items()) + ")"
            words.append(f"{style.mark(j + 1)} {draft}" + f" {said}" * (shown >= VERIFY))
        elif j == k:
            own = accepted == k - 1
            cell[says] = _sees("kept" if own else "void", show(step.verdicts[-1]), 1)
            cell["so it is"] = "+ on top" if own else ""
            words += [f"on top head 1: {show(step.verdicts[-1])}"] * (own and shown >= VERIFY)
        if 1 <= j <= len(step.tokens):
            cell["committed"] = chip(show(step.tokens[j - 1]), origins(step)[j - 1])
        if not last and position == following:
            cell["next block"] = chip(show(step.tokens[-1]), 0)
        elif not last and following < position < following + k:
            cell["next block"] = chip(show(step.drafts[position - following - 1]), position - following + 1)
        elif last and position == following:
            cell["next block"] = "none"
        cell["position"] = tag("b", str(position)) if 0 <= j < k else str(position)
        where = f"position {position}"
        cell["cache before"] = _cache_cell(OLD if j < 0 else found.get(position, EMPTY), where)
        cell["cache after"] = _cache_cell(OLD if j < 0 else states.get(position, EMPTY), where)
        coming = shown >= CACHE and not last and following <= position < following + k
        in_block = {"the block": 0 <= j < k, "next block": coming}
        for name, phase in phases.items():
            content = cell[name] if phase <= shown else ""
            kind = "mtp-band" if in_block.get(name) else "mtp-early" if j < 0 else ""
            rows[name].append(tag("td", content, class_=kind))
    lines = []
    for name, row in rows.items():
        if k > 1 or name not in ("drafted by", "so it is"):
            label = f"{head_name(1)} {says}" if name == says else escape(name)
            here = "▸ " if phases[name] == shown else ""
            state = " mtp-now" if here else " mtp-coming" if phases[name] > shown else ""
            lines.append(tag("th", here + label, class_="mtp-left" + state) + "".join(row))
    words = [f"block at position {p}: {show(step.block[0])} | {' | '.join(words)}"]
    if shown >= COMMIT:
        words.append("committed: " + " ".join(map(show, step.tokens)))
    if shown >= CACHE:
        if not last and k > 1:
            words.append(
                "next drafts: " + ", ".join(f"{style.mark(i)} {show(d)}" for i, d in enumerate(step.drafts, 2))
            )
        marks = "".join(_CACHE[OLD if q < p else states.get(q, EMPTY)][0] for q in columns)
        words.append(f"cache from position {first}: {marks}")
    return [table(lines, class_="mtp-block"), _cache_legend([OLD, KEPT, GONE, EMPTY])], words


def _weighed(odds: Odds, accepted: int) -> dict[str, list[str]]:
    """Rows of the numbers that decided, draft by draft; those behind a refused one decided nothing and are left out."""
    ratio = [f"{p / q:.2f}" if q else "–" for p, q in zip(odds.p, odds.q)]
    columns = {"p(x) of head 1": odds.p}
    if odds.acceptance == "lossless":
        columns = {"q(x), drawn with": odds.q} | columns
    rows = {name: [f"{value:.2f}" for value in values] for name, values in columns.items()}
    if odds.acceptance == "lossless":
        rows |= {"p/q": ratio, "u": [f"{u:.2f}" for u in odds.u]}
    else:
        rows |= {"asked of p(x)": [f"{value:.2f}" for value in odds.asked]}
    return {name: [word if j <= accepted else "" for j, word in enumerate(row)] for name, row in rows.items()}


def _tree_body(
    step: DecodeStep, tree: DraftTree, show: Callable, last: bool, shown: int
) -> tuple[list[str], list[str]]:
    """The tree from left to right with its accepted path, and the same in words, both up to a phase."""
    k, accepted = tree.n_future, step.accepted
    parents, depths = tree.parents.tolist(), tree.depths.tolist()
    children: dict[int, list[int]] = {node: [] for node in range(len(tree))}
    for node in range(1, len(tree)):
        children[parents[node]].append(node)
    path, rows, judged = set(step.path), [[]], shown >= VERIFY

    def leaves(node: int) -> int:
        return sum(map(leaves, children[node])) or 1

    def grow(node: int) -> None:
        """Add a node's cell to the row that is being filled, and then the branches behind it."""
        head, token = depths[node] + 1 if node else 0, show(step.block[node])
        rank = int(tree.ranks[node - 1]) + 1 if node else 0
        if not node or not judged:
            state, content = "drafted", chip(token, head)
        elif node in path:
            state, content = "kept", chip(f"{token} {style.RIGHT}", head)
        elif parents[node] in path:
            state, content = "not taken", _sees("refused", token, head) + f" {style.WRONG}"
        else:
            state, content = "void", _sees("void", token, head)
        title = f"head {head}, choice {rank}: {state}" if node else "the last committed token"
        kind = "mtp-node" + " mtp-way" * (node in path and (judged or not node))
        rows[-1].append(tag("td", content, class_=kind, rowspan=str(leaves(node)), title=title))
        for i, child in enumerate(children[node]):
            if i:
                rows.append([])
            grow(child)
        if not children[node] and k - 1 - depths[node]:
            rows[-1].append(tag("td", "", colspan=str(k - 1 - depths[node])))

    grow(0)
    names = ["committed", *(head_name(head) for head in range(2, k + 1)), "on top"]
    said = [""] + [
        chip(show(step.verdicts[d]), 1) if d <= accepted else tag("span", _UNSEEN, class_="mtp-mute") for d in range(k)
    ]
    if accepted < k - 1:
        said[-1] = ""

    def label(name: str, phase: int, **more: str) -> str:
        state = " mtp-now" if phase == shown else " mtp-coming" if phase > shown else ""
        return tag("th", "▸ " * (phase == shown) + name, class_="mtp-left" + state, **more)

    top = [
        label("drafted by", DRAFT) + "".join(tag("th", name) for name in names),
        label(head_name(1) + " says", VERIFY) + "".join(tag("td", cell if judged else "") for cell in said),
    ]
    body = []
    for i, row in enumerate(rows):
        of_all = label("the tree", DRAFT, rowspan=str(len(rows))) if not i else ""
        body.append(of_all + "".join(row))
    committed = "".join(chip(show(token), origin) + " " for token, origin in zip(step.tokens, origins(step)))
    here = ["▸ " * (phase == shown) for phase in range(len(PHASES))]
    ends = [f"{here[COMMIT]}committed: {committed if shown >= COMMIT else ''}"]
    by_head = {head: [] for head in range(2, k + 1)}
    for node in range(1, len(tree)):
        token = show(step.drafts[node - 1])
        if token not in by_head[depths[node] + 1]:
            by_head[depths[node] + 1].append(token)
    if not last:
        nexts = [
            f"{head_name(head)} " + " ".join(chip(token, head) for token in found) for head, found in by_head.items()
        ]
        ends.append(f"{here[CACHE]}next candidates: {'&emsp;'.join(nexts) if shown >= CACHE else ''}")
    states = cache_states(step, tree=True)
    scratch = [_cache_cell(KEPT if node in path else GONE, f"node {node}") for node in range(len(tree))]
    text = [_cache_cell(state, f"position {position}") for position, state in sorted(states.items())]
    if shown < CACHE:  # not yet written
        scratch, text = ([_cache_cell(EMPTY, "not yet") for _ in cells] for cells in (scratch, text))
    strips = [
        tag("div", f"{here[CACHE]}scratch, one entry for each node: ", *scratch, class_="mtp-strip"),
        tag("div", f"text, from position {step.position}, the path copied: ", *text, class_="mtp-strip"),
    ]
    words = [f"tree of {len(tree)} nodes"]
    if judged:
        words[0] += ", path: " + " → ".join(show(step.block[node]) for node in step.path)
    if shown >= COMMIT:
        words.append(f"head 1 adds: {show(step.tokens[-1])}")
    parts = [table([*top, *body], class_="mtp-branches"), *(note(end) for end in ends), *strips]
    return [*parts, _cache_legend([KEPT, GONE])], words

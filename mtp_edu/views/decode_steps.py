"""One step of self-speculative decoding as a picture: what went in, what head 1 said, what was kept, what is cached.

HTML without scripts. Columns are positions of the text, so that a draft stands above head 1's word on it, and the next
block above the cache entries that it will overwrite. Head k = 1 is the next token; the head 0 of a chip is "no head".
Letters: `k` tokens in a block (the last committed one and k-1 drafts), `p` position of its first token.
"""

from collections.abc import Callable, Sequence

from mtp_edu.decode import DecodeStep, DraftTree, Generation
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, head_name, legend, note, table, tag, visible
from mtp_edu.views.race import _written

OLD, KEPT, GONE, EMPTY = "old", "kept", "gone", "empty"
# of a cache entry: its mark, its words, and how it looks without the style sheet
_CACHE = {
    OLD: ("▪", "from earlier", f"background-color:#c9c9c9;color:{style.INK}"),
    KEPT: (style.RIGHT, "written now, kept", f"background-color:#4a4a4a;color:{style.PAPER}"),
    GONE: (
        "↺",
        "written now, void: will be overwritten",
        f"background-color:#ededed;color:{style.INK};border:1px dashed #6b6b6b",
    ),
    EMPTY: ("·", "empty", "border:1px solid #b5b5b5"),
}
_UNSEEN = "skipped"  # behind a refused draft: nobody looks at it
_SHOWN = 48  # tokens of the text before the step


def cache_states(step: DecodeStep, tree: bool = False) -> dict[int, str]:
    """Position -> what the step has left in the text's cache there: KEPT or GONE. Before its block all is OLD, behind
    it EMPTY. The token that head 1 adds at the end is not in it: it is the next block's first.

    tree: the accepted path was copied to the text, and copies of its last node behind it.
    """
    width = max(2, len(step.verdicts)) if tree else len(step.block)
    kept = 1 + min(step.accepted, len(step.tokens))
    return {step.position + j: KEPT if j < kept else GONE for j in range(width)}


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
) -> HtmlFigure:
    """Step `at` (from 0) of a generation from a prompt (a list of ids): drafts, head 1's verdicts, what was kept.

    tree: the tree that was drafted, for method "tree". before: positions of earlier text in the table. Raises
    ValueError for a generation of many prompts, without steps or without its tree, and for a step outside of it.
    """
    if generation.tokens and isinstance(generation.tokens[0], list):
        raise ValueError("the generation has many rows: decode one prompt to step through it")
    if not generation.steps:
        raise ValueError("the generation has no step after the prompt's own: ask for at least 2 new tokens")
    if not 0 <= at < len(generation.steps):
        raise ValueError(f"step {at} is outside the generation: use 0 to {len(generation.steps) - 1}")
    if (generation.method == "tree") != (tree is not None) or (tree and len(tree) != len(generation.steps[at].block)):
        raise ValueError("a generation with method='tree' is drawn with the same tree, and any other without one")
    step, last = generation.steps[at], at == len(generation.steps) - 1
    text = [*prompt, generation.tokens[0], *(token for one in generation.steps[:at] for token in one.tokens)]

    def show(token: int) -> str:
        return visible(token_text(token))

    body, words = _tree_body(step, tree, show, last) if tree else _line_body(step, text, show, last, before)
    number = f"step {at + 1} of {len(generation.steps)}"
    end = "; the text ends here" if last else ""
    drafts = _many(len(step.verdicts) - 1, "draft")
    title = f"{number}: {step.accepted} of {drafts} kept, {_many(len(step.tokens), 'token')} committed"
    count = 1 + sum(len(one.tokens) for one in generation.steps[: at + 1])
    small = f"so far {_many(count, 'token')} in {_many(at + 1, 'forward')} and the prompt’s own"
    ms = f", this one {1000 * step.seconds:.1f} ms"
    flow = _flow(prompt, generation, at, token_text)
    parts = [flow, tag("div", title + end, class_="mtp-title"), *body, note(small + ms)]
    written = "".join(token_text(token) for token in step.tokens)
    lines = [f"text: {''.join(map(token_text, text))}[{written}]", title + end, *words, small]
    return figure("".join(parts), "\n".join(lines), "mtp-steps")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _flow(prompt: Sequence[int], generation: Generation, at: int, token_text: TokenText) -> str:
    """The text so far, token over mark, and in a box what this step adds."""
    sources = [(token, -1) for token in prompt] + [(generation.tokens[0], 0)]
    for one in generation.steps[:at]:
        sources += zip(one.tokens, origins(one))
    hidden = max(0, len(sources) - _SHOWN)
    sources = sources[hidden:]
    plain = "".join(token_text(token) for token, origin in sources if origin < 0)
    flow = [tag("span", escape("… " * bool(hidden) + plain), class_="mtp-mute")]
    flow += [_written(origin, token_text(token)) for token, origin in sources if origin >= 0]
    step = generation.steps[at]
    new = [_written(origin, token_text(token)) for token, origin in zip(step.tokens, origins(step))]
    flow.append(tag("span", *new, class_="mtp-step", style="border:1px solid #999"))
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
    step: DecodeStep, text: Sequence[int], show: Callable, last: bool, before: int
) -> tuple[list[str], list[str]]:
    """The table of a line of drafts and the same in words."""
    k, p, accepted = len(step.block), step.position, step.accepted
    first, end = max(0, p - before), p + max(2 * k, k + 1)  # the longest next block ends before `end`
    states = cache_states(step)
    columns = range(first, end)
    following = p + len(step.tokens)  # where the next block begins
    names = ["position", "the block", "drafted by", "says", "so it is", "committed", "next block", "cache"]
    rows: dict[str, list[str]] = {name: [] for name in names}
    words = []
    for position in columns:
        j = position - p
        cell = dict.fromkeys(names, "")
        if j < 0:
            cell["the block"] = tag("span", escape(show(text[position])), class_="mtp-mute mtp-code")
        elif j == 0:
            cell["the block"], cell["drafted by"] = chip(show(step.block[0]), 0), "committed"
        elif j < k:
            state = "kept" if j <= accepted else "refused" if j == accepted + 1 else "void"
            draft, verdict = show(step.block[j]), show(step.verdicts[j - 1])
            cell["the block"] = _sees(state, draft, j + 1)
            cell["drafted by"] = head_name(j + 1)
            cell["says"] = _sees("void" if state == "void" else "kept", verdict, 1)
            cell["so it is"] = {"kept": f"{style.RIGHT} kept", "refused": f"{style.WRONG} refused", "void": _UNSEEN}[
                state
            ]
            said = {"kept": style.RIGHT, "refused": f"{style.WRONG} head 1: {verdict}", "void": _UNSEEN}[state]
            words.append(f"{style.mark(j + 1)} {draft} {said}")
        elif j == k:
            own = accepted == k - 1
            cell["says"] = _sees("kept" if own else "void", show(step.verdicts[-1]), 1)
            cell["so it is"] = "＋ on top" if own else ""
            words += [f"on top head 1: {show(step.verdicts[-1])}"] * own
        if 1 <= j <= len(step.tokens):
            cell["committed"] = chip(show(step.tokens[j - 1]), origins(step)[j - 1])
        if not last and position == following:
            cell["next block"] = chip(show(step.tokens[-1]), 0)
        elif not last and following < position < following + k:
            cell["next block"] = chip(show(step.drafts[position - following - 1]), position - following + 1)
        cell["position"] = tag("b", str(position)) if 0 <= j < k else str(position)
        cell["cache"] = _cache_cell(OLD if j < 0 else states.get(position, EMPTY), f"position {position}")
        in_block = {"the block": 0 <= j < k, "next block": not last and following <= position < following + k}
        for name in names:
            rows[name].append(tag("td", cell[name], class_="mtp-band" * in_block.get(name, False)))
    if last:
        rows["next block"][following - first] = tag("td", "none")
    lines = [
        tag("th", f"{head_name(1)} says" if name == "says" else name, class_="mtp-left") + "".join(row)
        for name, row in rows.items()
        if k > 1 or name not in ("drafted by", "so it is")
    ]
    committed = " ".join(map(show, step.tokens))
    words = [f"block at position {p}: {show(step.block[0])} | {' | '.join(words)}", f"committed: {committed}"]
    if not last and k > 1:
        words.append("next drafts: " + ", ".join(f"{style.mark(i)} {show(d)}" for i, d in enumerate(step.drafts, 2)))
    marks = "".join(_CACHE[OLD if q < p else states.get(q, EMPTY)][0] for q in columns)
    words.append(f"cache from position {first}: {marks}")
    return [table(lines, class_="mtp-block"), _cache_legend([OLD, KEPT, GONE, EMPTY])], words


def _tree_body(step: DecodeStep, tree: DraftTree, show: Callable, last: bool) -> tuple[list[str], list[str]]:
    """The tree from left to right with its accepted path, and the same in words."""
    k, accepted = tree.n_future, step.accepted
    parents, depths = tree.parents.tolist(), tree.depths.tolist()
    children: dict[int, list[int]] = {node: [] for node in range(len(tree))}
    for node in range(1, len(tree)):
        children[parents[node]].append(node)
    path, rows, words = set(step.path), [[]], []

    def leaves(node: int) -> int:
        return sum(map(leaves, children[node])) or 1

    def grow(node: int) -> None:
        """Add a node's cell to the row that is being filled, and then the branches behind it."""
        head, token = depths[node] + 1 if node else 0, show(step.block[node])
        rank = int(tree.ranks[node - 1]) + 1 if node else 0
        if node in path:
            state, content = "kept", chip(f"{token} {style.RIGHT}" if node else token, head)
        elif parents[node] in path:
            state, content = "refused", _sees("refused", token, head) + f" {style.WRONG}"
        else:
            state, content = "void", _sees("void", token, head)
        title = f"head {head}, choice {rank}: {state}" if node else "the last committed token"
        kind = "mtp-node" + " mtp-way" * (node in path)
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
    top = [
        tag("th", "drafted by", class_="mtp-left") + "".join(tag("th", name) for name in names),
        tag("th", head_name(1) + " says", class_="mtp-left") + "".join(tag("td", cell) for cell in said),
    ]
    body = []
    for i, row in enumerate(rows):
        label = tag("th", "the tree", class_="mtp-left", rowspan=str(len(rows))) if not i else ""
        body.append(label + "".join(row))
    committed = "".join(chip(show(token), origin) + " " for token, origin in zip(step.tokens, origins(step)))
    ends = ["committed: " + committed]
    by_head = {head: [] for head in range(2, k + 1)}
    for node in range(1, len(tree)):
        token = show(step.drafts[node - 1])
        if token not in by_head[depths[node] + 1]:
            by_head[depths[node] + 1].append(token)
    if not last:
        nexts = [
            f"{head_name(head)} " + " ".join(chip(token, head) for token in found) for head, found in by_head.items()
        ]
        ends.append("next candidates: " + "&emsp;".join(nexts))
    states = cache_states(step, tree=True)
    scratch = [_cache_cell(KEPT if node in path else GONE, f"node {node}") for node in range(len(tree))]
    text = [_cache_cell(state, f"position {position}") for position, state in sorted(states.items())]
    strips = [
        tag("div", "scratch, one entry for each node: ", *scratch, class_="mtp-strip"),
        tag("div", f"text, from position {step.position}, the path copied: ", *text, class_="mtp-strip"),
    ]
    way = " → ".join(show(step.block[node]) for node in step.path)
    words += [f"tree of {len(tree)} nodes, path: {way}", f"head 1 adds: {show(step.tokens[-1])}"]
    parts = [table([*top, *body], class_="mtp-branches"), *(note(end) for end in ends), *strips]
    return [*parts, _cache_legend([KEPT, GONE])], words

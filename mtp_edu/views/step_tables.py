"""The table of a line of drafts and the tree of drafts, with verdicts and cache: the middle of step_view's picture.

Columns of the table are positions of the text, so that a draft stands above head 1's word on it, and the next block
above the cache entries that it will overwrite. Head k = 1 is the next token; the head 0 of a chip is "no head".
"""

from collections.abc import Callable, Sequence

from mtp_edu.decode import DecodeStep, DraftTree
from mtp_edu.views import style
from mtp_edu.views.html import chip, escape, head_name, legend, note, table, tag
from mtp_edu.views.step_facts import (
    CACHE,
    COMMIT,
    DRAFT,
    EMPTY,
    GONE,
    KEPT,
    OLD,
    PHASES,
    VERIFY,
    Odds,
    cache_states,
    origins,
)

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


def line_body(
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


def tree_body(
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

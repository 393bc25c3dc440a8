"""The pictures of decoding: what they show is what the step did, and what lies in the cache is what they say of it."""

import re
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from core.figure_reader import Reader
from core.small_models import loud_model, riddle, trained_model
from core.test_bench_decode import minimal, way

import mtp_edu as mtp
from mtp_edu import meter, probe, views
from mtp_edu.decode import BlockDecoder, DraftTree, TreeDecoder
from mtp_edu.views import decoding as pictures
from mtp_edu.views import style
from mtp_edu.views.step_facts import EMPTY, GONE, KEPT, PHASES, cache_before, cache_states, origins, recording

PROMPT = riddle(1, 9, seed=1003)[0].tolist()  # a text in which every number of drafts is accepted
TREE = DraftTree.full([3, 2, 1])
SPARSE = DraftTree([(0,), (1,), (2,), (0, 0), (0, 1), (0, 0, 0)])
LIMIT = 60


def letter(token: int) -> str:
    return "abcdefghijkl"[token]


class Letters:
    """As much of a tokenizer as a panel asks for: twelve letters, of which the last ends a text."""

    eos_id, vocab_size = 11, 12
    token_text = staticmethod(letter)

    def encode(self, text):
        return ["abcdefghijkl".index(character) for character in text]


def written(tree=None, **how):
    method = {"method": "tree", "tree": tree} if tree else {}
    return mtp.generate(trained_model(), PROMPT, LIMIT, **method, **how)


def text_of(tokens):
    return "".join(letter(token) for token in tokens)


def rows_of(figure):
    """The rows of the figure's tables as (name, cells)."""
    found = [re.findall(r"<(t[hd])[^>]*>(.*?)</\1>", row) for row in re.findall(r"<tr>(.*?)</tr>", figure.html)]
    bare = [[re.sub(r"<[^>]*>", "", cell).replace("&nbsp;", " ") for _, cell in row] for row in found]
    return {row[0]: row[1:] for row in bare}


# ---- a line of drafts


@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_step_shows_what_went_in_and_what_became_of_it(k):
    out = written(n_future=k)
    seen = set()
    for at, step in enumerate(out.steps):
        rows, first = rows_of(views.step_view(PROMPT, out, at, letter, before=3)), step.position - 3
        column = step.position - first  # of the block's first token
        assert [int(cell) for cell in rows["position"]] == list(range(first, step.position + 2 * k))
        whole = PROMPT + out.tokens
        assert rows["the block"][:column] == [letter(token) for token in whole[first : step.position]]
        block = [cell.strip("()") for cell in rows["the block"][column : column + k]]
        assert "".join(block) == text_of(step.block)
        words = rows["so it is"][column + 1 : column + k]
        kept, refused = [f"{style.RIGHT} kept"] * step.accepted, [f"{style.WRONG} refused", "skipped", "skipped"]
        assert words == (kept + refused)[: k - 1]
        said = [cell.strip("()") for cell in rows["① head 1 says"][column + 1 : column + k + 1]]
        assert "".join(said) == text_of(step.verdicts)  # one place later: it is about the token that follows
        assert "".join(rows["committed"]) == text_of(step.tokens)
        assert rows["committed"].index(letter(step.tokens[0])) == column + 1
        if at + 1 < len(out.steps):
            following = out.steps[at + 1]
            start = following.position - first
            assert "".join(rows["next block"]) == text_of(following.block)
            assert "".join(rows["next block"][start : start + k]) == text_of(following.block)
        seen.add(step.accepted)
    assert seen == set(range(k))


def test_the_words_say_the_same():
    out = written()
    at = next(i for i, step in enumerate(out.steps) if step.accepted == 1)
    step, lines = out.steps[at], views.step_view(PROMPT, out, at, letter).text.splitlines()
    before = [*PROMPT, out.tokens[0], *(token for one in out.steps[:at] for token in one.tokens)]
    assert lines[0] == f"text: {text_of(before)}[{text_of(step.tokens)}]"
    assert lines[1] == f"step {at + 1} of {len(out.steps)}: 1 of 3 drafts kept, 2 tokens committed"
    _, a, b, c = text_of(step.block)
    assert f"| ② {a} ✓ | ③ {b} ✕ head 1: {letter(step.tokens[1])} | ④ {c} skipped" in lines[2]
    assert lines[4] == "next drafts: " + ", ".join(f"{style.mark(i)} {letter(d)}" for i, d in enumerate(step.drafts, 2))
    assert lines[5].endswith("▪▪▪✓✓↺↺····")


def test_nothing_is_told_by_colour_alone():
    out = written()
    at = next(i for i, step in enumerate(out.steps) if step.accepted == 1)
    page = Reader(views.step_view(PROMPT, out, at, letter))
    struck = [attrs for _, attrs in page.elements if "line-through" in attrs.get("style", "")]
    assert len(struck) == 1 and "mtp-h3" in struck[0]["class"]
    for mark in "▪✓↺·②③④":
        assert mark in page.text
    assert all(attrs["title"] for _, attrs in page.with_class("mtp-entry"))


@pytest.mark.parametrize("tree", [None, TREE], ids=["line", "tree"])
def test_without_the_style_sheet_no_ink_stands_on_a_page_of_unknown_colour(tree):
    """A notebook that is not trusted keeps inline styles alone, on a light page or a dark one."""
    page = Reader(views.step_view(PROMPT, written(tree), 3, letter, tree))
    styles = [attrs["style"].split(";") for _, attrs in page.elements if "style" in attrs]
    looks = [dict(part.split(":", 1) for part in parts if part) for parts in styles]
    assert all("background-color" in look for look in looks if "color" in look)
    for head in range(1, 5):
        ((_, words),) = Reader(views.html.figure(views.html.head_name(head), "")).with_class(style.ink_class(head))
        assert "style" not in words
        assert style.colour(head) in views.html.head_name(head) and f"head&nbsp;{head}" in views.html.head_name(head)


def test_a_text_that_ends_inside_accepted_drafts_is_cut_there():
    model, whole = trained_model(), written()
    full = next(step for step in whole.steps if step.accepted == 3)
    out = mtp.generate(model, PROMPT, LIMIT, stop_ids=full.tokens[1])
    step = out.steps[-1]
    assert out.stopped and len(step.tokens) <= step.accepted
    figure = views.step_view(PROMPT, out, len(out.steps) - 1, letter)
    assert "the text ends here" in figure.text and "next drafts" not in figure.text
    assert rows_of(figure)["next block"].count("none") == 1
    states = cache_states(step)
    assert list(states.values()).count(KEPT) == 1 + len(step.tokens)  # what was committed went in with this block


def test_tokens_are_escaped_in_every_figure():
    def nasty(token):
        return "<script>alert(1)</script>" if token % 2 else 'a"b&\ud800'

    for out, tree in ((written(), None), (written(TREE), TREE)):
        figure = views.step_view(PROMPT, out, 3, nasty, tree)
        page = Reader(figure)
        assert "<script" not in figure.html and "\ud800" not in figure.html
        assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in page.elements}


def test_what_cannot_be_drawn_is_refused():
    out, branching = written(), written(TREE)
    for words, arguments in (
        ("step 99", (out, 99, letter)),
        ("step -1", (out, -1, letter)),
        ("same tree", (branching, 0, letter)),
        ("same tree", (out, 0, letter, TREE)),
        ("same tree", (branching, 0, letter, SPARSE)),
        ("many rows", (mtp.generate(trained_model(), [PROMPT, PROMPT], 4), 0, letter)),
        ("no step", (mtp.generate(trained_model(), PROMPT, 1), 0, letter)),
    ):
        with pytest.raises(ValueError, match=words):
            views.step_view(PROMPT, *arguments)


# ---- phases


@pytest.mark.parametrize("tree", [None, TREE], ids=["line", "tree"])
def test_a_phase_hides_what_comes_later(tree):
    out = written(tree)
    at = next(i for i, step in enumerate(out.steps) if step.accepted == 1)
    whole, texts = views.step_view(PROMPT, out, at, letter, tree), []
    for i, phase in enumerate(PHASES):
        figure = views.step_view(PROMPT, out, at, letter, tree, phase=phase)
        page = Reader(figure)
        struck = [attrs for _, attrs in page.elements if "line-through" in attrs.get("style", "")]
        assert bool(struck) == (i >= 1), phase
        for words in ("drafts kept", "head 1 adds" if tree else "committed: "):
            assert (words in figure.text) == (i >= 2), (phase, words)
        marked = [attrs for _, attrs in page.elements if "mtp-now" in attrs.get("class", "").split()]
        assert marked and figure.text.count("[?]") == (i < 2)
        texts.append(figure.text)
    assert len({*texts}) == len(texts) - (tree is not None) and texts[-1] == whole.text
    with pytest.raises(ValueError, match="phase='end' must be one of"):
        views.step_view(PROMPT, out, at, letter, tree, phase="end")


def test_each_row_is_filled_in_its_phase():
    out, own = written(), {"the block": 0, "① head 1 says": 1, "so it is": 1, "committed": 2, "next block": 3}
    own |= {"cache before": 0, "cache after": 3}
    for at in range(len(out.steps) - 1):
        for i, phase in enumerate(PHASES):
            rows = rows_of(views.step_view(PROMPT, out, at, letter, phase=phase))
            filled = {name.removeprefix("▸ "): any(cells) for name, cells in rows.items()}
            assert {name: filled[name] for name in own} == {name: since <= i for name, since in own.items()}
            assert {name[2:] for name in rows if name.startswith("▸")} >= {n for n, since in own.items() if since == i}


def test_the_pace_is_the_tokens_of_every_forward_so_far():
    out = written()
    for at in (0, 3, len(out.steps) - 1):
        for phase, done in (("verify", at), ("commit", at + 1)):
            figure = views.step_view(PROMPT, out, at, letter, phase=phase)
            titles = [attrs["title"] for _, attrs in Reader(figure).with_class("mtp-bar")]
            counts = [len(step.tokens) for step in out.steps]
            said = [int(title.split(": ")[1].split()[0]) for title in titles if ":" in title]
            assert said == counts[:done] and len(titles) == len(counts)
            if done:
                assert f"({sum(counts[:done]) / done:.2f} tokens per forward)" in figure.text
    assert f"({out.tokens_per_forward:.2f} tokens per forward)" in figure.text


# ---- sampled steps: the numbers that decided


def weighed(acceptance):
    odds = []
    rule = recording(acceptance, odds)
    out = mtp.generate(trained_model(), PROMPT, LIMIT, temperature=1.5, seed=7, acceptance=rule)
    return out, odds


@pytest.mark.parametrize("acceptance", ["lossless", "typical"])
def test_the_recorded_numbers_decide_as_the_rule_did(acceptance):
    out, odds = weighed(acceptance)
    again = mtp.generate(trained_model(), PROMPT, LIMIT, temperature=1.5, seed=7, acceptance=acceptance)
    assert out.tokens == again.tokens and len(odds) == len(out.steps)
    seen = set()
    for at, (step, one) in enumerate(zip(out.steps, odds)):
        if acceptance == "lossless":
            verdicts = [u < p / q for p, q, u in zip(one.p, one.q, one.u)]
        else:
            verdicts = [p > asked for p, asked in zip(one.p, one.asked)]
        assert (verdicts + [False]).index(False) == step.accepted
        assert one.residual == (acceptance == "lossless" and step.accepted < 3) and 0 < one.own <= 1 + 1e-9
        rows = rows_of(views.step_view(PROMPT, out, at, letter, odds=one))
        start = rows["the block"].index(letter(step.block[0]), 3)
        looked_at = min(step.accepted + 1, 3)
        shown = rows["p(x) of head 1"][start + 1 : start + 4]
        assert shown == [f"{p:.2f}" for p in one.p[:looked_at]] + [""] * (3 - looked_at)
        if acceptance == "lossless":
            assert rows["u"][start + 1 : start + 1 + looked_at] == [f"{u:.2f}" for u in one.u[:looked_at]]
            ratio = [f"{p / q:.2f}" for p, q in zip(one.p, one.q)]
            assert rows["p/q"][start + 1 : start + 1 + looked_at] == ratio[:looked_at]
        drawn = [cell for cell in rows["① head 1 draws"] if cell and not cell.startswith("(")]
        assert drawn == [letter(step.verdicts[step.accepted])]
        seen.add(step.accepted)
    assert {0, 1, 3} <= seen


def test_the_chance_of_the_own_token_is_that_of_what_it_was_drawn_from():
    """By hand: p and q over three tokens, the only draft refused."""
    odds = []
    p, q = torch.tensor([[[0.2, 0.5, 0.3], [1.0, 0, 0]]]), torch.tensor([[[0.6, 0.1, 0.3]]])
    kept, following = recording("lossless", odds)(p, q, torch.tensor([[0]]), torch.tensor([[0.9, 0.5]]))
    assert (int(kept), int(following)) == (0, 1)  # p has more than q at token 1 only
    assert odds[0].own == pytest.approx(1) and odds[0].residual
    assert (odds[0].p, odds[0].q) == (pytest.approx((0.2,)), pytest.approx((0.6,)))
    recording("typical", odds)(p, q, torch.tensor([[0]]), torch.tensor([[0.9, 0.5]]))
    assert odds[1].own == pytest.approx(1) and not odds[1].residual  # kept: drawn behind it, where token 0 is certain


# ---- the cache


@pytest.mark.parametrize("how", [{}, {"n_future": 2}, {"method": "tree", "tree": TREE}], ids=["line", "two", "tree"])
def test_what_a_step_finds_void_is_what_lies_there(how, monkeypatch):
    """From a step's position on, an entry of the text is not zero exactly where the strip says void."""
    steps, there, void = [], set(), 0
    for step, decoder in watched(monkeypatch, **how):
        steps.append(step)
        found = cache_before(steps, len(steps) - 1, tree="tree" in how)
        if len(steps) > 1:
            assert {*found} == {place for place in there if place >= step.position}
            assert {*found.values()} <= {GONE}
            void += len(found)
        keys = next(decoder.caches()).keys[0, :, : decoder.places]
        there = {place for place in range(decoder.places) if keys[:, place].any()}
    assert void > 10


def watched(monkeypatch, **how):
    """Steps as they happen, with the decoder whose cache they write."""
    made, decoding = [], sys.modules["mtp_edu.decode.generate"]  # as a name it is the function
    for name, kind in (("BlockDecoder", BlockDecoder), ("TreeDecoder", TreeDecoder)):
        monkeypatch.setattr(decoding, name, lambda *a, kind=kind, **b: made.append(kind(*a, **b)) or made[-1])
    for step in mtp.stream(trained_model(), PROMPT, LIMIT, **how):
        yield step, made[0]


@pytest.mark.parametrize("how", [{}, {"n_future": 2}, {"method": "tree", "tree": TREE}], ids=["line", "two", "tree"])
def test_the_cache_holds_what_the_strip_says(how, monkeypatch):
    """Kept entries are those of a clean forward over the committed text, empty ones are zero, void ones are neither."""
    model, text, void = trained_model(), list(PROMPT), 0
    for at, (step, decoder) in enumerate(watched(monkeypatch, **how)):
        text += [step.block[0]] * (at == 0) + list(step.tokens)
        clean = BlockDecoder(model, decoder.k, 1, len(text))
        clean.prefill(torch.tensor([text]))
        states = cache_states(step, tree="tree" in how)
        for own, right in zip(decoder.caches(), clean.caches()):
            for place in range(decoder.places):
                state = states.get(place, EMPTY) if place >= step.position else KEPT
                if state == KEPT:
                    assert torch.allclose(own.keys[0, :, place], right.keys[0, :, place], atol=1e-12), (at, place)
                elif state == EMPTY:
                    assert not own.keys[0, :, place].any(), (at, place)
                else:
                    assert own.keys[0, :, place].any() and state == GONE
                    void += place < len(text) and not torch.allclose(own.keys[0, :, place], right.keys[0, :, place])
    assert void > 50


# ---- a tree of drafts


@pytest.mark.parametrize("tree", [TREE, SPARSE], ids=["full", "sparse"])
def test_a_tree_shows_its_nodes_and_the_way_that_was_taken(tree):
    out, depths = written(tree), set()
    assert out.tokens == written().tokens
    for at, step in enumerate(out.steps):
        figure = views.step_view(PROMPT, out, at, letter, tree)
        page = Reader(figure)
        nodes, way = page.with_class("mtp-node"), page.with_class("mtp-node", "mtp-way")
        assert len(nodes) == len(tree) and len(way) == step.accepted + 1 == len(step.path)
        assert sum(1 for _, a in nodes if a["title"].endswith("void")) == sum(
            int(tree.parents[node]) not in step.path for node in range(1, len(tree))
        )
        says = [cell for cell in rows_of(figure)["① head 1 says"] if cell not in ("", "skipped")]
        assert "".join(says) == text_of(step.verdicts[: step.accepted + 1])
        assert f"path: {' → '.join(letter(step.block[node]) for node in step.path)}" in figure.text
        strips = page.text.split("scratch")[1].split("cache:")[0]
        assert strips.count("✓") == 2 * (step.accepted + 1)  # in scratch, and copied to the text
        depths.add(step.accepted)
    assert len(depths) >= 3


# ---- origins


def test_origins_name_the_head_that_drafted():
    for accepted, kept, expected in ((0, 1, [1]), (2, 3, [2, 3, 1]), (3, 4, [2, 3, 4, 1]), (3, 2, [2, 3])):
        step = SimpleNamespace(accepted=accepted, tokens=tuple(range(kept)))
        assert origins(step) == expected


# ---- the panel


@pytest.fixture
def panel():
    return views.StepThrough(trained_model(), Letters(), text_of(PROMPT), max_new_tokens=30)


def test_the_panel_steps_through_and_stops_at_the_ends(panel):
    count = len(panel.generation.steps)
    assert panel.at.max == count > 5 and panel.player.max == 4 * count - 1
    assert panel.static().text.splitlines()[1].startswith(f"step 1 of {count}:")
    panel.forth.click()
    panel.forth.click()
    assert panel.at.value == 3 and f"step 3 of {count}:" in panel.static().text
    panel.back.click()
    assert f"step 2 of {count}:" in panel.static().text and f"step 2 of {count}:" in panel.output.value
    panel.move(-100)
    assert panel.at.value == 1 and panel.phase.value == 0
    panel.move(1000)
    assert panel.at.value == count and panel.phase.value == 3 and "the text ends here" in panel.static().text


def test_phases_are_walked_one_by_one_and_every_control_leads(panel):
    seen = []
    for _ in range(6):
        seen.append((panel.at.value, panel.phase.value, panel.player.value))
        panel.phase_forth.click()
    assert seen == [(1, 0, 0), (1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 0, 4), (2, 1, 5)]
    panel.phase_back.click()
    panel.phase_back.click()
    assert (panel.at.value, panel.phase.value, panel.player.value) == (2, 0, 4)
    panel.phase.value = 2
    assert panel.player.value == 6 and "To the text go" in panel.output.value
    panel.at.value = 5
    assert panel.player.value == 18 and panel.phase.value == 2, "the phase stays"
    panel.player.value = 21  # as the player does in the browser
    assert (panel.at.value, panel.phase.value) == (6, 1) and "so it is" in panel.output.value


def test_a_draw_can_be_repeated_and_made_anew(panel):
    assert panel.temperature.disabled and panel.again.disabled and not panel.odds
    panel.way.value = "sampled, lossless"
    first = panel.generation.tokens
    plain = mtp.generate(trained_model(), panel.ids, panel.length, temperature=1.0, seed=0, stop_ids=11)
    assert first == plain.tokens and len(panel.odds) == len(panel.generation.steps)
    assert not panel.again.disabled and "q(x), drawn with" in panel.output.value
    panel.again.click()
    assert panel.generation.tokens != first
    panel.way.value = "sampled, typical"
    assert "asked of p(x)" in panel.output.value and "q(x), drawn with" not in panel.output.value
    panel.way.value = "greedy"
    assert panel.again.disabled and "p(x)" not in panel.output.value


def test_another_number_of_heads_writes_anew(panel):
    panel.move(4)
    whole = panel.generation.tokens
    panel.heads.value = 2
    assert panel.generation.n_future == 2 and panel.at.value == 1 and panel.generation.tokens == whole
    assert panel.at.max == len(panel.generation.steps) and "④" not in panel.static().text


def test_the_panel_says_what_is_wrong_and_recovers(panel):
    panel.prompt.value = ""
    panel.button.click()
    assert "The prompt is empty" in panel.static().text and panel.at.max == 1
    panel.prompt.value = "ab" * 40
    panel.button.click()
    assert "has room for" in panel.static().text
    panel.prompt.value = "cab"
    panel.button.click()
    assert panel.ids == [2, 0, 1] and panel.static().text.startswith("text: cab")


def test_any_control_goes_on_after_an_error(panel):
    whole = panel.at.max
    panel.prompt.value = ""
    panel.button.click()
    panel.prompt.value = text_of(PROMPT)
    panel.forth.click()  # instead of the button: it writes, too
    assert panel.at.max == whole > 1 and panel.player.max == 4 * whole - 1
    place = panel.player.value
    panel.forth.click()
    assert panel.player.value == place + 4


def test_what_the_panel_cannot_do_is_refused():
    for n in (1, 9):
        with pytest.raises(ValueError, match=f"n_future={n}: the model drafts with 2 to"):
            views.StepThrough(trained_model(), Letters(), text_of(PROMPT), n_future=n)
    with pytest.raises(ValueError, match="the tokenizer has 257 tokens and the model 12: it is another model's"):
        views.StepThrough(trained_model(), mtp.ByteTokenizer(), "a")
    ended = replace(written(), tokens=[11], steps=[], stopped=True)
    with pytest.raises(ValueError, match="ended the text with its first token"):
        views.step_view(PROMPT, ended, 0, letter)


def test_the_panel_leaves_a_static_twin(panel):
    bundle = panel._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    whole = views.step_view(panel.ids, panel.generation, 0, letter)
    assert panel.phase.value == 0 and bundle["text/plain"] == repr(panel) == whole.text, "the whole step, not a phase"
    assert bundle["text/html"] == whole.html != panel.output.value


def test_a_move_takes_less_than_a_tenth_of_a_second_in_a_long_text():
    model = loud_model(vocab_size=12, dim=16, n_layers=3, n_future=2, max_seq_len=1100)
    panel, times = views.StepThrough(model, Letters(), text_of([1, 2, 3, 4, 5] * 200), max_new_tokens=60), []
    for place in (5, 40, 90):
        start = time.process_time()  # other programs may run beside
        panel.player.value = place
        times.append(time.process_time() - start)
    assert len(panel.ids) == 1000 and min(times) < 0.1, times


def test_the_panel_takes_a_tree():
    panel = views.StepThrough(trained_model(), Letters(), text_of(PROMPT), max_new_tokens=30, tree=TREE, at=2)
    assert panel.generation.method == "tree" and "tree of 16 nodes" in panel.static().text
    assert panel.at.value == 2
    one = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=12, dim=16, n_layers=2, n_future=1))
    with pytest.raises(ValueError, match="drafts nothing"):
        views.StepThrough(one, Letters(), "abc")
    for wrong, drafts in (("fast", None), ("sampled, typical", TREE)):
        with pytest.raises(ValueError, match="must be one of"):
            views.StepThrough(trained_model(), Letters(), "abc", way=wrong, tree=drafts)


# ---- charts


def acceptance():
    main = probe.Judged((0.7, 0.6, 0.5), (0.7, 0.5, 0.4), (0.7, 0.714, 0.8))
    return probe.Acceptance(main, main, (0.6, 0.5, 0.4), (0.8, 0.7, 0.6, 0.5), 1000)


def test_acceptance_is_drawn_by_its_three_names():
    figure = views.acceptance_chart(acceptance())
    assert len(figure.axes) == 2
    heights = sorted(round(bar.get_height(), 3) for bar in figure.axes[0].patches)
    assert heights == [0.4, 0.5, 0.5, 0.6, 0.7, 0.7, 0.7, 0.714, 0.8]
    looks = {(bar.get_hatch(), bar.get_alpha(), bar.get_fill()) for bar in figure.axes[0].patches}
    assert len(looks) == 3  # names differ by filling, heads by colour
    assert "judged by head 1, cumulative: head 2 0.700, head 3 0.500, head 4 0.400" in figure.get_label()
    with pytest.raises(ValueError, match="n_future = 1"):
        views.acceptance_chart(probe.Acceptance(main := probe.Judged((), (), ()), main, (), (0.5,), 10))


def test_tokens_per_forward_are_taken_apart():
    figure = views.forward_bars({"ours": (0.7, 0.5, 0.4), "theirs": (0.9,)})
    bars = [(round(bar.get_x(), 3), round(bar.get_width(), 3)) for bar in figure.axes[0].patches]
    assert bars == [(0, 1), (1, 0.7), (1.7, 0.5), (2.2, 0.4), (0, 1), (1, 0.9)]
    assert figure.get_label() == "ours: 2.60 tokens per forward; theirs: 1.90 tokens per forward"
    with pytest.raises(ValueError, match="nothing to compare"):
        views.forward_bars({})


def test_the_draft_length_chart_shows_the_fastest_turns_and_all_of_them():
    turns = [[0.05, 0.01, 0.08], [0.011, 0.012, 0.011]]
    found = meter.DraftLength([1.0, 1.5], turns, [1.0, 1.0], 1, 40, False, 9.0)
    _, costs, gains = pictures.draft_length_chart(found).axes
    assert [bar.get_height() for bar in costs.patches] == pytest.approx([1, 1.1])
    assert [bar.get_height() for bar in gains.patches] == pytest.approx([1, 1.5 / 1.1])
    dots = [sorted(line.get_ydata()) for line in costs.lines if line.get_marker() == "."]
    assert dots == [pytest.approx([1, 5, 8]), pytest.approx([1.1, 1.1, 1.2])]


def test_rooflines_stand_two_in_a_row():
    """So that a notebook, 770 pixels wide, hardly shrinks them."""
    bare = [{"model": f"big {i}", "format": "float32", "kind": "eager", "batch": 8, "n_future": 4} for i in range(2)]
    content = minimal([way(1), way(4, 8)], [row | {"step_seconds": [0.1]} for row in bare])
    shape = {"vocab_size": 50, "dim": 64, "n_layers": 6}
    content["shape"]["bare"] = [{"name": row["model"], "context": 64, "shape": shape} for row in bare]
    figure = pictures.roofline_chart(content)
    first, second, third = (axes.get_subplotspec() for axes in figure.axes)
    places = [(one.rowspan.start, one.colspan.start) for one in (first, second, third)]
    assert places == [(0, 0), (0, 1), (1, 0)] and figure.get_figwidth() * figure.dpi < 900
    alone = pictures.roofline_chart(content | {"bare": []})
    assert len(alone.axes) == 1 and alone.get_figwidth() < 5

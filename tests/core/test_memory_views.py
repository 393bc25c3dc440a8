"""The pictures of memory: what they show is what the timeline, the closed form or the stored result says."""

import functools
import re
import time
from html.parser import HTMLParser

import pytest
import torch

import mtp_edu as mtp
from mtp_edu import meter, views
from mtp_edu.meter import Allocation, MemoryTimeline
from mtp_edu.views import style
from mtp_edu.views.memory import DRAWN, largest, size


class Page(HTMLParser):
    """The rows of a figure's tables, as cells of (class, text, boxes); a box is (class, height, title)."""

    def __init__(self, figure):
        super().__init__()
        self.open, self.tags, self.rows, self.text = [], set(), [], ""
        self.feed(figure.html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = {key: value or "" for key, value in attrs}
        self.tags.add(tag)
        if tag not in ("br", "col"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append([attrs.get("class", ""), "", []])
        elif tag == "div" and self.rows and "td" in self.open:
            height = re.search(r"height:([\d.]+)px", attrs.get("style", ""))
            self.rows[-1][-1][2].append((attrs.get("class", ""), float(height[1]), attrs.get("title", "")))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1][1] += data

    def bars(self):
        """Boxes of every bar, chart by chart."""
        charts = [row for row in self.rows if any("mtp-time" in cell[0] for cell in row)]
        return [[cell[2] for cell in row if "mtp-time" in cell[0]] for row in charts]

    def table(self, number=0):
        """The numbers of a table of what is alive: name -> [activations, logits, temporary, sum]."""
        start = [i for i, row in enumerate(self.rows) if row and row[0][1] == "alive"][number]
        found = {}
        for row in self.rows[start + 1 :]:
            name, *numbers = (cell[1] for cell in row)
            found[name.replace("\xa0", " ")] = [float(number or 0) for number in numbers]
            if name == "sum":
                return found


def spike():
    """600 events: the trunk keeps 2 MB, head 1 makes 3 MB of logits for a single event in the middle of its loss."""
    allocations = [Allocation(2_000_000, 0, None, "activation", "trunk forward")]
    allocations += [Allocation(1000, event, event + 1, "temporary", "trunk forward") for event in range(1, 300, 2)]
    allocations += [Allocation(1000, event, event + 1, "temporary", "head 1 loss") for event in range(301, 599, 2)]
    allocations += [Allocation(3_000_000, 433, 434, "logits", "head 1 loss")]
    allocations += [Allocation(9_000_000, 500, None, "gradient", "head 1 loss")]
    seconds = tuple(event / 1000 for event in range(600))
    phases = (("trunk forward", 0, 300), ("head 1 loss", 300, 600))
    return MemoryTimeline(tuple(allocations), seconds, phases, {"parameter": 5_000_000, "gradient": 0})


@functools.cache
def recorded(mode="memory-efficient", **changes):
    """A real run with 96 rows, V = 700 and n = 3."""
    cfg = mtp.ModelConfig(**({"vocab_size": 700, "dim": 32, "n_layers": 5, "n_future": 3} | changes))
    model = mtp.MultiTokenModel(cfg)
    tokens = torch.randint(cfg.vocab_size, (2, 48))
    targets = mtp.future_targets(tokens, 3)
    return meter.memory(lambda: mtp.forward_backward(model, tokens, targets, mode=mode), model)


# ---- the timeline


def test_sizes_have_three_digits():
    assert [size(x) for x in (0, 7, 812_345, 1e6, 29_669_944, 1.25e9, 141e9, 2_000)] == [
        "0 bytes", "7 bytes", "812 kB", "1.00 MB", "29.7 MB", "1.25 GB", "141 GB", "2.00 kB"
    ]  # fmt: skip


def test_a_peak_of_a_single_event_is_in_the_picture():
    timeline = spike()
    assert timeline.peak == 5_001_000
    figure = views.memory_timeline(timeline)
    page = Page(figure)
    assert figure.text.startswith("peak 5.00 MB in head 1 loss\n") and "peak 5.00 MB" in page.text
    heights = [sum(height for _, height, _ in boxes) for boxes in page.bars()[0]]
    per_megabyte = heights[-1] / 2.001  # the last bar: what the trunk keeps, and a temporary
    assert max(heights) == pytest.approx(5.001 * per_megabyte, abs=2)
    assert sum(height > 1.2 * heights[-1] for height in heights) == 1


def test_gradients_and_parameters_are_said_but_not_drawn():
    page = Page(views.memory_timeline(spike(), event=590))
    assert page.table()["sum"][-1] == pytest.approx(2.0, abs=0.01)  # not 11
    assert "parameters 5.00 MB, their gradients 9.00 MB" in page.text


@pytest.mark.parametrize("mode", ["naive", "memory-efficient"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.99, None])
def test_the_table_is_the_composition_at_the_event(mode, share):
    timeline = recorded(mode)
    event = timeline.peak_event if share is None else int(share * len(timeline.seconds))
    page = Page(views.memory_timeline(timeline, event))
    table, unit = page.table(), 1e6 if timeline.peak >= 1e6 else 1e3
    composition = {key: count for key, count in timeline.composition(event).items() if key[1] in DRAWN}
    for (owner, kind), count in composition.items():
        name = next((name for name in table if name.endswith(owner)), None)
        shown = table[name][list(DRAWN).index(kind)] if name else 0.0
        assert shown == pytest.approx(count / unit, abs=0.0051), (owner, kind)
    assert table["sum"][-1] == pytest.approx(sum(composition.values()) / unit, abs=0.0051)
    if share is None:
        assert sum(composition.values()) == timeline.peak and f"here: {size(timeline.peak)}" in page.text


def test_every_bar_is_the_fullest_moment_of_its_events():
    timeline = recorded("naive")
    page, levels = Page(views.memory_timeline(timeline)), timeline.live(*DRAWN)
    heights = [sum(height for _, height, _ in boxes) for boxes in page.bars()[0]]
    scale = max(heights) / timeline.peak
    assert max(heights) > 100
    for name, first, end in timeline.phases:
        highest = max(levels[first:end]) * scale
        assert any(abs(height - highest) < 2.5 for height in heights), name


def test_the_axis_names_the_phases_in_the_order_of_the_run():
    page = Page(views.memory_timeline(recorded()))
    at = next(i for i, row in enumerate(page.rows) if any("mtp-time" in cell[0] for cell in row))
    verbs, owners = ([cell[1] for cell in page.rows[at + i][1:]] for i in (1, 2))
    assert verbs == ["forward", *["forward", "loss", "backward"] * 3, "backward"]
    assert [re.sub(r"\D", "", owner)[-1:] or owner for owner in owners] == ["trunk", "1", "2", "3", "trunk"]
    causal = views.memory_timeline(recorded(head_order="causal")).text
    found = re.findall(r"^(head \d loss):", causal, re.M)
    assert found == ["head 3 loss", "head 2 loss", "head 1 loss"]  # Fig S11


def test_kinds_differ_by_more_than_colour():
    bars = Page(views.memory_timeline(recorded("naive"))).bars()[0]
    boxes = [box for boxes in bars for box in boxes]
    looks = {word: {class_.split()[0] for class_, _, title in boxes if word in title} for word in DRAWN.values()}
    assert looks["logits"] == {"mtp-full"} and looks["temporary"] == {"mtp-hatched"}
    assert looks["activations"] <= {"mtp-grey", *(style.chip_class(head) for head in range(1, 9))}
    assert "①" in Page(views.memory_timeline(recorded("naive"))).text
    assert not [title for _, _, title in boxes if not re.fullmatch(r".+ (activations|logits|temporary): .+", title)]


def test_pictures_need_no_scripts_and_survive_without_svg():
    for figure in (views.memory_timeline(recorded()), views.LogitsCalculator().static()):
        page = Page(figure)
        assert not {"script", "svg", "link", "img", "canvas"} & page.tags
        assert not re.search(r"https?:|url\(|@import|\ssrc=", figure.html)


def test_nonsense_is_refused():
    empty = MemoryTimeline((), (), (), {})
    with pytest.raises(ValueError, match="empty"):
        views.memory_timeline(empty)
    with pytest.raises(ValueError, match="event = 600"):
        views.memory_timeline(spike(), event=600)
    with pytest.raises(ValueError, match="event = -1"):
        views.memory_timeline(spike(), event=-1)
    with pytest.raises(ValueError, match="no timeline"):
        views.MemoryTimeline({})
    with pytest.raises(ValueError, match="empty"):
        views.MemoryTimeline({"a": empty})


def test_a_run_without_phases_is_drawn_as_one():
    timeline = meter.memory(lambda: torch.ones(1000).exp().sum())
    figure = views.memory_timeline(timeline)
    assert figure.text.startswith(f"peak {size(timeline.peak)} in all") and timeline.peak >= 8000


# ---- the panel


def twins():
    return views.MemoryTimeline({"naive": recorded("naive"), "memory-efficient": recorded()})


def test_twins_share_the_scale_and_start_at_their_peaks():
    panel = twins()
    page = Page(panel.static())
    highest = [max(sum(height for _, height, _ in boxes) for boxes in chart) for chart in page.bars()]
    assert 130 < highest[0] <= 190  # pixels: the larger one fills the axis
    axes = [row[0][1] for row in page.rows if any("mtp-time" in cell[0] for cell in row)]
    assert axes[0] == axes[1] and len(re.findall(r"\d (?:kB|MB)", axes[0])) in (3, 4, 5, 6)
    assert highest[1] / highest[0] == pytest.approx(recorded().peak / recorded("naive").peak, abs=0.02)
    for name, timeline in panel.timelines.items():
        assert f"{name}: peak {size(timeline.peak)} in " in panel.static().text
    assert panel.which.value == "memory-efficient" and panel.event.value == recorded().peak_event + 1
    assert "▸ memory-efficient" in panel.output.value and "▸ naive" not in panel.output.value, "whose cursor it is"


def test_the_slider_moves_the_cursor_of_the_chosen_run_only():
    panel = twins()
    before = Page(panel.static())
    panel.event.value = 60
    after = Page(panel.static())
    assert "event 60 of" in panel.static().text and after.table(0) == before.table(0)
    unit = 1e6 if recorded().peak >= 1e6 else 1e3
    alive = sum(count for (_, kind), count in recorded().composition(59).items() if kind in DRAWN)
    assert after.table(1)["sum"][-1] == pytest.approx(alive / unit, abs=0.0051)
    panel.which.value = "naive"
    assert panel.event.max == len(recorded("naive").seconds) and panel.event.value == recorded("naive").peak_event + 1
    panel.event.value = 70
    assert panel.events == {"naive": 69, "memory-efficient": 59}
    panel.which.value = "memory-efficient"
    assert panel.event.value == 60 and panel.event.max == len(recorded().seconds)


def test_the_buttons_go_to_the_fullest_moment_of_each_phase():
    panel, timeline = twins(), recorded()
    panel.event.value = 1
    levels, seen = timeline.live(*DRAWN), []
    for _ in timeline.phases:
        seen.append(timeline.phase_at(panel.event.value - 1))
        panel.forth.click()
    assert seen[1:] == [name for name, _, _ in timeline.phases[1:]]
    assert timeline.phase_at(panel.event.value - 1) == "trunk backward"  # there it stays
    name, first, end = timeline.phases[-2]
    panel.back.click()
    event = panel.event.value - 1
    assert timeline.phase_at(event) == name and levels[event] == max(levels[first:end])


def test_the_player_goes_from_bar_to_bar_and_the_peak_is_a_button_away():
    panel, timeline = twins(), recorded()
    assert panel.player.max == len(Page(panel.static()).bars()[1]) - 1
    panel.player.value = 0  # as the player does in the browser
    levels = timeline.live(*DRAWN)
    first = panel.bars["memory-efficient"][0]
    assert panel.event.value - 1 == max(range(first.end), key=levels.__getitem__)
    panel.event.value = len(timeline.seconds)
    assert panel.player.value == panel.player.max, "the player goes on from where the slider stands"
    panel.peak.click()
    assert panel.event.value == timeline.peak_event + 1 and f"here: {size(timeline.peak)}" in panel.output.value
    panel.which.value = "naive"
    assert panel.player.max == len(panel.bars["naive"]) - 1
    assert panel.player.value == next(
        i for i, bar in enumerate(panel.bars["naive"]) if recorded("naive").peak_event < bar.end
    )


def test_pointing_at_a_bar_says_what_it_stands_for():
    timeline = recorded("naive")
    html = views.memory_timeline(timeline).html
    peeks = [re.sub(r"<[^>]*>", "", one) for one in re.findall(r'<span class="mtp-peek"[^>]*>(.*?)</span>', html)]
    assert len(peeks) == len(Page(views.memory_timeline(timeline)).bars()[0])
    ranges = [re.search(r"events ([\d,]+) to ([\d,]+):", one).groups() for one in peeks]
    ranges = [tuple(int(number.replace(",", "")) for number in pair) for pair in ranges]
    assert all(end + 1 == start for (_, end), (start, _) in zip(ranges, ranges[1:]))
    (peak,) = [p for p, (start, end) in zip(peeks, ranges) if start <= timeline.peak_event + 1 <= end]
    assert f"up to {size(timeline.peak)}." in peak
    for (owner, kind), count in timeline.composition().items():
        if kind in DRAWN:
            assert f"{owner} {DRAWN[kind]} {size(count)}" in peak
    hidden = re.findall(r'class="mtp-peek" style="([^"]*)"', html)
    assert {*hidden} == {"display:none"}, "also where the style sheet is lost"


def test_the_keyboard_stops_at_bars_where_there_is_no_kernel_only():
    panel = twins()
    bars = sum(map(len, Page(panel.static()).bars()))
    assert panel.output.value.count('tabindex="0"') == 0, "the panel has a slider for that"
    for html in (panel.static().html, panel._repr_mimebundle_()["text/html"]):
        assert html.count('tabindex="0"') == bars


def test_the_largest_tensors_are_listed_with_their_birth_and_end():
    timeline = spike()
    (_, logits), (_, trunk), *_ = largest(timeline, 433)
    assert (logits.bytes, logits.born, trunk.bytes, trunk.kind) == (3_000_000, 433, 2_000_000, "activation")
    rows = [[cell[1] for cell in row] for row in Page(views.memory_timeline(timeline, 433)).rows]
    assert ["3.00 MB", "logits", "head 1 loss", "head 1 loss"] in rows
    assert ["2.00 MB", "activation", "trunk forward", "stays"] in rows
    assert not any("9.00 MB" in row for row in rows), "gradients are not drawn"
    real = recorded("naive")
    groups = largest(real, real.peak_event, count=1000)
    alive = [one.bytes for one in real.alive_at(real.peak_event) if one.kind in DRAWN]
    assert sum(count * one.bytes for count, one in groups) == sum(alive) and max(count for count, _ in groups) > 1
    rows, phases = [[cell[1] for cell in row] for row in Page(views.memory_timeline(real)).rows], set()
    for _, one in groups[:6]:
        made, released = one.phase, real.phase_at(one.died) if one.died is not None else "stays"
        assert any(row[1:] == [one.kind, made, released] for row in rows if len(row) == 4)
        phases |= {(made, released)}
    assert any(made != released for made, released in phases)
    totals = [count * one.bytes for count, one in groups]
    assert totals == sorted(totals, reverse=True)


def test_a_step_takes_less_than_a_tenth_of_a_second():
    panel, times = twins(), []
    for event in (10, 200, 400, 600, 800):
        start = time.perf_counter()
        panel.event.value = event
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1 and "event 800 of" in panel.static().text


def test_the_panel_leaves_a_static_twin():
    bundle = twins()._repr_mimebundle_()
    assert "mtp-memory" in bundle["text/html"] and bundle["text/plain"].startswith("naive: peak ")


# ---- the calculator


def test_the_calculator_says_what_the_closed_form_says():
    panel = views.LogitsCalculator(n_layers=6, token_chunk=64)
    panel.vocab.value, panel.n.value, panel.dim.value = 50_257, 3, 256
    panel.tokens.value, panel.dtype.value = 1024, "bfloat16"
    cfg = mtp.ModelConfig(vocab_size=50_257, dim=256, n_layers=6, n_future=3)
    lines, page = panel.static().text.splitlines(), Page(panel.static())
    for number, (mode, chunk) in enumerate([("naive", None), ("memory-efficient", None), ("memory-efficient", 64)]):
        wanted = meter.estimate(cfg, 4, 256, mode, chunk, dtype="bfloat16")
        assert f": {size(wanted.total)} in training" in lines[number]
        assert f"logits {size(wanted.logit_bytes)}" in lines[number]
        cells = [cell[1] for cell in page.rows[number + 1]]
        assert cells[2:4] == [size(wanted.logit_bytes), size(wanted.total)]
        rooms = [meter.USABLE * room for room, _, _ in meter.MACHINES.values()]
        assert cells[4:] == [style.RIGHT if wanted.total <= room else style.WRONG for room in rooms]
    assert f"{cfg.parameters():,} parameters" in lines[-1] and "1,024 × 50,257 numbers" in lines[-1]


def test_the_calculator_finds_what_does_not_fit():
    panel = views.LogitsCalculator()
    panel.vocab.value, panel.dim.value, panel.n.value, panel.tokens.value = 128_256, 4096, 8, 2**17
    assert panel.static().text.startswith("naive: ") and "fits none of them" in panel.static().text.splitlines()[0]
    panel.tokens.value = 256
    assert panel.static().text.splitlines()[2].endswith("fits A100, 80 GB; H200, 141 GB")


def test_only_the_naive_logits_grow_with_n():
    panel = views.LogitsCalculator()
    found = []
    for n in (4, 8):
        panel.n.value = n
        found.append([one.logit_bytes for one in panel.estimates().values()])
    (naive4, *others4), (naive8, *others8) = found
    assert naive8 > 1.7 * naive4 and others8 == others4


# ---- stored results


def growth():
    rows = []
    for kind in ("parallel", "causal", "linear"):
        for n in (1, 2, 4):
            for method, peak in (("naive", 10 * n), ("memory-efficient", 12), ("chunked", 3)):
                row = {"kind": kind, "n": n, "method": method, "peak_bytes": peak * 10**6}
                rows.append(row | {"estimate_bytes": (peak + 1) * 10**6})
    return {"growth": rows, "shape": {"dim": 8, "rows": 64, "vocab_size": 99, "token_chunk": 16}}


def test_memory_bars_are_as_high_as_what_was_measured():
    figure = views.memory_bars(growth())
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["parallel heads", "causal heads", "linear heads"]
    for axes in shown:
        heights = [[bar.get_height() for bar in group] for group in axes.containers]
        assert heights == [[10, 20, 40], [12, 12, 12], [3, 3, 3]]
        assert [list(line.get_ydata()) for line in axes.lines] == [[11, 21, 41], [13, 13, 13], [4, 4, 4]]
        assert axes.get_ylim()[0] == 0 and axes.get_yscale() == "linear"
        assert {text.get_text() for text in axes.texts} == {"40", "12", "3"}
    names = [text.get_text() for text in shown[0].get_legend().get_texts()]
    assert names == ["naive", "memory-efficient", "chunks of 16 rows", "closed form"]
    assert shown[0].get_ylabel() == "peak, MB"
    assert "causal, naive: 40.0 MB" in figure.get_label() and "n = 4" in figure.get_label()
    with pytest.raises(ValueError, match="no measurements"):
        views.memory_bars({"growth": [], "shape": {}})


def test_method_bars_show_every_turn_and_name_what_is_absent():
    rows = [
        {"name": "naive", "n": 4, "peak_bytes": 2_500_000_000, "milliseconds": [30.0, 10.0, 14.0], "error": 2e-7},
        {"name": "Liger", "absent": "needs a GPU"},
        {"name": "ours", "n": 4, "peak_bytes": 500_000_000, "milliseconds": [12.0, 11.0, 13.0], "error": 1e-7},
    ]
    figure = views.method_bars({"methods": rows})
    memory, taken = figure.axes
    assert [bar.get_width() for bar in memory.patches] == [2.5, 0.5]
    assert [bar.get_width() for bar in taken.patches] == [14, 12]  # medians
    assert [list(line.get_xdata()) for line in taken.lines] == [[30, 10, 14], [12, 11, 13]]
    assert [label.get_text() for label in memory.get_yticklabels()] == ["naive", "Liger", "ours"]
    assert memory.get_title(loc="left") == "n = 4"
    texts = {text.get_text().strip() for axes in (memory, taken) for text in axes.texts}
    assert texts == {"2.50 GB", "500 MB", "absent: needs a GPU", "14 ms, error 2e-07", "12 ms, error 1e-07"}
    assert "Liger: absent, needs a GPU" in figure.get_label()
    with pytest.raises(ValueError, match="no method"):
        views.method_bars({"methods": [rows[1]]})

"""Memory as a picture: what was alive at each step of a recorded forward and backward.

HTML without scripts or SVG, which a notebook that is not trusted would drop: a table whose bars are stacked boxes. Time
runs to the right in phases; a bar stands for a stretch of recorded events and shows its fullest moment, so that no peak
is lost. 1 MB is a million bytes. Head k = 1 is the next token.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mtp_edu.meter import Allocation, MemoryTimeline
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, escape, figure, head_name, legend, note, table, tag

DRAWN = {"activation": "activations", "logits": "logits", "temporary": "temporary"}  # kinds, in words
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
_HEIGHT, _WIDTH, _AXIS = 190, 672, 64  # pixels of the bars together, and of the numbers beside them
_BESIDE = 290  # width of the bars where two runs stand side by side
_LARGEST = 6  # tensors that are listed one by one
_EDGE = "border-left:1px solid rgba(128,128,128,.6)"
SAMPLE = "display:inline-block;width:16px;height:16px;text-align:center;vertical-align:middle;"


def unit_of(count: float) -> tuple[float, str]:
    """The unit that so many bytes are said in, and its name."""
    return next((unit for unit in _UNITS if count >= unit[0]), _UNITS[-1])


def size(count: float) -> str:
    """Bytes for people, three digits: '812 kB', '29.7 MB', '1.25 GB'."""
    unit, word = unit_of(count)
    digits = 2 - math.floor(math.log10(max(count / unit, 1))) if unit > 1 else 0
    return f"{count / unit:,.{max(0, digits)}f} {word}"


def _head(owner: str) -> int:
    """The head's number; 0 for the trunk and for what serves all heads."""
    return int(owner.split()[1]) if owner.startswith("head ") else 0


def _order(owner: str) -> tuple[int, int]:
    return ("trunk", "head", "all").index(owner.split()[0]), _head(owner)


@dataclass(frozen=True)
class _Bar:
    """A stretch of events and its fullest moment."""

    phase: str
    first: int
    end: int
    fullest: int
    bytes: int
    parts: dict[tuple[str, str], int]  # (owner, kind): bytes; what lies lowest in the picture comes first


def _parts(timeline: MemoryTimeline, event: int) -> dict[tuple[str, str], int]:
    """Bytes alive after an event by (owner, kind), without parameters and their gradients."""
    found = {key: count for key, count in timeline.composition(event).items() if key[1] in DRAWN and count}
    return dict(sorted(found.items(), key=lambda item: (list(DRAWN).index(item[0][1]), _order(item[0][0]))))


def _bars(timeline: MemoryTimeline) -> list[_Bar]:
    """The recorded events as bars, three to twelve for each phase. Raises ValueError if nothing was recorded."""
    levels = timeline.live(*DRAWN)
    if not levels:
        raise ValueError("the timeline is empty: record a call that makes tensors, such as forward_backward")
    named = [phase for phase in timeline.phases if phase[1] < phase[2]] or [("all", 0, len(levels))]
    starts = [0, *(first for _, first, _ in named[1:]), len(levels)]  # what lies between two phases goes to the first
    bars = []
    for (name, _, _), begin, end in zip(named, starts, starts[1:]):
        count = min(end - begin, max(3, min(12, round((end - begin) / 40))))
        edges = [begin + (end - begin) * i // count for i in range(count + 1)] if count else []
        for first, last in zip(edges, edges[1:]):
            fullest = max(range(first, last), key=levels.__getitem__)
            bars.append(_Bar(name, first, last, fullest, levels[fullest], _parts(timeline, fullest)))
    return bars


def _phases(bars: Sequence[_Bar]) -> list[list[_Bar]]:
    return [list(group) for _, group in groupby(bars, key=lambda bar: bar.phase)]


def _at(bars: Sequence[_Bar], event: int) -> int:
    """Which bar an event belongs to."""
    return next(i for i, bar in enumerate(bars) if event < bar.end)


def _box(owner: str, kind: str, count: int, height: int, width: float, place: str = "") -> str:
    """A box: a head's tint for what it keeps, its full colour for logits, grey for the trunk, hatched if temporary."""
    head = _head(owner)
    room = head and kind != "temporary" and height >= 14 and width >= 11
    text = tag("span", style.mark(head), style=f"color:{style.PAPER}" if kind == "logits" else "") if room else ""
    if kind == "temporary":
        class_, look = "mtp-hatched", "background-color:#dcdcdc"
    elif kind == "logits":
        class_, look = f"mtp-full {style.ink_class(head)}", "background-color:{0};color:{0}".format(style.colour(head))
    elif head:
        class_, look = style.chip_class(head), f"background-color:{style.tint(head)};color:{style.INK}"
    else:
        class_, look = "mtp-grey", "background-color:#bdbdbd"
    title = f"{owner} {DRAWN[kind]}: {size(count)}" if count else ""
    return tag("div", text, class_=class_, title=title, style=f"{place}height:{height}px;{look}")


def _pointer(count: int, at: int, text: str, mark: str) -> str:
    """A row that points at bar `at`; the words stand where there is room."""
    if at < count / 2:
        cells, side = [(at, ""), (count - at, f"{mark} {text}")], "left"
    else:
        cells, side = [(at + 1, f"{text} {mark}"), (count - at - 1, "")], "right"
    look = f"padding:0;text-align:{side}"
    return "<td></td>" + "".join(tag("td", words, colspan=str(wide), style=look) for wide, words in cells if wide)


def _ticks(top: float) -> tuple[float, int]:
    """A round step of the axis, and how many of them reach the top: at most six."""
    power = 10 ** math.floor(math.log10(max(top, 10) / 3))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if top / (power * factor) <= 5.5)
    return step, max(1, math.ceil(top / step))


def _peek(bar: _Bar) -> str:
    """What a bar stands for, in words: hidden until it is pointed at or focused."""
    parts = sorted(bar.parts.items(), key=lambda item: -item[1])
    alive = ", ".join(f"{owner} {DRAWN[kind]} {size(count)}" for (owner, kind), count in parts) or "nothing"
    where = f"<b>{escape(bar.phase)}</b>, events {bar.first + 1:,} to {bar.end:,}: up to {size(bar.bytes)}. "
    return tag("span", f"{where}{escape(alive)}", class_="mtp-peek", style="display:none")


def _chart(
    timeline: MemoryTimeline, bars: Sequence[_Bar], event: int, top: float, room: int = _WIDTH, stops: bool = True
) -> str:
    """The stacked bars over the phases, the peak and the cursor marked. stops: the keyboard stops at every bar."""
    step, count = _ticks(top)
    pixel, width, at = _HEIGHT / (step * count), max(4, min(16, room // len(bars))) - 1, _at(bars, event)
    tick = f"height:{_HEIGHT / count:.2f}px;line-height:1;position:relative;top:-6px"
    unit, word = unit_of(step * count)
    labels = [tag("div", f"{step * i / unit:g} {word}", style=tick) for i in range(count, 0, -1)]
    cells = [tag("td", *labels, style=f"vertical-align:top;text-align:right;padding:0 4px 0 0;height:{_HEIGHT}px")]
    verbs, owners = ["<td></td>"], ["<td></td>"]
    for i, bar in enumerate(bars):
        boxes, below, low = [], 0, 0
        for (owner, kind), own in bar.parts.items():
            below += own
            high = round(below * pixel)
            if high > low:
                boxes.append(_box(owner, kind, own, high - low, width))
            low = high
        edge = "" if i and bars[i - 1].phase == bar.phase else _EDGE
        look = f"vertical-align:bottom;padding:0;{edge};background-size:100% {_HEIGHT / count:.2f}px"
        kind, stop = "mtp-time" + " mtp-now" * (i == at), "0" * stops
        cells.append(tag("td", *reversed(boxes), _peek(bar), class_=kind, style=look, tabindex=stop))
    look = f"padding:0;text-align:center;{_EDGE};font-size:"
    for group in _phases(bars):
        verb = group[0].phase.split()[-1]
        wide = len(group) * (width + 1)
        fits = wide >= (24 if verb == "loss" else 48)
        short = verb if fits else verb[0] + "w" * (wide >= 16 and verb != "loss")
        verbs.append(tag("td", short, colspan=str(len(group)), title=group[0].phase, style=f"{look}10px"))
    for owner, same in groupby(bars, key=lambda bar: " ".join(bar.phase.split()[:-1]) or "all"):
        wide, head = len(list(same)), _head(owner)
        words = head_name(head, short=wide * (width + 1) < 62) if head else escape(owner)
        owners.append(tag("td", words, colspan=str(wide), style=f"{look}12px"))
    here = f"here: {size(timeline.live(*DRAWN)[event])}"
    peak = _pointer(len(bars), _at(bars, timeline.peak_event), f"peak {size(timeline.peak)}", "▼")
    rows = [peak, *("".join(row) for row in (cells, verbs, owners)), _pointer(len(bars), at, here, "▲")]
    columns = f'<colgroup><col style="width:{_AXIS}px">' + f'<col style="width:{width}px">' * len(bars) + "</colgroup>"
    look = f"table-layout:fixed;width:{_AXIS + (width + 1) * len(bars) + 2}px"
    body = tag("tbody", *(tag("tr", row) for row in rows))
    drawn = tag("div", tag("table", columns, body, class_="mtp-table mtp-memory", style=look), class_="mtp-scroll")
    hint = tag("div", "Point at a bar: what is alive at its fullest moment.", class_="mtp-hint mtp-first")
    return tag("div", drawn, hint, class_="mtp-over")


def _alive(timeline: MemoryTimeline, bars: Sequence[_Bar], event: int) -> str:
    """What is alive at an event: owners downwards, kinds across, all in one unit."""
    parts, (unit, word) = _parts(timeline, event), unit_of(timeline.peak)
    owners = sorted({owner for owner, _ in parts}, key=_order)
    counts = {owner: [parts.get((owner, kind), 0) for kind in DRAWN] for owner in owners}
    rows, sums = [], [sum(row[i] for row in counts.values()) for i in range(len(DRAWN))]
    for owner, row in [*counts.items(), ("sum", sums)]:
        name = head_name(_head(owner)) if _head(owner) else tag("b", escape(owner))
        cells = [f"{count / unit:,.2f}" if count >= unit / 200 else "" for count in [*row, sum(row)]]
        if any(cells) or row is sums:  # not the few bytes of a counter
            shown = [tag("td", cell, style="text-align:right") for cell in cells]
            rows.append("".join([tag("td", name, style="text-align:left"), *shown]))
    where = tag("b", escape(bars[_at(bars, event)].phase))
    names = "".join(tag("th", name) for name in ("alive", *DRAWN.values(), "sum"))
    title = note(f"event {event + 1:,} of {len(timeline.seconds):,}, {where}, in {word}")
    return title + table(rows, names, "mtp-alive")


def largest(timeline: MemoryTimeline, event: int, count: int = _LARGEST) -> list[tuple[int, Allocation]]:
    """What fills most memory right after an event: (how many, one of them), for tensors of one size, birth and end.

    Of the kinds that are drawn; the most bytes first.
    """
    groups: dict[tuple, list[Allocation]] = {}
    for one in timeline.alive_at(event):
        if one.kind in DRAWN:
            groups.setdefault((one.bytes, one.kind, one.phase, _released(timeline, one)), []).append(one)
    ordered = sorted(groups.values(), key=lambda group: -len(group) * group[0].bytes)
    return [(len(group), group[0]) for group in ordered[:count]]


def _released(timeline: MemoryTimeline, one: Allocation) -> str:
    if one.died is None or one.died >= len(timeline.seconds):
        return "stays"
    return timeline.phase_at(one.died) or "between two phases"


def _tensors(timeline: MemoryTimeline, event: int) -> str:
    """The largest tensors: how large, what they are, when they were made and when they go."""
    rows = []
    for count, one in largest(timeline, event):
        times = f"{count} × " * (count > 1)
        cells = (times + size(one.bytes), one.kind, one.phase or "all", _released(timeline, one))
        rows.append("".join(tag("td", escape(cell), class_="mtp-left") for cell in cells))
    names = "".join(tag("th", name, class_="mtp-left") for name in ("largest", "kind", "made in", "released in"))
    return table(rows, names, "mtp-alive") if rows else ""


def _words(timeline: MemoryTimeline, bars: Sequence[_Bar], event: int) -> str:
    """The picture in words: the peak, the most that each phase held, and what is alive at the event."""
    lines = [f"peak {size(timeline.peak)} in {bars[_at(bars, timeline.peak_event)].phase}"]
    lines += [f"{group[0].phase}: up to {size(max(bar.bytes for bar in group))}" for group in _phases(bars)]
    parts = sorted(_parts(timeline, event).items(), key=lambda item: -item[1])
    alive = ", ".join(f"{owner} {DRAWN[kind]} {size(count)}" for (owner, kind), count in parts)
    now = f"event {event + 1} of {len(timeline.seconds)}, {bars[_at(bars, event)].phase}"
    return "\n".join([*lines, f"{now}: {size(sum(count for _, count in parts))} alive: {alive}"])


def _twins(
    timelines: Mapping[str, MemoryTimeline],
    bars: Mapping[str, Sequence[_Bar]],
    events: Mapping[str, int],
    top: float = 0.0,
    chosen: str | None = None,
    stops: bool = True,
) -> HtmlFigure:
    """Timelines side by side on one scale of bytes, each with its cursor; a single one needs no name.

    chosen: the run whose cursor the controls move. stops: the keyboard stops at every bar.
    """
    top, every = max(top, *(timeline.peak for timeline in timelines.values())), list(timelines.values())
    room, runs, lines = _BESIDE if len(every) > 1 else _WIDTH, [], []
    for name, timeline in timelines.items():
        about = timeline, bars[name], events[name]
        here = "▸ " * (name == chosen)
        parts = [tag("div", here + escape(name), class_="mtp-title")] if name else []
        parts += [_chart(*about, top, room, stops), _alive(*about), _tensors(timeline, events[name])]
        runs.append(tag("div", *parts, class_="mtp-run", style="display:inline-block;vertical-align:top"))
        lines.append(f"{name}: {_words(*about)}" if name else _words(*about))
    heads = sorted({a.owner for timeline in every for a in timeline.allocations if _head(a.owner)}, key=_head)
    rows = {"kept by the trunk": ("activation", ["trunk"]), "kept by a head": ("activation", heads),
            "its logits": ("logits", heads), "temporary": ("temporary", ["all"])}
    drawn = {text: "".join(_box(owner, kind, 0, 16, 16, SAMPLE) for owner in owners)
             for text, (kind, owners) in rows.items() if owners}
    key = legend([f"{tag('span', boxes, class_='mtp-sample')} {text}" for text, boxes in drawn.items()])
    before = every[0].before
    gradients = before.get("gradient", 0) + max(every[0].live("gradient"))
    small = note(f"Not drawn: parameters {size(before.get('parameter', 0))}, their gradients {size(gradients)}. "
                 "A bar is the fullest moment of a stretch of events.")
    return figure("".join([key, *runs, small]), "\n".join(lines))


def memory_timeline(timeline: MemoryTimeline, event: int | None = None, top: float = 0.0) -> HtmlFigure:
    """What was alive at each step of a recorded forward and backward (the paper's Fig 2, or Fig S11 for causal heads).

    timeline: from meter.memory. event: where the cursor stands, by default at the peak. top: bytes that the axis
    reaches at least, so that two pictures can share a scale. Parameters and their gradients are not drawn. Raises
    ValueError for an empty timeline and for an event outside of it.
    """
    bars = _bars(timeline)
    event = timeline.peak_event if event is None else event
    if not 0 <= event < len(timeline.seconds):
        raise ValueError(f"event = {event} is outside the timeline: use 0 to {len(timeline.seconds) - 1}")
    return _twins({"": timeline}, {"": bars}, {"": event}, top)

"""The race of two decoders: a CSS replay of what was measured, and the same as a plot.

Each decoder is timed alone and replayed afterwards; both at once on one machine would slow each other. Tokens appear
when their step ended, so the replay keeps the true relative speed. Without the style sheet all tokens simply stand.
"""

import math
from zlib import crc32

from matplotlib.figure import Figure

from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, legend, note, printable, table, tag

_PLAIN = "one token per forward"
_GREY = "#8c8c8c"  # plain decoding is no head, so it has no head's colour
_TIE = 0.05  # runs of one machine differ by this much for no reason of the method's
_SOURCES = {"p": "from the prompt’s own pass", "1": "head 1’s own token", "+": "head 1’s on top: every draft was kept"}
_SPEEDS = (("slow", "½×"), ("same", "1×"), ("fast", "2×"))
_ENDS = {
    "distribution": "Both texts are drawn from the same distribution; two draws need not agree.",
    "nothing": "Typical acceptance changes the distribution: judge the text, not the time alone.",
}


def _origins(generation) -> list[tuple[float, list[tuple[int, str, int]]]]:
    """Per forward: seconds since the prompt was read, [(head, sign, token)].

    The sign is p for the prompt's pass, k for a draft of head k that was kept, + for head 1's token after the last
    draft of a block of which all were kept, 1 for head 1's token otherwise.
    """
    runs, clock = [(0.0, [(0, "p", generation.tokens[0])])], 0.0
    for step in generation.steps:
        clock += step.seconds
        own = (1, "+" if step.accepted == generation.n_future - 1 > 0 else "1")
        origins = [(i + 2, str(i + 2)) if i < step.accepted else own for i in range(len(step.tokens))]
        runs.append((clock, [(*origin, token) for origin, token in zip(origins, step.tokens)]))
    return runs


def _written(head: int, sign: str, text: str) -> str:
    """A token above the mark of where it came from."""
    shown = escape(printable(text).replace("\n", "↵")) + tag("sub", sign)
    box = tag("span", shown, class_=f"mtp-written {style.chip_class(head)}", style=style.chip_style(head))
    return box + "<br>" if text.endswith("\n") else box


def _lane(name: str, out, token_text: TokenText, speed: float, share: float, ink: str, prompt: str) -> str:
    """A decoder's text, one box per forward, under a bar as long as its time."""
    flow = [tag("bdi", escape(prompt), class_="mtp-mute")]
    for at, tokens in _origins(out):
        box = [_written(head, sign, token_text(token)) for head, sign, token in tokens]
        look = f"border:1px solid #999;--mtp-at:{1000 * at / speed:.0f}"
        flow.append(tag("span", *box, class_="mtp-step", style=look))
    look = f"height:7px;background-color:{ink};width:{100 * share:.1f}%;--mtp-at:{1000 * out.seconds / speed:.0f}"
    top = f"<b>{escape(name)}</b>: {out.seconds:.2f} s, {out.forwards} forwards"
    text = "".join(token_text(token) for token in out.tokens)
    said = tag("div", *flow, class_="mtp-flow", role="img", aria_label=f"{name} wrote: {prompt}{text}")
    return tag("div", top, tag("div", class_="mtp-bar", style=look), said, class_="mtp-lane")


def _controls(unique: str) -> str:
    """Pause, replay and speed, for CSS alone; hidden inline, since without the style sheet nothing moves."""
    alone = "data-lm-suppress-shortcuts"  # JupyterLab would take the arrow keys for its own
    keys = [
        tag("label", f'<input type="checkbox" class="mtp-pause" {alone}><span>❚❚ pause</span>', class_="mtp-key"),
        tag("label", f'<input type="checkbox" class="mtp-again" {alone}>↻ replay', class_="mtp-key"),
        "<span>speed</span>",
    ]
    for name, word in _SPEEDS:
        chosen = " checked" * (name == "same")
        button = f'<input type="radio" name="mtp-speed-{unique}" class="mtp-{name}"{chosen} {alone}>{word}'
        keys.append(tag("label", button, class_="mtp-key"))
    return tag("div", *keys, class_="mtp-keys", style="display:none", role="group", aria_label="replay")


def _own_speed(seconds: float) -> float:
    """A replay of four to eight seconds for the slower decoder, in powers of two."""
    speed = 1.0
    while seconds > 0 and seconds / speed < 4:
        speed /= 2
    while seconds / speed > 8:
        speed *= 2
    return speed


def _pace(speed: float) -> str:
    if speed == 1:
        return "replayed at true speed"
    return f"replayed {1 / speed:g} times slower" if speed < 1 else f"replayed {speed:g} times faster"


def _rate(out) -> float:
    """Tokens per second, after the first."""
    return (len(out.tokens) - 1) / out.seconds if out.seconds > 0 else math.nan


def _verdict(plain, speculative, noise: float = 0.0, same: str = "text") -> str:
    """How the race ended, in words; a difference below 5 %, or below `noise`, is a tie."""
    gain = _rate(speculative) / _rate(plain) if _rate(plain) > 0 else math.nan
    end = _ENDS.get(same, "Both wrote the same text.")
    if same == "text" and plain.tokens != speculative.tokens:
        shorter = min(len(plain.tokens), len(speculative.tokens))
        agree = next((i for i in range(shorter) if plain.tokens[i] != speculative.tokens[i]), shorter)
        end = f"The texts agree for {agree} tokens and part there."
    if gain != gain:
        return f"No forward followed the prompt’s own, so there is nothing to compare. {end}"
    per_forward = speculative.tokens_per_forward
    cost, limit = per_forward / gain, 1 + max(_TIE, noise)
    facts = f"{per_forward:.2f} tokens per forward, {gain:.2f} times as fast"
    if 1 / limit <= gain <= limit:
        facts += f": a tie, since runs differ by {limit - 1:.0%} anyway"
    elif gain < 1:
        facts += ": speculation was slower"
    return f"{facts}. One of its forwards took {cost:.2f} times as long as a plain one. {end}"


def race(
    plain,
    speculative,
    token_text: TokenText,
    speed: float | None = 1.0,
    prompt: str = "",
    name: str = "",
    noise: float = 0.0,
    same: str = "text",
) -> HtmlFigure:
    """Replay two measured generations of the same prompt side by side.

    plain, speculative: decode.Generation of one prompt, by "autoregressive" and by another method. speed: 1.0 as it
    ran, 0.1 ten times slower, None chosen so that the slower one takes four to eight seconds. prompt: shown before both
    texts. name: of the second lane. noise: the share by which one decoder's times differ between runs; a gap no wider
    is called a tie. same: what both share, "text" (greedy), "distribution" (lossless sampling) or "nothing" (typical
    acceptance). A box is one forward of the model; a token's colour and mark tell where it came from: the prompt's
    pass, the main head, or the draft of head k. Raises ValueError if speed is not positive or a generation holds no
    token.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed = {speed}: it must be positive (0.1 is ten times slower, None chooses)")
    if not plain.tokens or not speculative.tokens:
        raise ValueError("a generation holds no tokens: ask for max_new_tokens of at least 2")
    slowest = max(plain.seconds, speculative.seconds)
    speed = speed or _own_speed(slowest)
    lanes, rows, lines = [], [], []
    name = name or f"{speculative.method}, {speculative.n_future} heads"
    for own, ink, out in ((_PLAIN, _GREY, plain), (name, "currentColor", speculative)):
        per_forward = f"{1000 * out.seconds / out.forwards:.1f}" if out.forwards else style.ENDED
        per_second = f"{_rate(out):.0f}" if out.seconds > 0 else style.ENDED
        numbers = [str(len(out.tokens)), str(out.forwards), f"{out.tokens_per_forward:.2f}", per_forward, per_second,
                   f"{out.seconds:.2f}"]
        rows.append(tag("th", escape(own), class_="mtp-left") + "".join(tag("td", number) for number in numbers))
        lines.append(f"{own}: {numbers[2]} tokens per forward, {numbers[0]} tokens in {numbers[5]} s")
        lanes.append(_lane(own, out, token_text, speed, out.seconds / slowest if slowest > 0 else 1, ink, prompt))
    verdict = _verdict(plain, speculative, noise, same)
    origins = {(head, sign) for out in (plain, speculative) for _, run in _origins(out) for head, sign, _ in run}
    sources = [f"{chip(sign, head)} {_SOURCES.get(sign, f'drafted by head {head}, kept')}"
               for head, sign in sorted(origins, key=lambda own: (own[0], own[1] == "+"))]
    names = ["", "tokens", "forwards", "tokens per forward", "ms per forward", "tokens per second", "seconds"]
    result, rest = verdict.split(". ", 1)
    unique = f"{crc32(''.join(lanes).encode('utf-8', 'replace')):x}"
    body = [tag("div", f"<b>{result}.</b> {rest}", class_="mtp-verdict"), _controls(unique),
            legend(sources), *lanes, table(rows, "".join(tag("th", word) for word in names)),
            note(f"A box is one forward and appears when it was done; {_pace(speed)}. Each decoder ran alone.")]
    text = "".join(token_text(token) for token in speculative.tokens)
    return figure("".join(body), "\n".join([*lines, verdict, f"text: {prompt}{text}"]), "mtp-race")


def race_curves(plain, speculative) -> Figure:
    """Tokens written over time by both decoders, as a plot; time starts when the prompt has been read."""
    fig = Figure(figsize=(7, 3.2), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes = fig.add_subplot()
    looks = (
        (_GREY, "--", style.MUTED, _PLAIN, plain, speculative),
        (style.INK, "-", style.INK, "self-speculative", speculative, plain),
    )
    for ink, line, text_ink, name, out, other in looks:
        times, counts = [0.0], [1]
        for step in out.steps:
            times.append(times[-1] + step.seconds)
            counts.append(counts[-1] + len(step.tokens))
        axes.step(times, counts, where="post", color=ink, linestyle=line, linewidth=2)
        axes.plot(times[-1:], counts[-1:], "o", color=ink)
        label = f"{name}\n{out.tokens_per_forward:.2f} tokens per forward"
        # The faster one's label goes left of its end and the slower one's right, so that they never meet.
        side, ha, va = (-1, "right", "bottom") if out.seconds <= other.seconds else (1, "left", "top")
        axes.annotate(label, (times[-1], counts[-1]), xytext=(8 * side, -4 * side), textcoords="offset points", ha=ha,
                      va=va, color=text_ink, fontsize=10)
    axes.set_xlabel("seconds after the prompt was read")
    axes.set_ylabel("tokens written")
    axes.set_ylim(0, 1.2 * max(len(plain.tokens), len(speculative.tokens)))
    axes.set_xlim(0, 1.35 * max(plain.seconds, speculative.seconds))
    axes.spines[["top", "right"]].set_visible(False)
    fig.set_label(_verdict(plain, speculative))
    return fig

"""The race of two decoders: a CSS replay of what was measured, and the same as a plot.

Each decoder is timed alone and replayed afterwards; both at once on one machine would slow each other. Tokens appear
when their step ended, so the replay keeps the true relative speed. Without the style sheet all tokens simply stand.
"""

from matplotlib.figure import Figure

from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, TokenText, chip, escape, figure, legend, table, tag

_PLAIN = "one token per forward"
_GREY = "#8c8c8c"  # plain decoding is no head, so it has no head's colour


def _origins(generation) -> list[tuple[float, list[tuple[int, int]]]]:
    """Per step: seconds since the prompt was read, [(origin, token)]; origin 0 is the prompt's pass, k is head k."""
    runs, clock = [(0.0, [(0, generation.tokens[0])])], 0.0
    for step in generation.steps:
        clock += step.seconds
        origins = [place + 2 if place < step.accepted else 1 for place in range(len(step.tokens))]
        runs.append((clock, list(zip(origins, step.tokens))))
    return runs


def _written(origin: int, text: str) -> str:
    """A token above the mark of where it came from."""
    classes = f"mtp-written {style.chip_class(origin)}"
    shown = escape(text.replace("\n", "↵")) + tag("sub", str(origin or "p"))
    box = tag("span", shown, class_=classes, style=style.chip_style(origin))
    return box + "<br>" if text.endswith("\n") else box


def _lane(name: str, out, token_text: TokenText, speed: float, share: float, ink: str, prompt: str) -> str:
    """A decoder's text, one box per forward, under a bar as long as its time."""
    flow = [tag("span", escape(prompt), class_="mtp-mute")]
    for at, tokens in _origins(out):
        box = [_written(origin, token_text(token)) for origin, token in tokens]
        look = f"border:1px solid #999;--mtp-at:{1000 * at / speed:.0f}"
        flow.append(tag("span", *box, class_="mtp-step", style=look))
    look = f"height:7px;background-color:{ink};width:{100 * share:.1f}%;--mtp-at:{1000 * out.seconds / speed:.0f}"
    top = f"<b>{name}</b>: {out.seconds:.2f} s, {out.forwards} forwards"
    bar = tag("div", class_="mtp-bar", style=look)
    return tag("div", top, bar, tag("div", *flow, class_="mtp-flow"), class_="mtp-lane")


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


def _verdict(plain, speculative) -> str:
    """How the race ended, in words."""
    ratio = plain.seconds / speculative.seconds if speculative.seconds > 0 else float("nan")
    end = "Both wrote the same text."
    if plain.tokens != speculative.tokens:
        shorter = min(len(plain.tokens), len(speculative.tokens))
        same = next((i for i in range(shorter) if plain.tokens[i] != speculative.tokens[i]), shorter)
        end = f"The texts agree for {same} tokens and part there."
    return f"{speculative.tokens_per_forward:.2f} tokens per forward, {ratio:.2f} times as fast. {end}"


def race(plain, speculative, token_text: TokenText, speed: float | None = 1.0, prompt: str = "") -> HtmlFigure:
    """Replay two measured generations of the same prompt side by side.

    plain, speculative: decode.Generation (methods "autoregressive" and "self-speculative"). speed: 1.0 as it ran, 0.1
    ten times slower, None chosen so that the slower one takes four to eight seconds. prompt: shown before both texts.
    A box is one forward of the model; a token's colour and mark tell where it came from: the prompt's pass, the main
    head, or the draft of head k. Raises ValueError if speed is not positive or a generation holds no token.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed = {speed}: it must be positive (0.1 is ten times slower, None chooses)")
    if not plain.tokens or not speculative.tokens:
        raise ValueError("a generation holds no tokens: ask for max_new_tokens of at least 2")
    slowest = max(plain.seconds, speculative.seconds)
    speed = speed or _own_speed(slowest)
    lanes, rows, lines = [], [], []
    drafting = f"self-speculative, {speculative.n_future} heads"
    for name, ink, out in ((_PLAIN, _GREY, plain), (drafting, "currentColor", speculative)):
        numbers = [str(len(out.tokens)), str(out.forwards), f"{out.tokens_per_forward:.2f}", f"{out.seconds:.2f}"]
        rows.append(tag("th", name, class_="mtp-left") + "".join(tag("td", number) for number in numbers))
        lines.append(f"{name}: {numbers[2]} tokens per forward, {numbers[0]} tokens in {numbers[3]} s")
        lanes.append(_lane(name, out, token_text, speed, out.seconds / slowest if slowest > 0 else 1, ink, prompt))
    verdict = _verdict(plain, speculative)
    origins = sorted({origin for out in (plain, speculative) for _, run in _origins(out) for origin, _ in run})
    words = {0: "from the prompt’s own pass", 1: "the main head’s own token"}
    sources = [f"{chip(str(k or 'p'), k)} {words.get(k, f'drafted by head {k}')}" for k in origins]
    again = tag("label", '<input type="checkbox" class="mtp-again">↻ replay', class_="mtp-replay", style="display:none")
    key = legend([*sources, f"a box is one forward; {_pace(speed)}", again])
    names = ["", "tokens", "forwards", "tokens per forward", "seconds"]
    body = [key, *lanes, table(rows, "".join(tag("th", name) for name in names)),
            tag("div", verdict, class_="mtp-title")]
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

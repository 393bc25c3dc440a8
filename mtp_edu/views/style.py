"""How the views look: one colour and one mark per head, and the style sheet of the HTML figures.

Head k = 1 is the next token. The same colour, mark, line style and plot marker stand for a head in every figure, so
that nothing is told by colour alone. Colours keep a contrast of 4.5:1 on their background and stay apart for
colour-blind readers (the first four heads best; a test simulates it). Chips carry their background and text colour
inline: a notebook that is not trusted loses the style sheet, but keeps readable tokens.
"""

from pathlib import Path

# on white, and on JupyterLab's dark background
HEAD_COLOURS = ("#1b4fa0", "#cc4a00", "#00806a", "#7c0f52", "#8a6d00", "#3a1d8c", "#0078a0", "#3f3f3f")
HEAD_COLOURS_DARK = ("#8aa4ff", "#ff9326", "#3f9f85", "#dba9c0", "#ffe04a", "#9978fd", "#59c8f8", "#d0e6e4")
HEAD_MARKERS = "osD^vPX*"
HEAD_LINESTYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))

PAPER, INK, MUTED = "#ffffff", "#1b1b1b", "#595959"
PAPER_DARK, INK_DARK = "#111111", "#f2f2f2"
NEUTRAL, NEUTRAL_DARK = "#e9e9e9", "#303030"  # chips that belong to no head: the prompt, a wrong guess
RIGHT, NEAR, WRONG = "✓", "≈", "✕"
ENDED = "–"  # stands where the text has ended and there is nothing to predict


def mark(head: int) -> str:
    """The head's number in a circle: its mark in every figure."""
    return chr(0x2460 + head - 1) if 1 <= head <= 20 else f"({head})"


def colour(head: int, dark: bool = False) -> str:
    """The head's strong colour, for text and lines; heads beyond the eighth start again."""
    return (HEAD_COLOURS_DARK if dark else HEAD_COLOURS)[(head - 1) % len(HEAD_COLOURS)]


def tint(head: int, dark: bool = False) -> str:
    """The background of the head's chips: its colour mixed into the page's. Head 0 is neutral."""
    if head == 0:
        return NEUTRAL_DARK if dark else NEUTRAL
    share, page = (0.3, PAPER_DARK) if dark else (0.22, PAPER)
    pairs = [(int(colour(head, dark)[i : i + 2], 16), int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * own + (1 - share) * other):02x}" for own, other in pairs)


def chip_style(head: int) -> str:
    """Inline style of a chip: readable on any page, with or without the style sheet."""
    edge = NEUTRAL if head == 0 else colour(head)
    return f"background-color:{tint(head)};color:{INK};border-bottom:2px solid {edge}"


def chip_class(head: int) -> str:
    """The class that gives a chip its dark-theme colours; head 0 is neutral."""
    return f"mtp-h{(head - 1) % len(HEAD_COLOURS) + 1 if head else 0}"


def ink_class(head: int) -> str:
    """The class that gives text and lines the head's dark-theme colour."""
    return f"mtp-ink{(head - 1) % len(HEAD_COLOURS) + 1}"


def _sheet() -> str:
    # the dark themes of JupyterLab, Colab and VS Code
    dark = ':is(body[data-jp-theme-light="false"], html[theme="dark"], body.vscode-dark) .mtp-fig'
    rules = [Path(__file__).with_name("style.css").read_text(encoding="utf-8")]
    rules += [f".mtp-fig .{ink_class(head)} {{ color: {colour(head)}; }}" for head in range(1, len(HEAD_COLOURS) + 1)]
    for head in range(len(HEAD_COLOURS) + 1):
        edge = NEUTRAL_DARK if head == 0 else colour(head, dark=True)
        rules.append(f"{dark} .{chip_class(head)} {{ background-color: {tint(head, dark=True)} !important; "
                     f"color: {INK_DARK} !important; border-color: {edge} !important; }}")
        if head:
            rules.append(f"{dark} .{ink_class(head)} {{ color: {edge} !important; border-color: {edge} !important; }}")
    return "\n".join(rules)


CSS = _sheet()

"""A panel on attention heads: any head, at any checkpoint, on any text; its scores, and the accuracy without it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mtp_edu import attention_heads
from mtp_edu.attention_heads import AttentionHead, ablated, attention_patterns, copying, other_heads, prefix_matching
from mtp_edu.model import MultiTokenModel
from mtp_edu.views.forming import forming
from mtp_edu.views.html import HtmlFigure, visible
from mtp_edu.views.one_head import Cut, Guess, head_word, one_head
from mtp_edu.views.panels import Panel, _control, _slider, _textarea
from mtp_edu.views.style import WRONG

PREFIX, BACK, COPIES = "prefix matching", "one token back", "copying"
_MOST = 16_000_000  # numbers of attention that are kept: 64 MB
_PICTURED = 40  # tokens in the static picture
_SHADES = 6
Checkpoints = Mapping[int, MultiTokenModel] | Sequence[tuple[int, Mapping[str, Tensor]]]
Heads = frozenset[AttentionHead]


class Alphabet:
    """A tokenizer of single characters, token i being letter i: for tasks on random tokens, such as RepeatTask.

    White space in a text is skipped. Raises ValueError for a character that it does not have.
    """

    def __init__(self, letters: str) -> None:
        if not letters or len({*letters}) < len(letters):
            raise ValueError(f"letters={letters!r}: give at least one character, and each once")
        self.letters = letters

    def encode(self, text: str) -> list[int]:
        unknown = sorted({*text} - {*self.letters} - {*" \n\t"})
        if unknown:
            raise ValueError(f"{''.join(unknown)!r} is not in the alphabet: use {self.letters}")
        return [self.letters.index(one) for one in text if one in self.letters]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.letters[i] for i in ids)

    def token_text(self, token: int) -> str:
        return self.letters[token]


class _Measured:
    """What is known of the checkpoints: measured when it is first asked for, and kept."""

    def __init__(self, checkpoints: Checkpoints, model, accuracy: Callable, scores: Mapping[str, Callable]) -> None:
        pairs = sorted(checkpoints.items() if isinstance(checkpoints, Mapping) else checkpoints, key=lambda one: one[0])
        if not pairs:
            raise ValueError("there are no checkpoints: give {step: model}, or (step, state_dict) pairs with model=")
        if model is None and not all(isinstance(one, MultiTokenModel) for _, one in pairs):
            raise ValueError("the checkpoints are weights alone: pass model=, a model to load them into")
        self.points, self._own = [step for step, _ in pairs], [one for _, one in pairs]
        self._model = copy.deepcopy(model)  # the caller's stays as it is
        self._accuracy, self.scores = accuracy, scores
        self._loaded, self._found, self._patterns = None, {}, {}

    def model(self, at: int) -> MultiTokenModel:
        if self._loaded != at:
            own = self._own[at]
            if isinstance(own, MultiTokenModel):
                self._model = copy.deepcopy(own)  # heads are silenced in it, and the caller may be using their own
            else:
                self._model.load_state_dict(own)
            self._loaded = at
        return self._model

    def _once(self, key: tuple, at: int, cut: Heads, measure: Callable[[MultiTokenModel], Any]) -> Any:
        if key not in self._found:
            with ablated(self.model(at), sorted(cut)) as model:
                self._found[key] = measure(model)
        return self._found[key]

    def accuracy(self, at: int, cut: Heads = frozenset()) -> float:
        return self._once(("accuracy", at, cut), at, cut, lambda model: float(self._accuracy(model)))

    def score(self, name: str, at: int, cut: Heads = frozenset()) -> Tensor:
        """(layers, H)"""
        return self._once((name, at, cut), at, cut, self.scores[name])

    def over_training(self, name: str) -> np.ndarray:
        """(points, layers, H), with all heads."""
        return torch.stack([self.score(name, at) for at in range(len(self.points))]).float().numpy()

    def text(self, at: int, cut: Heads, tokens: tuple[int, ...]) -> tuple[list[Tensor], Tensor, Tensor]:
        """On a text: patterns, (H, T, T) for each layer; head 1's first choices (T,) and their probabilities (T,)."""
        key = (at, cut, tokens)
        if key not in self._patterns:
            with ablated(self.model(at), sorted(cut)) as model, torch.no_grad():
                batch = torch.tensor([tokens], device=model.norm.weight.device)
                patterns = [one[0].float().cpu() for one in attention_patterns(model, batch)]
                likely, choices = model(batch, n_future=1)[0, :, 0].float().softmax(-1).max(-1)
            size = sum(one.numel() for one in patterns)
            while self._patterns and size * (len(self._patterns) + 1) > _MOST:
                self._patterns.pop(next(iter(self._patterns)))
            self._patterns[key] = patterns, choices.cpu(), likely.cpu()
        return self._patterns[key]


class InductionExplorer(Panel):
    """Choose an attention head, a checkpoint and a token, and see where it looks; silence heads, and see what is lost.

    checkpoints: {step: model}, or (step, state_dict) pairs and one `model` to load them into. tokenizer: has encode
    and token_text (Alphabet for random letters). text: a string, which the learner can change. accuracy: of a model,
    such as RepeatTask.accuracy, or tasks.induction.accuracy on some items. scores: name -> function of a model,
    (layers, H), beside prefix matching, looking one token back and copying; such as name_matching on items. ids,
    length: the random tokens of those three (attention_heads). at: the checkpoint to begin with, from 0; None: where
    the accuracy rises most. draws: random sets of other heads, the control of an ablation.

    The table of buttons holds every head's score at this checkpoint and chooses the head. Everything is measured when
    it is first looked at, and kept. What is saved with a notebook is a picture of the present state (forming).
    Raises ValueError for checkpoints, texts and numbers that do not fit.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        tokenizer,
        text: str,
        accuracy: Callable[[MultiTokenModel], float],
        model: MultiTokenModel | None = None,
        scores: Mapping[str, Callable[[MultiTokenModel], Tensor]] | None = None,
        ids: Sequence[int] | None = None,
        length: int | None = None,
        at: int | None = None,
        draws: int = 8,
        against: str = "optimizer steps",
    ) -> None:
        self.measured = _Measured(checkpoints, model, accuracy, {})
        cfg = self.measured.model(0).cfg
        known = cfg.vocab_size if ids is None else len({*ids})
        length = min(32, cfg.max_seq_len // 2, known) if length is None else length
        own = {PREFIX: prefix_matching, BACK: attention_heads.previous_token, COPIES: copying}
        self.measured.scores = {
            name: lambda model, score=score: score(model, ids, length=length) for name, score in own.items()
        } | dict(scores or {})
        self.tokenizer, self.draws, self.against = tokenizer, draws, against
        count = len(self.measured.points)
        if at is None:
            rises = np.diff([self.measured.accuracy(i) for i in range(count)])
            at = int(rises.argmax()) + 1 if len(rises) else 0
        if not 0 <= at < count:
            raise ValueError(f"at={at} is no checkpoint: use 0 to {count - 1}")
        self.tokens = self._encoded(text)
        shape = self.measured.score(PREFIX, count - 1).shape
        self.head = attention_heads.induction_heads(self.measured.score(PREFIX, count - 1), 1)[0]
        self.cut: Heads = frozenset()
        self._moving, self._problem = False, None
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.text = _textarea("mtp-text", "text", text, rows=2)
        self.read = _control(
            widgets.Button(description="Read", button_style="primary", layout={"width": "84px"}), "mtp-read"
        )
        self.at = _slider("mtp-slider-point", "checkpoint", at, 0, count - 1)
        self.player = _control(widgets.Play(value=at, min=0, max=count - 1, interval=700), "mtp-play")
        self.link = widgets.jslink((self.player, "value"), (self.at, "value"))  # in the browser: it plays smoothly
        self.back, self.forth, self.earlier, self.later = (
            _control(widgets.Button(description=word, layout={"width": "76px"}), name)
            for word, name in (("◀ point", "mtp-back"), ("point ▶", "mtp-forth"), ("◀ token", "mtp-earlier"),
                               ("token ▶", "mtp-later"))
        )  # fmt: skip
        self.token = _slider("mtp-slider-token", "token that looks", self._asked(), 0, len(self.tokens) - 1)
        for slider in (self.at, self.token):
            slider.layout.width = "330px"
        self.which = _control(
            widgets.Dropdown(
                options=list(self.measured.scores), description="score", layout={"width": "240px"},
                style={"description_width": "initial"},
            ), "mtp-score",
        )  # fmt: skip
        self.silence = _control(widgets.ToggleButton(layout={"width": "130px"}), "mtp-silence")
        self.all_speak = _control(widgets.Button(description="silence none", layout={"width": "110px"}), "mtp-all")
        self.grid, self.buttons = self._grid(*shape)
        side = widgets.VBox([self.which, self.silence, self.all_speak])
        controls = [
            widgets.HBox([self.player, self.back, self.forth, self.at], layout=wrap),
            widgets.HBox([self.grid, side], layout=wrap),
            self.text,
            widgets.HBox([self.read, self.earlier, self.later, self.token], layout=wrap),
        ]
        super().__init__(controls)
        self.read.on_click(self.read_text)
        self.at.observe(self._show, names="value")
        self.token.observe(self._show, names="value")
        self.which.observe(self._show, names="value")
        self.silence.observe(self._silenced, names="value")
        self.all_speak.on_click(lambda _: self.silence_heads(()))
        for button, slider, by in ((self.back, self.at, -1), (self.forth, self.at, 1),
                                   (self.earlier, self.token, -1), (self.later, self.token, 1)):  # fmt: skip
            button.on_click(lambda _, slider=slider, by=by: self._step(slider, by))
        for head, button in self.buttons.items():
            button.on_click(lambda _, head=head: self.choose(head))
        self._show()

    def choose(self, head: AttentionHead) -> None:
        """Look at another attention head."""
        self.head = AttentionHead(*head)
        self._show()

    def silence_heads(self, heads: Sequence[AttentionHead]) -> None:
        """Silence exactly these heads, in everything that is shown."""
        self.cut = frozenset(AttentionHead(*head) for head in heads)
        self._show()

    def read_text(self, *_) -> None:
        """Take the text in the box; the token that looks is then the last that repeats an earlier one."""
        try:
            self.tokens = self._encoded(self.text.value)
        except ValueError as problem:
            self._problem = problem  # `make` says it once; what was read before stays
        else:
            self._moving = True
            try:
                self.token.max = len(self.tokens) - 1
                self.token.value = self._asked()
            finally:
                self._moving = False
        self._show()

    def _grid(self, layers: int, width: int) -> tuple[widgets.GridBox, dict[AttentionHead, widgets.Button]]:
        """A button for every head: layers downwards, heads across."""
        buttons = {AttentionHead(i, j): widgets.Button(layout={"width": "auto", "margin": "1px"})
                   for i in range(layers) for j in range(width)}  # fmt: skip
        cells = [widgets.Label("")] + [widgets.Label(f"head {j}") for j in range(width)]
        for i in range(layers):
            cells += [widgets.Label(f"layer {i}"), *(buttons[AttentionHead(i, j)] for j in range(width))]
        columns = widgets.Layout(grid_template_columns=f"56px repeat({width}, 78px)", margin="2px 18px 2px 0")
        return _control(widgets.GridBox(cells, layout=columns), "mtp-grid"), buttons

    def _encoded(self, text: str) -> tuple[int, ...]:
        tokens, most = tuple(self.tokenizer.encode(text)), self.measured.model(0).cfg.max_seq_len
        if len(tokens) < 2:
            raise ValueError("Type a few words first: there must be at least two tokens.")
        if len(tokens) > most:
            raise ValueError(f"The text has {len(tokens)} tokens, the model takes {most}. Shorten it.")
        return tokens

    def _asked(self) -> int:
        """The last token that repeats an earlier one and is followed by another: there induction has work to do."""
        places = [t for t in range(1, len(self.tokens) - 1) if self.tokens[t] in self.tokens[:t]]
        return places[-1] if places else len(self.tokens) - 1

    def _step(self, slider: widgets.IntSlider, by: int) -> None:
        slider.value = max(slider.min, min(slider.max, slider.value + by))

    def _silenced(self, *_) -> None:
        if not self._moving:
            self.silence_heads(self.cut ^ {self.head})

    def _show(self, *_) -> None:
        """Draw, and bring the buttons up to it."""
        if self._moving:
            return
        self.update()
        with self._lock:
            scores = self.measured.score(self.which.value, self.at.value, self.cut)
        for head, button in self.buttons.items():
            score, silent, chosen = float(scores[head]), head in self.cut, head == self.head
            button.description = f"{'▸ ' * chosen}{f'{WRONG} ' * silent}{score:.2f}"
            button.tooltip = f"{head_word(head)}, {self.which.value} {score:.2f}" + ", silenced" * silent
            shade = min(_SHADES - 1, int(score * _SHADES))
            classes = ("mtp-head", f"mtp-shade{shade}", *["mtp-chosen"] * chosen, *["mtp-silent"] * silent)
            button._dom_classes = classes
        self._moving = True
        try:
            self.silence.value = self.head in self.cut
            self.silence.description = f"{WRONG} silence {head_word(self.head)}"
            self.all_speak.disabled = not self.cut
        finally:
            self._moving = False

    def make(self) -> HtmlFigure:
        if self._problem:
            problem, self._problem = self._problem, None
            raise problem
        at, t, found = self.at.value, self.token.value, self.measured
        patterns, choices, likely = found.text(at, self.cut, self.tokens)
        words = [self.tokenizer.token_text(token) for token in self.tokens]
        actual = words[t + 1] if t + 1 < len(words) else None
        guess = Guess(self.tokenizer.token_text(int(choices[t])), float(likely[t]), actual)
        every = found.over_training(self.which.value)
        others = [every[:, i, j] for i, j in np.ndindex(every.shape[1:]) if (i, j) != self.head]
        return one_head(
            patterns[self.head.layer][self.head.head].numpy(), words, t, self.head, guess, found.points, at,
            self._curves(self.which.value), others, self._ablation(at), self.against,
        )  # fmt: skip

    def _curves(self, *names: str) -> dict[str, list[float]]:
        """The accuracy and this head's scores over training, with all heads."""
        accuracy = [self.measured.accuracy(i) for i in range(len(self.measured.points))]
        own = {f"{head_word(self.head)} {name}": self.measured.over_training(name)[:, *self.head] for name in names}
        return {"accuracy": accuracy} | {name: values.tolist() for name, values in own.items()}

    def _ablation(self, at: int) -> Cut:
        """The accuracy at a checkpoint, and without the silenced heads; the control leaves out the best heads that look
        one token back, since induction needs them, if enough others are left."""
        found, intact = self.measured, self.measured.accuracy(at)
        if not self.cut:
            return Cut(intact)
        scores, count = found.score(BACK, at), len(self.cut)
        helpers = [h for h in attention_heads.induction_heads(scores, min(count, scores.numel())) if h not in self.cut]
        if scores.numel() - count - len(helpers) < count:
            helpers = []
        others: tuple[float, ...] = ()
        if scores.numel() - count >= count:
            sets = {frozenset(one) for one in other_heads(scores, [*self.cut, *helpers], count, self.draws)}
            others = tuple(found.accuracy(at, one) for one in sorted(sets, key=sorted))
        return Cut(intact, tuple(sorted(self.cut)), found.accuracy(at, self.cut), others, tuple(sorted(helpers)))

    def static(self) -> Figure:
        """The present state as a figure, without controls: this head and the one that looks one back most, on the text
        up to the token that looks, and the curves."""
        at, found, t = self.at.value, self.measured, self.token.value
        patterns = found.text(at, self.cut, self.tokens)[0]
        helper = attention_heads.induction_heads(found.score(BACK, len(found.points) - 1), 1)[0]
        end = max(t + 1, min(len(self.tokens), _PICTURED))
        piece = slice(max(0, end - _PICTURED), end)
        words = [visible(self.tokenizer.token_text(token)) for token in self.tokens[piece]]
        drawn, silent = {}, "".join(f", {head_word(head)} silenced" for head in sorted(self.cut))
        for layer, head in dict.fromkeys((helper, self.head)):
            weights = patterns[layer][head][piece, piece].numpy()
            # forming draws the pattern at the present point only
            drawn[f"layer {layer}, head {head}{silent}"] = np.broadcast_to(weights, (len(found.points), *weights.shape))
        curves = self._curves(PREFIX, *([BACK] if helper == self.head else []))
        if helper != self.head:
            curves[f"{head_word(helper)} {BACK}"] = found.over_training(BACK)[:, *helper].tolist()
        return forming(found.points, curves, drawn, words, at, self.against)

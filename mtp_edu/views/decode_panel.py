"""A panel to step through self-speculative decoding: the text is written once, and every step can be looked at."""

import ipywidgets as widgets

from mtp_edu.decode import DraftTree, generate
from mtp_edu.views.decode_steps import step_view
from mtp_edu.views.html import HtmlFigure
from mtp_edu.views.panels import Panel, _check_tokenizer, _control, _slider, _textarea
from mtp_edu.views.step_facts import PHASES, Odds, recording

_WAYS = {"greedy": None, "sampled, lossless": "lossless", "sampled, typical": "typical"}


class StepThrough(Panel):
    """Let a model continue a prompt by self-speculation, and step through what each forward did (step_view).

    tree: the tree of candidates to draft instead of a line; the number of heads is then the tree's. at: the step to
    begin with, from 1. way: "greedy", "sampled, lossless" or, without a tree, "sampled, typical"; seed: of the first
    draw. The learner moves by PHASES or by whole steps: with the buttons, the slider, the player, or the keyboard.
    The text is written anew by the button, for another prompt or draw, and for another number of heads or way.
    What is saved with a notebook is the whole step. Raises ValueError for a model that drafts nothing, heads that it
    does not have, another model's tokenizer and another way.
    """

    def __init__(
        self,
        model,
        tokenizer,
        prompt: str,
        max_new_tokens: int = 32,
        n_future: int | None = None,
        tree: DraftTree | None = None,
        at: int = 1,
        way: str = "greedy",
        temperature: float = 1.0,
        seed: int = 0,
    ) -> None:
        n, room = model.cfg.n_future, model.cfg.max_seq_len
        if n < 2:
            raise ValueError(f"n_future = {n}: the model drafts nothing; train one with n_future of at least 2")
        if n_future is not None and not 2 <= n_future <= n:
            raise ValueError(f"n_future={n_future}: the model drafts with 2 to {n} heads")
        _check_tokenizer(model, tokenizer)
        # Of a sampled tree a child is kept if it carries the token that was drawn: both rules would look the same.
        ways = [one for one in _WAYS if not (tree and one == "sampled, typical")]
        if way not in ways:
            raise ValueError(f"way={way!r} must be one of {ways}")
        self.model, self.tokenizer, self.tree, self.seed = model, tokenizer, tree, seed
        self.length = min(max_new_tokens, room // 2)
        self.generation, self.ids, self.odds = None, [], []
        self._moving = False
        self.prompt = _textarea("mtp-prompt", "prompt", prompt, rows=2)
        self.heads = _slider("mtp-slider-heads", "heads used", n_future or n, 2, n, live=False)
        self.way = _control(widgets.Dropdown(options=ways, value=way, layout={"width": "160px"}), "mtp-way")
        self.temperature = widgets.FloatSlider(
            value=temperature, min=0.1, max=2.0, step=0.1, description="temperature", continuous_update=False
        )
        self.temperature.style.description_width = "initial"
        self.heads.layout.width, self.temperature.layout.width = "220px", "240px"
        _control(self.temperature, "mtp-slider-temperature")
        self.button = _control(widgets.Button(description="Write", button_style="primary"), "mtp-run")
        self.button.layout.width = "84px"
        self.again = _control(widgets.Button(description="Draw again", layout={"width": "100px"}), "mtp-again")
        self.phase = _control(
            widgets.ToggleButtons(
                options=[(f"{i} {name}", i - 1) for i, name in enumerate(PHASES, 1)], style={"button_width": "92px"}
            ),
            "mtp-phase",
        )
        # The player's value is the panel's place, phase by phase; slider and phase buttons show it.
        self.player = _control(widgets.Play(value=0, min=0, max=3, interval=1200), "mtp-play")
        self.at = _slider("mtp-slider-step", "step", 1, 1, 1)
        moves = {"◀ step": -len(PHASES), "◀ phase": -1, "phase ▶": 1, "step ▶": len(PHASES)}
        names = ("mtp-back", "mtp-phase-back", "mtp-phase-forth", "mtp-forth")
        self.back, self.phase_back, self.phase_forth, self.forth = (
            _control(widgets.Button(description=text, layout={"width": "84px"}), name)
            for text, name in zip(moves, names)
        )
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        choice = [*([] if tree else [self.heads]), self.way, self.temperature, self.again, self.button]
        walk = [self.back, self.phase_back, self.phase_forth, self.forth]
        super().__init__(
            [
                self.prompt,
                widgets.HBox(choice, layout=wrap),
                widgets.HBox([self.player, *walk, self.at], layout=wrap),
                self.phase,
            ]
        )
        self.button.on_click(self.run)
        self.again.on_click(self.draw_again)
        for control in (self.heads, self.way, self.temperature):
            control.observe(self.run, names="value")
        for button, by in zip(walk, moves.values()):
            button.on_click(lambda _, by=by: self.move(by))
        self.player.observe(self._follow, names="value")
        for control in (self.at, self.phase):
            control.observe(self._lead, names="value")
        self.run(at=at)

    def move(self, by: int) -> None:
        """Go some phases on, or back: four are a step."""
        self.player.value = max(0, min(self.player.max, self.player.value + by))

    def run(self, *_, at: int = 1) -> None:
        """Write the text with the controls as they stand, and show a step, by default the first."""
        self.generation = None
        self.temperature.disabled = self.again.disabled = _WAYS[self.way.value] is None
        self.button.disabled = True
        try:
            self._go(0)  # writes it
            if self.generation is None:
                self._offer_steps(1)
            self._go((min(at, self.at.max) - 1) * len(PHASES))
        finally:
            self.button.disabled = False

    def _offer_steps(self, count: int) -> None:
        self.at.max, self.player.max = count, count * len(PHASES) - 1

    def draw_again(self, *_) -> None:
        """Sample another text from the same prompt."""
        self.seed += 1
        self.run()

    def _follow(self, *_) -> None:
        if not self._moving:
            self._go(self.player.value)

    def _lead(self, *_) -> None:
        if not self._moving:
            self._go((self.at.value - 1) * len(PHASES) + self.phase.value)

    def _go(self, place: int) -> None:
        """Put all three controls to a place, and draw once."""
        self._moving = True
        try:
            self.player.value = place
            self.at.value, self.phase.value = place // len(PHASES) + 1, place % len(PHASES)
        finally:
            self._moving = False
        self.update()

    def make(self) -> HtmlFigure:
        if self.generation is None:
            self._write()
        return self._view(PHASES[self.phase.value])

    def static(self) -> HtmlFigure:
        """The whole step that the panel stands at, without controls."""
        return self._view(None) if self.generation and self.generation.steps else self._figure

    def _view(self, phase: str | None) -> HtmlFigure:
        at = min(self.at.value, len(self.generation.steps)) - 1
        odds: Odds | None = self.odds[at] if self.odds else None
        return step_view(self.ids, self.generation, at, self.tokenizer.token_text, self.tree, phase=phase, odds=odds)

    def _write(self) -> None:
        self.ids = self.tokenizer.encode(self.prompt.value)
        room = self.model.cfg.max_seq_len - self.length
        if not self.ids:
            raise ValueError("The prompt is empty: type a few words to go on from.")
        if len(self.ids) > room:
            raise ValueError(f"The prompt has {len(self.ids)} tokens; the model has room for {room}. Shorten it.")
        how = {"method": "tree", "tree": self.tree} if self.tree else {"n_future": self.heads.value}
        self.odds, acceptance = [], _WAYS[self.way.value]
        if acceptance:
            how |= {"temperature": self.temperature.value, "seed": self.seed}
            if not self.tree:
                how["acceptance"] = recording(acceptance, self.odds)
        self.generation = generate(self.model, self.ids, self.length, stop_ids=self.tokenizer.eos_id, **how)
        self._offer_steps(max(1, len(self.generation.steps)))

    def __repr__(self) -> str:
        return self.static().text

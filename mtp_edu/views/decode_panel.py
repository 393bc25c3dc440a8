"""A panel to step through self-speculative decoding: the text is written once, and every step can be looked at."""

import ipywidgets as widgets

from mtp_edu.decode import DraftTree, generate
from mtp_edu.views.decode_steps import step_view
from mtp_edu.views.html import HtmlFigure
from mtp_edu.views.panels import Panel, _control, _slider, _textarea


class DecodingSteps(Panel):
    """Let a model continue a prompt by self-speculation, and step through what each forward did (step_view).

    tree: the tree of candidates to draft instead of a line; the number of heads is then the tree's. The buttons, the
    slider and the player move through the steps; the text is written anew only by the button and for another number of
    heads. Raises ValueError for a model that drafts nothing.
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
    ) -> None:
        n, room = model.cfg.n_future, model.cfg.max_seq_len
        if n < 2:
            raise ValueError(f"n_future = {n}: the model drafts nothing; train one with n_future of at least 2")
        self.model, self.tokenizer, self.tree = model, tokenizer, tree
        self.length = min(max_new_tokens, room // 2)
        self.generation, self.ids = None, []
        self.prompt = _textarea("mtp-prompt", prompt, rows=2)
        self.heads = _slider("mtp-slider-heads", "heads used", n_future or n, 2, n, live=False)
        self.button = _control(widgets.Button(description="Write", button_style="primary"), "mtp-run")
        self.back = _control(widgets.Button(description="◀ step"), "mtp-back")
        self.forth = _control(widgets.Button(description="step ▶"), "mtp-forth")
        for button in (self.back, self.forth):
            button.layout.width = "80px"
        self.at = _slider("mtp-slider-step", "step", 1, 1, 1)
        self.player = _control(widgets.Play(value=1, min=1, max=1, interval=1500), "mtp-play")
        self.link = widgets.jslink((self.player, "value"), (self.at, "value"))  # in the browser: it plays smoothly
        choice = [self.button] if tree else [self.heads, self.button]
        steps = widgets.HBox([self.player, self.back, self.at, self.forth])
        super().__init__([self.prompt, widgets.HBox(choice), steps])
        self.button.on_click(self.run)
        self.heads.observe(self.run, names="value")
        self.back.on_click(lambda _: self.move(-1))
        self.forth.on_click(lambda _: self.move(1))
        self.at.observe(self.update, names="value")
        self.run(at=at)

    def move(self, by: int) -> None:
        """Go some steps on, or back."""
        self.at.value = max(self.at.min, min(self.at.max, self.at.value + by))

    def run(self, *_, at: int = 1) -> None:
        """Write the text with the controls as they stand, and show a step, by default the first."""
        self.generation = None
        self.update()  # writes it
        count = max(1, len(self.generation.steps)) if self.generation else 1
        for control in (self.player, self.at):
            control.max = count
        self.at.value = self.player.value = min(at, count)

    def make(self) -> HtmlFigure:
        if self.generation is None:
            self.ids = self.tokenizer.encode(self.prompt.value)
            room = self.model.cfg.max_seq_len - self.length
            if not self.ids:
                raise ValueError("The prompt is empty: type a few words to go on from.")
            if len(self.ids) > room:
                raise ValueError(f"The prompt has {len(self.ids)} tokens; the model has room for {room}. Shorten it.")
            how = {"method": "tree", "tree": self.tree} if self.tree else {"n_future": self.heads.value}
            stop = self.tokenizer.eos_id
            self.generation = generate(self.model, self.ids, self.length, stop_ids=stop, **how)
        at = min(self.at.value, len(self.generation.steps)) - 1
        return step_view(self.ids, self.generation, at, self.tokenizer.token_text, self.tree)

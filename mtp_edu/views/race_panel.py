"""The decoding race: plain decoding against any way of speculation, each measured alone and replayed together."""

import ipywidgets as widgets

from mtp_edu.decode import generate
from mtp_edu.views.html import HtmlFigure, figure, note
from mtp_edu.views.panels import Panel, _check_tokenizer, _control, _slider, _textarea
from mtp_edu.views.race import race

GREEDY, SAMPLED, TYPICAL = "self-speculative", "self-speculative, sampled", "self-speculative, typical acceptance"
TREE, TREE_SAMPLED, TREE_TYPICAL = "tree", "tree, sampled", "tree, typical acceptance"
_HOW = {
    GREEDY: {"method": "self-speculative"},
    SAMPLED: {"method": "self-speculative", "acceptance": "lossless"},
    TYPICAL: {"method": "self-speculative", "acceptance": "typical"},
    TREE: {"method": "tree"},
    TREE_SAMPLED: {"method": "tree", "acceptance": "lossless"},
    TREE_TYPICAL: {"method": "tree", "acceptance": "typical"},
}


class DecodingRace(Panel):
    """Let plain decoding and a rival continue a prompt, each alone and best of three, and replay both.

    The rival is one of decode's methods: self-speculation or a tree of drafts, greedy, or sampled at a temperature
    with the lossless or the typical rule; a sampled rival runs against plain sampling at the same temperature, both
    from the same seed. speed: of the replay, 0.1 is ten times slower than it ran; None chooses. Raises ValueError for a
    model that drafts nothing, another model's tokenizer, fewer than two tokens and a rival that is not on the list.
    """

    def __init__(
        self,
        model,
        tokenizer,
        prompt: str,
        max_new_tokens: int = 64,
        speed: float | None = None,
        rival: str = GREEDY,
        temperature: float = 0.8,
    ):
        self.model, self.tokenizer, self.speed = model, tokenizer, speed
        n, room = model.cfg.n_future, model.cfg.max_seq_len
        if n < 2:
            raise ValueError(f"n_future = {n}: the model drafts nothing; train one with n_future of at least 2")
        if rival not in _HOW:
            raise ValueError(f"rival = {rival!r} must be one of {tuple(_HOW)}")
        if max_new_tokens < 2:
            raise ValueError(f"max_new_tokens={max_new_tokens}: a race needs at least 2")
        _check_tokenizer(model, tokenizer)
        most = room // 2
        self.prompt = _textarea("mtp-prompt", "prompt", prompt)
        self.rival = _control(widgets.Dropdown(options=list(_HOW), value=rival, description="rival"), "mtp-rival")
        self.rival.layout.width = "auto"
        self.heads = _slider("mtp-slider-heads", "heads used", n, 2, n)
        self.length = _slider("mtp-slider-tokens", "new tokens", min(max_new_tokens, most), 2, most, live=False)
        self.temperature = _control(
            widgets.FloatSlider(
                value=temperature,
                min=0.1,
                max=2.0,
                step=0.1,
                description="temperature",
                style={"description_width": "initial"},
            ),
            "mtp-slider-temperature",
        )
        self.button = _control(widgets.Button(description="Run the race", button_style="primary"), "mtp-run")
        rows = [[self.rival, self.temperature], [self.length, self.heads, self.button]]
        rows = [widgets.HBox(row, layout=widgets.Layout(flex_flow="row wrap")) for row in rows]
        super().__init__([self.prompt, *rows])
        self.rival.observe(self._show_what_counts, names="value")
        self.button.on_click(self.run)
        self._show_what_counts()
        self.update()

    def _show_what_counts(self, *_) -> None:
        """A temperature is asked for only where something is drawn."""
        self.temperature.layout.display = "" if "acceptance" in _HOW[self.rival.value] else "none"

    def run(self, *_) -> None:
        """Measure and replay with the controls as they stand."""
        self.button.disabled = True
        self._put(figure(note("measuring both decoders …"), "measuring"))
        try:
            self.update()
        finally:
            self.button.disabled = False

    def make(self) -> HtmlFigure:
        prompt, tok = self.prompt.value, self.tokenizer
        ids, room = tok.encode(prompt), self.model.cfg.max_seq_len - self.length.value
        if not ids:
            raise ValueError("The prompt is empty: type a few words to go on from.")
        if len(ids) > room:
            raise ValueError(
                f"The prompt has {len(ids)} tokens; with {self.length.value} new ones the model has room "
                f"for {room}. Shorten it or ask for fewer tokens."
            )
        how, drawn = _HOW[self.rival.value], {}
        if "acceptance" in how:
            drawn = {"temperature": round(self.temperature.value, 2), "seed": 0}

        def fastest(**method):
            """The best of three, since the first pays for caches and any may be disturbed by other programs; and by
            how much the next one was slower."""
            runs = [
                generate(self.model, ids, self.length.value, stop_ids=tok.eos_id, **drawn, **method) for _ in range(3)
            ]
            best, second, _ = sorted(runs, key=lambda run: run.seconds)
            return best, second.seconds / best.seconds - 1 if best.seconds else 0.0

        plain, noise = fastest(method="autoregressive")
        speculative, more_noise = fastest(n_future=self.heads.value, **how)
        name = f"{self.rival.value}, {self.heads.value} heads"
        if drawn:
            name += f", temperature {drawn['temperature']:g}"
        return race(
            plain,
            speculative,
            tok.token_text,
            self.speed,
            prompt,
            name=name,
            noise=max(noise, more_noise),
            same=("text" if not drawn else "distribution" if how["acceptance"] == "lossless" else "nothing"),
        )

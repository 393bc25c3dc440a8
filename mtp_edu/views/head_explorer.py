"""The head explorer: type or paste a text and see what every head of one model, or of two, made of each token."""

import math

import ipywidgets as widgets

from mtp_edu.probe import head_predictions, unfamiliar
from mtp_edu.views.head_view import VIEWS, head_view, pages
from mtp_edu.views.html import HtmlFigure, escape, tag, visible
from mtp_edu.views.panels import Panel, _check_tokenizer, _control, _slider, _textarea

_NOTICES = {
    "script": "<b>This script is new to {who}.</b> Most tokens here are single bytes, for want of larger pieces, and "
    "head 1 is surprised by {bits:.1f} bits a token, where an even guess among all {vocab:,} tokens is {even:.1f}. "
    "Read what the heads say as noise.",
    "language": "<b>This is far from what {who} has learnt</b>, perhaps another language: head 1 is surprised by "
    "{bits:.1f} bits a token, and an even guess among all {vocab:,} tokens is {even:.1f}.",
}


class HeadExplorer(Panel):
    """Type a text; see under each token what every head predicted for it, or how surprised or uncertain it was.

    top_k: predictions that count as near. compare: another model, `(name, model, tokenizer)`, shown below the first on
    the same tokens; `name` is the first one's. A text longer than the window is cut, and the panel says where; long
    texts have pages. It also says when a text is of a kind that the model has never learned (probe.unfamiliar). The
    models run once for each text; switching views or pages does not run them again. Raises ValueError if the two
    tokenizers differ, or one has more pieces than its model.
    """

    def __init__(self, model, tokenizer, text: str, top_k: int = 5, compare: tuple | None = None, name: str = "first"):
        self.models, self.tokenizer, self.top_k = {name: model}, tokenizer, top_k
        if compare is not None:
            other, another, its_tokenizer = compare
            if its_tokenizer.fingerprint() != tokenizer.fingerprint():
                raise ValueError(
                    f"{name} and {other} have different tokenizers ({tokenizer!r}, {its_tokenizer!r}): "
                    "their tokens cannot stand side by side; compare models trained with the same one"
                )
            if other == name:
                raise ValueError(f"both models are called {name!r}: give the first another name=")
            self.models[other] = another
        for own in self.models.values():
            _check_tokenizer(own, tokenizer)
        self.window = min(own.cfg.max_seq_len for own in self.models.values())
        self.text = _textarea("mtp-text", "text", text)
        self.button = _control(widgets.Button(description="Show predictions", button_style="primary"), "mtp-show")
        self.view = _control(widgets.ToggleButtons(options=VIEWS, style={"button_width": "8em"}), "mtp-view")
        self.page = _slider("mtp-slider-page", "page", 1, 1, 1)
        row = widgets.HBox([self.button, self.view, self.page])
        row.layout.flex_flow = "row wrap"
        super().__init__([self.text, row])
        self.button.on_click(self.run)
        for control in (self.view, self.page):
            control.observe(self.update, names="value")
        self.run()

    def run(self, *_) -> None:
        """Show the first page of the text as it stands."""
        self._stale = True
        self.page.value = 1
        self.update()
        if self._stale:  # an error: there is nothing to turn over
            self._offer_pages(1)

    def _offer_pages(self, count: int) -> None:
        self.page.max = count
        self.page.layout.display = "" if count > 1 else "none"

    def make(self) -> HtmlFigure:
        if self._stale:
            self._predict()
        found = self._found if len(self._found) > 1 else next(iter(self._found.values()))
        return head_view(
            found,
            self.tokenizer.token_text,
            self.view.value,
            self.page.value,
            vocab_size=self.tokenizer.vocab_size,
            notes=self._notes,
        )

    def _predict(self) -> None:
        """Run the models on the text, and note what the learner should know about it."""
        every, show = self.tokenizer.encode(self.text.value), self.tokenizer.token_text
        if len(every) < 2:
            raise ValueError("Type a few words first: there must be at least two tokens.")
        tokens, notes = every[: self.window], []
        if len(tokens) < len(every):
            last = tag("code", escape(visible("".join(map(show, tokens[-6:])))))
            notes.append(
                f"<b>The text was cut</b> behind …{last}: the model's window holds {self.window:,} of its "
                f"{len(every):,} tokens."
            )
        found = {name: head_predictions(model, tokens, self.top_k) for name, model in self.models.items()}
        for name, own in found.items():
            if kind := unfamiliar(self.tokenizer, own):
                bits = float(own.surprise[:-1, 0].mean()) / math.log(2)
                vocab, who = self.tokenizer.vocab_size, escape(name) if len(found) > 1 else "the model"
                notes.append(_NOTICES[kind].format(who=who, bits=bits, vocab=vocab, even=math.log2(vocab)))
        self._found, self._notes = found, [tag("div", own, class_="mtp-notice") for own in notes]
        self._stale = False
        self._offer_pages(len(pages(list(map(show, tokens)), sum(own.n_future for own in found.values()))))

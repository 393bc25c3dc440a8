"""TrainingMonitor: watches a training run from inside a for loop, live in a notebook and as lines elsewhere."""

import base64
import math
import time
from collections.abc import Iterable, Iterator

from matplotlib.figure import Figure

from mtp_edu.views.html import figure
from mtp_edu.views.losses import loss_curves, loss_sentence, loss_svg
from mtp_edu.views.show import in_notebook, png, png_size


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class TrainingMonitor:
    """Wraps an iterable of train.TrainEvent and passes every event on.

        for event in mtp.views.TrainingMonitor(mtp.train(model, dataset, config)):
            ...

    In a notebook it keeps one output up to date, at most `rate` times a second, and leaves a PNG and a sentence behind;
    elsewhere it prints a line every few seconds. Interrupting is safe: `history` keeps the events so far, `model` keeps
    its weights, and the last picture is drawn.
    """

    def __init__(self, events: Iterable = (), title: str | None = None, rate: float = 5.0, quiet_seconds: float = 5.0):
        self.events, self.title = events, title
        self.history: list = []
        self.interrupted = False
        self._pause = 1 / rate if in_notebook() else quiet_seconds
        self._live, self._handle, self._next = in_notebook(), None, 0.0

    def __iter__(self) -> Iterator:
        try:
            for event in self.events:
                self.history.append(event)
                self.interrupted |= event.interrupted
                if time.monotonic() >= self._next:
                    self._show(self._frame())
                    self._next = time.monotonic() + self._pause
                yield event
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self.close()

    def run(self, events: Iterable | None = None) -> list:
        """Consume all events (those given here, else those given before) and return the history."""
        if events is not None:
            self.events = events
        for _ in self:
            pass
        return self.history

    def close(self) -> None:
        """Put the lasting picture in place of the live one."""
        if not self.history:
            return
        if self._live:
            picture = self.static()
            data = base64.b64encode(png(picture)).decode("ascii")
            self._show({"image/png": data, "text/plain": self.sentence()}, {"image/png": png_size(picture)})
        else:
            print(self.sentence())
        self._next = float("inf")

    def sentence(self) -> str:
        """What happened so far, in words."""
        if not self.history:
            return "no training step yet"
        text = loss_sentence(self.history)
        return text + "; interrupted" if self.interrupted and "interrupted" not in text else text

    def static(self) -> Figure:
        """The loss curves so far as a figure. Raises ValueError before the first step."""
        return loss_curves(self.history, self.title)

    def _frame(self) -> dict[str, str]:
        event = self.history[-1]
        share = event.step / event.steps
        words = (f"step {event.step} of {event.steps}, {event.tokens_per_second:,.0f} tokens per second, "
                 f"{_clock(event.seconds_left)} left")
        if not self._live:
            shown = ("off" if math.isnan(loss) else f"{loss:.3f}" for loss in event.losses)
            losses = ", ".join(f"head {k} {loss}" for k, loss in enumerate(shown, start=1))
            return {"text/plain": f"{words}: {losses}"}
        bar = (f'<div style="height:8px;border-radius:4px;background:rgba(128,128,128,.25)" role="progressbar" '
               f'aria-valuenow="{100 * share:.0f}"><div style="height:8px;border-radius:4px;'
               f'width:{100 * share:.1f}%;background:currentColor;opacity:.6"></div></div>')
        drawn = figure(f'<div class="mtp-note">{words}</div>{bar}{loss_svg(self.history)}', words, "mtp-monitor")
        return {"text/html": drawn.html, "text/plain": drawn.text}

    def _show(self, bundle: dict, metadata: dict | None = None) -> None:
        if not self._live:
            print(bundle["text/plain"], flush=True)
        elif self._handle is None:
            from IPython.display import display

            self._handle = display(bundle, raw=True, metadata=metadata or {}, display_id=True)
        else:
            self._handle.update(bundle, raw=True, metadata=metadata or {})

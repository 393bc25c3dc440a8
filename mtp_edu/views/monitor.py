"""TrainingMonitor: watches a training run from inside a for loop, live in a notebook and as lines elsewhere."""

import base64
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from mtp_edu.views.html import escape, figure, note, tag
from mtp_edu.views.losses import loss_curves, loss_sentence, loss_svg
from mtp_edu.views.panels import _style_sheet
from mtp_edu.views.show import clicks_while_busy, in_notebook, png, png_size


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _per_head(losses: Sequence[float]) -> str:
    shown = ("off" if math.isnan(loss) else f"{loss:.3f}" for loss in losses)
    return ", ".join(f"head {k} {loss}" for k, loss in enumerate(shown, start=1))


class TrainingMonitor:
    """Wraps an iterable of train.TrainEvent and passes every event on.

        for event in mtp.views.TrainingMonitor(mtp.train(model, dataset, config)):
            ...

    In a notebook it keeps one output up to date, at most `rate` times a second, and leaves a PNG and a sentence behind;
    elsewhere it prints a line every `quiet_seconds`. Its Stop button does what Interrupt does: the step in progress is
    finished, `history` keeps the events so far, `model` keeps its weights, and the last picture is drawn. The button is
    there only where the kernel can hear it while a cell runs (ipykernel 7); elsewhere Interrupt is the way. Leaving the
    loop, by `break` or by an error, ends the run.

    sample: called without arguments after the first step, after every `sample_every` steps (None: a fifth of the run)
    and after the last; its text is shown live, printed in the end, and kept in `samples` as (step, text).
    Raises ValueError for sample_every < 1.
    """

    def __init__(
        self,
        events: Iterable = (),
        title: str | None = None,
        rate: float = 5.0,
        quiet_seconds: float = 5.0,
        sample: Callable[[], str] | None = None,
        sample_every: int | None = None,
    ):
        if sample_every is not None and sample_every < 1:
            raise ValueError(f"sample_every={sample_every}: take a sample every 1 or more steps")
        self.title = title
        self._sample, self._sample_every = sample, sample_every
        self._live = in_notebook()
        self._pause = 1 / rate if self._live else quiet_seconds
        self._stop = threading.Event()
        self._watch(events)

    def _watch(self, events: Iterable) -> None:
        """Begin anew: nothing of an earlier run is kept."""
        self.events = events
        self.history: list = []
        self.samples: list[tuple[int, str]] = []
        self.interrupted = False
        self._handle, self._next = None, 0.0
        self._picture: widgets.HTML | None = None
        self._stop.clear()

    def __iter__(self) -> Iterator:
        try:
            for event in self.events:
                self.history.append(event)
                self.interrupted |= event.interrupted
                sampled = not event.interrupted and self._take_sample(event)
                if sampled or time.monotonic() >= self._next:
                    self._show_frame(sampled)
                    self._next = time.monotonic() + self._pause
                yield event
                if self._stop.is_set():
                    self._stop.clear()
                    self._interrupt()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            if isinstance(self.events, Generator):
                self.events.close()  # or train() would go on holding Ctrl-C where the loop was left early
            self.close()

    def run(self, events: Iterable | None = None) -> list:
        """Consume all events (those given here, as a run of their own, else those given before); the history."""
        if events is not None:
            self._watch(events)
        for _ in self:
            pass
        return self.history

    def stop(self, *_) -> None:
        """End the run after the step in progress, as Interrupt does; from a callback or another thread."""
        self._stop.set()

    def close(self) -> None:
        """Put the lasting picture in place of the live one."""
        if not self.history:
            return
        if self._live:
            drawn = self.static()
            data = base64.b64encode(png(drawn)).decode("ascii")
            self._display({"image/png": data, "text/plain": self.sentence()}, {"image/png": png_size(drawn)})
            for step, text in self.samples:
                print(f"--- after {step} step{'s' * (step > 1)}:\n{text}\n")
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

    def _interrupt(self) -> None:
        """What Ctrl-C does: train() then ends after writing its checkpoint; anything else stops here."""
        heard = signal.getsignal(signal.SIGINT) != signal.SIG_IGN  # as it is in a shell's background jobs
        if heard and threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        else:  # where no signal arrives
            raise KeyboardInterrupt

    def _take_sample(self, event) -> bool:
        if self._sample is None:
            return False
        every = self._sample_every or max(1, event.steps // 5)
        if len(self.history) > 1 and event.step % every and event.step != event.steps:
            return False
        self.samples.append((event.step, self._sample()))
        return True

    def _words(self) -> str:
        event = self.history[-1]
        return (
            f"step {event.step} of {event.steps}, {event.tokens_per_second:,.0f} tokens per second, "
            f"{_clock(event.seconds_left)} left"
        )

    def _held_out(self) -> str:
        checks = [event for event in self.history if event.validation is not None]
        return f"held-out text: {_per_head(checks[-1].validation)}" if checks else ""

    def _show_frame(self, sampled: bool) -> None:
        words, held_out = self._words(), self._held_out()
        if not self._live:
            line = f"{words}: {_per_head(self.history[-1].losses)}"
            print(f"{line}; {held_out}" if self.history[-1].validation else line, flush=True)
            if sampled:
                print(f"--- it writes:\n{self.samples[-1][1]}", flush=True)
            return
        event = self.history[-1]
        share = f"{100 * event.step / event.steps:.1f}"
        bar = tag(
            "div",
            tag("div", style=f"width:{share}%", class_="mtp-done"),
            class_="mtp-progress",
            role="progressbar",
            aria_valuenow=share,
            aria_label="training",
        )
        parts = [note(words), bar, loss_svg(self.history)]
        if held_out:
            parts.append(note(f"○ {held_out}"))
        if self.samples:
            step, text = self.samples[-1]
            parts.append(note(f"after {step} step{'s' * (step > 1)} it writes:"))
            parts.append(tag("div", escape(text), class_="mtp-code mtp-writes"))
        drawn = figure("".join(parts), words, "mtp-monitor")
        if self._picture is not None:
            self._picture.value = drawn.bare
            return
        bundle = {"text/html": drawn.html, "text/plain": drawn.text}
        if self._handle is None and clicks_while_busy():
            bundle |= self._with_button(drawn.bare)
        self._display(bundle)

    def _with_button(self, html: str) -> dict:
        """The live picture below a Stop button, as a widget."""
        button = widgets.Button(description="Stop", icon="stop", tooltip="end after this step and keep what was learnt")
        button.add_class("mtp-stop")
        button.on_click(self.stop)
        # ipykernel 7.4 hands a click to the shell that last spoke through the widget. That is the busy one, which made
        # it just now; without this note the click goes where the browser sends it, to the subshell.
        vars(button.comm).pop("_reply_subshell_id", None)
        self._picture = widgets.HTML(html)
        self._picture.add_class("mtp-output")
        box = widgets.VBox([_style_sheet(), button, self._picture])
        box.add_class("mtp-panel")
        view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view}

    def _display(self, bundle: dict, metadata: dict | None = None) -> None:
        if self._handle is None:
            from IPython.display import display

            self._handle = display(bundle, raw=True, metadata=metadata or {}, display_id=True)
        else:
            self._handle.update(bundle, raw=True, metadata=metadata or {})

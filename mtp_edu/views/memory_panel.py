"""A panel to step through recorded memory: the cursor moves, event by event or phase by phase."""

from collections.abc import Mapping

import ipywidgets as widgets

from mtp_edu import meter
from mtp_edu.views.html import HtmlFigure
from mtp_edu.views.memory import _at, _bars, _phases, _twins
from mtp_edu.views.panels import Panel, _control, _slider


class MemoryTimeline(Panel):
    """Recorded runs side by side on one scale of bytes, such as naive and memory-efficient, to be stepped through.

    timelines: name -> meter.MemoryTimeline, the recording that this panel shows. The slider moves the cursor of the run
    that is chosen, event by event; the buttons go to the fullest moment of the phase before or after; the player goes
    from bar to bar. Raises ValueError without timelines.
    """

    def __init__(self, timelines: Mapping[str, meter.MemoryTimeline]) -> None:
        if not timelines:
            raise ValueError("there is no timeline to step through: pass {name: meter.memory(...)}")
        self.timelines = dict(timelines)
        self.bars = {name: _bars(timeline) for name, timeline in self.timelines.items()}
        self.events = {name: timeline.peak_event for name, timeline in self.timelines.items()}
        self._moving = False
        names = list(self.timelines)
        self.which = _control(widgets.ToggleButtons(options=names, value=names[-1]), "mtp-which")
        self.event = _slider("mtp-slider-event", "event", 1, 1, 1)
        self.event.layout.width = "380px"
        self.player = _control(widgets.Play(value=0, min=0, max=0, interval=400), "mtp-play")
        self.back = _control(widgets.Button(description="◀ phase"), "mtp-back")
        self.forth = _control(widgets.Button(description="phase ▶"), "mtp-forth")
        self.peak = _control(widgets.Button(description="▼ peak"), "mtp-peak")
        for button in (self.back, self.forth, self.peak):
            button.layout.width = "84px"
        walk = [self.player, self.back, self.forth, self.peak, self.event]
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        which = widgets.HBox([widgets.Label("the cursor of"), self.which], layout=wrap)
        super().__init__([which, widgets.HBox(walk, layout=wrap)])
        self.back.on_click(lambda _: self.jump(-1))
        self.forth.on_click(lambda _: self.jump(1))
        self.peak.on_click(lambda _: self._go(self.timelines[self.which.value].peak_event))
        self.which.observe(self.choose, names="value")
        self.event.observe(self._slid, names="value")
        self.player.observe(self._played, names="value")
        self.choose()

    def choose(self, *_) -> None:
        """Give the controls to the run that is chosen, where that run's cursor was left."""
        name = self.which.value
        self._moving = True
        try:
            self.event.max, self.player.max = len(self.timelines[name].seconds), len(self.bars[name]) - 1
        finally:
            self._moving = False
        self._go(self.events[name])

    def jump(self, step: int) -> None:
        """Go to the fullest moment of the next phase, or of the one before."""
        groups, event = _phases(self.bars[self.which.value]), self.events[self.which.value]
        at = next(i for i, group in enumerate(groups) if event < group[-1].end)
        group = groups[max(0, min(len(groups) - 1, at + step))]
        self._go(max(group, key=lambda bar: bar.bytes).fullest)

    def _slid(self, *_) -> None:
        if not self._moving:
            self._go(self.event.value - 1)

    def _played(self, *_) -> None:
        if not self._moving:
            self._go(self.bars[self.which.value][self.player.value].fullest)

    def _go(self, event: int) -> None:
        """Put the chosen run's cursor, the slider and the player to an event, and draw once."""
        name, self._moving = self.which.value, True
        try:
            self.events[name] = event
            self.event.value, self.player.value = event + 1, _at(self.bars[name], event)
        finally:
            self._moving = False
        self.update()

    def make(self) -> HtmlFigure:
        return _twins(self.timelines, self.bars, self.events, chosen=self.which.value, stops=False)

    def static(self) -> HtmlFigure:
        """The figure as it stands, without controls: there the keyboard stops at every bar."""
        return _twins(self.timelines, self.bars, self.events)

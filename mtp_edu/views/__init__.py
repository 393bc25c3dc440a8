"""Figures and panels: what training, decoding and the probes yield, shown. The core never imports this package."""

from mtp_edu.views import arithmetic, induction
from mtp_edu.views.acceptance import acceptance_chart, forward_bars
from mtp_edu.views.architecture import ArchitecturePanel, architecture, head_kinds_chart, head_trees, parameter_bars
from mtp_edu.views.attention import attention_picture, head_scores
from mtp_edu.views.decode_panel import StepThrough
from mtp_edu.views.decode_steps import step_view
from mtp_edu.views.figures import step_table, target_table
from mtp_edu.views.head_explorer import HeadExplorer
from mtp_edu.views.head_view import head_view
from mtp_edu.views.html import HtmlFigure
from mtp_edu.views.induction_explorer import Alphabet, InductionExplorer
from mtp_edu.views.losses import loss_curves, loss_sentence, loss_svg
from mtp_edu.views.memory import memory_timeline
from mtp_edu.views.memory_panel import MemoryTimeline
from mtp_edu.views.memory_use import LogitsCalculator, memory_bars, method_bars
from mtp_edu.views.monitor import TrainingMonitor
from mtp_edu.views.panels import Panel, TargetsPanel
from mtp_edu.views.race import race, race_curves
from mtp_edu.views.race_panel import DecodingRace
from mtp_edu.views.show import teach_notebook
from mtp_edu.views.two_seeds import TwoSeedsPanel, conclusions, drawn_pair

__all__ = ["DecodingRace", "HeadExplorer", "HtmlFigure", "Panel", "TargetsPanel", "TrainingMonitor", "head_view",
           "loss_curves", "loss_sentence", "loss_svg", "race", "race_curves", "step_table", "target_table"]

__all__ += ["ArchitecturePanel", "architecture", "head_kinds_chart", "head_trees", "parameter_bars"]

__all__ += ["LogitsCalculator", "MemoryTimeline", "memory_bars", "memory_timeline", "method_bars"]

__all__ += ["StepThrough", "acceptance_chart", "forward_bars", "step_view"]

__all__ += ["TwoSeedsPanel", "arithmetic", "conclusions", "drawn_pair", "induction"]

__all__ += ["Alphabet", "InductionExplorer", "attention_picture", "head_scores"]

teach_notebook()

"""Pictures of a byte model's surprise hold the numbers that they were given."""

import pytest

from mtp_edu.views import style
from mtp_edu.views.byte_surprise import surprise_bars, surprise_by_place


def test_surprise_bars_tell_first_bytes_from_the_others():
    text, bits = "if é:\n".encode(), [5.0, 1.0, 3.0, 4.0, 2.0, 0.5, 0.25]
    figure = surprise_bars(text, bits, starts=[0, 2, 3])
    (axes,) = figure.axes
    dark, light = axes.containers
    assert [bar.get_height() for bar in dark] == [5.0, 3.0, 4.0]
    assert [bar.get_height() for bar in light] == [1.0, 2.0, 0.5, 0.25]
    assert dark[0].get_facecolor() != light[0].get_facecolor() and light[0].get_hatch()  # never by colour alone
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["i", "f", "␣", "c3", "a9", ":", "↵"]
    assert figure.get_label() == "7 bytes: 4.00 bits at the first byte of a piece, 0.94 inside"


@pytest.mark.parametrize(("text", "bits"), [(b"", []), (b"abc", [1.0, 2.0])])
def test_a_number_is_needed_for_each_byte(text, bits):
    with pytest.raises(ValueError, match="one for each byte"):
        surprise_bars(text, bits, [0])


def test_curves_have_their_heads_look():
    figure = surprise_by_place({1: [4.0, 1.0], 8: [5.0, 5.0, 4.5]})
    (axes,) = figure.axes
    for line, head, bits in zip(axes.lines, (1, 8), ([4.0, 1.0], [5.0, 5.0, 4.5])):
        assert list(line.get_ydata()) == bits and list(line.get_xdata()) == list(range(1, len(bits) + 1))
        assert line.get_color() == style.colour(head) and line.get_marker() == style.HEAD_MARKERS[head - 1]
    with pytest.raises(ValueError, match="nothing to draw"):
        surprise_by_place({})

"""Drawings on their way into the page."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from moonloop.report.canvas import Canvas, draw
from moonloop.report.vector import embed
from unit.report.pages import Page

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


def test_nothing_that_acts_gets_through() -> None:
    """Scripts, handlers, styles, images, foreign content and outside links are left out."""
    given_svg = _SVG.format(
        "<script>x</script><style>*{}</style><image href='http://a/b'/><foreignObject><p/></foreignObject>"
        "<path onclick='x' d='M0 0' style='fill:red;background:url(http://a)' fill='url(http://b)'/>"
        "<a xlink:href='javascript:x'><text>t</text></a><use xlink:href='http://c#d'/>"
    )
    assert embed(given_svg, "p") == (
        '<svg focusable="false" aria-hidden="true"><path d="M0 0" style="fill:red" />'
        '<a tabindex="-1"><text>t</text></a><use /></svg>'
    )


def test_ids_are_the_drawing_s_own() -> None:
    """Two drawings in one page do not take each other's marks and clips; links to the page stay."""
    drawing = _SVG.format(
        '<defs><clipPath id="c"/><path id="m"/></defs><g clip-path="url(#c)"><use xlink:href="#m"/></g>'
        '<a xlink:href="#mea_1"><text>1</text></a>'
    )
    assert embed(drawing, "one", {"mea_1": "run 1"}).split("focusable")[1] == (
        '="false" aria-hidden="true"><defs><clipPath id="one-c" /><path id="one-m" /></defs>'
        '<g clip-path="url(#one-c)"><use href="#one-m" /></g>'
        '<a href="#mea_1" tabindex="-1"><title>run 1</title><text>1</text></a></svg>'
    )


@settings(max_examples=25)
@example("$\\frac{")
@example("$x^2$ <b> ]]>")
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_axis_name_can_be_drawn(name: str) -> None:
    """Formulas, markup, other scripts and control characters in a name are only text."""

    def paint(canvas: Canvas) -> None:
        canvas.points([(1.0, 2.0, "mea_1")], "o", "run")
        canvas.finish(name, "y")

    svg = draw("f", paint, size=(2, 1.5))
    assert {tag for tag, _ in Page(svg).tags} <= {
        "svg", "g", "defs", "path", "clippath", "rect", "text", "use", "a",
    }  # fmt: skip

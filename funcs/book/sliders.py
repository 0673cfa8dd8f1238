"""Figures with sliders."""

import html
import inspect
import traceback
from collections.abc import Callable

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure


def explore(draw: Callable[..., Figure], **controls: tuple[float, ...]) -> None:
    """Show `draw(name=value, …)` and one slider per keyword, which draws it again.

    An error of `draw` after a slider has moved is shown where the figure was. Let `draw` take nothing from the notebook
    that a later cell changes: it runs with what is there when the slider moves.

    Args:
        draw: returns a figure for one value of each control.
        controls: (lowest, highest) for a whole number, (lowest, highest, step) for a fraction. A slider starts at the
            default of that argument of `draw`, or at its lowest value.
    """
    sliders = {}
    for name, limits in controls.items():
        default = inspect.signature(draw).parameters[name].default
        slider = widgets.IntSlider if len(limits) == 2 else widgets.FloatSlider
        options = dict(zip(("min", "max", "step"), limits, strict=False))
        start = limits[0] if default is inspect.Parameter.empty else default
        sliders[name] = slider(start, **options, description=name)

    def figure() -> Figure:
        fig = draw(**{name: slider.value for name, slider in sliders.items()})
        plt.close(fig)
        return fig

    for name, slider in sliders.items():
        # Where the slider cannot be shown, as in a notebook that has not been run, this line stands in its place.
        text = f"[run this cell for a slider: {name} from {slider.min:g} to {slider.max:g}]"
        display({**slider._repr_mimebundle_(), "text/plain": text}, raw=True)
    handle = display(figure(), display_id=True)

    def redraw(_: object) -> None:
        try:
            handle.update(figure())
        except Exception as error:  # the kernel would write it to its log, where nobody looks
            *_, line = traceback.extract_tb(error.__traceback__)
            text = f"{draw.__name__} stopped with {type(error).__name__}: {error} (line {line.lineno} of {line.name})"
            handle.update({"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}, raw=True)

    for slider in sliders.values():
        slider.observe(redraw, names="value")

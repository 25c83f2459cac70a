"""Drawing: a diagram to a scene of wires, marks and labels, then to a file."""

from __future__ import annotations

from ncd.interpret.draw.equation import Equation, equation
from ncd.interpret.draw.layout.blocks import scene_of
from ncd.interpret.draw.picture import FORMATS, draw, html, svg, text

__all__ = ["FORMATS", "Equation", "draw", "equation", "html", "scene_of", "svg", "text"]

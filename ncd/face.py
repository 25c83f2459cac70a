"""The methods of a diagram and of a cost that live above them: each imports what it needs when called.

Core syntax cannot import interpretations, and JAX and SymPy load only when asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ncd.construct import combinators  # noqa: F401  (attaches block, repeat, lift, rename, bind, on)
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.interpret.cost.cost import Cost
from ncd.interpret.interpretation import Interpretation

if TYPE_CHECKING:
    from ncd.analysis.training import Training
    from ncd.plan.machine.roofline import Roofline


@public
def to_jax(diagram: Diagram, interpretation: Interpretation | None = None, **sizes: int):
    """The diagram as a JAX function, see :func:`ncd.interpret.jax.compile_diagram`."""
    from ncd.interpret.jax import JAX, compile_diagram
    return compile_diagram(diagram, interpretation or JAX, **sizes)


@public
def init(diagram: Diagram, key: Any = 0, **sizes):
    """Initial parameters as a pytree by place, see :func:`ncd.interpret.jax.init`."""
    from ncd.interpret.jax import init
    return init(diagram, key, **sizes)


@public
def to_numpy(diagram: Diagram, **sizes: int):
    """The diagram as a NumPy function in float64, called as its JAX function is.

    >>> import ncd
    >>> float(ncd.reduce("sum", "x").to_numpy()([1.0, 2.0]))
    3.0
    """
    from ncd.interpret.reference import run
    from ncd.traverse.places import places
    learned = bool(places(diagram)[0])

    def program(*arguments, key=None):
        params, inputs = (arguments[0], arguments[1:]) if learned and arguments else (None, arguments)
        return run(diagram, *inputs, params=params, key=key, **sizes)
    return program


@public
def cost(diagram: Diagram, convention: Any = None, interpretation: Interpretation | None = None,
         partial: bool = False, taps: str = "dense", masks: str | Mapping = "dense"):
    """The cost as formulas in the axis sizes, see :func:`ncd.interpret.cost.measure`."""
    from ncd.interpret.cost import COST, measure
    return measure(diagram, convention, interpretation or COST, partial, taps, masks)


@public
def draw(diagram: Diagram, path: str | os.PathLike | None = None, depth: int = 0,
         theme: str = "light", **options):
    """The picture: the SVG text, or a file by its suffix, see :func:`ncd.interpret.draw.draw`."""
    from ncd.interpret.draw import draw
    page = None
    if path is not None and os.fspath(path).lower().endswith(".html"):
        from ncd.interpret.cost import page_costs
        page = page_costs(diagram)
    return draw(diagram, path, depth, theme, page, **options)


@public
def listing(diagram: Diagram) -> str:
    """One operation a line with its type."""
    from ncd.core.text import listing
    return listing(diagram.graph)


@public
def to_json(diagram: Diagram) -> str:
    """The diagram as JSON text, see :mod:`ncd.file.serial`."""
    from ncd.file.serial import to_json
    return to_json(diagram)


@public
def check(diagram: Diagram) -> Diagram:
    """The diagram itself, after its wire graph was checked, see :mod:`ncd.core.check`."""
    from ncd.core.check import check
    check(diagram)
    return diagram


@public
def picture(diagram: Diagram) -> str:
    """The SVG that a notebook shows."""
    from ncd.interpret.draw import svg
    return svg(diagram)


@public
def displayed(diagram: Diagram) -> tuple[str, str]:
    """What marimo shows: the kind of the data and the data, as its protocol ``_mime_`` wants them.

    >>> import ncd
    >>> ncd.nn.relu.on("x")._mime_()[0]
    'image/svg+xml'
    """
    return "image/svg+xml", picture(diagram)


@public
def reverse(diagram: Diagram, wrt: Any = None, policy: Any = "everything", faster: bool = True):
    """The reverse derivative as a lens, see :func:`ncd.interpret.derivative.reverse`."""
    from ncd.interpret.derivative import reverse
    return reverse(diagram, wrt, policy, faster)


@public
def forward(diagram: Diagram, wrt: Any = None, faster: bool = True) -> Diagram:
    """The pushforward of values and tangents, see :func:`ncd.interpret.derivative.forward`."""
    from ncd.interpret.derivative import forward
    return forward(diagram, wrt, faster)


@public
def gradient(diagram: Diagram, wrt: Any = None, value: bool = False, policy: Any = "everything",
             faster: bool = True) -> Diagram:
    """The gradient of a scalar diagram, see :func:`ncd.interpret.derivative.gradient`."""
    from ncd.interpret.derivative import gradient
    return gradient(diagram, wrt, value, policy, faster)


@public
def vjp(diagram: Diagram, wrt: Any = None, policy: Any = "everything", faster: bool = True) -> Diagram:
    """The value and the pulled-back cotangents, see :func:`ncd.interpret.derivative.vjp`."""
    from ncd.interpret.derivative import vjp
    return vjp(diagram, wrt, policy, faster)


@public
def hessian_vector(diagram: Diagram, wrt: Any = None, faster: bool = True) -> Diagram:
    """The Hessian times a vector, see :func:`ncd.interpret.derivative.hessian_vector`."""
    from ncd.interpret.derivative import hessian_vector
    return hessian_vector(diagram, wrt, faster)


@public
def transpose(diagram: Diagram) -> Diagram:
    """The transpose of a linear diagram, see :func:`ncd.interpret.derivative.transposed`."""
    from ncd.interpret.derivative import transposed
    return transposed(diagram)



@public
def training(cost: Cost, wrt: int | str | Sequence | None = None, policy: Any = "everything",
             optimiser: Diagram | str | None = "adam") -> Training:
    """A training step: forward, backward (the derivative's diagram), optimiser.

    Parameters:
        wrt, policy: As in ``diagram.reverse``.
        optimiser: ``"sgd"``, ``"momentum"``, ``"adam"``, ``"adamw"``, a diagram of numbers
            p, g, states -> p, states (more inputs, as the step's number, are single numbers), or None.

    >>> import ncd
    >>> step = ncd.zoo.residual_mlp().cost().training()
    >>> step.forward_flops, step.backward_flops
    (4*d*m*x + 2*d*x + 2*m*x, 8*d*m*x + 3*d*x - d + 2*m*x - m)
    >>> step.kept, step.state_bytes
    (4*d*x, 16*d*m + 8*d + 8*m)
    """
    from ncd.analysis.training import Training
    return Training(cost, cost.like, wrt, policy, optimiser)


@public
def roofline(cost: Cost, *arguments, **options) -> Roofline:
    """The time on a machine as a formula, see :func:`ncd.plan.machine.roofline.roofline`."""
    from ncd.plan.machine.roofline import roofline
    return roofline(cost, *arguments, **options)


@public
def plot(cost: Cost, axis: str, path: str | os.PathLike | None = None, measure: str = "flops", **options):
    """A measure along an axis with its regimes shaded, see :func:`ncd.analysis.plot.growth`."""
    from ncd.analysis.plot import growth
    return growth(cost, axis, measure, path, **options)


Diagram.to_jax, Diagram.to_numpy, Diagram.init, Diagram.cost = to_jax, to_numpy, init, cost
Diagram.draw, Diagram.listing, Diagram.to_json, Diagram.check = draw, listing, to_json, check
Diagram._repr_svg_, Diagram._mime_ = picture, displayed
Diagram.reverse, Diagram.forward, Diagram.gradient = reverse, forward, gradient
Diagram.vjp, Diagram.jvp, Diagram.hessian_vector, Diagram.transpose = vjp, forward, hessian_vector, transpose
Cost.training, Cost.roofline, Cost.plot = training, roofline, plot

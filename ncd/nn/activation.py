"""Elementwise functions as diagrams () -> (): each lifts over every axis of what it is given.

They are values, called on wires, ``relu(x)``, or composed, ``linear("m -> f") >> relu``. Their
equations are the rows of :mod:`ncd.ops.scalar`; each shows its own, ``gelu.__doc__``.

>>> print((relu >> square).on("b x"))
b x -> b x
"""

from __future__ import annotations

import math

from ncd.construct.generators import elementwise
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.errors import NcdError
from ncd.ops.scalar import SCALARS, ScalarFunction


def _value(name: str, note: str = "") -> Diagram:
    made = elementwise(name)
    made.title = name
    made.__doc__ = (f"Elementwise {name}{note}.\n\nType:      () -> ()\n"
                    f"Equation:  y = {SCALARS[name].expression}\nFlags:     deterministic, elementwise")
    return made


relu = _value("relu", " (Fukushima 1969)")
gelu = _value("gelu", ", exact, by erf (Hendrycks & Gimpel 2016)")
gelu_tanh = _value("gelu_tanh", ", the approximation of gelu by tanh")
silu = _value("silu", ", also called swish (Elfwing et al. 2017)")
sigmoid = _value("sigmoid")
tanh = _value("tanh")
softplus = _value("softplus")
exp = _value("exp")
log = _value("log")
sqrt = _value("sqrt")
rsqrt = _value("rsqrt")
square = _value("square")
reciprocal = _value("reciprocal")
negate = _value("negate")
abs = _value("abs")
sign = _value("sign")
floor = _value("floor")
sin = _value("sin")
cos = _value("cos")
erf = _value("erf")

LEAKY_RELU = ScalarFunction("leaky_relu", ("x", "slope"), "where(x > 0, x, slope * x)")
# The minimum keeps the branch that is not taken finite.
ELU = ScalarFunction("elu", ("x", "a"), "where(x > 0, x, a * (exp(where(x > 0, 0, x)) - 1))", dtype="float")


def _number(what: str, value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise NcdError(f"{what} = {value!r}", want="a finite number")
    return value


@public
def leaky_relu(slope: float = 0.01) -> Diagram:
    """The rectifier with a slope for negative numbers.

    Type:      () -> ()
    Equation:  y = x where x > 0, else slope·x
    Raises:    NcdError for a slope that is not a finite number.
    Source:    Maas, Hannun & Ng 2013.

    >>> print(leaky_relu(0.2).on("b x"))
    b x -> b x
    """
    return elementwise(LEAKY_RELU, None, _number("the slope", slope))


@public
def elu(alpha: float = 1.0) -> Diagram:
    """The exponential linear unit.

    Type:      () -> ()
    Equation:  y = x where x > 0, else alpha·(eˣ − 1)
    Raises:    NcdError for an alpha that is not a finite number.
    Source:    Clevert, Unterthiner & Hochreiter 2015, arXiv 1511.07289.

    >>> print(elu().on("b x"))
    b x -> b x
    """
    return elementwise(ELU, None, _number("alpha", alpha))

"""Diagrams to draw, and an SVG reader that shares no code with the writer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from ncd.construct import generators as g
from ncd.construct.notation import cospan, einsum, rearrange, reindex
from ncd.construct.trace import diagram, size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.op import Operation


@dataclass(frozen=True)
class Softmax(Operation):
    """Known to the drawing by the name of its class."""

    array: Array
    axis: Label

    dom = cod = property(lambda self: (self.array,))
    own = property(lambda self: frozenset((self.axis,)))

    def extend(self, arrays):
        return Softmax(arrays[0], self.axis)


@dataclass(frozen=True)
class Linear(Operation):
    """A learned operation: it has a place."""

    inputs: tuple[Axis, ...]
    outputs: tuple[Axis, ...]
    title: str = "linear"
    bias: bool = True

    dom = property(lambda self: (Array(self.inputs),))
    cod = property(lambda self: (Array(self.outputs),))
    place = property(lambda self: self.title)


@dataclass(frozen=True)
class Mystery(Operation):
    """An operation that the drawing has never heard of."""

    array: Array

    dom = cod = property(lambda self: (self.array,))
    name = property(lambda self: "mystery")


def softmax(label: str):
    return Softmax(Array([Axis(label)]), label).diagram


def linear(text: str, name: str = "linear", bias: bool = True):
    left, right = text.split("->")
    return Linear(tuple(map(Axis, left.split())), tuple(map(Axis, right.split())), name, bias).diagram


relu = g.elementwise("relu")


@diagram("y k, x k, x v -> y v")
def attention(q, k, v):
    scores = einsum("y k, x k -> y x")(q, k) * size("k") ** -0.5
    return einsum("y x, x v -> y v")(softmax("x")(scores), v)


@diagram("y m, x m -> y m")
def multi_head(y, x):
    q, k, v = (linear("m -> h k", name, False)(w) for name, w in zip("QKV", (y, x, x)))
    scores = einsum("y h k, x h k -> h y x")(q, k) * size("k") ** -0.5
    return linear("h k -> m", "O", False)(einsum("h y x, x h k -> y h k")(softmax("x")(scores), v))


@diagram("x=28 y=28 -> k")
def recogniser(image):
    x = rearrange("x=28 y=28 -> f=(x y)")(image)
    x = relu(linear("f -> a").bind(f=784)(x))
    return softmax("k")(linear("b -> k")(relu(linear("a -> b")(x))))


@diagram("x m -> x m", block="two layer residual MLP")
def residual(x):
    return x + linear("f -> m")(relu(linear("m -> f")(x)))


@diagram("x m -> x p")
def with_parameters(x):
    weight, bias = g.parameter("weight", "m p")(), g.parameter("bias", "p")()
    return einsum("x m, m p -> x p")(x, weight) + bias


@diagram("x m -> x m")
def normalise(x):
    centred = x - g.reduce("sum", "m")(x) / size("m")
    return centred * (g.reduce("sum", "m")(centred * centred) / size("m") + 1e-5) ** -0.5


@diagram("h, x -> h, h")
def cell(h, x):
    new = g.elementwise("tanh")(linear("x -> h")(x) + linear("h -> h", "hidden")(h))
    return new, new


PICTURES = {
    "attention": (attention, 0), "heads": (attention.lift("h"), 0), "multi_head": (multi_head, 0),
    "recogniser": (recogniser, 0), "residual": (residual, 0), "residual_open": (residual, 1),
    "two_open": (residual >> residual, 1), "repeat": (residual.repeat("N"), 0),
    "repeat_open": (residual.repeat("N"), 1), "parameters": (with_parameters, 0),
    "normalise": (normalise, 0), "scan": (g.scan(cell, "t", 1, 1), 0),
    "scan_lifted": (g.scan(cell, "t", 1, 1).lift("b"), 0),
    "outer": (einsum("a, b -> a b"), 0), "three": (einsum("a i, b i, c i -> a b c"), 0),
    "trace": (einsum("i i -> "), 0), "diagonal": (einsum("i i -> i"), 0), "inner": (einsum("k, k -> "), 0),
    "two_contractions": (einsum("a i j, i j b -> a b"), 0), "expand": (cospan("a -> a b"), 0),
    "tropical": (einsum("i j, j k -> i k", "max_plus"), 0), "scalar": (einsum("(), a -> a"), 0),
    "transpose": (reindex("k x y -> y k x"), 0), "rename": (reindex("x m -> y=x m", x="y"), 0),
    "sum": (g.reduce("sum", "x").on("y x m"), 0), "max": (g.reduce("max", "x z").on("y x m z"), 0),
    "window": (g.window("x", "j=3", stride=2, padding=1).on("b x c"), 0),
    "index": (g.index(x=2).on("b x c"), 0), "slice": (g.slice_axis("x", 1, 5).on("b x"), 0),
    "entry": (g.index(x=2, y=3), 0), "gather": (g.gather("n").on("n f, e : index(n)"), 0),
    "topk": (g.topk("x -> k=2").on("b x"), 0), "concat": (g.concat("c").on("x c=3, x c=4"), 0),
    "opaque": (g.opaque("my op", "a, b -> c").on("h a, b"), 0), "iota": (g.iota("x"), 0),
    "random": (g.key() >> g.random("normal", "x y"), 0), "solve": (g.solve("i j").on("b i j=i, b i r"), 0),
    "letters": (g.opaque("f_1", "a -> b") @ g.opaque("f_2", "a -> b"), 0),
    "scaled": (diagram("x m, () -> x m")(lambda x, s: x * s), 0),
    "mystery": (Mystery(Array([Axis("x")])).diagram.lift("h"), 0),
    "swap": (attention.swap(attention.cod, einsum("a b -> b a").cod), 0),
    "copy": (attention.copy(attention.cod, 3), 0), "discard": (attention.discard(attention.cod), 0)}


class Drawing:
    """What a reader of the file sees: the page, the paths with their points, the texts."""

    def __init__(self, text: str):
        self.root = ElementTree.fromstring(text)
        self.left, self.top, width, height = map(float, self.root.get("viewBox").split())
        self.right, self.bottom = self.left + width, self.top + height
        self.paths = [(item.get("class"), [tuple(map(float, pair)) for pair in _points(item.get("d"))])
                      for item in self.root.iter("{http://www.w3.org/2000/svg}path")]
        self.circles = [tuple(float(item.get(name)) for name in ("cx", "cy", "r"))
                        for item in self.root.iter("{http://www.w3.org/2000/svg}circle")]
        self.texts = ["".join(item.itertext()) for item in self.root.iter("{http://www.w3.org/2000/svg}text")]

    @property
    def wires(self) -> list[list[tuple[float, float]]]:
        return [points for kind, points in self.paths if kind in ("wire", "scalar")]


def _points(path: str):
    x = y = 0.0
    for command, numbers in re.findall(r"([MLHCAZ])([^MLHCAZ]*)", path):
        values = [float(number) for number in numbers.split()]
        if command == "H":
            x = values[0]
        elif command == "A":
            x, y = values[-2:]
        elif command in "MLC":
            for at in range(0, len(values) - 2, 2):
                yield values[at], values[at + 1]
            x, y = values[-2:]
        if command != "Z":
            yield x, y

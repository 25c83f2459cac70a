"""What a cost answers about regimes: growth, crossings, what dominates, written as methods of every cost."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from ncd.algebra import asymptotics as algebra
from ncd.algebra import regime
from ncd.algebra.convert import Size
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.errors import InputError, SizeError
from ncd.interpret.cost import breakdown


class Regimes:
    """The questions; a cost has the formulas."""

    def named(self, name: str) -> Size:
        return self.exact[self.measure_names((name,))[0]]

    @public
    def leading(self, *axes: str, measure: str = "flops"):
        """The terms that matter when some axes (all, if none is named) grow together, the others fixed.

        Raises:    AxisError: An axis that the measure does not depend on. InputError: An unknown measure.

        >>> import ncd
        >>> cost = ncd.zoo.multi_head_attention().cost()
        >>> cost.leading("x"), cost.leading("x", "y")
        (x*(4*h*k*m + 4*h*k*y + 5*h*y), x*y*(4*h*k + 5*h))
        """
        import sympy
        size = self.named(measure)
        axes = regime.known_axes(size, axes)
        found = algebra.leading(size, axes)[1].sympy
        return sympy.collect(sympy.expand(found), _powers(found, axes))

    @public
    def order(self, *axes: str, measure: str = "flops"):
        """The growth Θ(·) in some axes that grow together: the leading terms without coefficients.

        >>> import ncd
        >>> cost = ncd.zoo.multi_head_attention().cost()
        >>> cost.order("x"), cost.order("x", "y"), cost.order("x", "y", "m")
        (x, x*y, m*x + m*y + x*y)
        """
        size = self.named(measure)
        return regime.order(size, regime.known_axes(size, axes)).sympy

    @public
    def exponents(self, *axes: str) -> dict[str, dict[str, Fraction | int | float]]:
        """{measure: {axis: the power with which it grows in that axis alone}}, logarithms apart.

        It is infinite for what grows as 2**x, faster than any power.

        >>> import ncd
        >>> found = ncd.zoo.pre_norm_block().cost().exponents("x", "m")
        >>> found["flops"], found["params"]
        ({'x': 2, 'm': 1}, {'x': 0, 'm': 1})
        """
        axes = axes or tuple(sorted(self.symbols))
        unknown = sorted(set(axes) - self.symbols)
        if unknown:
            regime.known_axes(self.exact["flops"], unknown)
        return {name: {axis: algebra.leading(size, [axis])[0] for axis in axes}
                for name, size in self.exact.items()}

    @public
    def sensitivity(self, measure: str = "flops", **sizes) -> dict[str, float]:
        """{axis: by how many percent the measure grows where that axis grows by one}, at sizes."""
        size = self.named(measure)
        numbers = self.sized(sizes)
        missing = sorted(size.symbols - set(numbers))
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
        return {axis: regime.elasticity(size, axis, numbers) for axis in sorted(size.symbols)}

    @public
    def part(self, name: str, measure: str = "flops") -> Size:
        """What a block adds to a measure: all the rows of that name, on the level where it comes first.

        Raises:    InputError: No block has the name, or the measure does not add up over blocks.
        """
        if measure not in breakdown.ADDED:
            raise InputError(f"{measure!r} does not add up over blocks", want=", ".join(breakdown.ADDED))
        self.body  # noqa: B018
        for depth in range(1, 9):
            rows = breakdown.by_block(self, depth)
            found = [row for row in rows if name in (row.name, row.name.partition("[")[0])]
            if found:
                level = min(row.level for row in found)
                return sum((row.sums[measure] for row in found if row.level == level), Size(0))
        names = dict.fromkeys(row.name.partition("[")[0] for row in breakdown.by_block(self, 3))
        raise InputError(f"no block is called {name!r}", have=", ".join(names))

    @public
    def crossover(self, left: str, right: str, axis: str, measure: str = "flops",
                  assume: Iterable[str] | str = (), **sizes):
        """Where one block costs more than another, along an axis: a condition on its size.

        Raises:    See :meth:`part` and :func:`ncd.algebra.regime.where_greater`.

        >>> from ncd import nn
        >>> block = nn.transformer_block("x m", "f", heads="h", width="k").bind(f="4*m", k="m/h")
        >>> print(block.cost("none").crossover("attention", "feed_forward", "x", measure="matrix_flops"))
        x > 4*m
        """
        return regime.where_greater(self.part(left, measure), self.part(right, measure), axis, sizes, assume)

    @public
    def compare(self, other: object, axis: str, measure: str = "flops",
                assume: Iterable[str] | str = (), **sizes):
        """Where this costs more than another cost or diagram, along an axis: a condition on its size."""
        return regime.where_greater(self.named(measure), self._cost_of(other).named(measure), axis, sizes,
                                    assume)

    def _cost_of(self, other: object) -> Regimes:
        """A cost as it is; that of a diagram or an operation, counted as this one is.

        Raises:    InputError: Something else.
        """
        if isinstance(other, Regimes):
            return other
        diagram = getattr(other, "diagram", other)
        if not isinstance(diagram, Diagram):
            raise InputError(f"{other!r:.60} is neither a cost nor a diagram",
                             mend="ncd.load(name) gives the diagram that a name means")
        return self.like(diagram)

    @public
    def dominant(self, axis: str, measure: str = "flops", **sizes) -> list[tuple[str, int, int | None]]:
        """Which block costs the most, along an axis: (name, from, to), all other sizes given.

        >>> import ncd
        >>> ncd.zoo.pre_norm_block().cost().dominant("x", m=512, h=8, k=64, f=2048)
        [('feed_forward', 1, 1006), ('self_attention', 1007, None)]
        """
        if axis not in self.diagram.symbols:
            regime.known_axes(self.named(measure), (axis,))
        if measure not in breakdown.ADDED:
            raise InputError(f"{measure!r} does not add up over blocks", want=", ".join(breakdown.ADDED))
        parts: dict[str, Size] = {}
        for row in self.by("block"):
            parts[row.name] = parts.get(row.name, Size(0)) + row.sums[measure]
        return regime.dominant(parts, axis, sizes)

    @public
    def factored(self, measure: str = "flops"):
        """A measure as a product where it is one.

        >>> import ncd
        >>> ncd.zoo.multi_head_attention().cost("none").factored("matrix_flops")
        4*h*k*(m*x + m*y + x*y)
        """
        import sympy
        return sympy.factor(self.named(measure).sympy)


def _powers(expression, axes) -> list:
    """The distinct products of axes in the terms of an expression, to collect by."""
    import sympy

    from ncd.algebra.convert import symbol
    letters = {symbol(name) for name in axes}
    return list(dict.fromkeys(
        sympy.Mul(*(factor for factor in sympy.Mul.make_args(term) if factor.free_symbols & letters))
        for term in sympy.Add.make_args(sympy.expand(expression))))

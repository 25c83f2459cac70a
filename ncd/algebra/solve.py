"""Solving a cost for a size: what fits into a budget, and scaling laws at a fixed budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ncd.algebra import program as formula
from ncd.algebra.assume import Assumptions
from ncd.algebra.asymptotics import (
    FAR,
    closed_root,
    coefficients,
    halved,
    no_closed_form,
    sign_changes,
    signs,
)
from ncd.algebra.convert import Size, as_size
from ncd.errors import InputError, SizeError


def solve(equation, value=None, *, for_: str | Sequence[str], assume=(), **sizes):
    """The positive value of a size at which a cost equals a budget.

    Equation:  f(n, …) = c, solved for n
    Parameters:
        equation: A formula (SymPy expression or size) beside ``value``; or a SymPy ``Eq``; or several
            of them, for as many sizes. ``cost.flops == 1e21`` is not an equation: SymPy's ``==``
            compares expressions and is False; write ``sympy.Eq(cost.flops, 1e21)``.
        for_: The size, or the sizes, to solve for.
        sizes: Numbers for other sizes.
        assume: Assumptions on sizes, as ``["x > 4*d"]``.
    Returns:   A SymPy expression in the sizes that are left, a float where none is left; for several sizes
               a dictionary. Where the formula has floors, maxima, powers 2**n or logarithms in the size
               that no assumption settles, the largest whole number at which it is at most the budget.
    Raises:
        InputError: No equation, or a size that does not stand in it.
        SizeError: No positive solution, several, or none in closed form with sizes left as symbols.

    >>> import ncd
    >>> model = ncd.zoo.residual_mlp().cost()
    >>> solve(model.matrix_flops, 10 ** 12, for_="d", x=512, m=1024)
    476837.158203125
    >>> solve(model.matrix_flops, 4 * 10 ** 12, for_="d")
    1000000000000/(m*x)
    """
    if isinstance(equation, (list, tuple)):
        return _system(equation, for_, sizes)
    names = (for_,) if isinstance(for_, str) else tuple(for_)
    if len(names) != 1:
        raise InputError("one equation has one unknown", have=f"for_={names!r}",
                         mend="give as many equations")
    name, = names
    gap = _difference(equation, value)
    if name not in gap.symbols:
        raise InputError(f"the equation does not depend on {name!r}",
                         have=", ".join(sorted(gap.symbols)) or "no sizes")
    gap = gap.substitute({key: as_size(number) for key, number in sizes.items() if key != name})
    known = Assumptions.read(assume)
    given, gap = gap, known.simplify(gap)
    if name not in gap.symbols:
        raise SizeError(f"the equation does not depend on {name!r}: its maxima do not at any size allowed",
                        have=f"{gap} = 0"[:300])
    parts = coefficients(gap, name)
    row = None if parts is None else signs(parts, known)
    root = None if parts is None else closed_root(parts, row)
    if root is None and (parts is None or gap.symbols == {name}):
        return _searched(gap, name, parts is None)
    found = _closed(gap, name, row, root)
    if gap != given and isinstance(found, (int, float)) and found < 1:     # what fell away does so from 1 on
        raise SizeError(f"no positive whole {name} satisfies it: already 1 is too much",
                        have=f"{given} = 0"[:300])
    return found


def _difference(equation, value) -> Size:
    truth = isinstance(equation, bool) or getattr(equation, "is_Boolean", False)
    if truth and not hasattr(equation, "lhs"):
        raise InputError("a truth value is no equation: `==` compares expressions in Python and SymPy",
                         have=str(equation), mend="ncd.solve(cost.flops, 1e21, for_=\"n\"), or "
                                                  "ncd.solve(sympy.Eq(cost.flops, 1e21), for_=\"n\")")
    if hasattr(equation, "lhs"):
        if value is not None:
            raise InputError("an equation and a value", have=f"{equation} and {value}", mend="give one")
        return _size(equation.lhs) - _size(equation.rhs)
    if value is None:
        raise InputError("a formula without the value that it is to have", have=str(equation)[:100],
                         mend="ncd.solve(formula, value, for_=...)")
    return _size(equation) - _size(value)


def _size(value) -> Size:
    if isinstance(value, str):
        raise InputError("an equation is not read from a text", have=value[:100],
                         mend="give a SymPy expression, as cost.flops")
    return as_size(value)


def _closed(gap: Size, name: str, row: Sequence[int | None], root):
    """The one positive root: a number, or a formula in the sizes that are left."""
    if sign_changes(row) == 0:
        raise SizeError(f"no positive {name} satisfies it", have=f"{gap} = 0"[:300])
    if root is None:
        raise no_closed_form(gap, name)
    if len(row) > 2 and row[0] is not None and row[0] == row[-1]:
        raise SizeError(f"{name} has two values or none", have=f"{gap} = 0"[:300])
    if root.free_symbols:
        return root
    number = float(root)
    if number == float("inf"):
        raise SizeError(f"{name} is beyond all floats", have=f"{gap} = 0"[:300])
    return int(root) if root == int(number) else number


def _searched(gap: Size, name: str, held: bool):
    """The root of a formula of one symbol that grows: by halving."""
    if gap.symbols - {name}:
        raise no_closed_form(gap, name)
    evaluate = formula.compiled({"gap": gap})

    def over(at) -> bool:
        return evaluate({name: at})["gap"] > 0
    low, high = 1, 1
    while not over(high):
        low, high = high, high * 2
        if high > FAR ** 4:
            raise SizeError(f"no {name} reaches it", have=f"{gap} = 0"[:300])
    if high == 1:
        raise SizeError(f"no positive whole {name} satisfies it: already 1 is too much",
                        have=f"{gap} = 0"[:300])
    low, high = halved(over, low, high)
    if held or evaluate({name: low})["gap"] == 0:
        return low
    return halved(over, float(low), float(high))[1]


def _system(equations: Sequence, unknowns: str | Sequence[str], sizes: Mapping):
    """Several equations for as many sizes: positive solutions by SymPy."""
    import sympy

    from ncd.algebra.convert import symbol
    names = unknowns.split() if isinstance(unknowns, str) else list(unknowns)
    if len(names) != len(equations):
        raise InputError(f"{len(equations)} equations for {len(names)} sizes", want="as many")
    gaps = [_difference(*(each if isinstance(each, (list, tuple)) else (each, None))) for each in equations]
    given = {key: as_size(number) for key, number in sizes.items() if key not in names}
    gaps = [gap.substitute(given).sympy for gap in gaps]
    found = [row for row in sympy.solve(gaps, [symbol(name) for name in names], dict=True)
             if all(value.is_positive is not False for value in row.values())]
    if len(found) != 1:
        raise SizeError(f"{len(found) or 'no'} positive solutions",
                        have="; ".join(f"{gap} = 0" for gap in gaps)[:300])
    return {name: found[0][symbol(name)] for name in names if symbol(name) in found[0]}

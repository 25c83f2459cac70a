"""Equations between diagrams: pictures side by side with a sign between each two.

An equation says that two morphisms of one type are one. It draws; that it holds is for ``==``, for
the laws, or for the reference to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError
from ncd.interpret.draw.mathtext import ROMAN, word
from ncd.interpret.draw.nested import levels, scene_of
from ncd.interpret.draw.scene import Scene, Text
from ncd.interpret.draw.style import Style

SIGN_SIZE, NOTE_SIZE, ROOM = 26.0, 13.0, 22.0


class Equation:
    """Diagrams with signs between them; it draws as a diagram does."""

    def __init__(self, sides: Sequence[Diagram], signs: Sequence[str], notes: Sequence[str]):
        self.sides, self.signs, self.notes = tuple(sides), tuple(signs), tuple(notes)

    def __str__(self):
        shown = [f"({side})" for side in map(str, self.sides)]
        return shown[0] + "".join(f" {sign} {side}" for sign, side in zip(self.signs, shown[1:]))

    def __repr__(self):
        return f"<equation {self}>"

    def draw(self, path=None, depth: int = 0, theme: str = "light", **options):
        """The picture, as :meth:`Diagram.draw`."""
        from ncd.interpret.draw import draw
        return draw(self, path, depth, theme, **options)

    def _repr_svg_(self) -> str:
        return self.draw()

    @property
    def levels(self) -> int:
        return max(map(levels, self.sides))

    def scene(self, depth: int = 0, apart: bool = False, style: Style | None = None) -> Scene:
        """The pictures in a row, their middles on one line, the signs between them."""
        made, x = Scene(), 0.0
        for index, side in enumerate(self.sides):
            if index:
                sign = word(self.signs[index - 1], ROMAN, limit=12)
                text = Text(sign, x + ROOM, 0.34 * SIGN_SIZE, SIGN_SIZE)
                left, _, right, _ = text.bounds()
                made.elements.append(text)
                note = self.notes[index - 1] if index <= len(self.notes) else ""
                if note:
                    above = Text(word(note, ROMAN, limit=40), 0.0, -SIGN_SIZE * 0.55, NOTE_SIZE, "middle")
                    width = above.bounds()[2] - above.bounds()[0]
                    middle = x + ROOM + max(right - left, width) / 2
                    made.elements[-1] = text.moved(middle - (left + right) / 2, 0.0)
                    made.elements.append(above.moved(middle, 0.0))
                    right = left + max(right - left, width)
                x += 2 * ROOM + right - left
            scene = scene_of(side, depth, apart, style)
            left, top, right, bottom = scene.bounds()
            dx, dy = x - left, -(top + bottom) / 2
            made.elements += [item.moved(dx, dy) for item in scene.elements]
            x += right - left
        made.width = x
        return made


def equation(*sides, signs: str | Sequence[str] = "=", notes: Sequence[str] = ()) -> Equation:
    """Diagrams side by side with signs between them.

    Parameters:
        sides: Two or more diagrams or operations.
        signs: What stands between each two, one for all or a list.
        notes: A small text above each sign, such as "snake".
    Raises:    AxisError: Sides of two types with ``=`` between them. NcdError: Fewer than two sides, or
               another number of signs.

    >>> from ncd.core.category import Diagram, Ty
    >>> x = Ty("x")
    >>> print(equation(Diagram.id(x), Diagram.copy(x) >> Diagram.discard(x) @ Diagram.id(x)))
    (x -> x) = (x -> x)
    """
    made = [getattr(side, "diagram", side) for side in sides]
    if len(made) < 2 or not all(isinstance(side, Diagram) for side in made):
        raise NcdError("an equation has two sides or more, each a diagram",
                       have=", ".join(type(side).__name__ for side in made) or "nothing")
    between = [signs] * (len(made) - 1) if isinstance(signs, str) else list(signs)
    if len(between) != len(made) - 1:
        raise NcdError(f"{len(between)} signs between {len(made)} sides", want=str(len(made) - 1))
    for sign, left, right in zip(between, made, made[1:]):
        if sign == "=" and (left.dom, left.cod) != (right.dom, right.cod):
            raise AxisError("the sides of an equation have two types", have=f"`{left}` and `{right}`",
                            mend='give another sign, such as signs="≅"')
    return Equation(made, between, notes)

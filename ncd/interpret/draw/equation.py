"""Equations between diagrams: pictures side by side with a sign between each two.

An equation says that two morphisms of one type are one. It draws; a bare ``=`` stands only where the sides
are equal by ``==``, their blocks opened. Elsewhere the picture says that the equation is claimed: that it
holds is for the laws or for the reference to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.inside import diagrams_in
from ncd.errors import AxisError, NcdError, escaped
from ncd.interpret.draw.layout.blocks import levels, scene_of
from ncd.interpret.draw.linked import Links, checked_links, regions, text_scene, unlinked
from ncd.interpret.draw.picture import draw
from ncd.interpret.draw.scene.mathtext import ROMAN, word
from ncd.interpret.draw.scene.scene import Scene, Text
from ncd.interpret.draw.scene.style import Style
from ncd.ops.control import Block

SIGN_SIZE, NOTE_SIZE, ROOM = 26.0, 13.0, 22.0
CLAIMED = "claimed"


class Equation:
    """Diagrams and texts with signs between them; it draws as a diagram does."""

    def __init__(self, sides: Sequence[Diagram | str], signs: Sequence[str], notes: Sequence[str],
                 links: Links):
        self.sides, self.signs, self.notes = tuple(sides), tuple(signs), tuple(notes)
        self.links = dict(links)
        self.claimed = tuple(sign.strip() in EQUALS and not known_equal(left, right)
                             for sign, left, right in zip(self.signs, self.sides, self.sides[1:]))

    @property
    def diagrams(self) -> list[Diagram]:
        return [side for side in self.sides if isinstance(side, Diagram)]

    def __str__(self):
        shown = [" ".join(map(escaped, side.split("\n"))) if isinstance(side, str) else f"({side})"
                 for side in self.sides]            # code is told on one line
        words = [f" ({CLAIMED})" if claimed else "" for claimed in self.claimed]
        return shown[0] + "".join(f" {sign} {side}{word}"
                                  for sign, side, word in zip(self.signs, shown[1:], words))

    def __repr__(self):
        return f"<equation {self}>"

    def draw(self, path=None, depth: int = 0, theme: str = "light", **options):
        """The picture, as :meth:`Diagram.draw`."""
        return draw(self, path, depth, theme, **options)

    def _repr_svg_(self) -> str:                    # Jupyter
        return self.draw()

    def _mime_(self) -> tuple[str, str]:            # marimo
        return "image/svg+xml", self.draw()

    @property
    def levels(self) -> int:
        return max(map(levels, self.diagrams))

    def scene(self, depth: int = 0, apart: bool = False, style: Style | None = None) -> Scene:
        """The pictures in a row, their middles on one line, the signs between them."""
        made, x = Scene(stacked=True), 0.0
        for index, side in enumerate(self.sides):
            if index:
                sign = word(self.signs[index - 1], ROMAN, limit=12)
                text = Text(sign, x + ROOM, 0.34 * SIGN_SIZE, SIGN_SIZE)
                note = self.notes[index - 1] if index <= len(self.notes) else ""
                around = [Text(word(said, ROMAN, limit=40), 0.0, y, NOTE_SIZE, "middle") for said, y in (
                    (note, -SIGN_SIZE * 0.55), (CLAIMED if self.claimed[index - 1] else "", SIGN_SIZE * 0.8))
                    if said]
                width = max(text.bounds()[2] - text.bounds()[0] for text in (text, *around))
                middle = x + ROOM + width / 2
                left, _, right, _ = text.bounds()
                made.elements += [text.moved(middle - (left + right) / 2, 0.0),
                                  *(text.moved(middle, 0.0) for text in around)]
                x += 2 * ROOM + width
            if isinstance(side, str):
                scene = text_scene(side, self.links)
            else:
                scene = scene_of(side, depth, apart, style)
                scene.elements += regions(scene, self.links)
            left, top, right, bottom = scene.bounds()
            dx, dy = x - left, -(top + bottom) / 2
            made.elements += [item.moved(dx, dy) for item in scene.elements]
            made.frames.append(scene.frame.moved(dx, dy))
            made.spans.append((x, x + right - left))
            x += right - left
        made.width = x
        return made


@public
def equation(*sides, signs: str | Sequence[str] = "=", notes: Sequence[str] = (),
             links: Links | None = None) -> Equation:
    """Diagrams side by side with signs between them, beside formulas or code.

    Parameters:
        sides: Two or more; each a diagram, an operation, or a text: a formula on one line (``^`` raises,
            ``_`` lowers), code on several. At least one is a diagram.
        signs: What stands between each two, one for all or a list. Beside a ``=`` between sides that are
            not known to be equal, by ``==`` with their blocks opened, the picture says "claimed".
        notes: A small text above each sign, such as "snake".
        links: {a term: an operation or its name}: one colour behind the term wherever a text has it
            and behind the operation in the diagrams.
    Raises:    AxisError: Sides of two types with ``=`` between them. NcdError: Fewer than two sides,
               another number of signs, or a link to what no side has.

    >>> from ncd.core.category import Diagram, Ty
    >>> x = Ty("x")
    >>> print(equation(Diagram.id(x), Diagram.copy(x) >> Diagram.discard(x) @ Diagram.id(x)))
    (x -> x) = (x -> x)
    >>> print(equation(Diagram.id(x), Diagram.id(x).block("wire"), Diagram.copy(x), signs=["=", "↦"]))
    (x -> x) = (x -> x) ↦ (x -> x, x)
    >>> from ncd.construct.generators import elementwise
    >>> print(equation(elementwise("relu"), elementwise("tanh")))
    (() -> ()) = (() -> ()) (claimed)
    """
    made = [getattr(side, "diagram", side) for side in sides]
    whole = [side for side in made if isinstance(side, Diagram)]
    texts = [side for side in made if isinstance(side, str)]
    if len(made) < 2 or not whole or len(whole) + len(texts) < len(made):
        raise NcdError("an equation has two sides or more, each a diagram or a text, one a diagram",
                       have=", ".join(type(side).__name__ for side in made) or "nothing")
    between = [signs] * (len(made) - 1) if isinstance(signs, str) else list(signs)
    if len(between) != len(made) - 1:
        raise NcdError(f"{len(between)} signs between {len(made)} sides", want=str(len(made) - 1))
    for sign, left, right in zip(between, made, made[1:]):
        if isinstance(left, str) or isinstance(right, str):
            continue
        if sign == "=" and (left.dom, left.cod) != (right.dom, right.cod):
            raise AxisError("the sides of an equation have two types", have=f"`{left}` and `{right}`",
                            mend='give another sign, such as signs="≅"')
    links = checked_links(links or {})
    missing = unlinked(links, texts, [op for side in whole for op in operations_in(side)])
    if missing:
        raise NcdError(f"the link {missing[0]!r} links nothing here",
                       want="a term of a text to an operation, or to its name as the listing shows it")
    return Equation(made, between, notes, links)


EQUALS = ("=", "==", "≡")


def known_equal(left: Diagram | str, right: Diagram | str) -> bool:
    """Whether two sides are one diagram, their blocks opened; of a text nothing is known."""
    if isinstance(left, str) or isinstance(right, str):
        return False
    return left == right or _opened(left) == _opened(right)


def _opened(diagram: Diagram) -> Diagram:
    """The diagram with its blocks opened, at any depth: those that do not name what they hold, and a
    block that is all there is."""
    graph = diagram.graph
    while any(_opens(op, graph) for op in graph.ops):
        made = Graph(graph.inputs)
        place = list(range(len(graph.inputs)))
        for op, args, _ in graph:
            reads = [place[wire] for wire in args]
            if not _opens(op, graph):
                place.extend(made.add(op, reads))
                continue
            for inner, inner_args, _ in op.body.graph:
                reads.extend(made.add(inner, [reads[wire] for wire in inner_args]))
            place.extend(reads[wire] for wire in op.body.graph.outputs)
        made.outputs = tuple(place[wire] for wire in graph.outputs)
        graph = made
    return Diagram.from_graph(graph)


def _opens(op, graph: Graph) -> bool:
    return isinstance(op, Block) and (op.place is None or len(graph) == 1)


def operations_in(diagram: Diagram) -> list:
    """The operations of a diagram and of the diagrams inside them, each distinct one once."""
    found: dict = {}
    waiting = [diagram]
    while waiting:
        new = [op for op in dict.fromkeys(waiting.pop().graph.ops) if op not in found]
        found.update(dict.fromkeys(new))
        waiting.extend(diagrams_in(new))
    return list(found)

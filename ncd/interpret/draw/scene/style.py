"""How a picture is asked for: a value with every option of :func:`ncd.interpret.draw.draw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ncd.algebra.convert import as_size
from ncd.errors import NcdError
from ncd.interpret.draw.scene.mathtext import Runs, size_runs, word
from ncd.interpret.draw.scene.metrics import THEMES

NARROWEST = 120


@dataclass(frozen=True)
class Style:
    """The options of a picture.

    Parameters:
        depth: How many levels of blocks are opened.
        theme: ``"light"`` or ``"dark"``.
        width: The widest that the picture may be, in pixels: a longer diagram goes on below, and what cannot
            be cut so is drawn smaller.
        names: A name before each input, as a list or a text with spaces.
        multi: {name: labels}: neighbouring axes drawn as one double wire, ``{"x": "h w"}``.
        legend: True to put sizes into a panel instead of on the wires, or more rows {symbol: size}.
        fences: Whether a dotted line stands at each column of types.
        text_as_paths: Whether an SVG has its texts as outlines, the same in every viewer.
        memory: Arrays that pass more columns than this are saved and loaded again, not led along.
    Raises:    NcdError: An option that is none of its values.
    """

    depth: int = 0
    theme: str = "light"
    width: float | None = None
    names: tuple[str, ...] = ()
    multi: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    legend: bool | Mapping[str, object] = False
    fences: bool = False
    memory: int | None = None
    text_as_paths: bool = False

    def __post_init__(self):
        if not _whole(self.depth):
            raise NcdError(f"depth={self.depth!r}", want="0, 1, 2, …: how many levels of blocks are opened")
        if self.theme not in THEMES:
            raise NcdError(f"no theme {self.theme!r}", want=", ".join(THEMES))
        number = isinstance(self.width, (int, float)) and not isinstance(self.width, bool)
        if self.width is not None and not (number and self.width >= NARROWEST):
            raise NcdError(f"width={self.width!r}", want=f"pixels, at least {NARROWEST}, or None for one row")
        if self.memory is not None and not _whole(self.memory):
            raise NcdError(f"memory={self.memory!r}", want="a number of columns, or None")
        names = self.names.split() if isinstance(self.names, str) else self.names
        object.__setattr__(self, "names", tuple(map(str, names)))
        object.__setattr__(self, "multi", _groups(self.multi))

    @property
    def hides_sizes(self) -> bool:
        return self.legend is True or isinstance(self.legend, Mapping)

    def legend_rows(self) -> list[Runs]:
        """The rows of the legend that were given."""
        if not isinstance(self.legend, Mapping):
            return []
        return [(*_runs(name), *word(" = ", "roman"), *_runs(size)) for name, size in self.legend.items()]


def style_of(options: Mapping[str, object]) -> Style:
    """The style with some options.

    Raises:
        NcdError: An option that does not exist; those that do are listed.
    """
    known = [item.name for item in fields(Style)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise NcdError(f"no option {unknown[0]!r} of a picture", want=", ".join(known))
    return Style(**options)


def _whole(value) -> bool:
    return not isinstance(value, bool) and isinstance(value, int) and value >= 0


def _groups(multi) -> dict[str, tuple[str, ...]]:
    if not isinstance(multi, Mapping):
        raise NcdError(f"multi={multi!r}", want='a mapping from a name to labels, as in {"x": "h w"}')
    made, seen = {}, set()
    for name, labels in multi.items():
        parts = tuple(labels.split() if isinstance(labels, str) else labels)
        if len(parts) < 2 or len(set(parts)) < len(parts) or seen.intersection(parts):
            raise NcdError(f"the multi-axis {name!r} of {' '.join(map(str, parts)) or 'nothing'}",
                           want="two labels or more, each in one multi-axis only")
        seen.update(parts)
        made[str(name)] = parts
    return made


def _runs(value) -> Runs:
    """A size where it is one, else the text."""
    try:
        return size_runs(as_size(value))
    except NcdError:
        return word(str(value), limit=60)

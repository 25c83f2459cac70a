"""A scene as TikZ: a LaTeX document that compiles alone, every text escaped.

One pixel of the picture is 0.75 bp; y grows downwards as in the scene. Characters beyond ASCII are
written as mathematics; one that has no name there is written as its code point in a box.
"""

from __future__ import annotations

import unicodedata

from ncd.interpret.draw.formats.svg import Palette, layered, number, smaller
from ncd.interpret.draw.scene.mathtext import BOLD, ITALIC, MONO, SANS, Runs
from ncd.interpret.draw.scene.metrics import FAINT, INK, LIGHT, MARGIN, PLAIN, printable
from ncd.interpret.draw.scene.scene import Arc, Element, Scene, Shape, Text, Wire

UNIT = 0.75                             # big points for one pixel

_ASCII = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
          "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
          ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}"}
_MATH = {"−": "-", "×": r"\times", "÷": r"\div", "·": r"\cdot", "±": r"\pm", "∂": r"\partial", "∇": r"\nabla",
         "Σ": r"\Sigma", "Π": r"\Pi", "∀": r"\forall", "∃": r"\exists", "∞": r"\infty", "√": r"\surd",
         "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "≤": r"\leq", "≥": r"\geq",
         "≠": r"\neq", "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow",
         "↦": r"\mapsto", "⟨": r"\langle", "⟩": r"\rangle", "★": r"\bigstar", "⋆": r"\star", "∧": r"\wedge",
         "∨": r"\vee", "¬": r"\neg", "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}",
         "ℂ": r"\mathbb{C}", "𝔼": r"\mathbb{E}", "𝒩": r"\mathcal{N}", "𝒰": r"\mathcal{U}", "ℓ": r"\ell",
         "'": "'", "′": "'", "…": r"\ldots", "ᵀ": r"^{\mathsf{T}}", "†": r"^{\dagger}", "°": r"^{\circ}",
         "⊗": r"\otimes", "⊕": r"\oplus", "⊙": r"\odot", "∪": r"\cup", "∩": r"\cap", "∘": r"\circ",
         "∈": r"\in", "≈": r"\approx", "≅": r"\cong", "≃": r"\simeq", "≡": r"\equiv", "∼": r"\sim",
         "∝": r"\propto", "∫": r"\int", "‖": r"\|", "⊤": r"\top", "⊥": r"\bot", "∅": r"\emptyset"}
_MATH |= {character: f"^{number}" for number, character in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_MATH |= {"⁺": "^{+}", "⁻": "^{-}", "⁼": "^{=}", "⁽": "^{(}", "⁾": "^{)}"}
_MATH |= {character: f"_{number}" for number, character in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta",
          "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
          "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi",
          "ω": "omega", "ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi", "ς": "varsigma", "Γ": "Gamma",
          "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Φ": "Phi",
          "Ψ": "Psi", "Ω": "Omega"}
_MATH |= {letter: rf"\{name}" for letter, name in _GREEK.items()}
_MATH["↯"] = r"\rightsquigarrow"
_ACCENTS = {"\u0304": r"\=", "\u0305": r"\=", "\u0302": r"\^", "\u0303": r"\~", "\u0301": r"\'",
            "\u0300": r"\`", "\u0308": r'\"', "\u0307": r"\.", "\u0306": r"\u", "\u030a": r"\r",
            "\u030b": r"\H", "\u030c": r"\v", "\u0323": r"\d", "\u0327": r"\c", "\u0331": r"\b"}
_OVER = {r"\=": "bar", r"\^": "hat", r"\~": "tilde", r"\'": "acute", r"\`": "grave", r'\"': "ddot",
         r"\.": "dot", r"\u": "breve", r"\r": "mathring", r"\v": "check"}      # in mathematics
_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
            "ı": "i", "–": "textendash", "—": "textemdash", "‘": "textquoteleft", "’": "textquoteright",
            "“": "textquotedblleft", "”": "textquotedblright"}
_SPACES = {"\u2009": r"\,", "\u00a0": "~", "\u202f": r"\,"}


def escaped(text: str) -> str:
    """A text as LaTeX that prints it.

    >>> print(escaped("a_b × 50%"))
    a\\_b \\ensuremath{\\times} 50\\%
    """
    made = []
    for character in _apart(printable(text, 10_000)):
        if character in _ACCENTS and made:
            made[-1] = _accented(made[-1], _ACCENTS[character])
        elif character in _ASCII:
            made.append(_ASCII[character])
        elif character in _MATH:
            made.append(rf"\ensuremath{{{_MATH[character]}}}")
        elif character.isascii():
            made.append(character)
        elif character in _SPACES:
            made.append(_SPACES[character])
        elif character in _LETTERS:
            made.append(rf"\{_LETTERS[character]}{{}}")
        else:
            made.append(_letter(character))
    return "".join(made)


def _accented(letter: str, accent: str) -> str:
    """A letter, as TeX has it, under or over an accent; one of mathematics has an accent of mathematics."""
    formula = letter.removeprefix(r"\ensuremath")
    if formula == letter or accent not in _OVER:
        return rf"{accent}{{{letter}}}"
    return rf"\ensuremath{{\{_OVER[accent]}{formula}}}"


def _apart(text: str) -> str:
    """The text with each letter before its accents, where TeX can set all of them."""
    made = []
    for character in text:
        letter, *accents = unicodedata.normalize("NFD", character)
        made += [letter, *accents] if all(accent in _ACCENTS for accent in accents) else [character]
    return "".join(made)


def _letter(character: str) -> str:
    """A letter of another shape as its plain letters, with an accent that TeX lacks left out; anything else
    by its number."""
    plain = unicodedata.normalize("NFKD", character).replace("⁄", "/")
    if len(plain) > 1 and unicodedata.combining(plain[1]):
        plain = plain[0]
    known = plain.isascii() and plain.replace("/", "").isalnum()
    return plain if known else rf"\unknown{{{ord(character):04X}}}"


def _runs(runs: Runs) -> str:
    made = []
    for run in runs:
        text = escaped(run.text)
        command = {ITALIC: "textit", BOLD: "textbf", SANS: "textsf", MONO: "texttt"}.get(run.style)
        text = rf"\{command}{{{text}}}" if command else text
        if run.level:
            text = rf"\{'textsuperscript' if run.level > 0 else 'textsubscript'}{{{text}}}"
        made.append(text)
    return "".join(made)


def _point(x: float, y: float) -> str:
    return f"({number(x)},{number(y)})"


class _Writer:
    """The lines of a picture, and the colours that it uses."""

    def __init__(self, palette: Palette):
        self.colours: dict[str, str] = {}
        self.palette = palette

    def colour(self, value: str) -> str:
        return self.colours.setdefault(self.palette.get(value, value).upper(), f"c{len(self.colours)}")

    def wire(self, wire: Wire) -> str:
        style = {"dash": "separator", "double": "wire"}.get(wire.kind, wire.kind)
        return "\n".join(rf"\draw[{style}] {self._line(points, wire.straight)};" for points in wire.lines)

    @staticmethod
    def _line(points, straight: bool) -> str:
        (x, y), *rest = points
        pieces = [_point(x, y)]
        for to_x, to_y in rest:
            half = (to_x - x) / 2
            if to_y == y or straight:
                pieces.append(f"-- {_point(to_x, to_y)}")
            else:
                pieces.append(f".. controls {_point(x + half, y)} and {_point(to_x - half, to_y)} .. "
                              f"{_point(to_x, to_y)}")
            x, y = to_x, to_y
        return " ".join(pieces)

    def shape(self, shape: Shape) -> str:
        options = [] if shape.fill == "none" else [f"fill={self.colour(shape.fill)}"]
        if shape.stroke != "none":
            options.append(f"draw={self.colour(shape.stroke)}, line width={number(shape.width * UNIT)}bp")
        if shape.radius:
            (x, y), = shape.points
            path = f"{_point(x, y)} circle[radius={number(shape.radius * UNIT)}bp]"
        else:
            path = " -- ".join(_point(*point) for point in shape.points) + " -- cycle" * shape.closed
        return rf"\path[{', '.join(options)}] {path};"

    def arc(self, arc: Arc) -> str:
        return "\n".join(map(self._half, arc.lines))

    @staticmethod
    def _half(arc: Arc) -> str:
        half = (arc.bottom - arc.top) / 2 * UNIT
        # y points down: from the top the arc runs through the side that it bulges to.
        turn = "start angle=90, end angle=-90" if arc.reach > 0 else "start angle=90, end angle=270"
        return (rf"\draw[wire, line width={number(arc.width * UNIT)}bp] {_point(arc.x, arc.top)} "
                f"arc[{turn}, x radius={number(abs(arc.reach) * UNIT)}bp, y radius={number(half)}bp];")

    def text(self, text: Text) -> str:
        anchor = {"start": "base west", "middle": "base", "end": "base east"}[text.anchor]
        fill = "" if text.fill == INK else f", text={self.colour(text.fill)}"
        size = text.size * UNIT
        return (rf"\node[label, anchor={anchor}, font=\fontsize{{{number(size)}}}{{{number(size)}}}"
                rf"\selectfont{fill}] at {_point(text.x, text.y)} {{{_runs(text.runs)}}};")

    def element(self, item: Element) -> str:
        writers = {Wire: self.wire, Shape: self.shape, Arc: self.arc, Text: self.text}
        return writers[type(item)](item)


def write(scene: Scene, title: str, palette: Palette = LIGHT, limit: float | None = None) -> str:
    """The whole document: a page of the size of the picture.

    Parameters:
        palette: {a colour: the one in its place}.
        limit: The widest that the picture may be, in pixels; what is wider is drawn smaller.
    """
    writer = _Writer(palette)
    ink, faint = writer.colour(INK), writer.colour(FAINT)
    page = [rf"\pagecolor{{{writer.colour(PLAIN)}}}"] if PLAIN in palette else []
    body = [writer.element(item) for item in layered(scene.elements)]
    left, top, right, bottom = scene.bounds()
    # Texts may be a little wider or taller in TeX than estimated: the page has room for that.
    width, height = (right - left + 3 * MARGIN) * UNIT, (bottom - top + 4 * MARGIN) * UNIT
    border = number(MARGIN * UNIT)
    factor = smaller(right - left + 2 * MARGIN, limit)
    width, height = width * factor, height * factor
    small = f"scale={factor:.4f}, transform shape, " if factor < 1 else ""
    comment = printable(title, 10_000).replace("%", " ")
    lines = [
        f"% {comment}", r"\RequirePackage{fix-cm}",
        rf"\IfFileExists{{standalone.cls}}{{\documentclass[border={border}bp]{{standalone}}}}"
        rf"{{\documentclass{{article}}\usepackage[paperwidth={number(width)}bp, "
        rf"paperheight={number(height)}bp, margin={border}bp, noheadfoot]{{geometry}}\pagestyle{{empty}}"
        r"\setlength{\parindent}{0pt}}",
        r"\usepackage{amssymb}", r"\usepackage{tikz}",
        r"\newcommand{\unknown}[1]{\fbox{\tiny #1}}",
        *(rf"\definecolor{{{name}}}{{HTML}}{{{value.lstrip('#')}}}"
          for value, name in writer.colours.items()),
        r"\begin{document}", *page,
        rf"\begin{{tikzpicture}}[{small}x={number(UNIT)}bp, y=-{number(UNIT)}bp, line join=round,",
        f"  wire/.style={{draw={ink}, line width={number(UNIT)}bp}},",
        f"  scalar/.style={{draw={faint}, line width={number(UNIT)}bp, dash pattern=on 1.1bp off 2.2bp}},",
        f"  tail/.style={{draw={faint}, line width={number(UNIT)}bp}},",
        f"  fence/.style={{draw={faint}, line width={number(UNIT)}bp, dash pattern=on 0.8bp off 2.5bp}},",
        f"  separator/.style={{draw={ink}, line width={number(UNIT)}bp, dash pattern=on 4.5bp off 3.7bp}},",
        f"  label/.style={{inner sep=0, outer sep=0, text={ink}}}]",
        *body, r"\end{tikzpicture}", r"\end{document}", ""]
    return "\n".join(lines)

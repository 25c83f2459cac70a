"""The table of widths of ``ncd/interpret/draw/scene/advances.py``; ``python -m tests.advances`` prints it.

From what matplotlib brings: the fonts DejaVu, whose licence is free, and Adobe's metrics of Times, Palatino
and Helvetica, which may be used and distributed freely. They hold widths, no outlines.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

CHARACTERS = "".join(map(chr, (*range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x180),
                               *range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA)))) + (
    "‐‑‒–—‘’“”†‡•…‰′″‹›⁄ⁱ⁰⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ₀₁₂₃₄₅₆₇₈₉ᵀℓℝℂ←↑→↓↔⇒∀∂∃∅∆∇∈∉∏∑−∓∗∘√∞∧∨∩∪∫≅≈≠≡≤≥≪≫⊂⊆⊕⊗⊙⊤⊥⋅⋆⌈⌉⌊⌋★☆⟨⟩↯𝔼𝒩𝒰ᴴ⋯")
STYLES = {"roman": ("DejaVuSerif.ttf", "ptmr8a.afm", "pplr8a.afm"),
          "italic": ("DejaVuSerif-Italic.ttf", "ptmri8a.afm", "pplri8a.afm"),
          "bold": ("DejaVuSerif-Bold.ttf", "ptmb8a.afm", "pplb8a.afm"),
          "sans": ("DejaVuSans.ttf", "phvr8a.afm")}
SPARE = "DejaVuSans.ttf"        # has the characters that the others have not


def advances(path: str | Path) -> dict[int, float]:
    """{code point: its advance width in em} of a font or of a file of metrics (Adobe's AFM)."""
    if str(path).endswith(".afm"):
        from fontTools.agl import AGL2UV
        rows = re.findall(r"WX (\d+) ; N (\w+) ;", Path(path).read_text(encoding="latin-1"))
        return {AGL2UV[name]: int(width) / 1000 for width, name in rows if name in AGL2UV}
    from fontTools.ttLib import TTFont
    with TTFont(path) as font:
        unit, widths = font["head"].unitsPerEm, font["hmtx"]
        return {code: widths[name][0] / unit for code, name in font.getBestCmap().items()}


def table() -> dict[str, dict[str, int]]:
    """{style: {character: hundredths of an em, rounded up, in the widest of the fonts}}."""
    import matplotlib
    folder = Path(matplotlib.get_data_path(), "fonts")
    fonts = {name: advances(folder / name[-3:] / name) for name in (*sum(STYLES.values(), ()), SPARE)}
    made: dict[str, dict[str, int]] = {}
    for style, names in STYLES.items():
        made[style] = {}
        for character in CHARACTERS:
            code = ord(character)
            found = [fonts[name][code] for name in names if code in fonts[name]] or [
                fonts[SPARE][code] for _ in (0,) if code in fonts[SPARE]]
            if found:
                made[style][character] = math.ceil(100 * max(found) - 1e-9)
    return made


def module() -> str:
    """The text of the module."""
    lines = ['"""Advance widths in hundredths of an em, rounded up: {style: {width: characters}}.',
             "", "The widest of DejaVu Serif, Times and Palatino, upright, italic and bold, of",
             "DejaVu Sans and Helvetica. Made by ``python -m tests.advances``; do not edit.", '"""', "",
             "ADVANCES = {"]
    for style, widths in table().items():
        groups: dict[int, str] = {}
        for character, width in widths.items():
            groups[width] = groups.get(width, "") + character
        lines.append(f'    "{style}": {{')
        line = "       "
        for width in sorted(groups):
            text = repr(groups[width])
            while len(text) > 90:
                raise ValueError("a group is too long for one line")
            entry = f" {width}: {text},"
            if len(line) + len(entry) > 110:
                lines.append(line)
                line = "       "
            line += entry
        lines += [line, "    },"]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    print(module(), end="")

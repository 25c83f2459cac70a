"""GPT-3 as a diagram, by the table of sizes of its paper (Brown et al. 2020, arXiv 2005.14165)."""

from __future__ import annotations

import ncd
from ncd import nn
from ncd.core.category import Diagram

VOCABULARY, CONTEXT, TOKENS = 50257, 2048, 300_000_000_000
SIZES = {       # table 2.1: layers, width, heads; table D.1: parameters (millions), training FLOPs
    "Small": (12, 768, 12, 125, 2.25e20), "Medium": (24, 1024, 16, 356, 6.41e20),
    "Large": (24, 1536, 16, 760, 1.37e21), "XL": (24, 2048, 16, 1_320, 2.38e21),
    "2.7B": (32, 2560, 32, 2_650, 4.77e21), "6.7B": (32, 4096, 32, 6_660, 1.20e22),
    "13B": (40, 5120, 40, 12_850, 2.31e22), "175B": (96, 12288, 96, 174_600, 3.14e23)}
"""The paper prints a width of 5140 for 13B beside 40 heads of 128, which are 5120, and 24 heads of 128 for XL
beside a width of 2048, which 16 make; neither changes a count but by that."""


def gpt() -> Diagram:
    """A decoder of l pre-norm blocks, width m, h heads; the table of the embedding scores the result.

    Type:      x : index(v) -> x v
    """
    attend = nn.pre_norm(nn.self_attention("x m", mask="causal", bias=True), nn.layer_norm("m"))
    feed = nn.pre_norm(nn.feed_forward("m", "f", nn.gelu).on("x m"), nn.layer_norm("m"))
    block = (attend >> feed).block("block")

    @ncd.diagram("x : index(v)")
    def model(tokens):
        z = nn.embedding("v m", name="/embedding")(tokens) + nn.learned_position("x m")()
        z = nn.layer_norm("m")(block.repeat("l")(z))
        return nn.unembedding("v m", name="/embedding")(z)
    return model.bind(f="4*m").bind(k="m/h")


def loss() -> Diagram:
    """The mean cross-entropy of a sequence of tokens with those that follow them.

    Type:      x : index(v), x : index(v) -> ()
    """
    model = gpt()
    return ncd.diagram("x : index(v), x : index(v)")(
        lambda tokens, after: nn.mean("x")(nn.cross_entropy("v")(model(tokens), after)))


def at(name: str) -> dict[str, int]:
    layers, width, heads, *_ = SIZES[name]
    return {"l": layers, "m": width, "h": heads, "v": VOCABULARY, "x": CONTEXT}

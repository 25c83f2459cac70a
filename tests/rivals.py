"""The models that FLOP counters are compared on: each as a diagram, its sizes, its exact contractions."""

from __future__ import annotations

from collections.abc import Callable

import ncd
from ncd import nn
from ncd.construct.derived import relabel
from ncd.construct.generators import opaque
from ncd.construct.notation import rearrange
from ncd.core.category import Diagram
from ncd.interpret.cost import COST, measure, work
from ncd.ops.indexed import Segment
from ncd.ops.pointwise import Reduce, TopK

CONTRACTIONS = COST | dict.fromkeys((Reduce, Segment, TopK), lambda op, convention: work(op, convention)) | {
    "product": lambda op, convention: work(op, convention, op.dom[0].elements * op.cod[0].size("p") * 2)}
"""Contractions alone, as the counters that count products do; what the custom operation costs is said."""


def mlp() -> Diagram:
    return (nn.linear("p=784 -> d=512") >> nn.relu >> nn.linear("d=512 -> k=10")).on("b p=784")


def attention() -> Diagram:
    """Written out: two products and a softmax."""
    @ncd.diagram("b h y k, b h x k, b h x v")
    def body(q, k, v):
        scores = ncd.einsum("b h y k, b h x k -> b h y x")(q, k) * ncd.size("k") ** -0.5
        return ncd.einsum("b h y x, b h x v -> b h y v")(ncd.softmax("x")(scores), v)
    return body


def multi_head() -> Diagram:
    """Written out: four projections around attention."""
    @ncd.diagram("b x m")
    def body(x):
        q, k, v = (nn.linear("m -> h=8 k=64", name=name)(x) for name in "QKV")
        mixed = attention()(relabel(x="y")(q), k, relabel(k="v")(v))
        return nn.linear("h v -> m", name="O")(relabel(y="x")(mixed))
    return body.bind(m=512)


def encoder() -> Diagram:
    """Written out: multi-head attention, two linear maps, both with residuals and layer norms."""
    @ncd.diagram("b x m=512")
    def body(x):
        x = nn.layer_norm("m")(x + multi_head()(x))
        hidden = nn.relu(nn.linear("m -> f=2048")(x))
        return nn.layer_norm("m")(x + nn.linear("f -> m=512")(hidden))
    return body


def basic_block() -> Diagram:
    """Two convolutions with norms and a rectifier, beside them a strided projection (He et al. 2016)."""
    def convolution(channels, kernel, stride, padding):
        return nn.convolution("x y", channels, kernel=kernel, stride=stride, padding=padding, bias=False)

    @ncd.diagram("n x y c=64")
    def body(image):
        norm = lambda wire: nn.batch_norm_inference("c")(wire)
        main = nn.relu(norm(convolution("c=64 -> c=128", 3, 2, 1)(image)))
        main = norm(convolution("c=128 -> c=128", 3, 1, 1)(main))
        return nn.relu(main + norm(convolution("c=64 -> c=128", 1, 2, 0)(image)))
    return body


def vision_transformer(layers="L") -> Diagram:
    """Patches, a class token, positions, pre-norm blocks in a loop, a head (Dosovitskiy et al. 2021)."""
    block = nn.transformer_block("x m", "f", activation=nn.gelu)

    @ncd.diagram("b u=224 v=224 c=3")
    def body(image):
        patches = nn.convolution("u v", "c=3 -> m", kernel=16, stride=16)(image)
        tokens = rearrange("u v m -> x=(u v) m").on(ncd.Ty(patches.type))(patches)
        first = ncd.parameter("token", "x=1 m")()
        tokens = ncd.concat("x")(ncd.construct.generators.repeat_axis("b")(first), tokens)
        tokens = block.on(ncd.Ty(tokens.type)).repeat(layers)(tokens + ncd.parameter("position", "x=197 m")())
        return nn.linear("m -> k=1000")(ncd.construct.generators.index(x=0)(nn.layer_norm("m")(tokens)))
    return body


def grouped_convolution() -> Diagram:
    return nn.convolution("x y", "c=32 -> e=64", kernel=3, stride=2, dilation=2, padding=1, groups=4).on(
        "n x y c=32")


def library_attention() -> Diagram:
    return nn.attention().on("b h y k, b h x k, b h x v")


def library_multi_head() -> Diagram:
    return nn.self_attention(heads=8, width=64, bias=True).on("b x m")


def library_encoder() -> Diagram:
    return nn.transformer_block("x m", "f", heads=8, width=64, pre=False).on("b x m")


def lstm() -> Diagram:
    return nn.lstm("t", "x -> h").on("b t x")


def custom() -> Diagram:
    """A function of one's own, whose cost one says: a matrix product of 64 × 512 by 512 × 256."""
    return opaque("product", "b m, m p -> b p")


SEQUENCE = {"b": 2, "x": 128, "m": 512, "f": 2048}
HEADS = {"b": 2, "h": 8, "x": 128, "y": 128, "k": 64, "v": 64}
ROWS: dict[str, tuple[Callable[[], Diagram], dict[str, int], int]] = {
    "MLP 32×784→512→10": (mlp, {"b": 32}, 26_017_792),
    "attention by matmul": (attention, HEADS, 67_108_864),
    "attention, fused": (library_attention, HEADS, 67_108_864),
    "multi-head by hand": (multi_head, SEQUENCE, 603_979_776),
    "multi-head, library": (library_multi_head, SEQUENCE, 603_979_776),
    "encoder block": (encoder, SEQUENCE, 1_677_721_600),
    "encoder block, library": (library_encoder, SEQUENCE, 1_677_721_600),
    "conv stride 2, dilation 2, 4 groups": (grouped_convolution, {"n": 8, "x": 56, "y": 56}, 53_747_712),
    "ResNet basic block, stride 2": (basic_block, {"n": 8, "x": 56, "y": 56}, 2_877_292_544),
    "ViT-S": (vision_transformer, {"b": 1, "m": 384, "h": 6, "k": 64, "f": 1536, "L": 12}, 9_197_764_608),
    "custom operation": (custom, {"b": 64, "m": 512, "p": 256}, 2 * 64 * 512 * 256),
    "LSTM": (lstm, {"b": 8, "t": 32, "x": 128, "h": 256}, 2 * 8 * 32 * 4 * 256 * (128 + 256))}
"""{case: (its diagram, its sizes, its exact contraction FLOPs, a multiply-add being 2)}."""


def ratio(case: str) -> float:
    """What ncd says ÷ the exact contractions."""
    make, sizes, exact = ROWS[case]
    return measure(make(), "none", CONTRACTIONS).evaluate(**sizes)["flops"] / exact

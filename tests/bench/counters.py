"""FLOPs that other counters report over the exact count, on models that they go wrong on.

torch's own counter is measured where torch is installed, the others where they are.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from tests.rivals import ROWS, ratio


def models() -> dict[str, tuple[Callable, tuple]]:
    """The same models in torch: {row of the table: (module, example inputs)}."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self, fused: bool):
            super().__init__()
            self.fused = fused

        def forward(self, q, k, v):
            if self.fused:
                return nn.functional.scaled_dot_product_attention(q, k, v)
            return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1) @ v

    class Library(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.MultiheadAttention(512, 8, batch_first=True)

        def forward(self, x):
            return self.inner(x, x, x, need_weights=False)[0]

    class MultiHead(nn.Module):
        def __init__(self, width=512):
            super().__init__()
            self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
            self.attend = Attention(False)

        def forward(self, x):
            q, k, v = (f(x).unflatten(-1, (-1, 64)).transpose(1, 2) for f in (self.q, self.k, self.v))
            return self.o(self.attend(q, k, v).transpose(1, 2).flatten(2))

    class Encoder(nn.Module):
        def __init__(self, width=512, hidden=2048):
            super().__init__()
            self.attend = MultiHead(width)
            self.feed = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
            self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, x):
            x = self.one(x + self.attend(x))
            return self.two(x + self.feed(x))

    class Basic(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
                nn.Conv2d(128, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128))
            self.beside = nn.Sequential(nn.Conv2d(64, 128, 1, stride=2, bias=False), nn.BatchNorm2d(128))

        def forward(self, x):
            return torch.relu(self.main(x) + self.beside(x))

    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.head = nn.Conv2d(3, 384, 16, 16), nn.Linear(384, 1000)
            self.token = nn.Parameter(torch.zeros(1, 1, 384))
            self.layers = nn.Sequential(*(Encoder(384, 1536) for _ in range(12)))

        def forward(self, image):
            words = self.patches(image).flatten(2).transpose(1, 2)
            return self.head(self.layers(torch.cat([self.token, words], 1))[:, 0])

    @torch.library.custom_op("ncd_bench::product", mutates_args=(), schema="(Tensor a, Tensor b) -> Tensor")
    def product(a, b):
        return a @ b

    class Custom(nn.Module):
        def forward(self, a, b):
            return product(a, b)

    one = tuple(torch.randn(2, 8, 128, 64) for _ in range(3))
    words = (torch.randn(2, 128, 512),)
    return {
        "MLP 32×784→512→10": (
            nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)), (torch.randn(32, 784),)),
        "attention by matmul": (Attention(False), one), "attention, fused": (Attention(True), one),
        "multi-head by hand": (MultiHead(), words), "multi-head, library": (Library(), words),
        "encoder block": (Encoder(), words),
        "ResNet basic block, stride 2": (Basic(), (torch.randn(8, 64, 56, 56),)),
        "encoder block, library": (nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True), words),
        "conv stride 2, dilation 2, 4 groups": (
            nn.Conv2d(32, 64, 3, stride=2, dilation=2, padding=1, groups=4),
            (torch.randn(8, 32, 56, 56),)),
        "ViT-S": (Vision(), (torch.randn(1, 3, 224, 224),)),
        "custom operation": (Custom(), (torch.randn(64, 512), torch.randn(512, 256))),
        "LSTM": (nn.LSTM(128, 256, batch_first=True), (torch.randn(8, 32, 128),))}


def torch_counter(module, inputs) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module.eval()(*inputs)
    return counter.get_total_flops()


def fvcore(module, inputs) -> float:
    from fvcore.nn import FlopCountAnalysis
    found = FlopCountAnalysis(module.eval(), inputs)
    found.unsupported_ops_warnings(False)
    return 2 * found.total()


def thop(module, inputs) -> float:
    from thop import profile
    return 2 * profile(module.eval(), inputs=inputs, verbose=False)[0]


def torchinfo(module, inputs) -> float:
    from torchinfo import summary
    return 2 * summary(module.eval(), input_data=inputs, verbose=0).total_mult_adds


COUNTERS = {"torch": torch_counter, "fvcore": fvcore, "thop": thop, "torchinfo": torchinfo}


def main() -> None:
    if importlib.util.find_spec("torch") is None:
        print("torch is not installed: ncd's column only")
        for row in ROWS:
            print(f"  {row:<40} ncd {ratio(row):.3f}")
        return
    known = [name for name in COUNTERS if importlib.util.find_spec(name) is not None]
    print(f"{'FLOPs reported ÷ exact':<40}{'ncd':>9}" + "".join(f"{name:>11}" for name in known))
    measured = models()
    for row, (_, _, exact) in ROWS.items():
        cells = f"{ratio(row):>9.3f}"
        for name in known if row in measured else ():
            try:
                cells += f"{COUNTERS[name](*measured[row]) / exact:>11.3f}"
            except Exception as error:          # what a counter cannot do is its result
                cells += f"{type(error).__name__[:10]:>11}"
        print(f"{row:<40}{cells}")

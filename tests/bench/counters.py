"""FLOPs that other counters report over the exact count, on models that they go wrong on.

The extra ``counters`` installs them all, as in ``make bench VENV=.venv/counters EXTRA=,counters``; what is
not installed is ``absent``. Each cell is measured in a process of its own, as several counters patch torch
and leave it so when they fail. Every model runs as in inference, ``eval`` under ``no_grad``: torch's own
layers then take the fast path that most counters do not see, where without ``no_grad`` some of them see it.
Counters of multiply-adds are doubled.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import itertools
import multiprocessing
from collections.abc import Callable

from tests.rivals import CONTRACTIONS, ROWS, ratio


# -- the models ------------------------------------------------------------------------------
def models() -> dict[str, tuple[Callable, Callable]]:
    """Models in torch of the same contractions: {row of the table or case beside it: (module, inputs)}."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Of(nn.Module):
        """A module of a function and the modules it uses."""
        def __init__(self, function, **inner):
            super().__init__()
            self.function = function
            for name, module in inner.items():
                setattr(self, name, module)

        def forward(self, *inputs):
            return self.function(self, *inputs)

    def attend(q, k, v, operator=False):
        product = (lambda a, b: a @ b) if operator else torch.matmul    # looked up late: counters patch it
        return product(torch.softmax(product(q, k.transpose(-1, -2)) / q.shape[-1] ** 0.5, -1), v)

    def multi_head(width=512, operator=False):
        def forward(self, x):
            q, k, v = (f(x).unflatten(-1, (-1, 64)).transpose(1, 2) for f in (self.q, self.k, self.v))
            return self.o(attend(q, k, v, operator).transpose(1, 2).flatten(2))
        return Of(forward, **{name: nn.Linear(width, width) for name in "qkvo"})

    def feed(sizes, function=False):
        one, two = (nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        if function:
            return Of(lambda self, x: self.two(functional.relu(self.one(x))), one=one, two=two)
        return nn.Sequential(one, nn.ReLU(), two)

    def encoder(width=512, hidden=2048, function=False):
        def forward(self, x):
            x = self.one(x + self.attend(x))
            return self.two(x + self.feed(x))
        return Of(forward, attend=multi_head(width), feed=feed((width, hidden, width), function),
                  one=nn.LayerNorm(width), two=nn.LayerNorm(width))

    def basic():
        main = nn.Sequential(
            nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.Conv2d(128, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128))
        beside = nn.Sequential(nn.Conv2d(64, 128, 1, stride=2, bias=False), nn.BatchNorm2d(128))
        return Of(lambda self, x: torch.relu(self.main(x) + self.beside(x)), main=main, beside=beside)

    def vision(function=False):
        def forward(self, image):
            words = self.patches(image).flatten(2).transpose(1, 2)
            return self.head(self.layers(torch.cat([self.token, words], 1))[:, 0])
        return Of(forward, patches=nn.Conv2d(3, 384, 16, 16), head=nn.Linear(384, 1000),
                  token=nn.Parameter(torch.zeros(1, 1, 384)),
                  layers=nn.Sequential(*(encoder(384, 1536, function) for _ in range(12))))

    def custom(held: bool = False, before: bool = False):
        @torch.library.custom_op("ncd_bench::product", mutates_args=(),
                                 schema="(Tensor a, Tensor b) -> Tensor")
        def product(a, b):
            return a @ b
        if before:
            product(torch.ones(1, 1), torch.ones(1, 1))
        if held:
            return Of(lambda self, a: product(a, self.b), b=nn.Parameter(torch.randn(512, 256)))
        return Of(lambda self, a, b: product(a, b))

    def library():
        return Of(lambda self, x: self.inner(x, x, x, need_weights=False)[0],
                  inner=nn.MultiheadAttention(512, 8, batch_first=True))

    def convolution():
        return nn.Conv2d(32, 64, 3, stride=2, dilation=2, padding=1, groups=4)

    def inputs(*shapes):
        return lambda: tuple(torch.randn(shape) for shape in shapes)

    heads, words, image = [(2, 8, 128, 64)] * 3, (2, 128, 512), (8, 32, 56, 56)
    return {
        "MLP 32×784→512→10": (lambda: feed((784, 512, 10)), inputs((32, 784))),
        "attention by matmul": (lambda: Of(lambda self, *qkv: attend(*qkv)), inputs(*heads)),
        "attention, fused": (lambda: Of(lambda self, *qkv: functional.scaled_dot_product_attention(*qkv)),
                             inputs(*heads)),
        "multi-head by hand": (multi_head, inputs(words)),
        "multi-head, library": (library, inputs(words)),
        "encoder block": (encoder, inputs(words)),
        "encoder block, library": (lambda: nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True),
                                   inputs(words)),
        "conv stride 2, dilation 2, 4 groups": (convolution, inputs(image)),
        "ResNet basic block, stride 2": (basic, inputs((8, 64, 56, 56))),
        "ViT-S": (vision, inputs((1, 3, 224, 224))),
        "custom operation": (custom, inputs((64, 512), (512, 256))),
        "LSTM": (lambda: nn.LSTM(128, 256, batch_first=True), inputs((8, 32, 128))),
        "conv, called by name": (lambda: Of(lambda self, x: self.inner(input=x), inner=convolution()),
                                 inputs(image)),
        "MLP, the function relu": (lambda: feed((784, 512, 10), True), inputs((32, 784))),
        "encoder block, the function relu": (lambda: encoder(function=True), inputs(words)),
        "ViT-S, the function relu": (lambda: vision(True), inputs((1, 3, 224, 224))),
        "multi-head by the operator @": (lambda: multi_head(operator=True), inputs(words)),
        "custom operation on a parameter": (lambda: custom(held=True), inputs((64, 512))),
        "custom operation that has run before": (lambda: custom(before=True), inputs((64, 512), (512, 256))),
        "LSTM 256→256": (lambda: nn.LSTM(256, 256, batch_first=True), inputs((8, 32, 256)))}


# -- the counters: (module, inputs) to FLOPs -------------------------------------------------
def torch_counter(module, inputs) -> float:
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


def fvcore(module, inputs) -> float:
    from fvcore.nn import FlopCountAnalysis
    return 2 * FlopCountAnalysis(module, inputs).unsupported_ops_warnings(False).total()


def thop(module, inputs) -> float:
    from thop import profile
    return 2 * profile(module, inputs=inputs, verbose=False)[0]


def ptflops(module, inputs) -> float:
    """Its inputs by name, as it divides some of the count by the batch, but not all, when they are not."""
    from ptflops import get_model_complexity_info
    from torch import nn

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, inputs):
            return self.module(*inputs)

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        found = get_model_complexity_info(Whole(), (1,), print_per_layer_stat=False, as_strings=False,
                                          input_constructor=lambda _: {"inputs": inputs}, backend="pytorch")
    if found[0] is None:
        raise RuntimeError(said.getvalue().strip().splitlines()[-1])
    return 2 * found[0]


def calflops(module, inputs) -> float:
    from calflops import calculate_flops
    return calculate_flops(module, args=list(inputs), print_results=False, output_as_string=False)[0]


def torchinfo(module, inputs) -> float:
    from torchinfo import summary
    return 2 * summary(module, input_data=inputs, verbose=0).total_mult_adds


def deepspeed(module, inputs) -> float:
    from deepspeed.profiling.flops_profiler import get_model_profile
    return get_model_profile(module, args=list(inputs), print_profile=False, as_string=False)[0]


COUNTERS = {"torch": torch_counter, "fvcore": fvcore, "thop": thop, "ptflops": ptflops,
            "calflops": calflops, "torchinfo": torchinfo, "deepspeed": deepspeed}

TABLE = {row: dict(zip(COUNTERS, cells.split())) for row, cells in {
    "MLP 32×784→512→10": "1.000 1.000 1.000 1.003 1.001 1.001 1.001",
    "attention by matmul": "1.000 1.000 0.000 1.000 error 0.000 1.000",
    "attention, fused": "0.000 0.000 0.000 0.000 error 0.000 1.000",
    "multi-head by hand": "1.000 1.000 0.889 1.002 1.000 0.007 1.000",
    "multi-head, library": "0.000 0.000 0.000 1.003 0.000 0.000 0.000",
    "encoder block": "1.000 1.002 0.961 1.002 1.001 0.008 1.001",
    "encoder block, library": "0.000 0.642 0.641 1.002 0.641 0.005 0.641",
    "conv stride 2, dilation 2, 4 groups": "1.000 1.000 1.000 error 1.007 1.014 1.007",
    "ResNet basic block, stride 2": "1.000 1.003 1.007 1.004 1.002 1.000 1.002",
    "ViT-S": "1.000 1.002 0.924 1.003 1.001 0.017 1.001",
    "custom operation": "0.000 0.000 0.000 error 0.000 0.000 1.000",
    "LSTM": "0.000 0.000 1.008 1.009 1.002 1.004 1.002"}.items()}
"""What was measured before ncd was written, on models of which only these names and counts are left."""

RELU = "ptflops counts nn.ReLU twice, as a module and as the function that it calls"
BESIDE = {
    "MLP, the function relu": ("MLP 32×784→512→10", ["ptflops"], RELU),
    "encoder block, the function relu": ("encoder block", ["ptflops"], RELU),
    "ViT-S, the function relu": ("ViT-S", ["ptflops"], RELU),
    "multi-head by the operator @": (
        "multi-head by hand", ["torch", "ptflops", "calflops", "deepspeed"],
        "ptflops and calflops patch the function matmul, not the operator"),
    "conv, called by name": (
        "conv stride 2, dilation 2, 4 groups", ["ptflops"],
        "ptflops reads a layer's inputs by position, and calls a model that is one layer by name"),
    "custom operation on a parameter": (
        "custom operation", ["calflops"], "calflops looks for a parameter and stops where there is none"),
    "custom operation that has run before": (
        "custom operation", ["ptflops"], "a first run imports torch's compiler, which fails on patches"),
    "LSTM 256→256": (
        "LSTM", ["thop", "ptflops", "calflops", "torchinfo", "deepspeed"],
        "what is counted beside contractions is c ÷ (width in + width out), widths the table does not say")}
"""Cases that show why a cell differs: {case: (row, counters, cause)}."""
EXACT = {row: found for row, (_, _, found) in ROWS.items()}
EXACT |= {case: EXACT[row] for case, (row, _, _) in BESIDE.items()} | {
    "LSTM 256→256": 2 * 8 * 32 * 4 * 256 * (256 + 256)}


# -- measuring -------------------------------------------------------------------------------
def count(counter: str, case: str) -> str | float:
    """The FLOPs that a counter reports, or why it reports none."""
    import torch
    try:
        make, inputs = models()[case]
        said = io.StringIO()
        with torch.no_grad(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return float(COUNTERS[counter](make().eval(), inputs()))
    except Exception as error:                  # what a counter cannot do is its result
        return f"{type(error).__name__} {error}".strip()


@functools.cache
def processes():
    """Where processes are made from: one in which torch and this are imported and nothing has run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", __name__])
    return context


def send(pipe, counter: str, case: str) -> None:
    pipe.send(count(counter, case))


@functools.cache
def apart(counter: str, case: str) -> str | float:
    """``count`` in a process of its own."""
    here, there = processes().Pipe(duplex=False)
    process = processes().Process(target=send, args=(there, counter, case))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return "its process ended"
    finally:
        process.join()


def cell(counter: str, case: str) -> str:
    """What a counter reports ÷ what is exact."""
    if importlib.util.find_spec(counter) is None or importlib.util.find_spec("torch") is None:
        return "absent"
    found = apart(counter, case)
    return "error" if isinstance(found, str) else f"{found / EXACT[case]:.3f}"


def grouped_backward() -> float:
    """torch's count of a convolution with 32 groups, forward and backward, over that forward."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    convolution = torch.nn.Conv2d(64, 64, 3, padding=1, groups=32, bias=False)
    images = torch.randn(2, 64, 28, 28, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        convolution(images).sum().backward()
    return counter.get_total_flops() / (2 * 2 * 64 * (64 // 32) * 9 * 28 * 28)


def scanned() -> tuple[float, float]:
    """XLA's count of the compiled ViT-S, whose layers are a scan, and one layer's contractions, over all."""
    import jax
    make, sizes, exact = ROWS["ViT-S"]
    model = make()
    params = jax.eval_shape(lambda: model.init(0, **sizes))
    images = [jax.ShapeDtypeStruct([axis.size.evaluate(sizes) for axis in array.axes], "float32")
              for array in model.dom.inside]
    found = jax.jit(model.to_jax(**sizes)).lower(params, *images).compile().cost_analysis()
    once = model.cost("none", CONTRACTIONS).evaluate(**sizes | {"L": 1})["flops"]
    return (found[0] if isinstance(found, list) else found)["flops"] / exact, once / exact


# -- what is printed -------------------------------------------------------------------------
def table() -> None:
    """Each cell, and what the table says in brackets."""
    print(f"{'reported ÷ exact [the table]':<36}{'ncd':>7}" + "".join(f"{name:>16}" for name in COUNTERS))
    for row in ROWS:
        cells = (f"{cell(name, row)} [{TABLE[row][name]}]" for name in COUNTERS)
        print(f"{row:<36}{ratio(row):>7.3f}" + "".join(f"{both:>16}" for both in cells), flush=True)


def differences() -> None:
    """Each cell that is not the table's, with its cause where a case beside the table shows it."""
    print("cells that differ from the table's")
    for row, name in ((row, name) for row in ROWS for name in COUNTERS):
        found, said = cell(name, row), TABLE[row][name]
        if found in (said, "absent"):
            continue
        print(f"  {row}, {name}: {found}, the table {said}")
        causes = [case for case, (of, names, _) in BESIDE.items() if of == row and name in names]
        for case in causes:
            print(f"    {BESIDE[case][2]}; {case}: {cell(name, case)}")
        if not causes:
            print("    cause not found")


def errors() -> None:
    print("errors")
    for row, name in ((row, name) for row in ROWS for name in COUNTERS):
        if cell(name, row) == "error":
            print(f"  {row}, {name}: {apart(name, row)}")


def main() -> None:
    installed = [name for name in COUNTERS if importlib.util.find_spec(name) is not None]
    versions = (f"{name} {importlib.metadata.version(name)}" for name in installed)
    print("installed:", ", ".join(versions) or "none")
    table()
    differences()
    errors()
    print("beside the table")
    if "torch" in installed:
        for case, (_, names, shows) in BESIDE.items():
            print(f"  {case}: " + ", ".join(f"{name} {cell(name, case)}" for name in names) + f" ({shows})")
        print(f"  torch, a convolution of 32 groups: {grouped_backward():.1f} [34], exactly 3")
    counted, once = scanned()
    print(f"  XLA, ViT-S as a scan: {counted:.4f} [.098]; one layer's contractions alone: {once:.4f}")

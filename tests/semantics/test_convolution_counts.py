"""Convolutions, their transposes and pooling, forward and backward: against torch's counter, by counting."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size
from ncd.interpret.cost import COST, measure
from ncd.interpret.cost.sparsity import taps as rules
from ncd.ops.multilinear import affine
from ncd.ops.overlap import Overlap

torch = pytest.importorskip("torch")
AXES = "x y z"


def layer(seed: int):
    """Options of a convolution of one to three axes: (ours, torch's, the shape of its input)."""
    draw = random.Random(seed)
    n = draw.choice([1, 1, 2, 2, 3])
    many = lambda *values: [draw.choice(values) for _ in range(n)]
    transposed, groups = draw.random() < 0.5, draw.choice([1, 1, 2, 4])
    c, e = (groups * draw.randint(1, 2) for _ in range(2))
    kernel, stride, dilation = many(1, 2, 3), many(1, 2, 3), many(1, 2)
    padding = [draw.randint(0, d * (k - 1) // 2) for k, d in zip(kernel, dilation)]
    sizes = [draw.randint(6, 9) if not transposed else draw.randint(3, 5) for _ in range(n)]
    extra = [draw.randint(0, s - 1) for s in stride]
    axes = AXES.split()[:n]
    each = lambda values: dict(zip(axes, values))
    output = each([s * (x - 1) + d * (k - 1) + 1 - 2 * p + o for x, k, s, d, p, o in zip(
        sizes, kernel, stride, dilation, padding, extra)])
    ours = nn.convolution(
        " ".join(f"{a}={x}" for a, x in zip(axes, sizes)), f"c={c} -> e={e}", kernel=each(kernel),
        stride=each(stride), dilation=each(dilation), padding=each(padding), groups=groups, bias=False,
        transpose=transposed, output=output if transposed else None).lift("b=3")
    kind = f"Conv{'Transpose' if transposed else ''}{n}d"
    more = {"output_padding": extra} if transposed else {}
    theirs = getattr(torch.nn, kind)(c, e, kernel, stride=stride, padding=padding, dilation=dilation,
                                     groups=groups, bias=False, device="meta", **more)
    return ours, theirs, (3, c, *sizes)


def counted(module, *shapes, needs_input: bool = True) -> tuple[int, int]:
    """(forward, backward) as torch counts them; nothing is computed."""
    from torch.utils.flop_counter import FlopCounterMode
    given = [torch.ones(shape, device="meta", requires_grad=needs_input) for shape in shapes]
    with FlopCounterMode(display=False) as forward:
        found = module(*given)
    with FlopCounterMode(display=False) as backward:
        found.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


@pytest.mark.parametrize("seed", range(60))
def test_any_convolution_is_counted_as_torch_counts_it(seed):
    ours, theirs, shape = layer(seed)
    step = ours.cost().training(optimiser=None)
    forward, backward = counted(theirs, shape)
    # torch counts the weight's gradient of every group as often as there are groups.
    wanted = forward, backward - (theirs.groups - 1) * forward
    assert tuple(step.evaluate()[f"{part}_matrix_flops"] for part in ("forward", "backward")) == wanted
    assert step.exact["forward_flops"] == step.exact["forward_matrix_flops"]
    assert step.exact["backward_flops"] == step.exact["backward_matrix_flops"]
    assert ours.cost(taps="valid").evaluate()["flops"] <= ours.cost().evaluate()["flops"]


def test_the_options_reach_every_kind():
    made = [layer(seed) for seed in range(60)]
    kinds = {(type(theirs).__name__, theirs.groups > 1, max(theirs.stride) > 1, max(theirs.dilation) > 1)
             for _, theirs, _ in made}
    assert len(kinds) > 25 and {name for name, *_ in kinds} == {
        f"Conv{kind}{n}d" for kind in ("", "Transpose") for n in (1, 2, 3)}


def test_symbols_stay_symbols():
    """The three faces of ★ make the same products, whatever the sizes are."""
    made = nn.convolution("x y", "c -> e", kernel="k", stride="s", dilation="d", transpose=True, bias=False)
    assert made.cost().exact["flops"] == Size("2*c*e*k**2*x*y")
    assert made.cost().training(optimiser=None).exact["backward_flops"] == Size("4*c*e*k**2*x*y")
    depthwise = nn.convolution("x", "c -> c", kernel=4, stride=2, groups="c", transpose=True, bias=False)
    assert depthwise.cost().exact["flops"] == Size("8*c*x")
    once = nn.convolution("x", "c -> e", kernel="k", stride="s", bias=False)
    assert once.cost().training(optimiser=None).exact["backward_flops"] == 2 * once.cost().exact["flops"]


def test_a_twice_reversed_convolution_makes_the_same_products():
    made = nn.convolution("x=9", "c=2 -> e=3", kernel=3, stride=2, bias=False)
    once = made.cost().exact["flops"]
    backward = made.reverse().backward
    assert backward.reverse().composite.cost().exact["matrix_flops"] == 4 * once   # two for each of its two


# -- whole models --------------------------------------------------------------------------
def test_the_u_net_of_the_zoo():
    """Every transposed convolution 2 × 2 with stride 2 makes 2·x·y·4·c·e products, as torch counts it."""
    model = ncd.zoo.unet()
    sizes = dict.fromkeys(model.symbols, 16)
    found = model.cost().evaluate(**sizes)["matrix_flops"]
    wanted = 0
    for step in COST.program(model).steps:
        if type(step.op).__name__ != "Star":
            continue
        op = step.op
        letters = {x for tap in op.taps for x in tap.letters}
        rest = np.prod([size.evaluate(sizes) for x, size in op.sizes.items() if x not in letters])
        given = [op.sizes[tap.i].evaluate(sizes) * op.sizes[tap.j].evaluate(sizes) for tap in op.taps]
        wanted += 2 * int(rest * np.prod(given))
    assert found == wanted


def residual_50() -> tuple[ncd.core.category.Diagram, int]:
    """ResNet-50 (He et al. 2015) and the multiply-adds of its convolutions, by the table of its layers."""
    total = 0

    def convolution(x, e: int, kernel: int, size: int, stride: int = 1):
        nonlocal total
        c = x.type.size("c").constant
        total += (size // stride) ** 2 * kernel ** 2 * c * e
        made = nn.convolution("x y", f"c={c} -> c={e}", kernel, stride, padding=(kernel - 1) // 2, bias=False)
        return nn.batch_norm_inference("c")(made(x))

    @ncd.diagram("n x=224 y=224 c=3")
    def body(x):
        x = nn.max_pool("x y", 3, 2, padding=1)(nn.relu(convolution(x, 64, 7, 224, 2)))
        size = 56
        for width, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for n in range(depth):
                stride = 2 if n == 0 and width > 64 else 1
                y = nn.relu(convolution(x, width, 1, size))
                y = nn.relu(convolution(y, width, 3, size, stride))
                y = convolution(y, 4 * width, 1, size // stride)
                x = nn.relu(y + (convolution(x, 4 * width, 1, size, stride) if n == 0 else x))
                size //= stride
        return nn.linear("c=2048 -> k=1000")(nn.global_mean_pool("x y")(x))
    return body, total + 2048 * 1000


def test_a_step_of_training_of_a_residual_network():
    """Backward is twice forward, less the gradient in the image, which nobody asks for."""
    model, products = residual_50()
    assert products == 4_089_184_256                        # the 4.09 GMAC that are published
    cost = model.cost()
    assert (cost.exact["params"], str(cost.stored)) == (Size("25557032"), "53120")
    assert cost.exact["matrix_flops"] == Size("n") * 2 * products
    step = cost.training(wrt="parameters", optimiser=None).exact
    first = 112 ** 2 * 7 ** 2 * 3 * 64
    assert step["forward_matrix_flops"] == Size("n") * 2 * products
    assert step["backward_matrix_flops"] == Size("n") * 2 * (2 * products - first)


# -- overlaps ------------------------------------------------------------------------------
def additions(op: Overlap) -> int:
    """By counting: an addition for each entry that comes where there is one already."""
    sizes, seen, found = [axis.size.constant for axis in op.array.axes], set(), 0
    for position in itertools.product(*map(range, sizes)):
        place = dict(zip(op.array.labels, position))
        where = tuple(row.offset.constant + sum(c.constant * place[x] for x, c in row.terms)
                      for row in op.rows)
        found += where in seen
        seen.add(where)
    return found


@pytest.mark.parametrize("counts, steps", [
    (counts, steps) for counts in itertools.product((1, 2, 3, 5), repeat=2)
    for steps in itertools.product((1, 2, 3, 4, -2, 6), repeat=2)])
def test_the_sum_of_two_steps_has_so_many_values(counts, steps):
    array = ncd.Ty(f"i={counts[0]} j={counts[1]}").inside[0]
    made = Overlap(array, ncd.Ty("x=40").inside[0].axes, (affine(20, dict(zip("ij", steps))),))
    assert made.diagram.cost().exact["flops"] == additions(made)


@pytest.mark.parametrize("steps", [(4, 2, 1), (6, 2, 1), (1, 1, 1), (12, 4, 1), (5, 3, 2), (7, 1, 3)])
def test_of_three_steps_and_more_it_is_an_upper_bound(steps):
    """Exact where one step fills the gaps of the next, as the windows of windows do."""
    array = ncd.Ty("i=3 j=4 k=2").inside[0]
    made = Overlap(array, ncd.Ty("x=80").inside[0].axes, (affine(0, dict(zip("ijk", steps))),))
    found, exact = made.diagram.cost().exact["flops"].constant, additions(made)
    assert exact <= found <= 23 and (found == exact or steps in ((5, 3, 2),))


@pytest.mark.parametrize("kernel, stride, padding, meet", [
    (2, None, 0, 0), (4, 4, 0, 0), (3, 2, 0, 1), (3, 1, 0, 2), (2, 3, 0, 0), (3, 2, 1, 1)])
def test_windows_that_do_not_overlap_add_nothing_backward(kernel, stride, padding, meet):
    """Each pair of neighbouring windows shares kernel − stride entries."""
    pool = nn.sum_pool("x=25", kernel, stride, padding)
    windows = pool.cod.inside[0].axes[0].size.constant
    assert pool.cost().training(optimiser=None).exact["backward_flops"] == (windows - 1) * meet


def test_pools_of_symbols_and_of_several_axes():
    assert nn.sum_pool("x y").cost().training(optimiser=None).exact["backward_flops"] == 0
    assert nn.mean_pool("x y").cost().training(optimiser=None).exact["backward_flops"] == Size(
        "(x//2)*(y//2)")                                     # the division
    assert nn.sum_pool("x=8 y=8").cost().training(optimiser=None).exact["backward_flops"] == 0
    assert nn.sum_pool("x", "k", "s").cost().training(optimiser=None).exact["backward_flops"] == Size(
        "((x - k)//s)*max(0, k - s)")
    once = nn.max_pool("x", 3, 2).cost().training(optimiser=None)
    share = 3 * 3                                           # three operations for each entry of a window
    assert once.evaluate(x=9)["backward_flops"] == share * 4 + 3


def test_the_reverse_of_a_window_of_the_users_own():
    """No layer of ncd: a window by hand, folded and contracted."""
    read = ncd.reindex("x=9 -> i=4 j=3", x="2*i + j")
    lens = (read >> ncd.reduce("sum", "j").on("i=4 j=3")).reverse()
    assert lens.backward.cost().exact["flops"] == 3         # three neighbours share one entry
    value = np.arange(9.0)
    np.testing.assert_array_equal(lens.to_numpy()(value, np.ones(4)), [1, 1, 2, 1, 2, 1, 2, 1, 1])


# -- the rule and the definition -----------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_the_definition_does_no_less(seed):
    """What is read at windows does the same products; what is read with holes does more."""
    ours, theirs, _ = layer(seed)
    plain = measure(ours, interpretation=COST.without_faster()).exact
    found = ours.cost().exact
    transposed = "Transpose" in type(theirs).__name__
    assert (plain["matrix_flops"] - found["matrix_flops"]).constant >= 0
    assert transposed or plain["matrix_flops"] == found["matrix_flops"]
    assert (plain["reads"] + plain["writes"] - found["reads"] - found["writes"]).constant > 0


def test_planted_bugs(monkeypatch):
    """Holes counted as work; a gap that is too wide by one."""
    made = nn.convolution("x=2", "c=1 -> e=1", kernel=2, stride=2, bias=False, transpose=True)
    assert made.cost().exact["flops"] == 8
    assert measure(made, interpretation=COST.without_faster()).exact["flops"] == 16
    pool = nn.sum_pool("x=9", 3, 2)
    assert pool.cost().training(optimiser=None).exact["backward_flops"] == 3
    monkeypatch.setattr(rules, "_coprime", lambda left, right: (left, right + 1))
    monkeypatch.setattr(rules, "_merged", lambda terms: None)
    assert pool.cost().training(optimiser=None).exact["backward_flops"] != 3

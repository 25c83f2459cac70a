"""Costs: which measures are functors, in which direction the others are lax, and what they are not.

A cost belongs to a diagram as it is written, its schedule. What adds up is a strict functor to the additive
monoid of sizes; depth is one to matrices over (max, +); memory and fused traffic are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.algebra.convert import ZERO, Size
from ncd.construct.align import lift
from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.interpret.cost import measure
from ncd.nn import linear
from theory import families
from theory.copying import copy, discard
from theory.differentiation import from_any
from theory.law import CostLaw, Costs, theory
from theory.measured import (
    ARITHMETIC,
    FUSED,
    SUMS,
    added,
    block_sum,
    cost,
    everything,
    fused,
    held,
    kept,
    largest,
    matrix_product,
    memory,
    operations,
    parts,
    paths,
    peak,
    sums,
    with_weights,
    zero,
)
from theory.monoidal import id, swap
from theory.random import Sampler
from theory.recurrence import BODY, STEP, count, power, scan
from theory.reduction import (
    SEMIRING,
    TWO_AXES,
    fold,
    fold_in_turn,
    folded_product,
    matrices,
    semiring_product,
    with_kind,
)
from theory.variables import Variable, axis, diagram, made, morphism, types

BLELLOCH = "Blelloch 1996, Programming parallel algorithms: work and depth"
BACCELLI = "Baccelli et al. 1992, Synchronization and linearity: longest paths as (max, +) matrices"
GRIEWANK = "Griewank, Walther 2008, Evaluating derivatives §3.4"


# -- variables ----------------------------------------------------------------------------
MAKES_NONE = (families.total, families.reorder, families.repetition, families.reindexing, families.view,
              families.concatenation, families.nonlinearity, families.combination, families.contraction,
              families.fold, families.softmax, families.padding, families.boxed)
"""Operations that read nothing but what they are given: lifting reaches all of them."""


def without_sources(s: Sampler) -> Diagram:
    """A diagram whose every operation depends on its inputs."""
    return diagram(s, Ty.of(s.array(1) for _ in range(s.random.randint(1, 2))), MAKES_NONE)


def learned(s: Sampler) -> Diagram:
    """The same with parameters in it, and one result that depends on all it makes last."""
    return diagram(s, Ty.of((s.array(1),)), (*MAKES_NONE, families.learned), last=families.learned, width=1)


def bindings(s: Sampler, f: Diagram, least: int = 2) -> dict[str, Size]:
    """Sizes for some symbols of a diagram: numbers, and sums and products of other symbols."""
    def size() -> Size:
        name = Size.symbol(s.choose("mnk"))
        number = Size.number(s.random.randint(least, least + 2))
        return s.choose([number, name, name * 2, name + 1, name * Size.symbol("q")])
    return {name: size() for name in s.some(sorted(f.symbols))}


def new_names(s: Sampler, f: Diagram) -> dict[str, str]:
    """New labels for some axes of a diagram's type."""
    labels = sorted({label for array in (*f.dom.inside, *f.cod.inside) for label in array.labels})
    return {label: f"{label}{n}" for n, label in enumerate(s.some(labels))}


def growth(s: Sampler, f: Diagram) -> dict[str, Size]:
    """By how much each size of a diagram grows: 0, 1 or more."""
    return {name: Size.symbol(name) + s.choose([0, 1, s.random.randint(2, 20)]) for name in sorted(f.symbols)}


def layers(s: Sampler, rows: Sequence[str]) -> Diagram:
    """A chain of one to three learned linear maps on an array with some axes of rows."""
    labels = "abcd"
    found = id(Ty.of((Array([*(s.axis(row) for row in rows), s.axis("a")]),)))
    for n in range(s.random.randint(1, 3)):
        before, after = labels[n], s.axis(labels[n + 1])
        found = found >> linear(f"{before} -> {after}", bias=s.chance(0.5)).on(found.cod)
    return found


PAIR = {"f": morphism("A -> B"), "g": morphism("B -> C")}
BESIDE = {"f": morphism("A -> B"), "g": morphism("X -> Y")}
LEARNED = {"f": morphism("A -> B", "learned"), "g": morphism("B -> C", "learned")}
TIED = {"f": morphism("A -> B", "learned, tied"), "g": morphism("B -> C", "learned, tied")}
SOME = {"f": morphism("A -> B", "learned")}
LIFTED = {"n": axis("p"), **SOME}
SQUARE = {**BESIDE, "h": morphism("B -> C"), "k": morphism("Y -> Z")}
REACHED = {"n": axis("p"), "f": made("A → B, every operation depends on an input", without_sources)}
WEIGHTED = {"n": axis("p"), "f": made("A → B, every result depends on an input", learned)}
CONTRACTIONS = {
    "f": made("A → B, contractions", lambda s: diagram(
        s, Ty.of(s.array(2) for _ in range(2)), (families.contraction,), most=2, width=1)),
    "g": Variable("B → C, read many times", lambda s, given: diagram(
        s, given["f"].cod, (families.nonlinearity, families.total, families.fold), width=3))}
SMOOTH = {"f": from_any()}
FALSE = {"holds": (), "fails": ("cost",)}
ANY = {"A": types()}


def lens(f: Diagram):
    return f.reverse()


def free_wiring(name: str, symbol: str, wires) -> CostLaw:
    return CostLaw(f"{name} costs nothing", rf"c({symbol}) = 0", {**ANY, "B": types()},
                   lambda A, B: cost(wires(A, B), *SUMS, *FUSED, "depth", "params", "activations"),
                   lambda: zero(*SUMS, *FUSED, "depth", "params", "activations"))


LAWS = theory(
    # -- what adds up
    CostLaw("sums of a composite", r"c(f ; g) = c(f) + c(g)", LEARNED,
            lambda f, g: sums(f >> g), lambda f, g: sums(f) + sums(g), ("c adds up",), BLELLOCH),
    CostLaw("sums of a tensor", r"c(f \otimes g) = c(f) + c(g)", {**SOME, "g": morphism("X -> Y", "learned")},
            lambda f, g: sums(f @ g), lambda f, g: sums(f) + sums(g), ("c adds up",), BLELLOCH),
    free_wiring("an identity", r"\mathrm{id}_A", lambda A, B: id(A)),
    free_wiring("a swap", r"\sigma_{A,B}", swap),
    free_wiring("a copy", r"\Delta_A", lambda A, B: copy(A)),
    free_wiring("a discard", r"\epsilon_A", lambda A, B: discard(A)),
    CostLaw("parameters of a composite", r"|f ; g| = |f| + |g|", LEARNED,
            lambda f, g: cost(f >> g, "params"), lambda f, g: cost(f, "params") + cost(g, "params"),
            ("no names are tied",)),
    CostLaw("parameters of a tensor", r"|f \otimes g| = |f| + |g|",
            {**SOME, "g": morphism("X -> Y", "learned")},
            lambda f, g: cost(f @ g, "params"), lambda f, g: cost(f, "params") + cost(g, "params"),
            ("no names are tied",)),
    CostLaw("parameters of a composite, tied", r"\max(|f|, |g|) \le |f ; g| \le |f| + |g|", TIED,
            lambda f, g: Costs(low=cost(f, "params").max(cost(g, "params"))["params"],
                               high=cost(f >> g, "params")["params"]),
            lambda f, g: Costs(low=cost(f >> g, "params")["params"],
                               high=(cost(f, "params") + cost(g, "params"))["params"]),
            ("equal names are one array",), relation="<="),
    CostLaw("arithmetic of matrices and of vectors", r"c = c_{\mathrm{matrix}} + c_{\mathrm{vector}}", SOME,
            lambda f: Costs(flops=measure(f).exact["flops"]),
            lambda f: Costs(flops=measure(f).exact["matrix_flops"] + measure(f).exact["vector_flops"])),
    CostLaw("contractions have no convention", r"c_{\mathrm{matrix}}(f) = c'_{\mathrm{matrix}}(f)", SOME,
            lambda f: cost(f, "matrix_flops"), lambda f: cost(f, "matrix_flops", convention="none"),
            ("the conventions count what is entrywise, each in its way",)),
    # -- what operations cost
    CostLaw("a contraction is products and a sum from zero",
            r"c(\textstyle\sum_b x_{ab}\, y_{bc}) = c(\otimes ; \oplus_b) + |ac|",
            {**SEMIRING, "AB": made("two matrices", matrices)},
            lambda r, AB: cost(semiring_product(r, AB), "flops"),
            lambda r, AB: cost(folded_product(r, AB), "flops") + Costs(
                flops=semiring_product(r, AB).cod.inside[0].elements),
            ("a sum of products begins at zero, a fold at its first entry",)),
    CostLaw("cost of a fold", r"c(\textstyle\bigoplus_{ab}) = c(\bigoplus_a ; \bigoplus_b)",
            TWO_AXES, lambda m, A, ab: cost(fold(m, with_kind(A, m), *ab), "flops"),
            lambda m, A, ab: cost(fold_in_turn(m, with_kind(A, m), ab), "flops"),
            ("n − 1 for n entries",)),
    # -- sizes and names
    CostLaw("cost of what is bound", r"c(f[n := e]) = c(f)[n := e]",
            {**SOME, "e": made("sizes", lambda s, f: bindings(s, f))},
            lambda f, e: cost(f.bind(**e)), lambda f, e: cost(f).substitute(e),
            ("every measure; no size is 1; an einsum of three arrays may change its order",)),
    CostLaw("cost of what is bound to 1", r"c(f[n := e]) \le c(f)[n := e]",
            {**SOME, "e": made("sizes, some of them 1", lambda s, f: bindings(s, f, 1))},
            lambda f, e: sums(f.bind(**e)), lambda f, e: sums(f).substitute(e),
            ("a repetition along an axis of size 1 is a view, and moves nothing",), relation="<="),
    CostLaw("cost of what is renamed", r"c(f[a \mapsto b]) = c(f)", {**SOME, "a": made("labels", new_names)},
            lambda f, a: cost(f.rename(**a)), lambda f: cost(f)),
    CostLaw("cost grows with the sizes", r"c(f) \le c(f[n := n + k])",
            {**SOME, "k": made("numbers that are not negative", growth)},
            lambda f: cost(f), lambda f, k: cost(f).substitute(k), ("every measure",), relation="<="),
    # -- lifting
    CostLaw("sums of a lift", r"c(Pf) = |P| \cdot c(f)", REACHED,
            lambda f, n: cost(lift(f, (n,)), *SUMS), lambda f, n: cost(f, *SUMS) * n.size,
            ("every operation of f depends on an input",)),
    CostLaw("arithmetic of a lift, with sources", r"c(Pf) \le |P| \cdot c(f)", LIFTED,
            lambda f, n: cost(lift(f, (n,)), *ARITHMETIC), lambda f, n: cost(f, *ARITHMETIC) * n.size,
            ("what depends on no input is not lifted",), relation="<="),
    CostLaw("bytes of a lift", r"c(Pf) \le |P| \cdot c(f)", WEIGHTED,
            lambda f, n: cost(lift(f, (n,)), "reads", "writes"),
            lambda f, n: cost(f, "reads", "writes") * n.size,
            ("every result depends on an input; parameters are read once",), relation="<="),
    CostLaw("depth of a lift", r"d(Pf) = d(f)", WEIGHTED,
            lambda f, n: cost(lift(f, (n,)), "depth"), lambda f: cost(f, "depth"),
            ("every result depends on an input: others are repeated, a step more",)),
    CostLaw("parameters of a lift", r"|Pf| = |f|", LIFTED,
            lambda f, n: cost(lift(f, (n,)), "params"), lambda f: cost(f, "params")),
    CostLaw("parameters of a stacked lift", r"|P_{\mathrm{stack}}f| = |P| \cdot |f|", LIFTED,
            lambda f, n: cost(lift(f, (n,), stack=True), "params"),
            lambda f, n: cost(f, "params") * n.size),
    # -- blocks and loops
    CostLaw("a block is its body", r"c(\mathrm{block}(f)) = c(f)", SOME,
            lambda f: everything(f.block("b")), everything, ("every measure, and the matrix of depths",)),
    CostLaw("a block is counted each time", r"c(b \otimes b ; b \otimes b) = 4\, c(f)", STEP,
            lambda f: sums((f.block("b") @ f.block("b")) >> (f.block("b") @ f.block("b"))),
            lambda f: sums(f) * 4, ("b = block(f); c adds up",)),
    CostLaw("sums of a repetition", r"c(\mathrm{repeat}_n f) = n \cdot c(f)", {**STEP, "n": count(1)},
            lambda f, n: sums(f.repeat(n)), lambda f, n: sums(f) * n, ("c adds up",)),
    CostLaw("a repetition and a power", r"c(\mathrm{repeat}_n f) = c(f ; f ; \dots ; f)",
            {**STEP, "n": count(1)}, lambda f, n: sums(f.repeat(n)), lambda f, n: sums(power(f, n)),
            ("c adds up",)),
    CostLaw("depth of a repetition", r"d(f ; f ; \dots ; f) \le d(\mathrm{repeat}_n f) = n \cdot d(f)",
            {**STEP, "n": count(1)},
            lambda f, n: Costs(power=cost(power(f, n), "depth")["depth"],
                               loop=cost(f.repeat(n), "depth")["depth"],
                               steps=cost(f, "depth")["depth"] * n),
            lambda f, n: Costs(power=cost(f.repeat(n), "depth")["depth"],
                               loop=cost(f, "depth")["depth"] * n,
                               steps=cost(f.repeat(n), "depth")["depth"]),
            ("a step begins when the one before has ended",), relation="<="),
    CostLaw("parameters of a repetition", r"|\mathrm{repeat}_n f| = n \cdot |f|",
            {"f": morphism("A -> A", "learned", floats=True), "n": count(1)},
            lambda f, n: cost(f.repeat(n), "params"), lambda f, n: cost(f, "params") * n,
            ("each step has its own",)),
    CostLaw("parameters of a shared repetition", r"|\mathrm{repeat}_n f| = |f|",
            {"f": morphism("A -> A", "learned", floats=True), "n": count(1)},
            lambda f, n: cost(f.repeat(n, share=True), "params"), lambda f: cost(f, "params"),
            ("the steps share them",)),
    CostLaw("sums of a scan", r"c(\mathrm{scan}_n f) = n \cdot c(f)", {**BODY, "n": count(1)},
            lambda f, n: cost(scan(f, n), *SUMS, *FUSED, "depth"),
            lambda f, n: cost(f, *SUMS, *FUSED, "depth") * n, ("c adds up, or is depth or fused traffic",)),
    # -- depth
    CostLaw("depths of a composite", r"D(f ; g) = D(f) \cdot D(g)", PAIR,
            lambda f, g: paths(f >> g), lambda f, g: matrix_product(paths(f), paths(g)),
            ("a product of matrices over (max, +)",), BACCELLI),
    CostLaw("depths of a tensor", r"D(f \otimes g) = D(f) \oplus D(g)", BESIDE,
            lambda f, g: paths(f @ g), lambda f, g: block_sum(paths(f), paths(g), f),
            ("a sum of blocks",), BACCELLI),
    CostLaw("depths of an identity", r"D(\mathrm{id}_A) = I", ANY, lambda A: paths(id(A)),
            lambda A: Costs({(n, n): ZERO for n in range(len(A))}), ("0 on the diagonal, −∞ beside it",),
            BACCELLI),
    CostLaw("depth of a tensor", r"d(f \otimes g) = \max(d(f), d(g))", BESIDE,
            lambda f, g: cost(f @ g, "depth"), lambda f, g: cost(f, "depth").max(cost(g, "depth")),
            (), BLELLOCH),
    CostLaw("depth of a composite", r"d(f ; g) \le d(f) + d(g)", PAIR,
            lambda f, g: cost(f >> g, "depth"), lambda f, g: cost(f, "depth") + cost(g, "depth"),
            (), BLELLOCH, relation="<="),
    CostLaw("depth is at most the operations", r"d(f) \le |\mathrm{ops}(f)|", REACHED,
            lambda f: cost(f, "depth"), lambda f: Costs(depth=operations(f)), relation="<="),
    # -- memory of a schedule
    CostLaw("memory of a composite", r"m(g) \le m(f ; g) \le \max(m(f), |B| + m(g))", PAIR,
            lambda f, g: Costs(low=memory(g), high=memory(f >> g)),
            lambda f, g, B: Costs(low=memory(f >> g), high=largest(memory(f), held(B) + memory(g))),
            ("m counts neither inputs nor parameters; B is the type between f and g",), relation="<="),
    CostLaw("memory of a composite is subadditive", r"m(f ; g) \le m(f) + m(g)", PAIR,
            lambda f, g: peak(memory(f >> g)), lambda f, g: peak(memory(f) + memory(g)), relation="<="),
    CostLaw("memory of a composite that keeps what is between",
            r"\max(m(f), m(g)) \le m(f ; \Delta_B ; (g \otimes B)) \le \max(m(f), |B| + m(g))", PAIR,
            lambda f, g, B: Costs(low=largest(memory(f), memory(g)), high=memory(kept(f, g, B))),
            lambda f, g, B: Costs(low=memory(kept(f, g, B)), high=largest(memory(f), held(B) + memory(g))),
            ("nothing that f makes is freed while it runs",), relation="<="),
    CostLaw("memory of a tensor", r"\max(m(f), m(g)) \le m(f \otimes g) \le \max(m(f), |B| + m(g))", BESIDE,
            lambda f, g: Costs(low=largest(memory(f), memory(g)), high=memory(f @ g)),
            lambda f, g, B: Costs(low=memory(f @ g), high=largest(memory(f), held(B) + memory(g))),
            ("f runs first; B is its codomain",), relation="<="),
    CostLaw("peak of a composite", r"p(f ; g) \le \max(p(f) + 4|g|, |A| + 4|f| + p(g))", LEARNED,
            lambda f, g: cost(f >> g, "peak_memory"),
            lambda f, g, A: Costs(peak_memory=largest(with_weights(f, g), held(A) + with_weights(g, f))),
            ("p counts inputs and parameters, which are 4 bytes each; A is the domain",), relation="<="),
    # -- traffic, producers and consumers fused
    CostLaw("fused traffic is less", r"t(f) \le c_{\mathrm{reads, writes}}(f)", SOME,
            lambda f: Costs(reads=fused(f)[0], writes=fused(f)[1]),
            lambda f: Costs(reads=measure(f).exact["reads"], writes=measure(f).exact["writes"]),
            relation="<="),
    CostLaw("fused traffic of a tensor", r"t(f \otimes g) = t(f) + t(g)", BESIDE,
            lambda f, g: cost(f @ g, *FUSED), lambda f, g: cost(f, *FUSED) + cost(g, *FUSED),
            ("nothing joins what shares no wire",)),
    CostLaw("fused traffic of what is added",
            r"r(f) + |B| \le r((f \otimes B) ; +), \quad |B| \le w((f \otimes B) ; +)", SMOOTH,
            lambda f: Costs(reads=fused(f)[0] + held(f.cod), writes=held(f.cod)),
            lambda f: Costs(reads=fused(added(f))[0], writes=fused(added(f))[1]),
            ("r and w are what is read and written: each array that is added, and each sum",), relation="<="),
    # -- derivatives
    CostLaw("parts of a lens", r"c(\mathrm{forward} ; (\epsilon_B \otimes M \otimes B') ; \mathrm{backward})"
            r" = c(\mathrm{forward}) + c(\mathrm{backward})", SMOOTH,
            lambda f: sums(parts(lens(f))),
            lambda f: sums(lens(f).forward) + sums(lens(f).backward),
            ("M is what is kept between the parts, B' the cotangents",)),
    CostLaw("cost of a lens", r"c(R f) \le c(\mathrm{forward}) + c(\mathrm{backward})", SMOOTH,
            lambda f: cost(lens(f).composite, *SUMS),
            lambda f: sums(lens(f).forward) + sums(lens(f).backward),
            ("what only the results need is left out, and equal work is done once",), relation="<="),
    CostLaw("backward of linear maps", r"c_{\mathrm{matrix}}(\mathrm{backward}) = 2\, c_{\mathrm{matrix}}(f)",
            {"f": made("linear maps of rows, one after the other", lambda s: layers(s, s.some("xy", 1)))},
            lambda f: cost(lens(f).backward, "matrix_flops"), lambda f: cost(f, "matrix_flops") * 2,
            ("f is a chain of contractions of an array with a parameter, and the array has more axes: each "
             "goes back by one contraction for the array and one for the parameter",), GRIEWANK),
    CostLaw("backward of linear maps of vectors",
            r"c_{\mathrm{matrix}}(\mathrm{backward}) = c_{\mathrm{matrix}}(f)",
            {"f": made("linear maps of vectors, one after the other", lambda s: layers(s, ""))},
            lambda f: cost(lens(f).backward, "matrix_flops"), lambda f: cost(f, "matrix_flops"),
            ("f is such a chain on one vector: a parameter's part is an outer product, no contraction",),
            GRIEWANK),
    # -- what is refused
    CostLaw("parameters of a composite add, tied", r"|f ; g| = |f| + |g|", TIED,
            lambda f, g: cost(f >> g, "params"), lambda f, g: cost(f, "params") + cost(g, "params"),
            ("false: equal names are one array",), **FALSE),
    CostLaw("cost is natural in copies", r"c(f ; \Delta_B) = c(\Delta_A ; (f \otimes f))",
            {"f": morphism("A -> B")}, lambda f, B: sums(f >> copy(B)), lambda f, A: sums(copy(A) >> (f @ f)),
            ("false: both are one morphism, and one runs f twice",), **FALSE),
    CostLaw("bytes of a lift multiply", r"c(Pf) = |P| \cdot c(f)", WEIGHTED,
            lambda f, n: cost(lift(f, (n,)), "reads"), lambda f, n: cost(f, "reads") * n.size,
            ("false: parameters are not lifted",), **FALSE),
    CostLaw("depth of a lift multiplies", r"d(Pf) = |P| \cdot d(f)", LIFTED,
            lambda f, n: cost(lift(f, (n,)), "depth"), lambda f, n: cost(f, "depth") * n.size,
            ("false: all indices run at once",), **FALSE),
    CostLaw("depth of a tensor adds", r"d(f \otimes g) = d(f) + d(g)", BESIDE,
            lambda f, g: cost(f @ g, "depth"), lambda f, g: cost(f, "depth") + cost(g, "depth"),
            ("false: they run at once",), **FALSE),
    CostLaw("depth of a composite adds", r"d(f ; g) = d(f) + d(g)", PAIR,
            lambda f, g: cost(f >> g, "depth"), lambda f, g: cost(f, "depth") + cost(g, "depth"),
            ("false: the longest paths may not meet; the matrices multiply",), **FALSE),
    CostLaw("depth of a repetition is that of a power", r"d(\mathrm{repeat}_n f) = d(f ; f ; \dots ; f)",
            {**STEP, "n": count(2)}, lambda f, n: cost(f.repeat(n), "depth"),
            lambda f, n: cost(power(f, n), "depth"),
            ("false: a loop ends each step before the next",), **FALSE),
    CostLaw("memory of a composite adds", r"m(f ; g) = m(f) + m(g)", PAIR,
            lambda f, g: peak(memory(f >> g)), lambda f, g: peak(memory(f) + memory(g)),
            ("false: what f needed is freed",), **FALSE),
    CostLaw("memory of a tensor adds", r"m(f \otimes g) = m(f) + m(g)", BESIDE,
            lambda f, g: peak(memory(f @ g)), lambda f, g: peak(memory(f) + memory(g)),
            ("false: one runs after the other",), **FALSE),
    CostLaw("memory of a part is less", r"m(f) \le m(f ; g)", PAIR,
            lambda f: peak(memory(f)), lambda f, g: peak(memory(f >> g)),
            ("false: a result that g does not read is freed while f runs",), relation="<=", **FALSE),
    CostLaw("interchange keeps the memory",
            r"m((f \otimes g) ; (h \otimes k)) = m((f ; h) \otimes (g ; k))", SQUARE,
            lambda f, g, h, k: peak(memory((f @ g) >> (h @ k))),
            lambda f, g, h, k: peak(memory((f >> h) @ (g >> k))),
            ("false: both are one morphism and two schedules",), **FALSE),
    CostLaw("fused traffic of a composite adds", r"t(f ; g) = t(f) + t(g)", PAIR,
            lambda f, g: cost(f >> g, *FUSED), lambda f, g: cost(f, *FUSED) + cost(g, *FUSED),
            ("false: what is between may stay on chip",), **FALSE),
    CostLaw("fused traffic of a composite is less", r"t(f ; g) \le t(f) + t(g)", CONTRACTIONS,
            lambda f, g: Costs(bytes=sum(fused(f >> g), ZERO)),
            lambda f, g: Costs(bytes=sum((*fused(f), *fused(g)), ZERO)),
            ("false: work that joins what makes its input is apart from what reads it",), relation="<=",
            **FALSE))

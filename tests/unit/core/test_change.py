"""Changes of a whole diagram keep what equal operations do not share."""

import ncd
from ncd.ops.control import Block


def test_equal_einsums_keep_the_axes_that_each_was_lifted_over():
    """Bind, then lift, puts the axes where lift, then bind does, though the two products are equal."""
    lifted = ncd.einsum("a b, b c -> a c").on("h a b, b c")
    written = ncd.einsum("h a b, b c -> h a c")
    assert lifted == written

    @ncd.diagram("h a b, b c")
    def both(x, w):
        return lifted(x, w), written(x, w)
    first = both.bind(a=5).on("h g a=5 b, b c")
    assert str(first.cod) == "h g a=5 c, g h a=5 c"
    assert first == both.on("h g a b, b c").bind(a=5) and str(both.rename(a="z").on(
        "h g z b, b c").cod) == "h g z c, g h z c"


def test_equal_blocks_keep_what_each_says_of_itself():
    body = ncd.nn.relu.on("x")
    made = Block("step", body, source="first").diagram >> Block("step", body, source="second").diagram
    for changed in (made.bind(x=3), made.rename(x="y")):
        assert [op.source for op in changed.graph.ops] == ["first", "second"]


def test_what_no_change_touches_stays_the_same_object():
    made = ncd.nn.relu.on("x").block("inner") >> ncd.nn.tanh.on("x")
    assert made.substitute({"z": ncd.size("y")}) is made and made.relabel({"z": "y"}) is made

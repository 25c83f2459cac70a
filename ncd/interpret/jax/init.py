"""Initial parameters: a pytree by place, from each parameter's initialiser."""

from __future__ import annotations

import math
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ncd.algebra.numbers import as_count
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.errors import ArgumentError, NcdError, SizeError, shown
from ncd.interpret.derived import Derived
from ncd.traverse.places import Slot, build, opens, places


@public
def init(diagram: Diagram, key: Any = 0, dtype=jnp.float32, **sizes: int) -> dict:
    """Parameters for a diagram: nested dictionaries of arrays, keyed by place.

    Parameters:
        key: A JAX key or a seed. Each place has its own, by its name: the parameters of a
            block do not depend on what stands beside it.
        dtype: The float type.
        sizes: Numbers for the symbols in the parameters' types.
    Raises:    SizeError: A symbol without a number (all of them are listed); a derived size that is no
               positive whole number.

    >>> from ncd.construct.generators import parameter
    >>> init(parameter("weight", "m k"), 0, m=2, k=3)["weight"].shape
    (2, 3)
    """
    if key is None:
        raise ArgumentError("init: `key` is a seed or a random key, not None", example="diagram.init(0)")
    try:
        dtype = jnp.dtype(dtype)
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError
    except TypeError:
        raise ArgumentError(f"init: `dtype` is a type of floats, not {shown(dtype)}",
                            example="init(diagram, 0, jax.numpy.bfloat16)") from None
    slots, _ = places(diagram)
    known = {name: as_count(name, value) for name, value in sizes.items()}
    needed = frozenset().union(*(slot.array.symbols for slot in slots.values()))
    missing = sorted(needed - set(known))
    if missing:
        raise SizeError(f"no value for the size {', '.join(missing)} of the parameters",
                        want=", ".join(f"{'/'.join(p)} : {s.array}" for p, s in slots.items()
                                       if s.array.symbols & set(missing)),
                        mend=f"diagram.init(key, {', '.join(f'{name}=...' for name in missing)})")
    Derived(diagram, opens).check(known)
    key = as_key(key)
    return build({path: _draw(slot, place_key(key, path), dtype, known) for path, slot in slots.items()})


def as_key(key: Any) -> Any:
    """A JAX key as it is, or the key of a seed, an integer of Python or NumPy."""
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        if not -2 ** 63 <= key < 2 ** 63:
            raise ArgumentError(f"a seed of {int(key).bit_length()} bits", want="at most 64 bits")
        return jax.random.key(int(key))
    if key is not None and not jnp.issubdtype(getattr(key, "dtype", float), jax.dtypes.prng_key) \
            and getattr(key, "dtype", None) != jnp.uint32:
        raise ArgumentError(f"{shown(key)} is not a random key", fix="give a seed or jax.random.key(0)")
    return key


def place_key(key, path: tuple[str, ...]):
    """The key of a place: the root's key with the place's name folded in."""
    return jax.random.fold_in(key, zlib.crc32("/".join(path).encode("utf-8", "surrogatepass")))


def _draw(slot: Slot, key, dtype, sizes: dict[str, int]):
    shape = tuple(axis.size.evaluate(sizes) for axis in slot.array.axes)
    kind, scale = slot.init.kind, slot.init.scale
    fan = math.prod(slot.array.size(label).evaluate(sizes) for label in slot.init.fan)
    scale = scale / math.sqrt(fan)
    if slot.array.dtype != "float":
        kept = {"ones": 1, "constant": slot.init.scale}
        return jnp.full(shape, kept.get(kind, 0), bool if slot.array.dtype == "bool" else int)
    if kind == "normal":
        return jax.random.normal(key, shape, dtype) * jnp.asarray(scale, dtype)
    if kind == "uniform":
        return jax.random.uniform(key, shape, dtype, -scale, scale)
    if kind in ("zeros", "ones"):
        return (jnp.zeros if kind == "zeros" else jnp.ones)(shape, dtype)
    if kind == "constant":
        return jnp.full(shape, slot.init.scale, dtype)
    if kind == "orthogonal":
        return _orthogonal(slot, key, shape, scale, dtype)
    raise NcdError(f"no initialiser {kind!r} at {'/'.join(slot.path)}",
                   want="normal, uniform, zeros, ones, constant, orthogonal")


def _orthogonal(slot: Slot, key, shape: tuple[int, ...], scale: float, dtype):
    """A matrix for each index of the stacked axes, its last axis the columns and the others the rows."""
    count = slot.init.stacked
    if len(shape) < count + 2:
        raise NcdError(f"an orthogonal parameter has rows and columns: {'/'.join(slot.path)}",
                       have=f"`{slot.array}`", want="two axes or more")
    draw = jax.nn.initializers.orthogonal(scale)    # a QR, which is of float32 and wider
    wide = jnp.promote_types(dtype, jnp.float32)
    if not count:
        return draw(key, shape, wide).astype(dtype)
    keys = jax.random.split(key, math.prod(shape[:count]))
    return jax.vmap(lambda one: draw(one, shape[count:], wide))(keys).reshape(shape).astype(dtype)

"""The main job on real input: one diagram typed, drawn, costed, run, trained and checked.

Trains the published MLP recogniser, its axes bound to 8×8 digits, on scikit-learn's
handwritten digits, with its gradient as a diagram and again with JAX's; then shows for it and
for multi-head attention the type, the cost formula, the picture, the jitted JAX program, and
how it agrees with the reference and with XLA's own count.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import ncd
from ncd import nn
from ncd.interpret.reference import run as reference

OUTPUT = Path(sys.argv[1] if len(sys.argv) > 1 else "demo_output")


def xla_flops(function, *arguments) -> float:
    """The FLOPs that XLA counts for the compiled program."""
    analysis = jax.jit(function).lower(*arguments).compile().cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)["flops"]


def show(title: str, model, params, inputs, **sizes) -> None:
    """Print what the diagram says of itself, and check it."""
    print(f"\n{title}\n{'=' * len(title)}")
    print(f"type       {model}")
    cost = model.cost()
    print(f"flops      {cost.flops}")
    print(f"params     {cost.params}")
    path = OUTPUT / f"{title.replace(' ', '_')}.svg"
    model.draw(path, depth=2)
    print(f"picture    {path}")
    program = model.to_jax()
    fast = jax.jit(program)
    result = fast(params, *inputs)
    exact = reference(model, *inputs, params=params)
    error = float(np.max(np.abs(np.asarray(result) - exact)))
    print(f"run        {', '.join(str(x.shape) for x in inputs)} -> {result.shape}, "
          f"max |JAX − reference| = {error:.1e}")
    numbers, counted = cost.evaluate(**sizes), xla_flops(program, params, *inputs)
    print(f"at         {', '.join(f'{k} = {v}' for k, v in sizes.items())}")
    print(f"FLOP       formula {numbers['flops']:,}, XLA {counted:,.0f}, "
          f"ratio {numbers['flops'] / counted:.4f}")
    if not error < 1e-4:
        raise SystemExit(f"JAX and the reference differ by {error}")


@ncd.diagram("n k, n : index(k) -> ()")
def negative_log_likelihood(probabilities, labels):
    """The mean over examples of −log p[label]."""
    picked = ncd.gather("k")(probabilities, labels)
    return nn.mean("n")(-nn.log(picked + 1e-9))


def train(model, images, labels, gradient):
    """Fit the diagram's parameters with Adam on mini-batches; returns them and the losses."""
    params = model.init(0)
    optimiser = optax.adam(1e-3)

    @jax.jit
    def step(params, state, images, labels):
        value, slopes = gradient(params, images, labels)
        updates, state = optimiser.update(slopes, state)
        return optax.apply_updates(params, updates), state, value

    state, order, losses = optimiser.init(params), np.random.default_rng(0), []
    for _ in range(30):
        shuffled = order.permutation(len(images))
        for start in range(0, len(shuffled) - 63, 64):
            batch = shuffled[start:start + 64]
            params, state, value = step(params, state, images[batch], labels[batch])
        losses.append(float(value))
    return params, np.asarray(losses)


def train_both_ways(model, images, labels):
    """Train with the diagram of the gradient, then with JAX's own gradient of the loss."""
    loss = ncd.diagram("n y=8 x=8, n : index(10) -> ()")(
        lambda images, labels: negative_log_likelihood(model(images), labels))
    diagram = loss.gradient("parameters", value=True)
    print(f"gradient   {diagram}")
    run, program = diagram.to_jax(), loss.to_jax()

    def ours(params, images, labels):
        value, *slopes = run(params, images, labels)
        return value, diagram.split(slopes)[1]

    params, losses = train(model, images, labels, ours)
    for epoch in (0, 9, 19, 29):
        print(f"epoch {epoch + 1:2d}   loss {losses[epoch]:.4f}")
    _, theirs = train(model, images, labels, jax.value_and_grad(program))
    apart = float(np.max(np.abs(losses - theirs)))
    print(f"the same training with jax.grad: largest difference of the losses {apart:.1e}")
    if not apart < 1e-4:
        raise SystemExit(f"the two gradients train apart by {apart}")
    return params


def main() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    started = time.time()
    digits = load_digits()
    split = train_test_split(digits.images.astype("float32") / 16, digits.target, test_size=0.25,
                             random_state=0, stratify=digits.target)
    images, test_images, labels, test_labels = map(jnp.asarray, split)

    recogniser = ncd.zoo.mlp_recogniser(height=8, width=8, hidden=128)
    print(f"training the MLP recogniser on {len(images)} digits of 8×8")
    params = train_both_ways(recogniser, images, labels)
    found = np.asarray(jax.jit(recogniser.lift("n").to_jax())(params, test_images)).argmax(1)
    accuracy = float((found == np.asarray(test_labels)).mean())
    print(f"accuracy on {len(test_labels)} held-out digits: {accuracy:.2%}")
    if accuracy < 0.95:
        raise SystemExit("the recogniser did not reach 95 %")
    show("MLP recogniser", recogniser.lift("n"), params, [test_images[:32]], n=32)

    attention = ncd.zoo.multi_head_attention()
    sizes = {"y": 20, "x": 22, "m": 128, "k": 16, "h": 4}
    weights = attention.init(1, **{name: sizes[name] for name in ("m", "k", "h")})
    random = np.random.default_rng(1)
    inputs = [jnp.asarray(random.normal(size=(sizes[n], sizes["m"])), jnp.float32) for n in ("y", "x")]
    show("multi-head attention", attention, weights, inputs, **sizes)
    print(f"\ndone in {time.time() - started:.0f} s; the pictures are in {OUTPUT}/")


if __name__ == "__main__":
    main()

"""Layers and blocks, each one definition that works in every interpretation."""

from __future__ import annotations

from ncd.construct.combinators import residual
from ncd.nn.activation import (
    abs,
    cos,
    elu,
    erf,
    exp,
    floor,
    gelu,
    gelu_tanh,
    leaky_relu,
    log,
    negate,
    reciprocal,
    relu,
    rsqrt,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)
from ncd.nn.attention import attention, causal_mask, window_mask
from ncd.nn.block import post_norm, pre_norm, transformer_block
from ncd.nn.convolution import convolution, depthwise_separable, star
from ncd.nn.feedforward import feed_forward, gated_feed_forward
from ncd.nn.graph import (
    graph_convolution,
    graph_isomorphism,
    message_passing,
    normalised_adjacency,
    readout,
    segment_softmax,
)
from ncd.nn.linear import embedding, linear, unembedding
from ncd.nn.mixture import mixture_of_experts, router
from ncd.nn.multihead import cross_attention, grouped_query_attention, multi_head_attention, self_attention
from ncd.nn.normalise import batch_norm, batch_norm_inference, group_norm, layer_norm, rms_norm
from ncd.nn.optimiser import adam, sgd
from ncd.nn.pooling import global_mean_pool, max_pool, mean_pool, sum_pool
from ncd.nn.position import learned_position, rotary, sinusoidal
from ncd.nn.recurrent import bidirectional, gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from ncd.nn.softmax import cross_entropy, log_softmax, logsumexp, softmax
from ncd.nn.statespace import linear_recurrence, selective_state_space, state_space
from ncd.nn.statistics import l2_norm, l2_normalise, mean, variance
from ncd.nn.stochastic import dropout

__all__ = [
    "abs",
    "adam",
    "attention",
    "batch_norm",
    "batch_norm_inference",
    "bidirectional",
    "causal_mask",
    "convolution",
    "cos",
    "cross_attention",
    "cross_entropy",
    "depthwise_separable",
    "dropout",
    "elu",
    "embedding",
    "erf",
    "exp",
    "feed_forward",
    "floor",
    "gated_feed_forward",
    "gelu",
    "gelu_tanh",
    "global_mean_pool",
    "graph_convolution",
    "graph_isomorphism",
    "group_norm",
    "grouped_query_attention",
    "gru",
    "gru_cell",
    "l2_norm",
    "l2_normalise",
    "layer_norm",
    "leaky_relu",
    "learned_position",
    "linear",
    "linear_recurrence",
    "log",
    "log_softmax",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "max_pool",
    "mean",
    "mean_pool",
    "message_passing",
    "mixture_of_experts",
    "multi_head_attention",
    "negate",
    "normalised_adjacency",
    "post_norm",
    "pre_norm",
    "readout",
    "reciprocal",
    "relu",
    "residual",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "rotary",
    "router",
    "rsqrt",
    "segment_softmax",
    "selective_state_space",
    "self_attention",
    "sgd",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinusoidal",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "star",
    "state_space",
    "sum_pool",
    "tanh",
    "transformer_block",
    "unembedding",
    "variance",
    "window_mask",
]

"""Whole architectures: each a function that returns a diagram and cites its paper."""

from __future__ import annotations

from collections.abc import Callable

from ncd.core.category import Diagram
from ncd.zoo.attention import multi_head_attention, scaled_attention
from ncd.zoo.convolution import convolution, identity_resnet_block
from ncd.zoo.mlp import mlp_recogniser, residual_mlp
from ncd.zoo.recurrent import gru
from ncd.zoo.resnet import identity_resnet
from ncd.zoo.transformer import post_norm_block, pre_norm_block
from ncd.zoo.translation import encoder_decoder_transformer
from ncd.zoo.unet import unet
from ncd.zoo.vision import vision_transformer, visual_attention

ZOO: dict[str, Callable[[], Diagram]] = {
    function.__name__: function for function in (
        mlp_recogniser, residual_mlp, scaled_attention, multi_head_attention, pre_norm_block,
        post_norm_block, convolution, identity_resnet_block, gru, identity_resnet, unet, visual_attention,
        vision_transformer, encoder_decoder_transformer)}

__all__ = ["ZOO", *ZOO]

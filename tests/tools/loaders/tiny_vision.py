"""Tiny models of transformers that look at pictures, with large random weights, so that what they say differs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BeitConfig,
    BertConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessor,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
    GLPNConfig,
    GLPNForDepthEstimation,
    GLPNImageProcessor,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessor,
    OwlViTProcessor,
    PreTrainedTokenizerFast,
    ResNetConfig,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2ImageProcessor,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2Processor,
    Sam2PromptEncoderConfig,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
    Sam2VisionConfig,
    Sam3ImageProcessor,
    Sam3TrackerConfig,
    Sam3TrackerModel,
    Sam3TrackerProcessor,
    Sam3VisionConfig,
    Sam3ViTConfig,
    SamConfig,
    SamImageProcessor,
    SamMaskDecoderConfig,
    SamModel,
    SamProcessor,
    SamPromptEncoderConfig,
    SamVisionConfig,
    SwinConfig,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
    ZoeDepthImageProcessor,
)

WORDS = ("star", "red", "cup", "big", "moon")
CLASSES = ("N/A", "star", "cup")
_NAMED: dict[str, Any] = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: i for i, name in enumerate(CLASSES)}}
_SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
_EDGES = {"shortest_edge": 32, "longest_edge": 64}
_MASK_DECODER: dict[str, Any] = {
    "hidden_size": 16, "mlp_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_depth": 2,
    "iou_head_hidden_dim": 16,
}  # fmt: skip
_PROMPTS: dict[str, Any] = {"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}


def save(folder: Path, made: Callable[[], tuple[Any, Any]], spread: float = 0.2) -> Path:
    """Write a model and its processor as the library does."""
    torch.manual_seed(0)
    model, processor = made()
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0, spread, generator=chance)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def detr() -> tuple[Any, Any]:
    sight = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1] * 4, layer_type="basic", out_features=["stage4"]
    )
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=sight, d_model=16,
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, num_queries=5, **_NAMED,
    )  # fmt: skip
    return DetrForObjectDetection(config), DetrImageProcessor(size=_EDGES)


def yolos() -> tuple[Any, Any]:
    config = YolosConfig(
        num_hidden_layers=1, image_size=[32, 64], patch_size=16, num_detection_tokens=5, **_SIZES, **_NAMED
    )
    return YolosForObjectDetection(config), YolosImageProcessor(size=_EDGES)


def rt_detr() -> tuple[Any, Any]:
    sight = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8] * 4, depths=[1] * 4, layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrConfig(
        backbone_config=sight, encoder_hidden_dim=16, encoder_in_channels=[8] * 3, encoder_ffn_dim=16,
        encoder_attention_heads=2, d_model=16, decoder_in_channels=[16] * 3, decoder_ffn_dim=16, decoder_layers=1,
        decoder_attention_heads=2, num_queries=5, decoder_n_points=2, hidden_expansion=0.5, num_denoising=0, **_NAMED,
    )  # fmt: skip
    return RTDetrForObjectDetection(config), RTDetrImageProcessor(size={"height": 64, "width": 64})


def clip_tokenizer(longest: int = 8) -> PreTrainedTokenizerFast:
    marks = ["<pad>", "<start>", "<end>", "<unk>"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*marks, *WORDS])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("<start> $A <end>", None, [("<start>", 1), ("<end>", 2)])
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), marks, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **names)


def bert_tokenizer() -> PreTrainedTokenizerFast:
    """With the numbers that BERT has for the marks between labels, which Grounding DINO knows by heart."""
    numbers = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
    numbers |= {word: 200 + i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 101), ("[SEP]", 102)])
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)


def _owl(config: Any, model: Any, pictures: Any, processor: Any) -> tuple[Any, Any]:
    tokenizer = clip_tokenizer()
    text = {
        "vocab_size": len(tokenizer), "max_position_embeddings": 8, "pad_token_id": 0, "bos_token_id": 1,
        "eos_token_id": 2, "num_hidden_layers": 1, **_SIZES,
    }  # fmt: skip
    sight = {"image_size": 32, "patch_size": 16, "num_hidden_layers": 1, **_SIZES}
    made = model(config(text_config=text, vision_config=sight, projection_dim=16))
    return made, processor(pictures(size={"height": 32, "width": 32}), tokenizer)


def owlvit() -> tuple[Any, Any]:
    return _owl(OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessor, OwlViTProcessor)


def owlv2() -> tuple[Any, Any]:
    return _owl(Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor)


def grounding_dino() -> tuple[Any, Any]:
    sight = SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    text = BertConfig(vocab_size=1030, max_position_embeddings=64, num_hidden_layers=1, **_SIZES)
    config = GroundingDinoConfig(
        backbone_config=sight, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=6,
        max_text_len=16, encoder_n_points=2, decoder_n_points=2,
    )  # fmt: skip
    pictures = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 128})
    return GroundingDinoForObjectDetection(config), GroundingDinoProcessor(pictures, bert_tokenizer())


def sam() -> tuple[Any, Any]:
    sight = SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16,
        mlp_dim=32, window_size=2, global_attn_indexes=[1], num_pos_feats=8,
    )  # fmt: skip
    config = SamConfig(
        vision_config=sight,
        prompt_encoder_config=SamPromptEncoderConfig(**_PROMPTS),
        mask_decoder_config=SamMaskDecoderConfig(**_MASK_DECODER),
    )
    square = {"height": 64, "width": 64}
    return SamModel(config), SamProcessor(SamImageProcessor(size={"longest_edge": 64}, pad_size=square))


def sam2() -> tuple[Any, Any]:
    trunk = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 2, 1, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 4, 4], window_positional_embedding_background_size=[2, 2],
        global_attention_blocks=[2],
    )  # fmt: skip
    sight = Sam2VisionConfig(
        backbone_config=trunk, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=16,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    config = Sam2Config(
        vision_config=sight,
        prompt_encoder_config=Sam2PromptEncoderConfig(**_PROMPTS),
        mask_decoder_config=Sam2MaskDecoderConfig(**_MASK_DECODER),
    )
    return Sam2Model(config), Sam2Processor(Sam2ImageProcessor(size={"height": 64, "width": 64}))


def sam2_video() -> tuple[Any, Any]:
    """The form in which SAM 2 is published: with a memory, which pictures have no use for."""
    model, processor = sam2()
    seen = {
        f"{part}_config": getattr(model.config, f"{part}_config").to_dict() for part in ("vision", "prompt_encoder")
    }
    config = Sam2VideoConfig(
        **seen, mask_decoder_config=_MASK_DECODER, image_size=64, memory_attention_hidden_size=16,
        memory_attention_num_layers=1, memory_attention_num_attention_heads=1, mask_downsampler_embed_dim=16,
        memory_attention_feed_forward_hidden_size=16, memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=16, memory_encoder_output_channels=8, memory_fuser_num_layers=1,
        memory_fuser_embed_dim=16, memory_fuser_intermediate_dim=16,
    )  # fmt: skip
    clips = Sam2VideoVideoProcessor(size={"height": 64, "width": 64})
    return Sam2VideoModel(config), Sam2VideoProcessor(processor.image_processor, clips)


def sam3_tracker() -> tuple[Any, Any]:
    trunk = Sam3ViTConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14,
        window_size=2, global_attn_indexes=[1], pretrain_image_size=28,
    )  # fmt: skip
    config = Sam3TrackerConfig(
        vision_config=Sam3VisionConfig(
            backbone_config=trunk, fpn_hidden_size=16, backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]]
        ),
        prompt_encoder_config={**_PROMPTS, "image_size": 56, "patch_size": 14},
        mask_decoder_config=_MASK_DECODER,
    )
    pictures = Sam3ImageProcessor(size={"height": 56, "width": 56})
    return Sam3TrackerModel(config), Sam3TrackerProcessor(pictures, target_size=56)


def dpt() -> tuple[Any, Any]:
    config = DPTConfig(
        image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8, head_in_index=-1, use_auxiliary_head=False, num_hidden_layers=4, **_SIZES,
    )  # fmt: skip
    return DPTForDepthEstimation(config), DPTImageProcessor(size={"height": 32, "width": 32})


def depth_anything(**told: Any) -> tuple[Any, Any]:
    sight = Dinov2Config(
        image_size=28, patch_size=14, out_indices=[1, 2, 3, 4], apply_layernorm=True, reshape_hidden_states=False,
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=1,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=sight, patch_size=14, reassemble_hidden_size=16, neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8, head_hidden_size=8, **told,
    )  # fmt: skip
    pictures = DPTImageProcessor(size={"height": 28, "width": 28}, keep_aspect_ratio=True, ensure_multiple_of=14)
    return DepthAnythingForDepthEstimation(config), pictures


def metric_depth_anything() -> tuple[Any, Any]:
    return depth_anything(depth_estimation_type="metric", max_depth=20)


def zoedepth() -> tuple[Any, Any]:
    sight = BeitConfig(
        image_size=32, patch_size=8, out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
        use_relative_position_bias=True, num_hidden_layers=4, **_SIZES,
    )  # fmt: skip
    config = ZoeDepthConfig(
        backbone_config=sight, neck_hidden_sizes=[8] * 4, fusion_hidden_size=8, bottleneck_features=8,
        num_relative_features=8, num_attractors=[2] * 4, bin_embedding_dim=8, patch_transformer_hidden_size=8,
        patch_transformer_intermediate_size=8, patch_transformer_num_attention_heads=1, use_pretrained_backbone=False,
        bin_configurations=[{"n_bins": 4, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
    )  # fmt: skip
    pictures = ZoeDepthImageProcessor(size={"height": 32, "width": 32}, ensure_multiple_of=8)
    return ZoeDepthForDepthEstimation(config), pictures


def glpn() -> tuple[Any, Any]:
    config = GLPNConfig(
        depths=[1] * 4, sr_ratios=[2, 2, 1, 1], hidden_sizes=[8] * 4, num_attention_heads=[1] * 4,
        decoder_hidden_size=8, mlp_ratios=[1] * 4,
    )  # fmt: skip
    return GLPNForDepthEstimation(config), GLPNImageProcessor(size_divisor=32)


CLOSED: tuple[Callable[[], tuple[Any, Any]], ...] = (detr, yolos, rt_detr)
OPEN: tuple[Callable[[], tuple[Any, Any]], ...] = (owlvit, owlv2, grounding_dino)
SEGMENTERS: tuple[Callable[[], tuple[Any, Any]], ...] = (sam, sam2, sam2_video, sam3_tracker)
DEPTHS: tuple[Callable[[], tuple[Any, Any]], ...] = (dpt, depth_anything, metric_depth_anything, zoedepth, glpn)

"""How requests speak of the media that they are about, English and Chinese. Stdlib only."""

from __future__ import annotations

import random

from .words import listed

SINGLE = {
    "en": {
        "image": listed("picture photo image photograph scene drawing pic shot"),
        "audio": listed("recording|audio|sound file|audio file|track|sound", "|"),
        "video": listed("video clip film footage movie"),
        "point_cloud": listed("point cloud|scan|3D scan|cloud", "|"),
        "document": listed("document|PDF|report|file|paper|slides|letter", "|"),
        "text": listed("text article note message letter email story"),
    },
    "zh": {
        "image": listed("图片 照片 图 图像 画面 相片"), "audio": listed("录音 音频 声音 音频文件"),
        "video": listed("视频 片段 短片 影片"), "point_cloud": listed("点云 扫描 三维扫描"),
        "document": listed("文档 文件 PDF 报告 资料"), "text": listed("文字 文章 文本 短信 邮件"),
    },
}  # fmt: skip
SEVERAL = {
    "image": listed("pictures photos images photographs drawings pics shots"),
    "audio": listed("recordings|audio files|sound files|tracks|sounds", "|"),
    "video": listed("videos clips films"), "point_cloud": listed("point clouds|scans|clouds", "|"),
    "document": listed("documents PDFs reports files"), "text": listed("texts articles notes messages letters"),
}  # fmt: skip
"""English plurals; Chinese has none."""
_CLASSIFIERS = {
    "image": "张", "audio": "段", "video": "段", "point_cloud": "个", "document": "份", "text": "段", "points": "个"
}  # fmt: skip

# How the medium is spoken of: alone, of an earlier turn, one of several (`{k}` ordinal, `{d}` digit), each of several,
# all of them together. `{p}` is its noun, `{s}` its plural, `{c}` the classifier.
SAID = {
    "en": {
        "one": listed("the {p}|this {p}|the {p}|my {p}|the attached {p}|that {p}|this", "|"),
        "thread": listed("it|that {p}|the last {p}|the {p}|the same {p}|the result|that one|the previous {p}", "|"),
        "nth": listed("the {k} {p}|the {k} one|{p} {d}|{p} number {d}|the {k} of the {s}|the {k} {p}", "|"),
        "each": listed("each {p}|every {p}|all the {s}|all of the {s}|each of the {s}|every one of the {s}|"
                       "each of these {s}|all {s}", "|"),
        "all": listed("the {s}|these {s}|the {s}|my {s}|the attached {s}|those {s}|all the {s}|them|these", "|"),
    },
    "zh": {
        "one": listed("{p}|这{c}{p}|{p}|我的{p}|该{p}|附件里的{p}", "|"),
        "thread": listed("它|那{c}{p}|上一{c}{p}|刚才的{p}|刚才那{c}{p}|之前的{p}", "|"),
        "nth": listed("第{k}{c}{p}|第{k}{c}|{p}{d}|第{d}{c}{p}", "|"),
        "each": listed("每{c}{p}|每一{c}{p}|所有{p}|所有的{p}|全部{p}|这些{p}|每{c}", "|"),
        "all": listed("这些{p}|这几{c}{p}|{p}|所有{p}|附件里的{p}|这几{c}|它们", "|"),
    },
}  # fmt: skip
# How a later wish speaks of what an earlier one made.
MADE = {
    "en": {
        "image": listed("it|it|the picture|the result|that|the image|the drawing", "|"),
        "audio": listed("it|it|the recording|the audio|that|the result|the sound", "|"),
        "video": listed("it|it|the video|the clip|that|the result", "|"),
        "text": listed("it|it|that|the text|the result|this|the answer", "|"),
    },
    "zh": {
        "image": listed("它 它 结果 这张图 画好的图"), "audio": listed("它 它 结果 这段声音 这段录音"),
        "video": listed("它 它 结果 这段视频"), "text": listed("它 它 结果 这段文字 这段话 内容"),
    },
}  # fmt: skip
ORDINAL = {"en": ("first", "second", "third", "fourth"), "zh": ("一", "二", "三", "四")}
LAST = {"en": "last", "zh": "最后一"}
# Where a phrasing does not speak of the medium itself: before or after it.
INSIDE = {
    "en": ("in {pic}", "in {pic}", "from {pic}", "on {pic}"),
    "zh": ("在{pic}里，", "{pic}中，", "{pic}里，", "对{pic}："),
}


def spoken(rng: random.Random, language: str, kind: str, where: str, index: int = 0, count: int = 1) -> str:
    """How a medium of a kind is spoken of, number `index` of `count` for `nth`."""
    last = where == "nth" and index == count - 1 and rng.random() < 0.3
    form = rng.choice([form for form in SAID[language][where] if not last or "{k}" in form])
    ordinal = LAST[language] if last else ORDINAL[language][index]
    single = rng.choice(SINGLE[language][kind])
    plural = rng.choice(SEVERAL[kind]) if language == "en" else ""
    text = form.format(p=single, s=plural, c=_CLASSIFIERS[kind], k=ordinal, d=index + 1)
    return text.replace("第最后", "最后")


def pointing(rng: random.Random, language: str, kind: str) -> str:
    """How a medium that an earlier wish made is spoken of."""
    return rng.choice(MADE[language][kind])

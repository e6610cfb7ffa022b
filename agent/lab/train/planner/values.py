"""What plain arguments are told: prompts, sounds, styles, languages, numbers; as said, and as the plan has them.

Stdlib only. What is drawn or looked for is made of the generator's nouns, so that it holds words that the model does
not know; texts to be spoken are sentences of `asides.tsv`, which are measured with others than they are trained with.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

from .....tools.english import with_article
from . import words as w
from .catalog import Argument
from .nouns import Source
from .words import listed

SOUNDS = {
    "en": listed(
        "a dog barking|rain|a bell|thunder|waves|applause|footsteps|a siren|birdsong|a creaking door|wind|a car horn|"
        "a cat|breaking glass|a ticking clock|laughter|a drum|an engine|a crackling fire|a waterfall|"
        "crickets|a whistle|soft piano music|a heartbeat|an alarm|a train passing by|bubbles|a knock on wood|"
        "a church bell|static|a phone ringing|a crowd cheering|a slow waltz|a helicopter|a buzzing bee|"
        "an owl at night|a typewriter", "|"),
    "zh": listed(
        "狗叫|雨声|铃声|雷声|海浪|掌声|脚步声|警笛|鸟鸣|开门声|风声|汽车喇叭|猫叫|玻璃碎裂声|钟表滴答声|笑声|鼓声|"
        "发动机|篝火|瀑布|蟋蟀|口哨|轻柔的钢琴曲|心跳声|闹钟|火车经过|气泡声|敲木头|教堂钟声|杂音|电话铃|欢呼声|"
        "直升机|蜜蜂|夜里的猫头鹰|打字机", "|"),
}  # fmt: skip
LABELS = {
    "en": listed("barking speech music laughter rain thunder applause footsteps singing engine siren coughing sneezing "
                 "whistle bell beep chirp sweep clapping drum click alarm birdsong wind sea piano cat dog knock buzz"),
    "zh": listed("狗叫 说话声 音乐 笑声 雨声 雷声 掌声 脚步声 歌声 发动机声 警笛 咳嗽 喷嚏 哨声 铃声 哔声 鸟叫 鼓声 "
                 "闹铃 风声 海浪声 钢琴声 猫叫 敲门声 嗡嗡声"),
}  # fmt: skip
STYLES = {
    "en": listed("watercolour|pop art|Van Gogh|cubism|ukiyo-e|impressionism|pixel art|comic book|oil painting|manga|"
                 "pencil sketch|art deco|Monet|charcoal|mosaic|stained glass|Bauhaus|pastel|film noir|low poly|"
                 "paper collage|Picasso|woodcut|graffiti|claymation|anime|baroque|linocut|crayon|surrealism", "|"),
    "zh": listed("水彩 波普 梵高 立体派 浮世绘 印象派 像素 漫画 油画 水墨 素描 装饰艺术 莫奈 木炭 马赛克 彩色玻璃 "
                 "包豪斯 粉彩 黑色电影 低多边形 剪纸 毕加索 木刻 涂鸦 黏土 动漫 巴洛克 版画 蜡笔 国画"),
}  # fmt: skip
LANGUAGES = {
    "en": {name.capitalize(): name for name in listed(
        "english chinese spanish french german italian portuguese dutch russian japanese korean arabic hindi")},
    "zh": {"英文": "english", "英语": "english", "中文": "chinese", "汉语": "chinese", "西班牙语": "spanish",
           "法语": "french", "法文": "french", "德语": "german", "德文": "german", "意大利语": "italian",
           "葡萄牙语": "portuguese", "荷兰语": "dutch", "俄语": "russian", "日语": "japanese", "日文": "japanese",
           "韩语": "korean", "韩文": "korean", "阿拉伯语": "arabic", "印地语": "hindi"},
}  # fmt: skip
PLACES = {
    "en": {**{place: place for place in w.PLACES}, "middle": "centre", "center": "centre", "upper left": "top left",
           "upper right": "top right", "lower left": "bottom left", "lower right": "bottom right"},
    "zh": {"左上角": "top left", "左上": "top left", "上方": "top", "顶部": "top", "右上角": "top right",
           "右上": "top right", "左边": "left", "左侧": "left", "中间": "centre", "中央": "centre", "正中": "centre",
           "右边": "right", "右侧": "right", "左下角": "bottom left", "左下": "bottom left", "下方": "bottom",
           "底部": "bottom", "右下角": "bottom right", "右下": "bottom right"},
}  # fmt: skip
FOLDERS = listed(
    "holiday photos pictures album archive 2024 summer wedding downloads scans camera work family dataset images "
    "/home/anna/pictures /data/scans /mnt/nas/photos/2023 C:/Users/Tom/Pictures ../raw/batch_7 D:/archive /tmp/shots "
    "photos/2024 ./pics data/raw ~/Pictures trips birthday garden pets inbox assets old_phone screenshots shots"
)
_CLAUSES = {
    "en": listed("{t} moves to the {d}|{t} appears|{t} disappears|{t} starts to grow|{t} stops|{t} falls down|"
                 "{t} is gone|{t} begins to spin|{t} comes in|{t} leaves|{t} shrinks|{t} flies up|{t} turns round|"
                 "{t} stands still|{t} bounces|{t} gets bigger|{t} hits {u}|{t} passes {u}|{t} jumps|{t} shakes|"
                 "there is only {t}", "|"),
    "zh": listed("{t}向{d}移动|{t}出现|{t}消失|{t}开始变大|{t}停下来|{t}掉下去|{t}不见了|{t}开始旋转|"
                 "{t}进入画面|{t}离开|{t}变小|{t}飞起来|{t}转身|{t}不动|{t}跳起来|{t}变大|{t}碰到{u}|{t}经过{u}|"
                 "{t}晃动|只剩下{t}", "|"),
}  # fmt: skip
_MOVING = {
    "en": listed("{a} that moves to the {d}|{a} moving {d}|{a} growing|{a} that shrinks|{a} spinning|{a} that bounces|"
                 "{a} flying up|{a} falling|{a} shaking|{a} and {b} moving {d}|{a} driving to the {d}|{a} swimming {d}",
                 "|"),
    "zh": listed("向{d}移动的{t}|一个变大的{t}|一个缩小的{t}|旋转的{t}|跳动的{t}|往上飞的{t}|{t}往下掉|{t}晃动|"
                 "{t}和{u}向{d}移动|{t}向{d}开", "|"),
}  # fmt: skip
_DIRECTIONS = {"en": ("left", "right"), "zh": ("左", "右")}
_SCENES = {
    "en": listed("{a}|{a}|{a}|{a}|{a} and {b}|{two} {pl}|{a} {rel} {b}|{a} {where}|{a} {rel} {b} {where}|{pl}|"
                 "{a} with {b}|{pl} and {pls}", "|"),
    "zh": listed("一个{t}|一个{t}|{t}|一只{t}|一个{t}和一个{u}|{two}个{t}|{t}在{u}{rel}|{where}的{t}|{where}的一个{t}|"
                 "{u}{rel}的{t}|{t}和{u}|一幅{t}", "|"),
}  # fmt: skip
_RELATIONS = {
    "en": listed("left of|right of|above|below|beside|next to|behind|on top of|in front of|under|near|inside", "|"),
    "zh": listed("左边 右边 上面 下面 旁边 后面 前面 里面"),
}  # fmt: skip
_WHERE = {
    "en": listed("in the snow|at night|on a beach|in space|under a tree|in the rain|on a hill|at sunset|in a city|"
                 "on a white background|in a forest|in the morning light|on the moon|by the sea", "|"),
    "zh": listed("雪地里|夜晚|海滩上|太空中|树下|雨中|山上|夕阳下|城市里|白色背景上|森林里|晨光中|月球上|海边", "|"),
}  # fmt: skip
_TWO = {"en": listed("two three four five many"), "zh": ("两", "三", "四", "五", "几")}
_COMMON_NUMBERS = (1, 2, 3, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 60)

Value = tuple[str, Any]


def value(s: Source, tool: str, arg: Argument) -> Value:
    """A value for an argument, as it is said and as the plan has it. Raises LookupError where there is none."""
    own = _OWN.get(f"{tool}.{arg.name}") or _OWN.get(arg.name)
    if own is not None:
        return own(s)
    if arg.options:
        chosen = s.rng.choice(arg.options)
        return chosen.replace("_", " "), chosen
    if arg.type in ("integer", "number"):
        return number(s, arg)
    if arg.type == "array":
        return choices(s)
    if arg.type == "string" or arg.literal:
        return _as_said(scene(s))
    raise LookupError(f"nothing is told of {tool}.{arg.name}")


def number(s: Source, arg: Argument) -> Value:
    """A number in digits that the argument may have; of those that may be fractions, three in ten are."""
    least = arg.least if arg.least is not None else 0
    most = arg.most if arg.most is not None else 120
    low, high = math.ceil(least + (arg.type == "number")), math.floor(min(most, least + 120))
    common = [each for each in _COMMON_NUMBERS if low <= each <= high]
    whole = s.rng.choice(common) if common and s.chance(0.7) else s.rng.randint(low, max(low, high))
    if arg.type == "number" and s.chance(0.3):
        part = whole % 30 + s.rng.choice((0.5, 0.5, 0.25, 0.1, 0.2, 0.75, 0.4, 0.8))
        if least <= part <= most:
            return f"{part:g}", part
    return str(whole), whole


def scene(s: Source) -> str:
    """What a picture is to show: a thing, two of them, where they are."""
    template = s.rng.choice(_SCENES[s.language])
    two, rel, where = (s.rng.choice(table[s.language]) for table in (_TWO, _RELATIONS, _WHERE))
    return template.format(**_things(s), two=two, rel=rel, where=where)


def choices(s: Source) -> Value:
    """Two to four names to choose from, as a list."""
    several = s.chance(0.5)
    names = list(dict.fromkeys(s.noun()[several] for _ in range(s.rng.randint(2, 4))))
    if s.language == "zh":
        between, last = s.rng.choice((("、", "、"), ("、", "或"), ("、", "还是"), ("，", "和")))
        return between.join(names[:-1]) + last * (len(names) > 1) + names[-1], names
    said = [name if several or s.chance(0.5) else with_article(name) for name in names]
    last = s.rng.choice((" or ", " or ", ", or ", " and ", ", "))
    return ", ".join(said[:-1]) + last * (len(said) > 1) + said[-1], names


def heard(s: Source) -> Value:
    """The name of a sound, as the list that classifying takes."""
    name = s.noun()[0] if s.chance(0.3) else s.rng.choice(LABELS[s.language])
    return name, [name]


def _things(s: Source) -> dict[str, str]:
    """Two things in every form that the templates need."""
    (one, many), (other, others) = s.noun(), s.noun()
    tints = [s.colour()[0] if s.chance(0.5) else "" for _ in range(2)]
    if s.language == "zh":
        between = ["的" if tint and s.chance(0.6) else "" for tint in tints]
        return {"t": tints[0] + between[0] + one, "u": tints[1] + between[1] + other}
    singles = [f"{tints[0]} {one}".strip(), f"{tints[1]} {other}".strip()]
    return {"a": with_article(singles[0]), "b": with_article(singles[1]), "t": f"the {singles[0]}",
            "u": f"the {singles[1]}", "pl": f"{tints[0]} {many}".strip(), "pls": others}  # fmt: skip


def _as_said(text: str) -> Value:
    return text, text


def _prompt_of_sound(s: Source) -> Value:
    name = s.rng.choice(SOUNDS[s.language])
    if s.chance(0.3):
        name = s.noun()[0] if s.language == "zh" else with_article(s.noun()[0])
    return _as_said(name)


def _moving(s: Source) -> Value:
    template = s.rng.choice(_MOVING[s.language])
    return _as_said(template.format(**_things(s), d=s.rng.choice(_DIRECTIONS[s.language])))


def _clause(s: Source) -> Value:
    template = s.rng.choice(_CLAUSES[s.language])
    return _as_said(template.format(**_things(s), d=s.rng.choice(_DIRECTIONS[s.language])))


def _sentence(s: Source) -> Value:
    """A text to be spoken or translated: a scene, or something that people say."""
    apart = s.split not in ("train", "seen")
    said = [a.text for a in s.phrasings.asides[s.language] if (zlib.crc32(a.text.encode()) % 10 == 0) == apart]
    parts = [s.rng.choice(said) if said and s.chance(0.7) else scene(s) for _ in range(s.rng.choice((1, 1, 1, 2, 3)))]
    text = ("，" if s.language == "zh" else s.rng.choice((", ", ". ", " and "))).join(parts)
    return _as_said(text if s.chance(0.5) else text[:1].upper() + text[1:])


def _from(table: dict[str, dict[str, str]]) -> Callable[[Source], Value]:
    return lambda s: s.rng.choice(tuple(table[s.language].items()))


_OWN: dict[str, Callable[[Source], Value]] = {
    "colour": lambda s: s.colour(),
    "to": _from(LANGUAGES),
    "place": _from(PLACES),
    "style": lambda s: _as_said(s.rng.choice(STYLES[s.language])),
    "folder": lambda s: _as_said(s.rng.choice(FOLDERS)),
    "generate_audio.prompt": _prompt_of_sound,
    "animate.prompt": _moving,
    "find_moment.query": _clause,
    "text": _sentence,
    "compare.first": lambda s: _as_said(s.noun()[0]),
    "compare.second": lambda s: _as_said(s.noun()[0]),
}

"""From the words of a request to the class names of a detector: plurals, true synonyms, Chinese nouns."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ..errors import UnknownLabel

NOUNS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "circle": {"en": ("circle", "disc", "disk"), "zh": ("圆形", "圆", "圆圈", "圆盘")},
        "square": {"en": ("square",), "zh": ("正方形", "方形", "方块")},
        "triangle": {"en": ("triangle",), "zh": ("三角形", "三角")},
        "star": {"en": ("star",), "zh": ("星星", "五角星", "星形", "星")},
        "heart": {"en": ("heart",), "zh": ("心形", "爱心", "红心", "心")},
        "cross": {"en": ("cross", "plus", "plus sign"), "zh": ("十字", "十字形", "十字架", "加号")},
        "moon": {"en": ("moon", "crescent", "crescent moon", "half moon"), "zh": ("月亮", "月牙", "新月")},
        "ring": {"en": ("ring", "annulus"), "zh": ("圆环", "环", "环形", "戒指")},
        "house": {"en": ("house",), "zh": ("房子", "房屋", "屋子")},
        "car": {"en": ("car", "automobile", "auto", "motor car"), "zh": ("汽车", "车", "小汽车", "轿车", "车子")},
        "tree": {"en": ("tree",), "zh": ("树", "树木", "大树")},
        "fish": {"en": ("fish",), "zh": ("鱼", "鱼儿")},
        "cup": {"en": ("cup", "mug"), "zh": ("杯子", "杯", "水杯", "茶杯")},
        "flower": {"en": ("flower", "blossom"), "zh": ("花", "花朵", "鲜花")},
        "boat": {"en": ("boat", "ship", "sailboat", "sailing boat"), "zh": ("船", "小船", "帆船", "船只")},
        "sign": {"en": ("sign", "signboard", "sign board"), "zh": ("标志牌", "标志", "牌子", "招牌", "标牌")},
        "person": {"en": ("person", "human", "human being"), "zh": ("人", "人物")},
        "bicycle": {"en": ("bicycle", "bike", "cycle"), "zh": ("自行车", "单车")},
        "motorcycle": {"en": ("motorcycle", "motorbike"), "zh": ("摩托车",)},
        "airplane": {"en": ("airplane", "aeroplane", "plane", "aircraft"), "zh": ("飞机",)},
        "couch": {"en": ("couch", "sofa"), "zh": ("沙发",)},
        "tv": {"en": ("tv", "television", "tv set"), "zh": ("电视", "电视机")},
        "cell phone": {"en": ("cell phone", "mobile phone", "mobile"), "zh": ("手机",)},
        "cat": {"en": ("cat",), "zh": ("猫", "猫咪")},
        "dog": {"en": ("dog",), "zh": ("狗", "小狗")},
        "bird": {"en": ("bird",), "zh": ("鸟", "小鸟")},
    }
)
"""Canonical noun -> language -> words that mean just that; the first one of a language is the usual word."""

_GENERIC = frozenset(
    [
        "object",
        "thing",
        "item",
        "shape",
        "figure",
        "element",
        "everything",
        "anything",
        "all",
        "物体",
        "东西",
        "物品",
        "形状",
        "图形",
        "对象",
        "所有",
        "一切",
        "全部",
    ]
)
_IRREGULAR = MappingProxyType(
    {
        "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse",
        "geese": "goose", "feet": "foot", "teeth": "tooth", "buses": "bus", "shelves": "shelf", "knives": "knife",
        "leaves": "leaf", "wolves": "wolf", "loaves": "loaf", "scarves": "scarf",
    }
)  # fmt: skip
_LEADING = re.compile(r"^(?:(?:all|each|every|any|both|some|of|the|a|an|this|that|these|those|it's)\s+)+")
_LEADING_ZH = re.compile(r"^(?:所有|全部|每个|那些|这些|那个|这个|一个|任何|的)+")
_SHAPE_SUFFIX = re.compile(r"(?<=\w)[ -](?:shape|shaped|shaped object|shaped thing)$")


def resolve(labels: Iterable[str], vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """The detector's class names for the words of a request, without repeats, in the order given.

    A generic noun ("objects", "things") means no restriction: the result is empty. An open ``vocabulary``
    (None) takes any noun in the singular. Raises ``UnknownLabel`` naming every word that a closed one lacks.
    """
    wanted = [each for each in labels if each.strip()]
    if vocabulary is None:
        found = [singulars(clean(each))[0] for each in wanted]
        return () if any(each in _GENERIC for each in found) else tuple(dict.fromkeys(found))
    names = {clean(each): each for each in reversed(vocabulary)}
    resolved: list[str] = []
    unknown: list[str] = []
    generic = False
    for label in wanted:
        match = next((names[each] for each in _candidates(label) if each in names), None)
        if match is not None:
            resolved.append(match)
        elif any(each in _GENERIC for each in singulars(clean(label))):
            generic = True
        else:
            unknown.append(label)
    if unknown:
        raise _unknown(unknown, vocabulary)
    return () if generic else tuple(dict.fromkeys(resolved))


def clean(label: str) -> str:
    """A label in lower case without articles, quantifiers and punctuation; ``traffic_light`` -> traffic light."""
    text = re.sub(r"[\s_]+", " ", label).strip(" .,;:!?\"'“”。，、？！").casefold()
    return _LEADING_ZH.sub("", _LEADING.sub("", text)) or text


def singulars(noun: str) -> list[str]:
    """What the noun may be in the singular, likeliest first, itself last; only its last word changes."""
    head, space, last = noun.rpartition(" ")
    forms: list[str] = []
    if last in _IRREGULAR:
        forms.append(_IRREGULAR[last])
    elif len(last) > 3 and last.endswith("ies"):
        forms.append(last[:-3] + "y")
    elif last.endswith(("shes", "ches", "xes", "sses", "zes", "oes")):
        forms += [last[:-2], last[:-1]]
    elif len(last) > 2 and last.endswith("s") and not last.endswith(("ss", "us", "is")):
        forms.append(last[:-1])
    forms.append(last)
    return [f"{head}{space}{each}" for each in forms]


def _candidates(label: str) -> list[str]:
    """Every spelling under which a vocabulary may hold the label, likeliest first."""
    cleaned = clean(label)
    forms = [cleaned, *singulars(cleaned)]
    forms += [_SHAPE_SUFFIX.sub("", each) for each in forms if _SHAPE_SUFFIX.search(each)]
    return list(dict.fromkeys([*forms, *(same for each in forms for same in _SYNONYMS.get(each, ()))]))


def _unknown(labels: Sequence[str], vocabulary: Sequence[str]) -> UnknownLabel:
    near: list[str] = []
    for label in labels:
        near += difflib.get_close_matches(singulars(clean(label))[0], vocabulary, n=2)
        # "red circles": the noun is known, the adjective is another tool's business.
        near += [name for name in vocabulary if name in singulars(clean(label).rpartition(" ")[2])]
    near = list(dict.fromkeys(near))
    shown = ", ".join(vocabulary[:20]) + (f" and {len(vocabulary) - 20} more" if len(vocabulary) > 20 else "")
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return UnknownLabel(
        f"the detector does not know {' or '.join(repr(each) for each in labels)}",
        hint=f"{meant}it knows {shown}",
        labels=list(labels),
        near=near,
    )


def _synonyms() -> dict[str, tuple[str, ...]]:
    """Each word to the others that mean the same, canonical noun first."""
    table: dict[str, tuple[str, ...]] = {}
    for canonical, languages in NOUNS.items():
        words = [canonical, *(word for words in languages.values() for word in words)]
        for word in words:
            table[word] = tuple(dict.fromkeys(each for each in words if each != word))
    return table


_SYNONYMS = _synonyms()

"""Which of the synthesised sounds a text names, by a table of words: nothing is understood, so "no rain" is rain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from types import MappingProxyType

WORDS = MappingProxyType(
    {
        "beep": "beep, bleep, blip, 哔, 嘀声, 嘟声, 蜂鸣",
        "siren": "siren, police car, ambulance, fire engine, fire truck, 警笛, 警车, 救护车, 消防车",
        "bell": "bell, church bell, bell tower, 钟声, 敲钟, 钟楼, 教堂的钟, 铃声, 铃铛, 风铃, 铃",
        "clock": "clock, tick, ticktock, tick tock, 时钟, 钟表, 座钟, 挂钟, 滴答, 嘀嗒",
        "rain": "rain, rainfall, rainy, raindrop, downpour, drizzle, drizzling, 雨",
        "wind": "wind, windy, breeze, gale, gust, 风",
        "drum": "drum, drumming, drummer, drumbeat, drum beat, 鼓",
        "whistle": "whistle, whistling, 哨, 吹哨",
        "engine": "engine, motor, motorbike, motorcycle, truck, idling car, 引擎, 发动机, 马达, 摩托车, 卡车",
        "alarm": "alarm, alarm clock, alarm bell, smoke detector, 警报, 报警, 闹钟, 闹铃, 警铃",
        "bird": "bird, birdsong, bird song, chirp, tweet, twitter, sparrow, 鸟",
        "footsteps": "footstep, footfall, walk, 脚步, 走路, 步行",
        "glass": "glass, glasses clinking, clink, clinking glasses, wine glass, 玻璃, 碰杯, 酒杯, 干杯",
        "phone": (
            "phone, telephone, phone bell, phone ring, telephone bell, ringtone, "
            "电话, 手机, 电话铃, 电话铃声, 手机铃声, 电话的铃声"
        ),
        "horn": "horn, truck horn, honk, hoot, toot, 喇叭, 鸣笛, 卡车喇叭",
        "knock": "knock, rap on the door, rapping, 敲门, 叩门, 敲击",
    }
)
"""By sound, what it may be called; English words also with -s, -es, -'s, -ed and -ing, and with hyphens for spaces."""

SILENT = (
    "风格, 风景, 风险, 风味, 风俗, 风趣, 风采, 风度, 风琴, 风扇, 麦克风, 屏风, 鼓励, 鼓舞, 鼓掌, 鼓起勇气, "
    "铃木, 铃兰, 哨兵, 哨所, 鸟瞰, 雨伞, 雨衣, 雨鞋, 搜索引擎"
)
"""Words in which a name of a sound means something else."""

_ASCII = re.compile(r"[a-z' ]+")
_GAP = re.compile(r"[\s\u2010-]+")  # between words; \u2010 is the hyphen that is no minus sign


def _patterns() -> list[tuple[re.Pattern[str], str | None]]:
    """Every name with its sound, the longest first: an alarm clock is an alarm; None for what makes no sound."""
    tables: list[tuple[str | None, str]] = [(None, SILENT), *WORDS.items()]
    names = [(name.strip(), sound) for sound, listed in tables for name in listed.split(",")]
    names.sort(key=lambda pair: -len(pair[0]))
    return [
        # No \b: there is none between a letter and a Chinese character.
        (re.compile(rf"(?<![a-z]){name}(?:s|es|'s|ed|ing)?(?![a-z])" if _ASCII.fullmatch(name) else name), sound)
        for name, sound in names
    ]


_PATTERNS = _patterns()


def sounds_in(text: str, vocabulary: Collection[str]) -> list[str]:
    """The sounds of ``vocabulary`` that a text names, in the order of :data:`WORDS`; empty where it names none."""
    left, found = _GAP.sub(" ", unicodedata.normalize("NFKC", text).casefold()), set()
    for pattern, sound in _PATTERNS:
        left, count = pattern.subn("·", left)  # a name that was understood is not looked into again
        if count:
            found.add(sound)
    return [sound for sound in WORDS if sound in found and sound in vocabulary]

"""Which of the synthesised sounds a text names, by a table of words: nothing is understood, so "no rain" is rain."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import MappingProxyType

WORDS = MappingProxyType(
    {
        "beep": "beep, bleep, blip, 哔, 嘀声, 嘟声, 蜂鸣",
        "siren": "siren, police car, ambulance, fire engine, fire truck, 警笛, 警车, 救护车, 消防车",
        "bell": "bell, church bell, bell tower, 钟声, 敲钟, 钟楼, 教堂的钟, 铃声, 铃铛, 风铃, 铃",
        "clock": "clock, tick, tick-tock, ticktock, tick tock, 时钟, 钟表, 座钟, 挂钟, 滴答, 嘀嗒",
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
"""By sound, what it may be called; English words also with -s, -es, -'s, -ed and -ing."""

_ASCII = re.compile(r"[a-z' -]+")


def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Every name with its sound, the longest first: an alarm clock is an alarm."""
    names = [(name.strip(), sound) for sound, listed in WORDS.items() for name in listed.split(",")]
    names.sort(key=lambda pair: -len(pair[0]))
    return [
        (re.compile(rf"\b{re.escape(name)}(?:s|es|'s|ed|ing)?\b" if _ASCII.fullmatch(name) else name), sound)
        for name, sound in names
    ]


_PATTERNS = _patterns()


def sounds_in(text: str, vocabulary: Collection[str]) -> list[str]:
    """The sounds of ``vocabulary`` that a text names, in the order of :data:`WORDS`; empty where it names none."""
    left, found = text.casefold(), set()
    for pattern, sound in _PATTERNS:
        left, count = pattern.subn("·", left)  # a name that was understood is not looked into again
        if count:
            found.add(sound)
    return [sound for sound in WORDS if sound in found and sound in vocabulary]

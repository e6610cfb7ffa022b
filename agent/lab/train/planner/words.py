"""The words that the request generator fills its phrasings with, English and Chinese. Stdlib only.

`HELD_OUT` nouns are never trained on: they measure whether the planner copies nouns or has learnt them by heart.
"""

from __future__ import annotations

from pathlib import Path

LANGUAGES = ("en", "zh")


def listed(text: str, between: str | None = None) -> tuple[str, ...]:
    """The entries of a table written as one text."""
    return tuple(text.split(between))


CLASSES = {
    "en": listed("circle square triangle star heart cross moon ring house car tree fish cup flower boat sign"),
    "zh": listed("圆形 圆圈 正方形 方块 三角形 星星 五角星 心形 爱心 十字 加号 月亮 月牙 圆环 房子 房屋 汽车 车 "
                  "小汽车 树 大树 鱼 杯子 水杯 花 花朵 船 小船 帆船 牌子 标志 路牌"),
}  # fmt: skip
NOUNS = {
    "en": listed(
        "dog cat bird horse person child bicycle bus truck bottle chair table lamp book phone apple banana "
        "clock key shoe hat ball kite plane train umbrella bag plate spoon knife bowl cake pizza window door button "
        "leaf rock bridge tower fence duck cow sheep bear mouse snake frog insect spider crab balloon candle mug "
        "hammer wheel traffic_light coffee_cup street_lamp parking_meter tennis_ball stop_sign wine_glass teddy_bear "
        "fire_hydrant polar_bear paper_bag garden_chair blackbird snowman robot rocket guitar drum violin piano "
        "camera television laptop pencil crayon brush ladder bucket barrel anchor shell feather egg carrot tomato "
        "onion potato mushroom man woman girl boy player cyclist face logo number_plate screen cushion curtain wall "
        "cloud hill river boulder trouser jacket glove scarf belt necklace coin stamp letter envelope box crate "
        "object object object thing thing shape shape item animal vehicle toy fruit building figure"
    ),
    "zh": listed(
        "狗 猫 小猫 小狗 鸟 马 人 行人 孩子 自行车 公交车 卡车 瓶子 椅子 桌子 台灯 书 手机 苹果 香蕉 橙子 钟 钥匙 "
        "鞋 帽子 球 "
        "足球 风筝 飞机 火车 雨伞 背包 盘子 勺子 刀 碗 蛋糕 窗户 门 纽扣 叶子 石头 桥 塔 栅栏 鸭子 牛 羊 熊 老鼠 "
        "蛇 青蛙 "
        "气球 蜡烛 锤子 轮子 红绿灯 路灯 酒杯 雪人 机器人 火箭 吉他 鼓 钢琴 相机 电视 电脑 铅笔 梯子 水桶 贝壳 "
        "羽毛 鸡蛋 "
        "萝卜 番茄 洋葱 土豆 蘑菇 男人 女人 女孩 男孩 脸 人脸 车牌 屏幕 窗帘 云朵 手套 围巾 信封 箱子 "
        "物体 物体 东西 形状 图形 动物 玩具 水果 建筑"
    ),
}
HELD_OUT = {
    "en": listed(
        "zebra giraffe elephant backpack suitcase skateboard surfboard keyboard toaster sofa cactus lantern penguin "
        "sandwich donut helmet turtle owl pumpkin tractor canoe kettle saucer ribbon beetle hot_dog snow_globe kayak"
    ),
    "zh": listed(
        "斑马 长颈鹿 大象 行李箱 滑板 键盘 沙发 仙人掌 灯笼 企鹅 头盔 乌龟 猫头鹰 南瓜 拖拉机 水壶 蝴蝶 风车 骆驼 菠萝"
    ),
}  # fmt: skip
# Many more things that are trained on, too rare each to be learnt by heart.
RARE = {
    language: tuple((Path(__file__).parent / "phrasings" / f"nouns-{language}.txt").read_text("utf-8").splitlines())
    for language in LANGUAGES
}
PLACES = listed("top left|top|top right|left|centre|middle|right|bottom left|bottom|bottom right", "|")
ADJECTIVES = listed("wooden shiny round tall old broken parked sleeping plastic metal empty striped young open")
# Parts of pseudo-words: English syllables, and characters that Chinese nouns are often made of.
ONSETS = listed(
    "b c d f g h j k l m n p r s t v w z bl br cl cr dr fl fr gl gr pl pr sc sh sk sl sm sn sp st str th tr"
)
CODAS = listed("b ck d ft g k l ll m mp n nd ng nk nt p r rd rk rn rt sh sk st t x zz")
CHARACTERS = (
    "山水火木土石金铁玉竹草叶果瓜豆米面茶酒糖盐油纸笔墨布线针衣裤袜帽鞋袋箱柜床椅灯镜钟表琴鼓笛球棋牌车船桥塔楼屋门窗"
    "墙梯井田园林鸟鸡鸭鹅鱼虾蟹虫蜂蝶马牛羊猪狗猫兔鹿象虎狮熊猴鼠蛇龙云雨雪风雷电星月日光影花树根枝皮毛羽角骨手脚头脸"
)

NOUN_CHARACTERS = "".join(sorted(set("".join((*CLASSES["zh"], *NOUNS["zh"])))))

# Every character of the first level of GB 2312, the 3,755 most common ones: nouns that are never trained on are written
# with characters that the model has hardly met, and copying these is learnt with all of them.
_CODES = (bytes((high, low)) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF))
_COMMON = (code.decode("gb2312", errors="ignore") for code in _CODES)
_STOPS = frozenset("的了是在有几个多少吗把请和与这那些里中一张或红橙黄绿蓝紫粉棕黑白色")  # no label holds these
ALL_CHARACTERS = "".join(c for c in _COMMON if c not in _STOPS)

# Real words that pseudo-words may happen to be, and that the grammar takes for no label.
REAL = frozenset(listed(
    "she her the that this them then than those these there here more some into down over most will were with from "
    "show tell make find like for not nor but was has had did its his him one two red pink blue black"
))  # fmt: skip

COLOURS = {
    "en": {name: name for name in listed("red orange yellow green blue purple pink brown black white")},
    "zh": {"红色": "red", "橙色": "orange", "黄色": "yellow", "绿色": "green", "蓝色": "blue", "紫色": "purple",
           "粉色": "pink", "粉红色": "pink", "棕色": "brown", "黑色": "black", "白色": "white", "橘色": "orange",
           "褐色": "brown"},
}  # fmt: skip
SUREST = {
    "en": ("the surest {n}", "the most certain {n}", "the {n} you are most sure of", "the most confident {n}",
           "the clearest {n}", "the {n} with the highest score", "the {n} with the best confidence"),
    "zh": ("最确定的{n}", "置信度最高的{n}", "最有把握的{n}", "得分最高的{n}"),
}  # fmt: skip

# Spellings that differ across the Atlantic; one of the two is taken for a whole request.
AMERICAN = {"colour": "color", "grey": "gray", "centre": "center", "recolour": "recolor", "favourite": "favorite"}
# Verbs that a request may begin with and that fit behind "would you please".
VERBS = frozenset(listed(
    "count tell find detect locate mark draw put box frame annotate outline highlight trace shade segment mask "
    "make get "
    "give cut clip snip extract isolate remove crop zoom trim blur pixelate hide censor obscure soften smudge turn "
    "convert "
    "change paint recolour recolor colour color dye tint desaturate drain take apply describe explain say name "
    "list show "
    "spot search look check identify return report output produce create generate render "
    "read speak transcribe translate summarise summarize write caption classify compare measure mix play speed slow "
    "keep sketch compose arrange paste replace swap fill erase delete enlarge upscale animate film follow track sample "
    "grab quote sort sum retouch redraw repaint restyle exchange join combine assemble estimate describe pick "
    "recognise shorten save"
))  # fmt: skip

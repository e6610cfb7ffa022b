"""Words and sentence forms of the request generator. `{np}` is a noun phrase, `{n}` its bare noun, `{pic}` the picture.

Every table is a pair (train, test): the forms of the second list are never trained on and measure whether the planner
LM understands wordings or has learnt templates by heart. Stdlib only.
"""

from __future__ import annotations


def _listed(text: str, between: str | None = None) -> tuple[str, ...]:
    """The entries of a table written as one text."""
    return tuple(text.split(between))


CLASSES = _listed("circle square triangle star heart cross moon ring house car tree fish cup flower boat sign")
NOUNS = _listed(
    "dog cat bird horse person child bicycle bus truck bottle chair table lamp book phone apple banana orange clock "
    "key shoe hat ball kite plane train umbrella bag plate spoon knife bowl cake pizza window door button leaf rock "
    "bridge tower fence duck cow sheep bear mouse snake frog insect spider crab balloon candle mug hammer wheel "
    "traffic_light coffee_cup street_lamp parking_meter tennis_ball stop_sign wine_glass teddy_bear fire_hydrant "
    "polar_bear paper_bag garden_chair blackbird snowman robot rocket guitar drum violin piano camera television "
    "laptop pencil crayon brush ladder bucket barrel anchor shell feather egg carrot tomato onion potato mushroom "
    "object object object thing thing shape shape item animal vehicle toy fruit"
)
HELD_OUT_NOUNS = _listed(
    "zebra giraffe elephant backpack suitcase skateboard surfboard keyboard toaster sofa cactus lantern penguin "
    "sandwich donut helmet turtle owl pumpkin tractor canoe kettle saucer ribbon beetle hot_dog snow_globe kayak"
)
ADJECTIVES = _listed("wooden shiny round tall old broken parked sleeping plastic metal empty striped young open")
COLOURS = _listed("red orange yellow green blue purple pink brown black white")
IRREGULAR = {"person": "people", "child": "children", "fish": "fish", "sheep": "sheep", "mouse": "mice",
             "leaf": "leaves", "knife": "knives", "tomato": "tomatoes", "potato": "potatoes",
             "snowman": "snowmen", "kayak": "kayaks"}  # fmt: skip

ONSETS = _listed(
    "b c d f g h j k l m n p r s t v w z bl br cl cr dr fl fr gl gr pl pr sc sh sk sl sm sn sp st str th tr"
)
CODAS = _listed("b ck d ft g k l ll m mp n nd ng nk nt p r rd rk rn rt sh sk st t x zz")

SELECT = {
    "largest": (("largest", "biggest"), ("most enormous", "greatest")),
    "smallest": (("smallest", "tiniest", "littlest"), ("least big",)),
    "leftmost": (("leftmost", "left-most", "left most"), ("farthest left",)),
    "rightmost": (("rightmost", "right-most", "right most"), ("farthest right",)),
    "topmost": (("topmost", "highest", "uppermost", "top"), ("top-most",)),
    "bottommost": (("bottommost", "lowest", "bottom"), ("bottom-most",)),
    "surest": (("surest", "most certain", "most confident"), ("clearest",)),
}
SELECT_AFTER = {
    "leftmost": _listed("furthest to the left|on the far left|most to the left|farthest left", "|"),
    "rightmost": _listed("furthest to the right|on the far right|most to the right|farthest right", "|"),
    "topmost": _listed("closest to the top|nearest the top|at the very top|highest up", "|"),
    "bottommost": _listed("closest to the bottom|nearest the bottom|at the very bottom|lowest down", "|"),
    "largest": _listed("that is largest|that is the biggest|with the largest size|that takes up the most space", "|"),
    "smallest": _listed("that is smallest|that is the smallest|with the smallest size", "|"),
}

PICTURE = _listed("picture photo image photograph scene drawing")
IN_ONE = (("in the {p}", "in this {p}", "in the {p}", "on the {p}", "here", "", "", "", "on this {p}",
           "in my {p}", "you see", "visible in the {p}", "in the attached {p}"),
          ("in the {p} I attached", "shown in this {p}", "that you can see in the {p}"))  # fmt: skip
IN_THREAD = (("in it", "in that {p}", "in that one", "", "", "there", "in the last {p}", "in the same {p}"),
             ("in the previous {p}",))  # fmt: skip
IN_NTH = (("in the {k} {p}", "in the {k} one", "on the {k} {p}", "in {p} {d}", "in {p} number {d}"),
          ("from the {k} {p}",))  # fmt: skip
IN_EACH = (("in each {p}", "in every {p}", "in each of the {p}s", "in all {p}s", "in all the {p}s", "in each one",
            "in each of these {p}s", "per {p}", "in all of them"),
           ("for each {p}", "in every one of the {p}s"))  # fmt: skip
PIC_ONE = (("the {p}", "this {p}", "the whole {p}", "the entire {p}", "it", "this", "my {p}", "the attached {p}"),
           ("the full {p}",))  # fmt: skip
PIC_THREAD = (("it", "that", "that {p}", "the last {p}", "the {p}", "this", "the result", "that one"),
              ("the previous {p}", "what you just made"))  # fmt: skip
PIC_NTH = (("the {k} {p}", "the {k} one", "{p} {d}", "{p} number {d}"), ("the {p} that is {k}",))
PIC_EACH = (("each {p}", "every {p}", "all {p}s", "all the {p}s", "all of them", "each of the {p}s", "them all",
             "both {p}s"), ("every single {p}", "each of them"))  # fmt: skip
ORDINAL = ("first", "second", "third", "fourth")

# Questions end with a question mark; `{pl}` is the plural noun phrase without an article ("red circles").
COUNT_Q = (("how many {pl} are there {in}", "how many {pl} are {in}", "how many {pl} do you see {in}",
            "how many {pl} can you see {in}", "how many {pl} {in}", "what is the number of {pl} {in}",
            "how many {pl} can you find {in}", "how many {pl} does {pic} have", "how many {pl} does {pic} contain",
            "how many {pl} has {pic} got", "{in} how many {pl} are there", "how many {pl} appear {in}",
            "what's the number of {pl} {in}", "are there many {pl} {in}"),
           ("how many {pl} can be seen {in}", "how many {pl} are visible {in}", "what number of {pl} is there {in}",
            "how many {pl} could you spot {in}", "do you know how many {pl} there are {in}"))  # fmt: skip
COUNT_I = (("count {the_pl} {in}", "count {the_pl}", "tell me how many {pl} there are {in}", "count up {the_pl} {in}",
            "give me the number of {pl} {in}", "tell me the number of {pl} {in}", "say how many {pl} there are {in}",
            "work out how many {pl} are {in}", "find out how many {pl} there are {in}", "report the count of {pl} {in}",
            "let me know how many {pl} there are {in}", "count how many {pl} there are {in}", "tally {the_pl} {in}"),
           ("determine how many {pl} there are {in}", "compute the number of {pl} {in}", "find the number of {pl} {in}",
            "make a count of {the_pl} {in}"))  # fmt: skip
COUNT_OF = (("count {np}", "how many of {np} are there", "tell me how many of {np} there are"), ("number {np}",))
COUNT_AGAIN = (("count {np}", "how many of {np} are there", "tell me how many of {np} there are", "count {np}",
                "tell me how many there are", "how many are there", "how many are there", "say how many there are",
                "give me their number", "how many do you see"),
               ("what's their number", "how many did you find"))  # fmt: skip
COUNT_TWO = (("how many {pl} and how many {pl2} are there {in}", "how many {pl} are {in} and how many {pl2}",
              "how many {pl} and how many {pl2} do you see {in}", "count the {pl} and separately the {pl2} {in}",
              "count the {pl}, then count the {pl2} {in}", "how many {pl} are there, and how many {pl2} {in}"),
             ("how many {pl} and how many {pl2} {in}",))  # fmt: skip
EXIST_Q = (("is there {a} {in}", "are there any {pl} {in}", "do you see {a} {in}", "can you see any {pl} {in}",
            "are there {pl} {in}", "does {pic} have {a}", "does {pic} show any {pl}", "is {a} {in}",
            "is there any {n} {in}", "do you see any {pl} {in}", "does {pic} contain {a}"),
           ("can {a} be seen {in}", "would you say there are {pl} {in}", "is {a} visible {in}"))  # fmt: skip
COLOUR_Q = (("what {colour} is {np}", "what {colour} is {np} {in}", "what {colour} are {np}",
             "which {colour} is {np} {in}",
             "what is the {colour} of {np}", "what's the {colour} of {np} {in}", "which {colour} does {np} have",
             "what {colour} does {np} have {in}", "what {colour}s are {np} {in}"),
            ("in what {colour} is {np}", "what would you call the {colour} of {np}",
             "{np} is what {colour}"))  # fmt: skip
COLOUR_I = (("tell me the {colour} of {np}", "tell me what {colour} {np} is", "say what {colour} {np} is",
             "name the {colour} of {np} {in}", "give me the {colour} of {np}", "find out what {colour} {np} is"),
            ("identify the {colour} of {np}", "let me know the {colour} of {np}"))  # fmt: skip
LOCATE_Q = (("where is {np}", "where is {np} {in}", "where are {np}", "where are {np} {in}", "where's {np}",
             "in which part of the {p} is {np}", "where can I find {np} {in}", "whereabouts is {np}",
             "where do you see {np}", "in which corner is {np}", "what is the position of {np} {in}"),
            ("at what place is {np}", "where in the {p} is {np}", "where does {np} stand {in}"))  # fmt: skip
LOCATE_I = (("tell me where {np} is {in}", "say where {np} is", "tell me where {np} are", "locate {np} {in}",
             "locate {np}", "tell me the position of {np}", "give me the location of {np}", "find out where {np} is"),
            ("describe where {np} is", "explain where to find {np}"))  # fmt: skip
FIND_I = (("find {np} {in}", "find {np}", "detect {np}", "detect {np} {in}", "show me where {np} are as boxes",
           "get the boxes of {np}", "look for {np} {in}", "search for {np} {in}", "give me boxes for {np}",
           "detect all {pl} {in}", "spot {np} {in}", "give me the bounding boxes of {np}", "discover {np} {in}"),
          ("find me {np} {in}", "return the boxes around {np}"))  # fmt: skip
ANNOTATE_I = (("draw boxes around {np} {in}", "mark {np} {in}", "put a box around {np}", "box {np}", "mark {np}",
               "draw a box around {np}", "annotate {np}", "annotate {np} {in}", "put boxes around {np}",
               "draw rectangles around {np}", "frame {np}", "show me {np} with boxes", "show me {np} {in}"),
              ("place a rectangle around {np}", "draw bounding boxes on {np}"))  # fmt: skip
OUTLINE_I = (("highlight {np} {in}", "highlight {np}", "outline {np}", "show the masks of {np} on the {p}",
              "draw the outline of {np}", "trace {np}", "overlay the masks of {np}", "shade {np}"),
             ("draw the contours of {np}", "highlight the shape of {np}"))  # fmt: skip
SEGMENT_I = (("segment {np} {in}", "segment {np}", "get the mask of {np}", "give me the masks of {np}", "mask {np}",
              "make a mask of {np}", "make masks for {np} {in}", "create masks for {np}"),
             ("produce a mask for {np}", "compute the segmentation of {np}"))  # fmt: skip
CUT_I = (("cut out {np}", "cut {np} out", "cut out {np} {in}", "extract {np}", "isolate {np}",
          "cut {np} out of the {p}",
          "remove the background of {np}", "extract {np} from the {p}", "give me a cut-out of {np}", "cutout {np}",
          "clip {np} out", "snip out {np}", "make a cutout of {np}",
          "make a sticker of {np}"),
         ("take {np} out of the {p}", "separate {np} from the background",
          "cut {np} away from the background"))  # fmt: skip
CROP_I = (("crop {np}", "crop to {np}", "crop the {p} to {np}", "crop around {np}", "zoom in on {np}",
           "zoom in to {np}",
           "crop out {np}", "trim the {p} to {np}", "give me a crop of {np}", "crop {np} {in}", "zoom to {np}",
           "make a close-up of {np}"),
          ("reduce the {p} to {np}", "give me the {p} cropped to {np}"))  # fmt: skip
BLUR_I = (("blur {np}", "blur {np} {in}", "blur out {np}", "make {np} blurry", "pixelate {np}", "hide {np}",
           "make {np} unsharp", "apply a blur to {np}", "obscure {np}", "put a blur on {np}", "soften {np}",
           "smudge {np}", "censor {np}", "anonymise {np}"),
          ("apply blur to {np}", "make {np} unrecognisable", "give {np} a blur"))  # fmt: skip
GREY_I = (("make {np} black and white", "turn {np} black and white", "make {np} {grey}", "turn {np} {grey}",
           "convert {np} to {grey}scale", "{grey}scale {np}", "desaturate {np}", "make {np} {grey}scale",
           "remove the {colour} from {np}", "turn {np} into {grey}scale", "convert {np} to black and white",
           "take the {colour} out of {np}", "make {np} monochrome",
           "drain the {colour} from {np}"),
          ("show {np} in black and white", "put {np} in shades of {grey}"))  # fmt: skip
RECOLOUR_I = (("make {np} {c}", "turn {np} {c}", "paint {np} {c}", "re{colour} {np} {c}", "{colour} {np} {c}",
               "change {np} to {c}", "change the {colour} of {np} to {c}", "make {np} {c} instead", "dye {np} {c}",
               "re{colour} {np} in {c}", "paint {np} in {c}", "turn {np} into {c} ones", "set {np} to {c}",
               "tint {np} {c}"),
              ("give {np} a {c} {colour}", "change {np} so that it is {c}"))  # fmt: skip
DESCRIBE = (("describe {pic}", "what is going on {in}", "what do you see {in}", "what is {in}",
             "what is happening {in}",
             "what does {pic} show", "tell me about {pic}", "describe what you see {in}", "write a caption for {pic}",
             "caption {pic}", "what can you see {in}", "give me a description of {pic}", "summarise {pic}",
             "what kind of place is this", "what's this", "what is this", "explain {pic}", "is it day or night {in}",
             "what is the background {in}", "is {np} left of the {n2}", "what is next to {np}", "what is {np} doing",
             "is {np} above the {n2}", "what does the sign say", "which objects are {in}", "what things are {in}",
             "what is behind {np}", "what is the mood of {pic}", "what shape is {np}", "how big is {np}"),
            ("what could {pic} be about", "put {pic} into words", "what is under {np}", "who is {in}"))  # fmt: skip

POLITE = (("{i}", "{i}", "{i}", "{i}", "{i}", "please {i}", "can you {i}?", "could you {i}?", "could you please {i}?",
           "would you {i}?", "i want you to {i}", "{i}, please", "{i} please", "{i} for me", "i'd like you to {i}",
           "now {i}", "can you please {i}", "hey, {i}", "ok, {i}", "help me {i}", "{i}, thanks", "let's {i}",
           "i need you to {i}", "go ahead and {i}", "kindly {i}"),
          ("i would like you to {i}", "would you mind and {i}?", "do me a favour and {i}", "hello! {i}"))  # fmt: skip
JOIN = ((" and ", " and ", " and then ", ", then ", ". then ", ". ", ", and ", "; also ", ". also ", ". after that, ",
         ", after that ", " and also ", ", and after that ", ". next, ", "; then ", "; ", ", and then ", " then ",
         ". finally, ", ". and ", ", and also ", ". and then ", "\n", ". also, ", " & ", ", next ", " as well as "),
        (", afterwards ", ". once done, ", " plus ", ". subsequently "))  # fmt: skip
JOIN_QUESTIONS = _listed(
    " | | then | and then | also | after that, | and | next, |, |, and |, and then |; |, also ", "|"
)
FRAMES = (("", "", "", "", "", "", "", "", "look at {pic}. ", "here is a {p}. ", "hi, ", "hi! ", "i have a {p}. ",
           "in this {p}, ", "for this {p}: ", "a question: ", "with this {p}: "),
           ("regarding this {p}: ",))  # fmt: skip

CHINESE_NOUNS = _listed(
    "圆形 方块 三角形 星星 爱心 十字 月亮 圆环 房子 汽车 树 鱼 杯子 花 船 牌子 狗 猫 鸟 人 自行车 椅子 球 书"
)
CHINESE_COLOURS = {"红色": "red", "橙色": "orange", "黄色": "yellow", "绿色": "green", "蓝色": "blue", "紫色": "purple",
                   "粉色": "pink", "棕色": "brown", "黑色": "black", "白色": "white"}  # fmt: skip
CHINESE_SELECT = {"最大的": "largest", "最小的": "smallest", "最左边的": "leftmost", "最右边的": "rightmost",
                  "最上面的": "topmost", "最下面的": "bottommost"}  # fmt: skip
CHINESE = {
    "count": (("图里有几个{np}？", "图片中有多少{np}？", "数一数{np}", "有几个{np}？"), ("请问画面里{np}有多少个？",)),
    "colour": (("{np}是什么颜色？", "{np}是什么颜色的", "请告诉我{np}的颜色"), ("{np}的颜色是什么？",)),
    "locate": (("{np}在哪里？", "{np}在图片的什么位置？", "{np}在哪儿"), ("请找出{np}的位置",)),
    "cut": (("把{np}抠出来", "请抠出{np}", "把{np}剪出来"), ("抠一下{np}",)),
    "blur": (("把{np}模糊掉", "模糊{np}", "请把{np}打上马赛克"), ("让{np}变模糊",)),
    "grey": (("把{np}变成黑白", "把{np}变成灰色的"), ("让{np}变成黑白的",)),
    "recolour": (("把{np}变成{c}", "把{np}涂成{c}", "把{np}改成{c}"), ("让{np}变成{c}",)),
    "crop": (("裁剪出{np}", "把图片裁剪到{np}"), ("只保留{np}的区域",)),
    "annotate": (("框出{np}", "给{np}画框", "标出{np}"), ("在{np}周围画框",)),
    "describe": (("描述这张图片", "图里有什么", "这张图片是什么", "图中发生了什么"), ("说说这张图",)),
}
CHINESE_JOIN = ("，然后", "，再", "。", "，并且", "，")

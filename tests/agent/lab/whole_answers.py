"""The right answer to a request of each intent, made from its truth with tools that need no model, or with none."""

from collections.abc import Callable
from typing import Any

import numpy as np

from panmodal.agent.lab.mini.video import true_span
from panmodal.agent.lab.whole.case import Case, Given
from panmodal.agent.lab.whole.expert_reading import translation
from panmodal.agent.lab.whole.media import recording
from panmodal.agent.lab.whole.senses import Box, Senses, resized
from panmodal.agent.lab.world.captions import place_of
from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.agent.lab.world.sounds import SoundConfig, render_sounds
from panmodal.tools.draw.compose import compose
from panmodal.tools.draw.cut_out import cut_out
from panmodal.tools.draw.paste import paste
from panmodal.tools.draw.remove import remove
from panmodal.tools.hear.change_audio import change_audio
from panmodal.tools.hear.cut_audio import cut_audio
from panmodal.tools.hear.mix import mix
from panmodal.tools.hear.spectrogram import spectrogram
from panmodal.tools.hear.waveform import waveform
from panmodal.tools.media.artifact import Artifact
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.media.spans import Spans
from panmodal.tools.media.table import Table
from panmodal.tools.media.text import Text
from panmodal.tools.roles import StepContext
from panmodal.tools.see.compare import compare
from panmodal.tools.see.measure import measure
from panmodal.tools.see.nouns import NOUNS
from panmodal.tools.space.render_views import render_views
from panmodal.tools.text.document_pages import document_pages
from panmodal.tools.text.document_pictures import document_pictures
from panmodal.tools.text.document_tables import document_tables
from panmodal.tools.video.assemble import assemble
from panmodal.tools.video.motions import VERBS

STEP = StepContext()


def made(*artifacts: Artifact) -> Given:
    return Given("Done.", artifacts)


def said(text: str) -> Given:
    return Given(text, (Text.of(text),))


def alone(label: str, colour: str, side: int = 384) -> Scene:
    config = SceneConfig(
        side=side, count=(1, 1), size=(0.3, 0.36), classes=(label,), colours=(colour,), backgrounds=("plain",)
    )
    return next(scene for n in range(100) if (scene := render_scene(n, config, split="test")).objects)


def drawn(label: str, colour: str, side: int = 384) -> Image:
    return Image.from_array(alone(label, colour, side).image)


def masked(image: Image, box: Box) -> Masks:
    mask = np.zeros((1, image.height, image.width), np.bool_)
    mask[0, int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
    return Masks.of(mask, image, labels=["it"], scores=[1.0])


def on_ground(before: Image, label: str, colour: str) -> Image:
    """A true picture of a thing on the ground of another picture."""
    scene = alone(label, colour)
    piece = cut_out(Image.from_array(scene.image), Masks.of(scene.mask(0)[None], Image.from_array(scene.image)))
    return paste(Image.from_array(np.full_like(before.pixels, before.pixels[2, 2])), piece)


def put(before: Image, box: Box, label: str, colour: str) -> Image:
    """A true picture of a thing in the place of another one."""
    scene = alone(label, colour)
    piece = cut_out(Image.from_array(scene.image), Masks.of(scene.mask(0)[None], Image.from_array(scene.image)))
    side = round(max(box[2] - box[0], box[3] - box[1]))
    scaled = piece.to_pil().convert("RGBA")
    scaled.thumbnail((side, side))
    board = remove(before, masked(before, box)).to_pil().convert("RGBA")
    board.alpha_composite(scaled, (round(box[0]), round(box[1])))
    return Image.from_pil(board.convert("RGB"))


def boxes(things: Any, image: Image) -> Boxes:
    return Boxes.of([each.box for each in things], [each.label for each in things], [0.9] * len(things), image)


def rows(args: tuple[Any, ...]) -> Given:
    label, labels = args
    return made(Table.of([{"label": each, "score": 0.8 if each == label else 0.1} for each in labels]))


def doing(clip: Any) -> Given:
    thing, span = clip.things[0], true_span(clip.things[0], len(clip.frames))
    label = f"{thing.colour} {thing.label} {VERBS[span.motion]}"
    return made(Spans.of([[span.start / clip.rate, span.end / clip.rate]], [label], [0.9]))


def logged(clip: Any, sound: Audio, words: str) -> Given:
    seen = {"start": 0.0, "end": clip.seconds, "what": "seen", "text": f"a {clip.things[0].label}"}
    return made(Table.of([seen, {"start": 0.2, "end": sound.seconds, "what": "said", "text": words}]))


def effects(name: str) -> Callable[[Case, Senses], Given]:
    def answer(case: Case, _: Senses) -> Given:
        judge = case.right.args[0]  # type: ignore[attr-defined]
        audio, amount = judge.args[-2:]
        return made(change_audio(audio, name, amount or 0.0))

    return answer


def speech(senses: Senses, words: str) -> Given:
    return made(senses.models["tts"].adapter().speak([words])[0])


def kept(args: tuple[Any, ...], senses: Senses) -> Given:
    audio, parts, label = args
    heard = [senses.sound(recording(part)) for part in parts]
    return made(cut_audio(audio, 4.0 * heard.index(label), 4.0 * heard.index(label) + 4.0))


def narrated(before: Image, thing: Any, senses: Senses) -> Given:
    sound = speech(senses, f"there is one {thing.colour} {thing.label}").made[0]
    return made(assemble([before], [sound], step=STEP))  # type: ignore[list-item]


def moved(case: Case) -> Given:
    ground, thing = case.right.args  # type: ignore[attr-defined]
    source: Any = case.files[0]
    return made(paste(ground, cut_out(source, masked(source, thing.box)), "top left"))


Answer = Callable[[Case, Senses], Given]


def by(answer: Callable[..., Given]) -> Answer:
    """An answer made of what the judge was told."""
    return lambda case, _: answer(*case.right.args)  # type: ignore[attr-defined]


def by_senses(answer: Callable[..., Given]) -> Answer:
    return lambda case, senses: answer(senses, *case.right.args)  # type: ignore[attr-defined]


CHINESE = {"red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "blue": "蓝色", "purple": "紫色",
           "pink": "粉色", "brown": "棕色", "black": "黑色", "white": "白色"}  # fmt: skip
RIGHT: dict[str, Answer] = {
    "caption": by(lambda things: said(" and ".join(f"a {each.colour} {each.label}" for each in things))),
    "caption_densely": by(lambda scene: said("; ".join(
        f"{place_of(each, 384)}: a {each.colour} {each.label}" for each in scene.objects))),
    "classify": by(lambda *args: rows(args)),
    "compare": lambda case, _: made(compare(boxes(case.right.args, case.files[0]))),  # type: ignore
    "describe_region": by(lambda thing, _: Given(f"It is a {thing.colour} {thing.label}.")),
    "measure": lambda case, _: made(measure(boxes(case.right.args, case.files[0]))),  # type: ignore
    "point_at": lambda case, _: made(boxes(case.right.args, case.files[0])),  # type: ignore
    "read_text": by(lambda word: said(word.lower())),
    "segment_all": lambda case, _: made(Masks.of(np.stack(
        [case.right.args[0].mask(k) for k in range(len(case.right.args[0].objects))]), case.files[0])),  # type: ignore
    "find_similar": by(lambda wanted, count, most: made(wanted, *[drawn("star", "red")] * ((count or 2) - 1))),
    "search_images": by(lambda wanted, count, most: made(wanted, *[drawn("star", "red")] * ((count or 2) - 1))),
    "search_folder": by(lambda wanted, count, most: made(wanted, *[drawn("star", "red")] * ((count or 2) - 1))),
    "generate_image": by(lambda label, colour: made(drawn(label, colour))),
    "edit_image": by(lambda before, label, colour: made(on_ground(before, label, colour))),
    "remove": by(lambda before, thing, _: made(remove(before, masked(before, thing.box)))),
    "replace": by(lambda before, thing, label, colour: made(put(before, thing.box, label, colour))),
    "inpaint": by(lambda before, thing, label, colour: made(put(before, thing.box, label, colour))),
    "restyle": by(lambda before, thing: made(Image.from_array(np.clip(
        before.pixels + np.random.default_rng(0).normal(0, 12, before.pixels.shape), 0, 255).astype(np.uint8)))),
    "upscale": by(lambda before, times: made(resized(before, *[96 * (times or 2)] * 2))),
    "paste": by(lambda piece, ground, place: made(paste(ground, piece, place or "top"))),
    **dict.fromkeys(("compose", "compose@row", "compose@column"),
                    by(lambda pictures, layout: made(compose(pictures, layout or "grid")))),
    "transcribe": by(said), "translate_speech": by(said), "speak": by_senses(speech),
    "classify_sound": by(lambda wanted, _: made(Spans.of([[0, 2]], [*wanted]))),
    "classify_sound:labels": by(lambda wanted, _: made(Spans.of([[0, 4]], [*wanted]))),
    "generate_audio": by(lambda label, seconds: made(recording(render_sounds(5, SoundConfig(
        (seconds or 3.0,) * 2, (1, 1), (30.0, 30.0), classes=(label,)), split="test").samples))),
    "cut_audio": by(lambda audio, start, end: made(cut_audio(audio, start, end))),
    "cut_audio:spans": lambda case, senses: kept(case.right.args, senses),  # type: ignore
    "mix": by(lambda parts: made(mix(parts))),
    "waveform": by(lambda audio: made(waveform(audio))), "spectrogram": by(lambda audio: made(spectrogram(audio))),
    **{f"change_audio@{name}": effects(name) for name in (
        "louder", "quieter", "faster", "slower", "fade_in", "fade_out", "reversed", "normalised")},
    "find_moment": by(lambda clip, _: doing(clip)), "track:": by(lambda clip, _: doing(clip)),
    "track:labels": by(lambda clip, _: doing(clip)),
    "sample_frames": by(lambda clip, count: made(*[Image.from_array(clip.frames[int(k)]) for k in np.linspace(
        0, len(clip.frames) - 1, count or 8)])),
    "soundtrack": by(lambda sound: made(sound)),
    "summarise_video": by(lambda things: said(" ".join(
        f"A {thing.colour} {thing.label} {VERBS[motion]} until 1.5 s." for thing, motion in things))),
    "timeline": by(logged),
    "ask_video": by(lambda colour: said(f"{colour} (in 6 of 8 pictures of the video; else red at 0.1 s)")),
    "assemble": by(lambda pictures, total, _: made(assemble(
        pictures, None, (total or 6.0) / len(pictures), step=STEP))),
    "assemble:audio": by(lambda pictures, _, sounds: made(assemble(pictures, sounds, step=STEP))),
    "read_document": by(lambda story: said("[page 1]\n\n" + "\n".join(story))),
    "ask_document": by(lambda answer, others: said(f"“Who pays: {answer}” (page 1)\n“Why: {others[0]}” (page 2)")),
    "document_pages": lambda case, _: made(*document_pages(case.files[0], *(
        int(each) for each in case.truth.split()[1::2]), step=STEP)),  # type: ignore
    "document_pictures": lambda case, _: made(*document_pictures(case.files[0], step=STEP)),  # type: ignore
    "document_tables": lambda case, _: made(*document_tables(case.files[0], step=STEP)),  # type: ignore
    "summarise": by(lambda story, count: said(" ".join(story[: count or 3]))),
    "translate": by_senses(lambda senses, text, to: said(translation(text, to, senses))),
    "name_cloud": by(lambda label: said(f"perhaps a red {label}")),
    "render_views": lambda case, _: made(*render_views(case.files[0], case.right.args[1] or 4)),  # type: ignore
    "ask_cloud": by(lambda wanted: said(" and ".join(f"{each:g}" for each in wanted))),
    "caption+generate_image": by(lambda before, thing: made(drawn(thing.label, thing.colour))),
    "caption+speak": by_senses(lambda senses, thing: speech(senses, f"a {thing.colour} {thing.label}")),
    "caption+speak+assemble": lambda case, senses: narrated(*case.right.args, senses),  # type: ignore
    "caption+translate": by(lambda thing: said(f"一个{CHINESE[thing.colour]}的{NOUNS[thing.label]['zh'][0]}")),
    "cut_out+paste": lambda case, _: moved(case),
    "document_pictures+compose": by(lambda pictures, _: made(compose(pictures))),
    "generate_image+upscale": by(lambda label, colour, times: made(resized(
        drawn(label, colour, 128), *[128 * (times or 2)] * 2))),
    "name_cloud+speak": by_senses(lambda senses, words: speech(senses, words[0])),
    "read_document+speak": by_senses(speech),
    "read_document+summarise": by(lambda story, count: said(" ".join(story[: count or 2]))),
    "read_document+translate": by_senses(lambda senses, text, to: said(translation(text, to, senses))),
    "read_text+speak": by_senses(lambda senses, words: speech(senses, words[0])),
    "read_text+translate": by_senses(lambda senses, text, to: said(translation(text, to, senses))),
    "remove+upscale": by(lambda before, thing, times: made(resized(
        remove(before, masked(before, thing.box)), *[before.width * (times or 2)] * 2))),
    "sample_frames+compose": by(lambda clip, count: made(compose([
        Image.from_array(clip.frames[int(k)]) for k in range(0, 9 * (count or 4), 9)]))),
    "soundtrack+spectrogram": by(lambda audio: made(spectrogram(audio))),
    "soundtrack+waveform": by(lambda audio: made(waveform(audio))), "soundtrack+transcribe": by(said),
    "soundtrack+transcribe+summarise": by(lambda sentences: said(sentences[0])),
    "summarise+speak": by_senses(lambda senses, story: speech(senses, " ".join(story[:2]))),
    "summarise+translate": by_senses(lambda senses, story: said("".join(
        translation(each, "chinese", senses) for each in story[1:3]))),
    "summarise_video+speak": by_senses(lambda senses, label, colour, verb: speech(
        senses, f"A {colour} {label} {verb}. Its pictures show a {label}.")),
    "transcribe+generate_image": by(lambda label, colour: made(drawn(label, colour))),
    "transcribe+summarise": by(lambda sentences: said(sentences[1])),
    "transcribe+translate": by_senses(lambda senses, words: said(translation(words, "chinese", senses))),
    "translate+speak": by_senses(lambda senses, text: speech(senses, translation(text, "english", senses))),
}  # fmt: skip

"""Loaders by name: Panmodal's own by a table, other packages' by entry points of group ``panmodal.loaders``."""

import difflib
import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from types import MappingProxyType

from ..errors import ModelError, ProfileError
from .base import Loader

LOADERS = MappingProxyType(
    {
        "ultralytics": ".ultralytics:UltralyticsLoader",
        "segment-anything": ".segment_anything:SegmentAnythingLoader",
        "torchvision": ".torchvision:TorchvisionLoader",
        "espeak-ng": ".espeak_ng:EspeakNgLoader",
        "synthesis": ".synthesis:SynthesisLoader",
        "extractive": ".extractive:ExtractiveLoader",
        "phrase-table": ".phrase_table:PhraseTableLoader",
        "web": ".web:WebLoader",
        "whisper": ".whisper:WhisperLoader",
        "transformers": ".transformers:TransformersLoader",
        "diffusers": ".diffusers:DiffusersLoader",
        "diffusers-video": ".diffusers_video:DiffusersVideoLoader",
        "rapidocr": ".rapidocr:RapidocrLoader",
        "openai-compatible": ".openai_compatible:OpenaiCompatibleLoader",
    }
)
ENTRY_POINTS = "panmodal.loaders"


def loader_names() -> tuple[str, ...]:
    """Every name that ``get_loader`` knows, Panmodal's own first."""
    return tuple(dict.fromkeys([*LOADERS, *(each.name for each in entry_points(group=ENTRY_POINTS))]))


def get_loader(name: str) -> Loader:
    """The loader of that name; raises ``ProfileError`` with near misses, ``ModelError`` if it does not import.

    An entry point names a class or function without arguments that gives the loader. Panmodal's own names win.
    """
    if name in LOADERS:
        module, _, attribute = LOADERS[name].partition(":")
        own: Callable[[], Loader] = getattr(importlib.import_module(module, __package__), attribute)
        return own()
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            foreign: Loader = point.load()()
        except Exception as error:  # foreign code may raise anything
            package = point.dist.name if point.dist else point.value
            raise ModelError(
                f"loader {name!r} of package {package} does not work: {type(error).__name__}: {error}",
                hint=f"update or remove {package}",
                loader=name,
            ) from error
        return foreign
    known = loader_names()
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise ProfileError(f"there is no loader {name!r}", hint=f"{meant}known: {', '.join(known)}", loader=name)

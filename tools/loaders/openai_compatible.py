"""Models behind any endpoint that speaks OpenAI's chat completions: ``planner``, ``writer``, ``summariser``,
``translator`` and ``mllm``.

``checkpoint`` is the model's name at the endpoint. Options: ``base_url``; ``api_key_env``, the environment variable
that holds the key (left out where the endpoint wants none); ``timeout`` in seconds (60); ``max_side``, pixels that
pictures are shrunk to before they are sent (1536). The key is read when the model is loaded and kept out of errors and
records.
"""

import os

from ..errors import EndpointRefused, ProfileError
from .base import Backbone, ModelSpec

DEFAULT_URL = "https://api.openai.com/v1"


class OpenaiCompatibleLoader:
    """Opens endpoints. Nothing is loaded here, so a model costs no bytes."""

    name = "openai-compatible"

    def resolve(self, spec: ModelSpec) -> str:
        """The endpoint's address; raises ``EndpointRefused`` when the key that the profile names is not set."""
        api_key(spec)
        return base_url(spec)

    def measure(self, spec: ModelSpec) -> int:
        """0: the model lies elsewhere."""
        return 0

    def load(self, spec: ModelSpec) -> Backbone:
        """A client of the endpoint; the network is first used when the model is asked."""
        from .endpoint import EndpointBackbone

        return EndpointBackbone(spec, base_url(spec), api_key(spec))


def base_url(spec: ModelSpec) -> str:
    """The endpoint's address; raises ``ProfileError`` for one that is none."""
    url = str(spec.options.get("base_url", DEFAULT_URL))
    if not url.startswith(("http://", "https://")):
        field = f"{spec.role}.options.base_url"
        raise ProfileError(f"{field} is no address: {url!r}", hint="for example http://127.0.0.1:8000/v1", field=field)
    return url.rstrip("/")


def api_key(spec: ModelSpec) -> str | None:
    """The key from the environment; None where the profile names no variable for it."""
    variable = spec.options.get("api_key_env")
    if variable is None:
        return None
    key = os.environ.get(str(variable), "").strip()
    if not key:
        raise EndpointRefused(
            f"the {spec.role} needs a key, and the environment variable {variable} is not set",
            hint=f"export {variable}=YOUR_KEY, or drop options.api_key_env for an endpoint without keys",
            role=spec.role,
        )
    return key

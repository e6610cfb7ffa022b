"""The web, for the role ``fetcher``: the permission of a profile to fetch files, of which there is none by default.

``checkpoint`` names the hosts that may be asked, parted by spaces; ``*`` is every public one. The profile must allow
the network, too. Options: ``timeout``, seconds for a file as a whole (30); ``max_bytes`` of a file (64 MiB);
``private``, whether addresses may be asked that are not public, such as this machine's own (false).
"""

from ..errors import ProfileError
from .base import Backbone, ModelSpec


class WebLoader:
    """Opens the way to hosts. Nothing is loaded here, so it costs no bytes."""

    name = "web"

    def resolve(self, spec: ModelSpec) -> str:
        """The hosts. Raises ``ProfileError`` where the profile allows no network, and for an option of a wrong type."""
        if not spec.network:
            raise ProfileError(
                f"the profile names a {spec.role} and allows no network",
                hint="--set network=true, or leave the role out",
                field="network",
            )
        for name, kinds in (("timeout", (int, float)), ("max_bytes", (int,)), ("private", (bool,))):
            value = spec.options.get(name, kinds[0](1))
            if type(value) not in kinds or value < 0:
                field = f"{spec.role}.options.{name}"
                raise ProfileError(f"{field} is {value!r}", hint=f"give a {kinds[-1].__name__}", field=field)
        return spec.checkpoint

    def measure(self, spec: ModelSpec) -> int:
        """0: what is fetched is no model."""
        self.resolve(spec)
        return 0

    def load(self, spec: ModelSpec) -> Backbone:
        """What fetches; the network is first used when it is asked."""
        from .web_model import WebBackbone

        return WebBackbone(spec, self.resolve(spec).split())

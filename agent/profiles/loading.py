"""Find, merge and check profiles.

A name is looked up as a path, in the home's ``profiles/``, in the entry-point group ``panmodal.profiles``, and among
those shipped with Panmodal. Without a name ``./panmodal.toml`` is used where it exists, else ``mini``. Every value
remembers the file (or ``--set``) that it came from.
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...tools.errors import MissingFile, ProfileError
from ...tools.loaders.base import ModelSpec
from ...tools.media.limits import Limits
from ...tools.roles import ROLES
from ..home import Home
from .model import PoolSettings, ProfileFile, RoleEntry

PACKAGED = Path(__file__).parent
DEFAULT = "mini"
_SETTINGS = ("extends", "description", "network", "pool", "limits")
# These describe one checkpoint: naming another checkpoint forgets them unless they are stated again.
_OF_CHECKPOINT = ("revision", "sha256", "licence", "options", "size", "memory", "sources", "run_here")
_SECRETS = ("api_key", "key", "token", "password", "secret")


@dataclass(frozen=True)
class Profile:
    """A checked profile and where each of its values came from."""

    name: str
    file: ProfileFile
    origins: Mapping[str, str] = field(repr=False)
    """Dotted field (``detector.checkpoint``) to the file, or ``--set``, that said it last."""
    arguments: Sequence[str] = ()
    """What names it on a command line: the name or path, where one was given, and each ``--set``."""

    @property
    def roles(self) -> Mapping[str, Sequence[RoleEntry]]:
        """Candidates of each served role, the preferred one first."""
        return self.file.roles

    @property
    def pool(self) -> PoolSettings:
        """Limits of the model pool."""
        return self.file.pool

    @property
    def limits(self) -> Limits:
        """Bounds on what is decoded."""
        return self.file.limits

    def origin(self, dotted: str) -> str:
        """Say where a value came from; ``default`` where nobody stated it."""
        return self.origins.get(dotted, "default")

    def specs(self, cache: Path | None = None, models: Path | None = None) -> dict[str, list[ModelSpec]]:
        """Return what the pool loads for each role, in the profile's order.

        ``cache`` is the folder where libraries may keep files of their own, ``models`` where downloads lie.
        """
        return {
            role: [
                ModelSpec(
                    role=role,
                    loader=entry.loader,
                    checkpoint=entry.checkpoint,
                    revision=entry.revision,
                    sha256=entry.sha256,
                    dtype=entry.dtype,
                    device=entry.device,
                    licence=entry.licence,
                    options=dict(entry.options),
                    name=entry.name,
                    network=self.file.network,
                    cache=cache,
                    models=models,
                    pull=shlex.join(["panmodal", "pull", *self.arguments, "--role", role]),
                )
                for entry in entries
            ]
            for role, entries in self.roles.items()
        }


def load_profile(
    name: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    home: Home | None = None,
    cwd: Path | None = None,
) -> Profile:
    """Load a profile by name or path, apply ``ROLE.FIELD=VALUE`` overrides, and check it.

    Raises ProfileError that names the file and field, MissingFile for a path that is not there.
    """
    cwd = cwd or Path.cwd()
    home = home or Home()
    named = () if name is None else (str(name),)
    if name is None:
        local = cwd / "panmodal.toml"
        name = local if local.is_file() else DEFAULT
    path = _find(str(name), home, cwd)
    merged, origins = _load_chain(path, home, seen=())
    for text in overrides:
        _merge(merged, origins, _parse_override(text), "--set", cwd)
    arguments = (*named, *(part for text in overrides for part in ("--set", text)))
    shown = path.stem if path.stem != "panmodal" else str(name)
    return Profile(shown, _validate(merged, origins, path), origins, arguments)


def available(home: Home, cwd: Path | None = None) -> dict[str, str]:
    """Return the profiles that a name can reach, each with where it lies."""
    found = {path.stem: str(path) for path in sorted(PACKAGED.glob("*.toml"))}
    found |= {point.name: f"entry point {point.value}" for point in metadata.entry_points(group="panmodal.profiles")}
    found |= {path.stem: str(path) for path in sorted(home.profiles.glob("*.toml"))}
    local = (cwd or Path.cwd()) / "panmodal.toml"
    return found | ({"panmodal.toml": str(local)} if local.is_file() else {})


def _find(name: str, home: Home, cwd: Path) -> Path:
    if name.endswith(".toml") or "/" in name:
        path = (cwd / Path(name).expanduser()).resolve()
        if not path.is_file():
            raise MissingFile(
                f"profile {name} does not exist",
                hint="name a TOML file or one of: " + ", ".join(available(home, cwd)),
                path=str(path),
            )
        return path
    for folder in (home.profiles, PACKAGED):
        if (path := folder / f"{name}.toml").is_file():
            return path
    for point in metadata.entry_points(group="panmodal.profiles", name=name):
        target = point.load()
        return Path(target() if callable(target) else target)
    known = available(home, cwd)
    near = difflib.get_close_matches(name, known, n=1)
    raise ProfileError(
        f"there is no profile {name!r}",
        hint=(f"did you mean {near[0]!r}? " if near else "") + "known: " + ", ".join(known),
        profile=name,
    )


def _load_chain(path: Path, home: Home, seen: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    if path in seen:
        raise ProfileError(f"profile {path} extends itself", hint=" -> ".join(str(p) for p in (*seen, path)))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {path} is not TOML: {error}", hint="mend the line that it names") from error
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    parent = data.pop("extends", None)
    if isinstance(parent, str):
        merged, origins = _load_chain(_find(parent, home, path.parent), home, (*seen, path))
    elif parent is not None:
        raise ProfileError(f"extends in {path} must be the name of one profile", hint='for example extends = "mini"')
    _merge(merged, origins, data, str(path), path.parent)
    return merged, origins


def _merge(into: dict[str, Any], origins: dict[str, str], data: Mapping[str, Any], origin: str, base: Path) -> None:
    """Lay ``data`` over ``into``; checkpoints become absolute against the folder of the file that names them."""
    for key, value in data.items():
        if key in _SETTINGS:
            if isinstance(value, Mapping):
                into[key] = {**into.get(key, {}), **value}
                origins.update({f"{key}.{name}": origin for name in value})
            else:
                into[key] = value
                origins[key] = origin
            continue
        tables = value if isinstance(value, list) else [value]
        if not all(isinstance(table, Mapping) for table in tables):
            raise ProfileError(
                f"{key} in {origin} must be a table", hint=f'for example [{key}] checkpoint = "…"', field=key
            )
        old: list[dict[str, Any]] = into.get(key, [])
        # A plain table changes the preferred candidate; an array of tables states all candidates anew.
        first = _overlay(old[0] if old and not isinstance(value, list) else {}, tables[0], base, key, origin)
        rest = old[1:] if not isinstance(value, list) else [_overlay({}, t, base, key, origin) for t in tables[1:]]
        into[key] = [first, *rest]
        if "checkpoint" in tables[0]:
            for name in _OF_CHECKPOINT:
                origins.pop(f"{key}.{name}", None)
        origins.update({f"{key}.{name}": origin for name in tables[0]})


def _overlay(old: Mapping[str, Any], new: Mapping[str, Any], base: Path, role: str, origin: str) -> dict[str, Any]:
    table = dict(old)
    if "checkpoint" in new:
        for name in _OF_CHECKPOINT:
            table.pop(name, None)
    for name in (*new, *new.get("options", {})):
        if name.lower() in _SECRETS:
            raise ProfileError(
                f"{role}.{name} in {origin} would store a secret",
                hint="keys come from the environment: name the variable in options.api_key_env",
                field=f"{role}.{name}",
            )
    options = {**table.get("options", {}), **new.get("options", {})}
    table.update(new)
    if options:
        table["options"] = options
    if isinstance(table.get("checkpoint"), str) and "checkpoint" in new:
        table["checkpoint"] = _locate(table["checkpoint"], base)
    return table


def _locate(checkpoint: str, base: Path) -> str:
    """Make a path absolute; hub ids and URLs stay as they are."""
    if checkpoint.startswith("package:"):
        return str(PACKAGED / checkpoint.removeprefix("package:"))
    if "://" in checkpoint:
        return checkpoint
    path = base / Path(checkpoint).expanduser()
    looks_like_a_path = checkpoint.startswith((".", "~", "/")) or Path(checkpoint).suffix in (
        ".pt",
        ".pth",
        ".safetensors",
        ".onnx",
        ".gguf",
    )
    return str(path.resolve()) if looks_like_a_path or path.exists() else checkpoint


def _parse_override(text: str) -> dict[str, Any]:
    """Read ``detector.checkpoint=my.pt`` or ``pool.limit=2 GiB``; values are TOML where they parse as TOML."""
    dotted, equals, raw = text.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals or not all(keys):
        raise ProfileError(
            f"--set {text} is not FIELD=VALUE", hint="for example --set detector.checkpoint=my.pt", field=text
        )
    try:
        value: Any = tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def _validate(merged: Mapping[str, Any], origins: Mapping[str, str], path: Path) -> ProfileFile:
    roles = {key: tables for key, tables in merged.items() if key not in _SETTINGS}
    for role in roles:
        if role not in ROLES:
            near = difflib.get_close_matches(role, ROLES, n=1)
            raise ProfileError(
                f"{role!r} in {origins_of(origins, role) or path} is no role and no setting",
                hint=(f"did you mean {near[0]!r}? " if near else "") + "roles: " + ", ".join(sorted(ROLES)),
                field=role,
            )
    settings = {key: value for key, value in merged.items() if key in _SETTINGS}
    try:
        return ProfileFile.model_validate({**settings, "roles": roles})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        dotted = ".".join(str(part) for part in first["loc"] if part != "roles" and not isinstance(part, int))
        where = origins_of(origins, dotted) or str(path)
        raise ProfileError(
            f"{dotted} in {where}: {first['msg']}",
            hint="run `panmodal models` on a profile that works to see its fields",
            field=dotted,
            path=where,
        ) from None


def origins_of(origins: Mapping[str, str], dotted: str) -> str | None:
    """Return the origin of a field, or of any field below it."""
    return next(_matching(origins, dotted), None)


def _matching(origins: Mapping[str, str], dotted: str) -> Iterator[str]:
    for name, origin in origins.items():
        if name == dotted or name.startswith(f"{dotted}."):
            yield origin

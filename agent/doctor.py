"""What is installed, what the machine offers, and what a profile lacks, each lack with the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from .home import Home
from .profiles.inspect import describe_models
from .profiles.loading import load_profile

_LIBRARIES = (
    "torch", "torchvision", "transformers", "langgraph", "ultralytics", "segment-anything", "openai-whisper",
    "diffusers", "pydantic", "llguidance", "openai", "opencv-python-headless", "av", "numpy",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Something that is missing or in the way, and what to type."""

    what: str
    command: str


@dataclass
class Report:
    """Facts by title, and problems."""

    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return asdict(self)


def examine(profile: str | None = None, overrides: Sequence[str] = ()) -> Report:
    """Look at the machine, the installation, the home and the profile. Loads torch to see its devices."""
    report = Report()
    report.facts["machine"] = _machine()
    report.facts["libraries"] = _libraries(report.problems)
    report.facts["devices"] = _devices(report.problems)
    home = Home()
    used = sum(file.stat().st_size for file in home.root.rglob("*") if file.is_file()) if home.root.exists() else 0
    report.facts["home"] = {"folder": str(home.root), "size": f"{used / 2**20:.1f} MiB", "free": _free(home)}
    loaded = load_profile(profile, overrides, home=home)
    rows = describe_models(loaded)
    report.facts[f"profile {loaded.name}"] = {
        row["role"]: f"{row['fields']['loader']['value']}: {row['state']}" for row in rows
    }
    report.problems += [Problem(f"{row['role']}: {row['state']}", row["hint"]) for row in rows if row["hint"]]
    return report


def _machine() -> dict[str, str]:
    facts = {
        "system": platform.platform(),
        "python": f"{platform.python_version()} ({sys.executable})",
        "cores": str(os.cpu_count()),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
        facts["memory"] = f"{free / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB"
    return facts


def _libraries(problems: list[Problem]) -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "missing"
            problems.append(Problem(f"{name} is not installed", f"pip install {name}"))
    names = {dist.metadata["Name"] for dist in metadata.distributions()}
    if {"opencv-python", "opencv-python-headless"} <= names:
        problems.append(
            Problem(
                "opencv-python and opencv-python-headless share one folder: the last one installed won",
                "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python-headless",
            )
        )
    return versions


def _devices(problems: list[Problem]) -> dict[str, str]:
    try:
        import cv2  # noqa: F401 - the import is the check: a build with windows needs libGL
    except ImportError as error:
        problems.append(
            Problem(
                f"OpenCV does not import: {error}",
                "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless",
            )
        )
    try:
        import torch
    except ImportError as error:
        problems.append(Problem(f"torch does not import: {error}", "pip install torch torchvision"))
        return {}
    facts = {"cpu": f"{torch.get_num_threads()} threads"}
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        facts[f"cuda:{index}"] = f"{name}, {free / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB"
    if not torch.cuda.device_count():
        facts["cuda"] = "none"
    return facts


def _free(home: Home) -> str:
    folder = home.root
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB"

"""Panmodal's home: the one folder that all state is under."""

import os
import re
from pathlib import Path

from ..tools.errors import InputError

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Home:
    """The folder of all state, and the places in it. A place is made when it is first asked for."""

    def __init__(self, root: str | Path | None = None) -> None:
        """``root``, else the environment's ``PANMODAL_HOME``, else the user's data folder of this system."""
        self.root: Path = Path(root or os.environ.get("PANMODAL_HOME") or _usual()).expanduser().absolute()

    @property
    def store(self) -> Path:
        """Artifacts and their records."""
        return self._folder("store")

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self._folder("runs")

    @property
    def threads_db(self) -> Path:
        """The database of LangGraph's checkpoints; its folder exists, the file may not."""
        return self._folder(".") / "threads.sqlite"

    @property
    def models(self) -> Path:
        """Checkpoints that were downloaded or trained here."""
        return self._folder("models")

    @property
    def cache(self) -> Path:
        """What can be made again, and the settings of libraries that insist on a folder."""
        return self._folder("cache")

    @property
    def profiles(self) -> Path:
        """The user's own profiles."""
        return self._folder("profiles")

    def run(self, run_id: str) -> Path:
        """The folder of a run, made if it is new. Raises InputError for an id that is no plain name."""
        return self._folder(Path("runs") / _checked(run_id))

    def has_run(self, run_id: str) -> bool:
        """Whether a run of that id has a folder here; makes none."""
        return bool(_RUN.fullmatch(run_id)) and (self.root / "runs" / run_id).is_dir()

    def run_ids(self) -> list[str]:
        """The ids of all runs here, sorted."""
        folder = self.root / "runs"
        return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []

    def _folder(self, name: str | Path) -> Path:
        path = self.root / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Panmodal's home {self.root} cannot be written: {error.strerror}",
                hint="set PANMODAL_HOME to a folder of yours",
                path=str(path),
            ) from error
        return path

    def __repr__(self) -> str:
        return f"Home({str(self.root)!r})"


def _usual() -> str:
    from platformdirs import user_data_dir

    return user_data_dir("panmodal", appauthor=False)


def _checked(run_id: str) -> str:
    if not _RUN.fullmatch(run_id):
        raise InputError(f"{run_id!r} is not a run id", hint="run ids are letters, digits, '-', '_' and '.'")
    return run_id

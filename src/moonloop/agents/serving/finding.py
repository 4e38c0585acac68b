"""Find the vLLM that this machine is to use."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from moonloop.domain.errors import SetupProblem

__all__ = ["cached_in", "find_vllm"]

_REMEDY = (
    "Install it in an environment of its own (`pip install vllm`) and put its `vllm` on PATH, "
    "or set MOONLOOP_VLLM to where it is. In a checkout `.venv/bin/python requirements/vllm.py` makes one."
)


def find_vllm(given: Mapping[str, str] = os.environ, *, cpu: bool = False) -> Path:
    """Return the vLLM program: MOONLOOP_VLLM, or the `vllm` on PATH, or the newest in the cache.

    With `cpu`, only a build for CPUs is taken from the cache.

    Raises:
        SetupProblem: there is none, or the chosen one cannot be run.
    """
    chosen = given.get("MOONLOOP_VLLM", "")
    if chosen:
        return _chosen(Path(chosen).expanduser())
    on_path = shutil.which("vllm", path=given.get("PATH", os.defpath))
    found = Path(on_path) if on_path else _cached(cached_in(given), cpu=cpu)
    if found is None:
        raise SetupProblem(problem="There is no vLLM on this machine.", remedy=_REMEDY)
    return found.absolute()


def cached_in(given: Mapping[str, str]) -> Path:
    """Return the folder in which requirements/vllm.py keeps environments."""
    usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(given.get("XDG_CACHE_HOME") or usual) / "moonloop" / "vllm"


def _chosen(program: Path) -> Path:
    if program.is_dir():
        program = program / "bin" / "vllm"
    if not program.is_file() or not os.access(program, os.X_OK):
        raise SetupProblem(
            problem=f"MOONLOOP_VLLM names {program}, which is no program.",
            remedy="Set it to the `vllm` program or to its environment's folder, or unset it.",
        )
    return program.absolute()


def _cached(cache: Path, *, cpu: bool) -> Path | None:
    finished = [stamp for stamp in cache.glob("*/ready") if not cpu or "-cpu-" in stamp.parent.name]
    programs = [
        stamp.parent / "bin" / "vllm" for stamp in sorted(finished, key=lambda stamp: stamp.stat().st_mtime)
    ]
    return next((program for program in reversed(programs) if os.access(program, os.X_OK)), None)

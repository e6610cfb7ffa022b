"""What starting costs: `import panmodal` and `panmodal --help`, each in fresh processes."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

from ..figures import Figures

ROUNDS = 7
HEAVY = ("torch", "torchvision", "transformers", "diffusers", "ultralytics", "whisper", "segment_anything", "cv2")
_TELL = f"""
import json, re, sys
heavy = [each for each in {HEAVY!r} if each in sys.modules]
with open("/proc/self/status") as status:
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])
print(json.dumps([heavy, peak]), file=sys.stderr)
"""
_HELP = """
import sys
sys.argv = ["panmodal", "--help"]
from panmodal.agent.cli import main
try:
    main()
except SystemExit:
    pass
"""
STARTS = {
    "python": "",
    "import panmodal": "import panmodal\n",
    "Agent and tool": "from panmodal import Agent, tool\n",
    "panmodal --help": _HELP,
}


def start(code: str) -> tuple[float, float, Sequence[str]]:
    """CPU seconds, peak resident MiB, and the heavy libraries loaded, of one fresh interpreter that runs `code`.

    The peak is what the process itself saw (Linux's VmHWM): the one that `wait4` gives begins with the parent's size.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code + _TELL], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    told = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"a fresh process failed: {told.strip().splitlines()[-1]}")
    heavy, peak = json.loads(told.strip().splitlines()[-1])
    return usage.ru_utime + usage.ru_stime, peak / 1024, heavy


def measure(seed: int = 0) -> Figures:
    """Measure, and return the figures of the table `import` in the targets file."""
    figures = Figures("import", seed)
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    peaks: dict[str, float] = {}
    heavy: dict[str, Sequence[str]] = {}
    for number in range(ROUNDS + 1):
        for name, code in STARTS.items():
            cpu, peaks[name], heavy[name] = start(code)
            if number:  # the first round writes byte code and warms the file cache
                seconds[name].append(cpu)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    figures.values["import_cpu_s"] = middle["import panmodal"]
    figures.values["help_cpu_s"] = middle["panmodal --help"]
    figures.values["heavy_modules"] = float(len(set(heavy["import panmodal"]) | set(heavy["panmodal --help"])))
    figures.lines.append(f"medians (least) of {ROUNDS} interleaved rounds of fresh processes")
    figures.lines += [
        f"  {name:<18} CPU {middle[name]:.3f} s ({min(seconds[name]):.3f})   peak {peaks[name]:6.1f} MiB"
        f"   heavy libraries: {', '.join(heavy[name]) or 'none'}"
        for name in STARTS
    ]
    figures.details.update(cpu_s=seconds, peak_mib=peaks, heavy=heavy, rounds=ROUNDS)
    return figures


if __name__ == "__main__":
    print(measure().render())

"""Every fuzz target: `python fuzz/run.py [TARGET ...]`, with atheris installed (`make fuzz` does).

A target runs for 20 minutes of its own CPU time, or until 5 of them bring no new edge: code never reached before tells
better than a number of runs that the fuzzer has seen what it can see. Each dialect's decoder is a target of its own.
Prints runs, edges and findings; exits 1 where anything was found, and keeps it in `fuzz/corpus-grown`, beside the
inputs that brought new edges. A finding becomes a seed in `fuzz/corpus` and a test.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import define

from lash_proto.codecs import CODECS

FUZZ = Path(__file__).resolve().parent
GROWN = FUZZ / "corpus-grown"
# libFuzzer's line on each input that it keeps: the runs so far, and the edges reached.
STATUS = re.compile(rb"#(\d+)\s+(?:\w+)\s+cov: (\d+)")
FINDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*")


@define
class Target:
    """A fuzzer to run: a file, what it is told, and what came of it."""

    name: str
    file: Path
    said: tuple[str, ...] = ()
    runs: int = 0
    edges: int = 0
    newest: float = 0.0
    cpu: float = 0.0
    output: bytes = b""

    @property
    def grown(self) -> Path:
        """Where what it finds interesting is kept."""
        return GROWN / self.name

    @property
    def findings(self) -> list[Path]:
        """The inputs that broke its law."""
        return sorted(path for pattern in FINDINGS for path in self.grown.glob(f"found/{pattern}"))

    def run(self, most: float, quiet: float) -> None:
        """Run it until it has had its time, brings nothing new, or finds something."""
        (self.grown / "found").mkdir(parents=True, exist_ok=True)
        (self.grown / "inputs").mkdir(exist_ok=True)
        seeds = FUZZ / "corpus" / self.file.stem.removeprefix("fuzz_")
        flags = (f"-artifact_prefix={self.grown}/found/", "-print_final_stats=1", "-timeout=60", "-rss_limit_mb=4096")
        command = [sys.executable, str(self.file), *self.said, *flags, str(self.grown / "inputs"), str(seeds)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        reader = threading.Thread(target=self._read, args=(process,))
        reader.start()
        while reader.is_alive():
            reader.join(1)
            self.cpu = cpu_time(process.pid) or self.cpu
            if self.cpu >= most or self.cpu - self.newest >= quiet:
                # libFuzzer ends its run with its numbers told on this signal.
                process.send_signal(signal.SIGUSR1)
                reader.join(120)
                process.kill()
        process.wait()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.output = (self.output + line)[-20_000:]
            if status := STATUS.match(line):
                self.runs = int(status[1])
                if int(status[2]) > self.edges:
                    self.edges, self.newest = int(status[2]), self.cpu
            elif line.startswith(b"stat::number_of_executed_units:"):
                self.runs = int(line.split()[-1])

    def __str__(self) -> str:
        quiet = self.cpu - self.newest
        return f"{self.name:<34}{self.runs:>10}{self.edges:>8}{self.cpu:>8.0f}{quiet:>8.0f}{len(self.findings):>10}"


HEADER = f"{'target':<34}{'runs':>10}{'edges':>8}{'CPU s':>8}{'quiet s':>8}{'findings':>10}"


def cpu_time(pid: int) -> float:
    """The seconds of CPU a running process has used so far; 0 for one that has ended."""
    told = subprocess.run(("ps", "-o", "time=", "-p", str(pid)), capture_output=True, text=True, check=False).stdout
    days, _, clock = told.strip().rpartition("-")
    seconds = 0.0
    for part in clock.split(":") if clock else ():
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)


def targets() -> list[Target]:
    """Every file here, and the decoders once for each dialect."""
    found = []
    for file in sorted(FUZZ.glob("fuzz_*.py")):
        name = file.stem.removeprefix("fuzz_")
        if name == "decoders":
            found += [Target(f"{name}-{api}", file, (f"--api={api}",)) for api in CODECS]
        else:
            found.append(Target(name, file))
    return found


def main() -> int:
    """The command line told above."""
    parser = argparse.ArgumentParser(prog="python fuzz/run.py", description="Run the fuzz targets.")
    parser.add_argument("target", nargs="*", help="only those whose name begins so")
    parser.add_argument("--most", type=float, default=1200, metavar="S", help="CPU seconds a target gets (1200)")
    parser.add_argument("--quiet", type=float, default=300, metavar="S", help="CPU seconds without a new edge (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="targets at a time")
    said = parser.parse_args()
    chosen = [each for each in targets() if not said.target or each.name.startswith(tuple(said.target))]
    if not chosen:
        print(f"no such target; there are: {', '.join(each.name for each in targets())}", file=sys.stderr)
        return 2

    def run(target: Target) -> None:
        target.run(said.most, said.quiet)
        print(target, flush=True)
        if target.findings:
            print(target.output.decode("utf-8", "replace"))

    print(HEADER, flush=True)
    began = time.monotonic()
    with ThreadPoolExecutor(said.jobs) as pool:
        list(pool.map(run, chosen))
    print(f"{time.monotonic() - began:.0f} s")
    stopped = [each.name for each in chosen if not each.runs]
    if stopped:
        print(f"did not run: {', '.join(stopped)}", file=sys.stderr)
    return 1 if stopped or any(each.findings for each in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())

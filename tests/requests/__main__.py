"""Do the vendors' own types, and the rules of their servers, find anything wrong in requests that lash writes?

    python -m tests.requests [--checker PATH] [--number 2000] [--strict] [--seed N] [--target NAME]

prints a table of targets with requests, refusals and problems, the problems with the smallest request that has each, and
what was seen least. It exits 1 where there is a problem, 2 where it cannot run. The same seed makes the same requests.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis.errors import NoSuchExample
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

from .checking import NO_CHECKER, Outcome, check, find_checker, load_checker
from .coverage import Coverage
from .strategy import Case, cases
from .targets import PICTURES, TARGETS, Target

# Hypothesis's own way to go through examples begins with small ones and then copies pieces of earlier ones about, which
# finds bugs sooner in a hundred. Of thousands we want each to be a new one: the same provider under another name.
AVAILABLE_PROVIDERS["lash"] = "hypothesis.internal.conjecture.providers.HypothesisProvider"
QUIET = settings(database=None, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck))


def run(target: Target, number: int, chance: int, look: Callable[[Case], None]) -> None:
    """Show `look` as many cases for a target, the same ones for the same seed."""

    @seed(f"{chance} {target.name}")
    @settings(QUIET, max_examples=number, phases=[Phase.generate], backend="lash")
    @given(cases((target,)))
    def each(case: Case) -> None:
        look(case)

    each()


def smallest(target: Target, chance: int, has: Callable[[Case], bool]) -> Case | None:
    """A smallest case of which something is true."""
    wanted = settings(QUIET, max_examples=3000, phases=[Phase.generate, Phase.shrink])
    try:
        return find(cases((target,)), has, settings=wanted, random=random.Random(chance))
    except NoSuchExample:
        return None


_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def kind(problem: str) -> str:
    """A problem less its numbers and names: what it has in common with others."""
    where, _, what = problem.partition(": ")
    return f"{_NUMBER.sub('', where)}: {what[:160] if where == '(raised)' else _NUMBER.sub('#', _QUOTED.sub('…', what))[:110]}"


def show(case: Case, outcome: Outcome) -> str:
    """A case and what was wrong with it, to be read."""
    lines = [f"    spec: {case.spec!r}", f"    request: {json.dumps(case.request.to_json())[:3000]}"]
    lines.append(f"    stream {case.stream}, handed on: {case.policy}, spoken by {', '.join(sorted(case.sources))}")
    lines.append(f"    body: {outcome.body.decode('utf-8', 'replace')[:2500]}")
    return "\n".join(lines)


def main() -> int:
    """The command line told above."""
    parser = argparse.ArgumentParser(prog="python -m tests.requests", description="Are our requests what APIs take?")
    parser.add_argument("--checker", metavar="PATH", help="check_request.py")
    parser.add_argument("--number", type=int, default=2000, metavar="N", help="requests in all (2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--strict", action="store_true", help="also what servers take but a tidy encoder would not send"
    )
    parser.add_argument("--target", action="append", metavar="NAME", help="only these")
    parser.add_argument("--brief", action="store_true", help="no smallest requests")
    parser.add_argument("--refusals", action="store_true", help="tell what was refused, and how often")
    said = parser.parse_args()
    path = find_checker(said.checker)
    if path is None:
        print(NO_CHECKER, file=sys.stderr)
        return 2
    try:
        checker = load_checker(path)
    except ImportError as error:
        print(f"the checker needs the vendors' SDKs: {error}; `make requests` installs them", file=sys.stderr)
        return 2
    targets = tuple(t for t in (*TARGETS, *PICTURES) if not said.target or t.name in said.target)
    if not targets:
        print(f"no such target; there are: {', '.join(t.name for t in (*TARGETS, *PICTURES))}", file=sys.stderr)
        return 2
    tally = Tally(checker, strict=said.strict)
    began = time.monotonic()
    for place, target in enumerate(targets):
        run(target, said.number // len(targets) + (place < said.number % len(targets)), said.seed, tally.look)
    tally.table(targets, time.monotonic() - began)
    if said.refusals:
        tally.tell_refusals()
    tally.coverage.report(targets)
    for (name, what), count in sorted(tally.kinds.items()):
        print(f"\n{name}: {what} ({count} times)\n    e.g. {tally.examples[name, what]}")
        if not said.brief:
            target = next(target for target in targets if target.name == name)

            def has(case: Case, what: str = what) -> bool:
                return any(kind(problem) == what for problem in tally.check(case).problems)

            case = smallest(target, said.seed, has)
            if case is not None:
                print(show(case, tally.check(case)))
    return 1 if tally.kinds else 0


class Tally:
    """What was found."""

    def __init__(self, checker: Any, *, strict: bool) -> None:
        self.checker, self.strict = checker, strict
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.bold: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.rules: dict[str, Counter[str]] = defaultdict(Counter)
        self.coverage = Coverage()

    def check(self, case: Case) -> Outcome:
        return check(case, self.checker, strict=self.strict)

    def look(self, case: Case) -> None:
        outcome = self.check(case)
        name = case.target.name
        self.made[name] += 1
        if outcome.refused is not None:
            self.refused[name] += 1
            self.bold[name] += case.bold
            self.rules[name][_QUOTED.sub("…", outcome.refused)[:120] + (" [bold]" if case.bold else "")] += 1
            return
        self.coverage.note(case, outcome)
        self.excused.update(outcome.excused)
        if outcome.problems:
            self.wrong[name] += 1
            for problem in dict.fromkeys(map(kind, outcome.problems)):
                self.kinds[name, problem] += 1
                self.examples.setdefault((name, problem), next(p for p in outcome.problems if kind(p) == problem)[:300])

    def table(self, targets: tuple[Target, ...], seconds: float) -> None:
        print(f"{'target':<32}{'requests':>9}{'refused':>9}{'':>7}{'problems':>10}")
        for target in targets:
            made, refused, wrong = self.made[target.name], self.refused[target.name], self.wrong[target.name]
            share = f"{refused / made:.0%}" if made else ""
            print(f"{target.name:<32}{made:>9}{refused:>9}{share:>7}{wrong:>10}")
        made, refused, wrong = self.made.total(), self.refused.total(), self.wrong.total()
        share = f"{refused / made:.0%}" if made else ""
        print(f"{'all':<32}{made:>9}{refused:>9}{share:>7}{wrong:>10}    {seconds:.0f} s")
        for reason, count in self.excused.most_common():
            print(f"excused {count} times: {reason}")

    def tell_refusals(self) -> None:
        for name, rules in self.rules.items():
            print(f"\n{name} refused:")
            for rule, count in rules.most_common(12):
                print(f"  {count:>5}  {rule}")


if __name__ == "__main__":
    sys.exit(main())

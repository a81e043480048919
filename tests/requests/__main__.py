"""Do the vendors' own types, and the rules of their servers, find anything wrong in requests that lash writes?

    python -m tests.requests [--checker PATH] [--number 2000] [--strict] [--seed N] [--target NAME]

prints a table of targets with requests, refusals and problems, what was seen least, and each kind of problem with the
smallest request that has it. It exits 1 where there is a problem, 2 where it cannot run. The same seed makes the same
requests.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis.errors import NoSuchExample
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

from .checking import NO_CHECKER, Outcome, check, find_checker, kind_of, load_checker
from .coverage import Coverage
from .strategy import Case, cases
from .targets import PICTURES, TARGETS, Target

# Hypothesis's own way to go through examples begins with small ones and then copies pieces of earlier ones about, which
# finds bugs sooner in a hundred. Of thousands we want each to be a new one: the same provider under another name.
AVAILABLE_PROVIDERS["lash"] = "hypothesis.internal.conjecture.providers.HypothesisProvider"
_NONE: Any = list(HealthCheck)
QUIET = settings(database=None, deadline=None, derandomize=False, suppress_health_check=_NONE)


def run(target: Target, number: int, chance: int, look: Callable[[Case], None]) -> None:
    """Show `look` as many cases for a target, the same ones for the same seed."""

    @seed(f"{chance} {target.name}")
    @settings(QUIET, max_examples=number, phases=[Phase.generate], backend="lash")
    @given(cases(target))
    def each(case: Case) -> None:
        look(case)

    each()


def smallest(target: Target, chance: int, has: Callable[[Case], bool]) -> Case | None:
    """A smallest case of which something is true; None where it is too rare to be found again."""
    wanted = settings(QUIET, max_examples=3000, phases=[Phase.generate, Phase.shrink])
    try:
        return find(cases(target), has, settings=wanted, random=random.Random(chance))
    except NoSuchExample:
        return None


class Tally:
    """What was found."""

    def __init__(self, checker: Any, *, strict: bool) -> None:
        self.checker, self.strict = checker, strict
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
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
            self.rules[name][kind_of(outcome.refused) + (" [bold]" if case.bold else "")] += 1
            return
        self.coverage.note(case)
        self.excused.update(outcome.excused)
        self.wrong[name] += bool(outcome.problems)
        for kind in dict.fromkeys(map(kind_of, outcome.problems)):
            self.kinds[name, kind] += 1
            self.examples.setdefault((name, kind), next(p for p in outcome.problems if kind_of(p) == kind)[:300])

    # --- told ----------------------------------------------------------------------------------------------------

    def tell(self, targets: tuple[Target, ...], seconds: float) -> None:
        """The table."""
        print(f"{'target':<30}{'requests':>10}{'refused':>10}{'problems':>10}")
        for target in targets:
            self._row(target.name, *(counts[target.name] for counts in (self.made, self.refused, self.wrong)))
        self._row("all", self.made.total(), self.refused.total(), self.wrong.total())
        print(f"{seconds:.0f} s{', strict' if self.strict else ''}")
        for reason, count in self.excused.most_common():
            print(f"excused {count} times: {reason}")

    @staticmethod
    def _row(name: str, made: int, refused: int, wrong: int) -> None:
        print(f"{name:<30}{made:>10}{refused:>6}{f'{refused / made:.0%}' if made else '':>4}{wrong:>10}")

    def tell_refusals(self) -> None:
        """What was refused, and how often."""
        for name, rules in self.rules.items():
            print(f"\n{name} refused:")
            for rule, count in rules.most_common(12):
                print(f"  {count:>5}  {rule}")

    def tell_problems(self, targets: tuple[Target, ...], chance: int, *, brief: bool) -> None:
        """Each kind of problem, and the smallest request that has it."""
        for (name, kind), count in sorted(self.kinds.items()):
            print(f"\n{name}: {kind} ({count} times)\n    e.g. {self.examples[name, kind]}")
            if not brief:
                target = next(target for target in targets if target.name == name)
                case = smallest(target, chance, lambda case, kind=kind: self.has(case, kind))  # type: ignore[misc]
                if case is not None:
                    print(show(case, self.check(case)))

    def has(self, case: Case, kind: str) -> bool:
        """Whether a case has a problem of a kind."""
        return any(kind_of(problem) == kind for problem in self.check(case).problems)


def show(case: Case, outcome: Outcome) -> str:
    """A case and its body, to be read."""
    return "\n".join(
        [
            f"    spec: {case.spec!r}",
            f"    request: {json.dumps(case.request.to_json())[:3000]}",
            f"    stream {case.stream}, handed off: {case.policy}, spoken by {', '.join(sorted(case.sources))}",
            f"    body: {outcome.body.decode('utf-8', 'replace')[:2500]}",
        ]
    )


def main() -> int:
    """The command line told above."""
    every = (*TARGETS, *PICTURES)
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
    targets = tuple(target for target in every if not said.target or target.name in said.target)
    if not targets:
        print(f"no such target; there are: {', '.join(target.name for target in every)}", file=sys.stderr)
        return 2
    tally = Tally(checker, strict=said.strict)
    began = time.monotonic()
    for place, target in enumerate(targets):
        share = said.number // len(targets) + (place < said.number % len(targets))
        if share:
            run(target, share, said.seed, tally.look)
    tally.tell(targets, time.monotonic() - began)
    if said.refusals:
        tally.tell_refusals()
    tally.coverage.tell(targets)
    tally.tell_problems(targets, said.seed, brief=said.brief)
    return 1 if tally.kinds else 0


if __name__ == "__main__":
    sys.exit(main())

"""`script/simulate`: carry out the waves of moved bases over a graph of images, with faults; say what they came to."""

import argparse
import asyncio
import gc
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulator.graphs import GraphError, Image, read
from simulator.report import Report
from simulator.simulation import Options, Simulation
from simulator.site import Stage, quiet, stage

COLUMNS = ("seed", "builds", "expected", "wasted", "lost", "violations", "makespan", "bound", "waves")
HELP = """
The graph is a JSON file: {"images": {NAME: {"runtime": BASE, "buildtime": [BASE, ...]}}}. Each image is built by one
task, which follows all its bases; tests/assets/graphs holds a real one. Each run of the simulation is repeated exactly
by its seed. Builds take 30 to 300 seconds, each image always as long, and nothing is really built.

With --faults RATE each of these happens with that chance: an event or a queue message is lost, or comes twice; a
process dies at one of its storage calls, before or after it (half the rate); a build fails. Where builds fail more
often than they are tried again, `resume` is what the simulated operator does.

Fields of the JSON:
  builds         builds that succeeded
  expected       images that have to be built when the bases move once
  wasted         builds on the same bases as the build before
  lost           images that do not stand on the newest of their bases at the end
  violations     times that a rule was broken: built before a parent, twice in one wave, more builds than expected,
                 a wave, run or gate that does not end; `details` tells of each
  makespan       seconds from the first movement to the end of the last build
  bound          seconds that list scheduling by critical path needs with as many builders
  critical_path  seconds that no number of builders can do without
  waves, failed_builds, resumes, faults   what happened on the way
The exit code is 1 when anything was lost or a rule was broken.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate; 0 when every simulation ended well."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        graph = read(given.graph)
    except (GraphError, OSError) as error:
        parser.error(str(error))
    bases = [name for text in given.bases for name in text.split(",") if name]
    known = {base for image in graph.values() for base, _ in image.bases}
    if unknown := [base for base in bases if base not in known]:
        parser.error(f"--bases: nothing in the graph is built on {', '.join(unknown)}")
    if given.output == "table":
        print("  ".join(f"{name:>10}" for name in COLUMNS), flush=True)
    with quiet():
        reports = asyncio.run(_simulate(graph, bases, given))
    if given.output == "json":
        documents = [report.document() for report in reports]
        print(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    elif len(reports) > 1:
        print(summary(reports))
    return 1 if any(report.lost or report.violations for report in reports) else 0


async def _simulate(graph: Mapping[str, Image], bases: Sequence[str], given: argparse.Namespace) -> list[Report]:
    reports = []
    staged = await staged_for(graph, runtime_only=given.runtime_only)
    # The stage stays for all simulations: there is no garbage in it to look for.
    gc.freeze()
    for seed in range(given.seed, given.seed + given.runs):
        options = Options(
            bases=bases,
            faults=given.faults,
            seed=seed,
            builders=given.builders,
            concurrency=given.concurrency,
            moves=given.moves,
            runtime_only=given.runtime_only,
        )
        reports.append(await Simulation(graph, staged, options).run())
        if given.output == "table":
            _print(reports[-1])
    return reports


async def staged_for(graph: Mapping[str, Image], *, runtime_only: bool = False) -> Stage:
    """A store with the graph's tasks, whose builds take 30 to 300 seconds."""
    dice = random.Random(0)
    return await stage(graph, {name: dice.uniform(30, 300) for name in graph}, runtime_only=runtime_only)


def _print(report: Report) -> None:
    document = report.document()
    print("  ".join(f"{document[name]:>10.0f}" for name in COLUMNS), flush=True)
    for line in report.details[:10]:
        print(f"    {line}")


def summary(reports: Sequence[Report]) -> str:
    """What several simulations came to, in one line."""
    builds = sorted({report.builds for report in reports})
    lost, violations = (sum(getattr(report, name) for report in reports) for name in ("lost", "violations"))
    faults = sum(sum(report.faults.values()) for report in reports)
    ratio = max(report.makespan / report.bound for report in reports if report.bound) if builds[-1] else 1.0
    return (
        f"{len(reports)} simulations, {faults} faults: {' or '.join(map(str, builds))} builds each, {lost} lost, "
        f"{violations} violations; the slowest took {ratio:.2f} times the bound"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/simulate",
        description="Carry out the waves of moved bases over a graph of images, and say what they came to.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("graph", type=Path, help="the graph, a JSON file")
    parser.add_argument("--bases", action="append", required=True, metavar="A,B", help="bases that move")
    parser.add_argument("--faults", type=_rate, default=0.0, metavar="RATE", help="chance of each fault, 0 to 0.5")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance depends on; 0")
    parser.add_argument("--runs", type=_count, default=1, metavar="N", help="simulate with N seeds, from --seed on; 1")
    parser.add_argument("--builders", type=_count, default=8, metavar="N", help="builds at once; 8")
    parser.add_argument("--concurrency", type=_count, default=16, metavar="N", help="members a wave has queued; 16")
    parser.add_argument("--moves", type=int, default=0, metavar="N", help="further movements of the bases meanwhile; 0")
    parser.add_argument("--runtime-only", action="store_true", help="follow runtime bases only, as ACR Tasks does")
    parser.add_argument("--output", choices=["json", "table"], default="table", help="how to print the result")
    return parser


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 0.5:
        raise argparse.ArgumentTypeError(f"'{text}': a chance from 0 to 0.5 is right")
    return rate


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"'{text}': a number from 1 on is right")
    return count


if __name__ == "__main__":
    sys.exit(main())

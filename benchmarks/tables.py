"""Markdown tables as functions of the measurements; `page` puts them into docs/performance.md.

`make bench` was run on several kinds of machine, whose ratios differ: each has its own tables.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from statistics import mean

NOT_MEASURED = "Not measured yet."


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def number(value: float) -> str:
    """Three digits, thousands apart: 0.765, 1.52, 27,700."""
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if abs(value) >= 100 else text


def shown(spread: dict[str, float], unit: str = "") -> str:
    """Median and range, such as `1.52 (1.5 to 1.53)`."""
    low, high = number(spread["low"]), number(spread["high"])
    return f"{number(spread['median'])}{unit} ({low} to {high})"


def met_or_not(met: bool | None) -> str:
    """Whether a goal was met; nothing where there is none."""
    return {True: "met", False: "not met", None: ""}[met]


def machine(found: dict) -> str:
    """One line on the machine and the versions."""
    v = found["versions"]
    products = "with" if found["bfloat16_products"] else "without"
    return (
        f"{found['processor']}, {found['cores']} cores, {found['instructions']}, {products}"
        f" bfloat16 products; Python {v['python']}, PyTorch {v['torch']}, NumPy {v['numpy']},"
        f" Snakemake {v['snakemake']}, DVC {v['dvc']}."
    )


def of_each_machine(make: Callable[[dict], str]) -> Callable[[dict], str]:
    """A part of `make bench`, named like the function, on each machine where it was measured."""
    part = make.__name__

    @wraps(make)
    def made(measured: dict) -> str:
        machines = {
            name: found[part] for name, found in measured.get("bench", {}).items() if part in found
        }
        if not machines:
            return NOT_MEASURED
        return "\n\n".join(f"{name}:\n\n{make(found)}" for name, found in machines.items())

    return made


def bench_machines(measured: dict) -> str:
    """The machines of `make bench`, by the name that each has in the tables."""
    machines = {name: found["machine"] for name, found in measured.get("bench", {}).items()}
    lines = [f"- {name}: {machine(found)}" for name, found in machines.items()]
    return "\n".join(lines) or NOT_MEASURED


NAMES = {
    "vaepipe float32": "this project",
    "vaepipe bfloat16": "this project, bfloat16",
    "pythae": "pythae 0.1.2",
    "example": "DataLoader loop",
    "floor float32": "matrix products alone",
    "floor bfloat16": "matrix products alone, bfloat16",
}


@of_each_machine
def throughput(found: dict) -> str:
    """Images per second and milliseconds per step of each contender, and the goals' ratios."""
    rates, steps = found["images_per_second"], found["step_ms"]
    rows = [(NAMES[k], shown(rates[k]), shown(steps[k])) for k in NAMES if k in rates]
    steps = table(("", "images/s", "ms per step"), rows)
    return f"{steps}\n\n{throughput_ratios(found)}"


def throughput_ratios(found: dict) -> str:
    """The ratios for which there are goals."""
    goals, rows = found["goals"], []
    for precision in ("float32", "bfloat16"):
        each = found[f"ratios {precision}"]
        what = {
            "example": f"throughput, DataLoader loop = 1, {precision}",
            "pythae": f"throughput, pythae = 1, {precision}",
            "floor": f"step time, its matrix products in {precision} = 1",
        }
        for name, text in what.items():
            median, goal = each[name]["median"], goals[name]
            met = median <= goal if name == "floor" else median >= goal
            word = "at most" if name == "floor" else "at least"
            # The goals are those of float32.
            last = (f"{word} {goal:g}", met_or_not(met)) if precision == "float32" else ("", "")
            rows.append((text, shown(each[name]), *last))
    return table(("ratio", "measured", "goal", ""), rows)


@of_each_machine
def time_to_loss(found: dict) -> str:
    """Seconds to the loop's loss, by precision."""
    target, goals = f"{found['target_nats']:.2f}", found["goals"]
    loop = number(found["example_seconds"])
    rows = [("DataLoader loop, 10 epochs", loop, target, "", "1", "", "")]
    for precision in ("float32", "bfloat16"):
        if precision not in found:
            continue
        one = found[precision]
        reached, seeds, losses = one["reached"], one["seconds"]["turns"], one["test_nats"]
        rows.append(
            (
                f"this project's recipe, {precision}",
                shown(one["seconds"]),
                f"{losses['median']:.2f} ({losses['low']:.2f} to {losses['high']:.2f})",
                f"{reached} of {seeds}",
                shown(one["ratio"]),
                f"at least {goals[precision]}",
                met_or_not(reached == seeds and one["ratio"]["median"] >= goals[precision]),
            )
        )
    header = (
        "",
        "seconds",
        "test loss, nats",
        "seeds that reach it",
        "loop's time / this",
        "goal",
        "",
    )
    tests = number(found["example_test_seconds"])
    return (
        f"{table(header, rows)}\n\nA goal is met if every seed is at the loop's loss or below, too."
        f" The loop's own test after each epoch, not counted here, took {tests} s more."
    )


@of_each_machine
def main_job(found: dict) -> str:
    """Seconds and memory by stage, and the goals of the whole."""
    goals, start = found["goals"], found["start_up"]
    rows = []
    for name, one in found["stages"].items():
        begun = start[name]["wall_seconds"]["median"] if name in start else None
        wall = "" if one["wall_seconds"] is None else number(one["wall_seconds"])
        used = number(one["cpu_seconds"])
        up = "" if begun is None else number(begun)
        rows.append((name, one["jobs"], wall, used, one["peak_mib"], up))
    stages = table(
        ("stage", "processes", "wall s", "processor s", "peak MiB", "start-up s, wall"), rows
    )
    slowest = max(one["wall_seconds"]["median"] for one in start.values())
    whole = [
        (
            "wall seconds of the whole job",
            number(found["wall_seconds"]),
            f"at most {goals['seconds']}",
            met_or_not(found["wall_seconds"] <= goals["seconds"]),
        ),
        (
            "share of its processor time inside training steps",
            f"{found['share_in_steps']:.0%}",
            f"at least {goals['share_in_steps']:.0%}",
            met_or_not(found["share_in_steps"] >= goals["share_in_steps"]),
        ),
        (
            "slowest start-up of a stage, seconds",
            number(slowest),
            f"at most {goals['start_up']}",
            met_or_not(slowest <= goals["start_up"]),
        ),
    ]
    for name, one in found["no_op_seconds"].items():
        met = met_or_not(one["median"] <= goals["no_op"])
        whole.append(
            (f"`{name}` with nothing to do, seconds", shown(one), f"at most {goals['no_op']}", met)
        )
    return f"{stages}\n\n{table(('', 'measured', 'goal', ''), whole)}"


@of_each_machine
def bound(found: dict) -> str:
    """The importance-weighted bound against the matrix rate."""
    share = found["share_of_square_product"]
    of_square = f"share of the speed of one large product ({shown(found['square_gflops'])} GFLOP/s)"
    rows = [
        ("GFLOP/s of the decoder's products", shown(found["gflops"]), "", ""),
        ("share of those products alone", shown(found["share_of_products"]), "", ""),
        (
            of_square,
            shown(share),
            f"at least {found['goal']:g}",
            met_or_not(share["median"] >= found["goal"]),
        ),
        ("memory beyond model and images, MiB", number(found["added_memory_mib"]), "", ""),
        ("all 10,000 test images would take, minutes", shown(found["full_test_minutes"]), "", ""),
    ]
    return table(("", "measured", "goal", ""), rows)


def growth(measured: dict) -> str:
    """Time and memory by size, an axis after the other."""
    if "growth" not in measured:
        return NOT_MEASURED
    axes, rows, ends = measured["growth"]["axes"], [], []
    for axis, found in axes.items():
        for row in found["rows"]:
            values = (
                ("failed: " + row["failed"], "")
                if "failed" in row
                else (number(row["seconds"]), number(row["added_memory_mib"]))
            )
            rows.append((axis, f"{row['size']:,}", *values))
        exponents = [found.get(f"exponent_{key}") for key in ("seconds", "added_memory_mib")]
        ends.append((axis, *("" if e is None else f"{e:.2f}" for e in exponents)))
    sizes = table(("grows", "to", "processor s", "memory added, MiB"), rows)
    fitted = table(("exponent over the three largest", "of time", "of memory"), ends)
    return f"{sizes}\n\n{fitted}\n\nMachine: {machine(measured['growth']['machine'])}"


def gpu(measured: dict) -> str:
    """Seconds and rates on a GPU."""
    if "gpu" not in measured:
        return NOT_MEASURED
    found = measured["gpu"]
    rows = [
        (one["what"], shown(one["measured"]), one["goal"], met_or_not(one["met"]))
        for one in found["rows"]
    ]
    versions = f"{found['device']}; PyTorch {found['torch']}, CUDA {found['cuda']}."
    return f"{table(('', 'measured', 'goal', ''), rows)}\n\n{versions}"


def frontier(measured: dict[str, dict]) -> str:
    """A row for each point: means over its seeds, with the range of the NLL."""
    if "frontier" not in measured:
        return NOT_MEASURED
    points: dict[str, list[dict]] = {}
    for run in measured["frontier"]["runs"]:
        points.setdefault(run["name"], []).append(run)
    rows = []
    for name, runs in sorted(points.items(), key=lambda p: mean(r["seconds"] for r in p[1])):
        nll = [run["nll"] for run in runs]
        over_seeds = f" ({min(nll):.2f} to {max(nll):.2f})" if len(runs) > 1 else ""
        rows.append(
            [
                f"`{name}`",
                runs[0]["family"],
                runs[0]["epochs"],
                number(mean(run["seconds"] for run in runs)),
                f"{mean(run['validation'] for run in runs):.2f}",
                f"{mean(run['neg_elbo'] for run in runs):.2f}",
                f"{mean(run['rate'] for run in runs):.1f}",
                f"{mean(nll):.2f}{over_seeds}",
                len(runs),
                ", ".join(sorted({f"{run['samples']:,}" for run in runs})),
            ]
        )
    head = [
        "point",
        "family",
        "epochs",
        "processor seconds",
        "validation −ELBO",
        "test −ELBO",
        "rate",
    ]
    return table([*head, "test NLL (range over seeds)", "seeds", "K"], rows)


TABLES = {
    "frontier": frontier,
    "machines": bench_machines,
    "throughput": throughput,
    "time_to_loss": time_to_loss,
    "main_job": main_job,
    "bound": bound,
    "growth": growth,
    "gpu": gpu,
}

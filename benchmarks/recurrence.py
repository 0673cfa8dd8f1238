"""How fast is the recurrence of chapter 06? `make bench`

One whole training step (forward, loss, backward, clipping, update) of the plain loop, of nn.RNN and of ours, and the
floor: the matrix products that each of them needs, alone, in the fastest layout. All take turns in one run; medians.
Then the time to training perplexity 1.1: the well-known recipe against the best one that we found.
Results go to benchmarks/results/, with a description of the machine.
"""

import argparse
import json
import math
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import funcs

RESULTS = Path(__file__).parent / "results"
VOCAB_SIZE = 28


def plain_forward(
    inputs: torch.Tensor, state: tuple[torch.Tensor, ...], params: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The loop as chapter 04 and d2l write it, three products a step, on one-hot inputs."""
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in F.one_hot(inputs, len(W_xh)).to(W_xh.dtype):
        H = torch.tanh(X @ W_xh + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def models(num_hiddens: int) -> dict[str, nn.Module]:
    """The three contenders, of one size."""
    return {
        "plain loop": funcs.RNN(VOCAB_SIZE, num_hiddens, forward_fn=plain_forward),
        "nn.RNN": funcs.RNNModel(nn.RNN(VOCAB_SIZE, num_hiddens), VOCAB_SIZE),
        "ours": funcs.RNN(VOCAB_SIZE, num_hiddens),
    }


def training_step(model: nn.Module, batch_size: int, num_steps: int) -> Callable[[], None]:
    """One step of training on random tokens."""
    X, Y = torch.randint(VOCAB_SIZE, (2, batch_size, num_steps))
    state = model.begin_state(batch_size)  # type: ignore[operator]
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def step() -> None:
        outputs, _ = model(X, state)
        loss = F.cross_entropy(outputs, Y.T.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def floors(batch_size: int, num_steps: int, num_hiddens: int) -> dict[str, Callable[[], None]]:
    """The same matrix products alone: the batch as rows, or as columns with the weight on the left."""
    rows = num_steps * batch_size
    W, H, out = torch.randn(num_hiddens, num_hiddens), *torch.randn(2, num_hiddens, batch_size).unbind()
    H_rows, out_rows = H.T.contiguous(), out.T.contiguous()
    states, states_T = torch.randn(num_hiddens, rows), torch.randn(rows, num_hiddens)
    W_hq, dO = torch.randn(num_hiddens, VOCAB_SIZE), torch.randn(rows, VOCAB_SIZE)

    def large_products() -> None:
        torch.mm(states, states_T)  # dW_hh
        torch.mm(states_T, W_hq)  # outputs
        torch.mm(states, dO)  # dW_hq
        torch.mm(dO, W_hq.T)  # dH from the outputs

    def by_columns() -> None:
        for _ in range(2 * num_steps):
            torch.mm(W, H, out=out)
        large_products()

    def by_rows() -> None:
        for _ in range(2 * num_steps):
            torch.mm(H_rows, W, out=out_rows)
        large_products()

    return {"floor, batch as columns": by_columns, "floor, batch as rows": by_rows}


def interleaved(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each step; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round in range(rounds + 3):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if round >= 3:
                times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def measure(batch_size: int, num_steps: int, num_hiddens: int, rounds: int = 40) -> dict[str, float]:
    """Median milliseconds of a training step of each contender, and of the floor, for one size."""
    torch.manual_seed(0)
    steps = {name: training_step(model, batch_size, num_steps) for name, model in models(num_hiddens).items()}
    result = interleaved(steps | floors(batch_size, num_steps, num_hiddens), rounds)
    result["floor"] = min(result.pop("floor, batch as columns"), result.pop("floor, batch as rows"))
    size = f"batch {batch_size:3}, steps {num_steps:3}, hiddens {num_hiddens:4}"
    print(
        f"{size}:  plain {result['plain loop']:7.2f} ms, nn.RNN {result['nn.RNN']:7.2f}, ours {result['ours']:7.2f}, "
        f"floor {result['floor']:7.2f}   plain/ours {result['plain loop'] / result['ours']:.2f}, "
        f"nn.RNN/ours {result['nn.RNN'] / result['ours']:.2f}, ours/floor {result['ours'] / result['floor']:.2f}",
        flush=True,
    )
    return {"batch_size": batch_size, "num_steps": num_steps, "num_hiddens": num_hiddens, **result}


def print_profile() -> None:
    """Where the time of our step goes, at the main size."""
    step = training_step(funcs.RNN(VOCAB_SIZE, 512), 32, 35)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        for _ in range(10):
            step()
    print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=10, max_name_column_width=40))


def seconds_to_goal(recipe: str, seed: int, goal: float = 1.1) -> tuple[float, int]:
    """Seconds and epochs until the training perplexity on the 10,000 characters is at most `goal`."""
    torch.manual_seed(seed)
    train_iter, vocab = funcs.load_data_time_machine(32, 35, generator=seed)
    if recipe == "well-known":  # N(0, 0.01²), SGD with learning rate 1, plain loop, at most 500 epochs
        model = funcs.RNN(len(vocab), 512, forward_fn=plain_forward)
        optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), 1.0)
    else:  # chapter 06
        model = funcs.RNN(len(vocab), 512)
        with torch.no_grad():
            nn.init.normal_(model.params[0], std=0.5)
            nn.init.orthogonal_(model.params[1], 0.7)
        optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    seconds = 0.0
    for epoch in range(1, 501):
        history = funcs.train(model, train_iter, 1, optimizer=optimizer, live=False, progress=False)
        seconds += history.seconds
        if history.perplexity[-1] <= goal:
            return seconds, epoch
    return math.inf, 500


def peak_memory(name: str, num_steps: int, num_batches: int) -> int:
    """Kilobytes of memory at the peak of a fresh process that trains on batches of 64 rows with 512 hiddens."""
    command = [sys.executable, __file__, "--memory", name, str(num_steps), str(num_batches)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def train_for_memory(name: str, num_steps: int, num_batches: int) -> None:
    """Train on some batches, the state carried and detached, and print this process' peak memory in kilobytes."""
    model = models(512)[name]
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    corpus = torch.randint(VOCAB_SIZE, (64 * num_steps * num_batches + num_steps,))
    loader = funcs.TextLoader(corpus, funcs.Vocab([]), 64, num_steps, offset=0)
    state = model.begin_state(64)  # type: ignore[operator]
    for X, Y in loader:
        outputs, state = model(X, funcs.detach(state))
        optimizer.zero_grad()
        F.cross_entropy(outputs, Y.T.reshape(-1)).backward()
        optimizer.step()
    # Not ru_maxrss: a new process inherits that of the one that started it.
    print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1])  # type: ignore[index]


def machine() -> dict[str, str | int]:
    """What this runs on."""
    names = {"model name", "Model"}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.split("\t")[0] in names)
    except (OSError, StopIteration):
        cpu = platform.processor()
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def draw(sizes: list[dict[str, float]]) -> None:
    """The ratios of all sizes as bars."""
    fig, ax = plt.subplots(figsize=(8, 0.42 * len(sizes) + 1.2))
    for i, name in enumerate(("plain loop", "nn.RNN", "floor")):
        ys = [k + 0.27 * (i - 1) for k in range(len(sizes))]
        ax.barh(ys, [size[name] / size["ours"] for size in sizes], 0.25, label=name)
    labels = [f"{size['batch_size']} × {size['num_steps']}, {size['num_hiddens']}" for size in sizes]
    ax.set(yticks=range(len(sizes)), yticklabels=labels, xlabel="time / our time")
    ax.set_ylabel("batch × steps, hiddens")
    ax.axvline(1, color="black", lw=0.8)
    ax.invert_yaxis()
    ax.legend()
    fig.savefig(RESULTS / "recurrence.svg", bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Run everything, print it, and save it."""
    print(machine(), flush=True)
    main_size = measure(32, 35, 512, rounds=100)
    print_profile()
    sweep = [(8, 35, 512), (128, 35, 512), (32, 10, 512), (32, 100, 512), (32, 35, 64), (32, 35, 256), (32, 35, 1024)]
    sizes = [main_size] + [measure(*size) for size in sweep]

    print("peak memory in MB, 64 rows, 512 hiddens:")
    memory = {}
    for name in ("ours", "nn.RNN"):
        for num_steps, num_batches in ((100, 30), (100, 90), (200, 30), (400, 30), (800, 30)):
            key = f"{name}, {num_steps} steps, {num_batches} batches"
            memory[key] = peak_memory(name, num_steps, num_batches) // 1024
            print(f"  {key}: {memory[key]}", flush=True)

    goals: dict[str, list[tuple[float, int]]] = {"well-known": [], "best found": []}
    for seed in (0, 1, 2):
        for recipe in goals:
            goals[recipe].append(seconds_to_goal(recipe, seed))
            seconds, epochs = goals[recipe][-1]
            print(f"to perplexity 1.1, seed {seed}, {recipe} recipe: {seconds:.1f} s, {epochs} epochs", flush=True)
    slow, fast = (statistics.median(seconds for seconds, _ in runs) for runs in goals.values())
    print(f"to perplexity 1.1: the well-known recipe takes {slow / fast:.1f} times as long")

    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine(), "milliseconds": sizes, "peak_megabytes": memory, "seconds_epochs_to_1.1": goals}
    (RESULTS / "recurrence.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(sizes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", nargs=3, metavar=("MODEL", "STEPS", "BATCHES"), help="used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.memory:
        model_name, steps, batches = arguments.memory
        train_for_memory(model_name, int(steps), int(batches))
    else:
        main()

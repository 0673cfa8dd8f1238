"""How fast are the recurrences of chapters 06, 08 and 09? `make bench`

One whole training step (forward, loss, backward, clipping, update) of the plain loop, of torch's layer and of ours, and
two floors: the matrix products that each of them needs, alone, by torch.mm in its faster layout, and with packed
weights. All take turns in one run; medians. RNN, GRU and LSTM.
Then the time to training perplexity 1.1: the well-known recipe against the best found.
Results go to benchmarks/results/, with a description of the machine.
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import funcs
from funcs import recurrences

RESULTS = Path(__file__).parent / "results"
VOCAB_SIZE = 28
NUM_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}  # blocks of columns in the weights, the candidate's among them


State = tuple[torch.Tensor, ...]


def plain_rnn(inputs: torch.Tensor, state: State, params: Sequence[torch.Tensor]) -> tuple[torch.Tensor, State]:
    """The loop as chapter 04 and d2l write it, three products a step, on one-hot inputs."""
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in F.one_hot(inputs, len(W_xh)).to(W_xh.dtype):
        H = torch.tanh(X @ W_xh + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def plain_gru(inputs: torch.Tensor, state: State, params: Sequence[torch.Tensor]) -> tuple[torch.Tensor, State]:
    """A loop with one product per gate, on [X H]: three a step (chapter 08), and the output's."""
    W_r, b_r, W_z, b_z, W_n, b_n, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in F.one_hot(inputs, len(W_r) - len(b_r)).to(W_r.dtype):
        XH = torch.cat((X, H), 1)
        R, Z = torch.sigmoid(XH @ W_r + b_r), torch.sigmoid(XH @ W_z + b_z)
        N = torch.tanh(torch.cat((X, R * H), 1) @ W_n + b_n)
        H = Z * H + (1 - Z) * N
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def plain_lstm(inputs: torch.Tensor, state: State, params: Sequence[torch.Tensor]) -> tuple[torch.Tensor, State]:
    """A loop with one product per gate, on [X H]: four a step (chapter 09), and the output's."""
    W_i, b_i, W_f, b_f, W_g, b_g, W_o, b_o, W_hq, b_q = params
    H, C = state
    outputs = []
    for X in F.one_hot(inputs, len(W_i) - len(b_i)).to(W_i.dtype):
        XH = torch.cat((X, H), 1)
        I, F_, O = (torch.sigmoid(XH @ W + b) for W, b in ((W_i, b_i), (W_f, b_f), (W_o, b_o)))
        C = F_ * C + I * torch.tanh(XH @ W_g + b_g)
        H = O * torch.tanh(C)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H, C)


def plain_model(cell: str, num_hiddens: int) -> nn.Module:
    """A character model from scratch with the plain loop of a cell."""
    if cell == "RNN":
        return funcs.RNN(VOCAB_SIZE, num_hiddens, forward_fn=plain_rnn)

    def get_params(vocab_size: int, num_hiddens: int, device: torch.device | str | None) -> list[torch.Tensor]:
        shapes = ((vocab_size + num_hiddens, num_hiddens), (num_hiddens,)) * NUM_GATES[cell]
        return [torch.randn(shape) * 0.01 for shape in (*shapes, (num_hiddens, vocab_size), (vocab_size,))]

    def init_state(batch_size: int, num_hiddens: int, device: torch.device | str | None) -> State:
        return (torch.zeros(batch_size, num_hiddens),) * (2 if cell == "LSTM" else 1)

    forward_fn = plain_lstm if cell == "LSTM" else plain_gru
    return funcs.RNN(VOCAB_SIZE, num_hiddens, None, get_params, init_state, forward_fn)


def models(cell: str, num_hiddens: int) -> dict[str, nn.Module]:
    """The contenders of one cell, of one size."""
    library = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[cell](VOCAB_SIZE, num_hiddens)
    result = {
        "plain loop": plain_model(cell, num_hiddens),
        f"nn.{cell}": funcs.RNNModel(library, VOCAB_SIZE),
    }
    if cell == "RNN":
        return result | {"ours": funcs.RNN(VOCAB_SIZE, num_hiddens)}
    if cell == "LSTM":
        return result | {"ours": funcs.RNNModel(funcs.LSTM(VOCAB_SIZE, num_hiddens), VOCAB_SIZE)}
    before = funcs.GRU(VOCAB_SIZE, num_hiddens, reset_after=False)
    return result | {
        "ours": funcs.RNNModel(funcs.GRU(VOCAB_SIZE, num_hiddens), VOCAB_SIZE),
        "ours, reset before": funcs.RNNModel(before, VOCAB_SIZE),
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


def floors(batch_size: int, num_steps: int, num_hiddens: int, num_gates: int = 1) -> dict[str, Callable[[], None]]:
    """The same matrix products alone: by torch.mm, the batch as rows or as columns, and with packed weights."""
    rows, width = num_steps * batch_size, num_gates * num_hiddens
    W, H, dZ = torch.randn(num_hiddens, width), torch.randn(batch_size, num_hiddens), torch.randn(batch_size, width)
    H_columns, dZ_columns, W_columns = H.T.contiguous(), dZ.T.contiguous(), W.T.contiguous()
    H_all, dZ_all = torch.randn(num_steps, batch_size, num_hiddens), torch.randn(num_steps, batch_size, width)
    W_hq, dO = torch.randn(num_hiddens, VOCAB_SIZE), torch.randn(rows, VOCAB_SIZE)

    def output_products() -> None:
        torch.mm(H_all.flatten(0, 1), W_hq)  # outputs
        torch.mm(H_all.flatten(0, 1).T, dO)  # dW_hq
        torch.mm(dO, W_hq.T)  # dH from the outputs

    def by_rows() -> None:
        for _ in range(num_steps):
            torch.mm(H, W)
            torch.mm(dZ, W_columns)
        torch.mm(H_all.flatten(0, 1).T, dZ_all.flatten(0, 1))  # dW_hh
        output_products()

    def by_columns() -> None:
        for _ in range(num_steps):
            torch.mm(W_columns, H_columns)
            torch.mm(W, dZ_columns)
        torch.mm(H_all.flatten(0, 1).T, dZ_all.flatten(0, 1))
        output_products()

    def packed() -> None:
        forward, backward = recurrences.repeated_product(W), recurrences.repeated_product(W_columns)
        for _ in range(num_steps):
            forward(H)
            backward(dZ)
        recurrences.weight_gradient(H_all, dZ_all)
        output_products()

    return {"floor, batch as columns": by_columns, "floor, batch as rows": by_rows, "floor, packed": packed}


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


def measure(cell: str, batch_size: int, num_steps: int, num_hiddens: int, rounds: int = 40) -> dict[str, Any]:
    """Median milliseconds of a training step of each contender, and of the floors, for one size."""
    torch.manual_seed(0)
    steps = {name: training_step(model, batch_size, num_steps) for name, model in models(cell, num_hiddens).items()}
    result = interleaved(steps | floors(batch_size, num_steps, num_hiddens, NUM_GATES[cell]), rounds)
    result["floor, torch.mm"] = min(result.pop("floor, batch as columns"), result.pop("floor, batch as rows"))
    print(
        f"{cell:4}, batch {batch_size:3}, steps {num_steps:3}, hiddens {num_hiddens:4}: ours {result['ours']:6.2f} ms; "
        + ", ".join(f"{name} {ms / result['ours']:.2f}" for name, ms in result.items() if name != "ours"),
        flush=True,
    )
    return {"cell": cell, "batch_size": batch_size, "num_steps": num_steps, "num_hiddens": num_hiddens, **result}


def measure_inference(cell: str, batch_size: int, num_steps: int, num_hiddens: int) -> dict[str, Any]:
    """Median milliseconds of a layer's forward pass without gradients, ours and PyTorch's; what sampling needs."""
    theirs: nn.Module = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[cell](VOCAB_SIZE, num_hiddens)
    X = torch.randn(num_steps, batch_size, VOCAB_SIZE)
    if cell == "RNN":
        W_ih, W_hh, b_ih, b_hh = (weight.detach() for weight in theirs.parameters())

        def ours() -> None:
            funcs.recurrence(X, None, W_ih.T, W_hh.T, b_ih + b_hh)
    else:
        layer: nn.Module = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[cell](VOCAB_SIZE, num_hiddens)

        def ours() -> None:
            layer(X)

    with torch.no_grad():
        result = interleaved({"ours": ours, f"nn.{cell}": lambda: theirs(X)}, rounds=200)
    print(
        f"{cell:4}, no gradients, batch {batch_size:3}, steps {num_steps:3}, hiddens {num_hiddens:4}: "
        f"ours {result['ours']:.3f} ms, nn.{cell} {result[f'nn.{cell}'] / result['ours']:.2f}",
        flush=True,
    )
    return {"cell": cell, "batch_size": batch_size, "num_steps": num_steps, "num_hiddens": num_hiddens, **result}


def print_profile(cell: str) -> None:
    """Where the time of our step goes, at the main size."""
    step = training_step(models(cell, 512)["ours"], 32, 35)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        for _ in range(10):
            step()
    print(f"{cell}: ten of our training steps")
    print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40))


def seconds_to_goal(recipe: str, seed: int, goal: float = 1.1) -> tuple[float, int]:
    """Seconds and epochs until the training perplexity on the 10,000 characters is at most `goal`."""
    torch.manual_seed(seed)
    train_iter, vocab = funcs.load_data_time_machine(32, 35, generator=seed)
    if recipe == "well-known":  # N(0, 0.01²), SGD with learning rate 1, plain loop, at most 500 epochs
        model = funcs.RNN(len(vocab), 512, forward_fn=plain_rnn)
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
    """Kilobytes of memory at the peak of a fresh process that trains on batches of 64 rows with 512 hiddens.

    glibc is told to give freed memory back at once: what it would keep for later differs by 100 MB from run to run.
    """
    command = [sys.executable, __file__, "--memory", name, str(num_steps), str(num_batches)]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    return int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()[-1])


def train_for_memory(name: str, num_steps: int, num_batches: int) -> None:
    """Train on some batches, the state carried and detached, and print this process' peak memory in kilobytes."""
    model = models("RNN", 512)[name]
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
    """What this runs on, and `name`, which calls its results."""
    names = {"model name", "Model"}
    flags: list[str] = []
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.split("\t")[0] in names)
        known = " ".join(line for line in lines if line.startswith("flags"))
        flags = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in known]  # torch.mm is faster with these
    except (OSError, StopIteration):
        cpu = platform.processor()
    return {
        "name": "-".join(re.findall(r"[a-z0-9]+", " ".join((cpu, *flags)).lower())),
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def draw(sizes: list[dict[str, Any]]) -> None:
    """The ratios of all sizes as bars, one panel per cell."""
    counts = [sum(size["cell"] == cell for size in sizes) for cell in NUM_GATES]
    fig, axes = plt.subplots(
        3, 1, figsize=(8, 0.5 * sum(counts) + 2.5), height_ratios=counts, sharex=True, layout="constrained"
    )
    for ax, cell in zip(axes, NUM_GATES, strict=True):
        rows = [size for size in sizes if size["cell"] == cell]
        for i, name in enumerate(("plain loop", f"nn.{cell}", "floor, torch.mm", "floor, packed")):
            ys = [k + 0.21 * (i - 1.5) for k in range(len(rows))]
            ax.barh(ys, [size[name] / size["ours"] for size in rows], 0.19, label=name.replace(cell, "*"))
        labels = [f"{size['batch_size']} × {size['num_steps']}, {size['num_hiddens']}" for size in rows]
        ax.set(yticks=range(len(rows)), yticklabels=labels, title=f"{cell} (batch × steps, hiddens)")
        ax.axvline(1, color="black", lw=0.8)
        ax.invert_yaxis()
    axes[0].legend()
    axes[-1].set_xlabel("time / our time")
    fig.savefig(RESULTS / f"{machine()['name']}.svg", metadata={"Date": None})


def main() -> None:
    """Run everything, print it, and save it."""
    print(machine(), "\nEach name with its time over ours:", flush=True)
    sizes = [measure(cell, 32, 35, 512, rounds=100) for cell in NUM_GATES]
    for cell in NUM_GATES:
        print_profile(cell)
        sweep = [(8, 35, 512), (128, 35, 512), (32, 35, 64), (32, 35, 256), (1, 100, 64)]
        if cell == "RNN":
            sweep += [(32, 10, 512), (32, 100, 512), (32, 35, 1024)]
        sizes += [measure(cell, *size) for size in sweep]
    # nn.LSTM needs a large block of memory in each step; whether it must be fetched from the system, and so nn.LSTM's
    # speed, depends on what the process has done before.
    again = measure("LSTM", 32, 35, 512)

    inference = [
        measure_inference(cell, *size) for cell in NUM_GATES for size in ((32, 35, 32), (1, 100, 64), (1, 1, 256))
    ]

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
    result = {
        "machine": machine(),
        "milliseconds": sizes,
        "milliseconds_without_gradients": inference,
        "milliseconds_again_after_large_sizes": again,
        "peak_megabytes": memory,
        "seconds_epochs_to_1.1": goals,
    }
    (RESULTS / f"{machine()['name']}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
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

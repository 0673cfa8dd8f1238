"""Where the time of a training step goes (chapter 09)."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from torch.profiler import ProfilerActivity, profile

KINDS = {  # torch's own names; mkldnn is oneDNN's old one
    "products": (
        "mkldnn::_linear_pointwise",
        "aten::mkldnn_linear_backward_weights",
        "aten::mm",
        "aten::addmm",
    ),
    "packing of weights": ("mkldnn::_reorder_linear_weight",),
    "copies": ("aten::copy_", "aten::cat", "aten::to_mkldnn"),
    "sigmoid, tanh, slopes": (
        "aten::sigmoid",
        "aten::sigmoid_",
        "aten::tanh",
        "aten::tanh_",
        "aten::sigmoid_backward",
        "aten::tanh_backward",
    ),
    "a kernel for the loop": ("aten::mkldnn_rnn_layer", "aten::mkldnn_rnn_layer_backward"),
}


def shares_of(steps: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, tuple[dict[str, float], int]]:
    """What torch's profiler finds in each of several things to do (chapter 09).

    Returns:
        By name: the share of each kind of operation in the time, which add up to 1, and the number of calls a round.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler talks about itself
    found = {}
    for name, step in steps.items():
        with profile(activities=[ProfilerActivity.CPU]) as prof:
            for _ in range(rounds):
                step()
        events = {event.key: event for event in prof.key_averages()}
        total = sum(event.self_cpu_time_total for event in events.values())
        shares = {
            kind: sum(events[key].self_cpu_time_total for key in keys if key in events) / total
            for kind, keys in KINDS.items()
        }
        shares["everything else"] = 1 - sum(shares.values())
        found[name] = shares, sum(event.count for event in events.values()) // rounds
    return found

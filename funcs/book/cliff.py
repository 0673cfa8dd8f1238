"""The cliff: the loss of one recurrent unit as a landscape with a wall, and walks through it (chapter 06)."""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

from funcs.book.look import BLUE, GREEN, RED, SKY

W_RANGE, B_RANGE, HIGHEST = (0.5, 2.2), (-0.9, 2.3), 1.7  # of weight, bias and loss
NORM = Normalize(0, HIGHEST)
HEIGHTS = {0: "#00507f", 0.05: BLUE, 0.16: SKY, 0.5: "#d9eefa", 0.9: "#fdf0d5", 1.3: "#f0b13c", HIGHEST: RED}
COLORS = LinearSegmentedColormap.from_list("heights", [(height / HIGHEST, color) for height, color in HEIGHTS.items()])
TOGETHER, LIFT = "#222222", 0.03  # colour of the steps that both walks share; how far walks lie above the surface


def landscape(
    last_state: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], target: float, size: tuple[int, int] = (120, 150)
) -> tuple[Any, Any, Any]:
    """Weights, biases and losses on a grid of `size` whose columns lie close where the last state changes fast.

    Args:
        last_state: (w, b) → h_T, entry by entry; it must grow with b.
        target: the loss is (h_T − target)².
    """
    w = torch.linspace(*W_RANGE, size[0], dtype=torch.float64)[:, None].expand(size)

    def place(b: torch.Tensor) -> torch.Tensor:
        return (b - B_RANGE[0]) / (B_RANGE[1] - B_RANGE[0]) + 0.8 * last_state(w, b)

    low, high = torch.full_like(w, B_RANGE[0]), torch.full_like(w, B_RANGE[1])
    goal = torch.lerp(place(low), place(high), torch.linspace(0, 1, size[1], dtype=torch.float64))
    for _ in range(50):  # halve the interval in which the bias lies
        middle = (low + high) / 2
        below = place(middle) < goal
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return w.numpy(), low.numpy(), (last_state(w, low) - target).square().numpy()


def shaded(W: Any, B: Any, L: Any) -> Any:
    """The colours of the surface, (…, 3): by height, and darker where it turns away from the light."""
    scales = (1.1 / np.ptp(W_RANGE), 1.7 / np.ptp(B_RANGE), 0.75 / HIGHEST)
    slopes = [np.gradient(A * scale) for A, scale in zip((W, B, L), scales, strict=True)]
    along_w, along_b = (np.stack([slope[k] for slope in slopes], -1) for k in (0, 1))
    normals = np.cross(along_w, along_b)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
    light = np.array((0.8, 0.35, 0.65))
    lit = np.clip(normals @ light / np.linalg.norm(light), 0, 1)
    return np.clip(COLORS(NORM(L))[..., :3] * (0.72 + 0.36 * lit[..., None]), 0, 1)


def corners(*grids: Any) -> Any:
    """The four corners of each cell of a grid, (cells, 4, number of grids)."""
    points = np.stack(grids, -1)
    cells = np.stack((points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]), -2)
    return cells.reshape(-1, 4, len(grids))


def draw_surface(ax: Any, W: Any, B: Any, L: Any) -> None:
    """The landscape as a block, seen from where the low land is, on axes with projection "3d"."""
    colors = corners(*np.moveaxis(shaded(W, B, L), -1, 0)).mean(1)
    options: Any = {"linewidth": 0, "antialiased": False, "rasterized": True, "clip_on": False}
    ax.add_collection3d(Poly3DCollection(corners(W, B, L), facecolors=colors, zorder=1, **options))
    for edge, color in ((np.s_[-1, :], "#a9bccb"), (np.s_[:, -1], "#c3d2dd")):  # the two sides that we see
        foot = np.zeros_like(L[edge])
        side = [np.stack(pair) for pair in ((W[edge], W[edge]), (B[edge], B[edge]), (L[edge], foot))]
        ax.add_collection3d(Poly3DCollection(corners(*side), facecolors=color, zorder=2, **options))
    ax.view_init(elev=30, azim=60)
    ax.set(xlim=W_RANGE, ylim=B_RANGE, zlim=(0, HIGHEST))
    ax.set(xticks=(0.5, 1, 1.5, 2), yticks=(0, 1, 2), zticks=(0, 0.5, 1, 1.5))
    for name, pad in (("x", 2), ("y", 4), ("z", 1)):
        label = {"x": "weight $w$", "y": "bias $b$", "z": "loss"}[name]
        getattr(ax, f"set_{name}label")(label, labelpad=pad)
        axis = getattr(ax, f"{name}axis")
        axis.pane.set_visible(False)
        axis._axinfo["grid"].update(color="#e5e5e5", linewidth=0.6)
    ax.tick_params(pad=0, labelsize=8)
    ax.set_box_aspect((1.1, 1.7, 0.75), zoom=1.14)


def name_places(ax: Any, above: Any, start: torch.Tensor) -> None:
    """Write "start", "wall" and "valley" on the landscape and on the map; start: weight, bias and loss."""
    w, b, loss = start.tolist()
    halo = [withStroke(linewidth=2.5, foreground="white")]
    style: dict[str, Any] = {"fontsize": 9, "color": "#111111", "path_effects": halo}
    ax.text(w, b, loss + 0.1, "start", zorder=20, ha="right", **style)
    ax.text(1.5, -0.55, 1.15, "wall", zorder=20, ha="center", **style)
    ax.text(0.62, 0.35, 0.1, "valley", zorder=20, ha="center", **style)
    above.text(b + 0.02, w - 0.07, "start", ha="center", va="top", **style)
    above.text(-0.29, 1.33, "wall", ha="center", rotation=-58, rotation_mode="anchor", **style)
    above.text(0.3, 0.76, "valley", ha="center", **style)


def draw_cliff(
    last_state: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    target: float,
    free: torch.Tensor,
    clipped: torch.Tensor,
    bound: float,
) -> Figure:
    """The loss (h_T − target)² of one unit over its weight and bias, and two walks of gradient descent (chapter 06).

    Left the landscape, right above its part near the wall seen from above, right below the loss after each update. What
    both walks share is drawn once. Start, wall and valley are named where `last_state` is that of the chapter.

    Args:
        last_state: (w, b) → h_T for tensors of any shape, entry by entry; it must grow with b.
        free, clipped: (num_updates + 1, 3): weight, bias and loss before the first update and after each, without and
            with clipping.
        bound: where the second was clipped, for the legend.

    Raises:
        ValueError: walks of different shapes.
    """
    if free.shape != clipped.shape or free.shape[1:] != (3,):
        raise ValueError(f"walks must have one shape (n, 3), got {tuple(free.shape)} and {tuple(clipped.shape)}")
    grid = landscape(last_state, target)
    fig = plt.figure(figsize=(9.2, 4.4), dpi=160)
    ax: Any = fig.add_axes((0, 0, 0.7, 1), projection="3d", computed_zorder=False)
    above, losses = fig.add_axes((0.73, 0.6, 0.26, 0.37)), fig.add_axes((0.73, 0.13, 0.26, 0.31))
    draw_surface(ax, *grid)
    W, B, L = grid
    above.pcolormesh(B, W, L, cmap=COLORS, norm=NORM, rasterized=True, shading="gouraud")
    apart = int((free == clipped).all(1).sum()) - 1  # the last point that both share
    last = len(free)
    walks = (
        (free[: apart + 1], TOGETHER, "both, until the wall", 3.5),
        (clipped[apart:], GREEN, f"clipped at {bound:g}", 4.5),
    )
    for walk, color, label, size in (*walks, (free[apart:], RED, "not clipped", 6)):
        w, b, loss = walk.numpy().T
        style: dict[str, Any] = {"marker": "o", "color": color, "mec": "white", "mew": 0.4, "lw": size / 3}
        ax.plot(w, b, loss + LIFT, ms=size, zorder=3 + size, clip_on=False, **style)
        above.plot(b, w, ms=0.8 * size, **style)
        first = 0 if color == TOGETHER else apart
        losses.plot(range(first, first + len(loss)), loss, color=color, label=label)
    name_places(ax, above, free[0])
    above.set(xlabel="bias $b$", ylabel="weight $w$", xlim=(-0.4, 0.5), ylim=(0.7, 1.7))
    above.grid(False)
    losses.set(xlabel="update", ylabel="loss", xlim=(0, max(last - 1, 60)), ylim=(0, HIGHEST))
    losses.legend(fontsize=8, loc="upper right")
    return fig

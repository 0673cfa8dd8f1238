"""How far two results are apart (chapter 05)."""

import torch


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference between two tensors of one shape, over the largest entry of `theirs` (chapter 05).

    Raises:
        ValueError: the shapes differ.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"both tensors must have one shape, got {tuple(ours.shape)} and {tuple(theirs.shape)}")
    return ((ours - theirs).abs().max() / theirs.abs().max().clamp(min=torch.finfo(theirs.dtype).tiny)).item()

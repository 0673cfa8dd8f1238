"""Which device to compute on."""

import torch

Device = torch.device | str | None


def available_devices() -> list[torch.device]:
    """The devices of this machine, fastest kind first: every CUDA card, Apple's MPS, the CPU."""
    devices = [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append(torch.device("mps"))
    return [*devices, torch.device("cpu")]


def choose_device(device: Device = None) -> torch.device:
    """The device asked for, or with None the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: the device asked for is not on this machine, or is no device's name.
    """
    available = available_devices()
    if device is None:
        return available[0]
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    if wanted is not None and wanted.index is None and wanted.type == "cuda":
        wanted = torch.device("cuda", 0)
    if wanted is None or not any(wanted.type == d.type and wanted.index in (None, d.index or 0) for d in available):
        raise ValueError(f"device must be one of {', '.join(map(str, available))}, got {str(device)!r}")
    return wanted


def check_device(device: Device) -> None:
    """Raise ValueError if `device` is neither None nor a device of this machine."""
    if device is not None:
        choose_device(device)

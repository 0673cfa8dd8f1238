"""Give the book's notebooks back as they were, and keep what the reader wrote: `make fresh`.

A notebook that differs from that of the last commit is copied to `my/` first, under a name that is free; one in which
only outputs have changed is not. Then git puts all of `chapters/` back. New files stay where they are.
"""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def git(*arguments: str) -> bytes:
    """What a git command prints; SystemExit if this is no checkout."""
    run = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True)
    if run.returncode:
        sys.exit(
            f"git {arguments[0]} failed: {run.stderr.decode().strip()}\n"
            "chapters/ has not been changed; without a git checkout there is no way back, so download the book anew."
        )
    return run.stdout


def text_of(notebook: bytes) -> object:
    """What a reader writes: kinds, sources, tags and attachments of the cells; the bytes where this is no notebook."""
    try:
        cells = json.loads(notebook)["cells"]
        return [
            (
                cell["cell_type"],
                "".join(cell["source"]),
                cell["metadata"].get("tags", []),
                cell.get("attachments", {}),
            )
            for cell in cells
        ]
    except (ValueError, KeyError, TypeError):
        return notebook


def place_for(path: Path) -> Path:
    """In `my/`: 04_topic.ipynb, 04_topic-solutions.ipynb, 04_topic-2.ipynb; a name that is free, or holds just this."""
    stem = path.stem + ("-solutions" if path.parent.name == "solutions" else "")
    for count in itertools.count(1):
        place = ROOT / "my" / f"{stem}{f'-{count}' * (count > 1)}{path.suffix}"
        if not place.exists() or place.read_bytes() == path.read_bytes():
            return place
    raise AssertionError("there are more whole numbers than files")


def main() -> None:
    """Copy, then restore, then say so."""
    names = git("diff", "--name-only", "--diff-filter=a", "-z", "HEAD", "--", "chapters").decode().split("\0")[:-1]
    done = []
    for name in names:
        path = ROOT / name
        if not path.exists() or text_of(path.read_bytes()) == text_of(git("show", f"HEAD:{name}")):
            done.append(f"{name} is back; nothing was written in it")
            continue
        place = place_for(path)
        place.parent.mkdir(exist_ok=True)
        shutil.copy2(path, place)
        done.append(f"{name} is back; yours is {place.relative_to(ROOT).as_posix()}")
    if names:
        git("checkout", "HEAD", "--", "chapters")
        print("\n".join(done))
        print("Close them in JupyterLab, or File, Reload Notebook from Disk: an open tab still holds what was there.")
    else:
        print("Nothing to do: the book's notebooks are as in the last commit.")


if __name__ == "__main__":
    main()

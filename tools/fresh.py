"""Give the book's notebooks back as they were, and keep what the reader wrote: `make fresh`.

A notebook whose text differs from the book's is copied to `my/` first, under a name that is free; one in which only
outputs have changed is not. Then git puts all of `chapters/` back. Files that git does not know stay where they are.
"""

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
        sys.exit(f"git {arguments[0]} failed: {run.stderr.decode().strip()}\nNothing has been changed.")
    return run.stdout


def text_of(notebook: bytes) -> object:
    """The cells' kinds and sources, without outputs; the bytes themselves where they are no notebook."""
    try:
        return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook)["cells"]]
    except (ValueError, KeyError, TypeError):
        return notebook


def free_place(path: Path) -> Path:
    """A name in `my/` that is not taken: 04_topic.ipynb, 04_topic-solutions.ipynb, 04_topic-2.ipynb."""
    stem = path.stem + ("-solutions" if path.parent.name == "solutions" else "")
    place, count = ROOT / "my" / f"{stem}{path.suffix}", 1
    while place.exists():
        count += 1
        place = ROOT / "my" / f"{stem}-{count}{path.suffix}"
    return place


def main() -> None:
    """Copy, then restore."""
    names = git("diff", "--name-only", "-z", "HEAD", "--", "chapters").decode().split("\0")[:-1]
    for name in names:
        path = ROOT / name
        if not path.exists():
            print(f"{name} is back")
            continue
        if text_of(path.read_bytes()) == text_of(git("show", f"HEAD:{name}")):
            print(f"{name} is back; only outputs had changed")
            continue
        place = free_place(path)
        place.parent.mkdir(exist_ok=True)
        shutil.copy2(path, place)
        print(f"{name} is back; yours is {place.relative_to(ROOT).as_posix()}")
    if names:
        git("checkout", "HEAD", "--", "chapters")
    else:
        print("The book's notebooks are as they were; nothing to do.")


if __name__ == "__main__":
    main()

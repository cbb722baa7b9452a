"""Updates the bot lists in collector/data from their npm packages; `make update` calls it.

    python -m collector.data_update [--npm npm]

The packages are pinned below, so that a new version is a reviewed change of the data files.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ISBOT_PACKAGE = "isbot@5.2.3"
CRAWLERS_PACKAGE = "crawler-user-agents@1.60.0"
DATA = Path(__file__).parent / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npm", default="npm", help="npm executable (default: npm)")
    npm = parser.parse_args().npm
    with tempfile.TemporaryDirectory() as folder:
        write("isbot.json", isbot(fetch(npm, ISBOT_PACKAGE, Path(folder))))
        write("crawlers.json", crawlers(fetch(npm, CRAWLERS_PACKAGE, Path(folder))))


def fetch(npm: str, package: str, folder: Path) -> dict[str, str]:
    """Downloads an npm package and returns path → text of its files.

    Raises CalledProcessError when npm fails.
    """
    npm_process = subprocess.run(
        [npm, "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / npm_process.stdout.split()[-1]) as archive:
        files = {}
        for member in archive.getmembers():
            if member.isfile() and (content := archive.extractfile(member)):
                files[member.name.removeprefix("package/")] = content.read().decode("utf-8", "replace")
        return files


def isbot(files: dict[str, str]) -> dict[str, Any]:
    """Extracts isbot's patterns, converted for Python's `re`."""
    match = re.search(r"var patterns_default = (\[.*?\n\]);", files["index.js"], re.DOTALL)
    if not match:
        raise SystemExit(
            f"{ISBOT_PACKAGE}: index.js has no patterns_default; adapt isbot() to the package's new format."
        )
    return _metadata(files, ISBOT_PACKAGE) | {
        "patterns": [to_python_pattern(pattern) for pattern in json.loads(match.group(1))]
    }


def to_python_pattern(pattern: str) -> str:
    """Converts a JavaScript pattern to Python: fixed-width look-behinds, no range that begins with a class."""
    pattern = re.sub(
        r"\(\?<!([^()|]*(?:\|[^()|]*)+)\)",
        lambda match: "".join(f"(?<!{choice})" for choice in match.group(1).split("|")),
        pattern,
    )
    return re.sub(r"(\\[dws])-(?=[^\]])", r"\1\\-", pattern)


def crawlers(files: dict[str, str]) -> dict[str, Any]:
    """Extracts pattern and tags of every crawler, in the package's order (most common first)."""
    crawler_entries = json.loads(files["crawler-user-agents.json"])
    return _metadata(files, CRAWLERS_PACKAGE) | {
        "notice": files["LICENSE"],
        "crawlers": [[to_python_pattern(crawler["pattern"]), *crawler["tags"]] for crawler in crawler_entries],
    }


def _metadata(files: dict[str, str], package: str) -> dict[str, Any]:
    manifest = json.loads(files["package.json"])
    return {"source": f"npm {package}", "version": manifest["version"], "licence": manifest["license"]}


def write(name: str, content: dict[str, Any]) -> None:
    """Writes JSON with one entry per line, so that an update reads as a diff."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(
        r"\[\n   (.*?)\n  \]",
        lambda match: "[" + re.sub(r"\n +", " ", match.group(1)) + "]",
        text,
        flags=re.DOTALL,
    )
    (DATA / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

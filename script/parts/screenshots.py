"""`script/screenshots`: the pictures of the docs, taken of real runs."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from parts.app import REPOSITORY
from parts.chromium import chromium
from parts.errors import PartError
from parts.gallery import FAILING, NEW, REGISTRY, SLOW, SYSTEM, Gallery
from parts.stack import Wanted, running

PICTURES = REPOSITORY / "docs" / "pictures"
WIDE, HIGH = 1180, 760
SETTINGS = {"BASELIFT_BUILDS": "3", "BASELIFT_RECONCILE": "*/2 * * * * *"}


@dataclass(frozen=True)
class Picture:
    """One page: the file's name, the path below the registry's, and the theme."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the pictures: exit code 0, or 1 and the reason."""
    options = _parser().parse_args(arguments)
    os.environ |= SETTINGS
    directory = Path(tempfile.mkdtemp(prefix="baselift-screenshots-"))
    wanted = Wanted(directory / "state", port=0, registry_port=0, git_root=directory / "git")
    try:
        with running(wanted) as stack, chromium() as browser:
            pictures = _story(Gallery(stack))
            options.to.mkdir(parents=True, exist_ok=True)
            for picture in pictures:
                _take(browser, f"{stack.app.url}/ui/{REGISTRY}{picture.path}", picture, options.to)
    except (PartError, OSError) as error:
        print(f"script/screenshots: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _story(gallery: Gallery) -> list[Picture]:
    """Build the images, move their base, and wait for the moment at which there is most to see."""
    print("building the images …", file=sys.stderr)
    gallery.build()
    print("moving their base …", file=sys.stderr)
    gallery.base(SYSTEM, NEW)
    failed = gallery.until(f"{FAILING} failed", lambda: _in(gallery, FAILING, "Failed"))
    gallery.until(f"{SLOW} runs", lambda: _in(gallery, SLOW, "Running"))
    return [
        Picture("overview", ""),
        Picture("task", f"/tasks/{FAILING}"),
        Picture("run", f"/runs/{failed}", "dark"),
        Picture("wave", f"/waves/{gallery.wave()}"),
        Picture("graph", f"/graph?moves={SYSTEM}"),
    ]


def _in(gallery: Gallery, task: str, status: str) -> str | None:
    run = gallery.moved(task)
    return run if run and gallery.status(run) == status else None


def _take(browser: Browser, url: str, picture: Picture, directory: Path) -> None:
    page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, color_scheme=picture.scheme, locale="en-GB")
    try:
        page.goto(url)
        page.screenshot(path=directory / f"{picture.name}.png")
    finally:
        page.close()
    print(f"{directory / picture.name}.png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/screenshots", description="Takes the docs' pictures of real runs.")
    parser.add_argument("--to", type=Path, default=PICTURES, help="directory of the pictures (default: docs/pictures)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

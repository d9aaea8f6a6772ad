"""Has a page drawn by a browser, as a small picture for these pages."""

import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

__all__ = ["draw_page"]


def draw_page(page: str, target: Path, *, size: tuple[int, int], colours: int) -> None:
    """Draw a page of HTML at `size` (pixels, width and height) into a PNG of so few colours."""
    width, height = size
    with tempfile.TemporaryDirectory(prefix="page-") as name:
        folder = Path(name)
        (folder / "page.html").write_text(page, encoding="utf-8")
        subprocess.run(  # noqa: S603 - a browser, on our own page
            [
                "/usr/bin/chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--hide-scrollbars",
                f"--user-data-dir={folder / 'profile'}",
                f"--window-size={width},{height}",
                f"--screenshot={folder / 'page.png'}",
                (folder / "page.html").as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        drawn = Image.open(BytesIO((folder / "page.png").read_bytes())).convert("RGB")
    drawn.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)

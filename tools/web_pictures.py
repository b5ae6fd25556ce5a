"""Pictures of the web pages for `docs/web`, taken by Chromium of a paperboy that has read `seeds/`.

    python -m tools.web_pictures FOLDER [--digests FOLDER]

Chromium must be installed, and pngquant, which makes the pictures small; playwright is one of the development dependencies.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bot.app.config.settings import load_settings
from bot.app.container import build_container, start_web
from bot.app.once import run_once, scan_folders

if TYPE_CHECKING:
    from playwright.async_api import Page

ROOT = Path(__file__).parents[1]
ADDRESS = "127.0.0.1:8765"
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
PICTURES: dict[str, tuple[str, Literal["light", "dark"], dict[str, Any]]] = {
    "front": ("/", "light", WIDE),
    "search": ("/search?q=web agent OR diffusion", "dark", WIDE),
    "preview": ("/preview?q=agent OR reasoning", "light", WIDE),
    "paper": ("/papers/arxiv:2509.14008", "light", WIDE),
    "quiz-phone": ("/papers/arxiv:2509.14008#quiz", "dark", PHONE),
    "front-phone": ("/", "light", PHONE),
}
"""Path, theme and window of each picture."""


async def photograph(page: "Page", path: str, picture: Path) -> None:
    """The page as its readers see it; a quiz with its first question answered."""
    await page.goto(f"http://{ADDRESS}{path}")
    if path.endswith("#quiz"):
        await page.locator("#quiz .correct").first.click()
    await page.screenshot(path=picture)
    pngquant = await asyncio.create_subprocess_exec("pngquant", "--force", "--ext=.png", "48", str(picture))
    if await pngquant.wait():
        raise SystemExit(f"web_pictures: pngquant could not make {picture} smaller")


async def take(folder: Path, digests: Path, home: Path) -> None:
    """Serve the digests from a state in `home`, and photograph the pages."""
    from playwright.async_api import async_playwright

    (home / "paperboy.yaml").write_text(
        f"site: {{url: 'http://{ADDRESS}'}}\nweb: {{listen: '{ADDRESS}'}}\nemail: {{open: true}}\n"
        f"watch: {{folders: ['{digests}']}}\n"
    )
    settings = load_settings(home / "paperboy.yaml", {})
    container = build_container(settings, ())
    await run_once(container, scan_folders(settings))
    server = await start_web(container)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (path, theme, window) in PICTURES.items():
            page = await browser.new_page(
                color_scheme=theme, locale="en-US", reduced_motion="reduce", **window
            )
            await photograph(page, path, folder / f"{name}.png")
            await page.close()
        await browser.close()
    await server.stop()
    await container.close()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--digests", type=Path, default=ROOT / "seeds")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(take(options.folder, options.digests.resolve(), Path(home)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

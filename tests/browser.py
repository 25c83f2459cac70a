"""The installed Chromium through Playwright, and how fast a page of a diagram can be dragged in it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager


def chromium() -> str | None:
    """Where Chromium is, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def launched():
    """A headless browser.

    Raises:
        ImportError: Playwright is not installed. FileNotFoundError: There is no Chromium.
    """
    from playwright.sync_api import sync_playwright
    if chromium() is None:
        raise FileNotFoundError("there is no Chromium")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield running
        running.close()


TO_SCALE = """async wanted => {
  const one = document.querySelector("section:not([hidden]) svg");
  document.getElementById("fit").click();
  const view = document.getElementById("view"), room = view.getBoundingClientRect();
  const scale = one.getBoundingClientRect().width / one.viewBox.baseVal.width;
  view.dispatchEvent(new WheelEvent("wheel", { clientX: room.left + room.width / 2,
    clientY: room.top + room.height / 2, cancelable: true, deltaY: -400 * Math.log(wanted / scale) }));
  await new Promise(done => setTimeout(done, 600));
}"""
DRAG = """async seconds => {
  const x = () => document.querySelector("section:not([hidden]) svg").getBoundingClientRect().x;
  const view = document.getElementById("view"), room = view.getBoundingClientRect(), times = [];
  const at = n => ({ clientX: room.left + room.width / 2 - 7 * n, bubbles: true,
    clientY: room.top + room.height / 2 + 30 * Math.sin(n / 9) });
  view.dispatchEvent(new PointerEvent("pointerdown", at(0)));
  const before = x();
  await new Promise(done => {
    const frame = time => {
      times.push(time);
      window.dispatchEvent(new PointerEvent("pointermove", at(times.length)));
      if (time - times[0] < 1000 * seconds) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  const after = x();
  window.dispatchEvent(new PointerEvent("pointerup"));
  return { rate: 1000 * (times.length - 1) / (times.at(-1) - times[0]), moved: before - after,
    frames: times.length };
}"""


def drag(tab, scale: float | None = None, seconds: float = 2.0) -> dict:
    """Drag the picture to the left for a while, 7 pixels in each frame.

    Parameters:
        scale: Pixels of the screen for one of the picture; None: the whole picture in view.
    Returns:
        ``rate``, frames per second; ``frames``, how many; ``moved``, how far the picture went (pixels).
    """
    if scale is None:
        tab.locator("#fit").click()
        tab.wait_for_timeout(600)
    else:
        tab.evaluate(TO_SCALE, scale)
    return tab.evaluate(DRAG, seconds)

"""A browser for tests: headless Chromium driven by Selenium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1200,900",
)


class Browser:
    """One browser window.

    Attributes:
        driver: WebDriver of Selenium.
        expected: Parts of console messages that a test expects.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._events: list[dict[str, Any]] = []
        self.expected: tuple[str, ...] = ()

    def open(self, url: str) -> None:
        """Open a page."""
        self.driver.get(url)

    def dark(self, is_dark: bool) -> None:
        """Set the preferred colour scheme to dark or light."""
        scheme = "dark" if is_dark else "light"
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [feature]}
        )

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return its value."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        """Return the elements of a CSS selector."""
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def text(self, selector: str) -> str:
        """Return the visible text of the first element of a CSS selector."""
        text: str = self.one(selector).text
        return text

    def wait(self, what: Any, timeout: float = 10.0) -> Any:
        """Poll a function or script until it gives a true value, and return the value.

        Args:
            what: A function of the driver, or a script.
            timeout: Seconds.
        """
        from selenium.common.exceptions import (
            StaleElementReferenceException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        ask = (lambda _: self.run(f"return {what}")) if isinstance(what, str) else what
        waiting = WebDriverWait(
            self.driver,
            timeout,
            poll_frequency=0.05,
            ignored_exceptions=[StaleElementReferenceException],
        )
        try:
            return waiting.until(ask)
        except TimeoutException:
            raise AssertionError(
                f"waited for {what}; the page:\n{self.text('body')}"
            ) from None

    def press(self, *keys: str) -> None:
        """Press keys in the focused element."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def focused(self) -> Any:
        """The element that has the focus."""
        return self.driver.switch_to.active_element

    def complaints(self) -> list[str]:
        """Return the unexpected console messages since the last call."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [text for text in said if not any(e in text for e in self.expected)]

    def forget(self) -> None:
        """Open an empty page and clear the recorded messages and requests."""
        self.open("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self._events.clear()
        self.expected = ()

    def leave(self) -> None:
        """Open an empty page: one that asks again and again complains about the end."""
        self.open("about:blank")

    def origins(self) -> set[str]:
        """Return the origins of all requests since the last `forget`."""
        for entry in self.driver.get_log("performance"):
            self._events.append(json.loads(entry["message"])["message"])
        urls = [
            urlsplit(event["params"]["request"]["url"])
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]
        inside = ("blob", "data", "about", "chrome")
        return {
            f"{url.scheme}://{url.netloc}" for url in urls if url.scheme not in inside
        }

    def contrast(self, selector: str) -> float:
        """Return the contrast ratio of an element's text (WCAG 2, 1.4.3)."""
        ratio: float = self.run(_CONTRAST, self.one(selector))
        return ratio

    def size(self, width: int, height: int = 900) -> None:
        """Set the width and height of the window in pixels."""
        self.driver.set_window_size(width, height)

    def faults(self, axe: str) -> list[str]:
        """Return the serious and critical accessibility faults of the page.

        Args:
            axe: The script of axe-core.
        """
        self.run(axe)
        self.driver.set_script_timeout(60)
        found: list[str] = self.driver.execute_async_script(_FAULTS)
        return found

    def shot(self, name: str) -> None:
        """Save a screenshot in the folder that `NAFTIKO_SHOTS` names, if any."""
        if folder := os.environ.get("NAFTIKO_SHOTS"):
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


_CONTRAST = """
const luminance = color => {
  const parts = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => {
    v /= 255
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
}
let ground = arguments[0], color = 'rgba(0, 0, 0, 0)'
while (ground && /, 0\\)$|transparent/.test(color)) {
  color = getComputedStyle(ground).backgroundColor
  ground = ground.parentElement
}
const [a, b] = [getComputedStyle(arguments[0]).color, color].map(luminance).sort((x, y) => y - x)
return (a + 0.05) / (b + 0.05)
"""


_FAULTS = """
const done = arguments[arguments.length - 1]
axe.run(document, {resultTypes: ['violations']}).then(
  result => done(result.violations.filter(v => /serious|critical/.test(v.impact)).map(
    v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`)),
  error => done([String(error)]))
"""
#: The version of axe-core that is fetched. A newer one may find more.
AXE = "axe-core@4.14.1"


def axe_script(folder: Path) -> str:
    """Return the script of axe-core; skip the test where npm cannot fetch it.

    Args:
        folder: Where the package is kept.
    """
    kept = folder / f"{AXE}.tgz"
    if not kept.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm, which fetches axe-core: apt install npm")
        with tempfile.TemporaryDirectory(dir=folder) as place:
            packed = subprocess.run(
                [npm, "pack", AXE, "--silent"],
                cwd=place,
                capture_output=True,
                timeout=120,
                check=False,
            )
            fetched = list(Path(place).glob("*.tgz"))
            if packed.returncode or not fetched:
                pytest.skip(f"npm cannot fetch {AXE}")
            fetched[0].replace(kept)
    with tarfile.open(kept) as package:
        member = package.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with its own profile; skip the test if it is not installed."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        if os.environ.get("NAFTIKO_REQUIRE_BROWSER"):
            pytest.fail("Chromium is not installed, and is required here")
        pytest.skip("needs Chromium: apt install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        driver.set_page_load_timeout(30)
        yield Browser(driver)
    finally:
        driver.quit()

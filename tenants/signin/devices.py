"""A browser's own description of itself, as people would say it."""

from typing import Final

from django.utils.translation import gettext_noop

from tenants.wording import retold

BROWSER_ON: Final = gettext_noop("%(browser)s on %(system)s")
UNKNOWN: Final = gettext_noop("Unknown device")
# In this order: most browsers also claim to be one further down.
_BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_told(agent: str) -> str:
    """Return “Firefox on Linux”, as rows keep it; it is what the browser claims, no proof."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return BROWSER_ON % {"browser": browser, "system": system}
    return browser or system or UNKNOWN


def device_retold(stored: str) -> str:
    """Return a kept device in the reader's language."""
    return retold(stored, BROWSER_ON, UNKNOWN)

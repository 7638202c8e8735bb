"""The page at `/docs` on which a person can try what a REST adapter serves.

It reads the OpenAPI description in the browser, holds nothing of the document itself,
and loads nothing from elsewhere. This module must not know the description.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path


def page(title: str, openapi_url: str) -> bytes:
    """Return the page.

    Args:
        title: Shown until the description is read.
        openapi_url: Where the description is; may be relative to the page.
    """
    # `<` cannot stand in a script, whatever the URL holds.
    url = json.dumps(openapi_url).replace("<", "\\u003c")
    text = _template().replace('"{{openapi_url}}"', url)
    return text.replace("<title>API<", f"<title>{escape(title)}<").encode()


@cache
def _template() -> str:
    return Path(__file__).with_name("explorer.html").read_text("utf-8")

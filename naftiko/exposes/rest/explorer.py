"""The page at `/docs`, on which a person can try the operations of a REST adapter.

The page fetches the OpenAPI description in the browser. It holds nothing of the
document and loads nothing from other servers. This module must not know the
description.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path


def page(title: str, openapi_url: str) -> bytes:
    """Return the page as HTML.

    Args:
        title: The title of the page until it has fetched the description.
        openapi_url: The URL of the description; may be relative to the page.
    """
    # A `<` in the URL could end the script element, so it is escaped.
    url = json.dumps(openapi_url).replace("<", "\\u003c")
    text = _template().replace('"{{openapi_url}}"', url)
    return text.replace("<title>API<", f"<title>{escape(title)}<").encode()


@cache
def _template() -> str:
    return Path(__file__).with_name("explorer.html").read_text("utf-8")

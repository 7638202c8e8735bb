"""`naftiko demo`: validate, list and call a capability, with an API in this process.

    naftiko demo         → each step as a heading, and its output
    naftiko demo --serve → commands that call the API, which runs until Ctrl-C

The API listens on a free port of this computer.
"""

from __future__ import annotations

import os
import sys
import time
from shutil import which
from typing import TYPE_CHECKING

from naftiko.cli.console import note, paint
from naftiko.cli.tables import columns, json_text
from naftiko.demo import TOKEN, capability_file, serve
from naftiko.errors import StatusError

if TYPE_CHECKING:
    from argparse import Namespace

_CALLS = (
    ("bookshop.list-books", {"genre": "science", "per_page": 2}),
    ("bookshop.get-book", {"isbn": "9780131103627"}),
    (
        "bookshop.create-order",
        {"isbn": "9780131103627", "quantity": 2, "customer_name": "Town Library"},
    ),
)


def run_demo(arguments: Namespace) -> int:
    """Serve a small API, and validate, list and call a capability against it."""
    file = str(capability_file())
    with serve() as url:
        if arguments.serve:
            call = f"call {_near(file)} bookshop.list-books --base-uri {url}"
            print(f"export BOOKSHOP_TOKEN={TOKEN}")
            print(f"{_program()} {call}", flush=True)
            note("type these lines in another shell; Ctrl-C here ends the demo API")
            while True:
                time.sleep(3600)
        _show(file, url)
    return 0


def _show(file: str, url: str) -> None:
    from naftiko.loader import load, validate
    from naftiko.transport.http import HttpTransport

    started = time.perf_counter()
    _step(f"a bookshop API, served by this process at {url}")
    _step(f"{_program()} validate {_near(file)}")
    problems = validate(file)
    print("\n".join(map(str, problems)) or "no problems")
    _step(f"{_program()} list {_near(file)}")
    bookshop = load(
        file,
        base_uri=url,
        variables={"BOOKSHOP_TOKEN": TOKEN},
        # The API is on this computer: a proxy of the environment cannot reach it.
        transport=HttpTransport(trust_env=False),
    )
    with bookshop:
        rows = [[op.ref, op.method, op.path, op.description] for op in bookshop]
        print("\n".join(columns(rows)))
        for ref, arguments in _CALLS:
            _step(f"bookshop.call({ref!r}, {arguments!r})")
            exchange = bookshop.exchange(ref, arguments)
            print(json_text(exchange.result))
            if "Link" in exchange.response.headers:
                print(f"the next page: {exchange.response.headers['Link']}")
        _step("what a call would send, the secret left to the shell")
        print(bookshop.request(*_CALLS[0]).as_curl())
        _step("an error of the API, as Python sees it")
        try:
            bookshop.call("bookshop.get-book", isbn="0")
        except StatusError as error:
            print(f"{type(error).__name__}: {error}")
    took = time.perf_counter() - started
    _step(f"done in {took:.2f} s; next")
    docker = _near(str(capability_file("docker")))
    print(f"{_program()} describe {_near(file)} bookshop.create-order")
    print(f"{_program()} list {docker}")
    print(f"{_program()} demo --serve")


def _program() -> str:
    """Return the command as the reader can type it."""
    if which("naftiko") or not sys.argv[0].endswith("naftiko"):
        return "naftiko"
    return _near(sys.argv[0])


def _near(path: str) -> str:
    """Return a path relative to the current folder when it is inside it."""
    below = os.path.relpath(path)
    return path if below.startswith(os.pardir) else below


def _step(text: str) -> None:
    print(f"\n{paint('— ' + text, 'strong', sys.stdout)}")

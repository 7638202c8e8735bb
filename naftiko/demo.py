"""The small API behind `naftiko demo`, and where the shipped capabilities are.

Like real APIs it has lists in pages with `Link` headers, nested objects, bearer
authentication, and errors with a message. This module knows nothing of the package.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "demo-token"  # noqa: S105 - no secret: the demo prints it
_MOST = 50


def capability_file(name: str = "bookshop") -> Path:
    """Return the path of a shipped capability.

    The folder stands beside this module in an installed package, and at the top level
    in a checkout.
    """
    package = Path(__file__).parent
    inside = package / "capabilities"
    folder = inside if inside.is_dir() else package.parent / "capabilities"
    return folder / f"{name}.yaml"


def _book(
    isbn: str, title: str, author: str, genre: str, year: int, price: float
) -> Any:
    return {
        "isbn": isbn,
        "title": title,
        "author": {"name": author},
        "genre": genre,
        "year": year,
        "price": price,
        "in_stock": int(isbn[-2:]) % 7,
    }


_SHELF = """\
9780140432053|On the Origin of Species|Charles Darwin|science|1859|12.5
9780131103627|The C Programming Language|Brian Kernighan|science|1988|49.0
9780486600611|Experiments in Plant Hybridisation|Gregor Mendel|science|1866|9.9
9780486280615|Opticks|Isaac Newton|science|1704|14.2
9780141439471|Frankenstein|Mary Shelley|novel|1818|8.9
9780141439518|Pride and Prejudice|Jane Austen|novel|1813|7.9
9780141439587|Emma|Jane Austen|novel|1815|8.4
9780140449136|Crime and Punishment|Fyodor Dostoevsky|crime|1866|11.0
9780140439076|The Moonstone|Wilkie Collins|crime|1868|9.5
9780140424386|Leaves of Grass|Walt Whitman|poetry|1855|10.3
"""
_BOOKS = [
    _book(isbn, title, author, genre, int(year), float(price))
    for isbn, title, author, genre, year, price in (
        line.split("|") for line in _SHELF.splitlines()
    )
]
_COUNTRIES = {
    "Fyodor Dostoevsky": "Russia",
    "Gregor Mendel": "Austria",
    "Brian Kernighan": "Canada",
    "Walt Whitman": "United States",
}


class _Failure(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


class _Shop:
    """The state of one running API: its orders."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.numbers = count(1)  # the number of a deleted order is not given again
        self.lock = threading.Lock()

    def books(self, query: dict[str, str]) -> tuple[Any, dict[str, str]]:
        matches = [
            book
            for book in _BOOKS
            if query.get("genre") in (None, book["genre"])
            and query.get("q", "").lower()
            in f"{book['title']} {book['author']['name']}".lower()
        ]
        page, size = _number(query, "page", 1), _number(query, "per_page", 3)
        items = matches[(page - 1) * size : page * size]
        last = max(1, -(-len(matches) // size))
        more = (
            "/books?" + urlencode({**query, "page": page + 1}) if page < last else None
        )
        headers = {"X-Total-Count": str(len(matches))}
        if more:
            headers["Link"] = f'<{more}>; rel="next"'
        body = {"items": items, "page": page, "total": len(matches), "next": more}
        return body, headers

    def book(self, isbn: str) -> Any:
        for book in _BOOKS:
            if book["isbn"] == isbn:
                return book
        raise _Failure(404, "no_such_book", f"no book has the ISBN {isbn}")

    def authors(self) -> Any:
        names = dict.fromkeys(book["author"]["name"] for book in _BOOKS)
        return {
            "authors": [
                {
                    "name": name,
                    "born": {"country": _COUNTRIES.get(name, "England")},
                    "books": [
                        {"isbn": book["isbn"], "title": book["title"]}
                        for book in _BOOKS
                        if book["author"]["name"] == name
                    ],
                }
                for name in names
            ]
        }

    def order(self, wanted: Any) -> Any:
        if not isinstance(wanted, dict):
            raise _Failure(400, "no_object", "the body is not a JSON object")
        book = self.book(str(wanted.get("isbn")))
        quantity = wanted.get("quantity", 1)
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise _Failure(422, "bad_quantity", "quantity: a whole number, from 1")
        with self.lock:
            number = f"order-{next(self.numbers)}"
            self.orders[number] = {
                "id": number,
                "isbn": book["isbn"],
                "quantity": quantity,
                "total": round(book["price"] * quantity, 2),
                "status": "received",
                "customer": wanted.get("customer") or {},
                "gift": bool(wanted.get("gift")),
            }
        return self.orders[number]

    def find_order(self, number: str) -> Any:
        try:
            return self.orders[number]
        except KeyError:
            raise _Failure(
                404, "no_such_order", f"there is no order {number}"
            ) from None


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    if not is_number or not 0 < int(text) <= _MOST:
        raise _Failure(400, "bad_page", f"{name}: a number from 1 to {_MOST}")
    return int(text)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "bookshop"
    sys_version = ""
    # Head and body in one packet: otherwise the client waits for its own delayed ACK.
    wbufsize = -1
    shop: _Shop

    def handle_any(self) -> None:
        headers: dict[str, str] = {}
        try:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise _Failure(401, "no_token", "a valid bearer token is needed")
            status, body, headers = self.answer(content)
        except _Failure as failure:
            status, body = failure.status, failure.body
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if data:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = handle_any

    def answer(self, content: bytes) -> tuple[int, Any, dict[str, str]]:
        """Return status, body and headers."""
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match self.command, *url.path.strip("/").split("/"):
            case "GET", "books":
                return 200, *self.shop.books(query)
            case "GET", "books", isbn:
                return 200, self.shop.book(isbn), {}
            case "GET", "authors":
                return 200, self.shop.authors(), {}
            case "POST", "orders":
                try:
                    wanted = json.loads(content)
                except ValueError:
                    raise _Failure(400, "no_json", "the body is not JSON") from None
                order = self.shop.order(wanted)
                return 201, order, {"Location": f"/orders/{order['id']}"}
            case "GET", "orders", number:
                return 200, self.shop.find_order(number), {}
            case "DELETE", "orders", number:
                self.shop.find_order(number)
                del self.shop.orders[number]
                return 204, None, {}
        raise _Failure(404, "no_such_path", f"nothing is at {url.path}")

    def log_message(self, *_: Any) -> None:
        """Log nothing: `naftiko demo` prints its calls itself."""


class _DemoServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that the client closed; any other error is a bug here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve() -> Iterator[str]:
    """Serve the API on a free loopback port while the context is open; give its URL."""
    kind = type("_ShopHandler", (_Handler,), {"shop": _Shop()})
    with _DemoServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

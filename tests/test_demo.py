"""The API behind `naftiko demo`, over its own sockets, and the shipped files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from naftiko.demo import TOKEN, capability_file, serve
from support.shared import CAPABILITIES

ISBN = "9780141439587"


class Answer(NamedTuple):
    """What the API answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Client:
    """Talk to the API over one connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=10)

    def ask(
        self, method: str, path: str, body: bytes = b"", token: str = f"Bearer {TOKEN}"
    ) -> Answer:
        """Send a request and return its answer."""
        headers = {"Authorization": token} if token else {}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        return Answer(
            response.status,
            json.loads(content) if content else None,
            dict(response.getheaders()),
        )

    def get(self, path: str) -> Answer:
        """Return the answer to a `GET`."""
        return self.ask("GET", path)

    def order(self, **wanted: Any) -> Answer:
        """Order a book."""
        return self.ask(
            "POST", "/orders", json.dumps({"isbn": ISBN, **wanted}).encode()
        )


@pytest.fixture(scope="module")
def _url() -> Iterator[str]:
    with serve() as url:
        yield url


@pytest.fixture
def shop(_url: str) -> Iterator[Client]:
    """Return a client of an API that the tests of this file share."""
    client = Client(_url)
    yield client
    client.connection.close()


def test_shipped_capability_is_found() -> None:
    """A name leads to a file in the folder that is shipped."""
    shipped = CAPABILITIES / "bookshop.yaml"
    assert capability_file() == capability_file("bookshop")
    assert capability_file().read_bytes() == shipped.read_bytes()
    assert capability_file("docker").is_file()


@pytest.mark.parametrize("token", ["", TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}"])
def test_wrong_token_is_refused(shop: Client, token: str) -> None:
    """A 401 names the scheme and says what is missing, and the connection stays."""
    answer = shop.ask("POST", "/orders", b"{}", token)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    message = "a valid bearer token is needed"
    assert answer.body == {"error": {"code": "no_token", "message": message}}
    assert shop.get("/authors").status == 200


def test_pages_lead_through_all_books(shop: Client) -> None:
    """Each page names the next, in its body and in a `Link`; the last names none."""
    path, seen, links = "/books?per_page=4", [], 0
    while path:
        answer = shop.get(path)
        assert answer.headers["X-Total-Count"] == str(answer.body["total"]) == "10"
        seen += [book["isbn"] for book in answer.body["items"]]
        path = answer.body["next"]
        expected = f'<{path}>; rel="next"' if path else None
        assert answer.headers.get("Link") == expected
        links += 1
    assert (len(seen), len(set(seen)), links) == (10, 10, 3)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("genre=poetry", ["Leaves of Grass"]),
        ("q=AUSTEN&genre=novel", ["Pride and Prejudice", "Emma"]),
        ("q=austen&genre=crime", []),
        ("q=on+the", ["On the Origin of Species"]),
        ("page=4", ["Leaves of Grass"]),
        ("page=5", []),
    ],
)
def test_books_are_searched(shop: Client, query: str, titles: list[str]) -> None:
    """A search looks at titles and authors in any case, within a genre if one is given."""
    body = shop.get(f"/books?{query}").body
    assert [book["title"] for book in body["items"]] == titles
    assert body["next"] is None


@pytest.mark.parametrize("text", ["0", "-1", "51", "x", "1.5", "%D9%A3", "9" * 5000])
@pytest.mark.parametrize("name", ["page", "per_page"])
def test_page_that_is_no_number_is_refused(shop: Client, name: str, text: str) -> None:
    """The message names the parameter and its range."""
    answer = shop.get(f"/books?{name}={text}")
    error = {"code": "bad_page", "message": f"{name}: a number from 1 to 50"}
    assert (answer.status, answer.body) == (400, {"error": error})


def test_search_stays_in_the_link_to_the_next_page(shop: Client) -> None:
    """The next page is a page of the same search."""
    body = shop.get("/books?genre=science&per_page=2&q=the").body
    assert (body["total"], body["next"]) == (2, None)
    first = shop.get("/books?genre=science&per_page=2").body
    rest = shop.get(first["next"]).body
    assert {book["genre"] for book in rest["items"]} == {"science"}
    assert (rest["page"], rest["next"]) == (2, None)


def test_book_and_authors_are_nested(shop: Client) -> None:
    """A book holds its author, and an author every book of theirs."""
    book = shop.get(f"/books/{ISBN}").body
    assert (book["title"], book["author"]) == ("Emma", {"name": "Jane Austen"})
    authors = shop.get("/authors").body["authors"]
    (austen,) = (author for author in authors if author["name"] == "Jane Austen")
    assert austen["born"] == {"country": "England"}
    assert [entry["title"] for entry in austen["books"]] == [
        "Pride and Prejudice",
        "Emma",
    ]
    assert sum(len(author["books"]) for author in authors) == 10


@pytest.mark.parametrize(
    ("method", "path", "code", "message"),
    [
        ("GET", "/books/1", "no_such_book", "no book has the ISBN 1"),
        ("GET", "/orders/order-x", "no_such_order", "there is no order order-x"),
        ("DELETE", "/orders/order-x", "no_such_order", "there is no order order-x"),
        ("GET", "/nothing?x=1", "no_such_path", "nothing is at /nothing"),
        ("POST", "/books", "no_such_path", "nothing is at /books"),
        ("GET", "/", "no_such_path", "nothing is at /"),
    ],
)
def test_what_is_not_there_is_404(
    shop: Client, method: str, path: str, code: str, message: str
) -> None:
    """Each 404 says what was not found."""
    answer = shop.ask(method, path)
    assert answer.body == {"error": {"code": code, "message": message}}
    assert answer.status == 404


def test_order_is_kept_until_it_is_deleted(shop: Client) -> None:
    """An order has a location of its own, and its total is rounded to cents."""
    customer = {"name": "Ada"}
    made = shop.order(quantity=3, customer=customer, gift=1)
    number = made.body["id"]
    assert (made.status, made.headers["Location"]) == (201, f"/orders/{number}")
    assert made.body == {
        "id": number,
        "isbn": ISBN,
        "quantity": 3,
        "total": 25.2,
        "status": "received",
        "customer": customer,
        "gift": True,
    }
    assert shop.get(f"/orders/{number}").body == made.body
    gone = shop.ask("DELETE", f"/orders/{number}")
    assert (gone.status, gone.body, gone.headers["Content-Length"]) == (204, None, "0")
    assert shop.get(f"/orders/{number}").status == 404


def test_number_of_a_deleted_order_is_not_given_again(shop: Client) -> None:
    """A new order never takes the place of another one."""
    first, second = shop.order().body["id"], shop.order(quantity=2).body["id"]
    shop.ask("DELETE", f"/orders/{first}")
    third = shop.order(quantity=3).body["id"]
    assert len({first, second, third}) == 3
    assert shop.get(f"/orders/{second}").body["quantity"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b"{", 400, "no_json", "the body is not JSON"),
        (b"", 400, "no_json", "the body is not JSON"),
        (b"\xff", 400, "no_json", "the body is not JSON"),
        (b"[1]", 400, "no_object", "the body is not a JSON object"),
        (b"{}", 404, "no_such_book", "no book has the ISBN None"),
        *(
            (
                f'{{"isbn": {ISBN}, "quantity": {quantity}}}'.encode(),
                422,
                "bad_quantity",
                "quantity: a whole number, from 1",
            )
            for quantity in ("0", "true", '"2"', "1.5", "null")
        ),
    ],
)
def test_order_that_cannot_be_taken_is_refused(
    shop: Client, body: bytes, status: int, code: str, message: str
) -> None:
    """Neither the syntax nor the values of a wrong order end the connection."""
    answer = shop.ask("POST", "/orders", body)
    assert answer.body == {"error": {"code": code, "message": message}}
    assert answer.status == status
    assert shop.get("/authors").status == 200


def test_orders_of_many_clients_have_numbers_of_their_own(shop: Client) -> None:
    """Requests are answered side by side, and no order is lost."""

    def order(_: int) -> str:
        client = Client(shop.url)
        number = client.order().body["id"]
        client.connection.close()
        return str(number)

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(order, range(16)))
    assert len(set(numbers)) == 16


def test_each_api_has_orders_of_its_own() -> None:
    """Two contexts share neither a port nor an order, and end with their block."""
    with serve() as one, serve() as other:
        clients = Client(one), Client(other)
        numbers = [client.order().body["id"] for client in clients]
        for client in clients:
            client.connection.close()
    assert one != other
    assert numbers == ["order-1", "order-1"]
    with pytest.raises(ConnectionRefusedError):
        clients[0].get("/authors")

"""Types of the public API: mypy and pyright check this file; it is never run.

Each function is an example of a user's code. `assert_type` states the type that an
editor shows for an expression.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, assert_type

from requests.auth import AuthBase, HTTPBasicAuth

import naftiko
from naftiko import (
    AioTransport,
    ArgumentError,
    CallError,
    Capability,
    Content,
    DocumentError,
    DocumentSyntaxError,
    Exchange,
    Headers,
    HttpTransport,
    Location,
    NaftikoError,
    Operation,
    OutputError,
    Problem,
    RawPath,
    Registry,
    ReportedError,
    Request,
    RequestTimeout,
    Response,
    ServeError,
    StatusError,
    StreamedResponse,
    StubTransport,
    Transport,
    TransportError,
    UnboundVariable,
    UnknownFunction,
    UnknownOperation,
    UnresolvedCall,
    UnusableOperation,
    ValidationError,
    asgi,
    load,
    validate,
)


def loading(path: Path, text: str, raw: bytes, data: Mapping[str, Any]) -> None:
    assert_type(load("docker.yaml"), Capability)
    for source in (path, text, raw, data):
        assert_type(load(source), Capability)
    load("-", schema=None)
    load("docker.yaml", schema="published", truncated="reject", timeout=5)
    load("docker.yaml", base_uri="unix:///var/run/docker.sock", timeout=(2.5, 60))
    load("docker.yaml", base_uri={"docker": "http://localhost:2375"})
    load("docker.yaml", variables={"TOKEN": "x", "PORT": 80, "LATER": lambda: "y"})
    load("docker.yaml", paths={"docker.info": "/v1.43/info"})
    load("docker.yaml", unplaced_path_parameters="append")
    assert_type(naftiko.__version__, str)


def checking() -> None:
    problems = validate("docker.yaml", schema="published", strict=True)
    assert_type(problems, tuple[Problem, ...])
    for problem in problems:
        assert_type(problem.code, str)
        assert_type(problem.severity, str)
        assert_type(problem.line, int)
        assert_type(problem.location, Location)
        assert_type(problem.as_dict(), dict[str, Any])
    validate({"naftiko": "1.0.0-alpha2"}, truncated="accept")


def looking(capability: Capability) -> None:
    assert_type(capability.operations, Registry)
    assert_type(capability.info.label, str)
    assert_type(capability.problems, tuple[Problem, ...])
    operation = capability.operations["docker.containerlist"]
    assert_type(operation, Operation)
    assert_type(capability.operations.get("docker.x"), Operation | None)
    assert_type(capability.operations.search("logs"), tuple[Operation, ...])
    assert_type(operation.is_safe, bool)
    assert_type(operation.location, Location | None)
    for parameter in operation.parameters:
        assert_type(parameter.name, str)
        assert_type(parameter.required, bool)
    for output in operation.output_parameters:
        assert_type(output.value, str)
    by_name: Mapping[str, Operation] = capability.operations
    assert_type([op.ref for op in capability], list[str])
    print(by_name)


def calling(file: io.BufferedReader) -> None:
    with load("docker.yaml") as docker:
        assert_type(docker, Capability)
        assert_type(docker.call("docker.containerlist", all=True), Any)
        docker.call("docker.containerlist", {"all": True, "filters": None}, limit=1)
        docker.call("docker.imageload", body=file)
        docker.call("docker.imageload", body=Path("image.tar"))
        docker.call("docker.imageload", body=Content(file, "application/x-tar"))
        docker.call("files.read", path=RawPath("a/b"))

        exchange = docker.exchange("docker.systeminfo", raise_for_status=False)
        assert_type(exchange, Exchange)
        assert_type(exchange.status, int)
        assert_type(exchange.elapsed, float)
        assert_type(exchange.request, Request)
        assert_type(exchange.response, Response)
        assert_type(exchange.outputs, Mapping[str, Any])
        assert_type(exchange.response.headers["Content-Type"], str)


def dry_run(docker: Capability) -> None:
    request = docker.request("docker.containerlist", all=True)
    assert_type(request, Request)
    assert_type(request.method, str)
    assert_type(request.url, str)
    assert_type(request.as_curl(), str)
    assert_type(request.as_dict(), dict[str, Any])
    headers: Mapping[str, str] = request.headers
    print(headers, Headers({"Accept": "text/plain"}).get("accept", ""))


def streaming(docker: Capability) -> None:
    with docker.stream("docker.containerlogs", id="web", follow=True) as stream:
        assert_type(stream, StreamedResponse)
        assert_type(stream.bytes(), Iterator[bytes])
        assert_type(stream.lines(), Iterator[str])
        assert_type(stream.values(), Iterator[Any])
        assert_type(stream.read(1024), bytes)
        for value in stream:
            print(value)


class Signer(AuthBase):
    """A user's own way to sign requests."""


def views(docker: Capability) -> None:
    signers: dict[str, AuthBase] = {"docker": HTTPBasicAuth("me", "x"), "b": Signer()}
    assert_type(docker.using(auth=signers), Capability)
    docker.using(variables={"TOKEN": "x"}, base_uri="https://other.example", timeout=9)
    docker.using(headers={"X-Trace": "1"}).close()


def transports() -> None:
    http = HttpTransport(
        verify="ca.pem",
        cert=("client.pem", "key.pem"),
        proxies={"https": "http://proxy:3128"},
        trust_env=False,
        follow_redirects=False,
        max_response_bytes=1 << 20,
        pool_size=4,
    )
    answer = Response(200, {"Content-Type": "application/json"}, b"{}")
    stub = StubTransport(answer)
    assert_type(stub.requests, list[Request])
    by_request: Callable[[Request], Response] = lambda request: answer  # noqa: E731
    chosen: list[Transport] = [http, stub, StubTransport(by_request), Recorder()]
    for transport in chosen:
        load("docker.yaml", transport=transport).close()


async def asynchronous_transports(request: Request) -> None:
    aio = AioTransport(trust_env=False, pool_size=4)
    assert_type(await aio.send(request, timeout=5), Response)
    async with aio.stream(request, timeout=(2.5, 60), decode=False) as stream:
        assert_type(await stream.read(), bytes)
        async for chunk in stream:
            assert_type(chunk, bytes)
    await aio.close()


class Recorder:
    """A user's own transport: any object with the methods `send` and `close`."""

    def send(
        self, request: Request, *, timeout: float | tuple[float, float]
    ) -> Response:
        print(request, timeout)
        return Response(204)

    def close(self) -> None:
        pass


def mounted(docker: Capability) -> None:
    application = asgi(docker, "docker-rest", transport=AioTransport())
    print(application)


def failing(docker: Capability) -> None:
    try:
        docker.call("docker.containerlist")
    except UnknownOperation as error:
        assert_type(error.hint, str)
    except ArgumentError as error:
        assert_type(error.missing, tuple[str, ...])
        assert_type(error.unknown, tuple[str, ...])
        assert_type(error.takes, tuple[str, ...])
    except UnboundVariable as error:
        assert_type(error.name, str)
    except UnusableOperation as error:
        assert_type(error.problems, tuple[Problem, ...])
    except StatusError as error:
        assert_type(error.status, int)
        assert_type(error.detail, str)
        answer: Response = error.response
        print(answer.text, answer.json())
    except ReportedError as error:
        assert_type(error.detail, str)
    except RequestTimeout as error:
        sent: Request = error.request
        print(sent.method)
    except (TransportError, OutputError) as error:
        print(error.request, error.response)
    except CallError as error:
        assert_type(error.location, Location | None)
    try:
        docker.invoke("docker-mcp.containerlist", all=True)
    except (UnknownFunction, UnresolvedCall) as error:
        assert_type(error.step, str)
    except ServeError as error:
        assert_type(error.exit_code, int)
    try:
        load("docker.yaml")
    except ValidationError as error:
        assert_type(error.problems, tuple[Problem, ...])
    except DocumentSyntaxError as error:
        assert_type(error.code, str)
    except DocumentError as error:
        assert_type(error.exit_code, int)
    except NaftikoError as error:
        assert_type(error.message, str)

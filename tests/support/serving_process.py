"""Run `naftiko serve` as a child process, as users start it."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from naftiko.document.writing import write_yaml


def write(path: Path, data: Any) -> Path:
    """Write a document as YAML and return its path."""
    path.write_text(write_yaml(data), "utf-8")
    return path


class Server:
    """A running `naftiko serve`; a context manager that ends the process.

    Attributes:
        urls: Name of an adapter → its URL.
        lines: Parsed log lines so far.
    """

    def __init__(
        self,
        *words: str | Path,
        ready: int = 1,
        own_group: bool = False,
        **environment: str,
    ) -> None:
        command = [sys.executable, "-m", "naftiko", "serve", *map(str, words)]
        if "--log-format" not in command:
            command += ["--log-format", "json"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            text=True,
            start_new_session=own_group,
        )
        self.lines: list[Any] = []
        self.text = ""
        self.urls: dict[str, str] = {}
        self._told: queue.Queue[Any] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready = ready

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.text += line
            try:
                data = json.loads(line)
            except ValueError:
                data = {"message": line.rstrip("\n")}
            self.lines.append(data)
            self._told.put(data)
        self._told.put(None)

    def wait_for(self, pattern: str, timeout: float = 20.0) -> Any:
        """Return the next log line whose message matches a pattern."""
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            try:
                line = self._told.get(timeout=max(0.01, left))
            except queue.Empty:
                raise AssertionError(
                    f"no line with {pattern!r}:\n{self.text}"
                ) from None
            if line is None:
                raise AssertionError(f"it ended without {pattern!r}:\n{self.text}")
            if "url" in line:
                name = re.findall(r"'(.*)'", line["message"])[0]
                self.urls[name] = line["url"].replace("localhost", "127.0.0.1")
            if re.search(pattern, line["message"]):
                return line

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15.0) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code

    def __enter__(self) -> Server:
        try:
            while len(self.urls) < self._ready:
                self.wait_for(" at http")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self.process.stderr is not None
        self.process.stderr.close()

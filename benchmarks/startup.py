"""The cost of whole runs of the command line, beside `python -c 'import requests'`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import DOCKER, Report, options, take, upstream

PYTHON = sys.executable
BIN = Path(PYTHON).parent


def main() -> None:
    """Measure and report."""
    given = options(__doc__, rounds=20)
    report = Report("startup", "requests", "ruamel.yaml", "ruamel.yaml.clib", "httpie")
    with upstream() as url, tempfile.TemporaryDirectory() as folder:
        naftiko = str(BIN / "naftiko")
        line = f"naftiko describe {DOCKER} docker.con"
        asks = [naftiko, "__complete", "bash"]
        argument = f"naftiko call {DOCKER} docker.containerlist a"
        call = [naftiko, "call", str(DOCKER), "docker.systemversion", "--base-uri", url]
        commands = {
            "python -c pass": [PYTHON, "-c", "pass"],
            "python -c 'import requests'": [PYTHON, "-c", "import requests"],
            "--version": [naftiko, "--version"],
            "list": [naftiko, "list", str(DOCKER)],
            "list, no cache": [naftiko, "list", str(DOCKER)],
            # What the script for bash asks at each press of the key.
            "completion": [*asks, line, ":="],
            "completion of an argument": [*asks, argument, ":="],
            "call": call,
            "call, no cache": call,
        }
        if (BIN / "http").exists():
            commands["httpie"] = [str(BIN / "http"), "--ignore-stdin", f"{url}/version"]
        else:
            report.skip("call ÷ httpie", "httpie is not installed: pip install httpie")

        # Otherwise httpie asks for updates in the background.
        Path(folder, "config.json").write_text('{"disable_update_warnings": true}')
        environment = {
            **os.environ, "HTTPIE_CONFIG_DIR": folder, "NAFTIKO_CACHE": f"{folder}/kept"
        }  # fmt: skip
        # An installed package has its bytecode; the round before the first writes it.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def case(name: str, command: list[str]) -> None:
            own = {"NAFTIKO_CACHE": "off"} if name.endswith("no cache") else {}
            subprocess.run(
                command, env=environment | own, stdout=subprocess.DEVNULL, check=True
            )

        cases = {
            name: lambda name=name, command=command: case(name, command)
            for name, command in commands.items()
        }
        samples = take(cases, given.rounds)
    report.add(samples)
    unit = samples["python -c 'import requests'"]
    report.ratio("--version ÷ import requests", samples["--version"], unit, most=0.35)
    what = "list capabilities/docker.yaml ÷ import requests"
    report.ratio(what, samples["list"], unit, most=0.7)
    report.ratio(f"{what}, no cache", samples["list, no cache"], unit)
    answer = report.times["completion"] * 1000
    report.value("completion, capabilities/docker.yaml", answer, "ms", most=60)
    answer = report.times["completion of an argument"] * 1000
    what = "completion of an argument, capabilities/docker.yaml"
    report.value(what, answer, "ms", most=60)
    what = "call to loopback ÷ import requests"
    report.ratio(what, samples["call"], unit, most=1.6)
    report.ratio(f"{what}, no cache", samples["call, no cache"], unit)
    if "httpie" in samples:
        what = "call to loopback ÷ httpie"
        report.ratio(what, samples["call"], samples["httpie"], most=0.55)
    report.end(given.json)


if __name__ == "__main__":
    main()

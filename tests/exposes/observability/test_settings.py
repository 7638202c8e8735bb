"""Telemetry settings from `observability` of documents and `OTEL_*` variables."""

from __future__ import annotations

import pytest

import naftiko
from naftiko.exposes.observability.settings import (
    Export,
    exports,
    is_observed,
    wanted,
)
from naftiko.spec.adapters import ObservabilitySettings
from support.building import document as plain_document
from support.observing import loaded


def test_missing_endpoint_exports_nothing() -> None:
    """C14: an empty endpoint exports nothing; paths are added to an endpoint."""
    assert exports("", "traces") is None
    assert exports("", "metrics") is None
    assert exports("http://x:4318/", "traces") == Export("http://x:4318/v1/traces")
    assert exports("http://x:4318", "metrics") == Export("http://x:4318/v1/metrics")


@pytest.mark.parametrize(
    ("environment", "traces", "metrics"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://y:1"}, True, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://y:1/t"}, True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_METRICS_EXPORTER": "otlp,prometheus"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False, False),
    ],
)
def test_otel_environment_overrides_the_document(
    environment: dict[str, str],
    traces: bool,
    metrics: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spec 5.3: `OTEL_*` decides the endpoint, and whether anything is exported."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = [exports("", signal) for signal in ("traces", "metrics")]
    assert found == [Export() if is_on else None for is_on in (traces, metrics)]
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT" in environment
    both = [exports("http://x:4318", signal) for signal in ("traces", "metrics")]
    if endpoint:
        assert both == [Export(), Export()]
    if environment == {"OTEL_TRACES_EXPORTER": "none"}:
        assert both == [None, Export("http://x:4318/v1/metrics")]


def test_telemetry_is_off_by_document_or_environment_or_without_a_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C15: telemetry is off if disabled, or if no control port or exporter uses it."""
    refusing, silent, asking_ = loaded({"enabled": False}), loaded(), loaded({})
    assert wanted([refusing], is_local=True) is None
    assert wanted([silent], is_local=False) is None
    assert wanted([asking_], is_local=False) is None
    assert wanted([refusing, asking_], is_local=True) == ObservabilitySettings()
    assert not is_observed(refusing)
    assert is_observed(silent)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    # `OTEL_*` does not override `enabled: false`, but applies without a setting.
    assert wanted([refusing], is_local=True) is None
    assert wanted([silent], is_local=False) == ObservabilitySettings(
        metrics=False, traces=False
    )
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert wanted([asking_], is_local=True) is None


def test_first_document_with_a_control_port_decides() -> None:
    """Several documents in one process share one telemetry."""
    first, second = loaded(), loaded({"traces": {"sampling": 0.5}})
    found = wanted([first, second, loaded({})], is_local=True)
    assert found == ObservabilitySettings(sampling=0.5)


@pytest.mark.parametrize(
    ("endpoint", "found", "told"),
    [
        ("http://collector:4318", "http://collector:4318", ""),
        ("{{COLLECTOR}}", "https://c.test", ""),
        ("{{NOWHERE}}", "", "NOWHERE"),
        ("collector:4318", "", "is no URI to export to"),
        ("http://collector:99999", "", "nothing is exported"),
        ("http://collector:4317", "http://collector:4317", "gRPC"),
    ],
)
def test_endpoint_of_the_collector_is_resolved_and_checked(
    endpoint: str, found: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Variables are resolved; an unusable endpoint is logged and not used."""
    exporters = {"exporters": {"otlp": {"endpoint": endpoint}}}
    binds = [{"namespace": "env", "keys": {"COLLECTOR": "A", "NOWHERE": "B"}}]
    data = plain_document(binds=binds)
    control = {"type": "control", "port": 0, "observability": exporters}
    data["capability"]["exposes"] = [control]
    capability = naftiko.load(
        data, schema=None, variables={"COLLECTOR": "https://c.test"}
    )
    settings = wanted([capability], is_local=True)
    assert settings is not None
    assert settings.endpoint == found
    assert (told in caplog.text) if told else not caplog.text

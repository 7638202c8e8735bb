"""Metrics of several processes as one page."""

from __future__ import annotations

import pytest

from naftiko.exposes.observability.prometheus import added, grown, page_of

pytest.importorskip("prometheus_client")

TOTAL = ["naftiko_request", "counter", "Requests.", ""]
ACTIVE = ["naftiko_active", "gauge", "Served.", ""]
SECONDS = ["naftiko_seconds", "histogram", "Took.", ""]


def test_counts_are_added_and_the_greatest_gauge_counts() -> None:
    """A sample that only one process has stays; order is that of the first."""
    one = [
        [*TOTAL, [["naftiko_request_total", {"status": "ok"}, 3.0]]],
        [*ACTIVE, [["naftiko_active", {}, 1.0]]],
        [*SECONDS, [["naftiko_seconds_bucket", {"le": "0.1"}, 2.0]]],
    ]
    other = [
        [
            *TOTAL,
            [
                ["naftiko_request_total", {"status": "error"}, 1.0],
                ["naftiko_request_total", {"status": "ok"}, 4.0],
            ],
        ],
        [*ACTIVE, [["naftiko_active", {}, 1.0]]],
        [*SECONDS, [["naftiko_seconds_bucket", {"le": "0.1"}, 5.0]]],
    ]
    assert added([one, other]) == [
        [
            *TOTAL,
            [
                ["naftiko_request_total", {"status": "ok"}, 7.0],
                ["naftiko_request_total", {"status": "error"}, 1.0],
            ],
        ],
        [*ACTIVE, [["naftiko_active", {}, 1.0]]],
        [*SECONDS, [["naftiko_seconds_bucket", {"le": "0.1"}, 7.0]]],
    ]
    text = page_of([one, other])
    assert 'naftiko_request_total{status="ok"} 7.0' in text
    assert "# TYPE naftiko_request_total counter" in text
    assert one[0][4] == [["naftiko_request_total", {"status": "ok"}, 3.0]]


def test_successor_goes_on_with_counts_alone() -> None:
    """What a dead process served is not served by it any more."""
    assert grown([[*TOTAL, []], [*ACTIVE, []], [*SECONDS, []]]) == [
        [*TOTAL, []],
        [*SECONDS, []],
    ]

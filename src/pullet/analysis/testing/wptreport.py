"""Results as web-platform-tests writes them, so that tools for those can read them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pullet.domain.testing import Column, Result, Tested


def wptreport(tested: Tested, column: Column) -> str:
    """One file for one column: `run_info`, and `results` with `expected` only where a result was not expected.

    Durations are in milliseconds. Source: wptreport.json as wptrunner's documentation describes it.
    """
    told = {
        "run_info": {
            "product": column.name,
            "browser_version": column.version,
            "revision": tested.revision,
            "os": "linux",
        },
        "time_start": round(tested.at * 1000),
        "results": [_result(each) for each in column.results],
    }
    return json.dumps(told, indent=1)


def _result(result: Result) -> Mapping[str, object]:
    told: dict[str, object] = {
        "test": result.case.id,
        "status": str(result.status),
        "message": result.message or None,
        "duration": round(result.duration * 1000),
        "subtests": [],
        "known_intermittent": [],
    }
    if not result.as_expected:
        told["expected"] = str(result.expected[0]) if result.expected else "PASS"
    if result.flaky:
        told["known_intermittent"] = sorted({str(status) for status in (result.status, *result.again)})
    return told

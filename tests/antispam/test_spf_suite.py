"""The public RFC 7208 test suite, read from pyspf's source package that set-up unpacks; not part of this tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from antispam.spf.evaluate import evaluate_spf
from domains.dns.port import Answer, DnsStatus

SUITE = Path(os.environ.get("MAILADMIN_SPF_SUITE", ".venv/suites/rfc7208-tests.yml"))


class SuiteResolver:
    """Answers from one scenario's zone data, in the suite's spelling."""

    def __init__(self, zone: dict[str, list[Any]]) -> None:
        self.zone = {str(name).lower().removesuffix("."): entries for name, entries in zone.items()}

    async def lookup(self, name: str, rdtype: str) -> Answer:
        return self._answer(name.lower().removesuffix("."), rdtype, 8)

    def _answer(self, name: str, rdtype: str, hops: int) -> Answer:
        entries = self.zone.get(name)
        if entries is None:
            return Answer(name, rdtype, DnsStatus.NXDOMAIN)
        records: list[str] = []
        plain_spf = [entry["SPF"] for entry in entries if isinstance(entry, dict) and "SPF" in entry]
        has_txt = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
        for entry in entries:
            if entry == "TIMEOUT":
                if not records and rdtype != "SPF":
                    return Answer(name, rdtype, DnsStatus.TEMPFAIL)
                continue
            if not isinstance(entry, dict):
                continue
            ((kind, value),) = entry.items()
            if kind == "CNAME" and hops:
                return self._answer(str(value).lower(), rdtype, hops - 1)
            if kind == rdtype and value != "NONE":
                if value == "TIMEOUT":
                    return Answer(name, rdtype, DnsStatus.TEMPFAIL)
                records.append(self._text(kind, value))
        if rdtype == "TXT" and not has_txt:
            if "TIMEOUT" in plain_spf:
                return Answer(name, rdtype, DnsStatus.TEMPFAIL)
            records = [self._text("TXT", value) for value in plain_spf]
        status = DnsStatus.FOUND if records else DnsStatus.NODATA
        return Answer(name, rdtype, status, tuple(records), 300)

    @staticmethod
    def _text(kind: str, value: Any) -> str:
        if kind == "MX":
            return f"{value[0]} {value[1]}".lower()
        if kind == "TXT":
            return "".join(value) if isinstance(value, list) else str(value)
        return str(value)


def _cases() -> list[Any]:
    if not SUITE.exists():
        return []
    cases = []
    for scenario in yaml.safe_load_all(SUITE.read_text()):
        for name, case in scenario["tests"].items():
            cases.append(pytest.param(scenario, case, id=f"{scenario['description']}/{name}"))
    return cases


def test_suite_is_there() -> None:
    if not SUITE.exists():
        if os.environ.get("MAILADMIN_TEST_STRICT") == "1":
            pytest.fail(f"{SUITE} is missing: set-up unpacks it from pyspf's source package")
        pytest.skip(f"{SUITE} is missing: the RFC 7208 suite is left out")


@pytest.mark.parametrize(("scenario", "case"), _cases())
async def test_rfc7208(scenario: dict[str, Any], case: dict[str, Any]) -> None:
    resolver = SuiteResolver(scenario["zonedata"])
    evaluation = await evaluate_spf(resolver, case["host"], case.get("mailfrom") or "", case["helo"])
    expected = case["result"]
    allowed = [expected] if isinstance(expected, str) else expected
    assert evaluation.result.value in allowed, (evaluation.reason, evaluation.steps)
    wanted = case.get("explanation")
    if wanted is not None and evaluation.result.value == "fail" and wanted != "DEFAULT":
        assert evaluation.explanation == wanted

"""The API answers as its description says: every operation, over TCP, with data that fit it and data that do not.

The data are made by schemathesis from the description that the server answers. `HYPOTHESIS_PROFILE=long` makes
twenty times as many.
"""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from monitor.accounts.roles import Scope
from tests.examples import examples
from tests.web.conforming import ENDLESS, FULFILLED, NOT_TO_BE_SAID, THERE, V1, Asked, open_house

REQUESTS: Final = examples(3)
"""How many are made of each operation, of either kind."""
WANTED: Final = frozenset(
    {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "positive_data_acceptance",
    }
)
LONGEST: Final = 8000
"""Characters of an address: longer ones are no HTTP to servers and proxies."""


@dataclass
class Found:
    """What was answered to which operation, and what of it is not as the description says."""

    operations: set[str] = field(default_factory=set)
    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: dict[str, str] = field(default_factory=dict)
    unfulfilled: list[str] = field(default_factory=list)
    not_refused: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)


class Asking:
    """Asks, and checks what is answered."""

    def __init__(self, origin: str, token: str) -> None:
        load_all_checks()
        self.found = Found()
        self._origin = origin
        self._headers = {"authorization": f"Bearer {token}"}
        self._session = requests.Session()
        self._session.trust_env = False
        self._checks = [each for each in CHECKS.get_all() if each.__name__ in WANTED]
        told = self._session.get(f"{origin}{V1}/openapi.json", headers=self._headers, timeout=60).json()
        schema = schemathesis.openapi.from_dict(told)
        self.operations = {one.label: one for one in (each.ok() for each in schema.get_all_operations())}
        self.found.operations = set(self.operations)
        alarms = self._session.get(f"{origin}{V1}/alarms", headers=self._headers, timeout=60).json()
        self._there = {**THERE, "occurrence": alarms[0]["occurrence"]}

    def close(self) -> None:
        self._session.close()

    def _send(self, case: Any) -> Any:
        answer = case.call(base_url=self._origin, session=self._session, headers=self._headers, timeout=60)
        label = case.operation.label
        self.found.answers[label][answer.status_code] += 1
        try:
            case.validate_response(answer, checks=self._checks, headers=self._headers)
        except FailureGroup as group:
            for each in group.exceptions:
                if not self._is_refused_all_the_same(label, answer):
                    said = f"{case!r} -> {answer.status_code} {answer.text[:300]}: {each}"
                    self.found.wrong.setdefault(f"{label}: {each.title}", said)
        return answer

    def _is_refused_all_the_same(self, label: str, answer: Any) -> bool:
        """What is longer than a body may be does not come to be read; and what JSON Schema cannot say."""
        if answer.status_code == 413:
            return len(answer.request.body) > 64 * 1024
        rules = [words for words, _, _ in NOT_TO_BE_SAID.get(label, ())]
        return answer.status_code == 422 and any(words in answer.json()["detail"] for words in rules)

    def _case(self, asked: Asked) -> Any:
        operation = self.operations[asked.label]
        names = {each.name: self._there[each.name] for each in operation.path_parameters} | dict(asked.path)
        body = {} if asked.body is None else {"body": dict(asked.body), "media_type": "application/json"}
        return operation.Case(path_parameters=names, query=dict(asked.query), **body)

    def fulfilled(self) -> None:
        """Ask for what has to be fulfilled: each action once, and each GET."""
        told: dict[str, Any] = {}
        for asked in FULFILLED:
            names = {name: each.format(**told) for name, each in asked.path.items()}
            answer = self._send(self._case(Asked(asked.label, names, asked.query, asked.body)))
            until = time.monotonic() + 3
            while (
                answer.status_code in {404, 409} and time.monotonic() < until
            ):  # what was done before has to be seen
                time.sleep(0.05)
                answer = self._send(self._case(Asked(asked.label, names, asked.query, asked.body)))
            if answer.status_code >= 300:
                self.found.unfulfilled.append(f"{asked.label}: {answer.status_code} {answer.text}")
            elif asked.label.endswith("/override"):
                told = answer.json()
        known = {asked.label for asked in FULFILLED} | set(ENDLESS)
        for label in self.operations:
            if label.startswith("GET") and label not in known:
                self._send(self._case(Asked(label)))

    def refused(self) -> None:
        """Ask for what cannot be, though the description allows it."""
        for label, rules in NOT_TO_BE_SAID.items():
            for words, query, body in rules:
                case = self._case(Asked(label, query=query, body=body))
                answer = self._send(case)
                if answer.status_code != 422 or words not in answer.json()["detail"]:
                    self.found.not_refused.append(f"{label}: {words}: {answer.status_code} {answer.text[:200]}")

    def generated(self) -> None:
        """Ask each operation with data that fit its description, and with data that do not."""
        for label, operation in self.operations.items():
            if label in ENDLESS:
                continue
            self._generate(operation, GenerationMode.POSITIVE)
            if list(operation.query) or list(operation.body):  # any text may stand in a path
                self._generate(operation, GenerationMode.NEGATIVE)

    def _generate(self, operation: Any, mode: GenerationMode) -> None:
        cases = operation.as_strategy(generation_mode=mode)
        if names := {each.name: self._there[each.name] for each in operation.path_parameters}:
            cases = st.one_of(operation.as_strategy(generation_mode=mode, path_parameters=names), cases)

        @settings(
            max_examples=REQUESTS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            assume(len(str(case.as_transport_kwargs(base_url=self._origin)["params"])) < LONGEST)
            self._send(case)

        ask()


async def _endless(origin: str, token: str, found: Found) -> None:
    """Note which of those that do not end do, or do not begin."""
    headers = {"authorization": f"Bearer {token}"}
    for label in ENDLESS:
        path = label.removeprefix("GET ").format(**THERE)
        async with (
            httpx.AsyncClient(trust_env=False, headers=headers, timeout=httpx.Timeout(60)) as client,
            client.stream("GET", f"{origin}{path}") as answer,
        ):
            found.answers[label][answer.status_code] += 1
            try:
                async with asyncio.timeout(0.3):
                    async for _ in answer.aiter_raw():
                        pass
                found.ended.append(label)
            except TimeoutError:
                pass


def _ask(origin: str, token: str) -> Found:
    asking = Asking(origin, token)
    try:
        asking.fulfilled()
        asking.refused()
        asking.generated()
    finally:
        asking.close()
    return asking.found


async def _run(folder: Path) -> Found:
    async with open_house(folder) as served:
        token = await served.token(*Scope)
        found = await asyncio.to_thread(_ask, served.origin, token)
        await _endless(served.origin, token, found)
        return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What came of asking all of it once."""
    return asyncio.run(_run(tmp_path_factory.mktemp("house")))


def test_every_answer_is_as_described(found: Found) -> None:
    assert "\n".join(f"{what}\n    {said}" for what, said in sorted(found.wrong.items())) == ""


def test_every_operation_is_asked_and_fulfilled_at_least_once(found: Found) -> None:
    fulfilled = {label for label, answers in found.answers.items() if any(each < 300 for each in answers)}

    assert found.unfulfilled == []
    assert found.operations - fulfilled == set()


def test_what_is_left_out_is_what_does_not_end(found: Found) -> None:
    assert set(ENDLESS) <= found.operations
    assert found.ended == []


def test_what_the_description_cannot_say_is_refused(found: Found) -> None:
    assert found.not_refused == []

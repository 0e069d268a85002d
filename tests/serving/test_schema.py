"""Requests made up from the server's own description get answers that it describes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, which `make test` installs")
positive_data_acceptance = pytest.importorskip("schemathesis.specs.openapi.checks").positive_data_acceptance


@pytest.fixture(scope="module")
def operations(server):
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.slow
def test_answers_are_as_described(operations):
    assert {operation.label for operation in operations} == {
        "POST /v1/restore",
        "POST /v1/classify",
        "GET /health",
        "GET /metrics",
    }
    seen = set()
    for operation in operations:

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=st.one_of(operation.as_strategy()))
        def answers_as_described(case):
            # That the bytes have to be an image is more than a schema can say.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            seen.add(answer.status_code)

        answers_as_described()
    assert {200, 422} <= seen

"""The whole OpenAPI document against a running board: no 500, and no answer that the document does not describe."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import world as w
from tests.conftest import in_database
from tests.jobboard.board_server import KEY, Board, serving
from unghost.jobboard.store.access import by_client_id, issue
from unghost.jobboard.web.board_operations import OPERATIONS
from unghost.postgres import open_pool

MODE = schemathesis.GenerationMode
EXAMPLES = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Operations by their name; those of the board API are held to the stricter checks as well.
OF_THE_BOARD = {operation.name for operation in OPERATIONS}
WITHOUT_INPUT = {"isAlive", "isReady", "readMetrics"}
OF_PARTNERS = {"provisionApplication", "findProvisionedApplication", "changeProvisionedApplication", "nameIntegrations",
               "readIntegrations"}  # fmt: skip
OF_OTHERS = (
    OF_PARTNERS
    | {
        "reportLifecycleActions_v2",
        "reportLifecycleActions_rest",
        "withdrawLifecycleAction_v2",
        "withdrawLifecycleAction_rest",
        "postJobs",
        "readJobTasks",
        "readJobStatus",
        "issueToken",
        "introspectToken",
        "revokeToken",
    }
    | WITHOUT_INPUT
)


@pytest.fixture(scope="module")
def database(database_server: tuple[str, str]) -> Iterator[str]:
    server, template = database_server
    name = f"{template}_schemathesis_{uuid.uuid4().hex[:8]}"  # workers may share this module
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        yield in_database(server, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="module")
def tokens(database: str) -> tuple[str, str]:
    """Tokens of a child application and of its partner's own, in a small world."""

    async def made() -> tuple[str, str]:
        now, life = datetime.now(UTC), timedelta(hours=1)
        async with await open_pool(database, max_size=1) as pool, pool.connection() as connection:
            world = await w.make_world(connection, now)
            partner = await by_client_id(connection, world.parent_client_id)
            assert partner is not None
            return await issue(connection, world.child, now, life), await issue(connection, partner.id, now, life)

    return asyncio.run(made())


@pytest.fixture(scope="module")
def board(database: str, tokens: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with serving(database, tmp_path_factory.mktemp("board")) as running:
        yield running


@pytest.fixture(scope="module")
def operations(board: Board) -> dict[str, Any]:
    schema = schemathesis.openapi.from_url(f"{board.url}/openapi.json")
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def test_every_operation_of_the_document_is_tried(operations: dict[str, Any]) -> None:
    assert set(operations) == OF_THE_BOARD | OF_OTHERS


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, MODE.POSITIVE) for name in sorted(OF_THE_BOARD | OF_OTHERS)]
    + [(name, MODE.NEGATIVE) for name in sorted((OF_THE_BOARD | OF_OTHERS) - WITHOUT_INPUT)],
)
def test_the_answers_are_those_that_the_document_describes(
    operations: dict[str, Any], tokens: tuple[str, str], name: str, mode: schemathesis.GenerationMode
) -> None:
    operation = operations[name]
    key = KEY if name in OF_THE_BOARD else tokens[name in OF_PARTNERS]
    headers = {"Authorization": f"Bearer {key}"}
    checks = list(CHECKS)
    if name in OF_THE_BOARD:
        checks += [ignored_auth, negative_data_rejection]
        # What an e-mail address or a time zone is, no schema can say.
        checks += [] if operation.body else [positive_data_acceptance]

    @seed(20261123)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks, timeout=30)

    run()

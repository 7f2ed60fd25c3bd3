"""docs/acr-parity.md: it has a row for all that the parser knows, and every test that it names exists."""

import re
from pathlib import Path

import pytest

from baselift.domain.contexts import Form
from baselift.domain.taskfile import template_data
from baselift.domain.taskfile.fields import Fields
from baselift.domain.taskfile.keys import KEYS
from baselift.domain.taskfile.load import load
from baselift.domain.templates import _GROUPS, render

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "acr-parity.md"
ROW = re.compile(r"^\| (?P<what>.+?) \| .+ \| .+ \| (?P<shown>\S+::\S+) \|$")
CREDENTIALS = ("Default", "None", "Opaque", "Vaultsecret", "[system]")
WHOLE = """version: v1.1.0
alias: {values: {a: b}, directive: $}
networks: [{name: n}]
volumes: [{name: v, secret: {file: YQ==}}]
secrets: [{id: s, keyvault: 'https://x.vault.azure.net/secrets/s'}]
steps:
- {cmd: image, volumeMounts: [{name: v, mountPath: /v}]}
- build: .
- push: [image]
"""


def rows() -> dict[str, str]:
    """The first cell of each row, and the test in its last."""
    found = [match for line in TABLE.read_text().splitlines() if (match := ROW.match(line))]
    return {match["what"]: match["shown"] for match in found}


def code(*names: str) -> set[str]:
    return {f"`{name}`" for name in names}


def test_every_test_that_is_named_exists() -> None:
    named = rows()
    assert len(named) > 100
    missing = []
    for what, shown in named.items():
        file, _, name = shown.partition("::")
        path = TESTS / file
        if not path.is_file() or not re.search(rf"^(async )?def {re.escape(name)}\(", path.read_text(), re.MULTILINE):
            missing.append(f"{what}: {shown}")
    assert missing == []


@pytest.mark.parametrize("place", KEYS)
def test_every_property_that_the_parser_knows_has_a_row(place: str) -> None:
    assert code(*(f"{place}.{name}" for name in KEYS[place])) - rows().keys() == set()


def test_every_row_of_a_property_is_one_that_the_parser_knows() -> None:
    known = code(*(f"{place}.{name}" for place, names in KEYS.items() for name in names))
    told = {what for what in rows() if re.match(rf"`({'|'.join(KEYS)})\.", what)}
    assert told == known


def test_the_parser_asks_for_the_properties_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    get = Fields.get

    def recording(self: Fields, name: str) -> object:
        asked.add(name)
        return get(self, name)

    monkeypatch.setattr(Fields, "get", recording)
    load(WHOLE, template_data({}, {}), render=render)
    # `alias` is cut out as text before, and its values and a volume's files are named by the user.
    assert asked | {"alias"} == {name for names in KEYS.values() for name in names} | {"a", "file"}


def test_every_datum_of_a_template_has_a_row() -> None:
    assert code(*(f".{name}" for name in template_data({}, {}))) - rows().keys() == set()


def test_every_group_of_functions_has_a_row() -> None:
    assert code(*(group.__name__.rpartition(".")[2] for group in _GROUPS)) - rows().keys() == set()


def test_every_form_of_a_context_and_of_a_credential_has_a_row() -> None:
    assert code(*(str(form) for form in Form), *CREDENTIALS) - rows().keys() == set()

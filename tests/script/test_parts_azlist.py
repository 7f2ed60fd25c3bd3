import re

import pytest
from parts.azcheck import CONTEXT, LIST
from parts.azlist import read
from parts.errors import PartError

GROUPS = (
    "az acr build", "az acr run", "az acr task create", "az acr task run", "az acr task list-runs", "az acr task show",
    "az acr task list", "az acr task update", "az acr task delete", "az acr task logs", "az acr task show-run",
    "az acr task cancel-run", "az acr task update-run", "az acr task credential add", "az acr task credential update",
    "az acr task credential list", "az acr task credential remove", "az acr task identity assign",
    "az acr task identity show", "az acr task identity remove", "az acr task timer add", "az acr task timer update",
    "az acr task timer list", "az acr task timer remove", "az acr taskrun list", "az acr taskrun show",
    "az acr taskrun logs", "az acr taskrun delete", "az acr agentpool create", "az acr agentpool update",
    "az acr agentpool list", "az acr agentpool show", "az acr agentpool delete", "az acr show", "az acr list",
    "az acr check-name", "az group exists", "az group show", "az group delete", "az rest",
)  # fmt: skip


def listed(tmp_path, text):
    file = tmp_path / "commands"
    file.write_text(text)
    return read(file)


def test_every_command_that_is_promised_is_in_the_list():
    commands = [line.command for line in read(LIST)]
    assert [group for group in GROUPS if not any(f"{group} " in command for command in commands)] == []


def test_every_pattern_is_a_regular_expression():
    for line in read(LIST):
        re.compile(re.sub(r"\$[A-Z]+", "x", line.pattern), re.MULTILINE)


def test_every_file_of_the_list_is_there():
    named = {name for line in read(LIST) for name in re.findall(r"context/(Dockerfile[\w-]*)", line.command)}
    assert {path.name for path in CONTEXT.iterdir()} >= named - {"NoSuchDockerfile"}


def test_comments_and_empty_lines_are_no_commands(tmp_path):
    (line,) = listed(tmp_path, "# words\n\n3 Q2 | a|b | az x | cat\n")
    assert (line.number, line.code, line.client_bug) == (3, 3, True)
    assert (line.pattern, line.command) == ("a|b", "az x | cat")


def test_a_line_of_another_form_is_named(tmp_path):
    with pytest.raises(PartError, match=r"commands:2 must read: exit code \| pattern \| command"):
        listed(tmp_path, "# words\naz acr show\n")


def test_a_pattern_takes_kept_values_as_they_are_and_keeps_new_ones(tmp_path):
    (line,) = listed(tmp_path, "0 | ^$RUN is (?P<STATUS>[A-Z]+)$ | true\n")
    match = line.found("da6 was here\nd.1 is DONE\n", {"RUN": "d.1"})
    assert match is not None
    assert match.groupdict() == {"STATUS": "DONE"}
    assert line.found("dx1 is DONE", {"RUN": "d.1"}) is None

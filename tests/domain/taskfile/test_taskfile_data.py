"""What templates of a task file find."""

import json
import shlex

import pytest

from baselift.domain import templates
from baselift.domain.taskfile import template_data


def test_the_roots_are_there_without_any_value() -> None:
    data = template_data({"ID": "da6"}, {})
    text = "{{.Run.ID}} {{.Build.ID}} {{.Values.none}}{{.Secrets.none}}| {{.ValuesJSON}}"
    assert templates.render(text, data) == "da6 da6 | '{}'"


def test_json_is_one_word_of_a_shell() -> None:
    values = {"z": "it's <b>", "a": {"deep": [1, True, None]}}
    data = template_data({"ID": "da6", "Branch": ""}, values, {"token": "hidden"})
    rendered = templates.render("{{.ValuesJSON}} {{.RunJSON}}", data)
    first, second = shlex.split(rendered)
    assert first == '{"a":{"deep":[1,true,null]},"z":"it\'s \\u003cb\\u003e"}'
    assert json.loads(second) == {"Branch": "", "ID": "da6"}
    assert "hidden" not in rendered


def test_values_that_are_too_deep_are_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(templates.TemplateError):
        template_data({}, deep)

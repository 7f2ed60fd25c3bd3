"""A task file that was read and written is read again as the same, by a reader with other data."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
from test_taskfile_properties import PROPERTIES, TEXT
from test_taskfile_samples import SAMPLES, sample

from baselift.domain import templates
from baselift.domain.taskfile import TaskFile, load, written

TEXTS = {
    "braces": """
        steps:
        - cmd: bash echo '{{`{{.Run.ID}} {{{ }}`}}'
    """,
    "dollars": """
        version: v1.1.0
        steps:
        - cmd: bash echo '$ID $$ID $$$$HOME'
    """,
    "dollars before there were aliases": """
        version: v1.0.0
        steps:
        - cmd: img echo '$ID $$ID'
    """,
    "own aliases": """
        version: v1.1.0
        alias:
          values:
            tool: reg.example/tool:1
        steps:
        - cmd: tool run $Registry
    """,
    "lines": """
        steps:
        - cmd: |
            bash -c 'one
            # two
            version: 3'
    """,
    "flags": """
        steps:
        - cmd: -e A=1 -p 80:80 --expose 81 -u 5 -w /x img
          env: [A=0, B=2]
          ports: ['82:82']
          expose: ['83']
    """,
    "networks": """
        networks:
        - {name: mine, driver: bridge, isDefault: true}
        - {name: other, skipCreation: true}
        steps:
        - cmd: a
        - {cmd: b, network: other}
    """,
    "no network": """
        networks:
        - {name: mine}
        steps:
        - cmd: a
    """,
    "nothing": """
        steps: []
    """,
    "places": """
        workingDirectory: sub
        stepTimeout: 33
        env: [T=1]
        steps:
        - cmd: a
        - {cmd: b, disableWorkingDirectoryOverride: true}
        - {build: -t a . , cache: disabled}
    """,
    "order": """
        steps:
        - {id: a, cmd: x, when: ['-']}
        - {id: b, cmd: y, when: [a]}
        - {push: [r.example/a:1], when: [a, b]}
    """,
}


def plain(file: TaskFile) -> TaskFile:
    """Without what no reader acts on: lines, notes, and what steps have inherited."""
    steps = tuple(replace(step, line=0) for step in file.steps)
    networks = tuple(replace(each, line=0) for each in file.networks)
    volumes = tuple(replace(each, line=0) for each in file.volumes)
    return TaskFile(file.version, steps, networks, volumes)


def again(file: TaskFile) -> TaskFile:
    return load(written(file), {"Run": {}, "Values": {}}, render=templates.render)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_again_as_it_was(name: str, data: Mapping[str, Any]) -> None:
    file = replace(sample(name, data), secrets=())
    assert plain(again(file)) == plain(file)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_read_again_as_it_was(name: str, read: Callable[..., TaskFile]) -> None:
    file = read(dedent(TEXTS[name]).lstrip())
    assert plain(again(file)) == plain(file)


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("given", PROPERTIES)
def test_a_property_is_read_again_as_it_was(given: str, kind: Any, read: Callable[..., TaskFile]) -> None:
    head = "volumes:\n- {name: v, secret: {f: YQ==}}\n"
    file = read(f"{head}steps:\n- {{{TEXT[kind]}, {given}}}\n")
    assert plain(again(file)) == plain(file)


def test_dollars_stay_as_they_are_before_there_were_aliases(read: Callable[..., TaskFile]) -> None:
    assert read("version: v1.0.0\nsteps:\n- cmd: img echo '$$ID'\n").steps[0].text == "img echo '$$ID'"

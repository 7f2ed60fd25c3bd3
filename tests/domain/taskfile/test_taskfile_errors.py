"""What is wrong is said with its line, its step and what would be right (semantics 1.8)."""

from collections.abc import Callable

import pytest

STEPS = "steps:\n- cmd: img\n"
MOUNTS = "volumeMounts:\n  - {name: v, mountPath: /a}\n"
VOLUME = "volumes:\n- name: v\n  secret: {f: QQ==}\n"
UUID = "c72b2df0-b9d8-4ac6-9363-7c1eb06c1c86"
FIRST = "line 2: step 'acb_step_0': "
ERRORS = {
    "no type": ("steps:\n- id: a\n", "line 2: step 'a': a step has exactly one of build, push and cmd; here is none"),
    "two types": ("steps:\n- cmd: a\n  push: [b]\n", f"{FIRST}a step has exactly one of build, push and cmd; here is"),
    "id with a blank": ("steps:\n- id: a b\n", "line 2: step 'a b': id is 'a b'; it must be of A-Z"),
    "id with a slash": ("steps:\n- id: ../a\n", "id is '../a'"),
    "id that is too long": (f"steps:\n- id: {'a' * 129}\n", "at most 128"),
    "reserved id": ("steps:\n- id: acb_root\n", "id acb_root is reserved"),
    "same id": (
        "steps:\n- {id: a, cmd: x}\n- {id: a, cmd: y}\n",
        "line 3: step 'a': id 'a' is already that of the step in",
    ),
    "default id taken": (
        "steps:\n- {id: acb_step_1, cmd: x}\n- cmd: y\n",
        "line 3: step 'acb_step_1': id 'acb_step_1'",
    ),
    "dash and more": (f"{STEPS}  when: ['-', a]\n", "when has '-' and more"),
    "two dashes": (f"{STEPS}  when: ['-', '-']\n", "when has '-' and more"),
    "itself": (f"{STEPS}  id: a\n  when: [a]\n", "step 'a': when names the step itself"),
    "a later step": (f"{STEPS}  when: [b]\n- {{id: b, cmd: x}}\n", "when names 'b', which is no earlier step"),
    "an unknown step": (
        "steps:\n- {id: a, cmd: x}\n- {cmd: y, when: [A]}\n",
        "names 'A', which is no earlier step; earlier steps are: a",
    ),
    "an empty name": (f"{STEPS}  when: ['']\n", "when has an empty item"),
    "a null name": (f"{STEPS}  when: [~]\n", "when has an empty item"),
    "negative retries": (f"{STEPS}  retries: -1\n", "line 3: step 'acb_step_0': retries is -1; it must be 0 or more"),
    "negative retries of a push": ("steps:\n- push: [a]\n  retries: -1\n", "retries is -1"),
    "negative repeat": (f"{STEPS}  repeat: -2\n", "repeat is -2; it must be 0 or more"),
    "negative download retries": (f"{STEPS}  cmdDownloadRetries: -2\n", "cmdDownloadRetries is -2"),
    "bad cache": (
        "steps:\n- build: .\n  cache: on\n",
        "line 3: step 'acb_step_0': cache is 'on'; it must be enabled or",
    ),
    "bad cache of a cmd": (f"{STEPS}  cache: yes\n", "cache is 'yes'"),
    "empty port": (f"{STEPS}  ports: ['']\n", "ports has an empty item"),
    "env without =": (f"{STEPS}  env: [A=1, B]\n", "line 3: step 'acb_step_0': item 2 of env must be NAME=value"),
    "env without a name": (f"{STEPS}  env: [=1]\n", "item 1 of env must be NAME=value"),
    "task env with a comma": ("env:\n- A=1,2\n", "line 2: item 2 of env must be NAME=value; commas separate variables"),
    "mounts on push": (f"{VOLUME}steps:\n- push: [a]\n  {MOUNTS}", "volumeMounts has no meaning on a push"),
    "same mount path": (
        f"{VOLUME}{STEPS}  {MOUNTS}  - {{name: v, mountPath: a/}}\n",
        "line 8: step 'acb_step_0'.volumeMounts[1]: mountPath '/a' is already",
    ),
    "mount without path": (
        f"{VOLUME}{STEPS}  volumeMounts: [{{name: v}}]\n",
        "mountPath is ''; it must be a directory",
    ),
    "mount of the root": (f"{VOLUME}{STEPS}  volumeMounts: [{{name: v, mountPath: /}}]\n", "mountPath is '/'"),
    "mount that climbs": (
        f"{VOLUME}{STEPS}  volumeMounts: [{{name: v, mountPath: /a/../b}}]\n",
        "mountPath is '/a/../b'",
    ),
    "mount without name": (
        f"{VOLUME}{STEPS}  volumeMounts: [{{mountPath: /a}}]\n",
        "name is missing; it names a volume",
    ),
    "unknown volume": (
        f"{VOLUME}{STEPS}  volumeMounts: [{{name: w, mountPath: /a}}]\n",
        "name is 'w', which is no declared volume; declared are: v",
    ),
    "no volumes at all": (f"{STEPS}  volumeMounts: [{{name: w, mountPath: /a}}]\n", "declared are: none"),
    "null mount": (f"{STEPS}  volumeMounts: [~]\n", "step 'acb_step_0'.volumeMounts[0]: this is null"),
    "volume name": ("volumes:\n- name: a.b\n", "line 2: volumes[0]: name is 'a.b'; it must be of A-Z"),
    "volume without a name": ("volumes:\n- secret: {a: QQ==}\n", "volumes[0]: name is ''"),
    "same volume": (f"{VOLUME}- name: v\n  secret: {{f: ''}}\n", "line 4: volume 'v' is already declared in line 2"),
    "volume without source": ("volumes:\n- name: v\n", "secret is missing; a volume needs it as its source"),
    "volume with an empty source": ("volumes:\n- name: v\n  secret: {}\n", "secret is missing"),
    "file name": ("volumes:\n- name: v\n  secret: {a/b: ''}\n", "file name 'a/b' must be of A-Z"),
    "file name that climbs": ("volumes:\n- name: v\n  secret: {..: ''}\n", "file name '..' must be of A-Z"),
    "file that is no base64": (
        "volumes:\n- name: v\n  secret:\n    f: a?b\n",
        "line 4: volumes[0].secret: f is not base64",
    ),
    "secret without id": ("secrets:\n- keyvault: k\n", "secrets[0]: id is ''; it must be a name without blanks"),
    "secret with a blank": ("secrets:\n- {id: a b, keyvault: k}\n", "id is 'a b'"),
    "secret without keyvault": ("secrets:\n- id: a\n", "keyvault is ''; it must be the secret's address"),
    "same secret": (
        "secrets:\n- {id: a, keyvault: k}\n- {id: a, keyvault: l}\n",
        "line 3: secret 'a' is already declared in line 2",
    ),
    "client id": ("secrets:\n- {id: a, keyvault: k, clientID: x}\n", "clientID is 'x'; it must be a UUID"),
    "client id in braces": (f"secrets:\n- {{id: a, keyvault: k, clientID: '{{{UUID}}}'}}\n", "it must be a UUID"),
    "network without name": ("networks:\n- driver: x\n", "line 2: networks[0]: name is missing"),
    "bad image to push": (
        "steps:\n- push:\n  - a\n  - B\n",
        "line 3: step 'acb_step_0': image 'B': repository 'library/B'",
    ),
    "bad build": ("steps:\n- id: b\n  build: --wrong .\n", "line 3: step 'b': build flag '--wrong' is not supported"),
    "bad cmd": (
        "steps:\n- cmd: >\n    --name x img\n",
        "line 2: step 'acb_step_0': docker run flag '--name' is not supported",
    ),
}


@pytest.mark.parametrize(("text", "message"), ERRORS.values(), ids=ERRORS)
def test_an_error_has_its_line_its_step_and_what_is_right(text: str, message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal(text)


def test_the_number_of_steps_is_bounded(refusal: Callable[..., str]) -> None:
    assert refusal("steps:\n" + "- cmd: a\n" * 1001) == "line 2: steps has 1001 items; at most 1000 are allowed"


def test_the_length_of_a_command_is_bounded(refusal: Callable[..., str]) -> None:
    assert "at most 131072 are allowed" in refusal(f"steps:\n- cmd: img {'x' * 131072}\n")


def test_what_is_right_is_accepted(read: Callable[..., object]) -> None:
    read(f"secrets:\n- {{id: a, keyvault: k, clientID: {UUID.upper()}}}\n{VOLUME}{STEPS}")


def test_lines_are_those_of_the_file_although_comments_and_aliases_go(refusal: Callable[..., str]) -> None:
    text = (
        "version: v1.1.0\n# one\nalias:\n  values:\n    a: b\n\n# two\nsteps:\n- cmd: img\n  # three\n  retries: -1\n"
    )
    assert refusal(text).startswith("line 11: step 'acb_step_0': retries is -1")
    assert refusal(text.replace("\n", "\r\n")).startswith("line 11: step")


def test_a_template_that_moves_lines_says_that_lines_are_those_after_rendering(refusal: Callable[..., str]) -> None:
    text = "{{/* one\ntwo */}}\nsteps:\n- cmd: img\n  retries: -1\n"
    assert refusal(text).startswith("line 4 after rendering: step")


def test_a_template_error_is_told_with_its_line(refusal: Callable[..., str]) -> None:
    assert "template: 3:" in refusal("# one\nsteps:\n- cmd: {{ fail `no` }}\n")


def test_values_of_variables_and_files_never_reach_a_message(refusal: Callable[..., str]) -> None:
    for text in (
        f"{STEPS}  env: [hunter2]\n",
        "env: ['A=1,hunter2']\n",
        "volumes:\n- name: v\n  secret: {f: hunter2}\n",
        "steps:\n- cmd: -e hunter2 img\n",
    ):
        assert "hunter2" not in refusal(text)

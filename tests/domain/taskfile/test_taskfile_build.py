"""What stands after ``docker build``, and what is pushed (semantics 1.7)."""

from collections.abc import Callable
from typing import Any

import pytest

from baselift.domain.builds import Argument
from baselift.domain.taskfile import BuildCommand, BuildSecret, Step, TaskFileError, build_command

READ: dict[str, dict[str, Any]] = {
    ".": {},
    "-f D .": {"dockerfile": "D"},
    "-fD .": {"dockerfile": "D"},
    "-f=D .": {"dockerfile": "D"},
    "--file D .": {"dockerfile": "D"},
    "--file=D .": {"dockerfile": "D"},
    "--file 'a b/D' .": {"dockerfile": "a b/D"},
    "-f D -f E .": {"dockerfile": "E"},
    ". -f D": {"dockerfile": "D"},
    "-t a -t b:1 --tag c/d:2 --tag=e.io/f .": {"tags": ("a", "b:1", "c/d:2", "e.io/f")},
    "-ta .": {"tags": ("a",)},
    "--build-arg A=1 --build-arg=B=x=y .": {"arguments": (Argument("A", "1"), Argument("B", "x=y"))},
    "--build-arg 'A=two words' --build-arg E= .": {"arguments": (Argument("A", "two words"), Argument("E", ""))},
    "--build-arg FROM_ENV --build-arg UNSET .": {"arguments": (Argument("FROM_ENV", "e"),)},
    '--build-arg A="q \\"r\\" $ s" .': {"arguments": (Argument("A", 'q "r" $ s'),)},
    "--build-arg 'A=$HOME `x`; y' .": {"arguments": (Argument("A", "$HOME `x`; y"),)},
    "--build-arg A=\\$HOME .": {"arguments": (Argument("A", "$HOME"),)},
    "--target final .": {"target": "final"},
    "--target=final .": {"target": "final"},
    "--platform linux/arm64/v8 .": {"platform": "linux/arm64/v8"},
    "--platform=linux/arm64 .": {"platform": "linux/arm64"},
    "--no-cache .": {"no_cache": True},
    "--no-cache=true .": {"no_cache": True},
    "--no-cache=0 .": {"no_cache": False},
    "--no-cache https://x.io/y.git#main:dir": {"no_cache": True, "context": "https://x.io/y.git#main:dir"},
    "--pull .": {"pull": True},
    "--label a=b --label c .": {"labels": ("a=b", "c")},
    "--secret id=s,src=/f .": {"secrets": (BuildSecret("s", "/f"),)},
    "--secret type=file,id=s,source=f .": {"secrets": (BuildSecret("s", "f"),)},
    "--secret=id=s,env=V .": {"secrets": (BuildSecret("s", "", "V"),)},
    "--secret id=s .": {"secrets": (BuildSecret("s", "", "s"),)},
    "-q --rm --progress=plain --compress --force-rm --cache-from x .": {
        "ignored": ("--quiet", "--rm", "--progress", "--compress", "--force-rm", "--cache-from")
    },
    "-qt a .": {"tags": ("a",), "ignored": ("--quiet",)},
    "--isolation=default .": {},
    "-- -odd": {"context": "-odd"},
    "-t a \\\n  .\n": {"tags": ("a",)},
    "-t a . # why": {"tags": ("a",)},
    "oci://r.io/a:1": {"context": "oci://r.io/a:1"},
}


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_a_build_is_understood_in_every_spelling(text: str, expected: dict[str, Any]) -> None:
    assert build_command(text, {"FROM_ENV": "e"}) == BuildCommand(**{"context": ".", **expected})


REFUSED = {
    "-t a": "a build needs its context as the last word",
    "-t a -": "these words are no flags: '-'",
    "''": "these words are no flags: ''",
    "-t a x .": "these words are no flags: 'x', '.'",
    "--build-arg A=two words .": "these words are no flags: 'words', '.'",
    "--frobnicate=1 .": "build flag '--frobnicate' is not supported; these are: --build-arg, --cache-from",
    "-x .": "build flag '-x' is not supported; these are",
    "-Z9 .": "build flag '-Z' is not supported",
    "--network host .": "build flag '--network' is not supported: the network of a build is the run's",
    "-m 1g .": "build flag '-m' is not supported: limits are those of the run",
    "--ssh default .": "use --secret",
    ". -t": "build flag '-t' needs a value after it",
    "--tag": "build flag '--tag' needs a value",
    "--no-cache=maybe .": "flag '--no-cache' is 'maybe'; it must be true or false",
    "-t UPPER .": "repository 'library/UPPER' must be lower-case",
    f"-t a@sha256:{'0' * 64} .": "has a digest; a build can only be given name:tag",
    "--build-arg =x .": "--build-arg needs a name",
    "--platform linux/amd64,linux/arm64 .": "must be one platform",
    "--platform= .": "must be one platform",
    "--isolation hyperv .": "--isolation 'hyperv' must be default or process",
    "--secret src=x .": "--secret needs an id",
    "--secret id=a,src=x,env=y .": "--secret needs an id and either src or env",
    "--secret id=a,mode=7 .": "--secret has 'mode=7'",
    "-t a . && docker push a": "a build runs without a shell: '&&'",
    "-t a . | tee log": "a build runs without a shell: '|'",
    "-t a .\n-t b .": "a build runs without a shell: '\\n'",
    "--build-arg A=$(date) .": "which 'A=$' needs",
    "--build-arg A=$HOME .": "which 'A=$HOME' needs: use a template such as {{.Run.Registry}}",
    '--build-arg "A=$HOME" .': "which 'A=$HOME' needs",
    '--build-arg "A=`x`" .': "which 'A=`x`' needs",
    "-t 'a .": "the quote ' is not closed",
    '-t "a .': 'the quote " is not closed',
    "-t a . \\": "nothing follows the backslash",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_a_build_that_cannot_be_exact_is_refused(text: str, message: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        build_command(text, {})
    assert message in str(caught.value)


PUSHES = {
    "[a]": ("a:latest",),
    f"[a:1, 'b@sha256:{'0' * 64}']": ("a:1", f"b@sha256:{'0' * 64}"),
    "[host:5000/img, host:5000/img:2]": ("host:5000/img:latest", "host:5000/img:2"),
    "[b, a, b, 'b:latest', a]": ("b:latest", "a:latest"),
}


@pytest.mark.parametrize(("images", "expected"), PUSHES.items())
def test_a_push_names_tags_and_each_image_once(
    images: str, expected: tuple[str, ...], step: Callable[..., Step]
) -> None:
    assert step(f"push: {images}").images == expected


def test_a_build_argument_without_value_takes_that_of_the_steps_variables(step: Callable[..., Step]) -> None:
    made = step("{build: --build-arg A --build-arg B ., env: [A=own]}", head="env: [B=task]\n")
    assert made.build is not None
    assert made.build.arguments == (Argument("A", "own"), Argument("B", "task"))

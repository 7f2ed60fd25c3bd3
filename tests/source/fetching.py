"""What tests fetch, and how."""

from pathlib import Path

from baselift.domain.builds import Source
from baselift.domain.contexts import parse
from baselift.source import git as subject
from baselift.source.limits import Limits
from tests.source.conftest import GitServer

FILES = {"Dockerfile": "FROM scratch\n", "app/Dockerfile": "FROM app\n", "app/bin/run": "#!/bin/sh\n"}


async def fetch(server: GitServer, context: str, into: Path, **more: object) -> Source:
    options: dict = {"token": None, "plain_http_hosts": [server.host], "limits": Limits()} | more
    return await subject.fetch(parse(context), into, **options)

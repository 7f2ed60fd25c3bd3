"""`baselift`: build images, and keep them on their base images."""

import click

from baselift.cli.build import build
from baselift.cli.client import client
from baselift.cli.registry import registry
from baselift.cli.scan import scan
from baselift.cli.task import task


@click.group(context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(package_name="baselift")
def main() -> None:
    """Container images that follow their base images: the verbs of `az acr`, on your own server."""


for command in (build, client, registry, scan, task):
    main.add_command(command)

"""`baselift`: build images, and keep them on their base images."""

import click

from baselift.cli.build import build
from baselift.cli.task import task


@click.group(context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(package_name="baselift")
def main() -> None:
    """Container images that follow their base images: the verbs of `az acr`, on your own server."""


main.add_command(build)
main.add_command(task)

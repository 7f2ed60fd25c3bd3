"""`baselift`: build images, and keep them on their base images."""

import logging

import click

from baselift.cli.build import build
from baselift.cli.client import client
from baselift.cli.doctor import doctor
from baselift.cli.explain import explain
from baselift.cli.graphs import graph, preview, stale
from baselift.cli.import_tasks import import_tasks
from baselift.cli.login import login, logout
from baselift.cli.notify import notify
from baselift.cli.registry import registry
from baselift.cli.render import render
from baselift.cli.run import run
from baselift.cli.scan import scan
from baselift.cli.subscribe import subscribe
from baselift.cli.task import task
from baselift.cli.waves import pause, unpause, wave


@click.group(context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(package_name="baselift")
def main() -> None:
    """Container images that follow their base images: the verbs of `az acr`, on your own server."""


# What the SDK would print of a failure stands in the one line that ends the command.
logging.getLogger("azure").addHandler(logging.NullHandler())

COMMANDS = (build, client, doctor, explain, graph, login, logout, pause, preview, registry, render, run, scan, stale)
for command in (*COMMANDS, import_tasks, notify, subscribe, task, unpause, wave):
    main.add_command(command)

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_parts import Base, Bench, push_base
from parts.registry import Registry

from baselift.engines.buildah import Buildah


@pytest.fixture(scope="session")
def base(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    directory = tmp_path_factory.mktemp("base")
    yield push_base(directory, registry.host, "engines/base", "first")
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("store")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def bench(tmp_path: Path, base: Base, store: Path) -> Bench:
    return Bench(tmp_path, base, Buildah(store, plain_http_hosts=[base.host]))

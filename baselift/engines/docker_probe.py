"""Can the Docker engine of this user build here? Found out by building."""

from pathlib import Path

from baselift.domain.builds import Failure
from baselift.engines.docker import DockerEngine
from baselift.engines.probe import Probe, attempt


async def probe_docker(directory: Path) -> Probe:
    """Build a tiny image (no network, some seconds) and say what happened; never raises for that."""
    engine = DockerEngine(directory)
    try:
        facts = await engine.ready()
        ran = await attempt(engine)
    except (Failure, OSError) as error:
        return Probe(ok=False, engine=engine.name, reason=str(error))
    return Probe(ok=True, engine=engine.name, version=facts.version, ran=ran)

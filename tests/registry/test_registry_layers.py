"""pack(): one gzip member, the same bytes whatever is beside it, and what is not done twice."""

import asyncio
import gzip
import hashlib
import random
import shutil
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from registry_parts import distribution, get_raw, image, layer, noise

from baselift.domain.builds import Failure, Layer
from baselift.registry import layers
from baselift.registry.layers import pack

MIB = 1 << 20
SEED = 11


def made(folder, name, content):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return Layer(f"sha256:{hashlib.sha256(content).hexdigest()}", folder / name)


def words(size):
    """Text that gets smaller, and repeats itself over the borders of blocks."""
    draw = random.Random(SEED)
    known = [draw.randbytes(draw.randrange(3, 12)).hex() for _ in range(2000)]
    text = " ".join(draw.choice(known) for _ in range(size // 12))
    return text.encode()[:size].ljust(size, b".")


async def packed(built):
    found = await pack(built)
    data = found.file.read_bytes()
    found.file.unlink()
    return found.blob, data


CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "text": words(3 * MIB + 17),
    "noise": noise(2 * MIB + 1),
    "whole blocks": words(2 * MIB),
    "noise, then text": noise(MIB) + words(MIB) + noise(MIB // 2),
    "zeros": bytes(5 * MIB),
}


@pytest.mark.parametrize("name", CONTENTS)
async def test_a_layer_is_one_gzip_member_that_others_read(tmp_path, name):
    content = CONTENTS[name]
    blob, data = await packed(made(tmp_path, "layer", content))
    assert (blob.digest, blob.size) == (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    reader = zlib.decompressobj(31)
    assert reader.decompress(data) + reader.flush() == content
    assert reader.eof
    assert not reader.unused_data
    assert gzip.decompress(data) == content
    for program in (each for each in ("gzip", "pigz") if shutil.which(each)):
        done = subprocess.run([program, "-dc"], input=data, capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (content, b"")


async def test_no_byte_depends_on_threads_or_on_what_is_compressed_beside_it(tmp_path, monkeypatch):
    content = words(3 * MIB) + noise(MIB) + words(MIB + 5)
    alone, _ = await packed(made(tmp_path / "0", "layer", content))
    many = [made(tmp_path / str(number), "layer", content) for number in range(1, 4)]
    assert {blob for blob, _ in await asyncio.gather(*map(packed, many))} == {alone}
    for count in (1, 7):
        with ThreadPoolExecutor(count) as threads:
            monkeypatch.setattr(layers, "_pool", threads)
            monkeypatch.setattr(layers, "_AHEAD", count + 1)
            assert (await packed(many[0]))[0] == alone


async def test_a_layer_is_as_small_as_one_stream_makes_it(tmp_path):
    text = words(8 * MIB)
    blob, _ = await packed(made(tmp_path, "text", text))
    assert blob.size < len(zlib.compress(text, 5, 31)) * 1.005


async def test_noise_is_kept_as_it_is_and_text_beside_it_is_not(tmp_path):
    dense, loose = noise(4 * MIB), words(4 * MIB)
    blob, _ = await packed(made(tmp_path, "both", dense + loose))
    assert len(dense) < blob.size < len(dense) * 1.001 + len(zlib.compress(loose, 5)) * 1.005


async def test_a_layer_that_the_repository_has_is_not_compressed_again(registries, registry, tmp_path):
    built = image(layer(tmp_path / "a", "f", noise(9000)))
    first = await registries.publish(built, registry.ref("packed"), None)
    built.layers[0].tar.unlink()
    assert await registries.publish(built, registry.ref("packed"), None) == first
    with pytest.raises(Failure, match="cannot be compressed: No such file"):
        await registries.publish(built, registry.ref("packed-elsewhere"), None)


async def test_a_layer_that_is_gone_from_the_repository_is_sent_again(registries, tmp_path):
    built = image(layer(tmp_path / "a", "f", noise(9000)))
    async with distribution(tmp_path / "home", deletes=True) as own:
        first = await registries.publish(built, own.ref("lost"), None)
        (blob,) = (await get_raw(own.host, "lost", first))["layers"]
        async with aiohttp.ClientSession() as session:
            await session.delete(f"http://{own.host}/v2/lost/blobs/{blob['digest']}")
        assert await registries.publish(built, own.ref("lost"), None) == first
        assert len(await own.requests('"PUT /v2/lost/blobs/', '" 201 ')) == 3

from dataclasses import replace


async def test_a_layer_that_is_left_in_the_base_images_repository_has_no_file(bench):
    order = bench.order("FROM BASE\nRUN echo own > /own\n")
    whole = await bench.build(order)
    scratch = bench.scratch()

    image = await bench.build(replace(order, base_layers=[each.diff_id for each in whole.layers[:-1]]), scratch)

    assert image.config == whole.config
    assert [each.diff_id for each in image.layers] == [each.diff_id for each in whole.layers]
    assert [each.tar is None for each in image.layers] == [True] * (len(image.layers) - 1) + [False]
    assert image.layers[-1].tar.read_bytes() == whole.layers[-1].tar.read_bytes()
    assert [path for path in scratch.rglob("*") if path.is_file()] == [image.layers[-1].tar]

"""The picture of a graph: every node in its layer, nothing over anything else, the same each time."""

import random

from baselift.domain.waves.graph import Graph, Node, Use
from baselift.web.layout import DOWN, HEIGHT, TALLEST, WIDTH, Arc, lay_out
from baselift.web.pages import graph
from baselift.web.pages.graph import MOST, Seen

SEED = 20260228


def arcs(*pairs):
    return [Arc(*pair.split(">")) for pair in pairs]


def over_each_other(picture):
    places = sorted(picture.nodes.values(), key=lambda each: (each.x, each.y))
    return [
        (one, other)
        for one in places
        for other in places
        if one is not other and abs(one.x - other.x) < WIDTH and abs(one.y - other.y) < HEIGHT
    ]


def test_what_is_built_on_something_stands_right_of_it():
    given = arcs("a>b", "b>c", "a>c", "x>c")
    picture = lay_out(["a", "b", "c", "x"], given)
    for arc in given:
        assert picture.nodes[arc.tail].x + WIDTH < picture.nodes[arc.head].x
    assert picture.nodes["x"].x == picture.nodes["b"].x
    assert set(picture.paths) == set(given)
    assert all(path.startswith("M") for path in picture.paths.values())


def test_nothing_gives_an_empty_picture():
    picture = lay_out([], [])
    assert (dict(picture.nodes), dict(picture.paths)) == ({}, {})
    assert picture.width > 0
    assert picture.height > 0


def test_a_hundred_random_graphs_have_no_node_over_another_and_are_drawn_alike_twice():
    chance = random.Random(SEED)
    for _ in range(100):
        names = [f"n{number}" for number in range(chance.randint(1, 40))]
        given = [
            Arc(*sorted(chance.sample(names, 2), key=names.index)) for _ in range(chance.randint(0, 60)) if names[1:]
        ]
        picture = lay_out(names, given)
        assert over_each_other(picture) == [], SEED
        assert picture == lay_out(names[::-1], given[::-1]), SEED
        assert all(0 <= each.x <= picture.width - WIDTH for each in picture.nodes.values())
        assert all(0 <= each.y <= picture.height - HEIGHT for each in picture.nodes.values())


def test_a_tall_layer_is_folded():
    heads = [f"n{number:03d}" for number in range(300)]
    picture = lay_out(["base", *heads], [Arc("base", head) for head in heads])
    assert over_each_other(picture) == []
    assert picture.height < 2 * TALLEST * (HEIGHT + DOWN)


def task(name, outputs, *uses, registry="here"):
    return Node(registry, name, outputs, [Use(*use) for use in uses])


def seen(*nodes, **more):
    return Seen(Graph(nodes), "here", "host:1", more.pop("stale", ()), more.pop("failed", ()), **more)


FAMILY = (
    task("runtime", ["host:1/runtime:1"], ("host:1/alpine:3", "Runtime")),
    task("app", ["host:1/app:1"], ("host:1/runtime:1", "Runtime"), ("host:1/go:1", "Buildtime", False)),
    task("other", ["host:1/other:1"], ("host:1/go:1", "Runtime")),
)


def keys(data):
    return {node.key for node in data["nodes"]}


def test_tasks_and_the_bases_that_nobody_here_pushes_are_drawn():
    data = graph.view(seen(*FAMILY, stale=["app"], failed=["other"]), asked="", query="run")
    assert keys(data) == {"runtime", "app", "other", "host:1/alpine:3", "host:1/go:1"}
    by_key = {node.key: node for node in data["nodes"]}
    assert (by_key["app"].word, by_key["other"].word, by_key["host:1/go:1"].word) == ("stale", "failing", "base image")
    assert (by_key["runtime"].label, by_key["runtime"].under, by_key["runtime"].lit) == ("runtime", "runtime:1", True)
    kinds = {(edge.tail, edge.head): (edge.kind, edge.follows) for edge in data["edges"]}
    assert kinds["host:1/go:1", "app"] == ("buildtime", False)
    assert kinds["runtime", "app"] == ("runtime", True)
    assert data["whole"]


def test_around_one_is_what_it_is_built_on_and_what_is_built_on_it():
    assert keys(graph.view(seen(*FAMILY), asked="RUNTIME", query="")) == {"host:1/alpine:3", "runtime", "app"}
    by_image = graph.view(seen(*FAMILY), asked="host:1/runtime:1", query="")
    assert (by_image["focus"], by_image["missing"]) == ("runtime", "")
    assert keys(graph.view(seen(*FAMILY), asked="host:1/go:1", query="")) == {"host:1/go:1", "app", "other"}
    assert graph.view(seen(*FAMILY), asked="absent", query="")["missing"] == "absent"


def test_a_task_of_another_registry_is_named_with_it():
    data = graph.view(seen(task("app", ["x:1/a:1"], ("x:1/b:1", "Runtime"), registry="there")), asked="", query="")
    (node,) = [node for node in data["nodes"] if node.task]
    assert (node.key, node.task, node.where) == ("there/app", "app", "there")


def test_a_circle_is_named_and_its_closing_edge_is_not_drawn():
    one = task("one", ["h/one:1"], ("h/two:1", "Runtime"))
    two = task("two", ["h/two:1"], ("h/one:1", "Runtime"))
    data = graph.view(seen(one, two), asked="", query="")
    assert data["cycles"] == ["one → two → one"]
    assert len(data["edges"]) == 1


def test_more_than_a_picture_holds_is_said_to_be_more():
    many = [task(f"t{number}", [f"h/t{number}:1"], ("h/base:1", "Runtime")) for number in range(MOST + 50)]
    data = graph.view(seen(*many), asked="h/base:1", query="")
    assert (len(data["nodes"]), data["whole"]) == (MOST, False)
    assert "h/base:1" in keys(data)


def test_a_long_name_is_cut_and_told_whole():
    data = graph.view(seen(task("x" * 40, ["h/x:1"])), asked="", query="")
    (node,) = data["nodes"]
    assert node.label == "x" * 22 + "…"
    assert node.cut.startswith("x" * 40)

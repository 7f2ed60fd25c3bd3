import pytest
from benchmarks.report import Aim, Figure, percentile, table


def figure(samples, floor, **aim):
    return Figure("subject", samples, floor, "the bare calls", Aim(**aim))


@pytest.mark.parametrize(("percent", "expected"), [(0, 1.0), (50, 5.0), (90, 9.0), (91, 10.0), (95, 10.0), (100, 10.0)])
def test_a_percentile_is_a_sample_by_nearest_rank(percent, expected):
    assert percentile([float(each) for each in (10, 1, 9, 2, 8, 3, 7, 4, 6, 5)], percent) == expected


def test_one_sample_is_every_percentile():
    assert [percentile([7.0], percent) for percent in (0, 50, 95)] == [7.0, 7.0, 7.0]


def test_no_sample_has_no_percentile():
    with pytest.raises(ValueError, match="one sample at least"):
        percentile([], 50)


def test_ratio_and_addition_compare_the_medians():
    measured = figure([30.0, 10.0, 20.0], [5.0, 900.0, 4.0])
    assert (measured.ratio, measured.added) == (4.0, 15.0)


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        ({}, None),
        ({"ratio": 2}, True),
        ({"ratio": 1.9}, False),
        ({"added": 100}, True),
        ({"added": 99}, False),
        ({"p50": 200}, True),
        ({"p95": 200}, False),
        ({"ratio": 2, "added": 99}, False),
        ({"ratio": 2, "added": 100}, True),
    ],
)
def test_an_aim_is_met_when_all_of_its_parts_are(aim, met):
    assert figure([200.0, 200.0, 300.0], [100.0, 100.0, 100.0], **aim).met is met


def test_the_table_shows_figure_floor_ratio_aim_and_verdict_in_aligned_columns():
    good, bad = figure([12.34], [10.0], ratio=1.25), figure([1500.0], [1000.0], ratio=1.25, added=500)
    head, rule, first, second, _, *notes = table([good, bad]).splitlines()

    assert first.split("  ")[0] == "subject"
    for text in ("12.3 ms", "10.0 ms", "1.23 x", "2.3 ms", "≤ 1.25 x", "yes"):
        assert text in first
    assert second.endswith("NO")
    assert "≤ 1.25 x, + ≤ 500 ms" in second
    assert {line.index(word) for line, word in ((head, "met"), (first, "yes"), (second, "NO"))} == {head.index("met")}
    assert len(rule) == max(map(len, (head, first, second)))
    assert notes == ["floor of subject: the bare calls"] * 2


def test_a_figure_without_an_aim_says_so():
    assert table([figure([1.0], [1.0])]).splitlines()[2].endswith("none  -")


def test_a_long_time_is_told_in_seconds():
    assert "12.5 s" in table([figure([12_500.0], [1.0])])


def test_the_document_holds_every_sample_and_the_verdict():
    document = figure([2.0, 4.0], [1.0], p95=3).document()
    assert document["samples_ms"] == [2.0, 4.0]
    assert document["floor_samples_ms"] == [1.0]
    assert (document["p50_ms"], document["p95_ms"], document["ratio"]) == (2.0, 4.0, 2.0)
    assert document["met"] is False

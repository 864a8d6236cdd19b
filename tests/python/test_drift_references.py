"""References by series and by column, from points, profiles and files."""

import drift_points as dp
import numpy as np
import pytest

import inlay
from inlay.drift import References


def test_references_of_points_are_found_by_series_and_cells():
    row = dp.edges_row([10] * 10)
    points = dp.complete([dp.reference_row(row, range(10), null_count=3), row])
    references = References.of(points)
    assert len(references) == 1
    series = points["series_id"][1].as_py()
    found = references.find(series, row["attrs"], row["reference_id"])
    assert found is not None
    assert found.counts == tuple(range(10))
    assert (found.kind, found.missing, found.rows, found.exact) == ("edges", 3, 48, True)
    assert references.find(series, row["attrs"], "0" * 16) is None
    assert references.why_not(series, row["attrs"]) == "other_reference"
    assert references.why_not(series + 1, dp.attrs("y")) == "no_reference"


def test_infinities_are_in_the_outer_cells():
    row = dp.reference_row(dp.edges_row([1] * 10), [1] * 10, pos_inf_count=4, neg_inf_count=2)
    (found,) = References.of(dp.complete([row]))
    assert (found.counts[0], found.counts[-1]) == (3, 5)


def test_the_same_reference_again_changes_nothing_and_another_one_replaces_it():
    row = dp.names_row([1, 2, 3, 4, 5])
    references = References()
    assert references.add(dp.complete([dp.reference_row(row, [1, 2, 3, 4, 5])])) == 1
    assert references.add(dp.complete([dp.reference_row(row, [1, 2, 3, 4, 5])])) == 0
    assert references.add(dp.complete([dp.reference_row(row, [1, 2, 3, 4, 6])])) == 1
    (found,) = references
    assert found.counts[-1] == 6
    assert found.names == ["a", "b", "c", "d", "other"]


def test_a_profile_serves_any_watch_of_its_columns(tmp_path):
    rng = np.random.default_rng(1)
    table = {"x": rng.normal(size=1000), "c": ["a", "b"] * 500}
    reference = inlay.Profile.of(table, progress=False).freeze()
    reference.save(tmp_path / "r.inlay")
    for source in (reference, tmp_path / "r.inlay", str(tmp_path / "r.inlay")):
        references = References.of(source)
        edges = reference["x"].edges
        assert edges is not None
        found = references.find(1, dp.attrs("x", "any"), edges.reference_id)
        assert found is not None
        assert found.counts == tuple(edges.counts)
        assert references.find(1, dp.attrs("y"), edges.reference_id) is None
        assert references.why_not(1, dp.attrs("c")) == "other_reference"
        assert references.why_not(1, dp.attrs("y")) == "no_reference"


def test_names_that_a_profile_hides_are_hidden_in_its_references():
    reference = inlay.Profile.of({"c": ["secret", "b"] * 50}, redact=True, progress=False)
    (found,) = References.of(reference.freeze())
    assert all(name.startswith("sha256:") for name in found.names[:-1])


def test_edges_of_a_sketch_are_not_exact():
    profile = inlay.Profile(dp.pa.schema({"x": dp.pa.float64()}))
    profile.update(dp.pa.record_batch({"x": np.arange(5000.0)}))
    (found,) = References.of(profile)
    assert not found.exact


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"counts": [1] * 9}, "count"),
        ({"counts": [-1] + [1] * 9}, "-1"),
        ({"reference_id": "0123456789abcdef"}, "0123456789abcdef"),
        ({"resource": "[]"}, "resource"),
    ],
)
def test_a_reference_that_contradicts_itself_is_refused(more, says):
    row = dp.reference_row(dp.edges_row([1] * 10), [1] * 10)
    table = dp.complete([row])
    for name, value in more.items():
        at = dp.SCHEMA.get_field_index(name)
        array = dp.pa.array([value], dp.SCHEMA.field(name).type)
        table = table.set_column(at, dp.SCHEMA.field(name), array)
    with pytest.raises(inlay.InvalidArgumentError, match=says):
        References.of(table)


def test_a_table_that_is_none_of_points_is_refused():
    with pytest.raises(inlay.InvalidArgumentError, match="'metric'"):
        References.of(dp.pa.table({"a": [1]}))


def test_a_file_that_is_no_profile_is_named(tmp_path):
    (tmp_path / "x.inlay").write_bytes(b"nothing of the kind")
    with pytest.raises(inlay.SerializationError, match=r"x\.inlay"):
        References.of(tmp_path / "x.inlay")
    with pytest.raises(FileNotFoundError):
        References.of(tmp_path / "none.inlay")

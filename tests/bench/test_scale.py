"""The benchmark of sizes measures what it says."""

from __future__ import annotations

from bench.scale import build, filters, measure, table


def test_a_small_size_gives_every_figure() -> None:
    """Nothing is zero that takes time or memory."""
    found = measure(500)
    assert len(found["create_us"]) == 9
    assert min(found["create_us"]) > 0
    assert found["snapshot_bytes"] > 500 * 250
    assert set(found["lists_ms"]) == set(filters(build(500)))
    text = table([found])
    assert "| annotations | 500 |" in text
    assert "| list, label, status, CPU ms |" in text


def test_a_built_state_is_what_it_says() -> None:
    """Fifty annotations a document, thirty labels, a hundred authors."""
    state = build(5000)
    assert (state.counts["annotation"], state.counts["document"]) == (5000, 100)
    annotations = state.tables["annotation"]
    values = [name for name, _ in annotations.look_ups()]
    assert (values.count("label"), values.count("author_id")) == (30, 100)
    for name, found in filters(state).items():
        assert len(annotations.select(found)) > 0 or "," in name, name

"""The benchmark of creates measures what it says."""

from __future__ import annotations

from bench.create import compare, quartiles, table


async def test_a_short_run_gives_figures_of_both_sides() -> None:
    """Every request was answered with 201, or the run would have failed."""
    figures = await compare(rounds=2, seconds=0.1, clients=2)
    for side in figures["sides"].values():
        assert len(side["rates"]) == len(side["cpu_us"]) == len(side["requests"]) == 2
        assert min(*side["rates"], *side["cpu_us"], *side["requests"]) > 0
    assert 0 < figures["ratio"] < 10
    text = table(figures)
    assert "| durable |" in text
    assert "| memory |" in text


def test_quartiles_of_a_few_values() -> None:
    """Also of one."""
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)

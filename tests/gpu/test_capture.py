"""Updates captured in CUDA graphs and replayed, across the turns of the window."""

from __future__ import annotations

from typing import Any

import pytest
from monitors import CASES, Case, assert_same, on_device, on_host

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def warmed(torch: Any, case: Case, landing: tuple[Any, ...]) -> Any:
    """Make an object and let it allocate before the capture, as any captured code must."""
    made = case.make()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        case.update(made, landing)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    return made


def fill(landing: tuple[Any, ...], parts: tuple[Any, ...]) -> None:
    for to, part in zip(landing, parts, strict=True):
        to.copy_(part)


@cases
def test_replays_of_a_graph_count_what_they_read(torch: Any, case: Case) -> None:
    landing = on_device(torch, case, 0)
    made = warmed(torch, case, landing)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        case.update(made, landing)
    # A capture enqueues nothing.
    assert_same(case.results(made), on_host(case, [0]))
    for seed in (1, 2, 3):
        fill(landing, on_device(torch, case, seed))
        graph.replay()
    assert_same(case.results(made), on_host(case, [0, 1, 2, 3]))


@cases
def test_a_graph_works_on_across_turns(torch: Any, case: Case) -> None:
    landing = on_device(torch, case, 0)
    made = warmed(torch, case, landing)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        case.update(made, landing)
    seeds = [0]
    for seed in range(1, 6):
        fill(landing, on_device(torch, case, seed))
        graph.replay()
        seeds.append(seed)
        # Reading the results turns the window, so that the next replay writes to the other state.
        assert_same(case.results(made), on_host(case, seeds))


@cases
def test_several_updates_in_one_graph(torch: Any, case: Case) -> None:
    landing = on_device(torch, case, 0)
    again = on_device(torch, case, 1)
    made = warmed(torch, case, landing)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        case.update(made, landing)
        case.update(made, again)
    graph.replay()
    graph.replay()
    assert_same(case.results(made), on_host(case, [0, 0, 1, 0, 1]))


@cases
def test_replays_between_updates_that_are_not_captured(torch: Any, case: Case) -> None:
    landing = on_device(torch, case, 0)
    made = warmed(torch, case, landing)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        case.update(made, landing)
    stream = torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        case.update(made, on_device(torch, case, 1))
        graph.replay()
        case.update(made, on_device(torch, case, 2))
        graph.replay()
    stream.synchronize()
    assert_same(case.results(made), on_host(case, [0, 1, 0, 2, 0]))


@cases
def test_a_graph_of_cupy(torch: Any, cupy: Any, case: Case) -> None:
    made = case.make()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        landing = tuple(cupy.asarray(part) for part in case.batch(0))
        case.update(made, landing)
        stream.synchronize()
        stream.begin_capture()
        case.update(made, landing)
        graph = stream.end_capture()
        for seed in (1, 2):
            for to, part in zip(landing, case.batch(seed), strict=True):
                to.set(part)
            graph.launch(stream)
            stream.synchronize()
    assert_same(case.results(made), on_host(case, [0, 1, 2]))


def test_a_forward_and_backward_pass_with_monitors_in_one_graph(torch: Any) -> None:
    import inlay

    model = torch.nn.Sequential(
        torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 8)
    ).cuda()
    inputs = torch.randn(256, 64, device="cuda")
    activations = inlay.Moments()
    gradients = inlay.Moments()

    def step() -> None:
        hidden = model[1](model[0](inputs))
        activations.update(hidden)  # requires grad, and is read as it is
        model[2](hidden).square().mean().backward()
        gradients.update(model[0].weight.grad)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            model.zero_grad(set_to_none=False)
            step()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    before = activations.count, gradients.count
    graph = torch.cuda.CUDAGraph()
    model.zero_grad(set_to_none=False)
    with torch.cuda.graph(graph):
        step()
    for _ in range(5):
        graph.replay()
    assert activations.count == before[0] + 5 * 256 * 128
    assert gradients.count == before[1] + 5 * 128 * 64
    assert activations.min == 0.0

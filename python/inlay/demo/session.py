"""The course of the demo: train, serve, send, read back, compare."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from starlette.routing import Route

import inlay
from inlay.demo import cause, overhead, quality, report
from inlay.demo.device import Device
from inlay.demo.server import Classifier, create_app
from inlay.demo.serving import Served
from inlay.demo.slow_requests import SlowRequests
from inlay.demo.traffic import Tally, plan, send_all
from inlay.integrations.asgi import Middleware
from inlay.integrations.logging import Handler

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["play"]

_WINDOW_SECONDS = 1.0
_SCRAPE_SECONDS = 0.5


def play(*, requests: int, folder: Path, port: int) -> int:
    """Run the demo.

    Parameters
    ----------
    requests : int
        How many requests to send.
    folder : Path
        Where the tables are written.
    port : int
        Port of the server; 0 for any that is free.

    Returns
    -------
    int
        Exit code, as `inlay.demo.run` has it.
    """
    console = Console()
    begun = time.perf_counter()
    try:
        return _play(requests, folder, port, console)
    except KeyboardInterrupt:
        console.print("[yellow]stopped[/] before the end; nothing was compared.")
        return 130
    finally:
        console.print(f"[dim]{time.perf_counter() - begun:.1f} s in all[/]", highlight=False)


def _play(requests: int, folder: Path, port: int, console: Console) -> int:
    model = Classifier()
    console.print(f"A model: reads {model.accuracy:.1%} of the digits it has not seen.")

    device = Device()
    console.print(f"A GPU: {device.name}.", highlight=False)

    files = inlay.sinks.Files(folder)
    metrics = inlay.sinks.Prometheus()
    observer = inlay.Observer(
        {"service.name": "inlay-demo"}, window=_WINDOW_SECONDS, sinks=[files, metrics]
    )
    handler = Handler(logging.WARNING, observer=observer)
    observer.probe(device.gpu, inlay.infra.Host())
    app = create_app(model, observer, device)
    app.router.routes.append(Route("/metrics", metrics.asgi))
    tally = Tally()
    begun = time.time()
    # What is said of images later comes by a road of its own: it is no request to the model.
    slow = SlowRequests(app, observer, gpu=device.uuid)
    watched = Middleware(slow, observer=observer, exclude=["/metrics", "/labels"])
    try:
        served = Served(watched, port=port)
    except OSError as error:
        console.print(f"[bold red]cannot listen on port {port}:[/] {error}", highlight=False)
        return 2
    logging.getLogger().addHandler(handler)
    try:
        device.gpu.start(observer)  # where events go as soon as they happen
        with observer, served:
            console.print(f"A server: {served.url}", highlight=False)
            scrapes = asyncio.run(_traffic(served.url, requests, model, tally, console))
    finally:
        logging.getLogger().removeHandler(handler)
        device.gpu.stop()

    measured = report.read(folder, observer.core.origin)
    report.show(measured, tally, console)
    told = quality.read(folder, begun)
    quality.show(told, console)
    cause.show(cause.read(folder, observer.core.origin), folder, console)
    differences = report.disagreements(measured, tally) + quality.disagreements(told, tally)
    if scrapes.requests != tally.outcomes.total():
        differences.append(
            f"/metrics said {scrapes.requests} requests, "
            f"the client counted {tally.outcomes.total()}"
        )
    if differences:
        console.print("[bold red]What was measured is not what was sent:[/]")
        for line in differences:
            console.print(f"  {line}", highlight=False, markup=False)
    else:
        console.print(
            f"[green]All {tally.outcomes.total():,} requests[/] the client counted are in the "
            "files, by route and status, and so is every image."
        )
    cost = overhead.measure(app, "/health")
    console.print(
        f"Overhead: the middleware added [bold]{cost.added:.2f} µs[/] to a request of "
        f"{cost.request:.1f} µs (in this process, no sockets)."
    )
    console.print(f"Scraped {scrapes.times} times meanwhile: {served.url}/metrics", highlight=False)
    console.print(f"The Parquet lies in {folder.resolve()}", highlight=False, soft_wrap=True)
    console.print("Ask it something:")
    console.print(report.command_to_try(folder), highlight=False, markup=False, soft_wrap=True)
    page = quality.write_pages(told, folder / report.PAGES)
    if page is not None:
        console.print(f"All of it as pages: {page.resolve()}", highlight=False, soft_wrap=True)
    console.print("The same as pages, of any time:")
    console.print(report.command_to_report(folder), highlight=False, markup=False, soft_wrap=True)
    console.print("Judge it anew, by the threshold of the demo (the default says yes of more):")
    console.print(report.command_to_judge(folder), highlight=False, markup=False, soft_wrap=True)
    return 1 if differences else 0


class _Scrapes:
    """What a scraper of ``/metrics`` saw. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/metrics"
        self.times = 0
        self.requests = 0

    async def scrape(self, client: httpx.AsyncClient) -> None:
        response = await client.get(self._url)
        response.raise_for_status()
        self.times += 1
        self.requests = sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in response.text.splitlines()
            if line.startswith("http_server_requests_total{")
        )

    async def repeat(self) -> None:
        async with httpx.AsyncClient(timeout=30.0) as client:
            while True:
                await self.scrape(client)
                await asyncio.sleep(_SCRAPE_SECONDS)

    async def until(self, requests: int, *, seconds: float) -> None:
        """Scrape until so many requests are there: the last one may still be ending."""
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=30.0) as client:
            while self.requests != requests and time.monotonic() < deadline:
                await self.scrape(client)


async def _traffic(
    url: str, requests: int, model: Classifier, tally: Tally, console: Console
) -> _Scrapes:
    scrapes = _Scrapes(url)
    progress = Progress(
        TextColumn("Requests"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        bar = progress.add_task("requests", total=requests)
        scraper = asyncio.create_task(scrapes.repeat())
        try:
            planned = plan(requests, model.images, model.labels)
            await send_all(url, planned, tally, lambda: progress.advance(bar))
        finally:
            scraper.cancel()
        with suppress(asyncio.CancelledError):
            await scraper  # what it failed of, if it did, is raised here
    await scrapes.until(requests, seconds=5.0)
    console.print(
        f"The client: {len(tally.seconds) / tally.elapsed:,.0f} requests a second, "
        f"median {1e3 * statistics.median(tally.seconds):.1f} ms as it saw them."
    )
    return scrapes

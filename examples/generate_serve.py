"""A plain FastAPI server that classifies and generates, with quality, generations and /metrics.

pip install 'inlay[demo]'
python examples/generate_serve.py
curl '127.0.0.1:8000/classify/order-7?text=refund+please'
curl -X POST '127.0.0.1:8000/label/order-7?is_complaint=1'
curl '127.0.0.1:8000/generate?prompt=the+sea'
curl 127.0.0.1:8000/metrics
inlay query "select metric, value, count from points where layer = 'model'" telemetry
"""

import asyncio
import time

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.routing import Route

import inlay
from inlay.integrations.asgi import Middleware

metrics = inlay.sinks.Prometheus()
observer = inlay.Observer(
    {"service.name": "support"}, window=10.0, sinks=[inlay.sinks.Files("telemetry"), metrics]
)
complaints = observer.quality("complaints", task="binary", thresholds=(0.5, 0.8))
answers = observer.generation(
    "answers",
    attributes=("model",),
    prices={"toy": {"input": 0.5, "output": 2.0}},
)
toy = answers.bind(model="toy")
WORDS = ("calm", "grey", "deep", "wide", "cold", "bright", "old", "slow", "loud", "salt")

app = FastAPI()
app.router.routes.append(Route("/metrics", metrics.asgi))


@app.get("/classify/{order}")
async def classify(order: str, text: str) -> float:
    score = min(
        0.99, 0.1 + 0.2 * sum(word in text for word in ("refund", "broken", "late", "never"))
    )
    complaints.predicted([order], [score])
    return score


@app.post("/label/{order}")
async def label(order: str, is_complaint: int) -> None:
    complaints.labelled([order], [is_complaint])


@app.get("/generate")
async def generate(prompt: str) -> StreamingResponse:
    return StreamingResponse(words_after(prompt), media_type="text/plain")


async def words_after(prompt):
    """Stream made-up words, and record the request when it ends, however it ends."""
    begin = time.perf_counter()
    times = []
    reason = "abandoned"
    try:
        for word in np.random.default_rng(len(prompt)).choice(WORDS, size=12):
            await asyncio.sleep(0.01)
            times.append(time.perf_counter())
            yield f"{word} "
        reason = "stop"
    finally:
        toy.record(
            prompt_tokens=len(prompt.split()),
            output_tokens=len(times),
            ttft=times[0] - begin if times else None,
            inter_token=np.diff(times),
            e2e=time.perf_counter() - begin,
            finish_reason=reason,
        )


served = Middleware(app, observer=observer, exclude=["/metrics"])

if __name__ == "__main__":
    with observer:
        uvicorn.run(served, host="127.0.0.1", port=8000)

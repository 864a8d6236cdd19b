"""A model server in forty lines: requests, the model and its input, as Parquet and /metrics.

pip install 'inlay[demo]'
python examples/serve.py
curl -d '[5.1, 3.5, 1.4, 0.2]' 127.0.0.1:8000/predict
curl 127.0.0.1:8000/metrics
inlay query "select metric, count, mean from points where kind = 'histogram'" telemetry
"""

import numpy as np
import uvicorn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import inlay
from inlay.integrations.asgi import Middleware

metrics = inlay.sinks.Prometheus()
observer = inlay.Observer(
    {"service.name": "iris"}, window=10.0, sinks=[inlay.sinks.Files("telemetry"), metrics]
)
confidence = observer.histogram("model.confidence", layer="model").bind()
petal = observer.histogram("data.petal_length", unit="cm", layer="data").bind()

flowers = load_iris()
model = LogisticRegression(max_iter=500).fit(flowers.data, flowers.target)


async def predict(request):
    rows = np.atleast_2d(np.array(await request.json(), dtype=np.float64))
    probabilities = model.predict_proba(rows)
    confidence.record_many(probabilities.max(axis=1))
    petal.record_many(np.ascontiguousarray(rows[:, 2]))
    return JSONResponse(flowers.target_names[probabilities.argmax(axis=1)].tolist())


routes = [Route("/predict", predict, methods=["POST"]), Route("/metrics", metrics.asgi)]
app = Middleware(Starlette(routes=routes), observer=observer, exclude=["/metrics"])

if __name__ == "__main__":
    with observer:
        uvicorn.run(app, host="127.0.0.1", port=8000)

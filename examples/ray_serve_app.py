"""A model on Ray Serve: requests of each replica, and its confidence.

pip install 'inlay[query]' 'ray[serve]' scikit-learn
serve run examples.ray_serve_app:app
curl -d '[5.1, 3.5, 1.4, 0.2]' 127.0.0.1:8000
inlay query "select metric, attrs, count, mean from points where kind = 'histogram'" telemetry
"""

from pathlib import Path

import numpy as np
from ray import serve
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import inlay
from inlay.integrations.ray_serve import observed


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 0.5})
@observed(directory=Path("telemetry").absolute())
class Iris:
    def __init__(self):
        flowers = load_iris()
        self.names = flowers.target_names
        self.model = LogisticRegression(max_iter=500).fit(flowers.data, flowers.target)
        # The replica's observer: there before the class begins.
        observer = inlay.get_observer()
        self.confidence = observer.histogram("model.confidence", layer="model").bind()

    async def __call__(self, request):
        rows = np.atleast_2d(np.array(await request.json(), dtype=np.float64))
        probabilities = self.model.predict_proba(rows)
        self.confidence.record_many(probabilities.max(axis=1))
        return self.names[probabilities.argmax(axis=1)].tolist()


app = Iris.bind()

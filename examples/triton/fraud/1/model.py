"""A model of Triton's Python backend: its executions, its requests, and predictions by id.

tritonserver --model-repository examples/triton

Labels come later, from wherever the payments are settled: `Quality.labelled(ids, outcomes)` in this
process, or offline by `inlay label /telemetry labels.parquet`.
"""

import numpy as np
import triton_python_backend_utils as pb_utils

from inlay.integrations.triton import Predictions, observed


def quality(observer):
    return observer.quality("fraud", task="binary", attributes=("country",), log=True)


@observed(
    directory="/telemetry",
    predictions=Predictions(
        quality=quality, score="PROBABILITY", ids="PAYMENT", attributes={"country": "COUNTRY"}
    ),
)
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            amount = pb_utils.get_input_tensor_by_name(request, "AMOUNT").as_numpy()
            if np.isnan(amount).any():
                error = pb_utils.TritonError("amount is NaN", pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            probability = (1.0 / (1.0 + np.exp(4.0 - amount / 250.0))).astype(np.float32)
            tensor = pb_utils.Tensor("PROBABILITY", probability)
            responses.append(pb_utils.InferenceResponse([tensor]))
        return responses

"""What of `triton_python_backend_utils`, which Triton's Python backend publishes, is relied on.

The module exists only inside Triton's own process. These classes have the methods, arguments and
defaults that the backend's README describes and its stub registers (since 23.10; before 23.09 a
`TritonError` had no code).
"""

import types

import numpy as np

CODES = (
    "UNKNOWN",
    "INTERNAL",
    "NOT_FOUND",
    "INVALID_ARG",
    "UNAVAILABLE",
    "UNSUPPORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
)
FINAL = 1


class TritonError:
    def __init__(self, message, code=1):
        self._message, self._code = message, code

    def message(self):
        return self._message

    def code(self):
        return self._code


for number, name in enumerate(CODES):
    setattr(TritonError, name, number)


class OldTritonError:
    """As it was before 23.09."""

    def __init__(self, message):
        self._message = message

    def message(self):
        return self._message


class Tensor:
    def __init__(self, name, array, on_cpu=True):
        self._name, self._array, self._on_cpu = name, array, on_cpu

    def name(self):
        return self._name

    def as_numpy(self):
        if not self._on_cpu:
            message = "Tensor is stored in GPU and cannot be converted to NumPy."
            raise RuntimeError(message)
        return self._array

    def is_cpu(self):
        return self._on_cpu


class InferenceResponse:
    def __init__(self, output_tensors=(), error=None):
        self._tensors, self._error = list(output_tensors), error

    def output_tensors(self):
        return self._tensors

    def has_error(self):
        return self._error is not None

    def error(self):
        return self._error


class InferenceResponseSender:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, response=None, flags=0):
        if self.sent and self.sent[-1][1] & FINAL:
            message = "Unable to send response. Response sender has been closed."
            raise RuntimeError(message)
        self.sent.append((response, flags))

    def is_cancelled(self):
        return False


class InferenceRequest:
    def __init__(self, inputs=(), request_id=""):
        self._inputs, self._id, self.sender = list(inputs), request_id, InferenceResponseSender()

    def inputs(self):
        return self._inputs

    def request_id(self):
        return self._id

    def get_response_sender(self):
        return self.sender


def text(*values):
    """Return strings as Triton has them: bytes in an array of objects."""
    return np.array([value.encode() for value in values], dtype=object)


def get_input_tensor_by_name(request, name):
    for tensor in request.inputs():
        if tensor.name() == name:
            return tensor
    return None


def module():
    """Return a module with what it publishes."""
    made = types.ModuleType("triton_python_backend_utils")
    for published in (
        TritonError,
        Tensor,
        InferenceResponse,
        InferenceResponseSender,
        InferenceRequest,
        get_input_tensor_by_name,
    ):
        setattr(made, published.__name__, published)
    made.TRITONSERVER_RESPONSE_COMPLETE_FINAL = FINAL
    return made

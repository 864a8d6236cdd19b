"""The server of the demo: a classifier of handwritten digits that imports inlay.

This is how a server of one's own would look: instruments are made once, bound once, and record
where the numbers are. The requests themselves are the middleware's business.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import inlay
from inlay.demo.features import SCANNERS, SITES, features
from inlay.drift import CategoryJudge, DriftJudge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inlay.demo.device import Device
    from inlay.observer import Observer

__all__ = ["Classifier", "Image", "Images", "create_app"]

PIXELS = 64  # eight by eight
WHITE = 16.0  # the largest value of a pixel
# The images are those of a few people, others than the training's: small differences are real ones
# and of no interest here.
PANE_SECONDS, LEAST_EFFECT, LEAST_ROWS = 1.0, 0.15, 50
QUALITY, HORIZON_SECONDS, LEAST_LABELS = "digit", 600.0, 20


class Classifier:
    """Logistic regression on scikit-learn's bundled digits.

    Thread-safe once made: it is only read.

    Attributes
    ----------
    accuracy : float
        Share of the held-out images that it reads rightly.
    images : ndarray of float64, shape (n, 64)
        The held-out images, values from 0 to 16.
    labels : ndarray of int64, shape (n,)
        Which digits these are.
    reference : Profile
        What the model was fed in training: the features of those images, frozen.
    """

    def __init__(self) -> None:
        digits = load_digits()
        train, self.images, train_labels, self.labels = train_test_split(
            digits.data, digits.target, test_size=0.25, random_state=0
        )
        self._model = LogisticRegression(max_iter=200).fit(train / WHITE, train_labels)
        self.accuracy = float(self._model.score(self.images / WHITE, self.labels))
        scanners = [SCANNERS[number % len(SCANNERS)] for number in range(len(train))]
        self.reference = inlay.Profile.of(features(train, scanners), reference=True)

    def predict(self, images: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read digits.

        Parameters
        ----------
        images : ndarray of float64, shape (n, 64)
            Pixels from 0 to 16.

        Returns
        -------
        digits : ndarray of int64, shape (n,)
            The digits.
        confidences : ndarray of float64, shape (n,)
            Their probabilities.
        """
        probabilities = self._model.predict_proba(images / WHITE)
        return probabilities.argmax(axis=1), probabilities.max(axis=1)


class Image(BaseModel):
    """One image to read, and where it comes from."""

    pixels: list[float] = Field(min_length=PIXELS, max_length=PIXELS)
    scanner: str = Field(default=SCANNERS[0], max_length=100)
    site: str = Field(default=SITES[0], max_length=100)


class Label(BaseModel):
    """What a digit turned out to be, and the id of the answer that read it."""

    id: str = Field(min_length=1, max_length=100)
    digit: int = Field(ge=0, le=9)


class Labels(BaseModel):
    """Several labels, however late."""

    labels: list[Label] = Field(min_length=1, max_length=10_000)


class Images(BaseModel):
    """Several images to read."""

    images: list[Image] = Field(min_length=1, max_length=256)


def create_app(model: Classifier, observer: Observer, device: Device | None = None) -> FastAPI:
    """Make the server.

    Parameters
    ----------
    model : Classifier
        What answers.
    observer : Observer
        Where what the model sees and says is recorded.
    device : Device, optional
        What it computes on.

    Returns
    -------
    FastAPI
        The application.
    """
    confidence = observer.histogram(
        "model.confidence", unit="1", description="Probability of the answer.", layer="model"
    ).bind()
    predictions = observer.counter(
        "model.predictions", unit="{image}", attributes=("digit",), layer="model"
    )
    count_digit = [predictions.bind(digit=digit).add for digit in range(10)]
    pixel = observer.histogram(
        "data.pixel", unit="1", description="Pixels of the images, 0 to 16.", layer="data"
    ).bind()
    ink = observer.histogram(
        "data.ink", unit="1", description="Mean pixel of an image.", layer="data"
    ).bind()

    watch = observer.watch(
        "images",
        model.reference,
        every=PANE_SECONDS,
        judges=[
            DriftJudge(threshold=LEAST_EFFECT, min_rows=LEAST_ROWS),
            CategoryJudge(min_rows=LEAST_ROWS),
        ],
    )

    # What was said waits for what is true: people look at some of the images, later.
    quality = observer.quality(
        QUALITY,
        task="multiclass",
        kind="label",
        classes=10,
        attributes=("site",),
        every=PANE_SECONDS,
        horizon=HORIZON_SECONDS,
        min_n=LEAST_LABELS,
    )

    def read(images: list[Image]) -> list[dict[str, Any]]:
        rows = np.array([image.pixels for image in images])
        if device is not None:
            device.compute(len(images))
        digits, confidences = model.predict(rows)
        ids = [uuid.uuid4().hex for _ in images]
        quality.predicted(ids, digits, site=[image.site for image in images])
        watch.update(features(rows, [image.scanner for image in images]))
        # Whole arrays at once: the values never become Python objects.
        pixel.record_many(rows.ravel())
        ink.record_many(rows.mean(axis=1))
        confidence.record_many(confidences)
        for digit in digits:
            count_digit[digit](1)
        return [
            {"id": name, "digit": int(digit), "confidence": float(value)}
            for name, digit, value in zip(ids, digits, confidences, strict=True)
        ]

    app = FastAPI(title="digits")

    @app.get("/health")
    async def health() -> dict[str, float]:
        return {"accuracy": model.accuracy}

    @app.post("/predict")
    async def predict(image: Image) -> dict[str, Any]:
        return read([image])[0]

    @app.post("/predict/batch")
    async def predict_batch(batch: Images) -> list[dict[str, Any]]:
        return read(batch.images)

    @app.post("/predict/stream")
    async def predict_stream(batch: Images) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for image in batch.images:
                yield json.dumps(read([image])[0]) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    @app.post("/labels")
    async def labels(known: Labels) -> dict[str, int]:
        ids = [label.id for label in known.labels]
        return {"joined": quality.labelled(ids, [label.digit for label in known.labels])}

    @app.get("/images/{number}")
    async def image(number: int) -> Image:
        # A bug left in on purpose: beyond the last image this raises IndexError.
        return Image(pixels=model.images[number].tolist())

    return app

"""What follows from what was measured: health, and advice to retrain or to keep a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay._lazy import loader

if TYPE_CHECKING:
    from inlay.alert.health import Health, HealthPolicy, Reason
    from inlay.alert.trigger import Firing, Trigger, When
    from inlay.alert.webhook import Webhook, WebhookError

__all__ = [
    "Firing",
    "Health",
    "HealthPolicy",
    "Reason",
    "Trigger",
    "Webhook",
    "WebhookError",
    "When",
]

_HOMES = {
    "Firing": "inlay.alert.trigger",
    "Health": "inlay.alert.health",
    "HealthPolicy": "inlay.alert.health",
    "Reason": "inlay.alert.health",
    "Trigger": "inlay.alert.trigger",
    "Webhook": "inlay.alert.webhook",
    "WebhookError": "inlay.alert.webhook",
    "When": "inlay.alert.trigger",
}

__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)

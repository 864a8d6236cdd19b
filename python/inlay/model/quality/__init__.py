"""How well a model does, per segment and pane of prediction time, while labels still come."""

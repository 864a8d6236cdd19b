"""What a generative model does for its requests, as an observer counts it."""

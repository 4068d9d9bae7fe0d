"""What a controller tells over HTTP: health, metrics, status and events; and the webhooks that it hears."""

"""A controller as a service: its systemd unit, what systemd hears of it, and what is served around it."""

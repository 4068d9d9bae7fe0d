"""The resident controller: it keeps what a branch says and what the hosts show equal, until it is told to stop."""

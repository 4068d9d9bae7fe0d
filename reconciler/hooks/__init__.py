"""Deploying by `git push`: what Git's hooks do, how they are put into a repository, and the worker that they start."""

"""A private cloud in a Git repository.

A commit of manifests is compared with what the hypervisors show, and the smallest change that closes the
difference is planned and applied through drivers. `docs/architecture.md` shows the pipeline.
"""

__version__ = "0.1.0"

"""The controller's socket: hooks and commands ask there, and are told who they are by the kernel."""

"""The kinds of objects, one module each: how one is observed, brought to what is wanted, and deleted."""

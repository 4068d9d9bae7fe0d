"""One module per kind: observe what is there, ensure what is wanted, delete."""

"""What people and programs see: values in, lines or JSON out. Nothing here reads or changes anything."""

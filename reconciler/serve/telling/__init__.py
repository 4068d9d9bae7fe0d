"""What a controller says of itself: its journal and its status, and what people see of both."""

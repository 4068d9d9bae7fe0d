"""What things cost: measured against a floor of the same run, never against a clock of another machine."""

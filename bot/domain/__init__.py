"""Domain: values and decisions, without a clock, input or output."""

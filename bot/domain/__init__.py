"""What is true: values and decisions without a clock, input or output."""

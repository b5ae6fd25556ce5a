"""Publishers: one way out each."""

"""`paperboy replay`: the whole system against fake services on a virtual clock."""

"""Pipeline: order and transactions; the world is reached only through the ports."""

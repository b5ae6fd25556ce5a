"""Who meets whom: settings, wiring, the long-running service and the command line."""

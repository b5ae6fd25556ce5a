"""The application: configuration, composition root, the service and the command line."""

"""Pages: values made ready for the templates, which escape every text."""

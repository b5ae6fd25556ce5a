"""The two YAML files: read with places, checked, described for editors, and written anew for a beginner."""

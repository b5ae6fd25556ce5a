"""Index of many queries, in arrays: gives exactly the matches of the plain evaluation."""

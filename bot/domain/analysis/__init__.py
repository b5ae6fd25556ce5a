"""Looking back over stored papers: what a query would have brought, missed, or could say better."""

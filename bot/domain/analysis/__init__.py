"""Analysis of stored papers: previews of queries, better spellings, exclusions, findings, similar papers and trends."""

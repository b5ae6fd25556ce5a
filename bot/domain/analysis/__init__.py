"""Analysis of stored papers: previews of queries, better spellings, findings, similar papers and trends."""

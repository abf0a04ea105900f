"""The data sets: where their bytes come from, and the IDX format that they are kept in."""
